"""The context around a record: stamped on it by our filter, bound where it is formatted, or OpenTelemetry's."""

from __future__ import annotations

import logging
from collections.abc import Mapping

from helicone_logging.context import binding
from helicone_logging.core import ids

_OTEL_TRACE_ID = "otelTraceID"
_OTEL_SPAN_ID = "otelSpanID"
_NO_SPAN = "0"  # what OpenTelemetry's logging instrumentation stamps outside a span

OTEL_STAMPS = (_OTEL_TRACE_ID, _OTEL_SPAN_ID, "otelServiceName", "otelTraceSampled")
"""What OpenTelemetry's logging instrumentation puts on every record."""

_OF_THE_TRACE = ("trace_id", "parent_span_id", "parent_path")


def ambient_of(record: logging.LogRecord) -> Mapping[str, object]:
    """Returns the fields that are bound around a record; empty outside every context."""
    data = record.__dict__
    stamped = data.get(binding.AMBIENT_MARK)
    ambient = stamped if stamped is not None and isinstance(stamped, Mapping) else binding.ambient()
    otel_trace = data.get(_OTEL_TRACE_ID)
    if type(otel_trace) is not str or otel_trace == _NO_SPAN or "trace_id" in ambient:
        return ambient
    return {"trace_id": otel_trace, "parent_span_id": data.get(_OTEL_SPAN_ID), **ambient}


def of_same_trace(ambient: Mapping[str, object], own: Mapping[str, object]) -> Mapping[str, object]:
    """Returns what of the ambient context holds for a record that may name a trace of its own.

    Args:
        ambient: the context around it; its parent and path belong to its trace.
        own: the fields of the record itself.
    """
    if not ambient or not _names_other_trace(own, ids.trace_id(ambient.get("trace_id"))):
        return ambient
    return {name: value for name, value in ambient.items() if name not in _OF_THE_TRACE}


def _names_other_trace(own: Mapping[str, object], ambient_trace: str | None) -> bool:
    trace = ids.trace_id(own.get("trace_id"))
    if trace is None:
        incoming = ids.parse_traceparent(own.get("traceparent"))
        trace = incoming.trace_id if incoming else None
    return trace is not None and trace != ambient_trace
