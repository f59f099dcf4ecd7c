"""The part of a queue on disk that is in memory, and the account of all of it.

Delivery's queue decides who takes what and when. Here it also counts records that are expected, as they are on disk
only until they are read back; and it bounds what is on its way, which is what may be sent twice after a kill.
"""

from __future__ import annotations

import heapq
import sys
from collections.abc import Callable, Sequence

from helicone_logging.core import clock
from helicone_logging.core.wire import Encoded
from helicone_logging.delivery.memory import BoundedQueue
from helicone_logging.delivery.queue import Item, QueueStats

_MAX_TAKEN = 1000  # records on their way, in all requests together


class Window(BoundedQueue):
    """Records in memory; half of the room is for those that the disk does not take."""

    def after_fork_in_child(self) -> None:
        super().after_fork_in_child()
        self._recovered = self._expected = self._expected_bytes = self._taken = self._taken_bytes = 0
        self._is_held_back = False  # somebody waits for what is on its way to come back

    @property
    def is_closed(self) -> bool:
        """Whether nothing was put in since `close`."""
        return self._is_closed

    @property
    def is_empty(self) -> bool:
        """Whether no record is in memory, be it on its way, so that none will leave and make room for others."""
        with self._lock:
            return self._count == self._expected

    def has_room(self, size: int, records: int = 1, *, part: int = 2) -> bool:
        """Returns whether records fit into half of the room, or another part; one does where there is no other."""
        count, used = self._count - self._expected, self._bytes - self._expected_bytes
        is_few = (count + records) * part <= max(self._max_records, part)
        return is_few and ((used + size) * part <= self._max_bytes or (not count and records == 1))

    # In

    def expect(self, records: int, size: int, *, recovered: bool = False) -> int:
        """Counts records that are on disk only, and returns the checkpoint under which they count."""
        with self._lock:
            if recovered:
                self._recovered += records
            else:
                self._emitted += records
                self._is_closed = self._is_discarded = False
            self._expected += records
            self._expected_bytes += size
            self._count += records
            self._bytes += size
            self._before[self._checkpoint] += records
            return self._checkpoint

    def add(self, data: bytes, place: int) -> None:
        """Takes in a new record, whatever the room."""
        size, now = len(data), clock.monotonic()
        with self._lock:
            self._emitted += 1
            self._append(Item(Encoded(data), size, 0, now, self._checkpoint, place))
            self._wake_if_wanted()

    def admit(self, items: Sequence[Item]) -> None:
        """Takes in records that were expected."""
        size = sum(item.size for item in items)
        with self._lock:
            self._expected -= len(items)
            self._expected_bytes -= size
            self._ready_bytes += size
            self._ready.extend(items)
            self._wake_if_wanted()

    def _wake_if_wanted(self) -> None:
        if len(self._ready) >= self._wanted or self._ready_bytes >= self._wanted_bytes:
            self._wake_taker()

    def refuse(self) -> None:
        """Counts a record that was dropped before it was in."""
        with self._lock:
            self._emitted += 1
            self._dropped += 1

    def reopen(self) -> None:
        """Waits for room again, after `close`."""
        self._is_closed = False

    # Out

    def _time_to_take(self, limit: int, max_bytes: int, linger: float, now: float, *, eager: bool) -> float | None:
        due = self._delayed[0][2] if self._delayed and self._delayed[0][0] <= now else None
        item = due or (self._ready[0] if self._ready else None)
        free, free_bytes = _MAX_TAKEN - self._taken, max_bytes - self._taken_bytes
        self._is_held_back = item is not None and self._taken > 0 and (free <= 0 or item.size > free_bytes)
        if self._is_held_back:
            self._want(sys.maxsize)
            return None
        linger = 0.0 if self._expected else linger  # what is read back is old
        return super()._time_to_take(min(limit, free), free_bytes, linger, now, eager=eager)

    def _take(self, limit: int, max_bytes: int, now: float) -> list[Item]:
        items = super()._take(min(limit, _MAX_TAKEN - self._taken), max_bytes - self._taken_bytes, now)
        self._taken += len(items)
        self._taken_bytes += sum(item.size for item in items)
        return items

    def _come_back(self, items: Sequence[Item]) -> None:
        self._taken -= len(items)
        self._taken_bytes -= sum(item.size for item in items)
        if self._is_held_back:
            self._wake_taker()

    def done(self, items: Sequence[Item]) -> None:
        with self._lock:
            self._come_back(items)
            super().done(items)

    def reject(self, items: Sequence[Item]) -> None:
        with self._lock:
            self._come_back(items)
            super().reject(items)

    def requeue(self, items: Sequence[Item], delay: float = 0.0) -> int:
        """As in delivery's queue, but after `withdraw_all` leaves it to the caller what becomes of them."""
        with self._lock:
            self._come_back(items)
            return len(items) if self._is_discarded else super().requeue(items, delay)

    def withdraw(self, is_chosen: Callable[[Item], bool]) -> list[Item]:
        """Takes out records that wait, so that they are forgotten."""
        with self._lock:
            ready = self._take_ready(sys.maxsize, sys.maxsize)
            self._put_back([item for item in ready if not is_chosen(item)])
            delayed = [entry for entry in self._delayed if is_chosen(entry[2])]
            if delayed:
                self._delayed = [entry for entry in self._delayed if not is_chosen(entry[2])]
                heapq.heapify(self._delayed)
            return [*(item for _, _, item in delayed), *(item for item in ready if is_chosen(item))]

    def withdraw_all(self) -> list[Item]:
        """Hands out nothing any more, and takes out what waits."""
        with self._lock:
            items = self.withdraw(lambda _: True)
            self.discard()
            return items

    def forget(self, checkpoint: int, records: int, size: int, *, recovered: bool | None, expected: bool) -> None:
        """Forgets records that were `expected`, withdrawn or have come back.

        They are dropped where `recovered` is None; else kept for the next process, and no longer counted among those
        that this one has recovered or, if it is False, emitted.
        """
        with self._lock:
            if recovered is None:
                self._dropped += records
            elif recovered:
                self._recovered -= records
            else:
                self._emitted -= records
            if expected:
                self._expected -= records
                self._expected_bytes -= size
            self._count -= records
            self._bytes -= size
            self._before[checkpoint] -= records
            self._forget(())  # wakes those that wait for this

    def stats(self) -> QueueStats:
        with self._lock:
            return super().stats()._replace(recovered=self._recovered)
