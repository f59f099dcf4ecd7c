"""The garbage collector runs finalisers in whichever thread allocates, be it one that holds a lock."""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterator
from contextlib import contextmanager


@contextmanager
def whenever_the_collector_runs(finalise: Callable[[int], object], most: int = 2_000) -> Iterator[list[int]]:
    """Calls `finalise` with 0, 1, 2 and so on while the collector runs, which it does all the time.

    Gives the numbers of the calls, of which there are no more than `most`.
    """
    calls: list[int] = []

    def run(phase: str, _: object) -> None:
        if phase == "stop" and len(calls) < most:
            calls.append(len(calls))
            finalise(calls[-1])

    thresholds = gc.get_threshold()
    gc.callbacks.append(run)
    gc.set_threshold(1, 1_000_000, 1_000_000)
    try:
        yield calls
    finally:
        gc.set_threshold(*thresholds)
        gc.callbacks.remove(run)
