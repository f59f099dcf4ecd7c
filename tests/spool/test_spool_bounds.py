"""What a queue on disk takes up at the most, and what happens where there is no room."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest
from spool_fixtures import (
    MIB,
    PATIENCE,
    is_balanced,
    numbered,
    put_all,
    segments,
    send_all,
    spool,
    take_all,
    waiting,
)

from helicone_logging.spool import Directory
from helicone_logging.spool import quota as spool_quota


def test_drop_newest_refuses_what_does_not_fit(path: Path) -> None:
    queue = spool(path, max_bytes=10_000)
    assert put_all(queue, *numbered(200)) > 0
    stats = queue.stats()
    assert stats.dropped == 200 - stats.queued
    assert 9_500 < sum(segment.stat().st_size for segment in segments(path)) <= 10_000
    assert send_all(queue) == numbered(200)[: stats.queued]
    assert is_balanced(queue.stats())
    queue.close(discard=True)


def test_drop_oldest_makes_room_by_whole_segments_and_counts_what_goes(path: Path) -> None:
    queue = spool(path, max_bytes=100_000, overflow="drop_oldest", memory_records=20)
    logged = numbered(3000)
    dropped = put_all(queue, *logged)
    stats = queue.stats()
    assert stats.dropped == dropped
    assert is_balanced(stats)
    assert sum(segment.stat().st_size for segment in segments(path)) <= 100_000
    sent = send_all(queue)
    assert sent == logged[-len(sent) :]
    assert len(sent) == 3000 - dropped
    queue.close(discard=True)


def test_drop_oldest_drops_records_that_wait_for_their_next_try_and_none_that_is_on_its_way(path: Path) -> None:
    queue = spool(path, max_bytes=10_000, overflow="drop_oldest")
    logged = numbered(100)
    put_all(queue, *logged[:70])
    items = take_all(queue)
    assert put_all(queue, *logged[70:80]) == 80 - waiting(path)
    queue.requeue(items, PATIENCE)
    assert put_all(queue, *logged[80:]) > 0
    queue.checkpoint(is_urgent=True)
    assert set(logged[80:]) <= set(send_all(queue))
    assert is_balanced(queue.stats())
    queue.close(discard=True)


def test_drop_oldest_keeps_the_newest_where_all_fits_into_one_segment(path: Path) -> None:
    queue = spool(path, max_bytes=3000, overflow="drop_oldest")
    put_all(queue, *numbered(100))
    sent = send_all(queue)
    assert sent
    assert sent == numbered(100)[-len(sent) :]
    queue.close(discard=True)


def test_what_is_sent_makes_room_at_once(path: Path) -> None:
    queue = spool(path, max_bytes=50_000)
    for record in numbered(1000):
        put_all(queue, record)
        send_all(queue)
    assert queue.stats().dropped == 0
    queue.close(discard=True)


def test_a_record_may_be_larger_than_memory(path: Path) -> None:
    queue = spool(path, memory_bytes=10)
    assert put_all(queue, b"x" * 100, b"y" * 100) == 0
    assert waiting(path) == 2
    queue.close(discard=True)


def test_drop_oldest_leaves_what_is_on_its_way(path: Path) -> None:
    queue = spool(path, max_bytes=20_000, overflow="drop_oldest")
    logged = numbered(1000)
    put_all(queue, *logged[:20])
    items = queue.take(5, MIB, deadline=0.0)
    put_all(queue, *logged[20:])
    queue.done(items)
    assert is_balanced(queue.stats())
    assert queue.stats().delivered == 5
    send_all(queue)
    queue.close(discard=True)
    assert segments(path) == []


@pytest.mark.parametrize("overflow", ["drop_oldest", "block"])
def test_a_record_that_never_fits_drives_nobody_out_and_is_not_waited_for(path: Path, overflow: str) -> None:
    queue = spool(path, max_bytes=10_000, overflow=overflow)
    put_all(queue, b"1")
    assert put_all(queue, b"x" * 10_000) == 1
    assert send_all(queue) == [b"1"]
    queue.close(discard=True)


def test_block_waits_until_there_is_room_also_of_another_process_and_gives_up_in_time(path: Path) -> None:
    other = spool(path)
    put_all(other, *numbered(70))
    queue = spool(path, max_bytes=10_000, overflow="block")
    put_all(queue, *numbered(5))
    done = threading.Event()
    producer = threading.Thread(target=lambda: (put_all(queue, b"y" * 3000), done.set()))
    producer.start()
    assert not done.wait(0.2)
    send_all(other)
    other.close(discard=True)
    assert done.wait(60)
    producer.join()
    assert queue.stats().dropped == 0
    queue.close(discard=True)
    impatient = spool(path, max_bytes=10, overflow="block", block_timeout=0.01)
    assert put_all(impatient, b"1") == 1
    impatient.close(discard=True)


def test_close_ends_a_wait_for_room(path: Path) -> None:
    queue = spool(path, max_bytes=1000, overflow="block")
    put_all(queue, b"x" * 600)
    producer = threading.Thread(target=put_all, args=(queue, b"x" * 600))
    producer.start()
    while producer.is_alive():
        queue.close()
        producer.join(0.01)
    assert queue.stats().dropped == 1
    queue.close(discard=True)


def test_the_bound_counts_what_other_processes_have(path: Path) -> None:
    other = spool(path)
    put_all(other, *numbered(100))
    queue = spool(path, max_bytes=10_000)
    assert put_all(queue, b"1") == 1
    other.close(discard=True)
    queue.close(discard=True)


@pytest.mark.parametrize(("spool_bytes", "segment_bytes"), [(2**30, 4 * MIB), (MIB, MIB // 16), (1000, 4096)])
def test_a_segment_has_four_mib_or_a_sixteenth_of_the_bound(path: Path, spool_bytes: int, segment_bytes: int) -> None:
    assert spool_quota.Quota(Directory(str(path)), spool_bytes).segment_bytes == segment_bytes


def test_segments_grow_with_the_backlog_so_that_there_are_few_open_files(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(spool_quota, "_SEGMENT_BYTES", 4096)
    monkeypatch.setattr(spool_quota, "_FILES", 32)
    queue = spool(path, memory_records=10)
    put_all(queue, *numbered(10_000, 100))
    assert len(segments(path)) < 150
    assert len(send_all(queue)) == 10_000
    queue.close(discard=True)
