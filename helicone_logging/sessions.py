"""Where a span stands in Helicone's session tree: the only thing that shows spans as one trace there."""

from __future__ import annotations

import contextlib
import threading
from collections import deque
from time import monotonic

from cachetools import TTLCache

from helicone_logging import forks, paths
from helicone_logging.identity import Identity

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
        forks.watch(self)

    def after_fork_in_child(self) -> None:
        # Reentrant: a signal handler may log while this very thread is inside.
        self._lock = threading.RLock()
        self._now = 0.0
        self._path_of: TTLCache[str, str] = TTLCache(self._size, self._ttl, timer=lambda: self._now)
        # What came since somebody asked: most spans have no child that asks, and the cache takes 3 µs to put one in.
        self._fresh: deque[tuple[float, str, str]] = deque(maxlen=self._size)
        self._last = ""

    def find(self, name: str, identity: Identity, *, explicit: str | None, enclosing: str | None) -> str:
        """Returns the path of a span, and remembers it where others can name the span as their parent.

        Args:
            name: its own name, the last part of the path.
            identity: its ids; the path of its parent within the same trace is used if it is remembered.
            explicit: a path the user gave; it wins.
            enclosing: the path of the `span()`s around it.
        """
        path = paths.clean_path(explicit) if explicit else "/"
        if path == "/":
            # Cleaned again, as a field of the application's may happen to have the same name as ours.
            parent = paths.clean_path(enclosing) if enclosing else self._recall(identity)
            path = paths.join(parent, name)
        if identity.is_known:
            span = identity.trace_id + identity.span_id
            if span != self._last or not self._fresh:  # one that is logged again and again pushes no other out
                self._last = span
                self._fresh.append((monotonic(), span, path))
        return path

    def _recall(self, identity: Identity) -> str:
        if identity.parent_id is None or identity.parent_id == identity.span_id:  # nothing stands below itself
            return ""
        with self._lock:
            with contextlib.suppress(IndexError):  # at the end; a signal handler may get there first
                while True:
                    self._now, span, path = self._fresh.popleft()
                    self._path_of[span] = path
            self._now = monotonic()
            return self._path_of.get(identity.trace_id + identity.parent_id, "")
