"""When to try again: exponential backoff for a record, and the circuit breaker for the endpoint as a whole.

Pure decisions; the waiting is done in the queue.
"""

from __future__ import annotations

import threading
from typing import NamedTuple

from helicone_logging.core import clock
from helicone_logging.delivery.outcomes import Kind, Outcome

FIRST_BACKOFF = 0.5
MISDIRECTED_PAUSE = 30.0
_LEAST_ASKED = 0.1  # seconds; less is no wait, and a date may have passed by another clock
_LEAST_PAUSE = 0.01  # seconds, as `max_backoff` may be 0 and the endpoint down for long


class RetryPolicy(NamedTuple):
    """Exponential backoff with full jitter.

    Args:
        max_attempts: how often a record that the server fails on is sent at the most.
        max_backoff: the longest wait, in seconds, also for a server that asks for more.
    """

    max_attempts: int
    max_backoff: float

    def backoff(self, attempt: int, chance: float) -> float:
        """Returns the seconds to wait after a failure.

        Args:
            attempt: how many failures there have been, from 1.
            chance: evenly spread over 0.0 to 1.0, so that many clients do not return at once.
        """
        return chance * min(self.max_backoff, FIRST_BACKOFF * 2.0 ** min(attempt, 32))

    def pause(self, outcome: Outcome, failures: int, chance: float) -> float:
        """Returns the seconds for which to leave the endpoint alone.

        Args:
            outcome: what came of the last request; a wait it asks for is heeded up to `max_backoff`.
            failures: how many such outcomes in a row, from 1.
            chance: as in `backoff`.
        """
        if outcome.kind is Kind.MISDIRECTED:
            wanted = min(self.max_backoff, MISDIRECTED_PAUSE)
        elif is_wait_asked(outcome):
            wanted = min(self.max_backoff, outcome.retry_after or 0.0)
        else:
            wanted = self.backoff(failures, chance)
        return max(_LEAST_PAUSE, wanted)

    def is_last(self, attempts: int) -> bool:
        """Returns whether a record that failed so many times is given up."""
        return attempts >= self.max_attempts


def is_wait_asked(outcome: Outcome) -> bool:
    """Returns whether the server said for how long to wait."""
    return outcome.retry_after is not None and outcome.retry_after >= _LEAST_ASKED


def retry_limit(limit: int, attempts: int) -> int:
    """Returns how many records to send together that failed before: fewer each time, to single out an offending one."""
    return max(1, limit >> (2 * attempts))


class CircuitBreaker:
    """Open, so that nobody sends, for a while after the endpoint as a whole was in trouble; closed again by a success.

    A failure of one record does not open it. Moments are on the monotonic clock.
    """

    def __init__(self) -> None:
        self._lock = threading.RLock()
        self._opened_at = 0.0
        self._failures = 0

    def trip(self, sent_at: float) -> int | None:
        """Opens it, and returns how often in a row it has been; None if that is known already.

        Args:
            sent_at: when the request was sent that met the trouble; one that was on its way when the circuit breaker
                opened says nothing new.
        """
        with self._lock:
            if sent_at < self._opened_at:
                return None
            self._failures += 1
            self._opened_at = clock.monotonic()
            return self._failures

    def close(self, sent_at: float) -> bool:
        """Closes it after a success, unless that was sent before the trouble began; returns whether it was open."""
        with self._lock:
            was_open = self._failures > 0 and sent_at >= self._opened_at
            if was_open:
                self._failures = 0
            return was_open
