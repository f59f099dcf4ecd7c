"""What `HeliconeSpanProcessor` costs whoever ends a span, in multiples of logging a record of the same content.

python benchmarks/spans.py [--repeat N] [--json]

Blocks of spans and of records alternate, and the median of their ratios counts; times are those of the processor, and
only of our part: what the SDK does itself is not in them. Nobody answers meanwhile, so that sender threads wait.
"""

from __future__ import annotations

import gc
import json
import logging
import statistics
import sys
import time
from collections.abc import Callable
from typing import Any, NamedTuple

from bench.nowhere import held
from bench.peers.loggers import logger_of
from bench.sink import Sink
from bench.tables import markdown, met, options, show
from bench.targets import Target
from opentelemetry.sdk.trace import ReadableSpan, Span, SpanProcessor, TracerProvider

from helicone_logging import HeliconeHandler
from helicone_logging.opentelemetry import HeliconeSpanProcessor

_BLOCK = 100
_TRACE, _SPAN, _PARENT = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331", "00f067aa0ba902b7"
_QUESTION, _ANSWER = "Why is the sky blue? " * 10, "Because of Rayleigh scattering. " * 10
_REQUEST = {
    "http.request.method": "GET", "http.route": "/chat", "http.response.status_code": 200, "url.scheme": "https",
    "url.path": "/chat", "url.query": "a=1", "server.address": "shop.example", "server.port": 443,
    "client.address": "192.0.2.1", "network.protocol.version": "1.1", "user_agent.original": "curl/8.1",
}  # fmt: skip


class Case(NamedTuple):
    """One comparison.

    Args:
        label: of the spans.
        attributes: of the span of this number.
        extra: of a record of the same content.
        limit: how many times the record it may take.
        of_what: whether the whole call of the logger is compared, or `handle` of a record that is made.
    """

    label: str
    attributes: Callable[[int], dict[str, Any]]
    extra: Callable[[int], dict[str, Any]]
    limit: float
    of_what: str = "call"


def _genai(number: int) -> dict[str, Any]:
    asked = [{"role": "user", "parts": [{"type": "text", "content": f"{number} {_QUESTION}"}]}]
    answered = [{"role": "assistant", "parts": [{"type": "text", "content": f"{number} {_ANSWER}"}]}]
    return {
        "gen_ai.operation.name": "chat", "gen_ai.provider.name": "openai", "gen_ai.request.model": "gpt-4o",
        "gen_ai.response.model": "gpt-4o-2024-08-06", "gen_ai.usage.input_tokens": 12, "gen_ai.usage.output_tokens": 20,
        "gen_ai.request.temperature": 0.3, "gen_ai.response.finish_reasons": ("stop",),
        "gen_ai.input.messages": json.dumps(asked), "gen_ai.output.messages": json.dumps(answered),
    }  # fmt: skip


def _openinference(number: int) -> dict[str, Any]:
    return {
        "openinference.span.kind": "LLM", "llm.system": "openai", "llm.model_name": "gpt-4o-2024-08-06",
        "llm.token_count.prompt": 12, "llm.token_count.completion": 20, "llm.finish_reason": "stop",
        "llm.invocation_parameters": '{"temperature": 0.3}', "llm.input_messages.0.message.role": "user",
        "llm.input_messages.0.message.content": f"{number} {_QUESTION}",
        "llm.output_messages.0.message.role": "assistant",
        "llm.output_messages.0.message.content": f"{number} {_ANSWER}",
    }  # fmt: skip


def _record(number: int) -> dict[str, Any]:
    return {
        "trace_id": _TRACE, "span_id": _SPAN, "parent_span_id": _PARENT, "span_name": "chat gpt-4o",
        "start_time": 1_760_000_000_000_000_000, "end_time": 1_760_000_001_000_000_000, "operation": "chat",
        "provider": "openai", "model": "gpt-4o-2024-08-06", "prompt_tokens": 12, "completion_tokens": 20,
        "temperature": 0.3, "finish_reason": "stop", "messages": [{"role": "user", "content": f"{number} {_QUESTION}"}],
        "completion": f"{number} {_ANSWER}",
    }  # fmt: skip


def _flat(number: int) -> dict[str, Any]:
    return {
        "trace_id": _TRACE, "model": "gpt-4o", "provider": "openai", "prompt": f"{number} {_QUESTION}",
        "completion": f"{number} {_ANSWER}", "prompt_tokens": 12, "completion_tokens": 20, "user_id": "ada",
    }  # fmt: skip


CASES = (
    Case("a call, in OpenTelemetry's dialect", _genai, _record, 2.0),
    Case("a call, in OpenInference's dialect", _openinference, _record, 2.0),
    Case("the same, by `handle` alone", _genai, _record, 2.0, "handle"),
    Case("a span that is not sent", lambda _: dict(_REQUEST), _flat, 3 / 14),
)


class _Ended(SpanProcessor):
    """Keeps what the SDK hands to `on_start` and `on_end`."""

    def __init__(self) -> None:
        self.spans: list[tuple[Span, ReadableSpan]] = []
        self._started: Span | None = None

    def on_start(self, span: Span, parent_context: object = None) -> None:  # noqa: ARG002 - the SDK's name
        self._started = span

    def on_end(self, span: ReadableSpan) -> None:
        assert self._started is not None
        self.spans.append((self._started, span))


class Cost(NamedTuple):
    """What a span costs.

    Args:
        times: multiples of the record.
        record_us: microseconds of the record.
        span_us: microseconds of `on_start` and `on_end`.
    """

    times: float
    record_us: float
    span_us: float


def main() -> int:
    given = options(__doc__, 80, "turns of a case").parse_args()
    gc.collect()
    gc.freeze()
    costs, lost = {}, 0
    with Sink() as sink:
        for case in CASES:
            with held(sink, {}, _warm_up) as handler:
                costs[case] = _measured(case, handler, given.repeat)
            stats = handler.stats()
            lost += stats.emitted - stats.delivered
    targets = [
        Target(1, case.label, f"{case.limit:.3g}", f"{cost.times:.2f}", cost.times <= case.limit)
        for case, cost in costs.items()
    ]
    rows = [
        [case.label, f"{cost.span_us:.1f}", f"{cost.record_us:.1f}", f"{cost.times:.2f}", f"{case.limit:.2f}",
         met(cost.times <= case.limit)]
        for case, cost in costs.items()
    ]  # fmt: skip
    heads = ["span", "`on_start` + `on_end` µs", "record µs", "multiples", "wanted at most", "met"]
    figures = {case.label: cost._asdict() for case, cost in costs.items()}
    return show(figures, lost, markdown(heads, rows), targets, as_json=given.json)


def _warm_up(handler: HeliconeHandler, number: int) -> None:
    logger_of(handler, "bench.spans").info("chat", extra=_record(number))


def _measured(case: Case, handler: HeliconeHandler, turns: int) -> Cost:
    processor, logger = HeliconeSpanProcessor(handler), logger_of(handler, "bench.spans")
    pairs = []
    for turn in range(turns):
        numbers = range(turn * _BLOCK, (turn + 1) * _BLOCK)
        if turn % 2:
            record = _time_records(case, handler, logger, numbers)
            pairs.append((_time_spans(case, processor, numbers), record))
        else:
            pairs.append((_time_spans(case, processor, numbers), _time_records(case, handler, logger, numbers)))
    pairs = pairs[len(pairs) // 10 :]  # the first ones warm up
    return Cost(
        times=statistics.median(span / record for span, record in pairs),
        record_us=statistics.median(record for _, record in pairs) * 1e6,
        span_us=statistics.median(span for span, _ in pairs) * 1e6,
    )


def _time_spans(case: Case, processor: HeliconeSpanProcessor, numbers: range) -> float:
    ended = _Ended()
    provider = TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(ended)
    tracer = provider.get_tracer("bench")
    for number in numbers:
        tracer.start_span("chat gpt-4o", attributes=case.attributes(number)).end()
    begin = time.thread_time()
    for started, span in ended.spans:
        processor.on_start(started)
        processor.on_end(span)
    return (time.thread_time() - begin) / len(numbers)


def _time_records(case: Case, handler: HeliconeHandler, logger: logging.Logger, numbers: range) -> float:
    extras = [case.extra(number) for number in numbers]
    if case.of_what == "handle":
        records = [
            logger.makeRecord(logger.name, logging.INFO, __file__, 1, "chat", (), None, "main", extra)
            for extra in extras
        ]
        begin = time.thread_time()
        for record in records:
            handler.handle(record)
    else:
        begin = time.thread_time()
        for extra in extras:
            logger.info("chat", extra=extra)
    return (time.thread_time() - begin) / len(numbers)


if __name__ == "__main__":
    sys.exit(main())
