"""Renews what a forked child must not inherit: held locks, queues, sockets, random state.

Objects are watched by weak reference, so that watching neither keeps them alive nor trips over their end
(opentelemetry-python #4422, #5452).
"""

from __future__ import annotations

import os
import weakref
from typing import Protocol


class Forkable(Protocol):
    def after_fork_in_child(self) -> None: ...


_watched: weakref.WeakSet[Forkable] = weakref.WeakSet()


def watch(obj: Forkable) -> None:
    """Calls `obj.after_fork_in_child()` in every child that this process forks from now on.

    Args:
        obj: anything weakly referable; it is forgotten when it is collected.
    """
    _watched.add(obj)


def _renew_all() -> None:
    for obj in list(_watched):
        obj.after_fork_in_child()


if hasattr(os, "register_at_fork"):  # not on Windows, which does not fork
    os.register_at_fork(after_in_child=_renew_all)
