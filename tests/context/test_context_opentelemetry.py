"""An active OpenTelemetry span is the context, unless we have bound a trace ourselves."""

from __future__ import annotations

import sys
import types

import pytest
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider

from helicone_logging.context.binding import bind, current, current_trace_id, current_traceparent
from helicone_logging.context.filter import TraceContextFilter
from helicone_logging.context.tracing import span

tracer = TracerProvider(shutdown_on_exit=False).get_tracer(__name__)


def ids_of(otel_span):
    found = otel_span.get_span_context()
    return {"trace_id": f"{found.trace_id:032x}", "parent_span_id": f"{found.span_id:016x}"}


def test_an_active_span_is_the_context():
    with tracer.start_as_current_span("outer") as outer:
        assert current() == ids_of(outer)
        assert current_trace_id() == ids_of(outer)["trace_id"]
        assert current_traceparent() == "00-{trace_id}-{parent_span_id}-01".format(**ids_of(outer))
        with tracer.start_as_current_span("inner") as inner:
            assert current() == ids_of(inner)
    assert current() == {}


def test_the_span_of_a_remote_caller_counts_too():
    remote = trace.SpanContext(trace_id=1, span_id=2, is_remote=True)
    with trace.use_span(trace.NonRecordingSpan(remote)):
        assert current() == {"trace_id": "0" * 31 + "1", "parent_span_id": "0" * 15 + "2"}


def test_without_an_active_span_nothing_is_bound_and_no_object_made():
    assert current() is current()
    with trace.use_span(trace.INVALID_SPAN):
        assert current() == {}


def test_other_bound_fields_stand_beside_it():
    with tracer.start_as_current_span("outer") as outer, bind(user_id="u"):
        assert current() == {**ids_of(outer), "user_id": "u"}


def test_a_trace_that_we_have_bound_wins():
    with bind(trace_id="ours"), tracer.start_as_current_span("theirs"):
        assert current() == {"trace_id": "ours"}


def test_our_span_is_a_child_of_theirs(log):
    with tracer.start_as_current_span("theirs") as theirs, span("ours") as ours:
        assert current()["parent_span_id"] == ours.span_id
    assert log["ours"].span["trace_id"] == ids_of(theirs)["trace_id"]
    assert log["ours"].span["parent_span_id"] == ids_of(theirs)["parent_span_id"]


def test_our_span_stays_the_parent_while_theirs_are_inside():
    with span("ours") as ours, tracer.start_as_current_span("theirs"):
        assert (current()["trace_id"], current()["parent_span_id"]) == (ours.trace_id, ours.span_id)


def test_the_filter_injects_it():
    import logging

    record = logging.makeLogRecord({"msg": "inside"})
    with tracer.start_as_current_span("outer") as outer:
        TraceContextFilter().filter(record)
    assert record.trace_id == ids_of(outer)["trace_id"]


@pytest.mark.parametrize("half_loaded", [types.ModuleType("opentelemetry.trace"), None])
def test_a_half_loaded_or_blocked_opentelemetry_is_none(monkeypatch, half_loaded):
    monkeypatch.setitem(sys.modules, "opentelemetry.trace", half_loaded)
    assert current() == {}
    with bind(user_id="u"):
        assert current() == {"user_id": "u"}
