"""The queue on disk is a queue: what goes in comes out once, in order, and the account adds up."""

from __future__ import annotations

import gc
import logging
import os
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from spool_fixtures import MIB, entries, is_balanced, names, rows, spool, take_all, wait_until

from helicone_logging import HeliconeHandler
from helicone_logging.spool import Spool
from helicone_logging.spool import queue as spool_queue

pytestmark = pytest.mark.usefixtures("way")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "queue" / "spool.db"


def test_no_file_is_made_before_the_first_record(path: Path) -> None:
    queue = spool(path)
    assert queue.due_in() is None
    assert queue.take(10, MIB) == []
    assert queue.account().queued == 0
    assert not path.parent.exists()
    queue.put(b"1")
    assert path.exists()
    queue.close()


def test_a_record_is_on_disk_before_put_returns(path: Path) -> None:
    queue = spool(path)
    for number in range(10):
        queue.put(b"%d" % number)
        assert [row[2] for row in rows(path)] == [b"%d" % n for n in range(number + 1)]
    queue.close()


def test_records_come_out_in_order_and_once(path: Path) -> None:
    queue = spool(path)
    for number in range(100):
        queue.put(b"%d" % number)
    first = queue.take(7, MIB)
    assert entries(first) == [b"%d" % number for number in range(7)]
    assert entries(take_all(queue)) == [b"%d" % number for number in range(7, 100)]
    queue.close()


def test_a_batch_has_no_more_bytes_than_allowed_unless_one_record_has(path: Path) -> None:
    queue = spool(path)
    for size in (10, 10, 50, 10):
        queue.put(b"x" * size)
    sizes = [[len(entry) for entry in entries(queue.take(10, 25))] for _ in range(4)]
    assert sizes == [[10, 10], [50], [10], []]
    queue.close()


def test_a_record_is_deleted_only_when_it_was_delivered_or_refused(path: Path) -> None:
    queue = spool(path)
    for number in range(4):
        queue.put(b"%d" % number)
    delivered, rejected, again, back = queue.take(10, MIB)
    assert len(rows(path)) == 4
    queue.delivered([delivered])
    queue.rejected([rejected])
    queue.retry([again], 1000.0)
    queue.give_back([back])
    assert [row[2] for row in rows(path)] == [b"2", b"3"]
    account = queue.account()
    assert (account.emitted, account.delivered, account.rejected, account.queued) == (4, 1, 1, 2)
    queue.close()


def test_records_given_back_are_next_and_keep_their_order(path: Path) -> None:
    queue = spool(path)
    for number in range(4):
        queue.put(b"%d" % number)
    queue.give_back(queue.take(2, MIB))
    assert queue.ready_count == 4
    assert entries(take_all(queue)) == [b"0", b"1", b"2", b"3"]
    queue.close()


def test_records_to_be_retried_are_due_later_with_one_attempt_more(path: Path) -> None:
    queue = spool(path)
    queue.put(b"1")
    queue.retry(queue.take(1, MIB), 1000.0)
    assert 900 < (queue.due_in() or 0) <= 1000
    assert queue.take(1, MIB) == []
    queue.hurry()
    (item,) = queue.take(1, MIB)
    assert (item.entry, item.attempts) == (b"1", 1)
    queue.close()


def test_flush_waits_for_what_came_before_it_and_nothing_else(path: Path) -> None:
    queue = spool(path)
    queue.put(b"1")
    first = queue.mark()
    queue.put(b"2")
    second = queue.mark()
    items = queue.take(10, MIB)
    wait_until(lambda: not queue._is_looking())
    assert not queue.is_done(first)
    queue.delivered(items[:1])
    assert queue.is_done(first)
    assert not queue.is_done(second)
    queue.retry(items[1:], 1000.0)
    assert not queue.is_done(second)
    queue.close()


def test_a_backlog_takes_no_memory_by_the_record(path: Path) -> None:
    queue = spool(path, max_bytes=100 * MIB)
    for _ in range(2000):
        queue.put(b"x" * 100)
    waiting = queue._disk.waiting
    known = sum(len(part) for part in (waiting.fresh, waiting._front, waiting._delayed, waiting._lines))
    assert queue.ready_count == 2000
    assert known < 10
    queue.close()


def test_what_a_closed_queue_kept_is_found_by_the_next_one(path: Path) -> None:
    first = spool(path)
    for number in range(5):
        first.put(b"%d" % number)
    first.close()
    second = spool(path)
    assert entries(take_all(second)) == [b"0", b"1", b"2", b"3", b"4"]
    account = second.account()
    assert (account.emitted, account.recovered, account.queued) == (0, 5, 5)
    second.close()


def test_a_closed_queue_can_be_used_again(path: Path) -> None:
    queue = spool(path)
    queue.put(b"1")
    queue.put(b"2")
    queue.delivered(queue.take(1, MIB))
    queue.close()
    queue.close()
    assert queue.due_in() is None
    queue.put(b"3")
    items = take_all(queue)
    assert entries(items) == [b"2", b"3"]
    queue.delivered(items)
    account = queue.account()
    assert (account.emitted, account.delivered, account.recovered, account.queued) == (3, 3, 0, 0)
    queue.close()


def test_what_another_took_over_from_a_closed_queue_is_not_counted_twice(path: Path) -> None:
    first, second = spool(path), spool(path)
    first.put(b"1")
    first.close()
    assert entries(take_all(second)) == [b"1"]
    first.put(b"2")
    assert entries(take_all(first)) == [b"2"]
    assert is_balanced(first.account())
    assert (first.account().queued, second.account().recovered) == (1, 1)
    first.close()
    second.close()


def test_a_record_on_its_way_while_the_queue_is_closed_is_still_counted(path: Path) -> None:
    queue = spool(path)
    queue.put(b"1")
    items = queue.take(1, MIB)
    queue.close()
    other = spool(path)
    assert take_all(other) == []  # nobody sends it a second time meanwhile
    queue.delivered(items)
    assert rows(path) == []
    assert queue.account().delivered == 1
    assert queue._disk.file is None
    other.close()


def test_an_empty_queue_gives_the_disk_its_room_back(path: Path) -> None:
    queue = spool(path, max_bytes=100 * MIB)
    for _ in range(300):
        queue.put(b"secret" * 1000)
    queue.delivered(take_all(queue))
    queue.close()
    assert path.stat().st_size < 100_000
    assert b"secret" not in path.read_bytes()


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such modes")
def test_files_are_their_owners_only(path: Path, way: str) -> None:
    before = os.umask(0)
    try:
        queue = spool(path)
        queue.put(b"1")
    finally:
        os.umask(before)
    modes = {file.name.rstrip("0123456789"): file.stat().st_mode & 0o777 for file in path.parent.iterdir()}
    expected = {"spool.db": 0o600, "spool.db-wal": 0o600, "spool.db-shm": 0o600}
    assert modes == expected | ({"spool.db.journal-": 0o600} if way == "journal" else {})
    assert path.parent.stat().st_mode & 0o777 == 0o700
    queue.close()


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such modes")
def test_a_file_that_others_could_read_is_closed_to_them(path: Path) -> None:
    queue = spool(path)
    queue.put(b"1")
    queue.close()
    path.chmod(0o644)
    queue.put(b"2")
    assert path.stat().st_mode & 0o777 == 0o600
    queue.close()


def test_many_threads_are_counted_to_the_record(path: Path) -> None:
    queue = spool(path, max_bytes=100 * MIB)

    def log(name: int) -> None:
        for number in range(100):
            queue.put(b"%d-%d" % (name, number))

    threads = [threading.Thread(target=log, args=(name,)) for name in range(8)]
    for thread in threads:
        thread.start()
    found: list[bytes] = []
    while any(thread.is_alive() for thread in threads) or queue.account().queued:
        items = queue.take(50, MIB)
        found += entries(items)
        queue.delivered(items)
    for thread in threads:
        thread.join()
    assert sorted(found) == sorted(b"%d-%d" % (name, number) for name in range(8) for number in range(100))
    account = queue.account()
    assert (account.emitted, account.delivered, account.queued, account.queued_bytes) == (800, 800, 0, 0)
    queue.close()


def test_the_end_of_a_queue_waits_until_nothing_of_it_is_open(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The next queue on that file may set it aside, which goes wrong while somebody has it open."""
    is_over, begun, upkeep = [], threading.Event(), Spool.upkeep

    def slow(queue: Spool) -> float:
        begun.set()
        time.sleep(0.2)
        pause = upkeep(queue)
        is_over.append(True)
        return pause

    monkeypatch.setattr(Spool, "upkeep", slow)
    monkeypatch.setattr(spool_queue, "_LAST_PATIENCE", 60.0)
    queue = spool(path)
    queue.put(b"1")
    assert begun.wait(60)
    queue.close()
    assert is_over == [True]


def test_the_thread_that_looks_after_the_file_ends_with_the_queue(path: Path) -> None:
    queue = spool(path)
    queue.put(b"1")
    thread = queue._upkeep._thread
    assert thread is not None
    queue.close()
    thread.join(60)
    assert not thread.is_alive()

    queue.put(b"2")
    thread, upkeep = queue._upkeep._thread, queue._upkeep
    assert thread is not None
    queue._disk.close()
    del queue
    gc.collect()
    upkeep.wake()
    thread.join(60)
    assert not thread.is_alive()


def test_sqlite_is_loaded_only_for_a_queue_on_disk() -> None:
    code = "import helicone_logging, sys; helicone_logging.HeliconeHandler(endpoint='http://127.0.0.1:9');"
    subprocess.run([sys.executable, "-c", code + "assert 'sqlite3' not in sys.modules"], check=True, timeout=60)


def test_the_api_key_is_not_in_the_file(path: Path) -> None:
    handler = HeliconeHandler(
        endpoint="http://127.0.0.1:9", api_key="sk-helicone-secret-key", spool_path=path, shutdown_timeout=0
    )
    logger = logging.getLogger("spool.key")
    logger.addHandler(handler)
    logger.error("hello", extra={"trace_id": "t"})
    assert len(names(path)) == 1
    content = b"".join(file.read_bytes() for file in path.parent.iterdir() if not file.name.endswith("-shm"))
    handler.close()
    assert b"hello" in content
    assert b"secret-key" not in content
