"""The queue in memory by itself: its account, whatever finalisers log in the midst of its work."""

from __future__ import annotations

import math
import sys
import threading
import time
from contextlib import AbstractContextManager
from dataclasses import dataclass

import pytest
from collector import whenever_the_collector_runs
from waiting_callers import wait_for_a_caller

from helicone_logging.delivery.memory import BLOCK, DROP_NEWEST, DROP_OLDEST, BoundedQueue
from helicone_logging.delivery.queue import Item

ALL = sys.maxsize


@dataclass(frozen=True)
class Sized:
    """An entry of a chosen size."""

    number: int
    size: int = 10

    def encode(self) -> bytes:
        return b"x" * self.size


def memory(max_records: int = 1_000, max_bytes: int = 100_000, overflow: str = DROP_NEWEST) -> BoundedQueue:
    return BoundedQueue(max_records, max_bytes, overflow, 0.0)


def put_whenever_the_collector_runs(queue: BoundedQueue) -> AbstractContextManager[list[int]]:
    return whenever_the_collector_runs(lambda number: queue.put(Sized(-1 - number)))


def check_account(queue: BoundedQueue) -> None:
    stats = queue.stats()
    assert stats.emitted == stats.delivered + stats.rejected + stats.dropped + stats.queued
    rest = queue.take(ALL, ALL, deadline=0.0)
    assert len(rest) == stats.queued
    assert sum(item.size for item in rest) == stats.queued_bytes
    queue.done(rest)
    stats = queue.stats()
    assert (stats.queued, stats.queued_bytes, queue._ready_bytes) == (0, 0, 0)


@pytest.mark.parametrize("overflow", [DROP_NEWEST, DROP_OLDEST, BLOCK])
def test_records_that_finalisers_log_while_others_are_taken_are_neither_lost_nor_in_the_way(overflow) -> None:
    """Pitfall 5: the collector may run within `take`, and in the thread that holds the lock."""
    queue = memory(max_records=300, overflow=overflow)
    with put_whenever_the_collector_runs(queue) as put:
        for number in range(300):
            queue.put(Sized(number))
            if number % 7 == 0:
                queue.done(queue.take(5, ALL, deadline=0.0))
    assert len(put) > 100
    check_account(queue)


def test_records_that_finalisers_log_while_a_queue_is_discarded_stay_in_the_account() -> None:
    queue = memory()
    with put_whenever_the_collector_runs(queue) as put:
        for number in range(100):
            queue.put(Sized(number))
            queue.close(discard=True)
    assert len(put) > 100
    check_account(queue)


def test_records_that_finalisers_log_while_others_are_withdrawn_stay_where_they_are() -> None:
    queue = memory(100_000, 10_000_000)
    with put_whenever_the_collector_runs(queue) as put:
        for number in range(100):
            queue.put(Sized(number))
            queue._withdraw(lambda item: item.entry.number < -3 and item.entry.number % 2 == 0)
    assert len(put) > 100
    left = [item.entry.number for item in queue._withdraw()]
    assert [number for number in left if number >= 0] == list(range(100))
    assert len(left) == len(set(left))
    assert queue._ready_bytes == 0


def test_what_a_batch_has_no_room_for_stays_in_order() -> None:
    queue = memory()
    for number, size in enumerate([10, 10, 30, 10]):
        queue.put(Sized(number, size))
    taken = [[item.entry.number for item in queue.take(10, 25, deadline=0.0)] for _ in range(3)]
    assert taken == [[0, 1], [2], [3]]


def test_the_account_is_exact_while_somebody_waits_for_room() -> None:
    queue = BoundedQueue(1, 100_000, BLOCK, 60.0)
    queue.put(Sized(1))
    waiting = threading.Thread(target=queue.put, args=(Sized(2),))
    waiting.start()
    wait_for_a_caller(queue)
    stats = queue.stats()
    assert (stats.emitted, stats.queued) == (1, 1)
    queue.done(queue.take(1, ALL, deadline=0.0))
    waiting.join()
    check_account(queue)


@pytest.mark.parametrize("step", ["_fits", "_append", "_wake_if_wanted"])
@pytest.mark.parametrize("moment", ["before", "after"])
def test_a_record_whose_put_is_interrupted_is_counted_once(step, moment, monkeypatch) -> None:
    queue = memory()
    real = getattr(BoundedQueue, step)

    def interrupted(self: BoundedQueue, *args: object) -> object:
        if moment == "before":
            raise KeyboardInterrupt
        real(self, *args)
        raise KeyboardInterrupt

    monkeypatch.setattr(BoundedQueue, step, interrupted)
    with pytest.raises(KeyboardInterrupt):
        queue.put(Sized(1))
    monkeypatch.undo()
    stats = queue.stats()
    assert stats.emitted == 1
    assert stats.dropped + stats.queued == 1
    check_account(queue)


def test_a_pause_without_end_makes_nobody_fail() -> None:
    queue = memory()
    queue.put(Sized(1))
    queue.pause(math.inf, firm=True)
    taken: list[list[Item]] = []
    taker = threading.Thread(target=lambda: taken.append(queue.take(1, ALL)))
    taker.start()
    while taker.is_alive() and not queue._takers._waiters:  # type: ignore[attr-defined]
        time.sleep(0.001)
    assert taker.is_alive()
    queue.pause(0.0)
    taker.join()
    assert [len(items) for items in taken] == [1]


def test_who_closes_gets_what_waits_to_be_tried_again_in_the_order_in_which_it_would_have_been() -> None:
    queue = memory()
    for number in range(5):
        queue.put(Sized(number))
    for item in queue.take(5, ALL, deadline=0.0):
        queue.requeue([item], 50.0 - 10 * item.entry.number)
    queue.checkpoint(is_urgent=True)
    assert [queue.take(1, ALL, deadline=0.0)[0].entry.number for _ in range(5)] == [4, 3, 2, 1, 0]
