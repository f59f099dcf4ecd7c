"""The journal, where a record is on disk first: files beside the queue's own that one process appends to.

A write takes a fifth of the time of an insertion into SQLite, and no lock that another process could hold. A record
that is sent soon never gets any further; what piles up is moved into the queue's file.

A file begins with a line of JSON that says whose it is. A record is a byte that UTF-8 never has, its id, its size, a
line feed and the entry; size 0 says that the record has left. So whatever is damaged, the next record is found.
"""

from __future__ import annotations

import contextlib
import json
import os
import threading
import time
import weakref
from collections import defaultdict, deque
from collections.abc import Iterable, Iterator
from pathlib import Path

from helicone_logging.spool.process import ProcessId, this_process

VERSION = 1
INFIX = ".journal-"
SEGMENT_BYTES = 4 * 1024 * 1024

_MOST_SEGMENTS = 4  # a record that is tried for long keeps its file from being removed
_PAUSE = 1.0  # seconds after which a disk is tried again
_PATIENCE = 0.005  # seconds for which one who logs waits for another who does
_IDS_END = 2**63  # of SQLite's whole numbers
_RECORD = b"\xff%d %d\n%b"
_APPEND = os.O_RDWR | os.O_APPEND | getattr(os, "O_BINARY", 0)


def parse(content: bytes) -> tuple[dict[int, bytes], int]:
    """Returns the records of a journal that have not left, and how many cannot be read.

    A last one that is not complete does not count: its process was killed before `put` returned.
    """
    records: dict[int, bytes] = {}
    damaged = 0
    is_torn = False
    for part in content.split(b"\xff")[1:]:
        damaged += is_torn
        head, _, entry = part.partition(b"\n")
        try:
            record, size = map(int, head.split(b" "))
        except ValueError:
            record, size = 0, 0
        is_torn = size != len(entry) or not 0 < record < _IDS_END
        if not is_torn and size:
            records[record] = entry
        elif not is_torn:
            records.pop(record, None)
    return records, damaged


def departure(records: Iterable[int]) -> bytes:
    """Returns what says in a journal that records have left."""
    return b"".join(_RECORD % (record, 0, b"") for record in records)


def owner(content: bytes) -> ProcessId | None:
    """Returns whose journal it is, by its beginning, or None if that cannot be read."""
    try:
        head = json.loads(content.partition(b"\n")[0])
        if head["version"] == VERSION:
            return ProcessId(str(head["host"]), int(head["pid"]), str(head["started"]))
    except (ValueError, TypeError, KeyError, OverflowError):
        pass
    return None


class Segment:
    """One file of a journal; it needs the journal's lock around it.

    Args:
        path: where to create it, readable by its owner only.
        number: the time it is made at, in nanoseconds, which no other file of this journal has.

    Raises:
        OSError: that is impossible.
    """

    def __init__(self, path: str, number: int) -> None:
        self.path = path
        self.number = number
        self.count = self.size = 0  # records that have not left, and bytes of their entries
        self._file = os.open(path, _APPEND | os.O_CREAT | os.O_EXCL, 0o600)
        self.close = weakref.finalize(self, os.close, self._file)
        self.close.atexit = False
        self._inode = os.fstat(self._file).st_ino
        self.length = 0
        self._unwritten: list[int] = []  # have left, which could not be written yet
        if not self.append(json.dumps({"version": VERSION, **this_process()._asdict()}).encode() + b"\n"):
            self.remove()
            raise OSError(f"nothing can be written to {path}")
        self._head = self.length

    def append(self, data: bytes) -> bool:
        """Writes at the end, and returns whether all of it could be written; if not, nothing was."""
        length = self.length
        try:
            if not self.close.alive:  # in a child, which a signal handler may have made in the midst of this
                return False
            written = os.write(self._file, data)
            if written < len(data) and os.fstat(self._file).st_size == length + written:
                os.ftruncate(self._file, length)
                return False
        except OSError:
            return False
        self.length += written
        return written == len(data)

    def leave(self, records: Iterable[int]) -> None:
        """Notes that records have left, as soon as the disk takes that; until then a next process would send them."""
        self._unwritten += records
        if self._unwritten and self.append(departure(self._unwritten)):
            self._unwritten.clear()

    def is_there(self) -> bool:
        """Shows other hosts that its process lives, and returns whether the file is still where it was."""
        try:
            os.utime(self._file if os.utime in os.supports_fd else self.path)
            return Path(self.path).stat().st_ino == self._inode
        except FileNotFoundError:
            return False
        except OSError:
            return True

    def empty(self) -> None:
        """Gives the room of what has left back to the disk, if that is everything."""
        if not self.count and self.length > self._head:
            with contextlib.suppress(OSError):
                os.ftruncate(self._file, self._head)
                self.length = self._head
                self._unwritten.clear()

    def read(self) -> dict[int, bytes]:
        """Returns what is in it.

        Raises:
            OSError: it cannot be read.
        """
        return parse(Path(self.path).read_bytes())[0]

    def read_if_touched(self) -> dict[int, bytes] | None:
        """Returns what is in it if another process has written to it since it was asked, else None.

        Raises:
            OSError: it cannot be read.
        """
        length, self.length = self.length, os.fstat(self._file).st_size
        return None if self.length == length else self.read()

    def remove(self) -> None:
        """Closes it and deletes the file."""
        self.close()
        with contextlib.suppress(OSError):
            Path(self.path).unlink()


class Journal:
    """The records that are in the journal of this process.

    Whoever logs may do so in a signal handler, in the midst of anything; so nobody waits for its lock without end.

    Args:
        path: of the queue's file.
    """

    def __init__(self, path: str) -> None:
        self.size = 0  # bytes of the entries that have not left
        self._lock = threading.RLock()
        self._path = path
        self._segments: dict[int, Segment] = {}  # by number, the oldest first
        self._last = 0
        self._active: Segment | None = None
        # Where a record is, and its size; not in a tuple, as the garbage collector would look at each.
        self._places: dict[int, int] = {}
        self._sizes: dict[int, int] = {}
        self._leaving: deque[int] = deque()
        self._retry_at = 0.0

    @contextlib.contextmanager
    def _held(self) -> Iterator[bool]:
        is_held = self._lock.acquire(timeout=_PATIENCE)
        try:
            yield is_held
        finally:
            if is_held:
                self._lock.release()

    @property
    def count(self) -> int:
        """How many records have not left."""
        return len(self._places)

    def holds(self, record: int) -> bool:
        """Returns whether a record is in the journal."""
        return record in self._places

    def is_locked_here(self) -> bool:
        """Returns whether the running thread is inside."""
        return bool(self._lock._is_owned())  # type: ignore[attr-defined]  # as `threading.Condition` asks

    # Records come

    def begin(self) -> None:
        """Begins a file for the next records, unless one is open, or the disk refused that a moment ago."""
        with self._held() as is_held:
            if is_held and self._active is None:
                self._open()

    def _open(self) -> None:
        if time.monotonic() < self._retry_at:
            return
        last = self._active
        number = self._last = max(self._last + 1, time.time_ns())
        try:
            self._active = Segment(f"{self._path}{INFIX}{number}", number)
        except OSError:
            self._fail()
            return
        self._segments[self._active.number] = self._active
        if last is not None and not last.count:
            self._drop(last)

    def _fail(self) -> None:
        self._active = None
        self._retry_at = time.monotonic() + _PAUSE

    def write(self, record: int, entry: bytes, room: int) -> bool:
        """Writes a record, and returns whether it is there.

        Args:
            record: its id.
            entry: its bytes.
            room: bytes that all records together may have.
        """
        if not self._lock.acquire(timeout=_PATIENCE):
            return False
        try:
            return self.size + len(entry) <= room and self._write(record, entry)
        finally:
            self._lock.release()

    def _write(self, record: int, entry: bytes) -> bool:
        size = len(entry)  # below, nothing is called in whose midst a signal handler could log
        if self._active is not None and self._active.length >= SEGMENT_BYTES:
            self._open()
        segment = self._active
        if segment is None:
            return False
        is_written = False
        try:
            is_written = segment.append(_RECORD % (record, size, entry))
        finally:  # a signal handler may raise
            if not is_written:
                self._fail()
        if is_written:
            self._sizes[record] = size
            self._places[record] = segment.number
            self.size += size
            segment.count += 1
            segment.size += size
        return is_written

    # Records go

    def leave(self, records: Iterable[int]) -> None:
        """Notes that records need not be kept any longer."""
        self._leaving.extend(records)
        with self._held() as is_held:
            if is_held:
                self._let_go()

    def leave_later(self, record: int) -> None:
        """Notes that a record need not be kept any longer when the next one leaves; it needs no lock."""
        self._leaving.append(record)

    def _let_go(self) -> None:
        gone: defaultdict[Segment, list[int]] = defaultdict(list)
        while self._leaving:
            record = self._leaving.popleft()
            segment = self._forget(record)
            if segment is not None:
                gone[segment].append(record)
        for segment, records in gone.items():
            if segment.count or segment is self._active:
                segment.leave(records)
            else:
                self._drop(segment)

    def _forget(self, record: int) -> Segment | None:
        segment = self._segments.get(self._places.pop(record, 0))
        size = self._sizes.pop(record, 0)
        if segment is not None:
            self.size -= size
            segment.count -= 1
            segment.size -= size
        return segment

    def _drop(self, segment: Segment) -> None:
        if self._segments.pop(segment.number, None):
            segment.remove()

    def cleared(self) -> set[int]:
        """Returns which records another process has deleted; they are forgotten."""
        gone: set[int] = set()
        with self._held() as is_held, contextlib.suppress(OSError):
            for segment in self._all() if is_held else ():
                kept = segment.read_if_touched()
                if kept is not None:
                    gone |= self._in(segment) - kept.keys()
            for record in gone:
                self._forget(record)
        return gone

    def _in(self, segment: Segment) -> set[int]:
        return {record for record, number in tuple(self._places.items()) if number == segment.number}

    def _all(self) -> tuple[Segment, ...]:
        return tuple(self._segments.values())

    # Upkeep

    def look_after(self) -> None:
        """Shows that the process lives, removes what has left, and forgets files that are gone."""
        for segment in self._all():
            with self._held() as is_held:
                if is_held and segment.number in self._segments:
                    self._let_go()
                    self._look_after(segment)
        self._compact()

    def _look_after(self, segment: Segment) -> None:
        if not segment.is_there():
            self._lose(segment)
        elif segment.count:
            segment.leave(())
        elif segment is self._active:
            segment.empty()
        else:
            self._drop(segment)

    def _lose(self, segment: Segment) -> None:
        for record in self._in(segment):
            self._forget(record)
        if segment is self._active:
            self._active = None
        del self._segments[segment.number]
        segment.close()

    def _compact(self) -> None:
        """Writes what is left in old files again, where that is little, so that they can go."""
        for segment in self._all()[:-_MOST_SEGMENTS]:
            if 4 * segment.size < segment.length:
                with contextlib.suppress(OSError):
                    for record, entry in segment.read().items():
                        self._write_again(segment, record, entry)

    def _write_again(self, segment: Segment, record: int, entry: bytes) -> None:
        with self._held() as is_held:
            size = self._sizes.get(record, 0)
            if is_held and self._places.get(record) == segment.number and self._write(record, entry):
                segment.count -= 1
                segment.size -= size
                self.size -= size
                if segment.count:
                    segment.leave((record,))
                else:
                    self._drop(segment)

    # The end

    def close(self) -> None:
        """Writes no more; a file goes when its last record has left, and is another process's if this one ends."""
        with self._held() as is_held:
            self._active = None
            if is_held:
                self._let_go()
                for segment in self._all():
                    if not segment.count:
                        self._drop(segment)

    def abandon(self) -> None:
        """Lets go of the files, which are the parent's."""
        for segment in self._all():
            segment.close()
