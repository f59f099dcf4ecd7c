"""Through a real Collector records show as they do when they are sent directly."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import rotel_agent
from recording_server import PATIENCE

from helicone_logging import HeliconeHandler
from helicone_logging.receiver import Receiver
from helicone_logging.receiver.rows import Row

KEY = "sk-helicone-of-the-gateway"
TRACE = "0af7651916cd43dd8448eb211c80319c"


@pytest.fixture
def helicone() -> Iterator[Receiver]:
    """Stands in for Helicone, and wants the key."""
    with Receiver(port=0, api_key=KEY) as receiver:
        yield receiver


@pytest.fixture
def collector(helicone: Receiver) -> Iterator[str]:
    """A Collector that has the only key."""
    authorization = f"Authorization=Bearer {KEY}"
    with rotel_agent.running(
        f"{helicone.url}/v1/trace/log-python", "--otlp-exporter-custom-headers", authorization
    ) as url:
        yield url


def log_all(logger: logging.Logger) -> int:
    """Logs records of every kind, and returns how many."""
    answer = [{"role": "assistant", "content": "On its way. 😀 {} []", "finish_reason": "stop"}]
    calls: list[tuple[str, dict[str, Any]]] = [
        ("answer", {
            "span_id": "00f067aa0ba902b7", "model": "gpt-4o", "provider": "openai", "completion": answer,
            "messages": [{"role": "system", "content": "Be kind."}, {"role": "user", "content": "Where?"}],
            "prompt_tokens": 14, "completion_tokens": 4, "max_tokens": 100, "temperature": 0.7, "user_id": "ada",
            "properties": {"tenant": "acme", "n": 5, "share": 0.5}, "duration_ms": 830, "cached_tokens": 3,
        }),
        ("typed", {
            "parent_span_id": "00f067aa0ba902b7", "flag": True, "share": 0.25, "large": 2**60, "huge": 2**70,
            "nan": float("nan"), "words": ["a", "b"], "mapping": {"a": [1, None]}, "nothing": [], "text": "",
        }),
        ("search", {"tool_name": "search", "operation": "execute_tool", "messages": "q", "completion": "found"}),
        ("grün \x00 \u2028 \x7f", {"session_id": "order-1234", "session_path": "/a/b"}),
        ("", {"prompt": "a prompt alone", "status": "ok"}),
    ]  # fmt: skip
    for message, fields in calls:
        logger.info(message, extra={"trace_id": TRACE, "start_time": 1_760_000_000, **fields})
    try:
        raise LookupError("no such order")
    except LookupError:
        logger.exception("failed", extra={"trace_id": TRACE, "start_time": 1_760_000_000, "end_time": 1_760_000_001})
    return len(calls) + 1


def shown(receiver: Receiver) -> list[str]:
    """The rows in an order that does not depend on batches."""
    return sorted(map(_without_times, receiver.rows()))


def _without_times(row: Row) -> str:
    """As a record whose end nobody names ends when it is logged."""
    is_timed = row.model == "gpt-4o" or "exception" in row.properties
    return repr({**vars(row), "latency_ms": row.latency_ms if is_timed else None})


def test_rows_are_the_same_with_a_collector_in_between(
    helicone: Receiver, collector: str, logger_of: Callable[[logging.Handler], logging.Logger]
) -> None:
    handler = HeliconeHandler(endpoint=collector, wire="otlp", service_name="shop", flush_interval=0.01)
    count = log_all(logger_of(handler))
    assert handler.flush(PATIENCE)
    assert helicone.store.wait_for(count, PATIENCE)
    handler.close()
    with Receiver(port=0) as direct:
        strict = HeliconeHandler(endpoint=direct.url, service_name="shop", batch_size=count)
        log_all(logger_of(strict))
        assert strict.flush(PATIENCE)
        strict.close()
        assert shown(helicone) == shown(direct)
    stats = handler.stats()
    assert (stats.delivered, stats.rejected, stats.dropped) == (count, 0, 0)


def test_parents_failures_and_half_a_surrogate_pair_come_through(
    helicone: Receiver, collector: str, logger_of: Callable[[logging.Handler], logging.Logger]
) -> None:
    handler = HeliconeHandler(endpoint=collector, wire="otlp")
    logger = logger_of(handler)
    logger.info("above", extra={"trace_id": TRACE, "span_id": "00f067aa0ba902b7"})
    logger.error("half \ud800 a pair", extra={"trace_id": TRACE, "parent_span_id": "00f067aa0ba902b7"})
    assert handler.flush(PATIENCE)
    assert helicone.store.wait_for(2, PATIENCE)
    above, below = sorted(helicone.store.entries(), key=lambda entry: entry.name)
    assert below.parent_id == "00f067aa0ba902b7"
    assert below.row.messages[0].content == "half \ufffd a pair"
    assert below.stored.span["status"] == {"code": 2, "message": "half \ufffd a pair"}
    assert below.stored.span["traceId"] == above.stored.span["traceId"] == TRACE
    handler.close()
