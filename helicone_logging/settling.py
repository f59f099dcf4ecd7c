"""Where `flush` and `close` wait for sender threads."""

from __future__ import annotations

import threading
from collections.abc import Callable


class Settling:
    """Wakes those that wait only when what they wait for is so: to wake them to ask would cost a switch of threads.

    Args:
        is_over: whether nobody is left who could bring it about.
    """

    def __init__(self, is_over: Callable[[], bool]) -> None:
        self._is_over = is_over
        self._condition = threading.Condition()
        self._awaited: list[Callable[[], bool]] = []

    def wait_for(self, is_done: Callable[[], bool], seconds: float) -> None:
        """Waits until something is so, until it is over, or for some seconds."""
        with self._condition:
            self._awaited.append(is_done)  # before the first look, so that `tell` knows of it
            try:
                self._condition.wait_for(lambda: is_done() or self._is_over(), seconds)
            finally:
                self._awaited.remove(is_done)

    def tell(self) -> None:
        """Says that something has changed."""
        if self._awaited and (self._is_over() or any(is_done() for is_done in list(self._awaited))):
            with self._condition:
                self._condition.notify_all()
