"""Session paths, and a cache of those of recent spans: the path alone shows spans as one tree in Helicone."""

from __future__ import annotations

import contextlib
import threading
from collections import deque
from collections.abc import Callable
from typing import Any

from cachetools import TTLCache

from helicone_logging.context import session_path
from helicone_logging.core import clock, lifecycle

PathFinder = Callable[..., tuple[str, str] | None]
"""Returns the ids of a span, its trace's and its own in one, and its path; None for a span that nobody can name."""

REMEMBERED_SPANS = 10_000
REMEMBERED_SECONDS = 3600.0


class SessionPaths:
    """Finds the path of each span, and remembers it for the spans below.

    Args:
        size: how many spans are remembered at the most; the oldest go first.
        ttl: for how many seconds.
    """

    def __init__(self, size: int = REMEMBERED_SPANS, ttl: float = REMEMBERED_SECONDS) -> None:
        self._size = size
        self._ttl = ttl
        self.after_fork_in_child()
        lifecycle.watch_forks(self)

    def after_fork_in_child(self) -> None:
        # Reentrant: a signal handler may log while this very thread is inside.
        self._lock = threading.RLock()
        self._now = 0.0
        self._path_of: TTLCache[str, str] = TTLCache(self._size, self._ttl, timer=lambda: self._now)
        # What came since somebody asked: most spans have no child that asks, and the cache takes 3 µs to put one in.
        self._fresh: deque[tuple[float, PathFinder, tuple[Any, ...]]] = deque(maxlen=self._size)
        self._is_finding = False
        self._last: object = None

    def find(
        self, name: str, trace_id: str, span_id: str, parent_id: str | None, explicit: str | None, enclosing: str | None
    ) -> str:
        """Returns the path of a span: the explicit one, else below the enclosing `span()`s, else below its parent."""
        path = session_path.clean_path(explicit) if explicit else "/"
        if path != "/":
            return path
        if enclosing:  # cleaned again, as a field of the application's may happen to have the same name as ours
            return session_path.join(session_path.clean_path(enclosing), name)
        if parent_id is None or parent_id == span_id:  # nothing stands below itself
            return session_path.join("", name)
        return session_path.join(self._recall(trace_id + parent_id), name)

    def remember(self, span: object, find: PathFinder, arguments: tuple[Any, ...]) -> None:
        """Keeps where a span stands that others can name as their parent.

        Args:
            span: what tells it from others; one that is logged again and again is kept once.
            find: says where; called when a child asks, in the order of the spans.
            arguments: its arguments, of which nothing can change.
        """
        if span != self._last or not self._fresh:
            self._last = span
            self._fresh.append((clock.monotonic(), find, arguments))

    def _recall(self, span: str) -> str:
        with self._lock:
            if not self._is_finding:  # to find a path may ask for that of its parent, which came before it
                self._is_finding = True
                try:
                    self._find_all()
                finally:
                    self._is_finding = False
            return self._path_of.get(span, "")

    def _find_all(self) -> None:
        with contextlib.suppress(IndexError):  # at the end; a signal handler may get there first
            while True:
                self._now, find, arguments = self._fresh.popleft()
                found = find(*arguments)
                if found is not None:
                    self._path_of[found[0]] = found[1]
        self._now = clock.monotonic()
