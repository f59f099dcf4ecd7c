"""The reentrancy guard: turns away records that are born inside this package's own work.

A worker's `urllib3` record would otherwise be sent by the worker (opentelemetry-python #4688), and a redactor or
`__str__` that logs would call itself without end. The question is asked before any lock is taken (watchtower #93). One
level of nesting is let through: a signal handler or a finaliser may log while this very thread is inside `emit`, and
its record must not be lost. So is what finalisers log that the garbage collector runs in a worker: it collects in
whichever thread allocates, and what it finds there is the application's.
"""

from __future__ import annotations

import gc
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from helicone_logging.core import lifecycle

_DEEPEST = 2
_SENDING = 1_000_000  # deeper than any nesting


class _Depths:
    """How deep each thread, or greenlet, is inside: 0 for those that are not there.

    A `threading.local` from before gevent's patches would be one for all greenlets.
    """

    def __init__(self) -> None:
        self.of: dict[int, int] = {}
        self.collecting: int | None = None  # the thread in which the garbage collector runs
        lifecycle.watch_forks(self)

    def after_fork_in_child(self) -> None:
        """Forgets the threads that are the parent's: new ones may get their numbers."""
        own = threading.get_ident()
        self.of = {own: self.of[own]} if own in self.of else {}
        self.collecting = None

    def notice(self, phase: str, _: object) -> None:
        """Called by the garbage collector, in its thread, when it starts and stops."""
        self.collecting = threading.get_ident() if phase == "start" else None


_depths = _Depths()
_collector: list[Callable[[str, dict[str, int]], object]] = getattr(gc, "callbacks", [])  # PyPy's tells nobody


def enter() -> bool:
    """Goes one level deeper, until `leave()` is called, unless a record logged now comes from our own work.

    Returns:
        Whether it has; a record that is logged where it has not is turned away.
    """
    own, depth_of = threading.get_ident(), _depths.of
    depth = depth_of.get(own, 0)
    if depth >= _SENDING:
        if _depths.collecting != own or depth >= _SENDING + _DEEPEST:
            return False
    elif depth >= _DEEPEST:
        depth = _entered()
        if depth >= _DEEPEST:
            return False
    depth_of[own] = depth + 1
    return True


def _entered() -> int:
    """How often the function that wants to enter is running already.

    An exception that a signal handler raises can come between `enter()` and the `try` that leads to `leave()`; then
    nobody undoes a level.
    """
    frame = sys._getframe(2)
    code, depth = frame.f_code, 0
    outer = frame.f_back
    while outer is not None:
        depth += outer.f_code is code
        outer = outer.f_back
    return depth


def leave(levels: int = 1) -> None:
    """Undoes `enter()` where that has returned True, or several levels at once."""
    own, depth_of = threading.get_ident(), _depths.of
    depth = depth_of.get(own, 0) - levels
    if depth > 0:
        depth_of[own] = depth
    else:
        depth_of.pop(own, None)


def is_sending() -> bool:
    """Returns whether the running thread is inside `sending()`."""
    return _depths.of.get(threading.get_ident(), 0) >= _SENDING


@contextmanager
def sending() -> Iterator[None]:
    """Marks the running thread as one whose records are turned away."""
    own = threading.get_ident()
    if _depths.notice not in _collector:
        _collector.append(_depths.notice)
    _depths.of[own] = _depths.of.get(own, 0) + _SENDING
    try:
        yield
    finally:
        leave(_SENDING)
