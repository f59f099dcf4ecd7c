"""Closes queues on disk before a fork, and lets them go on after it.

SQLite keeps one table of the files and locks of a process. A child that inherits it takes its parent's locks for its
own, and each would delete the other's log: https://www.sqlite.org/howtocorrupt.html, "Carrying an open database file
across a fork()". Nothing can be done about that in the child, so no file may be open when it begins.
"""

from __future__ import annotations

import os
import weakref
from typing import Protocol


class ClosesBeforeFork(Protocol):
    def before_fork(self) -> None: ...
    def after_fork_in_parent(self) -> None: ...


_watched: weakref.WeakSet[ClosesBeforeFork] = weakref.WeakSet()
_held: list[ClosesBeforeFork] = []
_abandoned: list[object] = []


def watch(obj: ClosesBeforeFork) -> None:
    """Calls `obj.before_fork()` before every fork, and `obj.after_fork_in_parent()` after it."""
    _watched.add(obj)


def abandon(connection: object) -> None:
    """Keeps a connection that was inherited after all from being closed, as its file is the parent's."""
    _abandoned.append(connection)


def _before() -> None:
    _held[:] = list(_watched)
    for obj in _held:
        obj.before_fork()


def _after_in_parent() -> None:
    for obj in _held:
        obj.after_fork_in_parent()
    _held.clear()


if hasattr(os, "register_at_fork"):  # not on Windows, which does not fork
    os.register_at_fork(before=_before, after_in_parent=_after_in_parent, after_in_child=_held.clear)
