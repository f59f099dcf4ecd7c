"""The queue on disk: every record is in a segment before `put` returns, and leaves it when its outcome is known.

A record also stays in memory, unless older ones wait on disk only; then it is read back in its turn. It is in memory
alone where the disk does not take it, or where a signal handler or a finaliser logs in the midst of a write; then it
goes to disk with the next one.

Locks, in this order: `_reading` around what is read back or withdrawn, `_lock` around a write, the window's.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from itertools import count, repeat
from sys import maxsize
from zlib import crc32

from helicone_logging.core import clock
from helicone_logging.core.wire import Encoded, Entry
from helicone_logging.delivery.diagnostics import Diagnostics
from helicone_logging.delivery.memory import BLOCK, DROP_OLDEST
from helicone_logging.delivery.queue import Item, QueueStats
from helicone_logging.spool.directory import Directory
from helicone_logging.spool.frames import OVERHEAD, Frame
from helicone_logging.spool.segment import Content, Segment
from helicone_logging.spool.upkeep import Upkeep
from helicone_logging.spool.window import Window

_SEGMENT_BYTES = 4 * 1024 * 1024
_LEAST_SEGMENT_BYTES = 4096
_SEGMENTS = 16  # at the least where `max_bytes` is small, as only whole segments make room
_FILES = 32  # from so many full segments on the next ones are larger, as each is an open file
_SLOW = 0.1  # seconds
_LOOK_AGAIN = 0.05  # seconds after which to look for room again, which other processes make without a word
_PLACE = 32  # an item's id is the key of its segment and, in so many bits, its number there; below 0: in memory only
_NUMBER = (1 << _PLACE) - 1


class Spool:
    """Records in a directory that several processes may share; see `delivery.queue.Queue` for what its methods promise.

    Args:
        directory: where they are.
        max_bytes: bytes of all segments in it at the most, those of other processes included.
        wire: the name of the wire in which the records are sent.
        overflow: what happens when it is full: `"drop_newest"`, `"drop_oldest"` (of this process) or `"block"`.
        block_timeout: for how many seconds `"block"` waits for room.
        window: what of the records is in memory.
        diagnostics: where trouble is told.
        is_drain: True for one that only sends what is there, be it that files have no locks.
    """

    def __init__(
        self,
        directory: Directory,
        max_bytes: int,
        *,
        wire: str,
        overflow: str,
        block_timeout: float,
        window: Window,
        diagnostics: Diagnostics,
        is_drain: bool = False,
    ) -> None:
        self.directory = directory
        self.wire = wire
        self.is_drain = is_drain
        self._max_bytes = max_bytes
        self._segment_bytes = min(_SEGMENT_BYTES, max(_LEAST_SEGMENT_BYTES, max_bytes // _SEGMENTS))
        self._overflow = overflow
        self._block_timeout = block_timeout
        self._window = window
        self._diagnostics = diagnostics
        # Waits and most counts are the window's.
        self.pause, self.expedite = window.pause, window.expedite
        self.checkpoint, self.join = window.checkpoint, window.join
        self._begin()
        if is_drain:
            self._upkeep.take_over_orphans()
        elif directory.exists():
            self._upkeep.start()  # what an earlier process left goes first

    def _begin(self) -> None:
        self._lock, self._reading, self._creating = threading.RLock(), threading.RLock(), threading.RLock()
        self._room = threading.Condition(threading.RLock())
        self._is_writing = self._is_reading = False
        self._keys, self._exposed_keys = count(1), count(-1, -1)
        self._current: Segment | None = None
        self._segments: dict[int, Segment] = {}
        self._backlog: deque[Segment] = deque()  # those with records that are not in memory
        self._exposed: dict[int, tuple[bytes, int]] = {}  # records that are in memory only: bytes and CRC
        self._places: dict[int, int] = {}  # where they are now, once they were written
        self._elsewhere, self._measured_at = 0, -_LOOK_AGAIN  # bytes of all segments but the current one; as of when
        self._upkeep = Upkeep(self)

    def after_fork_in_child(self) -> None:
        segments = list(self._segments.values())
        self._window.after_fork_in_child()
        self._begin()
        for segment in segments:
            segment.after_fork_in_child()

    def report(self, kind: str, text: str) -> None:
        """Tells of trouble."""
        self._diagnostics.report(f"spool-{kind}", f"spool_path {self.directory.path}: {text}")

    def _report_disk(self, error: OSError) -> None:
        self.report("disk", f"{error.strerror or error}; records are kept in memory until it takes them")

    # In

    def put(self, entry: Entry) -> int:
        data = entry.encode()
        size, crc, dropped = len(data), crc32(data), 0
        self._upkeep.start()
        if self._current is None:
            self._measure()
        if not self._has_room(size):
            dropped = self._make_room(size)
            if not self._has_room(size):
                self._window.refuse()
                return dropped + 1
        try:
            is_written = self._write(data, crc)
        except OSError as error:
            self._report_disk(error)
            is_written = False
        return dropped if is_written else dropped + self._expose(data, crc)

    def _write(self, data: bytes, crc: int) -> bool:
        """Writes a record, and returns whether this could be done: this thread may be in the midst of it already."""
        while True:
            segment = self._current or self._next_segment(None)
            with self._lock:
                if self._is_writing:
                    return False
                if segment is self._current:
                    took, place = self._append(segment, data, crc)
                    break
        if place:
            self._window.add(data, place)
        elif self._window.is_empty:  # whoever made room just now saw nothing to read back yet
            self._read_back()
        if took > _SLOW:
            self.report("slow", f"a write took {took:.1f} seconds")
        if segment.size >= self._segment_bytes and segment.size >= self._elsewhere // _FILES:
            with suppress(OSError):  # then this one grows
                self._next_segment(segment)
        return True

    def _append(self, segment: Segment, data: bytes, crc: int) -> tuple[float, int]:
        """Writes a record, and returns for how long, and its place if it is to be in memory, too; else 0."""
        self._is_writing = True
        try:
            if self._exposed:
                self._append_exposed(segment)
            began = clock.monotonic()
            number = segment.append(data, crc)
            took = clock.monotonic() - began
        finally:
            self._is_writing = False
        size = len(data)
        if not self._backlog and self._window.has_room(size):
            segment.pass_over(number)
            return took, segment.key << _PLACE | number
        if not segment.unread:
            segment.unread_since = clock.time()
            self._backlog.append(segment)
        segment.expect(self._window.expect(1, size), 1, size)
        return took, 0

    def _next_segment(self, full: Segment | None) -> Segment:
        """Begins a segment in the place of one that is full, or of none, unless another thread has done so."""
        with self._creating:
            if self._current is not None and self._current is not full:
                return self._current
            segment = Segment.create(self.directory, self.wire)
            segment.key = next(self._keys)
            with self._lock:  # in one go, as upkeep deletes what is empty and not the current one
                self._go_on_with(segment)
                self._segments[segment.key] = segment
            if not segment.is_locked:
                self._upkeep.report_missing_locks()
            self._measure()
            if full is not None:
                self._leave((full,))
            return segment

    def _go_on_with(self, segment: Segment | None) -> None:
        with self._lock:
            self._elsewhere += 0 if self._current is None else self._current.size
            self._current = segment

    # What the disk does not take

    def _expose(self, data: bytes, crc: int) -> int:
        """Takes a record into memory only, and returns how many were dropped for it, itself included."""
        dropped = self._wait_or_drop(lambda: self._window.has_room(len(data), part=1), self._drop_exposed)
        if not self._window.has_room(len(data), part=1):
            self._window.refuse()
            return dropped + 1
        key = next(self._exposed_keys)
        self._exposed[key] = data, crc
        self._window.add(data, key)
        return dropped

    def _drop_exposed(self) -> int:
        """Drops the oldest record that is in memory only and waits, and returns how many that were."""
        with self._lock:
            for key in list(self._exposed):
                for item in self._window.withdraw(lambda item, key=key: item.id == key):  # type: ignore[misc]
                    self._exposed.pop(key, None)
                    self._window.forget(item.checkpoint, 1, item.size, recovered=None, expected=False)
                    return 1
        return 0

    def _append_exposed(self, segment: Segment) -> None:
        for key, (data, crc) in list(self._exposed.items()):
            if key in self._exposed:  # it has not left meanwhile
                number = segment.append(data, crc)
                segment.pass_over(number)
                self._places[key] = segment.key << _PLACE | number
                self._exposed.pop(key, None)

    def _write_exposed(self) -> None:
        """Tries to write what is in memory only, where no record comes to take it along."""
        try:
            segment = (self._current or self._next_segment(None)) if self._exposed else None
            with self._lock:
                if segment is not None and segment is self._current and not self._is_writing:
                    self._append_exposed(segment)
        except OSError as error:
            self._report_disk(error)

    # Room

    def _has_room(self, size: int) -> bool:
        current = self._current
        used = self._elsewhere + (0 if current is None else current.size)
        return used + size + OVERHEAD <= self._max_bytes

    def _make_room(self, size: int) -> int:
        """Looks for room on disk, and returns how many records were dropped for it."""
        if size + OVERHEAD > self._max_bytes:
            return 0
        self._measure()
        return self._wait_or_drop(lambda: self._has_room(size), self._drop_oldest)

    def _wait_or_drop(self, has_room: Callable[[], bool], drop: Callable[[], int]) -> int:
        dropped = 0
        while self._overflow == DROP_OLDEST and not has_room() and (last := drop()):
            dropped += last
        if self._overflow == BLOCK and not has_room():
            self._window.reopen()
            deadline = clock.monotonic() + self._block_timeout
            while not (has_room() or self.is_closed) and (remaining := deadline - clock.monotonic()) > 0:
                with self._room:
                    self._room.wait(min(_LOOK_AGAIN, remaining))
                self._measure()
        return dropped

    def _measure(self) -> None:
        """Looks how large the directory is, if that was not done just now."""
        now = clock.monotonic()
        if now - self._measured_at >= _LOOK_AGAIN:
            self._measured_at, current = now, self._current
            with suppress(OSError):  # what writes tells of it
                own = "" if current is None else current.path
                self._elsewhere = sum(file.size for file in self.directory.files() if file.path != own)

    def _drop_oldest(self) -> int:
        """Drops what waits of the oldest segment, as only that makes room, and returns how many records it was."""
        with self._reading:
            for segment in [] if self._is_reading else list(self._segments.values()):
                items = self._window.withdraw(lambda item, key=segment.key: self._place(item) >> _PLACE == key)  # type: ignore[misc]
                for item in items:
                    self._window.forget(item.checkpoint, 1, item.size, recovered=None, expected=False)
                records, numbers = self._skip_unread(segment, recovered=None)
                if items or records:
                    if segment is self._current:
                        self._go_on_with(None)
                    self._finish(
                        {segment: [*(self._place(item) & _NUMBER for item in items), *numbers]}, records - len(numbers)
                    )
                    return len(items) + records
        return 0

    def _place(self, item: Item) -> int:
        return self._places.get(item.id, item.id)

    def _skip_unread(self, segment: Segment, *, recovered: bool | None, end: int = maxsize) -> tuple[int, list[int]]:
        """Forgets what was not read back of a segment, and returns how many records that are, and their numbers.

        Args:
            segment: the segment.
            recovered: as in `Window.forget`.
            end: where it was read to; if it has grown meanwhile, what came is to be read yet, and nothing is forgotten.
        """
        with self._lock:
            if end < segment.size:
                return 0, []
            runs, numbers = segment.skip_unread()
            with suppress(ValueError):
                self._backlog.remove(segment)
        for checkpoint, records, size in runs:
            self._window.forget(checkpoint, records, size, recovered=recovered, expected=True)
        return sum(records for _, records, _ in runs), numbers

    # Out

    def take(
        self, limit: int, max_bytes: int, linger: float = 0.0, *, eager: bool = False, deadline: float | None = None
    ) -> list[Item]:
        self._read_back()
        return self._window.take(limit, max_bytes, linger, eager=eager, deadline=deadline)

    def _read_back(self) -> None:
        """Reads records that are on disk only into memory, where there is room for many."""
        while self._backlog and self._window.has_room(0, part=4):
            with self._reading:
                if self._is_reading or not self._backlog:  # a finaliser in the midst of it logs, or another was faster
                    return
                self._is_reading = True
                try:
                    if not self._read_some(self._backlog[0]):
                        return
                finally:
                    self._is_reading = False

    def _read_some(self, segment: Segment) -> bool:
        """Reads on in a segment, and returns whether it came further, be it past what is done."""
        try:
            frames, end = segment.read(self._window.has_room)
        except FileNotFoundError:  # somebody has deleted it
            frames, end = [], segment.size
        except OSError as error:
            self.report("read", f"{segment.path} cannot be read: {error.strerror}")
            return False
        with self._lock:
            is_further, checkpoints = end > segment.read_at, segment.has_read(frames, end)
            is_over = end >= segment.size  # for now: who logs may append while what was read is taken in
        self._window.admit(list(map(self._read_item, frames, checkpoints, repeat(segment.key))))
        if is_over:
            lost, numbers = self._skip_unread(segment, recovered=None, end=end)
            if lost:
                self._report_damage(segment.path, lost)
                self._finish({segment: numbers}, lost - len(numbers))
        return is_over or is_further

    @staticmethod
    def _read_item(frame: Frame, checkpoint: int, key: int) -> Item:
        queued_at = clock.monotonic() - max(0.0, clock.time() - frame.at)
        return Item(Encoded(frame.data), len(frame.data), 0, queued_at, checkpoint, key << _PLACE | frame.number)

    def _report_damage(self, path: str, lost: int) -> None:
        self.report("damage", f"{path} is damaged; {lost:,} records in it are lost")

    def done(self, items: Sequence[Item]) -> None:
        self._settle(items)
        self._window.done(items)
        self._read_back()

    def reject(self, items: Sequence[Item]) -> None:
        self._settle(items)
        self._window.reject(items)
        self._read_back()

    def _settle(self, items: Sequence[Item]) -> None:
        numbers: dict[Segment, list[int]] = {}
        with self._lock:
            for item in items:
                place = self._places.pop(item.id, item.id)
                segment = self._segments.get(place >> _PLACE)
                if segment is None:
                    self._exposed.pop(place, None)
                else:
                    numbers.setdefault(segment, []).append(place & _NUMBER)
        self._finish(numbers)

    def _finish(self, numbers: Mapping[Segment, Sequence[int]], unreadable: int = 0) -> None:
        """Writes the tombstones of records that have left, or deletes their segments."""
        for segment, own in numbers.items():
            with self._lock:
                segment.finish(own, unreadable)
                if segment.live or segment is self._current:
                    self._note(segment)
        self._leave(numbers)

    def _note(self, segment: Segment) -> None:
        try:
            segment.note()
        except OSError as error:
            self._report_disk(error)

    def _leave(self, segments: Iterable[Segment]) -> None:
        """Deletes segments of which all is done, and lets go of those whose rest is kept for the next process."""
        for segment in segments:
            with self._lock:
                if segment is self._current or segment.live > segment.kept or segment.key not in self._segments:
                    continue
                del self._segments[segment.key]
            if segment.live:
                segment.release()
            elif segment.delete():
                self._elsewhere -= segment.size
                with self._room:
                    self._room.notify_all()
                if segment.is_recovered:
                    self._upkeep.take_over_orphans()
            else:
                self._note(segment)
                self._segments[segment.key] = segment  # to be tried again

    def requeue(self, items: Sequence[Item], delay: float = 0.0) -> int:
        return self._keep(items) if self._window.requeue(items, delay) else 0

    def _keep(self, items: Sequence[Item]) -> int:
        """Leaves records to the next process, and returns how many are lost, as they are in memory only."""
        lost = 0
        for item in items:
            place = self._places.pop(item.id, item.id)
            segment = self._segments.get(place >> _PLACE)
            if segment is None:
                self._exposed.pop(place, None)
                lost += 1
            else:
                segment.kept += 1
            recovered = None if segment is None else segment.is_recovered
            self._window.forget(item.checkpoint, 1, item.size, recovered=recovered, expected=False)
        self._leave(list(self._segments.values()))
        return lost

    # Counts, and the end

    @property
    def is_closed(self) -> bool:
        """Whether nothing was put in since `close`."""
        return self._window.is_closed

    def stats(self) -> QueueStats:
        stats = self._window.stats()
        since = min((segment.unread_since for segment in list(self._backlog)), default=None)
        return stats if since is None else stats._replace(oldest_age=max(stats.oldest_age, clock.time() - since))

    def close(self) -> None:
        self._window.close()
        with self._room:
            self._room.notify_all()

    def discard(self) -> int:
        items = self._window.withdraw_all()
        self._upkeep.stop()
        with self._reading:
            self._write_exposed()
            self._go_on_with(None)
            for segment in list(self._backlog):
                segment.kept += self._skip_unread(segment, recovered=segment.is_recovered)[0]
            return self._keep(items)

    # Upkeep

    def tidy(self) -> None:
        """Does what is overdue, and deletes the current segment where all is done: nobody needs the prompts in it."""
        self._write_exposed()
        self._measure()
        with self._lock:
            current = self._current
            if current is not None and (current.live == 0 or not current.is_there()):
                self._go_on_with(None)
            segments = list(self._segments.values())
            for segment in segments:
                self._note(segment)
        self._leave(segments)
        self._read_back()

    def owns(self, path: str) -> bool:
        """Returns whether a segment is this queue's already."""
        return any(segment.path == path for segment in list(self._segments.values()))

    @property
    def recovered_segments(self) -> int:
        """How many segments it has taken over that are not sent yet."""
        return sum(segment.is_recovered for segment in list(self._segments.values()))

    def adopt(self, segment: Segment, content: Content) -> None:
        """Counts an orphan's records as recovered, to be read back in their turn."""
        segment.key = next(self._keys)
        size = sum(size for _, size in content.live.values())
        checkpoint = self._window.expect(len(content.live) + content.lost, size, recovered=True)
        if content.is_damaged:
            self._report_damage(segment.path, content.lost)
            self._window.forget(checkpoint, content.lost, 0, recovered=None, expected=True)
        segment.unread_since = min((at for at, _ in content.live.values()), default=0.0)
        segment.expect(checkpoint, len(content.live), size)
        with self._lock:
            self._segments[segment.key] = segment
            self._backlog.append(segment)
        self._read_back()
