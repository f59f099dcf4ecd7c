"""Whatever is logged becomes a payload that the server accepts, and nothing of the application's is touched."""

from __future__ import annotations

import copy
import logging
import sys
import time
import uuid
from typing import Any

import pytest
from hostile_values import Given, any_text, keys, leaves, values
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from payloads import (
    CREATED,
    SPAN,
    TRACE,
    attributes_of,
    checked,
    fingerprint,
    raw_of,
    record,
    sent,
    span_of,
    standard_json,
    traced,
)

from helicone_logging import OTELTraceFormatter, bind
from helicone_logging.core import ids
from helicone_logging.core.coerce import text_of
from helicone_logging.payload import fields
from helicone_logging.receiver.rows import row_of
from helicone_logging.receiver.validation import parse

PLAIN = OTELTraceFormatter()
FORMATTERS = {
    "plain": PLAIN,
    "private": OTELTraceFormatter(capture_content=False),
    "redacting": OTELTraceFormatter(redact="secrets"),
    "sessionless": OTELTraceFormatter(sessions=False),
    "renaming": OTELTraceFormatter(
        "%(message)s %(process)d", rename_fields={"who": "user_id"}, static_fields={"s": [1]}, timestamp=True
    ),
    "narrow": OTELTraceFormatter(max_value_length=100, max_attributes=32, max_span_bytes=16_384),
}
VOCABULARY = sorted(fields.READERS)
_LONG = "a long line\n" * 30
FOREIGN_PARTS = ("exc_info", "exc_text", "stack_info", "pathname", "funcName", "lineno", "name", "levelno", "levelname")
OWN_NAMES = {*logging.makeLogRecord({}).__dict__, "message", "asctime"}

extra_names = st.one_of(
    any_text.filter(lambda name: name not in OWN_NAMES),
    st.sampled_from(["request", "status_code", "otelTraceID", "otelSpanID", "error", "_private", "taskName2"]),
)
extras = st.dictionaries(extra_names, values, max_size=4).map(Given)
known = st.dictionaries(st.sampled_from(VOCABULARY), values, max_size=6).map(Given)
levels = st.one_of(st.sampled_from([10, 20, 30, 40, 50]), st.integers(0, 100))
thorough = settings(deadline=None, max_examples=200, suppress_health_check=[HealthCheck.too_slow])


def check(made: logging.LogRecord, formatter: OTELTraceFormatter = PLAIN) -> dict[str, Any]:
    """The span of a record whose formatting has changed nothing, and whose row holds nothing but text."""
    before = fingerprint(made.__dict__)
    formatter.selects(made)
    span = span_of(made, formatter)
    assert fingerprint(made.__dict__) == before
    row = row_of(span)
    assert row.are_properties_cleaned
    assert all(type(value) is str for value in row.properties.values())
    assert not row.session_id or (row.session_path.startswith("/") and "" not in row.session_path[1:].split("/"))
    assert row.messages
    return span


@given(extras, levels, any_text)
@thorough
def test_any_extra_is_accepted_and_left_as_it_was(extra: Given, level: int, name: str) -> None:
    check(record("work", level=level, name=name or "root", extra={"trace_id": TRACE, **extra.value}))


@given(known, st.sampled_from(sorted(FORMATTERS)))
@thorough
def test_fields_of_the_vocabulary_may_hold_anything(extra: Given, formatter: str) -> None:
    check(record("work", extra=extra.value), FORMATTERS[formatter])


@given(st.sampled_from(VOCABULARY), leaves.map(Given))
@settings(thorough, max_examples=500)
def test_a_field_alone_may_hold_anything(name: str, value: Given) -> None:
    check(record("work", extra={name: value.value}))


@given(known, extras, st.sampled_from(sorted(FORMATTERS)))
@thorough
def test_a_helicone_mapping_may_hold_anything(own: Given, extra: Given, formatter: str) -> None:
    logged = {**extra.value, "helicone": {**own.value, **extra.value}}
    check(record("work", extra=logged), FORMATTERS[formatter])


@given(st.dictionaries(st.one_of(extra_names, st.sampled_from(VOCABULARY), keys), values).map(Given))
@thorough
def test_a_dict_message_may_hold_anything(logged: Given) -> None:
    check(record(logged.value))


@given(values.map(Given), st.lists(values, max_size=3).map(Given), st.sampled_from(sorted(FORMATTERS)))
@thorough
def test_message_and_arguments_may_be_anything(msg: Given, args: Given, formatter: str) -> None:
    made = record("work", trace_id=TRACE)
    made.msg, made.args = msg.value, tuple(args.value)
    check(made, FORMATTERS[formatter])


@given(st.dictionaries(st.sampled_from(FOREIGN_PARTS), values).map(Given))
@thorough
def test_what_other_code_left_on_a_record_may_be_anything(own: Given) -> None:
    made = traced()
    made.__dict__.update(own.value)
    check(made)


@given(known)
@thorough
def test_bound_fields_may_hold_anything(bound: Given) -> None:
    with bind(**bound.value):
        check(record("work", trace_id=TRACE))


@pytest.mark.parametrize("created", [None, "soon", float("nan"), float("inf"), object()])
def test_a_record_without_a_time_of_its_own_is_dated_now(created: object) -> None:
    made = traced()
    made.__dict__["created"] = created
    before = time.time()
    assert before - 1 <= int(span_of(made)["startTimeUnixNano"]) / 1e9 <= time.time() + 1


def test_a_record_put_together_from_a_dict_is_accepted() -> None:
    made = logging.makeLogRecord({"msg": "work", "trace_id": TRACE})
    assert attributes_of(check(made))["gen_ai.prompt.0.content"] == "work"


NON_TEXT_KEYS = (None, 0, 1.5, b"bytes", ("a", 1), frozenset(), uuid.UUID(int=5), Exception, object())


@pytest.mark.parametrize("formatter", FORMATTERS)
@pytest.mark.parametrize("is_bound", [False, True])
def test_names_that_are_no_text_become_text(formatter: str, is_bound: bool) -> None:
    made = record("work", extra=dict.fromkeys(NON_TEXT_KEYS, "value"))
    made.__dict__["trace_id"] = TRACE
    with bind(**({"user_id": "ada"} if is_bound else {})):
        found = attributes_of(check(made, FORMATTERS[formatter]))
    if FORMATTERS[formatter] is PLAIN:
        assert {text_of(key) for key in NON_TEXT_KEYS} - {""} <= set(found)


def test_names_of_a_dict_message_that_are_no_text_become_text() -> None:
    found = attributes_of(check(record({"trace_id": TRACE, **dict.fromkeys(NON_TEXT_KEYS, "value")})))
    assert found["0"] == found["1.5"] == found["bytes"] == "value"


wire_texts = st.text(st.characters(exclude_categories=()), min_size=1, max_size=200)


@given(wire_texts, wire_texts, wire_texts)
@thorough
def test_texts_come_back_out_as_they_went_in(prompt: str, completion: str, custom: str) -> None:
    found = sent(traced(messages=prompt, completion=completion, custom=custom, user_id=custom))
    assert found["gen_ai.prompt.0.content"] == prompt
    assert found["gen_ai.completion.0.content"] == completion
    assert found["custom"] == custom
    user = custom if custom.strip() else None  # blanks name nobody
    assert found.get("traceloop.association.properties.Helicone-User-Id") == user


@given(st.integers(1, 2**128 - 1), st.integers(1, 2**64 - 1))
def test_ids_come_back_out_as_they_went_in(trace: int, span: int) -> None:
    for trace_value in (trace, f"{trace:032x}", uuid.UUID(int=trace), str(uuid.UUID(int=trace))):
        for span_value in (span, f"{span:016x}"):
            found = span_of(record("work", trace_id=trace_value, span_id=span_value))
            assert (found["traceId"], found["spanId"]) == (f"{trace:032x}", f"{span:016x}")


def test_ids_in_capital_letters_stay_as_they_are() -> None:
    found = span_of(record("work", trace_id=TRACE.upper(), span_id=SPAN.upper()))
    assert (found["traceId"], found["spanId"]) == (TRACE.upper(), SPAN.upper())


@given(values.map(Given))
@thorough
def test_ids_derived_from_anything_are_stable(value: Given) -> None:
    assert ids.trace_id(value.value) == ids.trace_id(value.value)
    assert ids.span_id(value.value) == ids.span_id(value.value)


@pytest.mark.parametrize("value", [None, "", "  ", "0" * 32, 0, uuid.UUID(int=0), b"\0" * 16])
def test_an_id_that_names_nothing_is_replaced_by_a_random_one(value: object) -> None:
    made = record("work", trace_id=value, span_id="0" * 16, extra={"helicone": {}})
    first, second = span_of(made), span_of(made)
    assert first["traceId"] != second["traceId"]
    assert first["spanId"] != second["spanId"]


def test_a_text_names_the_same_trace_in_every_process() -> None:
    assert ids.trace_id("order-1234") == ids.trace_id(" order-1234 ") == "94ade8716f5bb96f3193bfb1624b7d66"
    assert ids.span_id("order-1234") == "911fc0cd86f0912a"
    assert ids.trace_id("order-1234") != ids.trace_id("order-1235")


@pytest.mark.parametrize(
    "text", ["ab " * 10 + "ab", " " + "a" * 30 + " ", "0x" + "a" * 30, "a_" * 16, "٣" * 32, "g" * 32]
)
def test_what_only_looks_like_an_id_is_a_name(text: str) -> None:
    assert len(text) == 32
    derived = ids.trace_id(text)
    assert derived != text
    assert ids.trace_id(derived) == derived


@given(st.one_of(st.integers(0, 2**33), st.floats(0, 2e9)))
def test_the_time_of_the_record_comes_back_out(created: float) -> None:
    found = span_of(record("work", trace_id=TRACE, created=created))
    assert abs(int(found["startTimeUnixNano"]) - created * 1e9) <= 1_000


@given(known, extras, any_text, st.sampled_from(sorted(FORMATTERS)))
@thorough
def test_orjson_and_the_standard_library_send_the_same(own: Given, extra: Given, msg: str, formatter: str) -> None:
    named = {"trace_id": TRACE, "span_id": SPAN}
    made = record("work", extra={**extra.value, **own.value, **named, "helicone": named})
    made.msg = msg
    fast = raw_of(made, FORMATTERS[formatter])
    with standard_json():
        slow = raw_of(made, FORMATTERS[formatter])
    assert checked(fast) == checked(slow)
    assert parse(fast) == parse(slow)


def test_the_standard_library_alone_is_used_where_orjson_is_not_installed() -> None:
    with standard_json():
        assert rb"gr\u00fcn" in raw_of(traced("grün"))
    assert "grün".encode() in raw_of(traced("grün"))


def test_a_list_appended_to_after_the_call_is_sent_as_it_was() -> None:
    messages = [{"role": "user", "content": "first"}]
    properties = {"tenant": "acme"}
    before = copy.deepcopy(messages)
    waiting = PLAIN.entry(traced(messages=messages, properties=properties))
    assert messages == before
    messages.append({"role": "user", "content": "second"})
    properties["tenant"] = "other"
    entry = waiting.encode()
    assert b"first" in entry
    assert b"second" not in entry
    assert b"other" not in entry


def test_an_iterator_is_not_used_up() -> None:
    chunks = iter(["a", "b"])
    for field in ("messages", "completion", "llm_response", "custom", "properties", "trace_id"):
        check(record("work", extra={"helicone": {}, field: chunks}))
    assert list(chunks) == ["a", "b"]


@pytest.mark.parametrize(
    ("field", "value"), [("prompt_tokens", True), ("duration_ms", "soon"), ("status", "odd"), ("model", [1])]
)
def test_a_value_that_its_field_cannot_hold_is_kept_as_an_attribute(field: str, value: object) -> None:
    assert sent(traced(**{field: value}))[field] == text_of(value)


def test_a_record_deep_in_the_stack_is_still_formatted() -> None:
    def descend(left: int) -> dict[str, Any]:
        return span_of(traced(messages="deep")) if left == 0 else descend(left - 1)

    assert descend(sys.getrecursionlimit() // 2)["traceId"] == TRACE


def test_the_record_s_own_time_counts_whatever_the_clock_says() -> None:
    assert span_of(traced())["startTimeUnixNano"] == f"{round(CREATED * 1e6)}000"


def test_an_object_in_a_dict_message_that_cannot_be_read_costs_nothing_else() -> None:
    class Classless:
        @property
        def __class__(self) -> type:
            raise RuntimeError

    made = record({"event": "step", "trace_id": TRACE, "odd": Classless(), "order": 7})
    assert (span_of(made)["name"], sent(made)["order"]) == ("step", 7)
