"""The inherited context of a record: injected by our filter, bound where it is handled, or OpenTelemetry's."""

from __future__ import annotations

import functools
import json
import logging
import threading
import time
from collections.abc import Mapping

from helicone_logging.context import binding, stack
from helicone_logging.core import ids, notices
from helicone_logging.core.safe_vars import is_mapping

_OTEL_TRACE_ID = "otelTraceID"
_OTEL_SPAN_ID = "otelSpanID"

OTEL_STAMPS = (_OTEL_TRACE_ID, _OTEL_SPAN_ID, "otelServiceName", "otelTraceSampled")
"""What OpenTelemetry's logging instrumentation puts on every record."""

_MAX_REMEMBERED = 20_000  # characters of a message: what is private, or large, is not to stay in memory for long
_AT_ONCE = 1.0  # seconds between logging and handling, where no handler delays records
_DELAYED = (
    "a record is handled by another thread than logged it, or more than a second later, and has the context that is "
    "bound here, not its own. Put helicone_logging.TraceContextFilter on the handler that delays it "
    "(MemoryHandler, QueueHandler). This is told once"
)


def inherited_by(record: logging.LogRecord) -> Mapping[str, object]:
    """Returns the fields that are bound around a record; empty outside every context."""
    data = record.__dict__
    injected = data.get(binding.INHERITED_MARK)
    if injected is not None and is_mapping(injected):
        bound: Mapping[str, object] = injected
    else:
        bound = binding.current()
        if bound and not notices.was_reported("delay") and _is_delayed(data):
            notices.report_once("delay", _DELAYED)
    if _OTEL_TRACE_ID not in data or "trace_id" in bound:
        return bound
    return {**_otel_stamped(data), **bound}


def dict_message(data: Mapping[str, object]) -> Mapping[str, object] | None:
    """Returns the mapping that was logged in place of a text; None for every other message.

    Args:
        data: a record's attributes. Of a message that a `QueueHandler` has made text of, what our filter has seen
            before; a JSON object with an `event` or a `message` is what structlog's `JSONRenderer` makes of one.
    """
    text = logged = data["msg"]
    if type(text) is str:
        logged = data.get(binding.MESSAGE_MARK)
        if logged is None:
            return json_message(text)
    return logged if type(logged) is dict or is_mapping(logged) else None


def json_message(text: str) -> Mapping[str, object] | None:
    """Returns the mapping that was logged as JSON, with an `event` or a `message`; None for every other text."""
    if text[:1] != "{":
        return None
    if text[-1:] != "}":  # a `QueueHandler` puts the traceback behind it
        text = text.partition("\n")[0]
    if '"event"' not in text and '"message"' not in text:
        return None
    return _remembered(text) if len(text) <= _MAX_REMEMBERED else _parsed(text)


def _parsed(text: str) -> Mapping[str, object] | None:
    try:
        logged = json.loads(text)
    except Exception:  # noqa: BLE001 - no JSON, too deep, an int too long
        return None
    return logged if "event" in logged or "message" in logged else None


_remembered = functools.lru_cache(8)(_parsed)  # it is asked for when a record is chosen, and when it is read


def of_same_trace(inherited: Mapping[str, object], own: Mapping[str, object]) -> Mapping[str, object]:
    """Returns what of the inherited context holds for a record that may name a trace of its own."""
    if not inherited or not _names_other_trace(own, ids.trace_id(inherited.get("trace_id"))):
        return inherited
    return {name: value for name, value in inherited.items() if name != "trace_id" and name not in stack.OF_THE_TRACE}


def _names_other_trace(own: Mapping[str, object], inherited_trace: str | None) -> bool:
    trace = ids.trace_id(own.get("trace_id"))
    if trace is None:
        incoming = ids.parse_traceparent(own.get("traceparent"))
        trace = incoming.trace_id if incoming else None
    return trace is not None and trace != inherited_trace


def _otel_stamped(data: Mapping[str, object]) -> dict[str, object]:
    """The stamps are "0" outside a span, or all zeros where a filter of the application's writes them."""
    trace = data[_OTEL_TRACE_ID]
    if type(trace) is not str or not trace.strip().strip("0"):
        return {}
    return {"trace_id": trace, "parent_span_id": data.get(_OTEL_SPAN_ID)}


def _is_delayed(data: Mapping[str, object]) -> bool:
    thread, created = data.get("thread"), data.get("created")
    if type(thread) is int and thread != threading.get_ident():
        return True
    # By the clock that `logging` reads, as tools that freeze time for tests freeze both.
    return type(created) is float and time.time() - created > _AT_ONCE
