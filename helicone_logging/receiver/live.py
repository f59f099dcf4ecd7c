"""What has just arrived, as server-sent events, or as an answer for those who poll."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from helicone_logging.receiver.entries import SpanEntry
from helicone_logging.receiver.store import SpanStore

STREAMS = 16
"""Streams at the most; intake needs threads of the server too."""

_HEARTBEAT = 10.0  # seconds without news, after which a line says that the stream lives
_LOOK = 1.0  # seconds after which it is looked whether the reader is still there
_AT_ONCE = 200  # spans in an event; more are told by their number
_TOO_LONG = 19  # digits; fewer fit into 64 bits
_PAUSE = 0.15  # seconds between two events, so that a flood becomes a few


class Streams:
    """Open streams, each of which keeps a thread busy.

    Args:
        store: what is told of.
    """

    def __init__(self, store: SpanStore) -> None:
        self._store = store
        self._free = threading.Semaphore(STREAMS)

    def open(self, after: int, is_gone: Callable[[], bool]) -> Iterator[bytes] | None:
        """Returns a stream of events, None where there are enough; it has to be closed.

        Args:
            after: number of the last span that is known, as `known_number` gives it.
            is_gone: whether the reader has left.
        """
        if not self._free.acquire(blocking=False):
            return None
        return _Stream(self._events(after, is_gone), self._free.release)

    def _events(self, after: int, is_gone: Callable[[], bool]) -> Iterator[bytes]:
        yield b"retry: 1000\n\n"
        last_word = time.monotonic()
        while not self._store.is_ending and not is_gone():
            if self._store.wait_after(after, _LOOK):
                news = news_after(self._store, after)
                after = news["last"]
                yield f"id: {news['run']}-{after}\nevent: spans\ndata: {json.dumps(news)}\n\n".encode()
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


def known_number(store: SpanStore, known: str) -> int | None:
    """Returns the number of the last span that a reader knows.

    Args:
        store: what is read.
        known: `RUN-NUMBER` as it was told, or a number alone.

    Returns:
        0 for a number of another run, before a restart, as all is new then; None for what is none.
    """
    run, _, number = known.rpartition("-")
    if not number.isdecimal() or len(number) >= _TOO_LONG:
        return None
    is_of_this_run = run in ("", store.run) and int(number) <= store.last_seq
    return int(number) if is_of_this_run else 0


def news_after(store: SpanStore, after: int) -> dict[str, Any]:
    """Returns what came after a number: the latest spans, how many in all, and where that leads to."""
    last = store.last_seq
    entries = store.after(after, last - after)
    return {
        "run": store.run,
        "last": entries[-1].seq if entries else last,
        "count": len(entries),
        "spans": _events_of(entries[-_AT_ONCE:]),
    }


def _events_of(entries: Sequence[SpanEntry]) -> list[dict[str, Any]]:
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
