"""Holds all sender threads back together while the endpoint as a whole is in trouble."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable


class Gate:
    """Open while the endpoint answers; closed for a while after it could not be reached, refused the key or throttled.

    A failure of one record does not close it.
    """

    def __init__(self) -> None:
        self._lock = threading.RLock()
        self._closed_at = self._opens_at = 0.0
        self._failures = 0
        self._is_asked = False

    def opens_in(self) -> float:
        """Returns in how many seconds to go on; 0.0 for now."""
        return max(0.0, self._opens_at - time.monotonic())

    def is_asked(self) -> bool:
        """Returns whether the server itself asked to wait."""
        return self._is_asked and self.opens_in() > 0

    def close(self, sent_at: float, seconds: Callable[[int], float], *, is_asked: bool) -> int:
        """Closes for a while, and returns how often in a row it has been closed.

        Args:
            sent_at: when the request was sent that met the trouble, on the monotonic clock; one that was on its way
                when the gate closed says nothing new.
            seconds: the wait for a number of failures in a row.
            is_asked: whether the server asked for it, so that nobody may hurry.
        """
        with self._lock:
            if sent_at >= self._closed_at:
                self._failures += 1
                self._closed_at = time.monotonic()
                self._opens_at = self._closed_at + seconds(self._failures)
                self._is_asked = is_asked
            return self._failures

    def open(self, sent_at: float) -> None:
        """Opens after a success, unless the request was sent before the trouble began."""
        with self._lock:
            if self._failures and sent_at >= self._closed_at:
                self._failures = 0
                self._opens_at = 0.0

    def hurry(self) -> None:
        """Ends a wait that the server did not ask for: somebody is waiting for the records."""
        with self._lock:
            if not self._is_asked:
                self._opens_at = 0.0
