"""Turns away records that are born inside this package's own work.

A sender thread's `urllib3` record would otherwise be sent by the sender thread (opentelemetry-python #4688), and a
redactor or `__str__` that logs would call itself without end. The question is asked before any lock is taken
(watchtower #93). One level of nesting is let through: a signal handler or a finaliser may log while this very thread
is inside `emit`, and its record must not be lost.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

_DEEPEST = 2


class _State(threading.local):
    depth = 0
    is_sending = False


state = _State()
"""Of the running thread. `emit` counts its depth here by hand: it is the hot path."""


def is_inside() -> bool:
    """Returns whether a record logged now, in this thread, comes from this package's own work."""
    return state.is_sending or state.depth >= _DEEPEST


@contextmanager
def sending() -> Iterator[None]:
    """Marks the running thread as one whose records are turned away."""
    before = state.is_sending
    state.is_sending = True
    try:
        yield
    finally:
        state.is_sending = before
