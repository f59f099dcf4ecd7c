"""Which of the sender threads leads: it alone waits for work, so that a record wakes one thread and not all."""

from __future__ import annotations

import threading
import time

_NEAR = 0.01  # seconds until an answer; in half of them the thread may wait for a busy interpreter
_HANGS = 0.06  # seconds after which a request that was to be over by now makes way for others


class Lead:
    """The lead among threads; all is called under the lock.

    A leader that goes to send makes way for the next one. Where the endpoint is so near that threads would only wait
    for each other's turn in the interpreter, it leads on while it sends; the next one sees to it that this does not
    take long.

    Args:
        lock: the reentrant lock of the threads.
    """

    def __init__(self, lock: threading.RLock) -> None:
        self._turn = threading.Condition(lock)  # those that are to lead next wait here
        self._leader: threading.Thread | None = None
        self._sends_since: float | None = None  # of a leader that leads on
        self._is_watched = False
        self._is_near = False
        self.following = 0  # threads that are about to lead

    @property
    def is_taken(self) -> bool:
        """Whether a thread waits for work, or for the lead."""
        return self.following > 0 or (self._leader is not None and self._sends_since is None)

    def take(self, *, is_counted: bool) -> None:
        """Waits for the lead, unless this thread leads on.

        Args:
            is_counted: whether it is among those that are about to lead already, as a thread that has just begun is.
        """
        own = threading.current_thread()
        if self._leader is not own:
            self.following += not is_counted
            while self._leader is not None:
                self._wait()
            self.following -= 1
            self._leader = own
        self._sends_since = None

    def _wait(self) -> None:
        """Waits for a while; while the leader is sending, until it should be back."""
        self._is_watched = self._sends_since is not None
        if self._sends_since is None:
            self._turn.wait()
            return
        remaining = self._sends_since + _HANGS - time.monotonic()
        if remaining > 0:
            self._turn.wait(remaining)
        else:
            self.make_way()

    def make_way(self) -> None:
        """Leaves the lead to the next one."""
        self._leader = self._sends_since = None
        self._turn.notify()

    def goes_to_send(self) -> None:
        """Makes way, unless the leader will be back soon."""
        if not self._is_near:
            self.make_way()
            return
        self._sends_since = time.monotonic()
        if not self._is_watched:
            self._turn.notify()

    def has_waited(self, seconds: float) -> None:
        """Notes for how long the endpoint let its answer be waited for."""
        self._is_near = seconds < _NEAR

    def relieve(self) -> None:
        """Lets another lead, if the leader is sending."""
        if self._sends_since is not None:
            self.make_way()
