"""Files that somebody deletes while records wait in them, and files that nobody needs any more."""

from __future__ import annotations

import errno
import gc
import logging
import logging.config
import os
import shutil
import sys
from pathlib import Path

import pytest
from encoded import Encoded
from recording_server import RecordingServer
from spool_fixtures import (
    MIB,
    abandon,
    entries,
    failing,
    is_balanced,
    put_all,
    segments,
    send_all,
    spool,
    take_all,
    wait_until,
    waiting,
)

from helicone_logging.spool import segment as spool_segment
from helicone_logging.spool.segment import Segment

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="no open file can be deleted there")
in_memory_or_unread = pytest.mark.parametrize("memory_records", [4, 1000])
NUMBERS = [b"%d" % number for number in range(10)]


# Deleted by somebody


@in_memory_or_unread
@pytest.mark.parametrize("slice_bytes", [64, 256 * 1024])
def test_what_waits_in_a_directory_that_is_removed_is_written_anew_and_told(
    path: Path,
    memory_records: int,
    slice_bytes: int,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(spool_segment, "_SLICE", slice_bytes)
    queue = spool(path, memory_records=memory_records)
    put_all(queue, *NUMBERS)
    queue.done(queue.take(1, MIB, deadline=0.0))
    shutil.rmtree(path)
    put_all(queue, b"meanwhile")
    queue.tidy()
    assert waiting(path) == 10
    assert "was deleted; what waited in it was written anew" in capsys.readouterr().err
    put_all(queue, b"after")
    abandon(queue)
    following = spool(path, is_drain=True)
    assert sorted(send_all(following)) == sorted([*NUMBERS[1:], b"meanwhile", b"after"])
    assert following.stats().recovered == 11
    following.close(discard=True)
    assert segments(path) == []


@in_memory_or_unread
def test_what_waits_in_a_directory_that_is_removed_is_kept_for_the_next_process_at_the_end(
    path: Path, memory_records: int
) -> None:
    queue = spool(path, memory_records=memory_records)
    put_all(queue, *NUMBERS)
    items = queue.take(2, MIB, deadline=0.0)
    shutil.rmtree(path)
    queue.close()
    assert queue.close(discard=True) == 0
    assert queue.requeue(items) == 0
    assert queue.stats() == (0, 0, 0, 0, 0, 0, 0.0, 0)
    following = spool(path, is_drain=True)
    assert sorted(send_all(following)) == NUMBERS
    following.close(discard=True)


@in_memory_or_unread
def test_what_cannot_be_written_anew_is_sent_all_the_same(path: Path, memory_records: int) -> None:
    queue = spool(path, memory_records=memory_records)
    put_all(queue, *NUMBERS)
    shutil.rmtree(path)
    path.write_text("no directory")
    queue.tidy()
    put_all(queue, b"in memory")
    assert sorted(send_all(queue)) == sorted([*NUMBERS, b"in memory"])
    assert is_balanced(queue.stats())
    assert queue.close(discard=True) == 0


@in_memory_or_unread
def test_what_cannot_be_written_anew_is_counted_as_dropped_at_the_end_and_told(
    path: Path, memory_records: int, capsys: pytest.CaptureFixture[str]
) -> None:
    queue = spool(path, memory_records=memory_records)
    put_all(queue, *NUMBERS)
    items = queue.take(2, MIB, deadline=0.0)
    shutil.rmtree(path)
    path.write_text("no directory")
    assert queue.close(discard=True) == 8
    assert queue.requeue(items) == 2
    stats = queue.stats()
    assert (stats.emitted, stats.dropped, stats.queued) == (10, 10, 0)
    assert "was deleted, and not written anew" in capsys.readouterr().err
    assert queue.segments == []


def test_a_disk_that_is_full_when_a_directory_is_removed_is_tried_again(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    queue = spool(path)
    put_all(queue, *NUMBERS)
    shutil.rmtree(path)
    with monkeypatch.context() as patched:
        patched.setattr(os, "write", failing(OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))))
        queue.tidy()
    assert segments(path) == []
    put_all(queue, b"next")
    assert waiting(path) == 1
    queue.tidy()
    assert waiting(path) == 11
    assert send_all(queue) == [*NUMBERS, b"next"]
    queue.close(discard=True)


def test_what_is_logged_and_done_while_a_file_is_written_anew_is_in_it(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    queue = spool(path)
    put_all(queue, *NUMBERS)
    items = queue.take(3, MIB, deadline=0.0)
    shutil.rmtree(path)
    copy = Segment.copy

    def copy_and_work(segment: Segment, *args: object) -> Segment:
        copied = copy(segment, *args)
        put_all(queue, b"meanwhile")
        queue.done(items)
        return copied

    monkeypatch.setattr(Segment, "copy", copy_and_work)
    queue.tidy()
    abandon(queue)
    assert send_all(spool(path, is_drain=True)) == [*NUMBERS[3:], b"meanwhile"]


def test_who_reads_a_record_while_its_file_is_written_anew_gets_what_was_logged(
    path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    queue = spool(path)
    put_all(queue, *NUMBERS)
    path.rename(tmp_path / "moved")
    pread = os.pread

    def read_late(descriptor: int, length: int, offset: int) -> bytes:
        """As where the system has begun to read from the former file."""
        monkeypatch.setattr(os, "pread", pread)
        former = os.dup(descriptor)
        queue.tidy()
        try:
            return pread(former, length, offset)
        finally:
            os.close(former)

    monkeypatch.setattr(os, "pread", read_late)
    assert send_all(queue) == NUMBERS
    assert queue.stats().dropped == 0
    queue.close(discard=True)


def test_two_threads_that_see_a_directory_removed_write_its_records_once(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    queue = spool(path)
    put_all(queue, *NUMBERS)
    shutil.rmtree(path)
    copy = Segment.copy

    def copy_twice(segment: Segment, *args: object) -> Segment:
        copied = copy(segment, *args)
        with monkeypatch.context() as patched:
            patched.setattr(Segment, "copy", copy)
            queue.tidy()  # as another thread would
        return copied

    with monkeypatch.context() as patched:
        patched.setattr(Segment, "copy", copy_twice)
        queue.tidy()
    assert len(segments(path)) == 1
    assert waiting(path) == 10
    assert send_all(queue) == NUMBERS
    queue.close(discard=True)


def test_the_lock_of_a_file_that_was_written_anew_ends_with_its_owner_only(path: Path) -> None:
    queue = spool(path)
    put_all(queue, *NUMBERS)
    shutil.rmtree(path)
    queue.tidy()
    assert not os.get_inheritable(queue.segments[0]._descriptor)
    other = spool(path, is_drain=True)
    assert take_all(other) == []
    abandon(queue)
    other._maintenance.take_over_orphans()
    assert send_all(other) == NUMBERS
    other.close(discard=True)


def test_what_waits_in_a_directory_that_is_moved_is_not_sent_from_there_as_well(path: Path, tmp_path: Path) -> None:
    queue = spool(path)
    put_all(queue, *NUMBERS)
    path.rename(tmp_path / "moved")
    queue.tidy()
    moved = spool(tmp_path / "moved", is_drain=True)
    assert send_all(moved) == []
    assert send_all(queue) == NUMBERS
    queue.close(discard=True)


# Needed by nobody


def test_a_closed_queue_keeps_no_file_once_nothing_is_left(path: Path) -> None:
    queue = spool(path)
    put_all(queue, b"1", b"2")
    items = take_all(queue)
    queue.close()
    queue.done(items[:1])
    assert waiting(path) == 1
    queue.done(items[1:])
    assert (queue.segments, segments(path)) == ([], [])
    put_all(queue, b"3")
    assert send_all(queue) == [b"3"]
    queue.close()
    assert (queue.segments, segments(path)) == ([], [])


def test_a_segment_that_nothing_came_into_is_not_read_back(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    queue = spool(path, memory_records=4)
    put_all(queue, b"1", b"2")
    queue._begin_segment()
    assert queue._backlog
    queue.tidy()  # before a record comes
    assert send_all(queue) == [b"1", b"2"]
    assert (queue._backlog, segments(path)) == ({}, [])
    assert capsys.readouterr().err == ""
    queue.close(discard=True)


def test_a_queue_that_nobody_closed_leaves_its_records_to_the_next_when_it_is_forgotten(path: Path) -> None:
    queue = spool(path)
    queue.put(Encoded(b"1"))
    del queue
    gc.collect()
    following = spool(path, is_drain=True)
    assert entries(take_all(following)) == [b"1"]
    abandon(following)


def test_reloads_that_change_an_option_leave_no_files_behind(path: Path, server: RecordingServer) -> None:
    handler = {"class": "helicone_logging.HeliconeHandler", "endpoint": server.url, "spool_path": str(path)}
    logger = logging.getLogger("helicone_tests.reloaded")
    for number in range(8):
        logging.config.dictConfig(
            {
                "version": 1,
                "disable_existing_loggers": False,
                "handlers": {"helicone": {**handler, "api_key": f"sk-helicone-{number}"}},
                "loggers": {logger.name: {"handlers": ["helicone"], "level": "INFO", "propagate": False}},
            }
        )
        logger.info("%s", number, extra={"trace_id": "t"})
    wait_until(lambda: len(server.names()) == 8)
    wait_until(lambda: len(segments(path)) <= 1)  # that of the handler that is in use
    logger.handlers[0].close()
    assert segments(path) == []
