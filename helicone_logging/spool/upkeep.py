"""The thread that looks after a queue on disk, away from those who log and those who send.

It ends with the queue: it knows it by a weak reference only.
"""

from __future__ import annotations

import threading
import time
import weakref
from typing import Protocol

from helicone_logging.core import lifecycle, reentrancy

_BREATH = 0.05  # seconds between being woken and coming, as it may be woken for each record


class NeedsUpkeep(Protocol):
    def upkeep(self) -> float:
        """Does what is due, and returns in how many seconds to come again."""


class Upkeep:
    """Comes again and again to one object.

    Args:
        obj: what is looked after.
    """

    def __init__(self, obj: NeedsUpkeep) -> None:
        self._obj = weakref.ref(obj)
        self._wake = threading.Event()
        self._is_stopped = self._is_woken = False
        self._thread: threading.Thread | None = None

    def start(self) -> bool:
        """Sees to it that the thread runs, and returns whether it does; none is started at exit."""
        if self._thread is not None:
            return True
        if lifecycle.is_exiting():
            return False
        thread = threading.Thread(target=self._run, name="helicone-logging-spool", daemon=True)
        try:
            thread.start()
        except RuntimeError:
            return False
        self._thread = thread
        return True

    def wake(self) -> None:
        """Has it come soon."""
        if not self._is_woken:  # a signal handler in the midst of `set` would wait for itself
            self._is_woken = True
            self._wake.set()

    def stop(self, patience: float) -> None:
        """Ends it, and waits until what it is doing now is over.

        Args:
            patience: seconds at the most.
        """
        self._is_stopped = True
        self.wake()
        if self._thread is not None:
            self._thread.join(patience)

    def _run(self) -> None:
        with reentrancy.sending():
            while not self._is_stopped:
                obj = self._obj()
                if obj is None:
                    return
                pause = obj.upkeep()
                del obj
                if self._wake.wait(pause) and not self._is_stopped:
                    time.sleep(_BREATH)
                self._wake.clear()
                self._is_woken = False
