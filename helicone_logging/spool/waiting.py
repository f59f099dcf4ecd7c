"""What a process knows of its records on disk without reading them: how many wait, where, and since when.

Records that were never taken are known by claim and number only, so that a backlog takes no memory. Those that came
back are known one by one.
"""

from __future__ import annotations

import bisect
import heapq
import time
from collections import Counter, deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from helicone_logging.delivery.memory import Item
from helicone_logging.delivery.retry import retry_limit
from helicone_logging.payload.wires.helicone import entry_size


class Slip(NamedTuple):
    """A record that came back, without its bytes.

    Args:
        id: in the file.
        size: bytes of its entry.
        mark: as in `Item`.
        attempts: as in `Item`.
        queued_at: as in `Item`.
    """

    id: int
    size: int
    mark: int
    attempts: int
    queued_at: float

    def item(self, entry: bytes) -> Item:
        """Returns the record with its bytes."""
        return Item(entry, self.mark, self.attempts, self.queued_at, self.id)


def slip_of(item: Item) -> Slip:
    """Returns a record without its bytes."""
    return Slip(item.id, entry_size(item.entry), item.mark, item.attempts, item.queued_at)


@dataclass
class Fresh:
    """Records of a claim that were never taken: those above the cursor.

    Args:
        claim: its id.
        cursor: id of the last record that was taken.
        mark: the mark of all of them; None for the process's own, whose marks follow from their ids.
        count: how many there are.
        size: their bytes.
    """

    claim: int
    cursor: int
    mark: int | None
    count: int = 0
    size: int = 0


class Waiting:
    """The account of the records on disk that this process has claimed; it needs a lock around it."""

    def __init__(self) -> None:
        self.fresh: list[Fresh] = []  # its own are the last
        self.count = self.size = 0  # those being sent included
        self.fresh_count = self.fresh_size = 0
        self._front: deque[Slip] = deque()
        self._front_size = 0
        self._delayed: list[tuple[float, int, Slip]] = []
        self._sequence = 0
        self._attempts: dict[int, int] = {}  # of fresh records that were tried before they came to the file
        self._mark = self._first_mark = 0
        self._lines: list[int] = []  # the id from which on a mark counts, from the mark after the first
        self._in_mark: Counter[int] = Counter()

    # Records come

    def add(self, size: int) -> None:
        """Counts a record that was put under the own claim now."""
        own = self.fresh[-1]
        own.count += 1
        own.size += size
        self.fresh_count += 1
        self.fresh_size += size
        self._count_in(1, size, self._mark)

    def add_earlier(self, record: int, size: int, queued_at: float, attempts: int) -> None:
        """Counts a record that came earlier and was put under the own claim only now."""
        own, mark = self.fresh[-1], self._mark_of(record)
        if record > own.cursor:
            own.count += 1
            own.size += size
            self.fresh_count += 1
            self.fresh_size += size
            if attempts:
                self._attempts[record] = attempts
        else:
            self._put_front((Slip(record, size, mark, attempts, queued_at),))
        self._count_in(1, size, mark)

    def add_claim(self, claim: int, count: int, size: int, oldest: int, *, is_first: bool) -> None:
        """Counts the records of a claim that was taken over.

        Args:
            claim: its id.
            count: how many there are.
            size: their bytes.
            oldest: id of the oldest.
            is_first: whether they are before every line, as they would have been found before it was drawn.
        """
        mark = 0 if is_first else self._mark
        self.fresh.insert(max(0, len(self.fresh) - 1), Fresh(claim, oldest - 1, mark, count, size))
        self.fresh_count += count
        self.fresh_size += size
        self._count_in(count, size, mark)

    def _count_in(self, count: int, size: int, mark: int) -> None:
        self.count += count
        self.size += size
        if mark not in self._in_mark:
            self._in_mark.setdefault(mark, 0)
        self._in_mark[mark] += count  # as in `BoundedQueue.put`

    # Records go

    def next_fresh(self) -> Fresh | None:
        """Returns the claim whose records come next."""
        return next((fresh for fresh in self.fresh if fresh.count), None)

    def take_fresh(self, fresh: Fresh, rows: Sequence[tuple[int, bytes]]) -> list[Item]:
        """Hands out records of a claim that were read."""
        age_from = time.monotonic() - time.time()
        items = []
        for record, entry in rows:
            mark = self._mark_of(record) if fresh.mark is None else fresh.mark
            attempts = self._attempts.pop(record, 0) if self._attempts else 0
            items.append(Item(entry, mark, attempts, record / 1e9 + age_from, record))
        self.skip(fresh, rows[-1][0], len(rows), sum(len(entry) for _, entry in rows))
        return items

    def skip(self, fresh: Fresh, cursor: int, count: int, size: int) -> None:
        """Moves the cursor of a claim behind records that were taken or dropped."""
        fresh.cursor = cursor
        fresh.count -= count
        fresh.size -= size
        self.fresh_count -= count
        self.fresh_size -= size

    def forget(self, items: Iterable[Item | Slip]) -> None:
        """Forgets records that have left the file."""
        for item in items:
            self._count_in(-1, -_size(item), item.mark)

    def forget_fresh(self, fresh: Fresh, record: int, size: int) -> None:
        """Forgets the next record of a claim, which was dropped."""
        mark = self._mark_of(record) if fresh.mark is None else fresh.mark
        self.skip(fresh, record, 1, size)
        self._count_in(-1, -size, mark)

    def forget_missing(self, fresh: Fresh) -> int:
        """Forgets all records of a claim that were not taken, as they are gone; returns how many."""
        count, size = fresh.count, fresh.size
        self.skip(fresh, fresh.cursor, count, size)
        self.count -= count
        self.size -= size
        if fresh.mark is not None:
            self._in_mark[fresh.mark] -= count
        else:
            self._forget_marks(count)
        return count

    def _forget_marks(self, count: int) -> None:
        """Takes records whose ids are unknown out of the newest marks, which are theirs as the cursor was there."""
        for mark in sorted(self._in_mark, reverse=True):
            taken = min(count, self._in_mark[mark])
            self._in_mark[mark] -= taken
            count -= taken

    def forget_all(self) -> int:
        """Forgets all records and claims but those being sent; returns how many."""
        gone = sum(self.forget_missing(fresh) for fresh in reversed(self.fresh))
        slips = [*self._front, *(slip for _, _, slip in self._delayed)]
        self.forget(slips)
        self.fresh, self._delayed, self._front_size = [], [], 0
        self._attempts.clear()
        self._front.clear()
        return gone + len(slips)

    # Records come back

    def give_back(self, items: Sequence[Item]) -> None:
        """Puts records in front."""
        self._put_front([slip_of(item) for item in items])

    def put_back(self, slips: Sequence[Slip]) -> None:
        """Puts records in front that could not be read."""
        self._put_front(slips)

    def _put_front(self, slips: Sequence[Slip]) -> None:
        self._front.extendleft(reversed(slips))
        self._front_size += sum(slip.size for slip in slips)

    def retry(self, items: Sequence[Item], delay: float) -> None:
        """Makes records due again after a delay, with one attempt more."""
        due = time.monotonic() + delay
        for item in items:
            self._sequence += 1
            slip = slip_of(item)._replace(attempts=item.attempts + 1)
            heapq.heappush(self._delayed, (due, self._sequence, slip))

    def hurry(self) -> None:
        """Makes all delayed records due."""
        self._delayed = [(0.0, sequence, slip) for _, sequence, slip in sorted(self._delayed)]

    def pop_slips(self, limit: int, max_bytes: int) -> list[Slip]:
        """Hands out records that came back and are due, the delayed ones first."""
        now = time.monotonic()
        if self._delayed and self._delayed[0][0] <= now:
            attempts = self._delayed[0][2].attempts
            return _pop(
                retry_limit(limit, attempts),
                max_bytes,
                lambda: self._next_delayed(now, attempts),
                lambda: heapq.heappop(self._delayed),
            )
        slips = _pop(limit, max_bytes, lambda: self._front[0] if self._front else None, self._front.popleft)
        self._front_size -= sum(slip.size for slip in slips)
        return slips

    def _next_delayed(self, now: float, attempts: int) -> Slip | None:
        if self._delayed and self._delayed[0][0] <= now and self._delayed[0][2].attempts == attempts:
            return self._delayed[0][2]
        return None

    def pop_oldest_slip(self) -> Slip | None:
        """Hands out a record that came back, due or not."""
        if self._delayed:
            return heapq.heappop(self._delayed)[2]
        if not self._front:
            return None
        slip = self._front.popleft()
        self._front_size -= slip.size
        return slip

    # What is there

    @property
    def ready_count(self) -> int:
        return self.fresh_count + len(self._front)

    @property
    def ready_size(self) -> int:
        return self.fresh_size + self._front_size

    @property
    def waiting_count(self) -> int:
        return self.ready_count + len(self._delayed)

    def due_in(self) -> float | None:
        """Returns in how many seconds a record is due; None for none that waits."""
        return 0.0 if self.ready_count else self.retry_in()

    def retry_in(self) -> float | None:
        """Returns in how many seconds a record is due to be tried again; None for none."""
        return max(0.0, self._delayed[0][0] - time.monotonic()) if self._delayed else None

    def oldest_ready_slip(self) -> Slip | None:
        """Returns the first of the records that were given back."""
        return self._front[0] if self._front else None

    def oldest_delayed_at(self) -> float | None:
        """Returns since when the oldest delayed record has been queued."""
        return min((slip.queued_at for _, _, slip in self._delayed), default=None)

    # Marks

    def draw_line(self, next_id: int) -> int:
        """Draws a line between the records that came and those with this id or a higher one."""
        while self._lines and not self._in_mark[self._first_mark]:
            del self._in_mark[self._first_mark]
            self._first_mark += 1
            del self._lines[0]
        self._lines.append(next_id)
        self._mark += 1
        return self._mark

    def is_done(self, mark: int) -> bool:
        """Returns whether all records before a line are gone."""
        return not any(count > 0 for number, count in self._in_mark.items() if number < mark)

    def _mark_of(self, record: int) -> int:
        return self._first_mark + bisect.bisect_right(self._lines, record)


def _size(item: Item | Slip) -> int:
    return item.size if isinstance(item, Slip) else entry_size(item.entry)


def _pop(limit: int, max_bytes: int, look: Callable[[], Slip | None], pop: Callable[[], object]) -> list[Slip]:
    slips: list[Slip] = []
    while len(slips) < limit:
        slip = look()
        if slip is None:
            break
        max_bytes -= slip.size
        if slips and max_bytes < 0:
            break
        pop()
        slips.append(slip)
    return slips


def within(rows: Iterable[tuple[int, bytes]], max_bytes: int) -> tuple[list[tuple[int, bytes]], bool]:
    """Returns the first of some records, at least one, and whether all of them fitted in."""
    taken: list[tuple[int, bytes]] = []
    for row in rows:
        max_bytes -= len(row[1])
        if taken and max_bytes < 0:
            break
        taken.append(row)
    return taken, max_bytes >= 0


def parted(items: Sequence[Item]) -> tuple[Sequence[Item], Sequence[Item]]:
    """Returns the records in the file, and those in memory; mostly they are all of one kind."""
    ids = [item.id for item in items]
    if not ids or min(ids) > 0:
        return items, ()
    if max(ids) <= 0:
        return (), items
    return [item for item in items if item.id > 0], [item for item in items if item.id <= 0]


def least(*waits: float | None) -> float | None:
    """Returns the shortest of some waits, or None if nothing is waited for."""
    return min((wait for wait in waits if wait is not None), default=None)
