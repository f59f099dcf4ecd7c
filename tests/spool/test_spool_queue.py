"""The queue: a record is on disk before `put` returns, leaves with its outcome, and the account is exact."""

from __future__ import annotations

import random
import threading
from itertools import count
from pathlib import Path

import pytest
from encoded import Encoded
from spool_fixtures import (
    MIB,
    PATIENCE,
    abandon,
    entries,
    is_balanced,
    numbered,
    put_all,
    segments,
    send_all,
    spool,
    take_all,
    waiting,
)

from helicone_logging.core import clock
from helicone_logging.delivery.memory import BoundedQueue
from helicone_logging.spool import maintenance
from helicone_logging.spool import quota as spool_quota
from helicone_logging.spool import segment as spool_segment


def test_a_record_is_on_disk_when_put_returns_and_gone_when_it_is_done(path: Path) -> None:
    queue = spool(path)
    put_all(queue, b"1", b"2")
    assert waiting(path) == 2
    items = take_all(queue)
    assert entries(items) == [b"1", b"2"]
    assert waiting(path) == 2
    queue.done(items[:1])
    assert waiting(path) == 1
    queue.done(items[1:], is_rejected=True)
    assert waiting(path) == 0
    stats = queue.stats()
    assert (stats.emitted, stats.delivered, stats.rejected, stats.queued) == (2, 1, 1, 0)
    queue.close(discard=True)
    assert segments(path) == []


def test_what_a_process_left_is_recovered_in_order_and_counted(path: Path) -> None:
    first = spool(path)
    put_all(first, *numbered(10))
    first.done(first.take(3, MIB, deadline=0.0))
    abandon(first)
    second = spool(path, is_drain=True)
    assert second.stats().recovered == 7
    assert send_all(second) == numbered(10)[3:]
    assert second.stats() == (0, 7, 0, 0, 0, 0, 0.0, 7)
    second.close(discard=True)
    assert segments(path) == []


@pytest.mark.parametrize("own", [[], [b"2", b"3"]])
def test_what_is_recovered_is_as_old_as_it_is(path: Path, own: list[bytes], monkeypatch: pytest.MonkeyPatch) -> None:
    before, written_at = spool(path), clock.time() - 1000
    with monkeypatch.context() as patched:
        patched.setattr(clock, "time", lambda: written_at)
        put_all(before, b"1")
    abandon(before)
    queue = spool(path, memory_records=4)
    put_all(queue, *own)
    queue._maintenance.take_over_orphans()
    assert 1000 <= queue.stats().oldest_age < 2000
    queue.close(discard=True)


def test_what_was_recovered_and_is_left_again_is_counted_by_the_next_only(path: Path) -> None:
    for _ in range(2):
        queue = spool(path)
        put_all(queue, b"1")
        queue._maintenance.take_over_orphans()
        queue.close(discard=True)
        assert queue.stats()[:1] + queue.stats()[4:] == (0, 0, 0, 0.0, 0)
    assert waiting(path) == 2


def test_of_many_orphans_a_few_are_taken_over_at_a_time(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(maintenance, "_MAX_RECOVERED", 2)
    for record in numbered(5):
        before = spool(path)
        put_all(before, record)
        abandon(before)
    queue = spool(path, is_drain=True)
    assert len(queue.segments) == 2
    assert send_all(queue) == numbered(5)
    queue.close(discard=True)
    assert segments(path) == []


def test_two_queues_take_only_their_own(path: Path) -> None:
    first, second = spool(path), spool(path)
    put_all(first, b"1")
    put_all(second, b"2")
    second._maintenance.take_over_orphans()
    assert send_all(second) == [b"2"]
    assert send_all(first) == [b"1"]
    assert second.stats().recovered == 0
    first.close(discard=True)
    second.close(discard=True)


@pytest.mark.parametrize(("overflow", "memory_records"), [("drop_newest", 20), ("drop_oldest", 20), ("block", 1)])
def test_more_than_memory_holds_is_read_back_in_order(path: Path, overflow: str, memory_records: int) -> None:
    queue = spool(path, memory_records=memory_records, overflow=overflow)
    logged = numbered(3000, 3000)
    put_all(queue, *logged)
    assert len(segments(path)) > 1
    assert queue.stats().queued == 3000
    assert send_all(queue) == logged
    assert is_balanced(queue.stats())
    assert queue._ready_bytes == 0
    queue.close(discard=True)
    assert segments(path) == []


def test_memory_is_bounded_however_large_the_backlog(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(spool_quota, "_SEGMENT_BYTES", 16_384)
    queue = spool(path, memory_records=200, memory_bytes=10_000)
    put_all(queue, *numbered(10_000))
    assert len(queue._ready) == 100  # the others are counted
    assert queue.stats().queued == 10_000
    left = 10_000
    while items := queue.take(40, MIB, deadline=0.0):
        assert len(queue._ready) < 500  # a quarter, and the records of a segment
        queue.requeue(items[30:])
        assert not any(item.entry.data for item in queue._ready)
        queue.done(items[:30])
        left -= len(items[:30])
    assert left == 0
    queue.close(discard=True)


def test_records_and_outcomes_from_many_threads_are_each_counted_once(path: Path) -> None:
    queue = spool(path, memory_records=50)
    sent: list[bytes] = []
    batches = count()

    def log(name: int) -> None:
        for number in range(300):
            queue.put(Encoded(b"%d-%d" % (name, number)))

    def send() -> None:
        while items := queue.take(37, MIB):
            if next(batches) % 3:
                sent.extend(entries(items))
                queue.done(items)
            else:
                queue.requeue(items)

    senders = [threading.Thread(target=send) for _ in range(3)]
    producers = [threading.Thread(target=log, args=(name,)) for name in range(4)]
    for thread in (*senders, *producers):
        thread.start()
    for thread in producers:
        thread.join()
    assert queue.join(queue.checkpoint(), clock.monotonic() + PATIENCE)
    queue.close()
    for thread in senders:
        thread.join()
    assert sorted(sent) == sorted(b"%d-%d" % (name, number) for name in range(4) for number in range(300))
    assert queue.stats().delivered == 1200
    queue.close(discard=True)


def test_a_record_that_comes_while_the_last_ones_are_read_back_is_read_back_too(path: Path, monkeypatch) -> None:
    queue = spool(path, memory_records=50)
    put_all(queue, *numbered(60))
    records, late = spool_segment.Segment.records, [b"late %d" % number for number in range(8)]

    def records_and_log(segment):
        found = records(segment)
        if late:
            queue.put(Encoded(late.pop()))
        return found

    monkeypatch.setattr(spool_segment.Segment, "records", records_and_log)
    sent: list[bytes] = []
    while items := queue.take(20, MIB, deadline=0.0):
        sent += entries(items)
        queue.done(items)
    assert sorted(sent) == sorted([*numbered(60), *(b"late %d" % number for number in range(8))])
    assert (queue.stats().delivered, queue.stats().dropped, queue.stats().queued) == (68, 0, 0)
    queue.close(discard=True)


def test_a_record_that_comes_while_the_last_ones_in_memory_leave_reaches_who_waits_for_one(
    path: Path, monkeypatch
) -> None:
    queue = spool(path, memory_records=4)
    put_all(queue, b"1", b"2")
    items = take_all(queue)
    append, leaving = spool_segment.Segment.append, threading.Thread(target=queue.done, args=(items,))

    def append_meanwhile(*args) -> None:
        append(*args)
        leaving.start()

    monkeypatch.setattr(spool_segment.Segment, "append", append_meanwhile)
    put_all(queue, b"3")
    leaving.join(PATIENCE)
    # Whoever waits is within this method already, and looks nothing up.
    assert entries(BoundedQueue.take(queue, 10, MIB, deadline=0.0)) == [b"3"]
    assert is_balanced(queue.stats())
    queue.close(discard=True)


def test_what_comes_after_all_others_were_dropped_reaches_who_waits_for_one(path: Path) -> None:
    queue = spool(path, memory_records=4, max_bytes=20_000, overflow="drop_oldest")
    put_all(queue, *numbered(1000))
    assert entries(BoundedQueue.take(queue, 1, MIB, deadline=0.0)) != []  # as above
    assert is_balanced(queue.stats())
    queue.close(discard=True)


@pytest.mark.parametrize("overflow", ["drop_newest", "drop_oldest"])
def test_what_logs_in_the_midst_of_reading_back_disturbs_nothing(path: Path, monkeypatch, overflow: str) -> None:
    queue = spool(path, memory_records=4, max_bytes=65_536, overflow=overflow)
    put_all(queue, *numbered(30))
    first = take_all(queue)
    records, late = spool_segment.Segment.records, [b"late %d" % number + b"x" * 8000 for number in range(12)]

    def records_and_log(segment):
        found = records(segment)
        while late:
            queue.put(Encoded(late.pop()))
        return found

    monkeypatch.setattr(spool_segment.Segment, "records", records_and_log)
    queue.done(first)
    sent = entries(first) + send_all(queue)
    assert len(sent) == len(set(sent))
    stats = queue.stats()
    assert (stats.emitted, stats.delivered, stats.queued) == (42, len(sent), 0)
    assert is_balanced(stats)
    assert (set(numbered(30)) <= set(sent)) == (overflow == "drop_newest")
    assert any(record.startswith(b"late 0x") for record in sent) == (overflow == "drop_oldest")
    queue.close(discard=True)


def test_records_behind_many_that_are_done_are_read_back_at_once(path: Path) -> None:
    before = spool(path)
    put_all(before, *numbered(12, size=100_000))
    before.done(before.take(10, 16 * MIB, deadline=0.0))
    abandon(before)
    queue = spool(path, is_drain=True)
    assert entries(queue.take(10, 16 * MIB, deadline=0.0)) == numbered(12, size=100_000)[10:]
    queue.close(discard=True)


def test_threads_that_begin_a_segment_at_once_begin_one(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    queue, create = spool(path), spool_segment.Segment.create

    def create_late(*args: str) -> spool_segment.Segment:
        segment = create(*args)
        monkeypatch.setattr(spool_segment.Segment, "create", create)
        put_all(queue, b"of another thread")
        return segment

    monkeypatch.setattr(spool_segment.Segment, "create", create_late)
    put_all(queue, b"1")
    assert [Path(segment.path) for segment in queue.segments] == segments(path)
    assert len(queue.segments) == 1
    assert send_all(queue) == [b"of another thread", b"1"]
    queue.close(discard=True)


def test_a_record_whose_segment_was_just_deleted_as_empty_is_on_disk_all_the_same(path: Path, monkeypatch) -> None:
    queue, looks = spool(path), [1]
    measure = queue._quota.measure

    def measure_and_tidy(*args, **options) -> None:
        """Maintenance looks right after the segment was begun, and before the record comes."""
        measure(*args, **options)
        if options and looks:
            looks.pop()
            queue.tidy()

    monkeypatch.setattr(queue._quota, "measure", measure_and_tidy)
    put_all(queue, b"first")
    assert looks == []
    assert [b"first" in segment.read_bytes() for segment in segments(path)] == [True]
    put_all(queue, b"second")
    assert [Path(segment.path) for segment in queue._segments] == segments(path)
    assert entries(take_all(queue)) == [b"first", b"second"]
    queue.close(discard=True)


def test_what_is_on_its_way_is_bounded_over_all_takers(path: Path) -> None:
    queue = spool(path)
    put_all(queue, *numbered(1500))
    first = queue.take(2000, 90_000, deadline=0.0)
    assert len(first) == 900
    assert queue.take(1, 90_000, deadline=0.0) == []
    queue.done(first[:10])
    assert len(queue.take(50, 90_000, deadline=0.0)) == 10
    queue.requeue(first[10:])
    assert len(queue.take(5000, MIB, deadline=0.0)) == 990
    queue.close(discard=True)


def test_a_record_waits_for_others_unless_nothing_is_on_its_way(path: Path) -> None:
    queue = spool(path)
    put_all(queue, b"1")
    assert queue.take(10, MIB, PATIENCE, deadline=0.0) == []
    assert entries(queue.take(10, MIB, PATIENCE, eager=True, deadline=0.0)) == [b"1"]
    queue.close(discard=True)


def test_one_that_is_larger_than_a_request_goes_alone(path: Path) -> None:
    queue = spool(path)
    put_all(queue, b"x" * 1000, b"1")
    assert len(queue.take(10, 100, deadline=0.0)) == 1
    assert queue.take(10, 100, deadline=0.0) == []
    queue.close(discard=True)


def test_a_taker_waits_for_what_is_on_its_way(path: Path) -> None:
    queue = spool(path)
    put_all(queue, *numbered(1001, 10))
    items = queue.take(2000, MIB, deadline=0.0)
    got: list[int] = []
    taker = threading.Thread(target=lambda: got.append(len(queue.take(5, MIB))))
    taker.start()
    queue.done(items)
    taker.join(60)
    assert got == [1]
    queue.close(discard=True)


def test_flush_waits_for_what_was_logged_or_taken_over_and_for_nothing_later(path: Path) -> None:
    queue = spool(path, memory_records=10)
    put_all(queue, *numbered(30))
    checkpoint = queue.checkpoint()
    put_all(queue, b"later")
    sent = []
    while not queue.join(checkpoint, clock.monotonic()):
        items = queue.take(5, MIB, deadline=0.0)
        sent += entries(items)
        queue.done(items)
    assert sent == numbered(30)
    assert queue.stats().queued == 1
    queue.close(discard=True)


@pytest.mark.parametrize("memory_records", [4, 1000])
def test_a_record_that_comes_after_close_opens_the_queue_again(path: Path, memory_records: int) -> None:
    queue = spool(path, memory_records=memory_records)
    put_all(queue, *numbered(10))
    queue.close()
    assert queue.take(10, MIB) == []
    put_all(queue, b"again")
    assert queue.take(10, MIB) != []
    queue.close(discard=True)


def test_a_clock_that_is_set_back_or_forth_changes_nothing(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    offset = [0.0]
    real, real_ns = clock.time, clock.time_ns
    monkeypatch.setattr(clock, "time", lambda: real() + offset[0])
    monkeypatch.setattr(clock, "time_ns", lambda: real_ns() + int(offset[0] * 1e9))
    queue = spool(path, memory_records=20)
    logged = numbered(200)
    for step, chunk in ((3600.0, logged[:100]), (-3600.0, logged[100:150]), (0.0, logged[150:])):
        offset[0] = step
        put_all(queue, *chunk)
        assert queue.stats().oldest_age >= 0
    checkpoint = queue.checkpoint()
    assert send_all(queue) == logged
    assert queue.join(checkpoint, clock.monotonic())
    queue.close(discard=True)


def test_what_close_cannot_send_is_kept_for_the_next_and_counted_there(path: Path) -> None:
    queue = spool(path, memory_records=10)
    put_all(queue, *numbered(30))
    on_their_way = queue.take(2, MIB, deadline=0.0)
    queue.close()
    assert queue.close(discard=True) == 0
    assert (queue.stats().emitted, queue.stats().queued) == (2, 2)
    other = spool(path, is_drain=True)
    assert other.stats().recovered == 25  # but for a segment of which two records are on their way
    queue.done(on_their_way[:1])
    assert queue.requeue(on_their_way[1:]) == 0
    assert (queue.stats().emitted, queue.stats().delivered, queue.stats().queued) == (1, 1, 0)
    other._maintenance.take_over_orphans()
    assert sorted(send_all(other)) == numbered(30)[1:]
    put_all(queue, b"again")
    assert send_all(queue) == [b"again"]
    assert is_balanced(queue.stats())
    queue.close(discard=True)
    other.close(discard=True)
    assert segments(path) == []


# Forms that do not fit


def test_a_segment_of_another_wire_or_version_is_left_alone_and_told(
    path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    otlp = spool(path, wire="otlp")
    put_all(otlp, b"otlp")
    otlp.close(discard=True)
    with monkeypatch.context() as patched:
        patched.setattr(spool_segment, "FORM", "2")
        newer = spool(path)
        put_all(newer, b"newer")
        newer.close(discard=True)
    queue = spool(path, is_drain=True)
    assert send_all(queue) == []
    queue.close(discard=True)
    assert "is left alone: its records are for the wire 'otlp', not 'helicone'" in capsys.readouterr().err
    spool(path, is_drain=True, wire="otlp").close(discard=True)
    assert "it is of version 2, while this one reads version 1" in capsys.readouterr().err
    assert len(segments(path)) == 2


def test_an_empty_file_of_a_process_that_was_killed_at_once_is_removed(path: Path) -> None:
    path.mkdir()
    (path / "1-1-00000000.segment").touch()
    (path / "2-1-00000000.segment").write_bytes(b"\xffHL\xfe\0\0")
    queue = spool(path, is_drain=True)
    assert segments(path) == []
    assert queue.stats().recovered == 0
    queue.close(discard=True)


@pytest.mark.parametrize("seed", range(6))
def test_whatever_happens_in_whatever_order_the_account_is_exact_and_nothing_is_lost(path: Path, seed: int) -> None:
    chance = random.Random(seed)
    queue = spool(path, memory_records=chance.choice([4, 40]))
    logged: list[bytes] = []
    sent: list[bytes] = []
    for number in range(600):
        match chance.randrange(12):
            case 0:
                items = queue.take(chance.randrange(1, 30), MIB, deadline=0.0)
                queue.done(items)
                sent += entries(items)
            case 1:
                items = queue.take(3, MIB, deadline=0.0)
                queue.requeue(items, chance.choice([0.0, 0.001]))
            case 2 if chance.random() < 0.1:  # killed
                queue.take(2, MIB, deadline=0.0)
                abandon(queue)
                queue = spool(path, memory_records=10, is_drain=True)
            case 3 if chance.random() < 0.1:  # closed and used again
                queue.close()
                queue.close(discard=True)
                queue._maintenance.take_over_orphans()
            case 4 if chance.random() < 0.3:
                queue.tidy()
            case _:
                logged.append(b"%d" % number)
                put_all(queue, logged[-1])
        assert is_balanced(queue.stats())
    queue.close()
    queue.close(discard=True)
    last = spool(path, is_drain=True)
    sent += send_all(last)
    assert sorted(sent) == sorted(logged)
    last.close(discard=True)
    assert segments(path) == []


def test_a_current_segment_of_which_all_is_done_goes_when_nothing_happens(path: Path) -> None:
    queue = spool(path)
    put_all(queue, b"1")
    send_all(queue)
    queue.tidy()
    assert segments(path) == []
    put_all(queue, b"2")
    assert waiting(path) == 1
    queue.close(discard=True)
