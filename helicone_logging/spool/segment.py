"""A segment: an append-only file of records, and of tombstones for those that are done; who has its lock owns it.

What holds at every moment, so that a kill loses nothing, and only what was on its way may be sent twice:

1. A record counts once it is in the file; its tombstone follows its acknowledgement.
2. A segment is deleted when all its records are acknowledged, and by its owner only.
3. Who holds the lock sends, and nobody else writes; it is taken before the first record is written.
"""

from __future__ import annotations

import contextlib
import errno
import os
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import BinaryIO, NamedTuple
from zlib import crc32

from helicone_logging.core import clock, lifecycle
from helicone_logging.spool import frames, locks
from helicone_logging.spool.directory import Directory, is_at, reading
from helicone_logging.spool.frames import OVERHEAD, RECORD, SEGMENT, TOMBSTONE, Read

FORM = "1"
_HEADERS = 2  # so that damage to one of them costs nothing
_SLICE = 256 * 1024  # bytes that are copied at once


class DamagedError(OSError):
    """The bytes of a record are not those that were written."""


class UnknownSegmentError(Exception):
    """A file is left alone, as it cannot be read as a segment, or is to be sent by others."""


@dataclass(slots=True, eq=False)
class Record:
    """A record of a queue on disk: its bytes, or where they are, or both while it is on its way."""

    size: int
    data: bytes | None = None
    crc: int = 0  # of the data
    segment: Segment | None = None  # until it is written
    number: int = 0
    offset: int = 0
    at: float = 0.0  # when what was read back was written, in seconds since the epoch

    def encode(self) -> bytes:
        """Returns its bytes; raises an `OSError`, a `DamagedError` where these are not what was written."""
        data = self.data  # another thread may write it to disk meanwhile
        if data is None and self.segment is not None:
            self.data = data = self.segment.read(self)
        return data or b""

    def error(self) -> OSError | None:
        """Reads its bytes, and returns what was wrong with that."""
        try:
            self.encode()
        except OSError as error:
            return error
        return None

    def forget(self) -> None:
        """Leaves its bytes to the disk, if that has them."""
        if self.segment is not None:
            self.data = None


class Content(NamedTuple):
    """What is in a segment."""

    wire: str  # in which its records are sent
    live: dict[int, Record]  # the records that are not done, by number
    last: int  # the number of the newest record
    lost: int  # how many records are damaged
    is_damaged: bool  # be it a tombstone
    end: int  # of the last whole frame


class Segment:
    """A segment that this process owns."""

    def __init__(self, path: str, descriptor: int) -> None:
        self._descriptor = descriptor  # open for reading and appending
        self.path = path
        self.size = 0
        self.live = 0  # records that are not done
        self.is_locked = self.is_recovered = False
        self.is_left = False  # it has records for the next process
        self.unread = Counter[int]()  # how many records the queue does not know one by one, by checkpoint
        self.unread_bytes = 0
        self.unread_since = clock.time()
        self._last = 0  # the number of the newest record
        self._pending_tombstones: list[int] = []  # records that are done, and have no tombstone yet
        lifecycle.watch_forks(self)

    def abandon(self) -> None:
        """Lets go of the file without unlocking: in a child of what is its parent's, and of what nobody closed."""
        descriptor, self._descriptor = self._descriptor, -1
        locks.abandon(descriptor)

    after_fork_in_child = __del__ = abandon

    @classmethod
    def create(cls, directory: Directory, wire: str) -> Segment:
        """Returns a new segment, or raises an `OSError`."""
        text = f"{FORM} {wire}".encode()
        return cls._create(directory, [frames.encode(SEGMENT, 0, clock.time(), text, crc32(text)) * _HEADERS])

    @classmethod
    def _create(cls, directory: Directory, content: Iterable[bytes]) -> Segment:
        directory.prepare()
        while True:
            forks = lifecycle.forks()
            segment = cls(*directory.create())
            try:
                if segment._acquire(forks, unlocked=True):
                    for part in content:
                        segment._write(part)
                    return segment
            except BaseException:
                segment.delete()
                raise
            segment.delete()  # an empty file that others may have deleted, or a child that was just forked has, too

    @classmethod
    def take_over(cls, directory: Directory, path: str, wire: str, *, unlocked: bool) -> tuple[Segment, Content] | None:
        """Returns an orphan, now owned by this process; None if it has an owner, or is gone.

        Raises:
            NoLocksError: files have no locks there, and it is not to be taken `unlocked`.
            UnknownSegmentError: it is left alone.
            OSError: it cannot be read or written.
        """
        forks = lifecycle.forks()
        segment = cls(path, directory.open(path))
        try:
            if segment._acquire(forks, unlocked=unlocked):
                return segment, segment._recover(wire)
        except BaseException:
            segment.release()
            raise
        segment.release()
        return None

    def _acquire(self, forks: int | None, *, unlocked: bool) -> bool:
        """Returns whether the file is this process's, and no child's that was forked since."""
        try:
            self.is_locked = locks.acquire(self._descriptor)
        except locks.NoLocksError:
            if not unlocked:
                raise
            return is_at(self.path, self._descriptor)
        return self.is_locked and is_at(self.path, self._descriptor) and not lifecycle.has_forked(forks)

    def _recover(self, wire: str) -> Content:
        """Returns what was left in it."""
        self.size = os.fstat(self._descriptor).st_size
        content = _content(self._read, self.size)
        if content.wire and content.wire != wire:
            raise UnknownSegmentError(f"its records are for the wire {content.wire!r}, not {wire!r}")
        self._cut(content.end)
        self.is_recovered = True
        self._last, self.live = content.last, len(content.live)
        return content

    def is_deleted(self) -> bool:
        """Returns whether its file was deleted or moved."""
        return not is_at(self.path, self._descriptor)

    # Writing

    def append(self, record: Record) -> None:
        """Writes a record, or raises an `OSError` and leaves nothing of it."""
        offset, number = self.size, self._last + 1
        self._write(frames.encode(RECORD, number, clock.time(), record.encode(), record.crc))
        self._last = number
        self.live += 1
        record.segment, record.number, record.offset, record.data = self, number, offset + OVERHEAD, None

    def mark_done(self, numbers: Sequence[int], records: int) -> None:
        """Forgets so many records that are done; `write_tombstone` says so in the file."""
        self._pending_tombstones.extend(numbers)
        self.live -= records

    def write_tombstone(self) -> None:
        """Writes the tombstone of what is done, or raises an `OSError`; then the next call tries again."""
        count = len(self._pending_tombstones)
        if count:
            self._write(frames.tombstone(self._pending_tombstones[:count], clock.time()))
            del self._pending_tombstones[:count]

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

    # Reading

    def read(self, record: Record) -> bytes:
        """Returns the bytes of a record, or raises as `Record.encode`."""
        data = self._read(record.offset, record.size)
        if crc32(data) != record.crc:
            raise DamagedError(errno.EIO, "a record is damaged")
        return data

    def records(self) -> list[Record]:
        """Returns its records that are not done, or raises as `examine`."""
        records = list(_content(self._read, self.size).live.values())
        for record in records:
            record.segment = self
        return records

    def _read(self, offset: int, length: int) -> bytes:
        """By the descriptor where that can be: its file may have been deleted."""
        if hasattr(os, "pread"):
            data: bytes = os.pread(self._descriptor, length, offset)
            return data
        with reading(self.path) as file:
            return _read_from(file, offset, length)

    def _slices(self, offset: int) -> Iterator[bytes]:
        while offset < self.size:
            data = self._read(offset, min(_SLICE, self.size - offset))
            if not data:
                raise OSError(errno.EIO, "it has been cut short")
            yield data
            offset += len(data)

    # Where its file was deleted

    def copy(self, directory: Directory) -> Segment:
        """Returns a new segment with the same bytes, or raises an `OSError`."""
        return self._create(directory, self._slices(0))

    def continue_in(self, copy: Segment) -> bool:
        """Takes the file of a copy for its own, and returns whether that could be done.

        Its descriptor keeps its number, as other threads read by it.
        """
        try:
            for data in self._slices(copy.size):  # what has been written since
                copy._write(data)
            former = os.dup(self._descriptor)
            os.dup2(copy._descriptor, self._descriptor, inheritable=False)
        except OSError:
            return False
        self.path, self.size, self.is_locked = copy.path, copy.size, copy.is_locked
        copy.abandon()
        with contextlib.suppress(OSError):  # where it was only moved, nobody is to send it from there as well
            os.write(former, frames.tombstone(range(1, self._last + 1), clock.time()))
        os.close(former)
        return True

    # The end

    def release(self) -> None:
        """Leaves it to the next process."""
        with contextlib.suppress(OSError):
            self.write_tombstone()
        descriptor, self._descriptor = self._descriptor, -1
        if descriptor >= 0:
            locks.release(descriptor)

    def delete(self) -> bool:
        """Deletes the file, and returns whether that could be done; it is emptied, as Windows deletes no open one."""
        try:
            os.ftruncate(self._descriptor, 0)
        except OSError:
            return False
        self._pending_tombstones = []
        self.release()
        with contextlib.suppress(OSError):
            os.unlink(self.path)
        return True


def examine(path: str, size: int) -> Content:
    """Returns what is in the first `size` bytes of a file, or raises an `UnknownSegmentError` or an `OSError`."""
    with reading(path) as file:
        return _content(partial(_read_from, file), size)


def _read_from(file: BinaryIO, offset: int, length: int) -> bytes:
    file.seek(offset)
    return file.read(length)


def _content(read: Read, size: int) -> Content:
    read = frames.ahead(read)
    header, end, begun, is_damaged = "", 0, -1, False
    records: dict[int, Record] = {}
    done: set[int] = set()
    for frame in frames.scan(read, size):
        is_damaged = is_damaged or frame.start != end
        if frame.end > size:
            begun = frame.start
            continue
        end, offset = frame.end, frame.end - frame.length
        if frame.kind == RECORD:
            record = Record(frame.length, crc=frame.crc, number=frame.number, offset=offset, at=frame.at)
            records[frame.number] = record
            continue
        data = read(offset, frame.length)
        if crc32(data) != frame.crc:
            is_damaged = True
        elif frame.kind == TOMBSTONE:
            done.update(frames.numbers_of(data))
        else:
            header = header or data.decode("utf-8", "replace")
    is_torn = begun == end or size - end < OVERHEAD  # what is behind was never written whole
    is_damaged = is_damaged or not is_torn
    form, _, wire = header.partition(" ")
    if form != FORM and (form or is_damaged):
        what = f"it is of version {form}" if form else "its beginning is damaged, or of another version"
        raise UnknownSegmentError(f"{what}, while this one reads version {FORM}")
    known = records.keys() | done
    last = max(known, default=0)
    live = {number: record for number, record in records.items() if number not in done}
    return Content(wire, live, last, last - len(known) + (not is_torn), is_damaged, end)
