"""One file of a journal, and what is written in it.

It begins with a line of JSON that says whose it is. A record is a byte that UTF-8 never has, its id, its size, a line
feed and the entry; size 0 says that the record has left. So whatever is damaged, the next record is found.
"""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Iterable
from pathlib import Path

from helicone_logging.spool.process import ProcessId, this_process

INFIX = ".journal-"

_VERSION = 1
_IDS_END = 2**63  # of SQLite's whole numbers
_RECORD = b"\xff%d %d\n%b"
_APPEND = os.O_RDWR | os.O_APPEND | getattr(os, "O_BINARY", 0)


def parse(content: bytes) -> tuple[dict[int, bytes], int]:
    """Returns the records of a journal that have not left, and how many cannot be read.

    A last one that is not complete does not count: its process was killed before `put` returned.
    """
    records: dict[int, bytes] = {}
    torn: set[int] = set()
    damaged = 0
    _, *parts = content.split(b"\xff")
    for index, part in enumerate(parts, 1):
        record, size, entry = _read(part)
        if record and size == len(entry):
            records.pop(record, None)
            torn.discard(record)
            if size:
                records[record] = entry
        elif index < len(parts):
            damaged += not record
            torn |= {record} - {0}
    return records, damaged + len(torn)


def _read(part: bytes) -> tuple[int, int, bytes]:
    """Returns id, size and entry; 0 for an id that cannot be one."""
    head, _, entry = part.partition(b"\n")
    try:
        record, size = map(int, head.split(b" "))
    except ValueError:
        return 0, 0, entry
    return record if 0 < record < _IDS_END else 0, size, entry


def head(process: ProcessId) -> bytes:
    """Returns what says at the beginning of a journal whose it is."""
    return json.dumps({"version": _VERSION, **process._asdict()}).encode() + b"\n"


def arrival(record: int, entry: bytes) -> bytes:
    """Returns what says in a journal that a record has come."""
    return _RECORD % (record, len(entry), entry)


def departure(records: Iterable[int]) -> bytes:
    """Returns what says in a journal that records have left."""
    return b"".join(_RECORD % (record, 0, b"") for record in records)


def owner(content: bytes) -> ProcessId | None:
    """Returns whose journal it is, by its beginning, or None if that cannot be read."""
    try:
        found = json.loads(content.partition(b"\n")[0])
        if found["version"] == _VERSION:
            return ProcessId(str(found["host"]), int(found["pid"]), str(found["started"]))
    except (ValueError, TypeError, KeyError, OverflowError):
        pass
    return None


class Segment:
    """One file of a journal.

    Args:
        path: where to create it, readable by its owner only.
        number: which no other one of its journal has.

    Raises:
        OSError: that is impossible.
    """

    def __init__(self, path: str, number: int) -> None:
        self.path = path
        self.number = number
        self.count = self.size = 0  # records that have not left, and bytes of their entries
        self.writing = 1  # writes that are under way; while there are any, it must not be closed
        self.length = 0
        self._is_lost = False
        self.unwritten: list[int] = []  # have left, which could not be written yet
        self._file = os.open(path, _APPEND | os.O_CREAT | os.O_EXCL, 0o600)
        self._inode = os.fstat(self._file).st_ino
        if not self.write(head(this_process())):
            self.remove()
            raise OSError(f"nothing can be written to {path}")
        self._head = self.length

    def is_idle(self) -> bool:
        """Returns whether it may be closed, as nothing is left in it."""
        return not (self.count or self.writing)

    def is_used(self) -> bool:
        """Returns whether anything was written to it."""
        return self.length > self._head

    def write(self, data: bytes) -> bool:
        """Ends a write that was counted in `writing`, and returns whether all of it is at the end of the file now."""
        written = 0
        try:
            written = os.write(self._file, data)
        except OSError:
            pass
        finally:
            self.length += written
            self.writing -= 1
        return written == len(data)

    def depart(self, records: Iterable[int]) -> None:
        """The same for the note that records have left; what the disk does not take now is written with the next."""
        waiting, self.unwritten = self.unwritten, []
        waiting += records
        if not self.write(departure(waiting)):
            self.unwritten += waiting

    def renew(self) -> bool:
        """Shows other hosts that its process lives, and returns whether the file is still where it was."""
        try:
            os.utime(self.path)
            self._is_lost = Path(self.path).stat().st_ino != self._inode
        except FileNotFoundError:
            self._is_lost = True
        except OSError:
            pass  # it cannot be told, or may not be changed by who this process is now
        return not self._is_lost

    def is_touched(self) -> bool:
        """Returns whether another process has written to it since it was asked; nobody writes meanwhile."""
        if self.writing:
            return False
        length, self.length = self.length, os.fstat(self._file).st_size
        return self.length != length

    def read(self) -> dict[int, bytes]:
        """Returns what is in it.

        Raises:
            OSError: it cannot be read.
        """
        return parse(Path(self.path).read_bytes())[0]

    def close(self) -> None:
        """Closes the file; a write fails then, as in a child that a signal handler forked in the midst of one."""
        file, self._file = self._file, -1
        if file >= 0:
            os.close(file)

    def remove(self) -> None:
        """Empties the file, as it cannot always be deleted, closes it, and deletes it if it is still in its place."""
        with contextlib.suppress(OSError):
            os.ftruncate(self._file, 0)
        self.close()
        if not self._is_lost:
            with contextlib.suppress(OSError):
                Path(self.path).unlink()
