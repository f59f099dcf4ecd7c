"""What it adds to a call of OpenAI's client to have its request and response recorded, content and all.

python benchmarks/sdk_calls.py [--repeat N] [--json]

The real client on a stubbed transport, in turns of a few calls: bare, followed by `logger.info(..., extra={"llm_request":
..., "llm_response": ...})`, and instrumented by each of the packages that are installed. What is recorded goes nowhere.
"""

from __future__ import annotations

import os

# Before the instrumentations are imported, which read them.
os.environ["OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT"] = "SPAN_ONLY"
os.environ["OTEL_SEMCONV_STABILITY_OPT_IN"] = "gen_ai_latest_experimental"
os.environ["TRACELOOP_TRACE_CONTENT"] = "true"

import argparse
import contextlib
import gc
import importlib
import importlib.util
import json
import statistics
import sys
import time
from collections.abc import Callable
from typing import Any, NamedTuple

from bench import llm, records
from bench.nowhere import Spans, held
from bench.peers.loggers import logger_of
from bench.report import markdown
from bench.sink import Sink

from helicone_logging import HeliconeHandler

PEERS = {
    "openinference": "openinference.instrumentation.openai",
    "traceloop": "opentelemetry.instrumentation.openai",
    "opentelemetry-v2": "opentelemetry.instrumentation.openai_v2",
}
WANTED = 1 / 3
"""How much of the cheapest peer's added cost ours may be."""
_LABELS = {
    "ours": "**helicone_logging**, `llm_request` and `llm_response`",
    "openinference": "openinference-instrumentation-openai",
    "traceloop": "opentelemetry-instrumentation-openai (Traceloop)",
    "opentelemetry-v2": "opentelemetry-instrumentation-openai-v2",
}
_CALLS = 12  # of a turn, of which the median counts
_CONTENT = records.COMPLETION[:60]


class Patches(NamedTuple):
    """An instrumentation.

    Args:
        before: the functions that it wraps, with their owners and names.
        after: the same, wrapped.
    """

    before: list[tuple[Any, str, Any]]
    after: list[tuple[Any, str, Any]]


def main() -> int:
    options = _options()
    with Sink() as sink:
        figures = measure(sink, options.repeat)
    print(json.dumps(figures, indent=1) if options.json else f"{table(figures)}\n{figures['lost']} records lost")
    return 1 if figures["lost"] else 0


def table(figures: dict[str, Any]) -> str:
    """Returns the figures as Markdown."""
    bare, added = figures["bare_us"], figures["added_us"]
    rows = [["the call alone", f"{bare:.0f}", "–"]]
    rows += [[label, f"{bare + added[who]:.0f}", f"{added[who]:.0f}"] for who, label in _LABELS.items() if who in added]
    return markdown(["a call of `chat.completions.create`, 12 messages", "µs", "added µs"], rows)


def ratio(figures: dict[str, Any]) -> float | None:
    """Returns what ours adds by what the cheapest of the others does; None without others."""
    others = [added for who, added in figures["added_us"].items() if who != "ours"]
    return figures["added_us"]["ours"] / min(others) if others else None


def measure(sink: Sink, turns: int) -> dict[str, Any]:
    """Calls the client in turns.

    Args:
        sink: the endpoint of our handler.
        turns: how many.

    Returns:
        Medians in microseconds of the bare call and of what each adds to it, and how many records were lost.
    """
    client = _client()
    spans = {who: Spans(_CONTENT) for who, module in PEERS.items() if _is_installed(module)}
    instrumented = {who: _patches(PEERS[who], recorded) for who, recorded in spans.items()}
    times: dict[str, list[float]] = {who: [] for who in ("bare", "ours", *instrumented)}
    gc.collect()
    gc.freeze()

    def bare(arguments: dict[str, Any]) -> Any:
        return client.chat.completions.create(**arguments)

    def warm_up(handler: HeliconeHandler, number: int) -> None:
        _logged(bare, handler, number)(llm.request(number))

    with held(sink, {"capture_content": True}, warm_up) as handler:
        for turn in range(turns):
            times["bare"].append(_timed(bare))
            times["ours"].append(_timed(_logged(bare, handler, turn)))
            for who, patches in instrumented.items():
                _put(patches.after)
                times[who].append(_timed(bare))
                _put(patches.before)
    stats = handler.stats()
    added = {
        who: statistics.median(mine - floor for mine, floor in zip(taken, times["bare"], strict=True)) * 1e6
        for who, taken in times.items()
        if who != "bare"
    }
    for who, recorded in spans.items():
        recorded.finish()
        assert recorded.count == turns * _CALLS, f"{who} recorded {recorded.count} of {turns * _CALLS} calls"
        assert recorded.with_content, f"{who} records no content"
    return {
        "bare_us": statistics.median(times["bare"]) * 1e6,
        "added_us": added,
        "lost": stats.emitted + stats.skipped - stats.delivered,
    }


def _client() -> Any:
    """Returns OpenAI's client on a transport that answers at once."""
    httpx = importlib.import_module("httpx2" if _is_installed("httpx2") else "httpx")
    openai = importlib.import_module("openai")
    answer = json.dumps(llm.response(1)).encode()
    headers = {"content-type": "application/json"}
    transport = httpx.MockTransport(lambda request: httpx.Response(200, content=answer, headers=headers))
    return openai.OpenAI(api_key="sk-bench", base_url="http://localhost", http_client=httpx.Client(transport=transport))


def _is_installed(module: str) -> bool:
    with contextlib.suppress(ModuleNotFoundError):  # of a parent package
        return importlib.util.find_spec(module) is not None
    return False


def _patches(module: str, spans: Spans) -> Patches:
    """Returns what an instrumentation puts in the place of the client's functions, and puts these back.

    Not all of them can undo that themselves.
    """
    openai = importlib.import_module("openai")
    places = [(importlib.import_module("openai.resources.chat.completions").Completions, "create")]
    places.append((openai.OpenAI, "request"))
    before = [(owner, name, getattr(owner, name)) for owner, name in places]
    importlib.import_module(module).OpenAIInstrumentor().instrument(tracer_provider=spans.provider)
    after = [(owner, name, getattr(owner, name)) for owner, name in places]
    _put(before)
    return Patches(before, after)


def _put(functions: list[tuple[Any, str, Any]]) -> None:
    for owner, name, function in functions:
        setattr(owner, name, function)


def _logged(call: Callable[[dict[str, Any]], Any], handler: HeliconeHandler, number: int) -> Callable[..., Any]:
    logger, trace_id = logger_of(handler, "bench.ours"), f"{number + 1:032x}"

    def logged(arguments: dict[str, Any]) -> Any:
        response = call(arguments)
        extra = {"trace_id": trace_id, "llm_request": arguments, "llm_response": response}
        logger.info(records.MESSAGE, extra=extra)
        return response

    return logged


def _timed(call: Callable[[dict[str, Any]], Any]) -> float:
    """Returns the median of the seconds that a call takes."""
    times = []
    for number in range(_CALLS):
        arguments = llm.request(number)
        begin = time.perf_counter()
        call(arguments)
        times.append(time.perf_counter() - begin)
    return statistics.median(times)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeat", type=int, default=60, metavar="N", help="turns (60)")
    parser.add_argument("--json", action="store_true", help="print the figures as JSON")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
