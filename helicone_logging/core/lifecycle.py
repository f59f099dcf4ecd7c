"""Hooks of a process' life: what a forked child must not inherit is renewed, and what waits at an exit is closed.

Locks, queues, sockets and random state of the parent's would break a child. Servers such as uWSGI fork without Python's
hooks, so whoever uses such state asks `check_fork()` first. At exit, `logging.shutdown` closes the handlers it knows;
it does not know those that `dictConfig` put away, and children of multiprocessing (and of billiard, which Celery uses)
end without it. All objects are watched by weak reference, so that watching neither keeps them alive nor trips over
their end (opentelemetry-python #4422, #5452).
"""

from __future__ import annotations

import atexit
import os
import sys
import threading
import weakref
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from typing import Protocol, TypeVar

from helicone_logging.core import clock

_FINALIZING_MODULES = ("multiprocessing", "billiard", "multiprocess")  # the last is dill's, which pathos uses
_PRIORITY = 10  # before the modules' own finalizers, which have 0 and less
_pid_of = os.getpid


_T = TypeVar("_T")


class Forkable(Protocol):
    def after_fork_in_child(self) -> None: ...


class Closable(Protocol):
    def close(self) -> None: ...
    def close_at_exit(self) -> None: ...
    def report_losses(self) -> None: ...


_renewing: dict[int, threading.RLock] = {}  # by process id, as a lock of the parent's may be held for ever


class _Process:
    """What is known of this process, and of its end."""

    pid = os.getpid()
    forks = 0  # that were begun
    is_exiting = False
    shares_waits = False  # as at exit, though it may go on
    waiting_since: float | None = None  # of the wait that is under way, where waits are shared
    waited = 0.0  # seconds of those that are over
    watches_exit = False
    watches_end_of_child_in = 0  # the process id, as a fork copies all of this


_renewed_after_fork: weakref.WeakSet[Forkable] = weakref.WeakSet()
_closed_at_exit: weakref.WeakSet[Closable] = weakref.WeakSet()


def living(watched: weakref.WeakSet[_T]) -> list[_T]:
    """Returns what a weak set holds now, whatever other threads add to it meanwhile."""
    try:
        return list(watched)
    except RuntimeError:  # it has changed in the midst of this
        return living(watched)


def closed_at_exit() -> list[Closable]:
    """Returns all that is watched for the exit."""
    return living(_closed_at_exit)


def watch_forks(obj: Forkable) -> None:
    """Calls `obj.after_fork_in_child()` in every child that this process forks while it lives."""
    _renewed_after_fork.add(obj)


def check_fork() -> None:
    """Renews everything that is watched if this is a child that was forked without Python's hooks.

    To be asked before inherited state is used; it takes the time of asking for the process id.
    """
    if _pid_of() != _Process.pid:
        _renew_all()


def _renew_all() -> None:
    pid = _pid_of()
    with _renewing.setdefault(pid, threading.RLock()):
        if _Process.pid == pid:  # another thread has done it
            return
        for obj in living(_renewed_after_fork):
            obj.after_fork_in_child()
        _Process.pid = pid


_fork_numbers = count(1)
_forking: set[int] = set()  # the threads that do so now


def _before_fork() -> None:
    _forking.add(threading.get_ident())
    _Process.forks = next(_fork_numbers)


def _after_fork_in_parent() -> None:
    _forking.discard(threading.get_ident())


def _after_fork_in_child() -> None:
    _forking.clear()
    _renew_all()


if hasattr(os, "register_at_fork"):  # not on Windows, which does not fork
    os.register_at_fork(before=_before_fork, after_in_parent=_after_fork_in_parent, after_in_child=_after_fork_in_child)


def forks() -> int | None:
    """Returns what to give to `has_forked`, before something is opened that is watched only then."""
    begun = _Process.forks
    return None if _forking else begun


def has_forked(since: int | None) -> bool:
    """Returns whether a child may have what was opened since `forks()`, without knowing of it."""
    return since is None or _Process.forks != since


def is_exiting() -> bool:
    """Returns whether the interpreter is on its way out, so that no thread may be started."""
    return _Process.is_exiting or sys.is_finalizing()


@contextmanager
def deadline(seconds: float) -> Iterator[float]:
    """Gives the moment, on the monotonic clock, at which a wait must end.

    Args:
        seconds: how long it may take; at exit and in `close_all`, together with all other waits there, whoever waits
            and from within whatever other wait.
    """
    began = clock.monotonic()
    if not (is_exiting() or _Process.shares_waits):
        yield began + seconds
        return
    is_outermost = _Process.waiting_since is None
    if is_outermost:
        _Process.waiting_since = began
    since = began if _Process.waiting_since is None else _Process.waiting_since
    try:
        yield began + max(0.0, seconds - _Process.waited - (began - since))
    finally:
        if is_outermost:
            _Process.waited += clock.monotonic() - began
            _Process.waiting_since = None


def watch_exit(obj: Closable) -> None:
    """Calls `obj.close_at_exit()` when the interpreter exits, before `logging.shutdown`, if it still lives then."""
    _closed_at_exit.add(obj)
    if not _Process.watches_exit:
        _Process.watches_exit = True
        atexit.register(_exit)


def _exit() -> None:
    _Process.is_exiting = True
    for obj in living(_closed_at_exit):
        obj.close_at_exit()


def watch_end_of_child() -> None:
    """Calls `close()` of all that is watched when this process ends, if it is a child that ends without `atexit`."""
    if _Process.watches_end_of_child_in == os.getpid():
        return
    _Process.watches_end_of_child_in = os.getpid()
    for name in _families():
        util = sys.modules.get(f"{name}.util")
        if util is not None:
            util.Finalize(None, _close_at_end_of_child, exitpriority=_PRIORITY)
    celery = sys.modules.get("celery.signals")
    if celery is not None:
        celery.worker_process_shutdown.connect(_end_of_celery_worker, weak=False)


def is_child() -> bool:
    """Returns whether `multiprocessing`, or one of its kind, has started this process."""
    return bool(_families())


def _families() -> list[str]:
    return [name for name in _FINALIZING_MODULES if _is_child_of(sys.modules.get(f"{name}.process"))]


def _is_child_of(process: object) -> bool:
    current = getattr(process, "current_process", None)
    return callable(current) and getattr(current(), "_parent_pid", None) is not None


def _end_of_celery_worker(**_: object) -> None:
    """The workers of Celery's prefork pool end by `os._exit`, without finalizers, right after this signal."""
    _close_at_end_of_child()


def _close_at_end_of_child() -> None:
    _Process.is_exiting = True
    close_all()


def close_all() -> None:
    """Closes all that is watched, within one wait for all; the process may go on."""
    _Process.shares_waits = True
    try:
        for obj in living(_closed_at_exit):
            obj.close()
    finally:
        _Process.shares_waits = False
        if not is_exiting():
            _Process.waited = 0.0
