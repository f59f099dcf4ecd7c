"""Where `flush` and `close` wait for sender threads."""

from __future__ import annotations

import threading
from collections.abc import Callable


class Settling:
    """Wakes those that wait only when what they wait for is so: to wake them to ask would cost a switch of threads."""

    def __init__(self) -> None:
        self._condition = threading.Condition()
        self._awaited: list[Callable[[], bool]] = []

    def wait_for(self, is_so: Callable[[], bool], seconds: float) -> None:
        """Waits until something is so, or for some seconds."""
        with self._condition:
            self._awaited.append(is_so)  # before the first look, so that `tell` knows of it
            try:
                self._condition.wait_for(is_so, seconds)
            finally:
                self._awaited.remove(is_so)

    def tell(self) -> None:
        """Says that something has changed."""
        if any(is_so() for is_so in list(self._awaited)):
            with self._condition:
                self._condition.notify_all()
