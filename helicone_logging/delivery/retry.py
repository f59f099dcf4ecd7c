"""When to try again, and how many at once: pure functions; the waiting is done elsewhere."""

from __future__ import annotations

from typing import NamedTuple

FIRST_BACKOFF = 0.5
UNAUTHORISED_PAUSE = 30.0
_LEAST_ASKED = 0.1  # seconds; less is no wait, and a date may have passed by another clock


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

    def throttle(self, retry_after: float | None, attempt: int, chance: float) -> float:
        """Returns the seconds to hold back when the server asks for it.

        Args:
            retry_after: what it asked for, in seconds; None, or less than 0.1, for nothing.
            attempt: how many such answers in a row, from 1.
            chance: as in `backoff`.
        """
        if retry_after is None or retry_after < _LEAST_ASKED:
            return self.backoff(attempt, chance)
        return min(self.max_backoff, max(0.0, retry_after))

    def unauthorised(self) -> float:
        """Returns the seconds until a key that was refused is tried again."""
        return min(self.max_backoff, UNAUTHORISED_PAUSE)

    def is_last(self, attempts: int) -> bool:
        """Returns whether a record that failed so many times is given up."""
        return attempts >= self.max_attempts


def retry_limit(limit: int, attempts: int) -> int:
    """Returns how many records to send together that failed before: fewer each time, to single out a guilty one.

    Args:
        limit: how many go together that did not fail.
        attempts: how often they failed.
    """
    return max(1, limit >> (2 * attempts))
