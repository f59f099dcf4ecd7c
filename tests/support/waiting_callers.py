"""Callers that wait for room in a full queue."""

from __future__ import annotations

import time

from helicone_logging.delivery.memory import BoundedQueue


def wait_for_a_caller(queue: BoundedQueue) -> None:
    """Returns once somebody waits for room; nothing else than the queue's own condition tells of that."""
    while not queue._room._waiters:  # type: ignore[attr-defined]
        time.sleep(0.001)
