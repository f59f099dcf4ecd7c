"""The journal: what is in it is on disk, in one place at a time, and found by the next process, whatever happens."""

from __future__ import annotations

import contextlib
import errno
import gc
import json
import os
import re
import sqlite3
import subprocess
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from pathlib import Path

import hypothesis.strategies as st
import pytest
from hypothesis import given
from recording_server import RecordingServer
from spool_fixtures import (
    MIB,
    PATIENCE,
    die,
    entries,
    file_rows,
    is_balanced,
    journal_records,
    look_for_nothing,
    move_all,
    rows,
    spool,
    stand_still,
    start_worker,
    take_all,
    wait_until,
)

from helicone_logging.diagnostics import Diagnostics
from helicone_logging.queues import BoundedQueue
from helicone_logging.spool import Spool, moving
from helicone_logging.spool import journal as spool_journal
from helicone_logging.spool.file import SpoolFile
from helicone_logging.spool.journal import Journal
from helicone_logging.spool.leftovers import leftovers
from helicone_logging.spool.segment import Segment, departure, owner, parse

IDS = st.integers(1, 2**63 - 1)
TEXT = st.text(min_size=1).map(str.encode)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "spool.db"


def journals(path: Path) -> list[Path]:
    return sorted(path.parent.glob("*.journal-*"))


def written(records: dict[int, bytes]) -> bytes:
    """What a journal holds of some records."""
    return b"{}\n" + b"".join(b"\xff%d %d\n%b" % (record, len(entry), entry) for record, entry in records.items())


def failing(error: int) -> Callable[..., int]:
    def fail(*_: object) -> int:
        raise OSError(error, os.strerror(error))

    return fail


# What is written


@given(st.dictionaries(IDS, TEXT), st.data())
def test_what_was_written_and_has_not_left_is_read(records: dict[int, bytes], data: st.DataObject) -> None:
    gone = data.draw(st.sets(st.sampled_from(sorted(records)))) if records else set()
    content = written(records) + departure(gone)
    assert parse(content) == ({record: entry for record, entry in records.items() if record not in gone}, 0)


@given(st.dictionaries(IDS, TEXT, min_size=1), st.data())
def test_a_last_record_that_was_not_written_out_is_passed_over(records: dict[int, bytes], data: st.DataObject) -> None:
    *whole, _ = records
    before = len(written({record: records[record] for record in whole}))
    content = written(records)
    cut = data.draw(st.integers(before, len(content) - 1))
    assert parse(content[:cut]) == ({record: records[record] for record in whole}, 0)


@given(st.dictionaries(IDS, TEXT, min_size=3, max_size=20), st.data())
def test_damage_costs_the_records_it_hits_and_no_other(records: dict[int, bytes], data: st.DataObject) -> None:
    content = bytearray(written(records))
    place = data.draw(st.integers(3, len(content) - 1))
    content[place] = data.draw(st.integers(0, 255))
    found, damaged = parse(bytes(content))
    lost = [entry for entry in records.values() if entry not in found.values()]
    assert len(lost) <= 2  # two if the byte between them is hit
    assert damaged <= 3


def test_a_record_of_which_only_a_part_was_written_is_no_damage_if_that_was_noticed() -> None:
    assert parse(b"{}\n\xff5 10\nabc\xff6 1\nx\xff5 0\n\xff7 1\ny") == ({6: b"x", 7: b"y"}, 0)
    assert parse(b"{}\n\xff5 10\nabc\xff6 1\nx") == ({6: b"x"}, 1)


@given(st.binary())
def test_whatever_is_in_a_file_is_read_without_an_error(content: bytes) -> None:
    found, damaged = parse(content)
    assert len(found) + damaged <= content.count(b"\xff")
    assert owner(content) is None or content.startswith(b"{")


@pytest.mark.parametrize("head", ['"pid": 1e999', '"pid": "x"', '"pid": []', '"pid": {}'])
def test_whoever_is_named_as_the_owner_is_read_without_an_error(head: str) -> None:
    assert owner(f'{{"version": 1, "host": "h", "started": "1", {head}}}\n'.encode()) is None


# What is where


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


# Processes


def test_while_the_file_is_locked_a_process_that_is_killed_loses_nothing(path: Path) -> None:
    with RecordingServer() as server:
        queue = spool(path)
        queue.put(b"1")
        queue.delivered(take_all(queue))
        queue.close()
        worker = start_worker(path, "http://127.0.0.1:9", "w", 100, "wait")
        assert worker.stdout is not None
        logged = [worker.stdout.readline().strip() for _ in range(20)]
        with contextlib.closing(sqlite3.connect(path, isolation_level=None, timeout=PATIENCE)) as connection:
            connection.execute("BEGIN EXCLUSIVE")
            logged += [worker.stdout.readline().strip() for _ in range(80)]
            worker.kill()
            worker.communicate(timeout=PATIENCE)
            connection.execute("ROLLBACK")
        sender = start_worker(path, server.url, "next", 1)
        _, errors = sender.communicate(timeout=PATIENCE)
        assert sender.returncode == 0, errors
        assert sorted(server.names()) == sorted([*logged, "next-0"])
    assert rows(path) == []
    assert journals(path) == []


def test_what_a_process_left_in_its_journal_is_found_once(path: Path) -> None:
    dead = spool(path)
    for number in range(10):
        dead.put(b"%d" % number)
    dead.delivered(dead.take(3, MIB))
    die(dead)
    assert len(journal_records(path)) == 7
    queues = [spool(path) for _ in range(2)]
    found = [entries(take_all(queue)) for queue in queues]
    assert sorted(found) == [[], [b"%d" % number for number in range(3, 10)]]
    assert sum(queue.account().recovered for queue in queues) == 7
    assert journals(path) == []
    for queue in queues:
        assert is_balanced(queue.account())
        queue.close()


def test_more_than_a_statement_takes_is_found(path: Path) -> None:
    dead = spool(path, max_bytes=100 * MIB)
    for number in range(1000):
        dead.put(b"%d" % number)
    die(dead)
    queue = spool(path)
    assert entries(take_all(queue)) == [b"%d" % number for number in range(1000)]
    queue.close()


def test_what_is_in_a_journal_that_cannot_be_removed_is_not_sent_before_it_can(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Or it would be taken in once more afterwards."""
    dead = spool(path)
    dead.put(b"1")
    dead.put(b"2")
    die(dead)
    queue = spool(path)
    with monkeypatch.context() as patched:
        patched.setattr(Path, "unlink", failing(errno.EIO))
        assert take_all(queue) == []
        assert len(file_rows(path)) == 2
        stand_still(queue)
        queue._rounds.looked_at = 0.0
        queue.upkeep()
        assert take_all(queue) == []
    queue._rounds.looked_at = 0.0
    queue.upkeep()
    assert journals(path) == []
    assert entries(take_all(queue)) == [b"1", b"2"]
    assert queue.account().recovered == 2
    queue.close()


def test_what_a_living_process_has_in_its_journal_is_left_alone(path: Path) -> None:
    first, second = spool(path), spool(path)
    first.put(b"1")
    second.put(b"2")
    assert entries(take_all(second)) == [b"2"]
    assert entries(take_all(first)) == [b"1"]
    first.close()
    second.close()


@pytest.mark.parametrize("is_readable", [True, False])
def test_a_journal_of_another_host_is_waited_for(path: Path, *, is_readable: bool) -> None:
    """Nobody can tell from here whether its process lives; what shows that is renewed every few seconds."""
    dead = spool(path)
    dead.put(b"1")
    die(dead)
    (journal,) = journals(path)
    head = {"version": 1, "host": "elsewhere", "pid": 1, "started": "1"} if is_readable else {"version": 99}
    journal.write_bytes(json.dumps(head).encode() + b"\n" + departure(()) + b"\xff7 1\n1")
    queue = spool(path)
    queue.put(b"2")
    assert entries(take_all(queue)) == [b"2"]
    stand_still(queue)
    os.utime(journal, (0, time.time() - 61))
    queue._rounds.looked_at = 0.0
    queue.upkeep()
    assert entries(take_all(queue)) == [b"1"]
    queue.close()


def test_a_journal_in_use_shows_that_its_process_lives(path: Path) -> None:
    queue = spool(path)
    queue.put(b"1")
    stand_still(queue)
    (journal,) = journals(path)
    os.utime(journal, (0, 0))
    queue.upkeep()
    assert journal.stat().st_mtime > time.time() - 30
    queue.put(b"2")
    assert journals(path) == [journal]
    queue.close()


@pytest.mark.parametrize(
    "replacement", [b"7 8\nsec\n", b"9" * 30 + b" 8\nsecret-2", b"-7 8\nsecret-2", b"7 9\nsecret-2", b"0 8\nsecret-2"]
)
def test_damaged_records_are_told_and_set_aside_and_the_others_found(
    path: Path, capsys: pytest.CaptureFixture[str], replacement: bytes
) -> None:
    dead = spool(path)
    for number in range(5):
        dead.put(b"secret-%d" % number)
    die(dead)
    (journal,) = journals(path)
    content = re.sub(rb"\d+ 8\nsecret-2", replacement, journal.read_bytes())
    journal.write_bytes(content)
    queue = spool(path)
    assert entries(take_all(queue)) == [b"secret-%d" % number for number in (0, 1, 3, 4)]
    queue.close()
    (aside,) = path.parent.glob("*.unusable-*")
    assert aside.read_bytes() == content
    told = capsys.readouterr().err
    assert f"1 records of a process that is gone cannot be read; they were set aside as {aside}" in told
    assert "secret" not in told


# Trouble


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


def test_a_file_that_stays_locked_at_the_end_leaves_what_is_in_the_journal_to_the_next_process(
    path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("helicone_logging.spool.queue._LAST_PATIENCE", 0.0)
    queue = spool(path)
    queue.put(b"1")
    queue.put(b"2")
    stand_still(queue)
    with contextlib.closing(sqlite3.connect(path, isolation_level=None, timeout=PATIENCE)) as connection:
        connection.execute("BEGIN EXCLUSIVE")
        assert queue.drop_waiting() == 0
        queue.close()
        connection.execute("ROLLBACK")
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


def test_what_was_dropped_is_not_kept_in_the_journal(path: Path) -> None:
    """Neither would it be right that the next process sends it, nor that it takes room."""
    memory = BoundedQueue(10, MIB, "drop_oldest", 1.0)
    queue = Spool(str(path), 1000, "drop_oldest", memory, Diagnostics())
    queue.put(b"0" * 10)
    stand_still(queue)
    with contextlib.closing(sqlite3.connect(path, isolation_level=None, timeout=PATIENCE)) as connection:
        connection.execute("BEGIN EXCLUSIVE")
        assert sum(queue.put(b"%d" % number * 10) for number in range(1, 40)) == 30
        connection.execute("ROLLBACK")
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
    for _ in range(100):
        queue.put(b"x" * 100)
    stand_still(queue)
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
    assert len(rows(path)) == 20
    assert journals(path) == []


# Signal handlers that log in the midst of something, while another thread does something


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


def test_two_processes_that_make_the_file_at_once_take_it_for_what_it_is(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    value = SpoolFile._value
    others: list[SpoolFile] = []

    def meanwhile(self: SpoolFile, sql: str, values: Sequence[object] = ()) -> object:
        found = value(self, sql, values)
        if not others and "user_version" in sql:
            others.append(self)  # those that are made by the next line are not in its way
            others.append(SpoolFile(str(path)))
        return found

    monkeypatch.setattr(SpoolFile, "_value", meanwhile)
    queue = spool(path)
    queue.put(b"1")
    assert list(path.parent.glob("*.unusable-*")) == []
    assert [row[2] for row in rows(path)] == [b"1"]
    others[1].close()
    queue.close()


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


def test_a_record_in_two_journals_of_a_process_that_was_killed_is_sent_once(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It was killed while it wrote the record again, and its journals are not taken in by the same process."""
    dead = spool(path)
    dead.put(b"1")
    die(dead)
    (first,) = journals(path)
    second = first.with_name(first.name + "1")
    second.write_bytes(first.read_bytes())
    heir, other = spool(path), spool(path)
    read = Path.read_bytes
    for queue in (heir, other):
        queue._disk.use()
    with monkeypatch.context() as patched:
        patched.setattr(Path, "read_bytes", lambda self: read(self) if self != second else failing(errno.EIO)())
        heir.upkeep()
        assert not first.exists()
        assert heir.account().recovered == 0
    found = [entries(take_all(queue)) for queue in (other, heir)]
    assert sorted(found) == [[], [b"1"]]
    heir.close()
    other.close()
