"""Keeps the last entries, bounded by their number and their bytes, and tells who waits of new ones."""

from __future__ import annotations

import secrets
import threading
from collections import deque
from collections.abc import Mapping
from itertools import takewhile
from typing import Any

from helicone_logging.receiver.database import Database
from helicone_logging.receiver.entries import SessionKey, SpanEntry, StoredSpan, entry_of, raw_spans_of

KEEP_BYTES = 256 * 1024 * 1024

__all__ = ["KEEP_BYTES", "SpanStore", "StoredSpan"]


class SpanStore:
    """A bounded store; the oldest spans leave first.

    Args:
        keep: how many spans to keep.
        keep_bytes: how many bytes they may take in memory, about.
        database: where they outlast the process; None to keep them in memory only.
    """

    def __init__(self, keep: int = 10_000, keep_bytes: int = KEEP_BYTES, database: Database | None = None) -> None:
        self._keep = keep
        self._keep_bytes = keep_bytes
        self._database = database
        self.run = secrets.token_hex(4) if database is None else database.run
        """Names the numbering of the entries: with another one, all numbers that a reader knows mean nothing."""
        self._entries: deque[SpanEntry] = deque()
        self._by_session: dict[SessionKey, deque[SpanEntry]] = {}
        self._bytes = 0
        self._last_seq = 0
        self._received = 0
        self._is_ending = False
        self._changed = threading.Condition()
        if database is not None:
            self._load(database)

    def reopen(self, database: Database) -> None:
        """Goes on with a database whose spans are in memory already."""
        with self._changed:
            self._database = database

    def _load(self, database: Database) -> None:
        for seq, received_at, raw in database.rows(self._keep):
            self._last_seq = seq
            try:
                self._keep_entry(entry_of(raw, seq, received_at))
            except (ValueError, LookupError, TypeError, AttributeError):  # damaged, or of another version
                database.tell(f"span {seq} in it cannot be read, and is not shown")
        with self._changed:
            self._evict()

    @property
    def received(self) -> int:
        """How many spans have been received, kept or not, since it was made."""
        return self._received

    @property
    def last_seq(self) -> int:
        """The number of the latest entry."""
        return self._last_seq

    def add(self, payload: Mapping[str, Any]) -> list[SpanEntry]:
        """Stores the spans of a payload that the schema accepts, and returns them.

        Raises:
            RecursionError: something in it is nested too deeply; nothing of it is stored.
        """
        # Made outside the lock, so that nobody who reads waits for one that has much to take in.
        entries = [entry_of(raw) for raw in raw_spans_of(payload)]
        with self._changed:
            for seq, entry in enumerate(entries, self._last_seq + 1):
                entry.seq = seq
                self._keep_entry(entry)
            self._last_seq += len(entries)
            if self._database is not None:
                self._database.add((entry.seq, entry.received_at, entry.raw) for entry in entries)
            self._evict()
            self._received += len(entries)
            self._changed.notify_all()
        return entries

    def _keep_entry(self, entry: SpanEntry) -> None:
        self._entries.append(entry)
        self._by_session.setdefault(entry.key, deque()).append(entry)
        self._bytes += entry.size

    def _evict(self) -> None:
        """Lets the oldest go, but never the latest one, however large it is."""
        last_gone = 0
        while len(self._entries) > 1 and (len(self._entries) > self._keep or self._bytes > self._keep_bytes):
            entry = self._entries.popleft()
            session = self._by_session[entry.key]
            session.remove(entry)  # at its head, or near to it
            if not session:
                del self._by_session[entry.key]
            self._bytes -= entry.size
            last_gone = max(last_gone, entry.seq)
        if last_gone and self._database is not None:
            self._database.remove_up_to(last_gone)

    def clear(self) -> None:
        """Forgets all spans."""
        with self._changed:
            self._entries.clear()
            self._by_session.clear()
            self._bytes = 0
            if self._database is not None:
                self._database.remove_up_to(self._last_seq)

    @property
    def has_database(self) -> bool:
        """Whether the spans go to a database that is open."""
        return self._database is not None

    def close(self) -> None:
        """Closes the database, if there is one; spans stay in memory."""
        with self._changed:
            if self._database is not None:
                self._database.close()
                self._database = None

    def entries(self) -> list[SpanEntry]:
        """Returns the entries that are kept, in the order they came."""
        with self._changed:
            return list(self._entries)

    def spans(self) -> list[StoredSpan]:
        """Returns the spans that are kept, in the order they came."""
        return [entry.stored for entry in self.entries()]

    def after(self, seq: int, limit: int) -> list[SpanEntry]:
        """Returns entries that came after a number, the oldest first.

        Args:
            seq: that number.
            limit: how many at the most.
        """
        with self._changed:
            later = list(takewhile(lambda entry: entry.seq > seq, reversed(self._entries)))
        return later[::-1][:limit]

    def find(self, seq: int) -> SpanEntry | None:
        """Returns the entry of a number, None if it has left."""
        return next((entry for entry in self.entries() if entry.seq == seq), None)

    def sessions(self) -> dict[SessionKey, list[SpanEntry]]:
        """Returns the entries of each session, sessions in the order in which they began to come."""
        with self._changed:
            return {key: list(entries) for key, entries in self._by_session.items()}

    def session(self, key: SessionKey) -> list[SpanEntry]:
        """Returns the entries of one session; none where it is not known."""
        with self._changed:
            return list(self._by_session.get(key, ()))

    def wait_for(self, count: int, timeout: float) -> bool:
        """Waits until a number of spans have been received in total.

        Args:
            count: how many.
            timeout: seconds at the most.

        Returns:
            Whether they have.
        """
        with self._changed:
            return self._changed.wait_for(lambda: self._received >= count, timeout)

    def wait_after(self, seq: int, timeout: float) -> bool:
        """Waits until something has come after a number, or the streams have to end.

        Args:
            seq: that number.
            timeout: seconds at the most.

        Returns:
            Whether something has come.
        """
        with self._changed:
            self._changed.wait_for(lambda: self._is_ending or self._has_after(seq), timeout)
            return self._has_after(seq)

    def _has_after(self, seq: int) -> bool:
        return bool(self._entries) and self._entries[-1].seq > seq

    @property
    def is_ending(self) -> bool:
        """Whether who waits for more should end."""
        return self._is_ending

    def end_waiting(self, *, is_ending: bool = True) -> None:
        """Lets all who wait for more end, or wait again."""
        with self._changed:
            self._is_ending = is_ending
            self._changed.notify_all()
