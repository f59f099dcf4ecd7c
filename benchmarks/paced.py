"""What a record costs its caller where one is logged every 20 ms, as services do; the tight loop flatters warm caches.

python benchmarks/paced.py [--repeat N] [--json]

A record of each kind in turn, each with a pause before it, in one process: a `NullHandler`, ours with its defaults, and
OpenTelemetry's span with the same content, ended where it is started. Ours are sent meanwhile; the spans go nowhere.
"""

from __future__ import annotations

import argparse
import json
import logging
import statistics
import sys
import time
from collections.abc import Callable
from typing import Any

from bench import llm, records
from bench.nowhere import Spans
from bench.peers.loggers import logger_of
from bench.report import markdown
from bench.sink import Sink

from helicone_logging import HeliconeHandler

_RUN = "9ace"
_PAUSE = 0.02  # seconds
_WARM_UP = 5
WANTED = {"flat": {"null": 1.6, "otel": 1.0}, "sdk-json": {"null": 3.0}}
_LABELS = {"flat": "the benchmark's flat record", "sdk-json": "`llm_request`, `llm_response` (plain JSON, 12 messages)"}


def main() -> int:
    options = _options()
    with Sink() as sink:
        figures = measure(sink, options.repeat)
    print(json.dumps(figures, indent=1) if options.json else f"{table(figures)}\n{figures['lost']} records lost")
    return 1 if figures["lost"] else 0


def table(figures: dict[str, Any]) -> str:
    """Returns the figures as Markdown, beside what is wanted."""
    rows = []
    for shape, label in _LABELS.items():
        cost = figures["us"][shape]
        ratios = {other: cost["ours"] / cost[other] for other in ("null", "otel")}
        wanted = [f"{WANTED[shape][other]:.3g}" if other in WANTED[shape] else "–" for other in ratios]
        met = all(ratios[other] <= limit for other, limit in WANTED[shape].items())
        cells = [f"{cost[who]:.1f}" for who in ("null", "otel", "ours")]
        cells += [f"{ratio:.2f} × (at most {limit})" for ratio, limit in zip(ratios.values(), wanted, strict=True)]
        rows.append([label, *cells, "yes" if met else "**no**"])
    heads = ["one record every 20 ms", "`NullHandler` µs", "OpenTelemetry's span µs", "`HeliconeHandler` µs"]
    return markdown([*heads, "of `NullHandler`", "of the span", "met"], rows)


def measure(sink: Sink, count: int) -> dict[str, Any]:
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
    return {
        "us": {
            shape: {who: statistics.median(taken[_WARM_UP:]) * 1e6 for who, taken in found.items()}
            for shape, found in times.items()
        },
        "lost": stats.emitted + stats.skipped - stats.delivered,
    }


def _logging(logger: logging.Logger) -> Callable[[dict[str, Any]], None]:
    return lambda fields: logger.info(records.MESSAGE, extra=fields)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeat", type=int, default=150, metavar="N", help="records of each kind (150)")
    parser.add_argument("--json", action="store_true", help="print the figures as JSON")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
