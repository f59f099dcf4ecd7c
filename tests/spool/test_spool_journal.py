"""What is in the journal is on disk, in one place at a time, whatever the disk does and however many threads log."""

from __future__ import annotations

import errno
import gc
import os
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from spool_fixtures import (
    MIB,
    PATIENCE,
    die,
    entries,
    failing,
    file_rows,
    is_balanced,
    journal_records,
    journals,
    locked,
    look_for_nothing,
    move_all,
    rows,
    spool,
    stand_still,
    take_all,
    wait_until,
)

from helicone_logging.delivery.diagnostics import Diagnostics
from helicone_logging.delivery.memory import BoundedQueue
from helicone_logging.spool import Spool, moving
from helicone_logging.spool import journal as spool_journal
from helicone_logging.spool.leftovers import leftovers
from helicone_logging.spool.segment import Segment, parse


def test_a_record_that_is_sent_soon_never_gets_into_the_file(path: Path) -> None:
    queue = spool(path)
    for number in range(100):
        queue.put(b"%d" % number)
        assert list(journal_records(path).values()) == [b"%d" % number]
        queue.delivered(queue.take(10, MIB))
        assert rows(path) == []
    assert queue._disk.written == 0
    assert (queue.account().emitted, queue.account().delivered) == (100, 100)
    queue.close()
    assert journals(path) == []


def test_what_has_left_is_not_kept_on_disk(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Prompts are private: what was sent is gone from a journal a few seconds later."""
    queue = spool(path)
    queue.put(b"private")
    stand_still(queue)
    queue.delivered(queue.take(1, MIB))
    queue.upkeep()
    assert journals(path) == []
    queue.put(b"next")
    assert list(journal_records(path).values()) == [b"next"]
    queue.close()


def test_a_file_goes_with_its_last_record(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(spool_journal, "SEGMENT_BYTES", 1000)
    queue = spool(path)
    for _ in range(50):
        queue.put(b"x" * 100)
    assert 5 <= len(journals(path)) <= 7
    first, *rest = queue.take(50, MIB)
    queue.delivered(rest)
    assert len(journals(path)) == 2
    queue.delivered([first])
    assert len(journals(path)) == 1
    queue.close()
    assert journals(path) == []


def test_a_few_old_records_do_not_keep_many_files(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(spool_journal, "SEGMENT_BYTES", 1000)
    queue = spool(path)
    queue.put(b"first")
    stand_still(queue)
    waiting = queue.take(1, MIB)
    for number in range(200):
        queue.put(b"%03d" % number + b"x" * 97)
        items = queue.take(10, MIB)
        if number % 10 == 0:
            queue.retry(items, 1000.0)
        else:
            queue.delivered(items)
    assert len(journals(path)) >= 20
    queue.upkeep()
    assert len(journals(path)) <= 5 + 3  # the last ones, and what the records of the others fill
    kept = {entry[:3] for entry in journal_records(path).values()}
    assert kept == {b"fir", *(b"%03d" % number for number in range(0, 200, 10))}
    queue.delivered(waiting)
    queue.hurry()
    queue.delivered(take_all(queue))
    assert rows(path) == []
    assert is_balanced(queue.account())
    queue.close()


def test_attempts_are_kept_on_the_way_into_the_file(path: Path) -> None:
    """Or a record that the server cannot take would be tried without end."""
    queue = spool(path)
    for number in range(4):
        queue.put(b"%d" % number)
    stand_still(queue)
    early, late = queue.take(2, MIB), queue.take(2, MIB)
    queue.retry(late, 0.0)
    move_all(queue)
    queue.retry(early, 0.0)
    move_all(queue)
    assert len(file_rows(path)) == 4
    assert {(item.entry, item.attempts) for item in take_all(queue)} == {(b"%d" % number, 1) for number in range(4)}
    queue.close()


def test_ids_that_another_process_took_are_passed_over(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two processes may log in the same nanosecond."""
    first, second = spool(path), spool(path)
    for queue in (first, second):
        queue.put(b"first")
        queue.delivered(take_all(queue))
        stand_still(queue)
    now = time.time_ns()
    monkeypatch.setattr(time, "time_ns", lambda: now)
    for queue, name in ((first, b"a"), (second, b"b")):
        for number in range(5):
            queue.put(b"%b%d" % (name, number))
    move_all(first)
    move_all(second)
    assert len(file_rows(path)) == 10
    assert entries(take_all(first)) == [b"a%d" % number for number in range(5)]
    assert entries(take_all(second)) == [b"b%d" % number for number in range(5)]
    first.close()
    second.close()


@pytest.mark.parametrize("error", [errno.ENOSPC, errno.EIO, errno.EDQUOT])
def test_a_disk_that_takes_no_more_leaves_no_half_of_a_record(
    path: Path, monkeypatch: pytest.MonkeyPatch, error: int
) -> None:
    queue = spool(path)
    queue.put(b"1")
    stand_still(queue)
    with monkeypatch.context() as patched:
        patched.setattr(os, "write", failing(error))
        queue.put(b"2")  # SQLite writes by other means
        assert [row[2] for row in file_rows(path)] == [b"2"]
    write = os.write
    with monkeypatch.context() as patched:
        queue._at_hand.journal._retry_at = 0.0
        queue._at_hand.journal.begin()
        queue.put(b"5")
        halves = iter([2])
        patched.setattr(os, "write", lambda file, data: write(file, data[: len(data) // next(halves, 1)]))
        queue.put(b"3")
    assert sorted(entry for _, _, entry in rows(path)) == [b"1", b"2", b"3", b"5"]
    assert [row[2] for row in file_rows(path)] == [b"2", b"3"]
    queue._at_hand.journal._retry_at = 0.0
    queue.put(b"4")
    assert b"4" in journal_records(path).values()
    assert sorted(entries(take_all(queue))) == [b"1", b"2", b"3", b"4", b"5"]
    assert is_balanced(queue.account())
    queue.close()


def test_a_disk_without_room_for_a_journal_is_asked_once_in_a_while(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tries = []
    monkeypatch.setattr(spool_journal, "Segment", lambda *made: tries.append(made) or failing(errno.ENOSPC)())
    queue = spool(path)
    for number in range(100):
        queue.put(b"%d" % number)
    assert 1 <= len(tries) < 50
    assert len(file_rows(path)) == 100
    queue.close()


@pytest.mark.parametrize("is_replaced", [False, True])
def test_a_journal_that_was_removed_costs_no_record(path: Path, *, is_replaced: bool) -> None:
    queue = spool(path)
    for number in range(5):
        queue.put(b"%d" % number)
    on_its_way = queue.take(2, MIB)
    stand_still(queue)
    (journal,) = journals(path)
    if is_replaced:
        copy = journal.with_name("copy")
        copy.write_bytes(journal.read_bytes())
        copy.replace(journal)
    else:
        journal.unlink()
    queue.upkeep()
    assert [row[2] for row in file_rows(path)] == [b"2", b"3", b"4"]
    queue.put(b"5")
    queue.delivered(on_its_way)
    assert entries(take_all(queue)) == [b"2", b"3", b"4", b"5"]
    assert is_balanced(queue.account())
    queue.close()


@pytest.mark.impatient
def test_a_file_that_stays_locked_at_the_end_leaves_what_is_in_the_journal_to_the_next_process(
    path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("helicone_logging.spool.queue._LAST_PATIENCE", 0.0)
    queue = spool(path)
    queue.put(b"1")
    queue.put(b"2")
    stand_still(queue)
    with locked(path):
        assert queue.drop_waiting() == 0
        queue.close()
    assert queue.account().dropped == 0
    assert f"2 records stay in {path} for the next process" in capsys.readouterr().err
    assert list(journal_records(path).values()) == [b"1", b"2"]
    die(queue)
    after = spool(path)
    assert entries(take_all(after)) == [b"1", b"2"]
    after.close()


def test_what_comes_after_the_end_goes_on_its_way_though_something_was_being_sent(path: Path) -> None:
    queue = spool(path)
    queue.put(b"1")
    items = queue.take(1, MIB)
    queue.close()
    assert list(journal_records(path).values()) == [b"1"]
    queue.put(b"2")
    queue.delivered(items)
    assert entries(take_all(queue)) == [b"2"]
    queue.close()
    assert [row[2] for row in rows(path)] == [b"2"]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system does not fork")
def test_a_child_leaves_the_journal_of_its_parent_alone(path: Path) -> None:
    queue = spool(path)
    queue.put(b"parent")
    (journal,) = journals(path)
    before = journal.read_bytes()
    child = os.fork()
    if child == 0:
        queue.after_fork_in_child()
        queue.put(b"child")
        is_right = len(journals(path)) == 2 and journal.read_bytes() == before
        queue.delivered(queue.take(1, MIB))
        os._exit(not is_right)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    queue.put(b"after")
    assert list(parse(journal.read_bytes())[0].values()) == [b"parent", b"after"]
    queue.close()


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system does not fork")
def test_a_child_does_not_remove_a_journal_of_its_parent_that_is_empty(path: Path) -> None:
    queue = spool(path)
    queue.put(b"1")
    stand_still(queue)
    queue.delivered(take_all(queue))
    assert len(journals(path)) == 1
    child = os.fork()
    if child == 0:
        queue.after_fork_in_child()
        gc.collect()
        os._exit(len(journals(path)) != 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    queue.put(b"2")
    assert list(journal_records(path).values()) == [b"2"]
    queue.close()


def test_nobody_waits_for_a_thread_whose_write_hangs(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    queue = spool(path)
    queue.put(b"1")
    look_for_nothing(queue)
    write, goes_on, hangs = os.write, threading.Event(), threading.Event()

    def hang(file: int, data: bytes) -> int:
        if threading.current_thread() is thread:
            hangs.set()
            goes_on.wait(PATIENCE)
        return write(file, data)

    thread = threading.Thread(target=queue.put, args=(b"2",))
    monkeypatch.setattr(os, "write", hang)
    thread.start()
    hangs.wait(PATIENCE)
    for number in range(3, 10):
        queue.put(b"%d" % number)
    assert [row[2] for row in rows(path)] == [b"%d" % number for number in (1, *range(3, 10))]
    assert queue.account().queued == 8
    assert len(queue.take(10, MIB)) == 8
    assert not queue.is_done(queue.mark())
    goes_on.set()
    thread.join(PATIENCE)
    assert entries(take_all(queue)) == [b"2"]
    queue.close()


def test_records_that_are_being_written_are_not_taken_for_cleared(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One is in the file already, but not counted yet, and another one is not in the file yet."""
    queue = spool(path)
    queue.put(b"0")
    stand_still(queue)
    write, goes_on, arrived = os.write, threading.Event(), threading.Barrier(3)

    def stop_after_or_before(file: int, data: bytes) -> int:
        written = write(file, data) if threading.current_thread() is threads[0] else 0
        arrived.wait(PATIENCE)
        goes_on.wait(PATIENCE)
        return written or write(file, data)

    threads = [threading.Thread(target=queue.put, args=(b"%d" % number,)) for number in (1, 2)]
    with monkeypatch.context() as patched:
        patched.setattr(os, "write", stop_after_or_before)
        for thread in threads:
            thread.start()
        arrived.wait(PATIENCE)
        assert queue._at_hand.drop_cleared() == 0
        assert queue._at_hand.journal.count == 3
        goes_on.set()
        for thread in threads:
            thread.join(PATIENCE)
    assert queue._at_hand.drop_cleared() == 0
    assert sorted(journal_records(path).values()) == [b"0", b"1", b"2"]
    queue.close()


def test_of_two_threads_that_find_a_file_full_one_begins_the_next(path: Path) -> None:
    queue = spool(path)
    queue.put(b"1")
    stand_still(queue)
    journal = queue._at_hand.journal
    full = journal._active
    journal._follow(full)
    following = journal._active
    journal._follow(full)
    assert journal._active is following is not full
    assert len(journals(path)) == 2
    queue.close()


def test_room_for_others_is_given_back_by_what_leaves_the_journal(path: Path) -> None:
    first, second = spool(path, max_bytes=10_000), spool(path, max_bytes=10_000)
    for _ in range(100):
        first.put(b"x" * 100)
    assert file_rows(path) == []
    assert second.put(b"y" * 100) == 1
    first.delivered(first.take(100, MIB))
    assert second.put(b"y" * 100) == 0
    wait_until(lambda: rows(path) != [])
    first.close()
    second.close()


@pytest.mark.impatient
def test_what_was_dropped_is_not_kept_in_the_journal(path: Path) -> None:
    """Neither would it be right that the next process sends it, nor that it takes room."""
    memory = BoundedQueue(10, MIB, "drop_oldest", 1.0)
    queue = Spool(str(path), 1000, "drop_oldest", memory, Diagnostics())
    queue.put(b"0" * 10)
    stand_still(queue)
    with locked(path):
        assert sum(queue.put(b"%d" % number * 10) for number in range(1, 40)) == 30
    items = memory.take(100, MIB)
    assert len(items) == 10
    assert set(journal_records(path).values()) <= set(entries(items))
    queue._at_hand.leave(items, memory.delivered)
    assert rows(path) == []
    assert queue._disk.used == 0
    assert is_balanced(queue.account())
    queue.close()


def test_memory_that_fills_up_in_the_midst_takes_a_record_nowhere(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    queue = spool(path)
    queue.put(b"0")
    stand_still(queue)
    with monkeypatch.context() as patched:
        patched.setattr(BoundedQueue, "has_room", lambda self, size: False)
        queue.put(b"1")
    assert [row[2] for row in file_rows(path)] == [b"1"]
    assert list(journal_records(path).values()) == [b"0"]
    assert is_balanced(queue.account())
    queue.close()


def test_departures_that_could_not_be_written_are_written_later(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    queue = spool(path)
    for number in range(4):
        queue.put(b"%d" % number)
    stand_still(queue)
    with monkeypatch.context() as patched:
        patched.setattr(os, "write", failing(errno.ENOSPC))
        queue.delivered(queue.take(3, MIB))
    assert len(journal_records(path)) == 4
    queue.upkeep()
    assert list(journal_records(path).values()) == [b"3"]
    queue.close()


@pytest.mark.parametrize("error", [errno.EACCES, errno.EROFS, errno.EIO])
def test_a_journal_whose_time_cannot_be_set_is_used_all_the_same(
    path: Path, monkeypatch: pytest.MonkeyPatch, error: int
) -> None:
    queue = spool(path)
    queue.put(b"1")
    stand_still(queue)
    with monkeypatch.context() as patched:
        patched.setattr(os, "utime", failing(error))
        queue.upkeep()
    assert list(journal_records(path).values()) == [b"1"]
    assert file_rows(path) == []
    queue.close()


def test_what_another_process_has_cleared_is_not_moved_into_the_file(path: Path) -> None:
    queue = spool(path)
    for number in range(5):
        queue.put(b"%d" % number)
    stand_still(queue)
    (leftover,) = leftovers(str(path))
    assert leftover.clear() == 5
    queue.close()
    assert rows(path) == []
    assert queue.account().dropped == 5
    assert is_balanced(queue.account())


def test_clearing_a_journal_that_is_gone_makes_no_new_one(path: Path) -> None:
    queue = spool(path)
    queue.put(b"1")
    (leftover,) = leftovers(str(path))
    queue.delivered(queue.take(1, MIB))
    queue.close()
    assert leftover.clear() == 0
    assert journals(path) == []


def test_nothing_is_written_while_nothing_happens(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(spool_journal, "SEGMENT_BYTES", 1000)
    queue = spool(path, memory_bytes=25_000)
    queue.put(b"x" * 100)
    stand_still(queue)
    for _ in range(99):
        queue.put(b"x" * 100)
    queue.retry(queue.take(100, MIB), 1000.0)
    written: list[bytes] = []
    with monkeypatch.context() as patched:
        patched.setattr(os, "write", lambda file, data: written.append(data) or len(data))
        queue.upkeep()
    assert written == []
    assert queue._at_hand.is_much()
    assert not moving.is_due(queue._disk, queue._at_hand)  # or the upkeep would come without a pause
    queue.close()


def test_what_was_written_again_is_not_found_where_it_was_before(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The old file may stay for another record, and the process be killed after this one was delivered."""
    monkeypatch.setattr(spool_journal, "SEGMENT_BYTES", 1000)
    queue = spool(path)
    queue.put(b"%03d" % 0 + b"x" * 97)
    stand_still(queue)
    for number in range(1, 80):
        queue.put(b"%03d" % number + b"x" * 97)
    items = queue.take(80, MIB)
    kept = [item for index, item in enumerate(items) if index < 2 or index % 10 == 0]
    queue.delivered([item for item in items if item not in kept])
    assert len(journals(path)) > 5
    write, arrivals = os.write, iter(range(1))  # of the first record, in another file

    def full(file: int, data: bytes) -> int:
        is_allowed = data.endswith(b" 0\n") or next(arrivals, None) is not None
        return write(file, data) if is_allowed else failing(errno.ENOSPC)()

    with monkeypatch.context() as patched:
        patched.setattr(os, "write", full)
        queue._at_hand.journal._compact()
    queue.delivered(kept[:1])
    die(queue)
    after = spool(path)
    assert sorted(entries(take_all(after))) == sorted(entries(kept[1:]))
    after.close()


def test_an_explicit_close_with_a_backlog_ends_in_order(path: Path) -> None:
    code = """
import logging, sys
from helicone_logging import HeliconeHandler

handler = HeliconeHandler(endpoint="http://127.0.0.1:9", spool_path=sys.argv[1], shutdown_timeout=0)
logger = logging.getLogger("x")
logger.addHandler(handler)
for number in range(20):
    logger.error("%s", number, extra={"trace_id": "t"})
handler.close()
"""
    done = subprocess.run([sys.executable, "-c", code, str(path)], capture_output=True, text=True, timeout=PATIENCE)
    assert done.returncode == 0
    assert "Traceback" not in done.stderr
    again = spool(path)  # if one was on its way at the end, all are in the journal still
    assert len(take_all(again)) == 20
    again.close()
    assert len(rows(path)) == 20
    assert journals(path) == []


def test_a_queue_that_nobody_closes_leaves_no_journal_if_nothing_is_in_it(path: Path) -> None:
    """As that of a handler whose place another one has taken."""
    queue = spool(path)
    queue.put(b"1")
    stand_still(queue)
    queue.delivered(take_all(queue))
    queue._disk.close()
    assert len(journals(path)) == 1
    del queue
    gc.collect()
    assert journals(path) == []


def compactable(queue: Spool) -> list[bytes]:
    """Fills a journal with files of 1,000 bytes, in the oldest of which one record of eight is left, and returns it."""
    for number in range(80):
        queue.put(b"%03d" % number + b"x" * 97)
    items = queue.take(80, MIB)
    queue.delivered([item for index, item in enumerate(items) if index % 10])
    return [item.entry for item in items[::10]]


def test_a_file_that_is_written_to_again_stays_until_the_record_is_counted_in(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(spool_journal, "SEGMENT_BYTES", 1000)
    queue = spool(path)
    queue.put(b"0")
    stand_still(queue)
    queue.delivered(take_all(queue))
    left = compactable(queue)
    journal, write = queue._at_hand.journal, Segment.write

    def put_off(self: Segment, data: bytes) -> bool:
        is_written = write(self, data)
        journal._active = None
        journal._remove_idle()
        return is_written

    with monkeypatch.context() as patched:
        patched.setattr(Segment, "write", put_off)
        journal._compact()
    assert journal.count == 8
    assert journal.size == 800
    assert sorted(journal_records(path).values()) == left
    queue.close()


def test_nobody_looks_after_a_journal_twice_at_once(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two threads that write the same record again would each take the other's for a copy."""
    queue = spool(path)
    queue.put(b"1")
    stand_still(queue)
    journal, calls = queue._at_hand.journal, []

    def look_again() -> None:
        calls.append(journal)
        thread = threading.Thread(target=journal.look_after)
        thread.start()
        thread.join(PATIENCE)

    monkeypatch.setattr(journal, "_compact", look_again)
    journal.look_after()
    journal.look_after()
    assert len(calls) == 2
    queue.close()
