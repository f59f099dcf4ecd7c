"""How fast the machine runs at a moment: where its host is busy, that changes from one half of a second to the next.

A fixed piece of work is timed by the CPU time of its thread, which neither other threads nor other processes change.
"""

from __future__ import annotations

import time

_ADDITIONS = 2_000  # 0.07 ms
_PAUSE = 0.005  # seconds; right after itself it takes less time than after other work
_TOLERANCE = 1.2  # with a neighbour on the same core it takes 1.4 to 1.6 times as long


def measured() -> int:
    """Returns the nanoseconds of the fixed piece of work, now."""
    begin = time.thread_time_ns()
    total = 0
    for number in range(_ADDITIONS):
        total += number & 3
    return time.thread_time_ns() - begin


def quickest(seconds: float) -> int:
    """Returns the nanoseconds that it takes at the machine's full speed.

    Args:
        seconds: for how long to try.
    """
    until, found = time.monotonic() + seconds, []
    while not found or time.monotonic() < until:
        time.sleep(_PAUSE)
        found.append(measured())
    return sorted(found)[len(found) // 20]  # the quickest of all may be half of the next one


def is_full(pace: int, full: int) -> bool:
    """Returns whether the machine runs at its full speed.

    Args:
        pace: what `measured` has found.
        full: what `quickest` has found.
    """
    return pace <= full * _TOLERANCE


def wait_for_full(full: int, seconds: float) -> None:
    """Waits until the machine runs at its full speed.

    Args:
        full: what `quickest` has found.
        seconds: for how long at the most.
    """
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        time.sleep(_PAUSE)
        if is_full(measured(), full):
            return
