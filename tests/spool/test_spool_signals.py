"""A signal handler may log or raise in the midst of anything: nobody hangs, and nothing is lost or counted twice."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from pathlib import Path

import pytest
from spool_fixtures import (
    MIB,
    PATIENCE,
    entries,
    is_balanced,
    journal_records,
    look_for_nothing,
    rows,
    spool,
    stand_still,
    take_all,
)

from helicone_logging.spool.journal import Journal
from helicone_logging.spool.segment import Segment


def test_a_signal_handler_that_logs_in_the_middle_of_a_write_loses_nothing(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    queue = spool(path)
    queue.put(b"0")
    write = Segment.write
    inner = iter([b"in the middle"])

    def interrupted(self: Segment, data: bytes) -> bool:
        for entry in inner:
            queue.put(entry)
        return write(self, data)

    monkeypatch.setattr(Segment, "write", interrupted)
    queue.put(b"1")
    assert sorted(journal_records(path).values()) == [b"0", b"1", b"in the middle"]
    assert sorted(entries(take_all(queue))) == [b"0", b"1", b"in the middle"]
    queue.close()


def test_a_signal_handler_that_raises_in_the_middle_of_a_write_leaves_the_journal_as_it_was(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    queue = spool(path)
    queue.put(b"0")

    def interrupted(*_: object) -> bool:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(Segment, "write", interrupted)
        with pytest.raises(KeyboardInterrupt):
            queue.put(b"1")
    journal: Journal = queue._at_hand.journal
    assert (journal.count, journal.size) == (1, 1)
    assert not queue.is_locked_here()
    queue.put(b"2")
    assert sorted(entries(take_all(queue))) == [b"0", b"2"]
    queue.close()


def in_the_midst(of: object, name: str, monkeypatch: pytest.MonkeyPatch, work: Callable[[], object]) -> None:
    """Has something done once, in the middle of a method, by the thread that calls it first."""
    method, todo = getattr(of, name), [work]

    def interrupted(*args: object, **kwargs: object) -> object:
        if todo and threading.current_thread() is threading.main_thread():
            todo.pop()()
        return method(*args, **kwargs)

    monkeypatch.setattr(of, name, interrupted)


def test_a_flush_beside_a_handler_that_logs_in_the_midst_of_put_hangs_nobody(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    queue = spool(path)
    queue.put(b"0")
    thread = threading.Thread(target=queue.mark)

    def work() -> None:
        assert queue._memory.is_locked_here()
        thread.start()
        thread.join(0.2)  # it waits for the lock that this thread has, whatever else it holds
        queue.put(b"from the handler")

    in_the_midst(queue._memory, "has_room", monkeypatch, work)
    queue.put(b"1")
    thread.join(PATIENCE)
    assert not thread.is_alive()
    assert sorted(entries(take_all(queue))) == [b"0", b"1", b"from the handler"]
    queue.close()


@pytest.mark.impatient
def test_a_put_beside_a_handler_that_logs_in_the_midst_of_a_flush_hangs_nobody(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    queue = spool(path, max_bytes=1000, overflow="drop_oldest")
    for _ in range(9):
        queue.put(b"x" * 100)
    thread = threading.Thread(target=queue.put, args=(b"y",))

    def work() -> None:
        with queue._memory.lock:
            thread.start()
            thread.join(0.2)
            queue.put(b"z" * 200)  # the oldest go for it

    work()
    thread.join(PATIENCE)
    assert not thread.is_alive()
    assert is_balanced(queue.account())
    assert queue._disk.used <= 1000
    queue.close()


def test_a_handler_that_logs_in_the_midst_of_waking_the_upkeep_hangs_nobody(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    queue = spool(path, memory_bytes=2000)
    queue.put(b"x" * 100)
    stand_still(queue)
    for _ in range(5):
        queue.put(b"x" * 100)
    queue._upkeep._is_woken = False
    event, calls = queue._upkeep._wake, []

    def set_once() -> None:
        calls.append(event)
        assert len(calls) == 1  # `Event.set` holds a lock that is not reentrant
        queue.put(b"from the handler")

    monkeypatch.setattr(event, "set", set_once)
    queue.put(b"1")
    assert calls
    assert len(rows(path)) == 8
    monkeypatch.undo()
    queue.close()


def test_an_exception_of_a_signal_handler_right_after_a_lock_was_taken_leaves_it_free(path: Path) -> None:
    queue = spool(path)
    look_for_nothing(queue)
    lock = queue._lock

    class Interrupted:
        def acquire(self, timeout: float) -> bool:
            assert lock.acquire(timeout=timeout)
            raise KeyboardInterrupt

        def release(self) -> None:
            lock.release()

    queue._lock = Interrupted()  # type: ignore[assignment]
    with pytest.raises(KeyboardInterrupt):
        queue.put(b"1")
    queue._lock = lock
    assert not queue.is_locked_here()
    queue.put(b"2")
    assert entries(take_all(queue)) == [b"2"]
    queue.close()


def test_a_handler_that_logs_while_records_leave_may_let_them_go_first(path: Path) -> None:
    queue = spool(path)
    for number in range(3):
        queue.put(b"%d" % number)
    journal = queue._at_hand.journal

    class Interrupted(deque[int]):
        def popleft(self) -> int:
            journal._leaving = deque(self)
            self.clear()
            journal.leave(())
            return super().popleft()

    items = queue.take(3, MIB)
    journal._leaving = Interrupted()
    queue.delivered(items)
    assert (journal.count, journal.size) == (0, 0)
    assert rows(path) == []
    queue.close()
