"""A segment: an append-only file of records, and of tombstones for those that are done; who has its lock owns it.

What holds at every moment, so that a kill loses nothing, and only what was on its way may be sent twice:

1. A record counts once it is in the file; its tombstone follows its acknowledgement.
2. A segment is deleted when all its records are acknowledged, and by its owner only.
3. Who holds the lock sends, and nobody else writes; it is taken before the first record is written.
"""

from __future__ import annotations

import contextlib
import os
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple
from zlib import crc32

from helicone_logging.core import clock, lifecycle
from helicone_logging.spool import locks
from helicone_logging.spool.directory import Directory, is_at, reading
from helicone_logging.spool.frames import RECORD, SEGMENT, TOMBSTONE, Frame, Scan, encode, numbers_of, scan, tombstone

FORM = "1"
_HEADERS = 2  # so that damage to one of them costs nothing
_SLICE = 256 * 1024  # bytes that are read at once, unless a frame is larger


class UnknownSegmentError(Exception):
    """A file is left alone, as it cannot be read as a segment, or is to be sent by others."""


class Content(NamedTuple):
    """What is in a segment."""

    wire: str  # in which its records are sent
    live: dict[int, tuple[float, int]]  # the records that are not done, by number: when written, and their size
    done: set[int]
    last: int  # the number of the newest record
    lost: int  # how many records are damaged
    is_damaged: bool  # be it a tombstone
    end: int  # where what was never written whole begins, or the size


class Segment:
    """A segment that this process owns; `descriptor` is open for appending."""

    def __init__(self, path: str, descriptor: int) -> None:
        self.path = path
        self.key = 0  # by which its queue finds it
        self.size = 0
        self.last = 0  # the number of the newest record
        self.live = 0  # records that are not done
        self.kept = 0  # those of them that are left for the next process
        self.is_locked = self.is_recovered = False
        self.read_at = 0  # where the frames begin that are to be read back,
        self._read_number = 0  # the number of the last record before,
        self._passed_over: set[int] = set()  # records behind that are done, or in memory already,
        self.unread: deque[list[int]] = deque()  # checkpoint, number and bytes of the others,
        self.unread_since = 0.0  # and since when the oldest waits, in seconds since the epoch
        self._owed: list[int] = []  # records that are done, and have no tombstone yet
        self._descriptor = descriptor
        lifecycle.watch_forks(self)

    def after_fork_in_child(self) -> None:
        """Lets go of what is the parent's."""
        descriptor, self._descriptor = self._descriptor, -1
        if descriptor >= 0:
            locks.abandon(descriptor)

    @classmethod
    def create(cls, directory: Directory, wire: str) -> Segment:
        """Returns a new segment, or raises an `OSError`."""
        directory.prepare()
        text = f"{FORM} {wire}".encode()
        while True:
            segment = cls(*directory.create())
            try:
                if segment._acquire(unlocked=True):
                    segment._write(encode(SEGMENT, 0, clock.time(), text, crc32(text)) * _HEADERS)
                    segment.read_at = segment.size
                    return segment
            except BaseException:
                segment.delete()
                raise
            segment.delete()  # another process looked at it just then, and may have found it empty

    @classmethod
    def take_over(cls, directory: Directory, path: str, wire: str, *, unlocked: bool) -> tuple[Segment, Content] | None:
        """Returns an orphan, now owned by this process; None if it has an owner, is gone, or all of it is done.

        Raises:
            NoLocksError: files have no locks there, and it is not to be taken `unlocked`.
            UnknownSegmentError: it is left alone.
            OSError: it cannot be read or written.
        """
        segment = cls(path, directory.open(path))
        try:
            content = segment._recover(wire) if segment._acquire(unlocked=unlocked) else None
        except BaseException:
            segment.release()
            raise
        if content is None:
            segment.release()
            return None
        return segment, content

    def _acquire(self, *, unlocked: bool) -> bool:
        try:
            self.is_locked = locks.acquire(self._descriptor)
        except locks.NoLocksError:
            if not unlocked:
                raise
            return self.is_there()
        return self.is_locked and self.is_there()

    def _recover(self, wire: str) -> Content | None:
        """Returns what was left in it; None if there is nothing to send, and then it is deleted."""
        self.size = os.fstat(self._descriptor).st_size
        content = examine(self.path, self.size)
        if content.wire and content.wire != wire:
            raise UnknownSegmentError(f"its records are for the wire {content.wire!r}, not {wire!r}")
        if not content.live and not content.lost:
            self.delete()
            return None
        self._cut(content.end)
        self.is_recovered = True
        self.last, self.live, self._passed_over = content.last, len(content.live), content.done
        return content

    def is_there(self) -> bool:
        """Returns whether its file is still where it was."""
        return is_at(self.path, self._descriptor)

    # Writing

    def append(self, data: bytes, crc: int) -> int:
        """Writes a record and returns its number, or raises an `OSError` and leaves nothing of it."""
        self._write(encode(RECORD, self.last + 1, clock.time(), data, crc))
        self.last += 1
        self.live += 1
        return self.last

    def finish(self, numbers: Sequence[int], unreadable: int = 0) -> None:
        """Forgets records that are done; `note` says so in the file, unless that is deleted instead."""
        self.live -= len(numbers) + unreadable
        self._owed.extend(numbers)

    def note(self) -> None:
        """Writes the tombstone of what is done, or raises an `OSError`; then the next call tries again."""
        if self._owed:
            self._write(tombstone(self._owed, clock.time()))
            self._owed = []

    def _write(self, frame: bytes) -> None:
        start, written = self.size, 0
        try:
            while written < len(frame):  # a full disk takes a part; the next try says why
                written += os.write(self._descriptor, frame[written:] if written else frame)
        except BaseException:
            self._cut(start)
            raise
        self.size += written

    def _cut(self, end: int) -> None:
        """Takes away what was not written whole; where that fails, reading passes over it."""
        try:
            os.ftruncate(self._descriptor, end)
            self.size = end
        except OSError:
            with contextlib.suppress(OSError):
                self.size = os.fstat(self._descriptor).st_size

    # Reading back

    def pass_over(self, number: int) -> None:
        """Notes that the newest record is in memory, and need not be read back."""
        if self.unread:
            self._passed_over.add(number)
        else:
            self.read_at, self._read_number = self.size, number

    def expect(self, checkpoint: int, records: int, size: int) -> None:
        """Notes that the newest records are to be read back."""
        if not self.unread or self.unread[-1][0] != checkpoint:
            self.unread.append([checkpoint, 0, 0])
        self.unread[-1][1] += records
        self.unread[-1][2] += size

    def read(self, has_room: Callable[[int, int], bool]) -> tuple[list[Frame], int]:
        """Returns the next records to be read back, while `has_room` for so many bytes and records, and their end."""
        records: list[Frame] = []
        size = 0
        start, stop = self.read_at, self.size  # who logs may append meanwhile
        found, start = next(_scans(self.path, start, stop), (Scan([], 0, False), stop))
        end = start
        for frame in found.frames:
            if frame.kind == RECORD and frame.number not in self._passed_over:
                size += len(frame.data)
                if not has_room(size, len(records) + 1):
                    return records, end
                records.append(frame)
            end = start + frame.end
        return records, start + found.end

    def has_read(self, records: Sequence[Frame], end: int) -> list[int]:
        """Notes what was read back, and returns the checkpoint of each."""
        checkpoints = []
        for frame in records:
            while self.unread[0][1] == 0:
                self.unread.popleft()
            self.unread[0][1] -= 1
            self.unread[0][2] -= len(frame.data)
            checkpoints.append(self.unread[0][0])
        if records:
            self._read_number, self.unread_since = records[-1].number, records[-1].at
        self.read_at = end
        return checkpoints

    def skip_unread(self) -> tuple[list[list[int]], list[int]]:
        """Reads no more back of what is there: returns checkpoint, number and bytes of it, and all numbers."""
        runs = [run for run in self.unread if run[1]]
        numbers = [n for n in range(self._read_number + 1, self.last + 1) if n not in self._passed_over]
        self.unread.clear()
        self._passed_over.clear()
        self.read_at, self._read_number = self.size, self.last
        return runs, numbers[: sum(run[1] for run in runs)]

    # The end

    def release(self) -> None:
        """Leaves it to the next process."""
        with contextlib.suppress(OSError):
            self.note()
        descriptor, self._descriptor = self._descriptor, -1
        if descriptor >= 0:
            locks.release(descriptor)

    def delete(self) -> bool:
        """Deletes the file, and returns whether that could be done."""
        try:
            if os.name == "nt":  # where no open file can be deleted
                os.ftruncate(self._descriptor, 0)
            else:
                os.unlink(self.path)  # noqa: PTH108 - pathlib loads slowly
        except FileNotFoundError:
            pass
        except OSError:
            return False
        self._owed = []
        self.release()
        with contextlib.suppress(OSError):
            os.unlink(self.path)  # noqa: PTH108 - pathlib loads slowly
        return True


def examine(path: str, size: int) -> Content:
    """Returns what is in the first `size` bytes of a file, or raises an `UnknownSegmentError` or an `OSError`."""
    header, is_damaged, end, good_end = "", False, 0, 0
    records: dict[int, tuple[float, int]] = {}
    done: set[int] = set()
    for found, start in _scans(path, 0, size):
        for frame in found.frames:
            if frame.kind == RECORD:
                records[frame.number] = frame.at, len(frame.data)
            elif frame.kind == TOMBSTONE:
                done.update(numbers_of(frame))
            else:
                header = header or frame.data.decode("utf-8", "replace")
            good_end = start + frame.end
        is_damaged = is_damaged or found.is_damaged
        end = start + found.end
    form, _, wire = header.partition(" ")
    if form != FORM and (form or is_damaged):
        what = f"it is of version {form}" if form else "its beginning is damaged, or of another version"
        raise UnknownSegmentError(f"{what}, while this one reads version {FORM}")
    known = records.keys() | done
    last = max(known, default=0)
    lost = last - len(known) + (end > good_end)
    return Content(wire, {n: records[n] for n in records.keys() - done}, done, last, lost, is_damaged, end)


def _scans(path: str, start: int, stop: int) -> Iterator[tuple[Scan, int]]:
    """Scans a file in slices, each with the offset of its beginning."""
    length, is_all = _SLICE, start >= stop
    with reading(path) as file:
        while not is_all:
            file.seek(start)
            data = file.read(min(length, stop - start))
            is_all = start + len(data) >= stop or not data
            found = scan(data, is_all=is_all)
            if found.end or is_all:
                yield found, start
                start, length = start + found.end, _SLICE
            else:
                length *= 2  # for a frame that is larger
