"""What it adds to a call of OpenAI's client to have its request and response recorded, content and all.

python benchmarks/sdk_calls.py [--repeat N] [--json]

The real client on a stubbed transport, in turns of a few calls: bare, followed by `logger.info` with `llm_request` and
`llm_response`, and instrumented by each of the packages that are installed. What is recorded goes nowhere.
"""

from __future__ import annotations

import os

# Before the instrumentations are imported, which read them.
os.environ["OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT"] = "SPAN_ONLY"
os.environ["OTEL_SEMCONV_STABILITY_OPT_IN"] = "gen_ai_latest_experimental"
os.environ["TRACELOOP_TRACE_CONTENT"] = "true"

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
from bench.sink import Sink
from bench.tables import markdown, options, show
from bench.targets import Target

from helicone_logging import HeliconeHandler

_PEERS = {
    "openinference": "openinference.instrumentation.openai",
    "traceloop": "opentelemetry.instrumentation.openai",
    "opentelemetry-v2": "opentelemetry.instrumentation.openai_v2",
}
_WANTED = 1 / 3  # of what the cheapest of them adds
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
    given = options(__doc__, 60, "turns").parse_args()
    with Sink() as sink:
        bare, added, lost = measure(sink, given.repeat)
    return show({"bare": bare, **added}, lost, _table(bare, added), _targets(added), as_json=given.json)


def _table(bare: float, added: dict[str, float]) -> str:
    rows = [["the call alone", f"{bare:.0f}", "–"]]
    rows += [[_LABELS[who], f"{bare + mine:.0f}", f"{mine:.0f}"] for who, mine in added.items()]
    return markdown(["`chat.completions.create`, 12 messages", "µs", "added µs"], rows)


def _targets(added: dict[str, float]) -> list[Target]:
    others = [mine for who, mine in added.items() if who != "ours"]
    if not others:
        return []
    ratio = added["ours"] / min(others)
    what = "added to a call of OpenAI's client, of what the cheapest instrumentation adds"
    return [Target(10, what, f"at most {_WANTED:.2f} ×", f"{ratio:.2f} ×", ratio <= _WANTED)]


def measure(sink: Sink, turns: int) -> tuple[float, dict[str, float], int]:
    """Calls the client in turns.

    Args:
        sink: the endpoint of our handler.
        turns: how many.

    Returns:
        Medians in microseconds of the bare call and of what each adds to it, and how many records were lost.
    """
    client = _client()
    spans = {who: Spans(_CONTENT) for who, module in _PEERS.items() if _is_installed(module)}
    instrumented = {who: _patches(_PEERS[who], recorded) for who, recorded in spans.items()}
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
    lost = stats.emitted + stats.skipped - stats.delivered
    return statistics.median(times["bare"]) * 1e6, added, lost


def _client() -> Any:
    """Returns OpenAI's client on a transport that answers at once."""
    httpx = importlib.import_module("httpx2" if _is_installed("httpx2") else "httpx")
    openai = importlib.import_module("openai")
    answer = json.dumps(llm.response(1)).encode()
    headers = {"content-type": "application/json"}
    transport = httpx.MockTransport(lambda _: httpx.Response(200, content=answer, headers=headers))
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
    """Returns the median of the seconds of the processor that a call takes its caller."""
    times = []
    for number in range(_CALLS):
        arguments = llm.request(number)
        begin = time.thread_time()
        call(arguments)
        times.append(time.thread_time() - begin)
    return statistics.median(times)


if __name__ == "__main__":
    sys.exit(main())
