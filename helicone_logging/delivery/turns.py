"""Hands over the interpreter between the parts of large work, which would be one piece for the threads that wait.

Python makes a running thread hand over after 5 ms; a sender thread that handles hundreds of records in less than that
holds a caller of `emit` up for as long as it takes, and does not need to.
"""

from __future__ import annotations

import time

_MOMENT = 0.0001  # seconds in which a thread wakes up; after less, this one would have the interpreter back first
_TURN = 0.00008  # seconds for which a thread goes on, and longer if nobody made use of its pause
_UNUSED = 0.0005  # seconds in which it has the interpreter back if nobody did
_CROWDED = 0.015  # seconds after which it has the interpreter back from several others, of 5 ms each


def let_others_run() -> None:
    """Lets a thread that waits for the interpreter go on."""
    time.sleep(_MOMENT)


class Turns:
    """Parts one piece of large work, unless many threads compute: to them, it is short beside their own turns."""

    def __init__(self) -> None:
        self._turn = _TURN
        self._began_at = time.monotonic()
        self._is_crowded = False

    def pause(self) -> None:
        """Lets others run if this turn has been long enough."""
        now = time.monotonic()
        if now - self._began_at < self._turn or self._is_crowded:
            return
        let_others_run()
        self._began_at = time.monotonic()
        waited = self._began_at - now
        self._turn = 2 * self._turn if waited < _UNUSED else _TURN
        self._is_crowded = waited > _CROWDED
