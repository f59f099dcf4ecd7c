"""`sample_rate` sends whole traces, the same ones in every process, and all failures."""

from __future__ import annotations

import logging
import logging.handlers
import queue
import subprocess
import sys
from typing import Any

import pytest
from payloads import record

from helicone_logging import ConfigurationError, OTELTraceFormatter, TraceContextFilter, bind, span
from helicone_logging.testing import capture_spans

NAMES = [f"order-{number}" for number in range(2_000)]
HEX = [f"{number:032x}" for number in range(1, 2_001)]


def chosen(names: list[str], rate: float | str) -> list[str]:
    formatter = OTELTraceFormatter(sample_rate=rate)
    return [name for name in names if formatter.selects(record(trace_id=name))]


@pytest.mark.parametrize("names", [NAMES, HEX], ids=["named", "counted"])
def test_it_sends_its_share_of_the_traces_however_their_ids_are_chosen(names: list[str]) -> None:
    assert 400 < len(chosen(names, 0.25)) < 600
    assert chosen(names, 1) == names
    assert chosen(names, 0) == []


def test_a_larger_share_holds_all_traces_of_a_smaller_one() -> None:
    assert set(chosen(NAMES, "0.1")) < set(chosen(NAMES, 0.3))


def test_every_process_chooses_the_same_traces() -> None:
    script = (
        "import logging, helicone_logging as h; f = h.OTELTraceFormatter(sample_rate=0.5);"
        "print([n for n in range(50) if f.selects(logging.makeLogRecord({'trace_id': f'order-{n}'}))])"
    )
    runs = {subprocess.run([sys.executable, "-c", script], capture_output=True, check=True).stdout for _ in range(2)}
    assert runs == {f"{[number for number in range(50) if NAMES[number] in chosen(NAMES, 0.5)]}\n".encode()}


def ways_to_name(trace: str) -> dict[str, logging.LogRecord]:
    """Records that name a trace in each way there is."""
    dictionary = record({"message": "asked", "trace_id": trace})
    TraceContextFilter().filter(dictionary)
    with bind(trace_id=trace):
        injected = record(model="gpt-4o")
        TraceContextFilter().filter(injected)
    return {
        "field": record(trace_id=trace),
        "upper case": record(trace_id=trace.upper()),
        "traceparent": record(traceparent=f"00-{trace}-00f067aa0ba902b7-01"),
        "mapping": record(helicone={"trace_id": trace}),
        "dict message": record({"message": "asked", "trace_id": trace}),
        "renamed": record(request_id=trace),
        "loguru": record(extra={"extra": {"trace_id": trace}}),
        "JSON of structlog": record(f'{{"event": "asked", "trace_id": "{trace}"}}'),
        "injected": injected,
        "stamped by OpenTelemetry": record(otelTraceID=trace, otelSpanID="00f067aa0ba902b7", model="gpt-4o"),
        "behind a queue": logging.handlers.QueueHandler(queue.SimpleQueue()).prepare(dictionary),
    }


def test_a_trace_is_sent_whole_however_its_records_name_it() -> None:
    formatter = OTELTraceFormatter(sample_rate=0.5, rename_fields={"request_id": "trace_id"})
    decisions = set()
    for trace in HEX[1_000:1_010]:
        made = {way: formatter.selects(it) for way, it in ways_to_name(trace).items()}
        with bind(trace_id=trace):
            made["bound"] = formatter.selects(record(model="gpt-4o"))
        with bind(trace_id="another"):
            made["inside another"] = formatter.selects(record(trace_id=trace))
        assert len(set(made.values())) == 1, made
        decisions |= set(made.values())
    assert decisions == {True, False}


def test_records_without_a_trace_are_traces_of_their_own() -> None:
    formatter = OTELTraceFormatter(sample_rate=0.5)
    assert {formatter.selects(record(helicone={})) for _ in range(100)} == {True, False}


def raised() -> Any:
    try:
        raise ValueError("no stock")
    except ValueError:
        return sys.exc_info()


@pytest.mark.parametrize(
    ("fields", "is_failure"),
    [
        ({"exc_info": raised()}, True),
        ({"level": logging.ERROR}, True),
        ({"level": logging.ERROR, "status": "ok"}, False),
        ({"status": "error"}, True),
        ({"status": 503}, True),
        ({"error.type": "RateLimitError"}, True),
        ({"status": 200}, False),
        ({"helicone": {"status": "error"}}, True),
        ({"msg": {"message": "asked", "status": "error"}}, True),
        ({"msg": {"message": "asked"}}, False),
        ({"msg": '{"event": "asked", "status": "error"}'}, True),
        ({"extra": {"extra": {"status": "error"}}}, True),
        ({"extra": {"extra": {"user_id": "ada"}}}, False),
        ({"llm_response": {"error": {"message": "overloaded", "type": "overloaded_error"}}}, True),
        ({"llm_response": {"model": "gpt-4o", "choices": []}}, False),
        ({"level": logging.WARNING}, False),
    ],
)
def test_failures_are_sent_whatever_becomes_of_their_trace(fields: dict[str, Any], is_failure: bool) -> None:
    assert OTELTraceFormatter(sample_rate=0).selects(record(trace_id="t", **fields)) is is_failure


def test_a_failure_is_known_behind_a_queue_too() -> None:
    made = record(trace_id="t", exc_info=raised())
    behind = logging.handlers.QueueHandler(queue.SimpleQueue()).prepare(made)
    assert OTELTraceFormatter(sample_rate=0).selects(behind)


def test_a_status_that_is_bound_or_renamed_is_known_too() -> None:
    with bind(trace_id="t", status="error"):
        assert OTELTraceFormatter(sample_rate=0).selects(record(model="gpt-4o"))
    assert OTELTraceFormatter(sample_rate=0, rename_fields={"outcome": "status"}).selects(
        record(trace_id="t", outcome="error")
    )


class Broken(dict[str, object]):
    def __contains__(self, name: object) -> bool:
        raise RuntimeError


def test_a_record_that_cannot_be_read_is_not_left_out() -> None:
    assert OTELTraceFormatter(sample_rate=0).selects(record(helicone=Broken()))


def test_what_is_left_out_is_not_captured_as_it_is_not_sent() -> None:
    logger = logging.getLogger("shop.sampled")
    with capture_spans(logger, sample_rate=0) as spans:
        logger.info("left out", extra={"trace_id": "t"})
        with span("left out too", logger):
            logger.info("not exported anyway")
        logger.error("failed", extra={"trace_id": "t"})
    assert [it.name for it in spans] == ["failed"]


@pytest.mark.parametrize("rate", [-0.1, 1.1, "many", True, None, float("nan")])
def test_a_rate_that_cannot_work_is_named(rate: Any) -> None:
    with pytest.raises(ConfigurationError, match=r"sample_rate=.* give a number from 0 to 1"):
        OTELTraceFormatter(sample_rate=rate)
