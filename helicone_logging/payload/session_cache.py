"""Where a span stands in Helicone's session tree: the only thing that shows spans as one trace there."""

from __future__ import annotations

import contextlib
import threading
from collections import deque
from time import monotonic

from cachetools import TTLCache

from helicone_logging.context import session_path
from helicone_logging.core import lifecycle

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
        self._fresh: deque[tuple[float, str, str]] = deque(maxlen=self._size)
        self._last = ""

    def find(
        self, name: str, trace_id: str, span_id: str, parent_id: str | None, explicit: str | None, enclosing: str | None
    ) -> str:
        """Returns the path of a span.

        Args:
            name: its own name, the last part of the path.
            trace_id: its trace.
            span_id: its own id.
            parent_id: that of its parent, whose path is used if it is remembered; None for a span without one.
            explicit: a path the user gave; it wins.
            enclosing: the path of the `span()`s around it.
        """
        path = session_path.clean_path(explicit) if explicit else "/"
        if path != "/":
            return path
        if enclosing:  # cleaned again, as a field of the application's may happen to have the same name as ours
            return session_path.join(session_path.clean_path(enclosing), name)
        if parent_id is None or parent_id == span_id:  # nothing stands below itself
            return session_path.join("", name)
        return session_path.join(self._recall(trace_id + parent_id), name)

    def remember(self, trace_id: str, span_id: str, path: str) -> None:
        """Keeps the path of a span that others can name as their parent.

        Args:
            trace_id: its trace.
            span_id: its own id.
            path: where it stands.
        """
        span = trace_id + span_id
        if span != self._last or not self._fresh:  # one that is logged again and again pushes no other out
            self._last = span
            self._fresh.append((monotonic(), span, path))

    def _recall(self, span: str) -> str:
        with self._lock:
            with contextlib.suppress(IndexError):  # at the end; a signal handler may get there first
                while True:
                    self._now, fresh, path = self._fresh.popleft()
                    self._path_of[fresh] = path
            self._now = monotonic()
            return self._path_of.get(span, "")
