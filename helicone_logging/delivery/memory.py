"""The queue in memory between `emit` and the sender threads, bounded by count and bytes; it keeps the account.

No user code runs under its lock, and nothing is serialised there: it holds bytes (sentry-python #5681). The lock is
reentrant, since a signal handler may log while the very thread it interrupts is inside.
"""

from __future__ import annotations

import contextlib
import heapq
import sys
import threading
from collections import Counter, deque
from collections.abc import Callable, Mapping, Sequence
from itertools import repeat
from operator import itemgetter
from time import monotonic
from typing import NamedTuple, Protocol

from helicone_logging.delivery.retry import retry_limit
from helicone_logging.payload.wires.helicone import Entry, entry_size

DROP_NEWEST = "drop_newest"
DROP_OLDEST = "drop_oldest"
BLOCK = "block"
OVERFLOWS = (DROP_NEWEST, DROP_OLDEST, BLOCK)


class Item(NamedTuple):
    """A record in the queue.

    Args:
        entry: its `resourceSpans` entry.
        mark: which `mark()` of the queue covers it.
        attempts: how often the server failed on it.
        queued_at: when it came, on the monotonic clock, in seconds.
        id: which it is, where the queue needs that to find it again.
    """

    entry: Entry
    mark: int
    attempts: int
    queued_at: float
    id: int = 0


_Plain = tuple[Entry, int, int, float, int]
"""An `Item` that nobody has taken yet: a plain tuple is made in a third of the time, and means nothing to the garbage
collector once that has seen that it holds no object that could refer back."""


class Account(NamedTuple):
    """What became of the records, at one moment: emitted + recovered = delivered + rejected + dropped + queued.

    Args:
        emitted: put into the queue, or refused by it.
        delivered: taken by the server.
        rejected: refused for good.
        dropped: lost for want of room or time.
        queued: waiting or being sent.
        queued_bytes: their size.
        oldest_age: for how many seconds the oldest has been waiting; 0.0 when none is.
        recovered: found in a spool that another process left.
    """

    emitted: int
    delivered: int
    rejected: int
    dropped: int
    queued: int
    queued_bytes: int
    oldest_age: float
    recovered: int = 0


class Queue(Protocol):
    """What the sender needs of a queue; all of it is safe to call from any thread."""

    def put(self, entry: Entry) -> int:
        """Takes a record in and returns how many were dropped for it, itself included."""

    def take(self, limit: int, max_bytes: int) -> list[Item]:
        """Hands out records that are due, oldest first, at least one if there is any; they stay in the account."""

    def give_back(self, items: Sequence[Item]) -> None:
        """Puts records back in front, as if they had not been taken."""

    def retry(self, items: Sequence[Item], delay: float) -> None:
        """Puts records back with one attempt more, to be due again after a delay in seconds."""

    def delivered(self, items: Sequence[Item]) -> None:
        """Forgets records that the server has taken."""

    def rejected(self, items: Sequence[Item]) -> None:
        """Forgets records that were refused for good."""

    def drop_waiting(self) -> int:
        """Drops what is not being sent right now, unless it is kept for another process; returns how many."""

    @property
    def ready_count(self) -> int:
        """How many records wait to be taken for the first time."""

    @property
    def ready_bytes(self) -> int:
        """How many bytes they have."""

    def hurry(self) -> None:
        """Makes records that wait to be tried again due now, where they would be lost otherwise."""

    def ready_age(self) -> float:
        """Returns for how many seconds the oldest of them has been waiting."""

    def due_in(self) -> float | None:
        """Returns in how many seconds a record is due: 0.0 for now, None for none that waits."""

    def retry_in(self) -> float | None:
        """Returns in how many seconds a record is due to be tried again; None for none."""

    def is_locked_here(self) -> bool:
        """Returns whether the running thread is inside a lock of this queue."""

    def mark(self) -> int:
        """Draws a line behind every record that is in the queue now."""

    def is_done(self, mark: int) -> bool:
        """Returns whether every record before the line has left the queue."""

    def account(self) -> Account:
        """Returns what became of the records."""

    def close(self) -> None:
        """Lets go of files and of callers that wait for room."""

    def listen(self, wake: Callable[[], object]) -> None:
        """Calls a bound method, without any lock, when there are records that nobody put in here."""

    def after_fork_in_child(self) -> None:
        """Begins anew: what the parent queued stays the parent's."""


# They are used on hundreds at a time, and the caller of `put` waits for the thread meanwhile.
_entry_of, _mark_of, _queued_at = itemgetter(0), itemgetter(1), itemgetter(3)


class _Weight(NamedTuple):
    """What some records take up; it is summed up before the lock is taken that `put` needs."""

    records: int
    size: int
    marks: Mapping[int, int]


def _weigh(items: Sequence[Item]) -> _Weight:
    marks = Counter(map(_mark_of, items)) if len(items) > 1 else dict.fromkeys(map(_mark_of, items), 1)
    return _Weight(len(items), _size_of(items), marks)


def _size_of(items: Sequence[Item]) -> int:
    return sum(map(entry_size, map(_entry_of, items)))


class BoundedQueue:
    """Records in memory.

    Args:
        max_records: how many at the most, those being sent included.
        max_bytes: of them together.
        overflow: what happens when it is full: `"drop_newest"`, `"drop_oldest"` or `"block"`.
        block_timeout: for how many seconds `"block"` waits for room before it drops the record.
    """

    def __init__(self, max_records: int, max_bytes: int, overflow: str, block_timeout: float) -> None:
        self._max_records = max_records
        self._max_bytes = max_bytes
        self._overflow = overflow
        self.block_timeout = block_timeout
        self.on_drop: Callable[[Item], object] = lambda _: None  # is told of each; under the lock, so it waits for none
        self.after_fork_in_child()

    def after_fork_in_child(self) -> None:
        self.lock = threading.RLock()
        self._room = threading.Condition(self.lock)
        self._ready: deque[_Plain] = deque()
        self.ready_bytes = 0  # no property, as `put` and all records after it ask for it
        self._delayed: list[tuple[float, int, Item]] = []
        self._sequence = 0
        self._count = self._bytes = 0  # those being sent included
        self._emitted = self._delivered = self._rejected = self._dropped = 0
        self._mark = 0
        self._in_mark: Counter[int] = Counter()
        self._is_closed = False

    def put(self, entry: Entry, record: int = 0) -> int:  # a spool names its records
        size = entry[1] if type(entry) is tuple else len(entry)  # `entry_size`, without the call
        with self.lock:
            dropped = 0
            if self._count >= self._max_records or self._bytes + size > self._max_bytes:
                self._emitted += 1  # while it waits for room, and below once it is in
                dropped = self._make_room(size)
                if not self.has_room(size):
                    self._dropped += 1
                    return dropped + 1
                self._emitted -= 1
            mark = self._mark
            if mark not in self._in_mark:
                self._in_mark.setdefault(mark, 0)
            item = (entry, mark, 0, monotonic(), record)
            self._is_closed = False
            self._emitted += 1
            self.ready_bytes += size
            self._count += 1
            self._bytes += size
            self._in_mark[mark] += 1  # no signal handler comes between, as `Counter.__missing__` is not called
            self._ready.append(item)
            return dropped

    def has_room(self, size: int) -> bool:
        """Returns whether a record fits."""
        return self._count < self._max_records and self._bytes + size <= self._max_bytes

    def _make_room(self, size: int) -> int:
        if size > self._max_bytes:
            return 0
        if self._overflow == BLOCK:
            try:
                self._room.wait_for(lambda: self._is_closed or self.has_room(size), self.block_timeout)
            except BaseException:  # of a signal handler; the record has been counted in
                self._dropped += 1
                raise
            return 0
        dropped = 0
        while self._overflow == DROP_OLDEST and not self.has_room(size) and self.drop_oldest():
            dropped += 1
        return dropped

    def drop_oldest(self) -> bool:
        """Drops the oldest record that is not being sent, and returns whether there was one."""
        with self.lock:
            items = [heapq.heappop(self._delayed)[2]] if self._delayed else self._take_ready(1, self._max_bytes)
            self._drop(items)
            return bool(items)

    def _drop(self, items: Sequence[Item]) -> None:
        weight = _weigh(items)
        self._forget(weight)
        self._dropped += weight.records
        for item in items:
            self.on_drop(item)

    def take(self, limit: int, max_bytes: int) -> list[Item]:
        with self.lock:
            now = monotonic()
            if self._delayed and self._delayed[0][0] <= now:
                return self._take_delayed(limit, max_bytes, now)
            return self._take_ready(limit, max_bytes)

    def _take_delayed(self, limit: int, max_bytes: int, now: float) -> list[Item]:
        items: list[Item] = []
        attempts = self._delayed[0][2].attempts
        while self._delayed and len(items) < retry_limit(limit, attempts):
            due, _, item = self._delayed[0]
            max_bytes -= entry_size(item.entry)
            if due > now or item.attempts != attempts or (items and max_bytes < 0):
                break
            heapq.heappop(self._delayed)
            items.append(item)
        return items

    def _take_ready(self, limit: int, max_bytes: int) -> list[Item]:
        ready = self._ready
        items: list[Item] = []
        # In one go, which no signal handler comes into that drops the oldest; one that came right before left fewer.
        with contextlib.suppress(IndexError):
            items.extend(map(tuple.__new__, repeat(Item, min(limit, len(ready))), iter(ready.popleft, None)))
        size = _size_of(items)
        while size > max_bytes and len(items) > 1:
            size -= entry_size(items[-1].entry)
            ready.appendleft(items.pop())
        self.ready_bytes -= size
        return items

    def give_back(self, items: Sequence[Item]) -> None:
        with self.lock:
            size = _size_of(items)
            self._ready.extendleft(reversed(items))
            self.ready_bytes += size

    def retry(self, items: Sequence[Item], delay: float) -> None:
        due = monotonic() + delay
        with self.lock:
            for item in items:
                self._sequence += 1
                again = item._replace(attempts=item.attempts + 1)
                heapq.heappush(self._delayed, (due, self._sequence, again))

    def delivered(self, items: Sequence[Item]) -> None:
        weight = _weigh(items)
        with self.lock:
            self._forget(weight)
            self._delivered += weight.records

    def rejected(self, items: Sequence[Item]) -> None:
        weight = _weigh(items)
        with self.lock:
            self._forget(weight)
            self._rejected += weight.records

    def withdraw(self, items: Sequence[Item]) -> None:
        """Forgets records that were taken, as if they had never been put: they are kept elsewhere now."""
        weight = _weigh(items)
        with self.lock:
            self._forget(weight)
            self._emitted -= weight.records

    def listen(self, wake: Callable[[], object]) -> None:
        """Nobody else puts records in here."""

    def _forget(self, weight: _Weight) -> None:
        """Takes records out of the account; nothing is called here in whose midst a signal handler could log."""
        self._count -= weight.records
        self._bytes -= weight.size
        for mark, count in weight.marks.items():
            self._in_mark[mark] -= count
        if self._overflow == BLOCK:
            self._room.notify_all()

    def drop_waiting(self, is_dropped: Callable[[int], bool] = lambda _: True) -> int:
        """Drops what is not being sent right now, or of that the records whose ids are chosen; returns how many."""
        with self.lock:
            ready, delayed = self._take_ready(sys.maxsize, sys.maxsize), self._delayed
            self._delayed = [wait for wait in delayed if not is_dropped(wait[2].id)]
            heapq.heapify(self._delayed)
            self.give_back([item for item in ready if not is_dropped(item.id)])
            dropped = [item for item in (*ready, *(item for _, _, item in delayed)) if is_dropped(item.id)]
            self._drop(dropped)
            return len(dropped)

    @property
    def ready_count(self) -> int:
        return len(self._ready)

    @property
    def waiting_count(self) -> int:
        """How many records are not being sent right now."""
        return len(self._ready) + len(self._delayed)

    @property
    def fill(self) -> float:
        """Which part of what fits is in it; 1.0 for all."""
        return max(self._count / self._max_records, self._bytes / self._max_bytes)

    def hurry(self) -> None:
        with self.lock:
            self._delayed = [(0.0, sequence, item) for _, sequence, item in sorted(self._delayed)]

    def ready_age(self) -> float:
        with self.lock:
            return monotonic() - _queued_at(self._ready[0]) if self._ready else 0.0

    def due_in(self) -> float | None:
        with self.lock:
            if self._ready:
                return 0.0
            return max(0.0, self._delayed[0][0] - monotonic()) if self._delayed else None

    def retry_in(self) -> float | None:
        with self.lock:
            return max(0.0, self._delayed[0][0] - monotonic()) if self._delayed else None

    def mark(self) -> int:
        with self.lock:
            for mark, count in list(self._in_mark.items()):
                if count == 0 and mark < self._mark:  # a signal handler may log here, so what it counts in stays
                    self._in_mark.pop(mark, None)
            self._mark += 1
            return self._mark

    def is_done(self, mark: int) -> bool:
        with self.lock:
            return not any(count > 0 for number, count in list(self._in_mark.items()) if number < mark)

    def account(self) -> Account:
        with self.lock:
            waiting = [item.queued_at for _, _, item in self._delayed]
            if self._ready:
                waiting.append(_queued_at(self._ready[0]))
            age = monotonic() - min(waiting) if waiting else 0.0
            return Account(self._emitted, self._delivered, self._rejected, self._dropped, self._count, self._bytes, age)

    def is_locked_here(self) -> bool:
        return bool(self._room._is_owned())  # type: ignore[attr-defined]  # what the Condition itself asks

    def close(self) -> None:
        with self.lock:
            self._is_closed = True
            self._room.notify_all()
