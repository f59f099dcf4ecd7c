"""A long run: a producer faster than the endpoint, an outage in the middle, recovery; or a million records.

`python benchmarks/soak.py [--seconds 60 | --records 1000000]`. It ends with 0 if the account is exact to the record
against what the endpoint stored, and the memory flat.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import statistics
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from bench import plot, records
from bench.peers.loggers import logger_of
from bench.sink import Sink
from bench.worker import resident

from helicone_logging import HeliconeHandler

_RUN = "50ac"
_MIB = 1024 * 1024
_QUEUE_SIZE, _QUEUE_BYTES = 5_000, 16 * _MIB
_DELAY = 0.02  # seconds the endpoint takes: 4 connections send 200 records a second
_RATE = 1_000  # records a second that are logged
_TICK = 0.01
_OUTAGE = (0.4, 0.6)  # shares of the time
_PATIENCE = 120.0
_ENOUGH = 20.0  # seconds below which memory cannot be judged
_GROWTH = 8 * _MIB


class _Sample(NamedTuple):
    seconds: float
    resident: int
    queued: int
    queued_bytes: int
    delivered: int
    dropped: int


class _Sampler:
    """Looks at memory and queue from a thread of its own."""

    def __init__(self, handler: HeliconeHandler, every: float) -> None:
        self.samples: list[_Sample] = []
        self._handler = handler
        self._every = every
        self._begin = time.monotonic()
        self._end = threading.Event()

    def seconds(self) -> float:
        return time.monotonic() - self._begin

    @contextlib.contextmanager
    def running(self) -> Iterator[None]:
        thread = threading.Thread(target=self._run, daemon=True)
        thread.start()
        try:
            yield
        finally:
            self._end.set()
            thread.join()
            self._take()

    def _run(self) -> None:
        while not self._end.wait(self._every):
            self._take()

    def _take(self) -> None:
        stats = self._handler.stats()
        self.samples.append(
            _Sample(self.seconds(), resident(), stats.queued, stats.queued_bytes, stats.delivered, stats.dropped)
        )


def main() -> int:
    options = _options()
    with Sink() as sink:
        handler = HeliconeHandler(
            endpoint=sink.url,
            queue_size=_QUEUE_SIZE,
            queue_bytes=_QUEUE_BYTES,
            batch_size=512 if options.records else 1,
            overflow="block" if options.records else "drop_newest",
            max_backoff=1.0,
        )
        sampler = _Sampler(handler, 0.1)
        shaded: list[tuple[float, float]] = []
        with sampler.running():
            if options.records:
                logged = _log_all(handler, options.records)
            else:
                logged = _log_for(handler, sink, options.seconds, sampler, shaded)
            produced = sampler.seconds()
            flushed = handler.flush(_PATIENCE)
        handler.close()
        stats, tally = handler.stats(), sink.tally(_RUN)
        outages = [f"{begin:.0f}-{end:.0f} s" for begin, end in shaded]
        print(f"{logged:,} records in {produced:.1f} s, {logged / produced:,.0f} a second; outage: {outages or 'none'}")
        print(stats)
        print({key: tally[key] for key in ("count", "bodies", "duplicates")})
        problems = _account(logged, stats, tally) + _limits(sampler.samples)
        if not flushed:
            problems.append(f"not everything was delivered within {_PATIENCE:g} s")
        problems += _growth([sample for sample in sampler.samples if sample.seconds <= produced])
    options.plot.write_text(_drawing(sampler.samples, shaded), encoding="utf-8")
    print("\n".join(problems) or "the account is exact")
    return 1 if problems else 0


def _log_all(handler: HeliconeHandler, count: int) -> int:
    info = logger_of(handler).info
    for number in range(count):
        info(records.MESSAGE, extra=records.fields(_RUN, number))
    return count


def _log_for(
    handler: HeliconeHandler, sink: Sink, seconds: float, sampler: _Sampler, shaded: list[tuple[float, float]]
) -> int:
    """Logs at a steady rate; returns how many records it were."""
    info, number = logger_of(handler).info, 0
    sink.set(delay=_DELAY)
    went_down: float | None = None
    begin = time.monotonic()
    while (passed := time.monotonic() - begin) < seconds:
        if went_down is None and passed >= _OUTAGE[0] * seconds:
            sink.set(status=0)
            went_down = sampler.seconds()
        if went_down is not None and not shaded and passed >= _OUTAGE[1] * seconds:
            sink.set(status=200)
            shaded.append((went_down, sampler.seconds()))
        while number < passed * _RATE:
            info(records.MESSAGE, extra=records.fields(_RUN, number))
            number += 1
        time.sleep(_TICK)
    sink.set(status=200, delay=0.0)
    return number


def _account(logged: int, stats: Any, tally: dict[str, Any]) -> list[str]:
    """Compares what the handler says with what was logged, and with what the endpoint stored."""
    problems = []
    if stats.emitted != logged:
        problems.append(f"{logged:,} records were logged, {stats.emitted:,} counted as emitted")
    if stats.emitted != stats.delivered + stats.rejected + stats.dropped + stats.queued:
        problems.append("emitted is not delivered + rejected + dropped + queued")
    if stats.delivered != tally["count"]:
        problems.append(f"{stats.delivered:,} count as delivered, {tally['count']:,} were stored")
    if tally["duplicates"]:
        problems.append(f"{tally['duplicates']:,} were stored twice")
    return problems


def _limits(samples: list[_Sample]) -> list[str]:
    fullest, largest = max(sample.queued for sample in samples), max(sample.queued_bytes for sample in samples)
    print(f"fullest queue: {fullest:,} records, {largest / _MIB:.1f} MiB")
    if fullest > _QUEUE_SIZE or largest > _QUEUE_BYTES:
        return ["the queue grew beyond its bounds"]
    return []


def _growth(samples: list[_Sample]) -> list[str]:
    """Compares the memory late in the run with that after the first quarter, when the queue was full already."""
    peak = max(sample.resident for sample in samples)
    quarter = len(samples) // 4
    if samples[-1].seconds < _ENOUGH:
        print(f"memory: {peak / _MIB:.0f} MiB at the most; too short a run to judge it")
        return []
    early = statistics.median(sample.resident for sample in samples[quarter : 2 * quarter])
    late = statistics.median(sample.resident for sample in samples[-quarter:])
    print(f"memory: {early / _MIB:.1f} MiB early, {late / _MIB:.1f} MiB late, {peak / _MIB:.1f} MiB at the most")
    return [f"memory grew by {(late - early) / _MIB:.1f} MiB"] if late - early > _GROWTH else []


def _drawing(samples: list[_Sample], shaded: list[tuple[float, float]]) -> str:
    return plot.lines(
        [
            plot.Line("resident memory, MiB", [(sample.seconds, sample.resident / _MIB) for sample in samples]),
            plot.Line("queue, records", [(sample.seconds, sample.queued) for sample in samples]),
            plot.Line("delivered, records", [(sample.seconds, sample.delivered) for sample in samples]),
            plot.Line("dropped, records", [(sample.seconds, sample.dropped) for sample in samples]),
        ],
        shaded,
    )


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=60.0, help="how long records are logged (60)")
    parser.add_argument("--records", type=int, default=0, help="log so many as fast as can be instead, no outage")
    parser.add_argument("--plot", type=Path, help="where to draw memory and queue (soak.svg, soak-million.svg)")
    options = parser.parse_args()
    if options.plot is None:
        name = "soak-million.svg" if options.records else "soak.svg"
        options.plot = Path(__file__).resolve().parent / name
    return options


if __name__ == "__main__":
    status = main()
    sys.stdout.flush()
    os._exit(status)
