"""Explicit context exports a record; ambient context only enriches one that is exported anyway."""

from __future__ import annotations

import logging
import logging.handlers
import queue
from typing import Any

import pytest
from opentelemetry.sdk.trace import TracerProvider
from payloads import record, sent

from helicone_logging import OTELTraceFormatter, TraceContextFilter, bind
from helicone_logging.payload.fields import MODEL_FIELDS

TRACE = "0af7651916cd43dd8448eb211c80319c"
TRACEPARENT = f"00-{TRACE}-b7ad6b7169203331-01"


def is_exported(export: str = "explicit", msg: object = "a line", **extra: Any) -> bool:
    record = logging.makeLogRecord({"msg": msg, **extra})
    return OTELTraceFormatter(export=export).selects(record)


@pytest.mark.parametrize(
    "extra",
    [{"trace_id": "t"}, {"trace_id": 7}, {"traceparent": TRACEPARENT}, {"span_id": "s"}, {"helicone": {}}],
    ids=lambda extra: next(iter(extra)),
)
def test_a_record_with_context_of_its_own_is_exported(extra: dict[str, Any]) -> None:
    assert is_exported(**extra)
    assert is_exported(msg={"message": "in a dict", **extra})


@pytest.mark.parametrize("name", ["trace_id", "traceparent", "span_id", "helicone"])
@pytest.mark.parametrize("nothing", [None, ""])
def test_a_field_without_a_value_is_as_if_absent(name: str, nothing: object) -> None:
    assert not is_exported(**{name: nothing})


def test_a_plain_record_and_foreign_fields_are_not_exported() -> None:
    assert not is_exported()
    assert not is_exported(request=object(), status_code=500, model="gpt-4o", prompt="no trace around")


def test_what_is_bound_around_a_record_does_not_export_it() -> None:
    with bind(trace_id="t", user_id="ada"):
        assert not is_exported()
        assert not is_exported(user_id="ada", properties={"tenant": "acme"})


@pytest.mark.parametrize("name", MODEL_FIELDS)
def test_inside_a_bound_context_a_model_field_exports(name: str) -> None:
    with bind(trace_id="t"):
        assert is_exported(**{name: "x"})
        assert is_exported(msg={"message": "in a dict", name: "x"})
        assert not is_exported(**{name: ""})


def test_what_our_filter_stamped_on_records_of_all_libraries_does_not_export_them() -> None:
    record = logging.makeLogRecord({"name": "httpx", "msg": "HTTP Request: POST https://api.example.com"})
    with bind(trace_id="t", model="gpt-4o"):
        TraceContextFilter().filter(record)
        assert record.__dict__["trace_id"] == "t"
        assert not OTELTraceFormatter().selects(record)
    assert not OTELTraceFormatter().selects(record)


def test_neither_an_active_opentelemetry_span_nor_the_stamps_of_its_instrumentation_export() -> None:
    stamps = {"otelTraceID": TRACE, "otelSpanID": "b7ad6b7169203331", "otelServiceName": "shop"}
    assert not is_exported(**stamps)
    assert is_exported(**stamps, model="gpt-4o")
    with TracerProvider().get_tracer("test").start_as_current_span("request"):
        assert not is_exported()
        assert is_exported(model="gpt-4o")
    assert not is_exported(otelTraceID="0", otelSpanID="0", model="gpt-4o")


def test_export_context_adds_every_record_inside_a_bound_context() -> None:
    assert not is_exported("context")
    with bind(user_id="ada"):
        assert is_exported("context")


def test_export_all_exports_everything() -> None:
    assert is_exported("all")


def test_a_name_that_is_renamed_to_a_field_counts_as_that_field() -> None:
    formatter = OTELTraceFormatter(rename_fields={"request_id": "trace_id", "llm": "model"})
    assert formatter.selects(logging.makeLogRecord({"request_id": "r"}))
    assert not formatter.selects(logging.makeLogRecord({"llm": "gpt-4o"}))
    with bind(trace_id="t"):
        assert formatter.selects(logging.makeLogRecord({"llm": "gpt-4o"}))


@pytest.mark.parametrize("nothing", ["0", "0" * 32, "  ", "", None, False, 0, "00000000-0000-0000-0000-000000000000"])
def test_ids_that_name_nothing_export_no_record(nothing: object) -> None:
    formatter = OTELTraceFormatter(rename_fields={"request_id": "trace_id"})
    for name in ("trace_id", "span_id", "request_id"):
        assert not formatter.selects(record(extra={name: nothing}))
        assert not formatter.selects(record({"message": "a dict", name: nothing}))
    assert formatter.selects(record(extra={"trace_id": "t-1"}))


def test_ids_that_name_nothing_group_no_records() -> None:
    one, other = (sent(record(extra={"helicone": {}, "trace_id": "0"})) for _ in range(2))
    key = "traceloop.association.properties.Helicone-Session-Id"
    assert one[key] != other[key]


def test_a_dict_message_exports_behind_a_queue_handler_too() -> None:
    made = record({"message": "asked", "trace_id": "t-1", "user_id": "ada"})
    TraceContextFilter().filter(made)
    behind = logging.handlers.QueueHandler(queue.SimpleQueue()).prepare(made)
    formatter = OTELTraceFormatter()
    assert formatter.selects(behind)
    assert sent(behind, formatter)["traceloop.association.properties.Helicone-User-Id"] == "ada"


class Classless:
    """An object that raises where it is asked for its class."""

    @property
    def __class__(self) -> type:
        raise RuntimeError("no class")

    __slots__ = ()


@pytest.mark.parametrize("name", ["trace_id", "span_id", "traceparent", "helicone", "extra", "msg", "messages"])
def test_to_choose_a_record_asks_no_object_for_its_class(name: str) -> None:
    made = logging.makeLogRecord({"msg": "a line", name: Classless()})
    assert OTELTraceFormatter().selects(made) is (name in {"helicone", "traceparent"})
