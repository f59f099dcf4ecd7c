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

from helicone_logging import forks

_DEEPEST = 2


class _State:
    """Of the running thread, or greenlet: a `threading.local` from before gevent's patches is one for all greenlets."""

    def __init__(self) -> None:
        self._depths: dict[int, int] = {}
        self._sending: set[int] = set()
        forks.watch(self)

    def after_fork_in_child(self) -> None:
        """Forgets the threads that are the parent's: new ones may get their numbers."""
        depth, is_sending = self.depth, self.is_sending
        self._depths, self._sending = {}, set()
        self.depth, self.is_sending = depth, is_sending

    @property
    def depth(self) -> int:
        return self._depths.get(threading.get_ident(), 0)

    @depth.setter
    def depth(self, depth: int) -> None:
        if depth:
            self._depths[threading.get_ident()] = depth
        else:
            self._depths.pop(threading.get_ident(), None)

    @property
    def is_sending(self) -> bool:
        return threading.get_ident() in self._sending

    @is_sending.setter
    def is_sending(self, is_sending: bool) -> None:
        (self._sending.add if is_sending else self._sending.discard)(threading.get_ident())


state = _State()
"""`emit` counts its depth here by hand: it is the hot path."""


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
