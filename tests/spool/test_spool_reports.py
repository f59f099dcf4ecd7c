"""Trouble with the disk: records are kept in memory meanwhile, and signal handlers and locks disturb nothing."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from encoded import Encoded
from spool_fixtures import (
    MIB,
    PATIENCE,
    abandon,
    calls_during,
    entries,
    failing,
    is_balanced,
    put_all,
    segments,
    send_all,
    spool,
    take_all,
    waiting,
)

from helicone_logging.spool import locks
from helicone_logging.spool import quota as spool_quota
from helicone_logging.spool.frames import OVERHEAD
from helicone_logging.spool.segment import Segment

FULL = OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EIO])
def test_what_the_disk_does_not_take_is_in_memory_and_goes_to_disk_with_the_next(
    path: Path, number: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    queue = spool(path)
    put_all(queue, b"1")
    with monkeypatch.context() as patched:
        patched.setattr(os, "write", failing(OSError(number, os.strerror(number))))
        put_all(queue, b"2", b"3")
    assert waiting(path) == 1
    assert queue.stats().queued == 3
    told = capsys.readouterr().err
    assert told.count("helicone_logging") == 1
    assert told.endswith(f"{os.strerror(number)}; records are kept in memory until it takes them\n")
    put_all(queue, b"4")
    assert waiting(path) == 4
    assert send_all(queue) == [b"1", b"2", b"3", b"4"]
    assert waiting(path) == 0
    assert is_balanced(queue.stats())
    queue.close(discard=True)


def test_what_is_in_memory_is_sent_once_where_no_file_can_be_made_for_it(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    queue, logged = spool(path, memory_records=40), [b"%02d" % number for number in range(31)]
    put_all(queue, *logged[:30])  # the last ten are not known one by one
    with monkeypatch.context() as patched:
        patched.setattr(os, "write", failing(FULL))
        put_all(queue, b"in memory")
    with monkeypatch.context() as patched:
        patched.setattr(Segment, "create", failing(OSError(errno.EMFILE, os.strerror(errno.EMFILE))))
        put_all(queue, logged[30])
    first = queue.take(15, MIB, deadline=0.0)
    queue.done(first)  # so few are left that the others are read back
    assert sorted(entries(first) + send_all(queue)) == [*logged, b"in memory"]
    assert is_balanced(queue.stats())
    queue.close(discard=True)


def test_a_directory_that_cannot_be_made_is_told_with_a_remedy(
    path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    queue = spool(path)
    with monkeypatch.context() as patched:
        patched.setattr(os, "mkdir", failing(PermissionError(errno.EACCES, os.strerror(errno.EACCES))))
        put_all(queue, b"1")
    (told,) = capsys.readouterr().err.splitlines()
    assert f"spool_path {path}: {os.strerror(errno.EACCES)}; records are kept in memory" in told
    assert told.endswith("; make it, or give it to the user that runs this")
    assert queue.stats().queued == 1
    queue.close(discard=True)


@pytest.mark.parametrize("can_cut", [True, False])
def test_a_disk_that_takes_a_part_leaves_no_half_of_a_record(
    path: Path, can_cut: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    queue = spool(path)
    put_all(queue, b"1")
    write, calls = os.write, []

    def partly(descriptor: int, data: bytes) -> int:
        calls.append(data)
        if len(calls) > 1:
            raise FULL
        return write(descriptor, data[:10])

    size = segments(path)[0].stat().st_size
    with monkeypatch.context() as patched:
        patched.setattr(os, "write", partly)
        if not can_cut:
            patched.setattr(os, "ftruncate", failing(FULL))
        put_all(queue, b"2")
    assert (segments(path)[0].stat().st_size == size) == can_cut
    put_all(queue, b"3")
    assert entries(take_all(queue)) == [b"1", b"2", b"3"]
    abandon(queue)
    assert send_all(spool(path, is_drain=True)) == [b"1", b"2", b"3"]


def test_upkeep_writes_what_is_in_memory_only_where_no_record_follows(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    queue = spool(path)
    with monkeypatch.context() as patched:
        patched.setattr(Segment, "create", failing(FULL))
        put_all(queue, b"1")
    queue.tidy()
    assert waiting(path) == 1
    assert send_all(queue) == [b"1"]
    queue.close(discard=True)


@pytest.mark.parametrize("bound", [{"memory_records": 10}, {"memory_bytes": 20}])
@pytest.mark.parametrize("overflow", ["drop_newest", "drop_oldest", "block"])
def test_memory_is_bounded_where_the_disk_takes_nothing(
    path: Path, overflow: str, bound: dict[str, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    queue = spool(path, overflow=overflow, block_timeout=0.01, **bound)
    with monkeypatch.context() as patched:
        patched.setattr(Segment, "create", failing(FULL))
        assert put_all(queue, *(b"%02d" % number for number in range(15))) == 5
    kept = range(5, 15) if overflow == "drop_oldest" else range(10)
    assert send_all(queue) == [b"%02d" % number for number in kept]
    assert is_balanced(queue.stats())
    queue.close(discard=True)


@pytest.mark.parametrize("are_delayed", [False, True])
def test_drop_oldest_where_the_disk_takes_nothing_does_not_search_the_queue_for_each_record(
    path: Path, are_delayed: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Segment, "create", failing(FULL))
    queue = spool(path, memory_records=2000, overflow="drop_oldest")
    logged = [b"%04d" % number for number in range(2100)]
    put_all(queue, *logged[:1000])
    taken = take_all(queue)  # they are on their way, and the oldest
    if are_delayed:
        queue.requeue(taken[500:], delay=PATIENCE)
    put_all(queue, *logged[1000:2000])
    assert calls_during(lambda: put_all(queue, *logged[2000:])) < 100 * 300  # 300 a record, of 2000
    queue.requeue(taken[:500] if are_delayed else taken)
    queue.checkpoint(is_urgent=True)
    dropped = logged[500:600] if are_delayed else logged[1000:1100]
    assert sorted(send_all(queue)) == [record for record in logged if record not in dropped]
    assert queue.stats().dropped == 100
    assert is_balanced(queue.stats())
    queue.close(discard=True)


def test_drop_oldest_does_not_search_the_queue_for_each_segment_that_is_on_its_way(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(spool_quota, "_SEGMENT_BYTES", 4096)
    monkeypatch.setattr(spool_quota, "_FILES", 1000)
    queue = spool(path, max_bytes=600_000, overflow="drop_oldest")
    logged = [b"%06d" % number + b"x" * 2000 for number in range(1000)]
    put_all(queue, *logged[:200])
    taken = queue.take(180, MIB, deadline=0.0)
    assert len(queue.segments) > 50
    following, calls = iter(logged[200:]), 0
    while not queue.stats().dropped:
        calls = calls_during(lambda: put_all(queue, next(following)))
    assert calls < 2000
    oldest = {item.entry.encode() for item in taken}
    queue.done(taken)
    assert logged[180] not in send_all(queue)
    assert oldest == set(logged[:180])
    assert is_balanced(queue.stats())
    queue.close(discard=True)


@pytest.mark.parametrize("delay", [0.0, PATIENCE])
def test_drop_oldest_where_the_disk_takes_nothing_drops_no_record_that_is_on_disk(
    path: Path, delay: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    queue = spool(path, memory_records=10, overflow="drop_oldest")
    put_all(queue, b"on disk")
    monkeypatch.setattr(os, "write", failing(FULL))
    put_all(queue, *(b"%02d" % number for number in range(10)))
    queue.requeue(take_all(queue), delay=delay)
    assert put_all(queue, b"10", b"11", b"12") == 3
    queue.checkpoint(is_urgent=True)
    assert sorted(send_all(queue)) == [*(b"%02d" % number for number in range(3, 13)), b"on disk"]
    assert is_balanced(queue.stats())
    queue.close(discard=True)


def test_what_was_never_written_is_counted_as_lost_at_the_end(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    queue = spool(path)
    monkeypatch.setattr(Segment, "create", failing(FULL))
    put_all(queue, b"1", b"2")
    queue.close()
    assert queue.close(discard=True) == 2
    assert (queue.stats().dropped, queue.stats().queued) == (2, 0)


def test_what_is_in_memory_only_is_written_at_the_end(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    queue = spool(path)
    with monkeypatch.context() as patched:
        patched.setattr(Segment, "create", failing(FULL))
        put_all(queue, b"1")
    assert queue.close(discard=True) == 0
    assert waiting(path) == 1


def test_a_tombstone_that_cannot_be_written_is_written_with_the_next(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    queue = spool(path)
    put_all(queue, b"1", b"2", b"3", b"4")
    items = take_all(queue)
    with monkeypatch.context() as patched:
        patched.setattr(os, "write", failing(FULL))
        queue.done(items[:1])
    assert waiting(path) == 4
    queue.done(items[1:2])
    assert waiting(path) == 2
    with monkeypatch.context() as patched:
        patched.setattr(os, "write", failing(FULL))
        queue.done(items[2:3])
    queue.requeue(items[3:])
    queue.close(discard=True)
    assert waiting(path) == 1


def test_each_record_has_one_tombstone(path: Path) -> None:
    queue = spool(path)
    put_all(queue, *(b"%03d" % number for number in range(101)))
    size = segments(path)[0].stat().st_size
    for item in queue.take(100, MIB, deadline=0.0):
        queue.done([item])
    assert segments(path)[0].stat().st_size == size + 100 * (OVERHEAD + 4)
    queue.close(discard=True)


@pytest.mark.parametrize(("call", "size_left"), [("unlink", 0), ("ftruncate", None)])
def test_a_file_that_cannot_be_deleted_is_sent_by_nobody(
    path: Path, call: str, size_left: int | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    queue = spool(path)
    put_all(queue, b"1", b"2")
    with monkeypatch.context() as patched:
        patched.setattr(os, call, failing(PermissionError(errno.EPERM, os.strerror(errno.EPERM))))
        assert send_all(queue) == [b"1", b"2"]
        queue.tidy()
    assert (len(segments(path)), waiting(path)) == (1, 0)
    assert size_left is None or segments(path)[0].stat().st_size == size_left
    following = spool(path, is_drain=True)
    queue.tidy()
    assert (segments(path), send_all(following)) == ([], [])
    queue.close(discard=True)
    following.close(discard=True)


@pytest.mark.skipif(sys.platform == "win32" or os.geteuid() != 0, reason="only root can mount")
def test_a_disk_that_is_really_full_loses_nothing_that_fits_into_memory(path: Path) -> None:
    path.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(path)], capture_output=True).returncode:
        pytest.skip("nothing can be mounted here")
    try:
        queue = spool(path / "queue")
        logged = [b"%04d" % number + b"x" * 1000 for number in range(200)]
        put_all(queue, *logged)
        assert 0 < waiting(path / "queue") < 200
        assert sorted(send_all(queue)) == logged
        assert is_balanced(queue.stats())
        queue.close(discard=True)
    finally:
        subprocess.run(["umount", "-l", str(path)], check=True)


def test_a_slow_write_is_waited_for_and_told(
    path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    queue, write = spool(path), os.write
    put_all(queue, b"1")

    def slow(descriptor: int, data: bytes) -> int:
        time.sleep(0.15)
        return write(descriptor, data)

    with monkeypatch.context() as patched:
        patched.setattr(os, "write", slow)
        put_all(queue, b"2")
    assert waiting(path) == 2
    assert "a write took" in capsys.readouterr().err
    queue.close(discard=True)


# Signal handlers and finalisers


def test_a_record_that_a_signal_handler_logs_in_the_midst_of_a_write_goes_to_disk_with_the_next(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    queue = spool(path)
    put_all(queue, b"0")
    write, inner = os.write, [b"in the midst"]

    def interrupted(descriptor: int, data: bytes) -> int:
        while inner:
            queue.put(Encoded(inner.pop()))
        return write(descriptor, data)

    with monkeypatch.context() as patched:
        patched.setattr(os, "write", interrupted)
        put_all(queue, b"1")
    assert waiting(path) == 2
    put_all(queue, b"2")
    assert waiting(path) == 4
    assert sorted(send_all(queue)) == [b"0", b"1", b"2", b"in the midst"]
    queue.close(discard=True)


def test_a_signal_handler_that_raises_in_the_midst_of_a_write_leaves_nothing_of_it(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    queue = spool(path)
    put_all(queue, b"0")
    write = os.write

    def interrupted(descriptor: int, data: bytes) -> int:
        write(descriptor, data)
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(os, "write", interrupted)
        with pytest.raises(KeyboardInterrupt):
            put_all(queue, b"1")
    assert waiting(path) == 1
    put_all(queue, b"2")
    thread = threading.Thread(target=put_all, args=(queue, b"3"))
    thread.start()
    thread.join(PATIENCE)
    assert not thread.is_alive()
    assert send_all(queue) == [b"0", b"2", b"3"]
    queue.close(discard=True)


# Locks


def test_where_files_have_no_locks_it_is_told_and_only_a_drain_takes_over(
    path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for call in ("_lock", "_unlock"):
        monkeypatch.setattr(locks, call, failing(OSError(errno.ENOLCK, "No locks available")))
    first = spool(path)
    put_all(first, b"1")
    abandon(first)
    second = spool(path)
    put_all(second, b"2")
    second._maintenance.take_over_orphans()
    assert send_all(second) == [b"2"]
    told = capsys.readouterr().err
    assert told.count("files have no locks there") == 2  # once each
    assert f"helicone-logging spool send {path}" in told
    second.close(discard=True)
    drain = spool(path, is_drain=True)
    assert send_all(drain) == [b"1"]
    drain.close(discard=True)


def test_a_closed_queue_unlocks_what_a_child_still_has_open_and_closes_it(path: Path) -> None:
    queue = spool(path)
    put_all(queue, b"1")
    descriptor = queue.segments[0]._descriptor
    of_child = os.dup(descriptor)  # as where it was forked without Python's hooks
    queue.close(discard=True)
    with pytest.raises(OSError, match=os.strerror(errno.EBADF)):
        os.fstat(descriptor)
    following = spool(path, is_drain=True)
    assert send_all(following) == [b"1"]
    following.close(discard=True)
    os.close(of_child)


def test_locks_of_bytes_as_on_windows_do(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Locks that end when the file is closed, and that the same process cannot have twice."""
    held: dict[int, tuple[int, int]] = {}

    def lock(descriptor: int) -> None:
        found = os.fstat(descriptor)
        for other, identity in list(held.items()):
            if identity == (found.st_dev, found.st_ino) and other != descriptor:
                raise OSError(errno.EACCES, "Permission denied")
        held[descriptor] = found.st_dev, found.st_ino

    close = locks.abandon

    def abandoned(descriptor: int) -> None:
        held.pop(descriptor, None)
        close(descriptor)

    monkeypatch.setattr(locks, "_lock", lock)
    monkeypatch.setattr(locks, "_unlock", lambda descriptor: held.pop(descriptor, None))
    monkeypatch.setattr(locks, "abandon", abandoned)
    monkeypatch.delattr(os, "pread", raising=False)
    first = spool(path)
    put_all(first, b"1")
    second = spool(path, is_drain=True)
    assert entries(take_all(second)) == []
    abandon(first)
    second._maintenance.take_over_orphans()
    assert send_all(second) == [b"1"]
    second.close(discard=True)
    assert held == {}
    assert segments(path) == []
