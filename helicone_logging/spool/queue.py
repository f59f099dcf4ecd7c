"""The queue on disk: every record is in a segment before `put` returns, and leaves it when its outcome is known.

In memory is where the records are, and each is read when it is taken. Of a backlog, whole segments are *unread*: their
records are counted, and listed in their turn. A record is in memory itself (*unwritten*) only where the disk does not
take it, or where a signal handler or a finaliser logs in the midst of this queue's own work; then it goes to disk with
the next one.

The queue's lock holds the account and the write of a record together. Nobody reads a backlog or makes a segment while
holding it, and nobody waits for another who reads.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import cast
from zlib import crc32

from helicone_logging.core import clock
from helicone_logging.core.wire import Entry
from helicone_logging.delivery.diagnostics import Diagnostics
from helicone_logging.delivery.memory import BoundedQueue, Weight, weigh
from helicone_logging.delivery.queue import Item, QueueStats
from helicone_logging.spool.directory import Directory
from helicone_logging.spool.frames import OVERHEAD
from helicone_logging.spool.maintenance import Maintenance
from helicone_logging.spool.quota import LOOK_AGAIN, Quota
from helicone_logging.spool.reports import DiskReports
from helicone_logging.spool.segment import Content, DamagedError, Record, Segment, UnknownSegmentError

_NOTHING = Weight(0, 0, Counter())
_MAX_TAKEN = 1000  # records on their way, which is what may be sent twice after a kill


class Spool(BoundedQueue):
    """Records in a directory that several processes may share; see `delivery.queue.Queue` for what its methods promise.

    Args:
        directory: where they are.
        spool_bytes: bytes of all segments in it at the most, those of other processes included.
        max_records: how many are in memory themselves while the disk does not take them; of the others, half as many
            and those of one segment are known one by one.
        max_bytes: of those in memory themselves.
        overflow: as of `BoundedQueue`; the oldest that is dropped is this process's own.
        wire: the name of the wire in which the records are sent.
        is_drain: True for one that only sends what is there, be it that files have no locks.
    """

    _look_again = LOOK_AGAIN

    def __init__(
        self,
        directory: Directory,
        spool_bytes: int,
        max_records: int,
        max_bytes: int,
        overflow: str,
        block_timeout: float,
        *,
        wire: str,
        diagnostics: Diagnostics,
        is_drain: bool = False,
    ) -> None:
        self.directory = directory
        self.wire = wire
        self.is_drain = is_drain
        self._spool_bytes = spool_bytes
        self._diagnostics = diagnostics
        super().__init__(max_records, max_bytes, overflow, block_timeout, max_taken=_MAX_TAKEN)
        self._largest = spool_bytes - OVERHEAD
        if is_drain:
            self._maintenance.take_over_orphans()
        elif directory.exists():
            self._maintenance.start()  # what an earlier process left goes first

    def after_fork_in_child(self) -> None:
        super().after_fork_in_child()
        self._loading = threading.Lock()
        self._is_busy = False  # who holds the lock is in the midst of what nothing may come between
        self._segments: list[Segment] = []
        self._current: Segment | None = None
        self._backlog: dict[Segment, None] = {}  # the unread ones of them
        self._unwritten: dict[Record, None] = {}
        self._unwritten_bytes = self._recovered = 0
        self._quota = Quota(self.directory, self._spool_bytes)
        self.reports = DiskReports(self.directory, self._diagnostics)
        self._maintenance = Maintenance(self)

    @contextmanager
    def _critical_section(self) -> Iterator[bool]:
        """Holds the lock; what logs in the midst of this is unwritten. Gives whether this itself is in such a midst."""
        with self._lock:
            was_busy, self._is_busy = self._is_busy, True
            try:
                yield was_busy
            finally:
                self._is_busy = was_busy

    # In

    def put(self, entry: Entry) -> int:
        data = entry.encode()
        record = Record(len(data), data, crc32(data))
        self._maintenance.start()
        if self._is_next_due():
            self._begin_segment()
        dropped = super().put(record)
        if record in self._unwritten and not self.reports.noted:  # the segment has just been deleted as an empty one
            self._write_unwritten()
        if not (self._ready or self._delayed or self._taken):  # all others have left, so nobody else will see to it
            self._load_backlog()
        self.reports.report_noted()
        return dropped

    def _is_next_due(self) -> bool:
        current = self._current
        if current is None or current.size >= self._quota.segment_bytes:
            return True
        return bool(self._unwritten) if current in self._backlog else not self._may_load(2)

    def _append(self, item: Item) -> None:
        record = _record(item)
        segment = None if self._is_busy else self._current
        was_busy, self._is_busy = self._is_busy, True
        try:
            if segment is None or not self._write(segment, record):
                self._unwritten[record] = None
                self._unwritten_bytes += item.size
            elif segment in self._backlog:
                segment.unread[item.checkpoint] += 1
                segment.unread_bytes += item.size
                self._emitted += 1
                self._count += 1
                self._bytes += item.size
                self._before[item.checkpoint] += 1
                self._is_closed = self._is_discarded = False
                return
            super()._append(item)
        finally:
            self._is_busy = was_busy

    def _write(self, segment: Segment, record: Record | None = None) -> bool:
        """Writes what is unwritten, then a new record, and returns whether the disk took all of it."""
        began = clock.monotonic()
        try:
            for unwritten in () if segment in self._backlog else list(self._unwritten):
                segment.append(unwritten)
                if not self._note_written(unwritten):  # it has left meanwhile
                    segment.mark_done((unwritten.number,), 1)
            if record is not None:
                segment.append(record)
        except OSError as error:
            self.reports.note_failure(error)
            return False
        self.reports.note_write(clock.monotonic() - began)
        return True

    def _write_unwritten(self) -> None:
        """Tries to write what is in memory only, where no record comes to take it along."""
        if self._unwritten and self._is_next_due():
            self._begin_segment()
        with self._critical_section() as was_busy:
            if self._current is not None and not was_busy:
                self._write(self._current)
        self.reports.report_noted()

    def _note_written(self, record: Record) -> bool:
        """Notes that a record is on disk, or has left, and returns whether it was unwritten before."""
        if record not in self._unwritten:
            return False
        self._unwritten.pop(record)
        self._unwritten_bytes -= record.size
        return True

    def _begin_segment(self) -> None:
        """Begins a segment in the place of the current one, or of none."""
        full = self._current
        try:
            segment = Segment.create(self.directory, self.wire)
        except OSError as error:
            self.reports.note_failure(error)
            return
        with self._critical_section():
            is_next = self._current is full
            if is_next:
                self._current = segment
                self._segments.append(segment)
                if not self._unwritten and (self._backlog or not self._may_load(2)):
                    self._backlog[segment] = None
        if not is_next:  # another thread was faster
            segment.delete()
        self._quota.measure(self._current, at_once=True)
        if not segment.is_locked:
            self.reports.report_missing_locks()
        if full is not None:
            self._clean_up((full,))

    # Room

    def _fits(self, size: int) -> bool:
        """Whether there is room on disk or, while it takes nothing, in memory."""
        return not self._is_memory_full(size) and self._quota.allows(size, self._current)

    def _is_memory_full(self, size: int) -> bool:
        has_room = len(self._unwritten) < self._max_records and self._unwritten_bytes + size <= self._max_bytes
        return bool(self._unwritten) and not has_room

    def _drop_oldest(self, size: int) -> int:
        if not self._is_memory_full(size):
            return self._drop_segment()
        return self._drop(self._withdraw_first(lambda item: item.entry in self._unwritten))

    def _drop_segment(self) -> int:
        """Drops what waits of the oldest segment, as only whole ones make room, and returns how many records."""
        with self._critical_section():
            waiting = [*self._ready, *(item for _, _, item in self._delayed)]
            in_memory = {_record(item).segment for item in waiting}
            segment = next((one for one in self.segments if one in in_memory or one.unread.total()), None)
            if segment is None:
                return 0
            if segment is self._current:
                self._current = None
            items = self._withdraw(lambda item: _record(item).segment is segment)
            dropped = self._drop_of(segment, items)
        self._clean_up((segment,))
        return dropped

    def _drop_of(self, segment: Segment, items: Sequence[Item]) -> int:
        """Drops records of a segment, with what is unread of it, and returns how many."""
        unread = self._skip_unread(segment)
        segment.mark_done((), unread)
        self._dropped += unread
        return self._drop(items) + unread

    # The backlog

    def _may_load(self, part: int) -> bool:
        """Returns whether only a part of as many records wait in memory as may."""
        return len(self._ready) + len(self._delayed) + self._taken < max(1, self._max_records // part)

    def _skip_unread(self, segment: Segment, listed: Weight = _NOTHING) -> int:
        """Takes what is unread of a segment, but for what was listed, out of the account; returns how many records."""
        records, size = segment.unread.total() - listed.records, segment.unread_bytes - listed.size
        unread = Weight(records, size, segment.unread - listed.checkpoints)
        self._backlog.pop(segment, None)
        segment.unread, segment.unread_bytes = Counter(), 0
        self._subtract(unread)
        return records

    def _load_backlog(self) -> None:
        """Lists the records of the oldest unread segments, while few others wait in memory."""
        while self._backlog and self._may_load(4) and self._loading.acquire(blocking=False):
            try:
                for segment in list(self._backlog)[:1]:
                    self._load(segment)
            finally:
                self._loading.release()  # whoever could not have it has made room before, which is seen above

    def _load(self, segment: Segment) -> None:
        with self._lock:
            if segment is self._current:
                self._current = None
        try:
            records = segment.records()
        except (OSError, UnknownSegmentError) as error:
            if segment not in self._backlog:  # it has been dropped or left meanwhile
                return
            self.reports.report_unread(segment.path, error)
            records, segment.is_left = [], True
        now, wall_clock = clock.monotonic(), clock.time()
        items = [
            Item(record, record.size, 0, now - max(0.0, wall_clock - record.at), checkpoint)
            for record, checkpoint in zip(records, segment.unread.elements(), strict=False)
        ]
        weight = weigh(items)
        with self._critical_section():
            if segment not in self._backlog:  # it has been dropped or left meanwhile
                return
            lost = self._skip_unread(segment, weight)
            self._ready_bytes += weight.size
            self._ready.extend(items)
            segment.mark_done((), lost)
            self._dropped += lost
            self._wake_if_wanted()
        if lost:
            self.reports.report_damage(segment.path, lost)
        self._clean_up((segment,))

    # Out

    def take(
        self, limit: int, max_bytes: int, linger: float = 0.0, *, eager: bool = False, deadline: float | None = None
    ) -> list[Item]:
        while True:
            self._load_backlog()
            items = super().take(limit, max_bytes, linger, eager=eager, deadline=deadline)
            try:
                failed = {item: error for item in items if (error := _record(item).error())}
            except BaseException:  # for want of memory, or of a signal handler
                self.requeue(items)
                raise
            if not failed:
                return items
            self._set_aside(failed)
            if len(items) > len(failed):
                return [item for item in items if item not in failed]

    def _set_aside(self, failed: dict[Item, OSError]) -> None:
        """Drops what is damaged, and leaves what the disk does not give now in its file, to be taken over later."""
        with self._lock:
            self._come_back(weigh([*failed]))
            for item, error in failed.items():
                if isinstance(error, DamagedError):
                    self._drop([item])
                else:
                    self._leave(cast("Segment", _record(item).segment), [item])
        self.reports.report_reads(failed.values())

    def done(self, items: Sequence[Item], *, is_rejected: bool = False) -> None:
        with self._lock:
            segments = self._finish(items)
        self._clean_up(segments)
        super().done(items, is_rejected=is_rejected)
        if self._is_closed and not self._count:  # nobody may look after this queue any more
            self._sweep()
        self._load_backlog()

    def _drop(self, items: Sequence[Item]) -> int:
        self._finish(items)
        return super()._drop(items)

    def _finish(self, items: Sequence[Item]) -> Iterable[Segment]:
        """Notes that records have left, and returns the segments that owe a tombstone for them."""
        numbers: dict[Segment, list[int]] = {}
        for item in items:
            record = _record(item)
            if record.segment is None:
                self._note_written(record)
            else:
                numbers.setdefault(record.segment, []).append(record.number)
        for segment, own in numbers.items():
            segment.mark_done(own, len(own))
        return numbers

    def _clean_up(self, segments: Iterable[Segment]) -> None:
        """Writes tombstones, or deletes segments of which all is done, but for what others than this process send."""
        for segment in segments:
            with self._critical_section() as was_busy:
                if was_busy:  # a signal handler is in the midst of a write, and maintenance does this later
                    return
                if segment.live or segment is self._current or segment not in self._segments:
                    self._note(segment)
                    continue
                self._segments.remove(segment)
                self._skip_unread(segment)  # nothing of it, if nothing ever came
            self._end(segment)

    def _end(self, segment: Segment) -> None:
        if segment.is_left:
            segment.release()
            return
        is_deleted = segment.delete()
        with self._critical_section():
            if is_deleted:
                self._quota.free(segment.size)
                self._room.notify_all()
            else:
                self._note(segment)
                self._segments.append(segment)  # to be tried again
        if is_deleted and segment.is_recovered:
            self._maintenance.take_over_orphans()

    def _note(self, segment: Segment) -> None:
        try:
            segment.write_tombstone()
        except OSError as error:
            self.reports.note_failure(error)

    def stats(self) -> QueueStats:
        with self._lock:
            stats, now = super().stats(), clock.time()
            since = min((segment.unread_since for segment in list(self._backlog)), default=now)
            return stats._replace(recovered=self._recovered, oldest_age=max(stats.oldest_age, now - since))

    # The end

    def requeue(self, items: Sequence[Item], delay: float = 0.0) -> int:
        for item in items:
            _record(item).forget()
        lost = super().requeue(items, delay)
        if self._is_discarded:
            self._sweep()
        return lost

    def close(self, *, discard: bool = False) -> int:
        if discard:
            self._maintenance.stop()
            self._restore_deleted()
            self._write_unwritten()
            self.reports.report_all_damage()
        lost = super().close(discard=discard)
        self._sweep()
        return lost

    def _give_up(self, items: Sequence[Item]) -> int:
        """Leaves records to the next process, and returns how many are lost, as they are in no file."""
        with self._critical_section():
            self._current = None
            lost = 0
            for segment in self.segments:
                lost += self._leave(segment, [item for item in items if _record(item).segment is segment])
            return lost + self._drop([item for item in items if _record(item).segment is None])

    def _leave(self, segment: Segment, items: Sequence[Item]) -> int:
        """Leaves records of a segment, with what is unread of it; drops them where its file is gone."""
        if segment.is_deleted():
            return self._drop_of(segment, items)
        records = len(items) + self._skip_unread(segment)
        self._subtract(weigh(items))
        segment.mark_done((), records)
        segment.is_left = segment.is_left or records > 0
        if segment.is_recovered:
            self._recovered -= records
        else:
            self._emitted -= records
        return 0

    # Maintenance

    def tidy(self) -> None:
        """Does what is overdue."""
        self._restore_deleted()
        self._write_unwritten()
        self._sweep()
        self._load_backlog()

    def _sweep(self) -> None:
        """Deletes every segment of which all is done, the current one included: nobody needs the prompts in it."""
        with self._critical_section():
            if self._current is not None and not self._current.live:
                self._current = None
        self._clean_up(self.segments)

    def _restore_deleted(self) -> None:
        """Copies segments that somebody deleted while records wait in them, be it with the directory, to new files."""
        for segment in self.segments:
            if segment.live and segment.is_deleted():
                self._restore(segment)

    def _restore(self, segment: Segment) -> None:
        path = segment.path
        try:
            copy = segment.copy(self.directory)
        except OSError as error:
            with self._critical_section():
                if segment is self._current:
                    self._current = None
            self.reports.report("deleted", f"{path} was deleted, and not written anew: {error.strerror}")
            return
        with self._critical_section() as was_busy:
            is_needed = not was_busy and segment in self._segments and segment.is_deleted()
            is_restored = is_needed and segment.continue_in(copy)
        if is_restored:
            self.reports.report("deleted", f"{path} was deleted; what waited in it was written anew")
        else:
            copy.delete()

    @property
    def segments(self) -> list[Segment]:
        """Those that are this process's now."""
        return list(self._segments)

    def recover(self, segment: Segment, content: Content) -> bool:
        """Counts an orphan's records as recovered, to be sent in their turn; False after `close`, when none are."""
        live = content.live.values()
        with self._critical_section():
            if self._is_closed:
                segment.release()
                return False
            records, size = len(live), sum(record.size for record in live)
            segment.unread, segment.unread_bytes = Counter({self._checkpoint: records}), size
            segment.unread_since = min((record.at for record in live), default=segment.unread_since)
            self._segments.append(segment)
            self._backlog[segment] = None
            self._count += records
            self._bytes += size
            self._before[self._checkpoint] += records
            recovered = records + content.lost
            self._recovered += recovered
            self._dropped += content.lost
        if content.is_damaged:
            self.reports.report_damage(segment.path, content.lost)
        self._load_backlog()
        return True


def _record(item: Item) -> Record:
    return cast("Record", item.entry)
