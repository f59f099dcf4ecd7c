"""The journal, where a record is on disk first: files beside the queue's own that one process appends to.

A write takes a fifth of the time of an insertion into SQLite, and no lock that another process could hold. A record
that is sent soon never gets any further; what piles up is moved into the queue's file.
"""

from __future__ import annotations

import contextlib
import threading
import time
import weakref
from collections import defaultdict, deque
from collections.abc import Iterable

from helicone_logging.spool.segment import INFIX, Segment, arrival

SEGMENT_BYTES = 4 * 1024 * 1024

_MOST_SEGMENTS = 4  # a record that is tried for long keeps its file from being removed
_PAUSE = 1.0  # seconds after which a disk is tried again


class Journal:
    """The records that are in the journal of this process.

    Args:
        path: of the queue's file.
        lock: around what is known of them, which is the queue's in memory; nothing is read or written under it.
    """

    def __init__(self, path: str, lock: threading.RLock) -> None:
        self.size = 0  # bytes of the entries that have not left
        self._lock = lock
        self._path = path
        self._segments: dict[int, Segment] = {}  # by number, the oldest first
        self._active: Segment | None = None
        # Where a record is, and its size; not in a tuple, as the garbage collector would look at each.
        self._places: dict[int, int] = {}
        self._sizes: dict[int, int] = {}
        self._leaving: deque[int] = deque()
        self._retry_at = 0.0
        self._looking = threading.Lock()
        self._finalizer = weakref.finalize(self, _close, self._segments)  # of a handler that nobody closes
        self._finalizer.atexit = False

    @property
    def count(self) -> int:
        """How many records have not left."""
        return len(self._places)

    def holds(self, record: int) -> bool:
        """Returns whether a record is in the journal."""
        return record in self._places

    # Records come

    def begin(self) -> None:
        """Begins a file for the next records, unless one is open, or the disk refused that a moment ago."""
        if self._active is None:
            self._follow(None)

    def _follow(self, last: Segment | None) -> None:
        """Begins a file in place of another one."""
        if time.monotonic() < self._retry_at:
            return
        number = time.time_ns()
        try:
            segment = Segment(f"{self._path}{INFIX}{number}", number)
        except OSError:
            self._fail()
            return
        with self._lock:
            is_first = self._active is last
            if is_first:
                self._segments[number] = self._active = segment
        if not is_first:
            segment.remove()
        self._remove_idle()

    def _fail(self) -> None:
        self._active = None
        self._retry_at = time.monotonic() + _PAUSE

    def write(self, record: int, entry: bytes, room: int) -> bool:
        """Writes a record, and returns whether it is there; if this raises, as a signal handler does, let it leave.

        Args:
            record: its id.
            entry: its bytes.
            room: bytes that all records together may have.
        """
        segment = self._enter(record, len(entry), room)
        if segment is None:
            return False
        is_written = segment.write(arrival(record, entry))
        if not is_written:
            self._fail()
            self.leave((record,))
        elif segment.length >= SEGMENT_BYTES and segment is self._active:
            self._follow(segment)
        return is_written

    def _enter(self, record: int, size: int, room: int) -> Segment | None:
        with self._lock:
            segment = self._active
            if segment is None or self.size + size > room or record in self._places:
                return None
            self._sizes[record] = size
            self._places[record] = segment.number
            self.size += size
            segment.count += 1
            segment.size += size
            segment.writing += 1
            return segment

    # Records go

    def leave(self, records: Iterable[int]) -> None:
        """Notes that records need not be kept any longer."""
        self._leaving.extend(records)
        gone: defaultdict[Segment, list[int]] = defaultdict(list)
        with self._lock:
            with contextlib.suppress(IndexError):  # of `popleft`; a signal handler that logs may have been faster
                while True:
                    record = self._leaving.popleft()
                    segment = self._forget(record)
                    if segment is not None:
                        gone[segment].append(record)
            kept = [segment for segment in gone if segment is self._active or not segment.is_idle()]
        for segment in kept:
            self._note_departures(segment, gone[segment])
        self._remove_idle()

    def _note_departures(self, segment: Segment, records: Iterable[int]) -> None:
        with self._lock:
            is_open = segment.number in self._segments
            segment.writing += is_open
        if is_open:
            segment.depart(records)

    def leave_later(self, record: int) -> None:
        """Notes that a record need not be kept any longer, when the next one leaves."""
        self._leaving.append(record)

    def _forget(self, record: int) -> Segment | None:
        segment = self._segments.get(self._places.pop(record, 0))
        size = self._sizes.pop(record, 0)
        if segment is not None:
            self.size -= size
            segment.count -= 1
            segment.size -= size
        return segment

    def _remove_idle(self) -> None:
        """Removes the files, but for the one that is written to, from which all records have left."""
        with self._lock:
            idle = [segment for segment in self._all() if segment is not self._active and segment.is_idle()]
            for segment in idle:
                del self._segments[segment.number]
        for segment in idle:
            segment.remove()

    def cleared(self) -> set[int]:
        """Returns which records another process has deleted; they are forgotten."""
        gone: set[int] = set()
        with contextlib.suppress(OSError):
            for segment in self._all():
                with self._lock:
                    is_open = segment.number in self._segments
                    there = self._in(segment) if is_open and segment.is_touched() else set()
                if there:
                    gone |= self._forget_all(there - segment.read().keys(), segment)
        return gone

    def _forget_all(self, records: set[int], segment: Segment) -> set[int]:
        """Forgets records, but for those that are not in a file any more, and returns which."""
        with self._lock:
            mine = {record for record in records if self._places.get(record) == segment.number}
            for record in mine:
                self._forget(record)
            return mine

    def _in(self, segment: Segment) -> set[int]:
        return {record for record, number in tuple(self._places.items()) if number == segment.number}

    def _all(self) -> tuple[Segment, ...]:
        return tuple(self._segments.values())

    # Upkeep

    def look_after(self) -> None:
        """Shows that the process lives, removes what has left, and forgets files that are gone."""
        if not self._looking.acquire(blocking=False):  # a queue that was closed may still have a thread in here
            return
        try:
            self._look_after()
        finally:
            self._looking.release()

    def _look_after(self) -> None:
        self.leave(())
        for segment in self._all():
            if not segment.renew():
                self._lose(segment)
            elif segment.unwritten:
                self._note_departures(segment, ())
        self._compact()
        self._put_off()

    def _lose(self, segment: Segment) -> None:
        with self._lock:
            self._forget_all(self._in(segment), segment)
            if segment is self._active:
                self._active = None

    def _put_off(self) -> None:
        """Has what has left removed though it is in the file that is written to, if nobody logs."""
        with self._lock:
            active = self._active
            if active is not None and active.is_idle() and active.is_used():
                self._active = None
        self._remove_idle()

    def _compact(self) -> None:
        """Writes what is left in old files again, where that is little, so that they can go."""
        for segment in self._all()[:-_MOST_SEGMENTS]:
            if 4 * segment.size < segment.length:
                with contextlib.suppress(OSError):
                    for record, entry in segment.read().items():
                        self._write_again(segment, record, entry)
        self._remove_idle()

    def _write_again(self, segment: Segment, record: int, entry: bytes) -> None:
        with self._lock:
            active, size = self._active, self._sizes.get(record, 0)
            if active is None or self._places.get(record) != segment.number:
                return
            active.writing += 2  # so that it stays until the record is counted in
        is_written = active.write(arrival(record, entry))
        with self._lock:
            active.writing -= 1
            is_moved = is_written and self._places.get(record) == segment.number
            if is_moved:
                segment.count -= 1
                segment.size -= size
                active.count += 1
                active.size += size
                self._places[record] = active.number
        self._note_departures(segment if is_moved else active, (record,))

    # The end

    def close(self) -> None:
        """Writes no more; a file goes when its last record has left, and is another process's if this one ends."""
        self._active = None
        self.leave(())

    def abandon(self) -> None:
        """Lets go of the files, which are the parent's."""
        self._finalizer.detach()
        for segment in self._all():
            segment.close()


def _close(segments: dict[int, Segment]) -> None:
    for segment in segments.values():
        if segment.is_idle():
            segment.remove()
        else:
            segment.close()
