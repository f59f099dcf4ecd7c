"""What a record costs its caller where one is logged every 20 ms, as services do; the tight loop flatters warm caches.

python benchmarks/paced.py [--repeat N] [--json]

A record of each kind in turn, each with a pause before it, in one process: a `NullHandler`, ours with its defaults, and
OpenTelemetry's span with the same content, ended where it is started. Ours are sent meanwhile; the spans go nowhere.
"""

from __future__ import annotations

import logging
import statistics
import sys
import time
from collections.abc import Callable
from typing import Any

from bench import llm, records
from bench.nowhere import Spans
from bench.peers.loggers import logger_of
from bench.sink import Sink
from bench.tables import markdown, options, show
from bench.targets import Target

from helicone_logging import HeliconeHandler

_RUN = "9ace"
_PAUSE = 0.02  # seconds
_WARM_UP = 5
_WANTED = (
    ("flat", "null", "a `NullHandler`", 1.6),
    ("flat", "otel", "OpenTelemetry's span", 1.0),
    ("sdk-json", "null", "a `NullHandler`", 3.0),
)
_LABELS = {"flat": "the benchmark's flat record", "sdk-json": "`llm_request`, `llm_response` (plain JSON, 12 messages)"}


def main() -> int:
    given = options(__doc__, 150, "records of each kind").parse_args()
    with Sink() as sink:
        times, lost = measure(sink, given.repeat)
    return show(times, lost, _table(times), _targets(times), as_json=given.json)


def _table(times: dict[str, dict[str, float]]) -> str:
    rows = [
        [
            _LABELS[shape],
            *(f"{taken[who]:.1f}" for who in ("null", "otel", "ours")),
            *(f"{taken['ours'] / taken[other]:.2f}" for other in ("null", "otel")),
        ]
        for shape, taken in times.items()
    ]
    heads = ["", "`NullHandler` µs", "OpenTelemetry's span µs", "`HeliconeHandler` µs"]
    return markdown([*heads, "of `NullHandler`", "of the span"], rows)


def _targets(times: dict[str, dict[str, float]]) -> list[Target]:
    found = []
    for shape, other, name, limit in _WANTED:
        ratio = times[shape]["ours"] / times[shape][other]
        what = f"one record every 20 ms, {shape}: of {name}"
        found.append(Target(9, what, f"at most {limit:.3g} ×", f"{ratio:.2f} ×", ratio <= limit))
    return found


def measure(sink: Sink, count: int) -> tuple[dict[str, dict[str, float]], int]:
    """Logs `count` records of each kind.

    Args:
        sink: the endpoint.
        count: of records.

    Returns:
        The medians in microseconds by shape and by who logs, and how many records were lost.
    """
    handler, spans = HeliconeHandler(endpoint=sink.url), Spans()
    null, ours = logger_of(logging.NullHandler(), "bench.null"), logger_of(handler, "bench.ours")
    tracer = spans.provider.get_tracer("bench")

    def flat_span(fields: dict[str, Any]) -> None:
        tracer.start_span(records.MESSAGE, attributes=records.attributes(fields)).end()

    def sdk_span(fields: dict[str, Any]) -> None:
        attributes = llm.attributes(fields["llm_request"], fields["llm_response"])
        tracer.start_span(records.MESSAGE, attributes=attributes).end()

    shapes: dict[str, tuple[Callable[[int], dict[str, Any]], Callable[[dict[str, Any]], None]]] = {
        "flat": (lambda number: records.fields(_RUN, number), flat_span),
        "sdk-json": (llm.fields, sdk_span),
    }
    calls = [
        (shape, who, make, log)
        for shape, (make, span) in shapes.items()
        for who, log in (("null", _logging(null)), ("otel", span), ("ours", _logging(ours)))
    ]
    times: dict[str, dict[str, list[float]]] = {shape: {"null": [], "otel": [], "ours": []} for shape in shapes}
    for number in range(_WARM_UP + count):
        for shape, who, make, log in calls:
            item = make(number)
            time.sleep(_PAUSE)
            begin = time.perf_counter()
            log(item)
            times[shape][who].append(time.perf_counter() - begin)
    handler.close()
    stats = handler.stats()
    medians = {
        shape: {who: statistics.median(taken[_WARM_UP:]) * 1e6 for who, taken in found.items()}
        for shape, found in times.items()
    }
    return medians, stats.emitted + stats.skipped - stats.delivered


def _logging(logger: logging.Logger) -> Callable[[dict[str, Any]], None]:
    return lambda fields: logger.info(records.MESSAGE, extra=fields)


if __name__ == "__main__":
    sys.exit(main())
