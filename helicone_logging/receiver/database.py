"""The receiver's spans in a SQLite file, so that they outlast the process."""

from __future__ import annotations

import os
import secrets
import sqlite3
import sys
from collections.abc import Iterable, Iterator
from contextlib import closing
from pathlib import Path
from typing import NoReturn

from helicone_logging.errors import ConfigurationError

# How SQLite's header tells that a file is ours: "HLrx".
_APPLICATION = 0x484C7278
_HEADER = b"SQLite format 3\0"
_OWNER_ONLY = 0o600
_TABLE = "CREATE TABLE IF NOT EXISTS spans (seq INTEGER PRIMARY KEY, received_at REAL NOT NULL, raw BLOB NOT NULL)"


class Database:
    """A file of spans; a disk that takes no more is told once and never costs a span in memory.

    Args:
        path: the file; made if it is not there.

    Raises:
        ConfigurationError: it is a file of something else, is in use, or cannot be opened.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self._path = Path(path)
        self._has_told = False
        self.run = ""
        """Names the file; its spans are numbered on, whoever opens it."""
        try:
            _make_private(self._path)
            self._connection = sqlite3.connect(self._path, check_same_thread=False, isolation_level=None, timeout=1)
        except (OSError, sqlite3.Error) as error:
            self._refuse(f"it cannot be opened: {error}", error)
        try:
            self._prepare()
        except sqlite3.Error as error:
            self._connection.close()
            self._refuse(f"it cannot be used: {error}", error)
        except (ConfigurationError, OSError):
            self._connection.close()
            raise

    def _prepare(self) -> None:
        execute = self._connection.execute
        execute("PRAGMA locking_mode=EXCLUSIVE")  # a second receiver on the file is refused, and needs no shared memory
        execute("BEGIN IMMEDIATE")
        (application,) = execute("PRAGMA application_id").fetchone()
        (tables,) = execute("SELECT count(*) FROM sqlite_master").fetchone()
        if application != _APPLICATION and tables:
            execute("ROLLBACK")
            self._refuse("it is a database of something else")
        if application != _APPLICATION:
            execute(f"PRAGMA application_id={_APPLICATION}")
        if os.name == "posix":
            self._path.chmod(_OWNER_ONLY)
        execute(_TABLE)
        execute("SELECT seq, received_at, raw FROM spans LIMIT 1")  # refused here where the table is of another form
        (number,) = execute("PRAGMA user_version").fetchone()
        if not number:
            number = secrets.randbelow(2**31 - 1) + 1
            execute(f"PRAGMA user_version={number}")
        self.run = f"{number:08x}"
        execute("COMMIT")
        execute("PRAGMA journal_mode=WAL")
        execute("PRAGMA synchronous=NORMAL")

    def rows(self, limit: int) -> Iterator[tuple[int, float, bytes]]:
        """Yields number, time and JSON of the last spans, the oldest first.

        Args:
            limit: how many at the most.

        Raises:
            ConfigurationError: the file is damaged.
        """
        query = "SELECT seq, received_at, raw FROM spans ORDER BY seq DESC LIMIT ?"
        try:
            with closing(self._connection.execute(query, (limit,))) as found:
                rows = found.fetchall()
        except sqlite3.Error as error:
            self._connection.close()
            self._refuse(f"it cannot be read: {error}", error)
        yield from reversed(rows)

    def add(self, rows: Iterable[tuple[int, float, bytes]]) -> None:
        """Stores spans: number, time and JSON of each."""
        self._write("INSERT INTO spans VALUES (?, ?, ?)", rows)

    def remove_up_to(self, seq: int) -> None:
        """Removes the spans up to a number."""
        self._write("DELETE FROM spans WHERE seq <= ?", [(seq,)])

    def _write(self, statement: str, rows: Iterable[tuple[object, ...]]) -> None:
        try:
            self._connection.execute("BEGIN")
            self._connection.executemany(statement, rows)
            self._connection.execute("COMMIT")
        except sqlite3.Error as error:
            if self._connection.in_transaction:
                self._connection.execute("ROLLBACK")
            self.tell(f"it takes no more: {error}; spans are kept in memory")

    def tell(self, what: str) -> None:
        """Says on stderr what is wrong with the file, the first time only."""
        if not self._has_told:
            self._has_told = True
            print(f"{self._path}: {what}", file=sys.stderr)  # noqa: T201 - no logger

    def close(self) -> None:
        """Closes the file."""
        self._connection.close()

    def _refuse(self, why: str, cause: Exception | None = None) -> NoReturn:
        raise ConfigurationError(f"the database {self._path} cannot work: {why}; name another file") from cause


def _make_private(path: Path) -> None:
    """Makes the file for its owner only, if it is not there; a file that is no database is left alone."""
    try:
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR, _OWNER_ONLY))
    except FileExistsError:
        with path.open("rb") as file:
            header = file.read(len(_HEADER))
        if header and header != _HEADER:
            raise OSError("it is a file of something else") from None
