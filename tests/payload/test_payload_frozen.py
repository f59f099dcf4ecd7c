"""What is logged is fixed at the call, and waits as plain values; a worker makes the same span of it, byte for byte."""

from __future__ import annotations

import array
import datetime
import json
import logging
import random
import threading
import uuid
from collections.abc import Callable
from typing import Any

import numpy
import pytest
from hostile_values import Given, any_text
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from payloads import CREATED, PARENT, SPAN, TRACE, record, standard_json, traced
from provider_fixtures import load, real

from helicone_logging import OTELTraceFormatter, TraceContextFilter, bind
from helicone_logging.payload.frozen import FrozenRecord
from helicone_logging.payload.span import SpanData

PLAIN = OTELTraceFormatter(service_name="shop")
OPTIONS: dict[str, dict[str, Any]] = {
    "plain": {},
    "no content": {"capture_content": False},
    "secrets": {"redact": "secrets"},
    "properties": {"properties": {"tenant": "acme"}, "provider_overrides": {"openai": "custom"}},
    "json options": {"rename_fields": {"who": "user_id"}, "static_fields": {"s": "x"}, "timestamp": True},
    "narrow": {"max_value_length": 30_000, "max_attributes": 40},
}
leaves = (
    st.none() | st.booleans() | st.integers() | st.floats() | any_text | st.binary(max_size=3) | st.sets(st.integers())
)
SHAPES: dict[str, Callable[[], dict[str, Any]]] = {
    "a line": lambda: {"trace_id": TRACE, "span_id": SPAN},
    "a call of a model": lambda: {
        "trace_id": TRACE, "span_id": SPAN, "model": "gpt-4o", "prompt": "p", "completion": "c", "prompt_tokens": 1,
        "temperature": 0.5, "duration_ms": 812.5, "user_id": "ada",
    },
    "messages": lambda: {"trace_id": TRACE, "span_id": SPAN, "messages": [{"role": "user", "content": "hi"}] * 3},
    "tool calls": lambda: {"trace_id": TRACE, "span_id": SPAN, "tool_calls": [{"function": {"name": "f"}}]},
    "nested": lambda: {"trace_id": TRACE, "span_id": SPAN, "data": {"a": [1, 2.5, None, {"b": (True, "c")}]}},
    "properties": lambda: {"trace_id": TRACE, "span_id": SPAN, "properties": {"tenant": "acme", "n": 1}},
    "a helicone mapping": lambda: {"helicone": {"trace_id": TRACE, "span_id": SPAN, "user_id": "ada"}},
    "an SDK's JSON": lambda: {
        "trace_id": TRACE,
        "span_id": SPAN,
        "llm_request": {"model": "gpt-4o", "messages": [{"role": "user", "content": "hi"}]},
        "llm_response": {"object": "chat.completion", "choices": [{"message": {"content": "yes"}}]},
    },
    "an SDK's objects": lambda: {
        "trace_id": TRACE,
        "span_id": SPAN,
        "llm_request": {"model": "gpt-4o", "messages": [chat().choices[0].message, {"role": "user", "content": "hi"}]},
        "llm_response": chat(),
    },
    "an SDK's messages": lambda: {"trace_id": TRACE, "span_id": SPAN, "messages": [chat().choices[0].message]},
    "a parent": lambda: {"trace_id": TRACE, "span_id": SPAN, "parent_span_id": PARENT, "session_path": "/a/b"},
    "lone surrogates": lambda: {"trace_id": TRACE, "span_id": SPAN, "prompt": "\ud800", "note": "\udcff"},
    "renamed": lambda: {"trace_id": TRACE, "span_id": SPAN, "who": "ada"},
}  # fmt: skip


def chat() -> Any:
    return real("openai.types.chat:ChatCompletion")(load("openai_chat"))


def failing(message: str) -> Any:
    try:
        try:
            raise KeyError("cause")
        except KeyError as error:
            raise ValueError(message) from error
    except ValueError as error:
        return type(error), error, error.__traceback__


@pytest.mark.parametrize("bound", [{}, {"trace_id": TRACE, "user_id": "bob", "properties": {"tenant": "x", "p": "q"}}])
@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("options", OPTIONS)
def test_a_span_that_a_worker_builds_is_the_one_that_the_call_would_have_built(options, shape, bound) -> None:
    formatter = OTELTraceFormatter(service_name="shop", **OPTIONS[options])
    for made in (
        record("answer %s", "question", extra=SHAPES[shape]()),
        record("failed", extra=SHAPES[shape](), exc_info=failing("in vain"), level=logging.ERROR),
        record({"message": "a dict", "trace_id": TRACE, "span_id": SPAN, "note": "n"}),
        record("stack", extra=SHAPES[shape](), stack_info="Stack:\n here"),
        record("failed\nTraceback (most recent call last):\n  here\nValueError: in vain", extra=SHAPES[shape]()),
    ):
        with bind(**bound):
            waiting, built = formatter.entry(made), formatter.span(made)
        assert isinstance(waiting, FrozenRecord)
        assert json.loads(waiting.encode()) == json.loads(built.encode())


def holds_set(value: object, depth: int = 0) -> bool:
    if depth > 20 or isinstance(value, set | frozenset):
        return True
    members = value.values() if isinstance(value, dict) else value if isinstance(value, list | tuple) else ()
    return any(holds_set(member, depth + 1) for member in members)


@given(st.dictionaries(any_text, leaves | st.lists(leaves, max_size=3), max_size=4), any_text)
@settings(suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much], deadline=None)
def test_whatever_the_values_no_span_is_another(extra: Given, msg: str) -> None:
    assume(not holds_set(extra))  # a copy of one may have another order, which JSON shows
    fields = {key: value for key, value in extra.items() if key not in {"trace_id", "span_id", "msg", "args"}}
    made = record(msg)
    made.__dict__.update({**fields, "trace_id": TRACE, "span_id": SPAN})
    made.created = CREATED
    assert json.loads(PLAIN.entry(made).encode()) == json.loads(PLAIN.span(made).encode())


def parts_of(value: object) -> list[object]:
    return [part for item in value for part in parts_of(item)] if type(value) is tuple else [value]


@pytest.mark.parametrize("shape", SHAPES)
def test_what_waits_holds_nothing_that_could_change(shape) -> None:
    waiting = PLAIN.entry(record("answer", extra=SHAPES[shape]()))
    assert isinstance(waiting, FrozenRecord)
    assert type(waiting.values) is bytes
    assert waiting.exception is None
    built = PLAIN.span(record("answer", extra=SHAPES[shape]()))
    assert {type(part) for part in parts_of((*built.attributes, *built.attributes.values()))} <= {str, int, float, bool}


class Told(str):
    """A text of the application's, whose methods nobody may call from another thread."""


class Thing:
    def __init__(self) -> None:
        self.threads: list[int] = []

    def __str__(self) -> str:
        self.threads.append(threading.get_ident())
        return "thing"


@pytest.mark.parametrize("field", ["prompt", "user_id", "model", "anything", "trace_id", "completion"])
def test_an_object_of_the_application_s_is_read_at_the_call_and_never_again(field: str) -> None:
    thing = Thing()
    waiting = PLAIN.entry(traced(**{field: thing}))
    read = len(thing.threads)
    assert isinstance(waiting, SpanData)
    waiting.encode()
    assert len(thing.threads) == read


def test_a_text_of_the_application_s_own_class_becomes_plain_at_the_call() -> None:
    waiting = PLAIN.entry(traced(prompt=Told("asked"), user_id=Told("ada")), Told("rendered"))
    assert isinstance(waiting, SpanData)
    assert {type(value) for value in waiting.attributes.values()} <= {str, int, float, bool}


def test_a_redactor_of_the_application_s_runs_at_the_call() -> None:
    seen: list[str] = []
    formatter = OTELTraceFormatter(redact=lambda key, value: seen.append(key) or value)
    waiting = formatter.entry(traced(prompt="asked"))
    count = len(seen)
    assert count > 0
    waiting.encode()
    assert len(seen) == count


def test_methods_of_a_subclass_run_at_the_call() -> None:
    class Own(OTELTraceFormatter):
        calls = 0

        def process_log_record(self, log_data: dict[str, Any]) -> dict[str, Any]:
            Own.calls += 1
            return {**log_data, "added": "yes"}

    waiting = Own().entry(traced())
    assert Own.calls == 1
    assert b'"added"' in waiting.encode()
    assert Own.calls == 1


@pytest.mark.parametrize(
    "value", [uuid.UUID(int=7), datetime.datetime(2025, 1, 1, tzinfo=datetime.timezone.utc), {1, 2}, [object()]]
)
def test_values_of_other_types_are_sent_as_well(value: object) -> None:
    made = traced(custom=value, span_id=SPAN)
    assert json.loads(PLAIN.entry(made).encode()) == json.loads(PLAIN.span(made).encode())


@pytest.mark.parametrize("nested", [False, True])
def test_what_has_a_buffer_is_not_taken_for_bytes(nested: bool) -> None:
    for value in (numpy.float64(0.1), numpy.int32(7), numpy.arange(3), bytearray(b"abc"), array.array("d", [0.5])):
        made = traced(score=[value] if nested else value, span_id=SPAN)
        waiting = PLAIN.entry(made)
        assert isinstance(waiting, SpanData)
        assert json.loads(waiting.encode()) == json.loads(PLAIN.span(made).encode())


def test_lists_that_share_their_parts_do_not_grow_while_they_wait() -> None:
    shared: list[Any] = ["x"] * 10
    for _ in range(30):
        shared = [shared] * 10
    assert len(PLAIN.entry(traced(custom=shared)).encode()) < 1_000_000


def test_a_list_that_holds_itself_is_sent() -> None:
    itself: list[Any] = []
    itself.append(itself)
    assert "…".encode() in PLAIN.entry(traced(custom=itself)).encode()


@pytest.mark.parametrize("count", [1, 100, 400])
@given(text=st.text(st.characters(min_codepoint=32, max_codepoint=126, exclude_characters='"\\'), max_size=400))
@settings(deadline=None)
def test_a_waiting_record_weighs_no_less_than_what_is_sent(count: int, text: str) -> None:
    for fields in (
        {"prompt": text, "completion": text, "prompt_tokens": 10**12},
        {"messages": [{"role": "user", "content": f"{number} {text}"} for number in range(count)]},
        {f"field {number}": f"{number} {text}"[:30] for number in range(min(count, 30))},
    ):
        waiting = PLAIN.entry(traced(span_id=SPAN, **fields))
        assert len(waiting.encode()) <= waiting.size


def test_a_traceback_is_written_by_the_worker_as_the_standard_library_writes_it() -> None:
    info = failing("in vain")
    waiting = PLAIN.entry(record("failed", extra={"trace_id": TRACE}, exc_info=info))
    assert isinstance(waiting, FrozenRecord)
    (span,) = json.loads(waiting.encode())["scopeSpans"][0]["spans"]
    shown = {one["key"]: one["value"] for one in span["attributes"]}
    assert shown["exception.stacktrace"] == {"stringValue": logging.Formatter().formatException(info)}


@pytest.mark.parametrize("fields", [{"trace_id": "t"}, {"helicone": {}}, {"helicone": {}, "custom": uuid.UUID(int=7)}])
def test_a_record_that_is_sent_again_has_the_ids_it_had(fields: dict[str, object]) -> None:
    waiting = PLAIN.entry(record("answer", extra=fields))
    assert waiting.encode() == waiting.encode()
    assert waiting.encode() != PLAIN.entry(record("answer", extra=fields)).encode()


def test_a_record_without_a_trace_is_found_by_its_span_in_no_other_trace() -> None:
    formatter = OTELTraceFormatter()
    formatter.entry(record("parent", extra={"span_id": PARENT}))
    child = formatter.entry(record("child", extra={"span_id": SPAN, "parent_span_id": PARENT}))
    assert b'"/child"' in child.encode()


def test_a_child_that_is_built_before_its_parent_stands_below_it() -> None:
    """Workers build spans in any order; where they stand follows the order in which they were logged."""
    formatter = OTELTraceFormatter()
    parent = formatter.entry(record("parent", extra={"trace_id": TRACE, "span_id": PARENT}))
    child = formatter.entry(record("child", extra={"trace_id": TRACE, "span_id": SPAN, "parent_span_id": PARENT}))
    grandchild = formatter.entry(record("grandchild", extra={"trace_id": TRACE, "parent_span_id": SPAN}))
    assert b'"/parent/child/grandchild"' in grandchild.encode()
    assert b'"/parent/child"' in child.encode()
    assert b'"/parent"' in parent.encode()


def test_a_span_that_is_logged_again_and_again_pushes_no_parent_out() -> None:
    formatter = OTELTraceFormatter()
    formatter.entry(record("parent", extra={"trace_id": "t", "span_id": "p"}))
    for _ in range(10_001):
        formatter.entry(record("again", extra={"trace_id": "t", "span_id": "s"}))
    child = formatter.entry(record("child", extra={"trace_id": "t", "parent_span_id": "p"}))
    assert b'"/parent/child"' in child.encode()


def test_what_our_filter_injected_in_another_thread_is_the_context_of_the_record() -> None:
    made = record("answer", extra={"trace_id": TRACE})
    with bind(trace_id=TRACE, user_id="ada"):
        TraceContextFilter().filter(made)
    waiting = PLAIN.entry(made)
    assert isinstance(waiting, FrozenRecord)
    assert b'"ada"' in waiting.encode()


def test_records_of_the_application_s_own_class_are_read_as_they_tell() -> None:
    class Short(logging.LogRecord):
        @property
        def pathname(self) -> str:
            return "SHORT"

        @pathname.setter
        def pathname(self, value: str) -> None:
            self.__dict__["pathname"] = value

    made = Short("shop", 20, "/srv/long.py", 1, "answer", (), None)
    made.__dict__["trace_id"] = TRACE
    assert b"SHORT" in PLAIN.entry(made).encode()


def test_the_application_s_record_factory_is_never_called() -> None:
    ordinary = logging.getLogRecordFactory()
    made = [record("answer", extra={"trace_id": TRACE}), record("odd", extra={"trace_id": TRACE})]
    made[1].created = "never"  # type: ignore[assignment]

    def factory(*args: Any, **kwargs: Any) -> logging.LogRecord:
        raise AssertionError("called")

    logging.setLogRecordFactory(factory)
    try:
        assert all(PLAIN.entry(one).encode() for one in made)
    finally:
        logging.setLogRecordFactory(ordinary)


def test_the_random_numbers_of_the_application_are_not_disturbed() -> None:
    random.seed(42)
    before = random.getstate()
    for _ in range(4):
        PLAIN.entry(record("answer", extra={"trace_id": "t"})).encode()
    assert random.getstate() == before


def test_the_standard_library_alone_builds_them_as_well() -> None:
    with standard_json():
        made = traced("grün", span_id=SPAN)
        assert json.loads(PLAIN.entry(made).encode()) == json.loads(PLAIN.span(made).encode())
