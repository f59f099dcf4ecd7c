"""What each shape of a record costs its caller, in multiples of what a `NullHandler` costs for the same call.

python benchmarks/shapes.py [--only SHAPE ...] [--repeat N] [--json]

Blocks of the two alternate, and the median of their ratios counts. Nobody answers meanwhile, so that the sender threads
wait and nothing but the caller is measured.
"""

from __future__ import annotations

import gc
import logging
import statistics
import sys
import threading
import time
from typing import Any, NamedTuple

from bench.nowhere import held
from bench.peers.loggers import logger_of
from bench.shapes import SHAPES, Item, Shape
from bench.sink import Sink
from bench.tables import markdown, met, options, show
from bench.targets import Target

from helicone_logging import HeliconeHandler

_BLOCK = 0.004  # seconds of the handler in a block; short, so that most blocks are undisturbed by other processes
_FEWEST, _MOST = 8, 400  # records of a block


class Cost(NamedTuple):
    """What one shape costs.

    Args:
        times: multiples of the `NullHandler`.
        null_us: microseconds of a call with the `NullHandler`.
        ours_us: microseconds of a call with ours.
        lost: records that did not arrive in the end.
    """

    times: float
    null_us: float
    ours_us: float
    lost: int


def main() -> int:
    parser = options(__doc__, 80, "turns of a shape")
    keys = [shape.key for shape in SHAPES]
    parser.add_argument("--only", nargs="+", choices=keys, metavar="SHAPE", help=", ".join(keys))
    given = parser.parse_args()
    gc.collect()
    gc.freeze()  # what was imported is no concern of the collector during a block
    costs: dict[Shape, Cost] = {}
    with Sink() as sink:
        for shape in SHAPES:
            if given.only and shape.key not in given.only:
                continue
            if shape.is_possible:
                costs[shape] = measure(shape, sink, given.repeat)
            else:
                print(f"{shape.key} is left out, as {shape.needs} is not installed", file=sys.stderr)
    reached = sum(cost.times <= shape.wanted for shape, cost in costs.items())
    target = Target(
        8, "shapes of records within what is wanted", f"all {len(costs)}", str(reached), reached == len(costs)
    )
    figures = {shape.key: cost._asdict() for shape, cost in costs.items()}
    return show(figures, sum(cost.lost for cost in costs.values()), _table(costs), [target], as_json=given.json)


def _table(costs: dict[Shape, Cost]) -> str:
    rows = [
        [
            shape.label,
            f"{cost.null_us:.1f}",
            f"{cost.ours_us:.1f}",
            f"{cost.times:.2f}",
            f"{shape.wanted:.3g}",
            met(cost.times <= shape.wanted),
        ]
        for shape, cost in costs.items()
    ]
    heads = ["what is logged", "`NullHandler` µs", "`HeliconeHandler` µs", "multiples", "wanted at most", "met"]
    return markdown(heads, rows)


def measure(shape: Shape, sink: Sink, blocks: int) -> Cost:
    """Logs records of a shape in turns of the two handlers.

    Args:
        shape: of the records.
        sink: the endpoint.
        blocks: how many turns.

    Returns:
        The medians.
    """
    null = logger_of(logging.NullHandler(), "bench.null")

    def warm_up(handler: HeliconeHandler, number: int) -> None:
        shape.log(logger_of(handler, "bench.ours"), shape.item(number))

    with shape.around(), held(sink, shape.options, warm_up) as handler:
        ours = logger_of(handler, "bench.ours")
        count = _calibrated(shape, ours)
        pairs = []
        for block in range(blocks):
            items = [shape.item(number) for number in range(block * count, (block + 1) * count)]
            callers = [(null, shape.floor or shape.log), (ours, shape.log)]
            times = [_timed(shape, logger, log, items) for logger, log in _turned(callers, block)]
            pairs.append(tuple(_turned(times, block)))
    stats = handler.stats()
    return Cost(
        times=statistics.median(mine / floor for floor, mine in pairs),
        null_us=statistics.median(floor for floor, _ in pairs) * 1e6,
        ours_us=statistics.median(mine for _, mine in pairs) * 1e6,
        lost=stats.emitted - stats.delivered + (stats.skipped if shape.is_sent else 0),
    )


def _turned(pair: list[Any], block: int) -> list[Any]:
    """Returns two things, in every other block in the opposite order."""
    return pair if block % 2 == 0 else pair[::-1]


def _calibrated(shape: Shape, logger: logging.Logger) -> int:
    """Returns how many records fill a block."""
    items = [shape.item(number) for number in range(_FEWEST)]
    taken = min(_timed(shape, logger, shape.log, items) for _ in range(5))
    return max(_FEWEST, min(_MOST, int(_BLOCK / taken)))


def _timed(shape: Shape, logger: logging.Logger, log: Any, items: list[Item]) -> float:
    """Returns the seconds of a call.

    Of one thread they are those of the processor: a longer block is more likely to be interrupted by other processes,
    and a caller of ours waits for nothing.
    """
    if shape.threads > 1:
        return _timed_threads(shape.threads, logger, log, items)
    begin = time.thread_time()
    for item in items:
        log(logger, item)
    return (time.thread_time() - begin) / len(items)


def _timed_threads(threads: int, logger: logging.Logger, log: Any, items: list[Item]) -> float:
    """Returns the seconds of all threads together by the number of calls; each of them logs all items."""
    start = threading.Barrier(threads + 1)

    def work() -> None:
        start.wait()
        for item in items:
            log(logger, item)

    workers = [threading.Thread(target=work) for _ in range(threads)]
    for worker in workers:
        worker.start()
    start.wait()
    begin = time.perf_counter()
    for worker in workers:
        worker.join()
    return (time.perf_counter() - begin) / (threads * len(items))


if __name__ == "__main__":
    sys.exit(main())
