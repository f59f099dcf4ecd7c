"""For each kind of record, the row that Helicone shows."""

from __future__ import annotations

import dataclasses
import enum
import json
import logging
import types
from typing import Any

import pytest
from payloads import CREATED_NS, HELICONE, PARENT, PROPERTY, SPAN, TRACE, record, row, sent, span_of, traced

from helicone_logging import OTELTraceFormatter, TraceContextFilter, bind
from helicone_logging.payload.span import SpanData
from helicone_logging.receiver.rows import Choice, Message, Row

MESSAGES = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Where is my order?"}]
PLAIN_ROW = Row(
    provider="",
    model="",
    messages=(Message("user", "answer question"),),
    choices=(),
    prompt_tokens=None,
    completion_tokens=None,
    total_tokens=None,
    has_cost=False,
    user="",
    properties={"logger": "shop.assistant", "level": "INFO"},
    are_properties_cleaned=True,
    session_id=TRACE,
    session_name="unknown_service",
    session_path="/answer question",
    created_ns=float(CREATED_NS),
    latency_ms=0,
    max_tokens=50,
    temperature=1,
    object="",
    icon="llm",
    status=200,
)


def expected(properties: dict[str, str] | None = None, **changes: Any) -> Row:
    """The plain record's row, with some of it otherwise; properties are added to its own."""
    return dataclasses.replace(PLAIN_ROW, properties={**PLAIN_ROW.properties, **(properties or {})}, **changes)


def test_a_plain_traced_record_shows_its_message_as_the_prompt() -> None:
    assert row(traced()) == PLAIN_ROW


def test_a_model_call_shows_all_of_it() -> None:
    made = traced(
        provider="openai",
        model="gpt-4o",
        messages=MESSAGES,
        completion="On its way.",
        finish_reason="stop",
        prompt_tokens=14,
        completion_tokens=4,
        max_tokens=200,
        temperature=0.2,
        operation="chat",
        user_id="ada",
        session_name="shop",
        properties={"tenant": "acme"},
        duration_ms=830,
    )
    assert row(made) == expected(
        provider="OPENAI",
        model="gpt-4o",
        messages=(Message("system", "Be brief."), Message("user", "Where is my order?")),
        choices=(Choice("assistant", "On its way.", "stop"),),
        prompt_tokens=14,
        completion_tokens=4,
        total_tokens=18,
        has_cost=True,
        user="ada",
        session_name="shop",
        properties={"tenant": "acme"},
        created_ns=float(CREATED_NS - 830_000_000),
        latency_ms=830,
        max_tokens=200,
        object="chat",
    )
    assert sent(made)["gen_ai.request.temperature"] == "0.2"
    assert sent(made)["gen_ai.request.model"] == "gpt-4o"
    assert span_of(made)["kind"] == 3
    assert span_of(made)["status"] == {"code": 1}


def test_a_plain_record_is_an_internal_span_at_its_place_in_the_code() -> None:
    span, attributes = span_of(traced()), sent(traced())
    assert (span["name"], span["kind"], span["traceId"]) == ("answer question", 1, TRACE)
    assert (attributes["code.function"], attributes["code.filepath"]) == ("ask", "/srv/shop/assistant.py")
    assert attributes["code.lineno"] == 42


def test_the_text_of_a_streamed_answer_shows_as_one_choice() -> None:
    made = traced(model="gpt-4o", prompt="Where is it?", completion="".join(["On ", "its ", "way."]))
    assert row(made).messages == (Message("user", "Where is it?"),)
    assert row(made).choices == (Choice("assistant", "On its way.", None),)


def test_a_list_of_chunks_shows_as_one_choice() -> None:
    def chunk(text: str, reason: str | None = None) -> dict[str, object]:
        choice = {"index": 0, "delta": {"content": text}, "finish_reason": reason}
        return {"object": "chat.completion.chunk", "model": "gpt-4o", "choices": [choice]}

    shown = row(traced(llm_response=[chunk("On its "), chunk("way."), chunk("", "stop")]))
    assert shown.choices == (Choice("assistant", "On its way.", "stop"),)
    assert (shown.provider, shown.model) == ("OPENAI", "gpt-4o")


@pytest.mark.parametrize(
    ("fields", "model", "with_icon", "step"),
    [
        ({"operation": "execute_tool"}, "look up", "tool:look up", "tool"),
        ({"operation": "execute_tool", "tool_name": "orders"}, "orders", "tool:orders", "tool"),
        ({"tool_name": "orders"}, "orders", "tool:orders", "tool"),
        ({"operation": "retrieval"}, "vector_db:look up", "vector_db:look up", None),
        ({"operation": "RETRIEVAL"}, "vector_db:look up", "vector_db:look up", None),
        ({"operation": "database"}, "look up", "data:look up", "data"),
        ({"operation": "execute_tool", "model": "gpt-4o"}, "gpt-4o", "gpt-4o", None),
        ({"operation": "chat"}, "", "", None),
    ],
)
def test_a_step_that_is_no_model_call_shows_its_text_or_its_icon(
    fields: dict[str, Any], model: str, with_icon: str, step: str | None
) -> None:
    made = traced("look up", prompt="order 1234", completion="found", **fields)
    shown = row(made)
    assert (shown.model, shown.properties.get("step")) == (model, step)
    assert shown.messages == (Message("user", "order 1234"),)
    assert shown.choices == (Choice("assistant", "found", None),)
    assert shown.hidden == ""
    assert row(made, OTELTraceFormatter(step_icons=True)).model == with_icon


def failing(error: BaseException, cause: BaseException | None = None) -> Any:
    """The exc_info of an error, raised from a cause."""
    try:
        raise error from cause
    except BaseException as raised:
        return type(raised), raised, raised.__traceback__


def test_a_failure_shows_although_the_server_shows_every_row_as_a_success() -> None:
    info = failing(ValueError("no such order"), KeyError("1234"))
    made = record("rate answer", level=logging.ERROR, exc_info=info, trace_id=TRACE)
    assert row(made) == expected(
        messages=(Message("user", "rate answer"),),
        choices=(Choice("assistant", "ValueError: no such order", None),),
        properties={"level": "ERROR", "error": "true", "exception": "ValueError"},
        session_path="/rate answer",
    )
    span = span_of(made)
    assert span["status"] == {"code": 2}
    (event,) = span["events"]
    described = {one["key"]: one["value"]["stringValue"] for one in event["attributes"]}
    assert (event["name"], event["timeUnixNano"]) == ("exception", span["endTimeUnixNano"])
    assert (described["exception.type"], described["exception.message"]) == ("ValueError", "no such order")
    assert described["exception.stacktrace"].startswith("KeyError: '1234'\n\nThe above exception was the direct cause")
    assert described["exception.stacktrace"].endswith("ValueError: no such order")


def test_a_failure_with_an_answer_shows_behind_its_answer() -> None:
    made = traced(completion="half an ans", exc_info=failing(TimeoutError("too slow")))
    assert row(made).choices == (Choice("assistant", "half an ans\n[error] TimeoutError: too slow", None),)
    assert row(made).properties["exception"] == "TimeoutError"
    handled = traced(completion="an answer", exc_info=failing(TimeoutError("too slow")), status="ok")
    assert row(handled).choices == (Choice("assistant", "an answer", None),)


def test_a_failure_that_an_answer_tells_of_already_is_told_once() -> None:
    made = traced(completion="half\n[error] TimeoutError: too slow", exc_info=failing(TimeoutError("too slow")))
    assert row(made).choices[0].content == "half\n[error] TimeoutError: too slow"


def test_a_failure_of_a_class_of_a_library_shows_with_its_module() -> None:
    made = traced(exc_info=failing(json.JSONDecodeError("why", "doc", 0)))
    assert row(made).properties["exception"] == "json.decoder.JSONDecodeError"


def test_a_failure_of_which_only_the_text_is_left_shows_the_same() -> None:
    made = traced()
    made.exc_text = (
        'Traceback (most recent call last):\n  File "a.py", line 1, in <module>\nshop.Missing: order 1\nof 2'
    )
    shown = row(made)
    assert shown.choices == (Choice("assistant", "shop.Missing: order 1\nof 2", None),)
    assert shown.properties["exception"] == "shop.Missing"
    assert span_of(made)["status"] == {"code": 2}


def test_a_traceback_that_a_queue_handler_left_in_the_message_is_taken_out_of_it() -> None:
    message = 'rate answer\nTraceback (most recent call last):\n  File "a.py", line 1, in <module>\nValueError: no'
    shown = row(traced(message))
    assert shown.messages == (Message("user", "rate answer"),)
    assert shown.choices == (Choice("assistant", "ValueError: no", None),)


def test_an_error_without_an_exception_shows_as_failed() -> None:
    assert row(traced(level=logging.ERROR)) == expected(properties={"level": "ERROR", "error": "true"})


def test_a_long_traceback_is_cut_from_the_top() -> None:
    formatter = OTELTraceFormatter(max_value_length=200)
    stack = sent(traced(exc_info=failing(ValueError("the end"), ValueError("x" * 500))), formatter)
    assert stack["exception.stacktrace"].startswith("…[cut: ")
    assert stack["exception.stacktrace"].endswith("ValueError: the end")


def test_a_dict_message_holds_the_fields() -> None:
    assert row(record({"message": "answer question", "trace_id": TRACE})) == PLAIN_ROW
    assert row(record({"event": "answer question", "trace_id": TRACE})).session_path == "/answer question"
    both = record({"message": "answer question", "trace_id": "other", "user_id": "ada"}, trace_id=TRACE)
    assert row(both) == expected(user="ada")


def test_a_helicone_mapping_holds_the_fields_beside_names_of_the_record_s_own() -> None:
    helicone = {"trace_id": TRACE, "user_id": "ada", "model": "gpt-4o"}
    shown = row(record("answer question", user_id="Mallory", model="Car", helicone=helicone))
    assert shown == expected(user="ada", provider="OPENAI", model="gpt-4o")
    assert row(record(helicone={})).session_id


def test_an_alias_and_the_field_itself_do_not_get_in_each_other_s_way() -> None:
    attributes = sent(traced(input_tokens=3, prompt_tokens=5, output_tokens=2, latency_ms=7))
    assert attributes["gen_ai.usage.prompt_tokens"] == 5
    assert attributes["input_tokens"] == 3
    assert attributes["llm.usage.total_tokens"] == 7
    assert row(traced(latency_ms=7)).latency_ms == 7


def test_names_of_opentelemetry_s_conventions_are_understood() -> None:
    extra = {
        "gen_ai.system": "openai",
        "gen_ai.request.model": "gpt-4o",
        "gen_ai.usage.input_tokens": 3,
        "gen_ai.usage.output_tokens": 2,
        "gen_ai.conversation.id": "c1",
    }
    shown = row(traced(extra=extra))
    assert (shown.provider, shown.model, shown.prompt_tokens, shown.completion_tokens) == ("OPENAI", "gpt-4o", 3, 2)
    assert (shown.total_tokens, shown.session_id) == (5, "c1")


@pytest.mark.parametrize("empty", [None, ""])
def test_empty_values_are_as_if_absent(empty: object) -> None:
    names = (
        "span_id",
        "model",
        "messages",
        "completion",
        "user_id",
        "prompt_tokens",
        "session_path",
        "custom",
        "status",
    )
    assert row(traced(**dict.fromkeys(names, empty))) == PLAIN_ROW
    assert set(sent(traced(**dict.fromkeys(names, empty)))) == set(sent(traced()))


def test_an_empty_completion_is_no_completion() -> None:
    assert row(traced(completion=[], messages=[])) == PLAIN_ROW


def test_several_choices_show_in_their_order() -> None:
    choices = [{"message": {"role": "assistant", "content": text}, "finish_reason": "stop"} for text in ("a", "b", "c")]
    assert row(traced(choices=choices)).choices == tuple(Choice("assistant", text, "stop") for text in "abc")


def test_a_tool_call_shows_in_the_text() -> None:
    call = {"id": "c1", "type": "function", "function": {"name": "orders", "arguments": '{"id":1}'}}
    beside = row(traced(completion="Let me look.", tool_calls=[call], finish_reason="tool_calls"))
    assert beside.choices == (Choice("assistant", 'Let me look.\n[tool call] orders({"id":1})', "tool_calls"),)
    assert row(traced(tool_calls=[call])).choices == (Choice("assistant", '[tool call] orders({"id":1})', None),)


@pytest.mark.parametrize(
    ("status", "code"),
    [
        ("ok", 1),
        ("OK", 1),
        ("success", 1),
        ("error", 2),
        (" Failed ", 2),
        ("unset", 0),
        (0, 0),
        (1, 1),
        (2, 2),
        (200, 1),
        ("204", 1),
        (302, 1),
        (404, 2),
        ("500", 2),
        (599, 2),
        (600, 1),
        (-1, 1),
        (True, 1),
        ("odd", 1),
        (99, 1),
    ],
)
def test_a_status_is_read_by_name_number_or_as_http_s(status: object, code: int) -> None:
    assert span_of(traced(status=status))["status"] == {"code": code}
    assert ("error" in row(traced(status=status)).properties) == (code == 2)


class Kind(enum.Enum):
    """Counts as OpenTelemetry's own SpanKind does: from 0, without unspecified."""

    INTERNAL = 0
    SERVER = 1
    CLIENT = 2


class Status(enum.Enum):
    UNSET = 0
    OK = 1
    ERROR = 2


@pytest.mark.parametrize(
    ("kind", "number"),
    [
        ("client", 3),
        ("SERVER", 2),
        ("producer", 4),
        (5, 5),
        ("1", 1),
        (Kind.CLIENT, 3),
        (Kind.INTERNAL, 1),
        (9, 1),
        ([], 1),
    ],
)
def test_a_kind_is_read_by_name_or_number(kind: object, number: int) -> None:
    assert span_of(traced(span_kind=kind))["kind"] == number


def test_opentelemetry_s_own_enums_are_understood() -> None:
    from opentelemetry.trace import SpanKind, StatusCode

    span = span_of(traced(span_kind=SpanKind.SERVER, status=StatusCode.ERROR))
    assert (span["kind"], span["status"]["code"]) == (2, 2)
    assert span_of(traced(status=Status.UNSET))["status"]["code"] == 0


def test_a_traceparent_names_trace_and_parent() -> None:
    made = record(traceparent=f"00-{TRACE}-{PARENT}-01")
    assert span_of(made)["traceId"] == TRACE
    assert sent(made)["parent_span_id"] == PARENT
    assert row(made) == PLAIN_ROW
    own = record(traceparent=f"00-{TRACE}-{PARENT}-01", trace_id="mine", parent_span_id=SPAN)
    assert row(own).session_id == "mine"
    assert sent(own)["parent_span_id"] == SPAN


@pytest.mark.parametrize(
    "text",
    [
        f"00-{'0' * 32}-{PARENT}-01",
        f"00-{TRACE}-{'0' * 16}-01",
        f"ff-{TRACE}-{PARENT}-01",
        "00-abc-01",
        7,
        f"00-{TRACE}-{PARENT}",
    ],
)
def test_a_malformed_traceparent_is_counted_and_kept_as_an_attribute(text: object) -> None:
    made = record(traceparent=text)
    entry = OTELTraceFormatter().entry(made)
    assert isinstance(entry, SpanData)  # as it is counted at the call
    assert entry.malformed == 1
    assert sent(made)["traceparent"] == text
    assert "parent_span_id" not in sent(made)
    assert OTELTraceFormatter().span(traced()).malformed == 0


def test_a_text_as_trace_id_is_the_session_as_the_user_wrote_it() -> None:
    shown = row(record(trace_id="order-1234"))
    assert shown.session_id == "order-1234"
    assert span_of(record(trace_id="order-1234"))["traceId"] == span_of(record(trace_id="order-1234"))["traceId"]


def test_properties_of_the_record_win_over_bound_ones_and_those_over_the_handler_s() -> None:
    formatter = OTELTraceFormatter(properties={"a": "handler", "b": "handler", "c": "handler", "logger": "mine"})
    with bind(properties={"b": "bound", "c": "bound"}):
        shown = row(traced(properties={"c": "record"}), formatter)
    assert shown.properties == {"level": "INFO", "logger": "mine", "a": "handler", "b": "bound", "c": "record"}


def test_properties_of_the_helicone_mapping_win_over_those_beside_it() -> None:
    made = traced(properties={"a": "extra", "b": "extra"}, helicone={"properties": {"b": "own"}})
    assert row(made) == expected({"a": "extra", "b": "own"})


def test_properties_are_text_under_clean_keys() -> None:
    given = {
        "n": 1,
        "f": 0.5,
        "yes": True,
        "none": None,
        "list": [1, "a"],
        "a/b: ü": "x",
        7: "seven",
        "": "blank",
        " c ": "d",
        "Helicone-Property-Env": "prod",
        "long" * 50: "x",
    }
    assert row(traced(properties=given)) == expected(
        {"n": "1", "f": "0.5", "yes": "true", "list": '[1,"a"]', "a_b_ ü": "x", "7": "seven", "_": "blank", "c": "d",
         "Env": "prod", ("long" * 50)[:100]: "x"}
    )  # fmt: skip


def test_a_custom_field_is_an_attribute_and_a_property_where_it_is_a_short_scalar() -> None:
    custom = {
        "plan": "team",
        "seats": 3,
        "ratio": 0.5,
        "trial": False,
        "notes": "x" * 201,
        "lines": "a\nb",
        "tags": ["a"],
    }
    made = traced(**custom)
    assert row(made) == expected({"plan": "team", "seats": "3", "ratio": "0.5", "trial": "false"})
    attributes = sent(made)
    assert attributes["seats"] == 3
    assert attributes["tags"] == '["a"]'
    assert attributes["notes"] == "x" * 201


def test_what_the_server_reads_by_its_own_name_is_text_and_no_property() -> None:
    attributes = sent(traced(extra={"llm.user": 7, "gen_ai.other": 1, HELICONE + "Property-Own": 5}))
    assert (attributes["llm.user"], attributes["gen_ai.other"], attributes[PROPERTY + "Own"]) == ("7", "1", "5")
    assert PROPERTY + "llm.user" not in attributes


def test_foreign_records_of_django_keep_their_request_and_status_code() -> None:
    request = types.SimpleNamespace(method="GET", path="/orders")
    made = traced("Not Found: %s", "/orders", status_code=404, request=request, level=logging.WARNING)
    shown = row(made)
    assert shown.messages == (Message("user", "Not Found: /orders"),)
    assert shown.properties == {"logger": "shop.assistant", "level": "WARNING", "status_code": "404"}
    assert "namespace" in sent(made)["request"]
    assert span_of(made)["status"]["code"] == 1


class TestOptionsOfPythonJsonLogger:
    def test_rename_fields_turns_own_names_into_fields(self) -> None:
        formatter = OTELTraceFormatter(rename_fields={"request_id": "trace_id", "who": "user_id"})
        assert row(record(request_id=TRACE, who="ada"), formatter) == expected(user="ada")
        assert formatter.selects(record(request_id=TRACE))

    def test_static_fields_are_on_every_span(self) -> None:
        formatter = OTELTraceFormatter(static_fields={"environment": "prod", "user_id": "service"})
        assert row(traced(), formatter) == expected({"environment": "prod"}, user="service")

    def test_defaults_hold_where_the_record_says_nothing(self) -> None:
        formatter = OTELTraceFormatter(defaults={"user_id": "nobody"})
        assert row(traced(), formatter).user == "nobody"
        assert row(traced(user_id="ada"), formatter).user == "ada"
        with bind(user_id="bound"):
            assert row(traced(), formatter).user == "bound"

    def test_reserved_attrs_stay_out_of_the_span(self) -> None:
        standard = [*logging.makeLogRecord({}).__dict__, "message", "asctime", "taskName"]
        formatter = OTELTraceFormatter(reserved_attrs=[*standard, "secret"])
        assert row(traced(secret="x"), formatter) == PLAIN_ROW

    def test_fmt_names_attributes_of_the_record(self) -> None:
        shown = row(traced(), OTELTraceFormatter("%(levelno)s %(module)s"))
        assert shown.properties == {**PLAIN_ROW.properties, "levelno": "20", "module": "assistant"}

    def test_a_timestamp_is_an_attribute(self) -> None:
        assert sent(traced(), OTELTraceFormatter(timestamp=True))["timestamp"].startswith("2025-10-09T08:53:20.123")


def test_stamps_of_opentelemetry_s_logging_instrumentation_name_the_trace() -> None:
    stamps = {"otelTraceID": TRACE, "otelSpanID": PARENT, "otelServiceName": "x", "otelTraceSampled": True}
    made = record(extra=stamps)
    assert row(made) == PLAIN_ROW
    assert sent(made)["parent_span_id"] == PARENT
    assert not set(stamps) & set(sent(made))


def test_bound_fields_hold_for_the_record_unless_it_names_another_trace() -> None:
    with bind(trace_id="bound", user_id="ada"):
        assert (row(record()).session_id, row(record()).user) == ("bound", "ada")
        assert (row(traced()).session_id, row(traced()).user) == (TRACE, "ada")


def test_what_the_filter_stamped_shows_the_same_elsewhere() -> None:
    made = record()
    with bind(trace_id=TRACE, user_id="ada"):
        TraceContextFilter().filter(made)
    assert row(made) == expected(user="ada")


def test_the_resource_names_the_service(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTEL_RESOURCE_ATTRIBUTES", "deployment.environment=prod%2Ctest,service.name=env,broken,=x")
    payload = json.loads(OTELTraceFormatter(resource_attributes={"replicas": 2}).format(traced()))
    found = {one["key"]: one["value"] for one in payload["resourceSpans"][0]["resource"]["attributes"]}
    assert found == {
        "service.name": {"stringValue": "env"},
        "deployment.environment": {"stringValue": "prod,test"},
        "replicas": {"intValue": 2},
    }
    assert row(traced(), OTELTraceFormatter(service_name="shop")).session_name == "shop"


def test_a_stream_handler_prints_one_payload_a_line(capsys: pytest.CaptureFixture[str]) -> None:
    handler = logging.StreamHandler()
    handler.setFormatter(OTELTraceFormatter())
    for text in ("first\nline", "second\u2028line"):
        handler.handle(traced(text))
    lines = capsys.readouterr().err.split("\n")
    assert [json.loads(line)["resourceSpans"][0]["scopeSpans"][0]["spans"][0]["name"] for line in lines[:-1]] == [
        "first\nline",
        "second\u2028line",
    ]


def test_an_ordinary_formatter_renders_the_text() -> None:
    entry = OTELTraceFormatter().span(traced(), "[shop] answer question").encode()
    assert b'"[shop] answer question"' in entry


@pytest.mark.parametrize(("provider", "sent_as"), [("anthropic", "custom"), ("openai", "openai")])
def test_provider_overrides_send_another_provider(provider: str, sent_as: str) -> None:
    formatter = OTELTraceFormatter(provider_overrides={"anthropic": "custom"})
    made = traced(provider=provider, model="m", messages="hi", completion="ho", prompt_tokens=3, completion_tokens=2)
    assert sent(made, formatter)["gen_ai.system"] == sent_as
    assert row(made, formatter).total_tokens == 5
