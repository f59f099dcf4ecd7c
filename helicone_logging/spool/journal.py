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
from collections.abc import Iterable
from pathlib import Path

from helicone_logging.spool.process import ProcessId, this_process

VERSION = 1
INFIX = ".journal-"
MOST_BYTES = 32 * 1024 * 1024  # of all entries; from half of it on, records are moved into the queue's file
SEGMENT_BYTES = 4 * 1024 * 1024

_MOST_SEGMENTS = 4  # a record that is tried for long keeps its file from being removed
_PAUSE = 1.0  # seconds after which a disk is tried again
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
            record, size = 0, -1
        is_torn = size != len(entry)
        if size == 0:
            records.pop(record, None)
        elif not is_torn:
            records[record] = entry
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
    except (ValueError, TypeError, KeyError):
        pass
    return None


class Segment:
    """One file of a journal.

    Args:
        path: where to create it, readable by its owner only.

    Raises:
        OSError: that is impossible.
    """

    def __init__(self, path: str) -> None:
        self.path = path
        self.live: dict[int, int] = {}  # the sizes of the records that have not left
        self._file = os.open(path, _APPEND | os.O_CREAT | os.O_EXCL, 0o600)
        self.close = weakref.finalize(self, os.close, self._file)
        self.close.atexit = False
        self._inode = os.fstat(self._file).st_ino
        self.size = 0
        if not self.append(json.dumps({"version": VERSION, **this_process()._asdict()}).encode() + b"\n"):
            self.remove()
            raise OSError(f"nothing can be written to {path}")
        self._head = self.size

    def append(self, data: bytes) -> bool:
        """Writes at the end, and returns whether all of it could be written; if not, nothing was."""
        try:
            written = os.write(self._file, data)
            if written < len(data):
                os.ftruncate(self._file, self.size)
        except OSError:
            return False
        self.size += written
        return written == len(data)

    def renew(self) -> bool:
        """Shows other hosts that its process lives, and returns whether the file is still where it was."""
        try:
            os.utime(self.path)
            return Path(self.path).stat().st_ino == self._inode
        except OSError:
            return False

    def empty(self) -> None:
        """Gives the room of what has left back to the disk, if that is everything."""
        if not self.live and self.size > self._head:
            with contextlib.suppress(OSError):
                os.ftruncate(self._file, self._head)
                self.size = self._head

    def cleared(self) -> set[int]:
        """Returns those that had not left, but were deleted by another process."""
        try:
            if os.fstat(self._file).st_size == self.size:
                return set()
            content = Path(self.path).read_bytes()
        except OSError:
            return set()
        self.size = len(content)
        return self.live.keys() - parse(content)[0].keys()

    def remove(self) -> None:
        """Closes it and deletes the file."""
        self.close()
        with contextlib.suppress(OSError):
            Path(self.path).unlink()


class Journal:
    """The records that are in the journal of this process; those that put records in hold its lock.

    Args:
        path: of the queue's file.
    """

    def __init__(self, path: str) -> None:
        self.lock = threading.RLock()  # reentrant: a signal handler may log while this thread is inside
        self.count = self.size = 0  # records that have not left, and bytes of their entries
        self._path = path
        self._segments: list[Segment] = []
        self._active: Segment | None = None
        self._retry_at = 0.0

    def begin(self) -> None:
        """Begins a file for the next records, unless the disk refused that a moment ago."""
        with self.lock:
            if time.monotonic() < self._retry_at:
                return
            try:
                segment = Segment(f"{self._path}{INFIX}{time.time_ns()}")
            except OSError:
                self._fail()
                return
            self._segments.append(segment)
            last, self._active = self._active, segment
            if last is not None and not last.live:
                self._drop(last)

    def is_open(self) -> bool:
        """Returns whether records can be written."""
        return self._active is not None

    def has_room(self, size: int) -> bool:
        """Returns whether a record fits."""
        return self.size + size <= MOST_BYTES

    def is_half_full(self) -> bool:
        """Returns whether half of what fits is in it."""
        return self.size > MOST_BYTES // 2

    def _fail(self) -> None:
        self._active = None
        self._retry_at = time.monotonic() + _PAUSE

    def write(self, record: int, entry: bytes) -> bool:
        """Writes a record, and returns whether it is there."""
        segment = self._active
        if segment is None:
            return False
        if segment.size >= SEGMENT_BYTES:
            self.begin()
            segment = self._active
            if segment is None:
                return False
        size = len(entry)
        segment.live[record] = size
        self.count += 1
        self.size += size
        is_written = False
        try:
            is_written = segment.append(_RECORD % (record, size, entry))
        finally:  # a signal handler may raise
            if not is_written:
                self._forget(segment, record)
                self._fail()
        return is_written

    def holds(self, record: int) -> bool:
        """Returns whether a record is in the journal."""
        with self.lock:
            return any(record in segment.live for segment in self._segments)

    def leave(self, records: Iterable[int]) -> None:
        """Notes that records need not be kept any longer."""
        left = set(records)
        with self.lock:
            for segment in tuple(self._segments):
                mine = [record for record in left if self._forget(segment, record)]
                left.difference_update(mine)
                if segment is not self._active and not segment.live:
                    self._drop(segment)
                elif mine:
                    segment.append(departure(mine))  # if not, and the process is killed, they are sent twice

    def _forget(self, segment: Segment, record: int) -> bool:
        size = segment.live.pop(record, None)
        if size is None:
            return False
        self.count -= 1
        self.size -= size
        return True

    def _drop(self, segment: Segment) -> None:
        if segment in self._segments:
            self._segments.remove(segment)
            segment.remove()

    def cleared(self) -> set[int]:
        """Returns which records another process has deleted; they are forgotten."""
        gone: set[int] = set()
        with self.lock:
            for segment in self._segments:
                for record in segment.cleared():
                    self._forget(segment, record)
                    gone.add(record)
        return gone

    def look_after(self) -> None:
        """Renews what shows that the process lives, removes what has left, and forgets files that are gone."""
        for segment in tuple(self._segments):
            with self.lock:
                if segment not in self._segments:
                    continue
                if not segment.renew():
                    self._lose(segment)
                elif segment is self._active:
                    segment.empty()
                elif not segment.live:
                    self._drop(segment)
        self._compact()

    def _lose(self, segment: Segment) -> None:
        for record in tuple(segment.live):
            self._forget(segment, record)
        if segment is self._active:
            self._active = None
        self._segments.remove(segment)
        segment.close()

    def _compact(self) -> None:
        """Writes records again whose files are kept by few of them."""
        for segment in tuple(self._segments[:-_MOST_SEGMENTS]):
            if 2 * sum(segment.live.copy().values()) > segment.size:
                continue
            with contextlib.suppress(OSError):
                for record, entry in parse(Path(segment.path).read_bytes())[0].items():
                    with self.lock:
                        if record in segment.live and self.write(record, entry):
                            self._forget(segment, record)
                with self.lock:
                    if not segment.live:
                        self._drop(segment)

    def close(self) -> None:
        """Writes no more; a file goes when its last record has left, and is another process's if this one ends."""
        with self.lock:
            self._active = None
            for segment in tuple(self._segments):
                if not segment.live:
                    self._drop(segment)

    def abandon(self) -> None:
        """Lets go of the files, which are the parent's."""
        for segment in self._segments:
            segment.close()
