"""Finalisers and signal handlers run in the midst of the queue's own work, in the thread that holds its lock."""

from __future__ import annotations

import inspect
import os
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from types import FrameType

import pytest
from collector import whenever_the_collector_runs
from encoded import Encoded
from spool_fixtures import (
    MIB,
    PATIENCE,
    abandon,
    entries,
    is_balanced,
    put_all,
    segments,
    send_all,
    spool,
    take_all,
    waiting,
)

from helicone_logging.core import clock
from helicone_logging.spool.segment import Record, Segment


def numbered(count: int) -> list[bytes]:
    return [b"%06d" % number for number in range(count)]


@pytest.mark.parametrize("memory_records", [8, 1000])
@pytest.mark.parametrize("overflow", ["drop_newest", "drop_oldest", "block"])
def test_records_that_finalisers_log_are_each_sent_once(path: Path, overflow: str, memory_records: int) -> None:
    queue = spool(path, memory_records=memory_records, overflow=overflow, block_timeout=0.0)
    sent: list[bytes] = []
    with whenever_the_collector_runs(lambda number: queue.put(Encoded(b"finaliser %d" % number))) as finalised:
        for number in range(300):
            queue.put(Encoded(b"%06d" % number))
            if number % 7 == 0:
                items = queue.take(5, MIB, deadline=0.0)
                sent += entries(items)
                queue.done(items)
            if number % 50 == 0:
                queue.requeue(queue.take(5, MIB, deadline=0.0))
                queue.tidy()
    assert len(finalised) > 100
    assert is_balanced(queue.stats())
    queue.tidy()
    sent += send_all(queue)
    dropped = queue.stats().dropped
    assert len(sent) == len(set(sent)) == 300 + len(finalised) - dropped
    assert dropped == 0 or memory_records == 8  # which have no room in so little memory, while nothing goes to disk
    assert (queue.stats().queued, queue.stats().queued_bytes) == (0, 0)
    queue.close(discard=True)
    assert segments(path) == []


def test_records_that_finalisers_log_while_a_queue_ends_are_sent_by_the_next(path: Path) -> None:
    queue = spool(path, memory_records=8)
    with whenever_the_collector_runs(lambda number: queue.put(Encoded(b"finaliser %d" % number))) as finalised:
        for number in range(100):
            put_all(queue, b"%06d" % number)
            queue.close(discard=True)
    assert len(finalised) > 100
    queue.close(discard=True)
    assert is_balanced(queue.stats())
    last = spool(path, is_drain=True)
    sent = send_all(last)
    assert len(sent) == len(set(sent)) == 100 + len(finalised) - queue.stats().dropped
    last.close(discard=True)


def test_a_queue_that_ends_in_the_midst_of_reading_back_leaves_everything_to_the_next(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As where a signal handler closes all handlers."""
    queue = spool(path, memory_records=8)
    put_all(queue, *numbered(30))
    first = take_all(queue)
    records = Segment.records

    def end_and_read(segment: Segment) -> list[object]:
        queue.close(discard=True)
        return list(records(segment))

    with monkeypatch.context() as patched:
        patched.setattr(Segment, "records", end_and_read)
        queue.done(first)
    stats = queue.stats()
    assert (stats.emitted, stats.delivered, stats.queued) == (len(first), len(first), 0)
    other = spool(path, is_drain=True)
    assert sorted(entries(first) + send_all(other)) == numbered(30)
    other.close(discard=True)
    put_all(queue, b"again")
    assert send_all(queue) == [b"again"]
    queue.close(discard=True)


def test_a_signal_handler_may_send_and_end_in_the_midst_of_a_write(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    queue = spool(path)
    put_all(queue, *numbered(3))
    write, sent = os.write, list[bytes]()

    def interrupted(descriptor: int, data: bytes) -> int:
        written = write(descriptor, data[:10])
        if not sent:
            sent.extend(send_all(queue))
            queue.close(discard=True)
        return written

    with monkeypatch.context() as patched:
        patched.setattr(os, "write", interrupted)
        put_all(queue, b"in the midst")
    assert sent == numbered(3)
    assert send_all(queue) == [b"in the midst"]
    assert waiting(path) == 0
    assert is_balanced(queue.stats())
    queue.close(discard=True)
    assert segments(path) == []


def test_a_record_that_goes_to_disk_while_it_is_encoded_is_sent_as_it_was_logged(path: Path) -> None:
    queue = spool(path)
    put_all(queue, b"other")

    class WrittenMeanwhile(Record):
        def __getattribute__(self, name: str) -> object:
            value = super().__getattribute__(name)
            if name == "data" and value is not None:
                self.segment, self.data = queue.segments[0], None  # by a thread that logs
            return value

    assert WrittenMeanwhile(4, b"this").encode() == b"this"
    queue.close(discard=True)


def test_a_signal_handler_may_flush_while_another_thread_reads_back(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The thread that reads back needs the lock that the interrupted one holds."""
    queue = spool(path, memory_records=8)
    put_all(queue, *numbered(20))
    first = take_all(queue)
    records, is_reading, may_go_on = Segment.records, threading.Event(), threading.Event()

    def read_slowly(segment: Segment) -> list[object]:
        is_reading.set()
        assert may_go_on.wait(PATIENCE)
        return list(records(segment))

    monkeypatch.setattr(Segment, "records", read_slowly)
    reader = threading.Thread(target=queue.done, args=(first,))
    reader.start()
    assert is_reading.wait(PATIENCE)
    with queue._lock:
        may_go_on.set()
        assert not queue.join(queue.checkpoint(), clock.monotonic())
        assert queue.take(5, MIB, deadline=0.0) == []
    reader.join(PATIENCE)
    assert not reader.is_alive()
    assert sorted(entries(first) + send_all(queue)) == numbered(20)
    queue.close(discard=True)


class Interrupted(BaseException):
    """What a signal handler raises."""


def is_interrupted(call: int, work: Callable[[], object]) -> bool:
    """Does something, with an exception as of a signal handler where so many functions have been entered."""
    calls = iter(range(1, call + 1))

    def enter(frame: FrameType, event: str, _argument: object) -> None:
        if event != "call" or frame.f_code.co_flags & inspect.CO_GENERATOR:  # Python 3.10 skips its `finally`
            return
        if next(calls, 0) == call:
            raise Interrupted

    sys.setprofile(enter)
    try:
        work()
    except Interrupted:
        return True
    finally:
        sys.setprofile(None)
    return False


def test_a_put_that_a_signal_handler_breaks_off_leaves_the_account_exact(path: Path) -> None:
    call, is_over = 1, False
    while not is_over:
        queue = spool(path, memory_records=4)
        put_all(queue, *numbered(3))  # so that the next one is not known one by one
        is_over = not is_interrupted(call, lambda queue=queue: queue.put(Encoded(b"last")))  # type: ignore[misc]
        assert is_balanced(queue.stats()), call
        queue.close(discard=True)
        call += 1
    assert call > 20


def test_a_take_that_a_signal_handler_breaks_off_loses_nothing(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    queue = spool(path)
    put_all(queue, *numbered(3))

    def interrupt(*_: object) -> bytes:
        raise Interrupted

    with monkeypatch.context() as patched:
        patched.setattr(Segment, "read", interrupt)
        with pytest.raises(Interrupted):
            queue.take(2, MIB, deadline=0.0)
    assert send_all(queue) == numbered(3)
    assert is_balanced(queue.stats())
    queue.close(discard=True)


def test_what_a_signal_handler_breaks_off_lets_no_worker_spin(path: Path) -> None:
    call, is_over = 1, False
    while not is_over:
        queue = spool(path, memory_records=4)
        put_all(queue, *numbered(9))
        items = take_all(queue)
        is_over = not is_interrupted(call, lambda queue=queue, items=items: queue.done(items))  # type: ignore[misc]
        worker = threading.Thread(target=take_all, args=(queue,), daemon=True)
        worker.start()
        worker.join(PATIENCE)
        assert not worker.is_alive(), call
        abandon(queue)
        call += 1
    assert call > 20
