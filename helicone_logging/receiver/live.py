"""What has just arrived, as server-sent events, or as an answer for those who poll."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from helicone_logging.receiver.entries import Entry
from helicone_logging.receiver.store import SpanStore

_HEARTBEAT = 10.0  # seconds without news, after which a line says that the stream lives
_LOOK = 1.0  # seconds after which it is looked whether the reader is still there
_AT_ONCE = 200  # spans in an event; more are told by their number
_PAUSE = 0.15  # seconds between two events, so that a flood becomes a few


class Streams:
    """Open streams, each of which keeps a thread busy.

    Args:
        store: what is told of.
        limit: how many at the most; intake needs threads too.
    """

    def __init__(self, store: SpanStore, limit: int) -> None:
        self._store = store
        self._free = threading.Semaphore(limit)

    def open(self, after: int, is_gone: Callable[[], bool]) -> Iterator[bytes] | None:
        """Returns a stream of events, None where there are enough; it has to be closed.

        Args:
            after: number of the last span that is known.
            is_gone: whether the reader has left.
        """
        if not self._free.acquire(blocking=False):
            return None
        return _Stream(self._events(after, is_gone), self._free.release)

    def _events(self, after: int, is_gone: Callable[[], bool]) -> Iterator[bytes]:
        if after > self._store.last_seq:  # a number of another run, before a restart: all is new
            after = 0
        yield b"retry: 1000\n\n"
        last_word = time.monotonic()
        while not self._store.is_ending and not is_gone():
            if self._store.wait_after(after, _LOOK):
                news = news_after(self._store, after)
                after = news["last"]
                yield f"id: {after}\nevent: spans\ndata: {json.dumps(news)}\n\n".encode()
                last_word = time.monotonic()
                threading.Event().wait(_PAUSE)
            elif time.monotonic() - last_word > _HEARTBEAT:
                yield b": still here\n\n"
                last_word = time.monotonic()


class _Stream(Iterator[bytes]):
    """An iterator that gives its place back when the server closes it, begun or not."""

    def __init__(self, events: Iterator[bytes], release: Callable[[], None]) -> None:
        self._events = events
        self._release: Callable[[], None] | None = release

    def __next__(self) -> bytes:
        return next(self._events)

    def close(self) -> None:
        release, self._release = self._release, None
        if release is not None:
            release()


def news_after(store: SpanStore, after: int) -> dict[str, Any]:
    """Returns what came after a number: the latest spans, how many in all, and the number of the last.

    A number that is not reached yet is one of another run, before a restart: all is new.
    """
    last = store.last_seq
    if after > last:
        after = 0
    entries = store.after(after, last - after)
    return {
        "last": entries[-1].seq if entries else last,
        "count": len(entries),
        "spans": _events_of(entries[-_AT_ONCE:]),
    }


def _events_of(entries: Sequence[Entry]) -> list[dict[str, Any]]:
    return [
        {
            "seq": entry.seq,
            "session": entry.key.id,
            "name": entry.key.name,
            "failed": entry.has_failed,
            "problems": len(entry.problems),
        }
        for entry in entries
    ]
