"""Keeps the last spans that were received, in memory."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Mapping
from typing import Any, NamedTuple


class StoredSpan(NamedTuple):
    """A span as it was received.

    Args:
        received_at: when, in seconds since the epoch.
        resource: of its `resourceSpans` entry.
        scope: of its `scopeSpans` entry.
        span: the span itself.
    """

    received_at: float
    resource: Mapping[str, Any]
    scope: Mapping[str, Any]
    span: Mapping[str, Any]


class SpanStore:
    """A bounded store; the oldest spans leave first.

    Args:
        keep: how many spans to keep.
    """

    def __init__(self, keep: int = 10_000) -> None:
        self._spans: deque[StoredSpan] = deque(maxlen=keep)
        self._received = 0
        self._changed = threading.Condition()

    @property
    def received(self) -> int:
        """How many spans have been received, kept or not."""
        return self._received

    def add(self, payload: Mapping[str, Any]) -> list[StoredSpan]:
        """Stores the spans of a payload that the schema accepts, and returns them."""
        now = time.time()
        stored = [
            StoredSpan(now, entry["resource"], scope["scope"], span)
            for entry in payload["resourceSpans"]
            for scope in entry["scopeSpans"]
            for span in scope["spans"]
        ]
        with self._changed:
            self._spans.extend(stored)
            self._received += len(stored)
            self._changed.notify_all()
        return stored

    def spans(self) -> list[StoredSpan]:
        """Returns the spans that are kept, in the order they came."""
        with self._changed:
            return list(self._spans)

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
