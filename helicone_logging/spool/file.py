"""The file of a queue on disk: its schema, and every SQL statement.

Each change of a connection that is shared is a single statement, so that no signal handler or other thread can get
between the parts of one. A record's id is the time it came at, in nanoseconds: ids grow at the end of the table for all
processes together, where SQLite is fastest, and none is used twice.
"""

from __future__ import annotations

import contextlib
import sqlite3
import time
import weakref
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from helicone_logging.spool.names import create_private
from helicone_logging.spool.process import ProcessId, is_gone

VERSION = 1
APPLICATION_ID = 0x48434C51

MOST_ROWS = 256  # SQLite before 3.32 takes 999 values at once
TROUBLE = (sqlite3.Error, OSError, MemoryError, ValueError, TypeError)  # the last two: rows with flipped bits

_BUSY_SECONDS = 0.005
_NO_CHECKPOINT = 1006  # sqlite3.SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, since Python 3.12
_CREATE = """
CREATE TABLE records (id INTEGER PRIMARY KEY, claim INTEGER NOT NULL, entry BLOB NOT NULL);
CREATE TABLE claims (id INTEGER PRIMARY KEY, holder INTEGER NOT NULL, host TEXT NOT NULL, pid INTEGER NOT NULL,
    started TEXT NOT NULL, lease REAL NOT NULL, reserved INTEGER NOT NULL);
"""
_INSERT = "INSERT INTO records (id, claim, entry) VALUES (?, ?, ?)"
_RESERVE = """
UPDATE claims SET reserved = CASE id WHEN :holder THEN max(:used, min(:wanted, :most - (
    SELECT coalesce(sum(reserved), 0) FROM claims WHERE holder <> :holder))) ELSE 0 END WHERE holder = :holder
"""

# What SQLite says of a file that is all right, on a disk or beside processes that are not.
_PASSING = {
    "database is locked": "locked",
    "database table is locked": "locked",
    "database schema is locked": "locked",
    "locking protocol": "locked",
    "database or disk is full": "full",
    "attempt to write a readonly database": "read-only",
    "unable to open database file": "unavailable",
    "disk I/O error": "unavailable",
    "Cannot operate on a closed database.": "unavailable",
    "interrupted": "unavailable",
}


class UnusableFileError(sqlite3.DatabaseError):
    """The file is no queue that this version can use."""


class Claim(NamedTuple):
    """The right to the records that were put in under one id.

    Args:
        id: of the claim, as the records name it.
        holder: the claim that its holder made itself; 0 for nobody.
        process: who that is.
        lease: until when others leave it alone unless they know the holder gone, in seconds since the epoch.
    """

    id: int
    holder: int
    process: ProcessId
    lease: float

    def is_free(self) -> bool:
        """Returns whether it may be taken over: its holder is known to be gone, or its lease has run out."""
        if self.holder == 0:
            return True
        gone = is_gone(self.process)
        return self.lease < time.time() if gone is None else gone


def passing_trouble(error: Exception) -> str | None:
    """Returns in a word what stands in the way for now, or None if the file itself is broken."""
    if isinstance(error, OSError | MemoryError):
        return "unavailable"
    text = str(error)
    return next((word for start, word in _PASSING.items() if text.startswith(start)), None)


class SpoolFile:
    """A connection to the file, for one thread at a time.

    Args:
        path: absolute.
        is_new_allowed: whether to create the file, readable by its owner only, and its directory.
        patience: seconds to wait for other processes at each statement.

    Raises:
        sqlite3.Error: it cannot be opened.
        OSError: it cannot be created.
    """

    def __init__(self, path: str, *, is_new_allowed: bool = True, patience: float = _BUSY_SECONDS) -> None:
        self.path = path
        if is_new_allowed:
            create_private(path)
        self._connection = sqlite3.connect(
            Path(path).as_uri() + "?mode=rw",
            timeout=patience,
            isolation_level=None,
            check_same_thread=False,
            uri=True,
        )
        weakref.finalize(self, self._connection.close).atexit = False  # for a handler that nobody closed
        try:
            self._prepare()
        except BaseException:
            self.close()
            raise

    def _prepare(self) -> None:
        if self._value("PRAGMA user_version") == 0 and not self._value("SELECT count(*) FROM sqlite_master"):
            self._create()
        version = self._value("PRAGMA user_version")  # once more, as another process may have made it meanwhile
        if version != VERSION or self._value("PRAGMA application_id") != APPLICATION_ID:
            raise UnusableFileError(f"it has version {version} of its form, not {VERSION}")
        self._value("SELECT id, claim, entry FROM records LIMIT 0")
        self._connection.execute("PRAGMA synchronous=NORMAL")
        self._connection.execute("PRAGMA wal_autocheckpoint=0")
        # Where SQLite is built to overwrite what is deleted, as Debian's, that takes seven times as long.
        self._connection.execute("PRAGMA secure_delete=FAST")

    def _create(self) -> None:
        self._connection.execute("PRAGMA synchronous=OFF")  # there is nothing to lose yet
        # Each record changes three pages or four, all of which are written: 9 KB for one of 4 KB, and 13 KB by default.
        self._connection.execute("PRAGMA page_size=2048")
        if self._value("PRAGMA journal_mode=WAL") != "wal":
            raise sqlite3.OperationalError("unable to open database file: its file system has no write-ahead log")
        with self._connection:
            self._connection.execute("BEGIN IMMEDIATE")
            if self._value("PRAGMA user_version") == 0:  # another process may have been faster
                for statement in _CREATE.split(";")[:-1]:
                    self._connection.execute(statement)
                self._connection.execute(f"PRAGMA application_id={APPLICATION_ID}")
                self._connection.execute(f"PRAGMA user_version={VERSION}")

    def _value(self, sql: str, values: Sequence[object] = ()) -> Any:
        row = self._connection.execute(sql, values).fetchone()
        return None if row is None else row[0]

    def close(self, *, is_quick: bool = False) -> None:
        """Closes the connection.

        Args:
            is_quick: whether to leave the write-ahead log as it is, where Python can tell SQLite that.
        """
        if is_quick and hasattr(self._connection, "setconfig"):
            with contextlib.suppress(sqlite3.Error):
                self._connection.setconfig(_NO_CHECKPOINT, True)
        with contextlib.suppress(sqlite3.Error):
            self._connection.close()

    # Records

    def insert(self, claim: int, rows: Sequence[tuple[int, bytes]]) -> list[int]:
        """Puts up to `MOST_ROWS` records in, all or none, and returns their ids: if others have some, higher ones."""
        records = [record for record, _ in rows]
        while True:
            values = [value for record, row in zip(records, rows, strict=True) for value in (record, claim, row[1])]
            try:
                self._connection.execute(_INSERT + ", (?, ?, ?)" * (len(rows) - 1), values)
            except sqlite3.IntegrityError:
                records = _apart(record + 1 for record in records)
                continue
            return records

    def take_in(self, journal: str, records: Mapping[int, bytes], is_there: Callable[[], bool]) -> None:
        """Puts in what a process left that is gone, all or nothing and once, free for anybody.

        Args:
            journal: the name of its journal, by which the claim says what it is of.
            records: what is in that; a record that is in the file already is not put in again.
            is_there: whether the journal still is.
        """
        with self._connection:
            self._connection.execute("BEGIN IMMEDIATE")
            if not is_there() or self._value("SELECT 1 FROM claims WHERE pid = 0 AND started = ?", (journal,)):
                return
            rows = [row for row in records.items() if not self._is_there(*row)]
            size = sum(len(entry) for _, entry in rows)
            claim = self._new_claim(0, ProcessId("", 0, journal), 0.0, size)
            for start in range(0, len(rows), MOST_ROWS):
                self.insert(claim, rows[start : start + MOST_ROWS])

    def _is_there(self, record: int, entry: bytes) -> bool:
        found: bool = self._value("SELECT entry FROM records WHERE id = ?", (record,)) == entry
        return found

    def read_after(self, claim: int, after: int, limit: int) -> Rows:
        """Yields the oldest records of a claim; close it, as it holds the file's log open."""
        return Rows(
            self._connection.execute(
                "SELECT id, entry FROM records WHERE id > ? AND claim = ? ORDER BY id LIMIT ?", (after, claim, limit)
            )
        )

    def read(self, records: Iterable[int], claims: Iterable[int]) -> dict[int, bytes]:
        """Returns those of the records that are there and belong to the claims."""
        sql = f"SELECT id, entry FROM records WHERE id IN {_list(records)} AND claim IN {_list(claims)}"  # noqa: S608 - ints
        return dict(Rows(self._connection.execute(sql)))

    def oldest(self, claim: int, after: int) -> tuple[int, int] | None:
        """Returns id and size of the oldest record of a claim, or None for none."""
        sql = "SELECT id, length(entry) FROM records WHERE id > ? AND claim = ? ORDER BY id LIMIT 1"
        row = self._connection.execute(sql, (after, claim)).fetchone()
        return None if row is None else (int(row[0]), int(row[1]))

    def delete(self, records: Iterable[int]) -> int:
        """Deletes records and returns how many there were."""
        return self._connection.execute(f"DELETE FROM records WHERE id IN {_list(records)}").rowcount  # noqa: S608 - ints

    def measure(self, claim: int) -> tuple[int, int, int]:
        """Returns how many records a claim has, their bytes, and the id of the oldest; 0 for none.

        It reads the whole table.
        """
        row = self._connection.execute(
            "SELECT count(*), coalesce(sum(length(entry)), 0), coalesce(min(id), 0) FROM records WHERE claim = ?",
            (claim,),
        ).fetchone()
        return int(row[0]), int(row[1]), int(row[2])

    def totals(self) -> dict[int, tuple[int, int, int]]:
        """Returns for each claim that has any how many records, their bytes, and the id of the oldest."""
        rows = self._connection.execute(
            "SELECT claim, count(*), sum(length(entry)), min(id) FROM records GROUP BY claim"
        )
        return {row[0]: (row[1], row[2], row[3]) for row in rows}

    def clear(self, claims: Iterable[int]) -> int:
        """Deletes the records of some claims and returns how many there were."""
        sql = f"DELETE FROM records WHERE claim IN {_list(claims)}"  # noqa: S608 - ints
        return self._connection.execute(sql).rowcount

    # Claims

    def claim(self, process: ProcessId, lease: float) -> int:
        """Makes a claim and returns its id."""
        return self._new_claim(None, process, lease, 0)

    def _new_claim(self, holder: int | None, process: ProcessId, lease: float, reserved: int) -> int:
        while True:
            claim = time.time_ns()
            row = (claim, claim if holder is None else holder, *process, lease, reserved)
            try:
                self._connection.execute("INSERT INTO claims VALUES (?, ?, ?, ?, ?, ?, ?)", row)
            except sqlite3.IntegrityError:
                continue
            return claim

    def claims(self) -> list[Claim]:
        """Returns all claims, the oldest first."""
        rows = self._connection.execute("SELECT id, holder, host, pid, started, lease FROM claims ORDER BY id")
        return [Claim(row[0], row[1], ProcessId(str(row[2]), int(row[3]), str(row[4])), float(row[5])) for row in rows]

    def take_over(self, claim: Claim, holder: int, process: ProcessId, lease: float) -> bool:
        """Takes a claim from its holder, and returns whether it was still as it had been seen."""
        sql = (
            "UPDATE claims SET holder = ?, host = ?, pid = ?, started = ?, lease = ?"
            " WHERE id = ? AND holder = ? AND pid = ? AND lease = ?"
        )
        seen = (claim.id, claim.holder, claim.process.pid, claim.lease)
        return self._connection.execute(sql, (holder, *process, lease, *seen)).rowcount == 1

    def renew(self, holder: int, lease: float) -> int:
        """Renews the claims of a holder, and returns how many it has."""
        return self._connection.execute("UPDATE claims SET lease = ? WHERE holder = ?", (lease, holder)).rowcount

    def held(self, holder: int) -> set[int]:
        """Returns the claims of a holder."""
        return {row[0] for row in self._connection.execute("SELECT id FROM claims WHERE holder = ?", (holder,))}

    def release(self, holder: int, used: int) -> None:
        """Frees the claims of a holder for anybody, with the room that is used; deletes them if that is none."""
        if not used:
            self.forget_empty(holder, 0)
        self._connection.execute(
            "UPDATE claims SET holder = 0, lease = 0, reserved = CASE id WHEN holder THEN ? ELSE 0 END"
            " WHERE holder = ?",
            (used, holder),
        )

    def forget_empty(self, holder: int, kept: int) -> None:
        """Deletes the claims of a holder that have no records, but one."""
        self._connection.execute(
            "DELETE FROM claims WHERE holder = ? AND id <> ?"
            " AND NOT EXISTS (SELECT 1 FROM records WHERE claim = claims.id)",
            (holder, kept),
        )

    def reserve(self, holder: int, used: int, wanted: int, most: int) -> int:
        """Sets apart room for a holder, and returns how much.

        Args:
            holder: it.
            used: bytes that its records have already.
            wanted: bytes that it would like to have, those included.
            most: bytes for all holders together.
        """
        self._connection.execute(_RESERVE, {"holder": holder, "used": used, "wanted": wanted, "most": most})
        return int(self._value("SELECT coalesce(sum(reserved), 0) FROM claims WHERE holder = ?", (holder,)))

    # Upkeep

    def checkpoint(self) -> bool:
        """Moves what can be moved from the write-ahead log, and returns whether that was all of it."""
        busy, written, moved = self._connection.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchone()
        return not busy and written == moved

    def log_size(self) -> int:
        """Returns the size of the write-ahead log in bytes."""
        try:
            return Path(self.path + "-wal").stat().st_size
        except OSError:
            return 0

    def shrink(self) -> None:
        """Gives the room of deleted records back to the disk, if none are left."""
        if self._value("PRAGMA freelist_count") and not self._value("SELECT 1 FROM records LIMIT 1"):
            self._connection.execute("VACUUM")
            self._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()


class Rows:
    """Ids and entries of a statement, checked, as a file with flipped bits may hold anything."""

    def __init__(self, cursor: sqlite3.Cursor) -> None:
        self._cursor = cursor

    def __iter__(self) -> Rows:
        return self

    def __next__(self) -> tuple[int, bytes]:
        record, entry = next(self._cursor)
        if not isinstance(entry, bytes):
            raise UnusableFileError("a record is not what was written")
        return record, entry

    def close(self) -> None:
        self._cursor.close()


def _apart(ids: Iterable[int]) -> list[int]:
    """Makes those higher that are there twice."""
    apart: dict[int, None] = {}
    for record in ids:
        while record in apart:
            record += 1  # noqa: PLW2901 - that is the point
        apart[record] = None
    return list(apart)


def _list(ids: Iterable[int]) -> str:
    return f"({','.join(map(str, ids))})"
