"""The queue in memory, bounded by count and bytes; it keeps the account.

No user code runs under its lock, and nothing is encoded there (sentry-python #5681). The lock is reentrant, since a
signal handler or a finaliser may log while the very thread it interrupts is inside; so what changes together changes
without a call between, and a wait lets go of the lock however deep it is held.
"""

from __future__ import annotations

import heapq
import sys
import threading
from collections import Counter, deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import NamedTuple

from helicone_logging.core import clock
from helicone_logging.core.wire import Entry
from helicone_logging.delivery.backoff import retry_limit
from helicone_logging.delivery.queue import Item, QueueStats

DROP_NEWEST = "drop_newest"
DROP_OLDEST = "drop_oldest"
BLOCK = "block"
OVERFLOWS = (DROP_NEWEST, DROP_OLDEST, BLOCK)

_NEVER = sys.maxsize
_new = tuple.__new__  # without the function that the constructor of a NamedTuple is


class Weight(NamedTuple):
    """What some records take up.

    Args:
        records: how many they are.
        size: of them together, in bytes.
        checkpoints: how many have which `checkpoint`.
    """

    records: int
    size: int
    checkpoints: Counter[int]


def weigh(items: Sequence[Item]) -> Weight:
    """Returns what records take up."""
    return Weight(len(items), sum(item.size for item in items), Counter(item.checkpoint for item in items))


class BoundedQueue:
    """Records in memory; see `queue.Queue` for what its methods promise.

    Args:
        max_records: how many at the most, those being sent included.
        max_bytes: of them together.
        overflow: what happens when it is full: `"drop_newest"`, `"drop_oldest"` or `"block"`.
        block_timeout: for how many seconds `"block"` waits for room before it drops the record.
        max_taken: how many may be on their way at once, in all batches together, and then with no more bytes than one
            batch may have; None for no such bound.
    """

    _look_again: float = threading.TIMEOUT_MAX  # seconds after which to look for room that nobody tells of

    def __init__(
        self, max_records: int, max_bytes: int, overflow: str, block_timeout: float, *, max_taken: int | None = None
    ) -> None:
        self._max_records = max_records
        self._max_bytes = self._largest = max_bytes
        self._overflow = overflow
        self._block_timeout = block_timeout
        self._max_taken = max_taken
        self.after_fork_in_child()

    def after_fork_in_child(self) -> None:
        self._lock = threading.RLock()
        self._takers, self._room, self._left = (threading.Condition(self._lock) for _ in range(3))
        self._ready: deque[Item] = deque()
        self._ready_bytes = 0
        self._delayed: list[tuple[float, int, Item]] = []  # a heap of when each is due
        self._sequence = 0
        self._count = self._bytes = 0  # taken ones included
        self._taken = self._taken_bytes = 0
        self._is_held_back = False  # somebody waits for what is taken to come back
        self._emitted = self._delivered = self._rejected = self._dropped = 0
        self._checkpoint = 0
        self._before = Counter({0: 0})  # by the number of checkpoints drawn before, how many have not left
        self._joining: list[int] = []  # the checkpoints that somebody waits for
        self._paused_until = 0.0
        self._is_pause_firm = False
        self._waiting = 0  # takers
        self._wanted, self._wanted_bytes = _NEVER, _NEVER  # how much must be ready for `put` to wake one of them
        self._is_closed = self._is_discarded = False

    # In

    def put(self, entry: Entry) -> int:
        size, now = entry.size, clock.monotonic()
        with self._lock:
            emitted = self._emitted
            try:
                dropped = 0
                if not self._fits(size):
                    dropped = self._make_room(size)
                    emitted = self._emitted  # of others, while this one waited
                    if not self._fits(size):
                        self._emitted += 1
                        self._dropped += 1
                        return dropped + 1
                self._append(_new(Item, (entry, size, 0, now, self._checkpoint)))
            except BaseException:  # of a signal handler
                if self._emitted == emitted:  # it has not been counted
                    self._emitted += 1
                    self._dropped += 1
                raise
            self._wake_if_wanted()
            return dropped

    def _append(self, item: Item) -> None:
        self._emitted += 1
        self._count += 1
        self._bytes += item.size
        self._before[item.checkpoint] += 1
        self._ready_bytes += item.size
        self._ready.append(item)
        self._is_closed = self._is_discarded = False  # last, as a signal handler may close in the midst of this

    def _fits(self, size: int) -> bool:
        return self._count < self._max_records and self._bytes + size <= self._max_bytes

    def _make_room(self, size: int) -> int:
        """Waits for room, or drops the oldest; returns how many."""
        dropped = 0
        if size > self._largest:
            return dropped
        if self._overflow == BLOCK:
            self._is_closed = False
            deadline = clock.monotonic() + self._block_timeout
            while not (self._is_closed or self._fits(size)) and (remaining := deadline - clock.monotonic()) > 0:
                self._room.wait(min(remaining, self._look_again))
        while self._overflow == DROP_OLDEST and not self._fits(size) and (last := self._drop_oldest(size)):
            dropped += last
        return dropped

    def _drop_oldest(self, size: int) -> int:
        """Makes some room for a record of a size, and returns how many were dropped; 0 when none waits."""
        if not (self._ready or self._delayed):
            return 0
        return self._drop([heapq.heappop(self._delayed)[2]] if self._delayed else self._take_ready(1, size))

    def requeue(self, items: Sequence[Item], delay: float = 0.0) -> int:
        due = clock.monotonic() + delay
        weight = weigh(items)
        with self._lock:
            self._come_back(weight)
            if self._is_discarded:
                return self._give_up(items)
            if delay > 0:
                for item in items:
                    self._sequence += 1
                    heapq.heappush(self._delayed, (due, self._sequence, item))
            else:
                self._put_back(items)
            self._wake_taker()
        return 0

    # Out

    def take(
        self, limit: int, max_bytes: int, linger: float = 0.0, *, eager: bool = False, deadline: float | None = None
    ) -> list[Item]:
        with self._lock:
            self._waiting += 1
            try:
                while not (self._is_discarded or (self._is_closed and deadline is None)):
                    now = clock.monotonic()
                    free, free_bytes = self._may_take(limit, max_bytes)
                    wait = self._time_to_take(free, free_bytes, linger, now, eager=eager)
                    if wait == 0:
                        return self._take(free, free_bytes, now)
                    if deadline is not None:
                        wait = min(_NEVER if wait is None else wait, deadline - now)
                        if wait <= 0:
                            break
                    self._takers.wait(None if wait is None else min(wait, threading.TIMEOUT_MAX))
                return []
            finally:
                self._waiting -= 1
                self._want(1)
                if self._ready:  # what is left behind is for the next one
                    self._wake_taker()

    def _may_take(self, limit: int, max_bytes: int) -> tuple[int, int]:
        if self._max_taken is None:
            return limit, max_bytes
        return min(limit, self._max_taken - self._taken), max_bytes - self._taken_bytes

    def _time_to_take(self, limit: int, max_bytes: int, linger: float, now: float, *, eager: bool) -> float | None:
        """In how many seconds to take something: 0 for now, None when nothing waits; and what may change that."""
        if self._paused_until > now:
            self._want(_NEVER)
            return self._paused_until - now
        due_in = max(0.0, self._delayed[0][0] - now) if self._delayed else None
        if due_in == 0 or self._ready:
            size = self._delayed[0][2].size if due_in == 0 else self._ready[0].size
            is_too_much = self._max_taken is not None and (limit <= 0 or size > max_bytes)
            self._is_held_back = is_too_much and self._taken > 0
            if self._is_held_back:
                self._want(_NEVER)
                return None
        if due_in == 0 or not self._ready:
            self._want(1)
            return due_in
        if self._joining or self._is_closed or len(self._ready) >= limit or self._ready_bytes >= max_bytes:
            return 0
        if eager and not self._taken:
            return 0
        lingers = max(0.0, self._ready[0].queued_at + linger - now)
        self._want(limit, max_bytes)
        return lingers if due_in is None else min(lingers, due_in)

    def _take(self, limit: int, max_bytes: int, now: float) -> list[Item]:
        is_due = self._delayed and self._delayed[0][0] <= now
        items = self._take_delayed(limit, max_bytes, now) if is_due else self._take_ready(limit, max_bytes)
        taken, size = len(items), sum(item.size for item in items)
        self._taken += taken
        self._taken_bytes += size
        return items

    def _take_delayed(self, limit: int, max_bytes: int, now: float) -> list[Item]:
        items: list[Item] = []
        attempts = self._delayed[0][2].attempts
        while self._delayed and len(items) < retry_limit(limit, attempts):
            due, _, item = self._delayed[0]
            max_bytes -= item.size
            if due > now or item.attempts != attempts or (items and max_bytes < 0):
                break
            items.append(item)
            heapq.heappop(self._delayed)
        return items

    def _take_ready(self, limit: int, max_bytes: int) -> list[Item]:
        """One by one, as a finaliser may log in the midst of this; all of them or, for want of memory, none."""
        ready, items = self._ready, list[Item]()
        try:
            while ready and len(items) < limit and (not items or ready[0].size <= max_bytes):
                item = ready.popleft()
                self._ready_bytes -= item.size
                max_bytes -= item.size
                items.append(item)
        except BaseException:
            self._put_back(items)
            raise
        return items

    def _put_back(self, items: Sequence[Item]) -> None:
        size = sum(item.size for item in items)  # not within `+=`, where a finaliser's record would be forgotten
        self._ready.extendleft(reversed(items))
        self._ready_bytes += size

    def done(self, items: Sequence[Item], *, is_rejected: bool = False) -> None:
        weight = weigh(items)  # before the lock, for which `put` waits
        with self._lock:
            if is_rejected:
                self._rejected += weight.records
            else:
                self._delivered += weight.records
            self._come_back(weight)
            self._subtract(weight)

    def _come_back(self, weight: Weight) -> None:
        self._taken -= weight.records
        self._taken_bytes -= weight.size
        if self._is_held_back:
            self._wake_taker()

    def _give_up(self, items: Sequence[Item]) -> int:
        """Lets go of records that nobody will take any more, and returns how many are lost."""
        return self._drop(items)

    def _drop(self, items: Sequence[Item]) -> int:
        """Counts records as dropped, and returns how many."""
        weight = weigh(items)
        self._dropped += weight.records
        self._subtract(weight)
        return weight.records

    def _subtract(self, weight: Weight) -> None:
        """Takes records out of the account."""
        self._count -= weight.records
        self._bytes -= weight.size
        for checkpoint, count in weight.checkpoints.items():
            self._before[checkpoint] -= count
        if self._overflow == BLOCK:
            self._room.notify_all()
        if self._joining and self._is_clear(min(self._joining)):  # to wake them to look costs a switch of threads
            self._left.notify_all()

    # Waits

    def _want(self, records: int, size: int = _NEVER) -> None:
        self._wanted, self._wanted_bytes = (records, size) if self._waiting else (_NEVER, _NEVER)

    def _wake_if_wanted(self) -> None:
        if len(self._ready) >= self._wanted or self._ready_bytes >= self._wanted_bytes:
            self._wake_taker()

    def _wake_taker(self) -> None:
        self._want(_NEVER)  # it says anew what it wants
        self._takers.notify()

    def pause(self, until: float, *, firm: bool = False) -> None:
        with self._lock:
            self._paused_until, self._is_pause_firm = until, firm
            self._takers.notify_all()
            self._left.notify_all()

    def checkpoint(self, *, is_urgent: bool = False) -> int:
        with self._lock:
            if not self._is_pause_firm:
                self._paused_until = 0.0
            if is_urgent:
                last = max(due for due, _, _ in self._delayed) if self._delayed else 0.0
                self._delayed = [(due - last, sequence, item) for due, sequence, item in self._delayed]  # still a heap
            self._takers.notify_all()
            self._checkpoint += 1
            self._before[self._checkpoint] = 0
            for checkpoint, count in list(self._before.items()):
                if count == 0 and checkpoint < self._checkpoint:
                    self._before.pop(checkpoint)
            return self._checkpoint

    def _is_clear(self, checkpoint: int) -> bool:
        return not any(count for before, count in list(self._before.items()) if before < checkpoint)

    def join(self, checkpoint: int, deadline: float) -> bool:
        with self._lock:
            self._joining.append(checkpoint)
            self._takers.notify_all()  # nobody lingers now
            try:
                while not self._is_clear(checkpoint):
                    remaining = deadline - clock.monotonic()
                    if remaining <= 0 or (self._is_pause_firm and self._paused_until > deadline):
                        return False
                    self._left.wait(remaining)
                return True
            finally:
                self._joining.remove(checkpoint)

    def stats(self) -> QueueStats:
        with self._lock:
            waiting = [item.queued_at for _, _, item in self._delayed]
            if self._ready:
                waiting.append(self._ready[0].queued_at)
            age = clock.monotonic() - min(waiting) if waiting else 0.0
            counts = self._emitted, self._delivered, self._rejected, self._dropped
            return QueueStats(*counts, self._count, self._bytes, age)

    # The end

    def close(self, *, discard: bool = False) -> int:
        with self._lock:
            self._is_closed = True
            self._is_discarded = self._is_discarded or discard
            lost = self._give_up(self._withdraw()) if discard else 0
            for waiting in (self._takers, self._room, self._left):
                waiting.notify_all()
            return lost

    def _withdraw(self, is_chosen: Callable[[Item], bool] = lambda _: True) -> list[Item]:
        """Takes out records that wait."""
        ready = self._take_ready(_NEVER, _NEVER)
        self._put_back([item for item in ready if not is_chosen(item)])
        delayed = [entry for entry in self._delayed if is_chosen(entry[2])]
        if delayed:
            self._delayed = [entry for entry in self._delayed if not is_chosen(entry[2])]
            heapq.heapify(self._delayed)
        return [*(item for item in ready if is_chosen(item)), *(item for _, _, item in delayed)]

    def _withdraw_first(self, is_chosen: Callable[[Item], bool]) -> list[Item]:
        """Takes out one record that waits and is chosen: one that failed, the next due, or else the oldest."""
        if self._delayed and is_chosen(self._delayed[0][2]):
            return [heapq.heappop(self._delayed)[2]]
        delayed = min((entry for entry in list(self._delayed) if is_chosen(entry[2])), default=None)
        ready = next(filter(is_chosen, list(self._ready)), None) if delayed is None else None
        with suppress(ValueError):  # a signal handler that logs may have taken it out meanwhile
            if delayed is not None:
                self._delayed.remove(delayed)
                heapq.heapify(self._delayed)
                return [delayed[2]]
            if ready is not None:
                self._ready.remove(ready)
                self._ready_bytes -= ready.size
                return [ready]
        return []
