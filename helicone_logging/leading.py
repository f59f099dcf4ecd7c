"""Which of the sender threads leads: it alone waits for work, so that a record wakes one thread and not all."""

from __future__ import annotations

import threading
import time

_NEAR = 0.005  # seconds of a request
_HANGS = 0.02  # seconds after which a request that was to be over by now makes way for others


class Lead:
    """The lead among threads; all but `is_back_soon` is called under the lock.

    A leader that goes to send makes way for the next one. Where the endpoint is so near that threads would only wait
    for each other's turn in the interpreter, it leads on while it sends, unless that takes long.

    Args:
        lock: the reentrant lock of the threads.
    """

    def __init__(self, lock: threading.RLock) -> None:
        self._turn = threading.Condition(lock)  # those that are to lead next wait here
        self._leader: threading.Thread | None = None
        self._sends_since: float | None = None  # of a leader that leads on
        self._is_near = False
        self.following = 0  # threads that are about to lead

    @property
    def is_taken(self) -> bool:
        """Whether a thread leads, or is about to."""
        return self._leader is not None or self.following > 0

    def take(self) -> None:
        """Waits for the lead, unless this thread leads on; one less is about to lead."""
        own = threading.current_thread()
        if self._leader is not own:
            self._turn.wait_for(lambda: self._leader is None)
            self.following -= 1
            self._leader = own
        self._sends_since = None

    def make_way(self) -> None:
        """Leaves the lead to the next one."""
        self._leader = self._sends_since = None
        self._turn.notify()

    def goes_to_send(self) -> bool:
        """Makes way, unless the leader will be back soon, and returns whether it did."""
        if self._is_near:
            self._sends_since = time.monotonic()
            return False
        self.make_way()
        return True

    def has_sent(self, seconds: float) -> None:
        """Notes how long a request took."""
        self._is_near = seconds < _NEAR

    def follow(self) -> None:
        """Counts this thread among those that are about to lead, unless it leads on."""
        self.following += self._leader is not threading.current_thread()

    def is_back_soon(self) -> bool:
        """Returns whether the leader is sending and leads on, and sees by itself to what comes meanwhile."""
        since = self._sends_since
        return since is not None and time.monotonic() - since < _HANGS

    def relieve(self) -> None:
        """Lets others lead if the leader is sending; it has not come back soon."""
        if self._sends_since is not None:
            self.make_way()

    @property
    def patience(self) -> float | None:
        """For how many seconds to rely on a leader that is sending; None where none leads on."""
        return None if self._sends_since is None else _HANGS
