"""However much is logged, a payload stays within its limits, and says what was cut or left out."""

from __future__ import annotations

import inspect
import logging
import re
from typing import Any

import pytest
from payloads import (
    HELICONE,
    PROPERTY,
    TRACE,
    attributes_of,
    checked,
    raw_of,
    record,
    row,
    sent,
    span_of,
    standard_json,
    traced,
)

from helicone_logging import ConfigurationError, HeliconeHandler, OTELTraceFormatter
from helicone_logging.payload.conversation import MAX_MESSAGES
from helicone_logging.payload.limits import cut_text
from helicone_logging.payload.span import SpanData

MIB = 1024 * 1024
CUT = re.compile(r"…\[cut: ([\d,]+) characters\]")
PLAIN = OTELTraceFormatter()


def cut_length(text: str) -> int:
    """How many characters a cut text had, by its mark."""
    (found,) = CUT.findall(text)
    return int(found.replace(",", ""))


def cut_values(made: logging.LogRecord, formatter: OTELTraceFormatter) -> int:
    """How many values of a record are cut."""
    return formatter.span(made).cut_values


@pytest.mark.parametrize("character", ["x", "ü", "\U0001f600", "\ud800", '"', "\x00"])
def test_a_prompt_of_50_mb_is_cut_marked_and_counted(character: str) -> None:
    prompt = character * (50 * MIB)
    for name in ("messages", "completion", "custom"):
        made = traced("ask", **{name: prompt})
        entry = PLAIN.entry(made)
        assert isinstance(entry, SpanData)  # as it is cut, that is counted at the call
        assert entry.cut_values == 1
        assert entry.size <= 8 * MIB
        shown = max((value for value in sent(made).values() if isinstance(value, str)), key=len)
        assert shown.startswith(character)
        assert cut_length(shown) == len(prompt)
        assert len(shown) <= 1_000_000


@pytest.mark.parametrize("redact", ["secrets", lambda key, value: value])
def test_a_prompt_of_50_mb_does_not_take_ages_to_redact(redact: Any) -> None:
    formatter = OTELTraceFormatter(redact=redact)
    assert len(raw_of(traced("ask", messages="word sk-1 " * (5 * MIB)), formatter)) <= 8 * MIB


def test_a_message_of_20_mb_is_cut_in_the_prompt_the_name_and_the_path() -> None:
    made = traced("word " * (4 * MIB))
    span = span_of(made)
    assert len(span["name"]) <= 256
    assert cut_length(span["name"]) == 20 * MIB
    assert len(row(made).session_path) <= 101
    assert cut_length(row(made).messages[0].content) == 20 * MIB


def test_a_text_of_20_mb_inside_a_custom_field_is_cut() -> None:
    made = traced(custom={"deep": [{"text": "x" * (20 * MIB)}]}, blob=b"\xff" * (5 * MIB), other=["y" * (20 * MIB)])
    assert len(raw_of(made)) <= 8 * MIB
    assert cut_length(sent(made)["custom"]) > 20 * MIB
    assert cut_values(made, PLAIN) == 3


def test_ten_thousand_extras_leave_what_helicone_reads() -> None:
    extra = {f"field {number}": "x" * 500 for number in range(10_000)}
    made = record(
        "answer",
        trace_id=TRACE,
        model="gpt-4o",
        messages="hi",
        completion="ho",
        user_id="ada",
        extra=extra,
        prompt_tokens=1,
    )
    span, shown = span_of(made), row(made)
    assert len(span["attributes"]) == 2_000
    assert span["droppedAttributesCount"] >= 8_000
    assert (shown.model, shown.user, shown.session_id, shown.prompt_tokens) == ("gpt-4o", "ada", TRACE, 1)
    assert (shown.messages[0].content, shown.choices[0].content) == ("hi", "ho")


def test_the_exception_is_kept_whatever_was_logged_beside_it() -> None:
    error = ValueError("no")
    extra = {f"field {number}": "x" for number in range(5_000)}
    messages = [{"role": "user", "content": "x"}] * 2_000
    made = record(trace_id=TRACE, extra=extra, messages=messages, exc_info=(ValueError, error, None))
    found = sent(made)
    assert found["exception.type"] == "ValueError"
    assert found[HELICONE + "Session-Id"] == TRACE
    assert span_of(made)["events"]


def test_dropped_attributes_are_counted_exactly() -> None:
    formatter = OTELTraceFormatter(max_attributes=32)
    for count in (0, 5, 40):
        made = traced(extra={f"field {number}": [number] for number in range(count)})
        span = span_of(made, formatter)
        assert len(span["attributes"]) + span["droppedAttributesCount"] == len(sent(made))


@pytest.mark.parametrize("count", [20, 2_000, 10_000])
@pytest.mark.parametrize("text", ["x" * 90, "x" * 5_000, '"' * 500, "\x00" * 150])
def test_a_payload_stays_within_its_bytes_whatever_their_number_and_size(count: int, text: str) -> None:
    formatter = OTELTraceFormatter(max_span_bytes=16_384)
    made = traced(extra={f"{text[:100]} {number}": text for number in range(count)}, model="gpt-4o")
    assert len(formatter.span(made).encode()) <= 16_384
    assert row(made, formatter).model == "gpt-4o"


def test_a_payload_stays_within_its_bytes_with_the_standard_library_s_escapes() -> None:
    with standard_json():
        made = traced(messages="ü" * 900_000, completion="\U0001f600" * 900_000, custom="\x00" * 900_000)
        assert len(PLAIN.span(made).encode()) <= 8 * MIB


def test_many_long_messages_are_all_cut_rather_than_some_of_them_lost() -> None:
    messages = [{"role": "user", "content": f"{number} " + "x" * 900_000} for number in range(40)]
    shown = row(traced(messages=messages))
    assert [message.content.split()[0] for message in shown.messages] == [str(number) for number in range(40)]
    assert all(CUT.search(message.content) for message in shown.messages)


def test_of_a_very_long_conversation_the_beginning_and_the_end_are_kept() -> None:
    messages = [{"role": "user", "content": str(number)} for number in range(3_000)]
    shown = [message.content for message in row(traced(messages=messages)).messages]
    assert len(shown) == MAX_MESSAGES
    assert (shown[0], shown[-1]) == ("0", "2999")
    (mark,) = [content for content in shown if "left out" in content]
    assert mark == f"[… {3_000 - MAX_MESSAGES + 1} messages left out …]"


def test_as_many_messages_as_fit_are_all_kept() -> None:
    messages = [{"role": "user", "content": str(number)} for number in range(MAX_MESSAGES)]
    assert len(row(traced(messages=messages)).messages) == MAX_MESSAGES
    assert not any("left out" in message.content for message in row(traced(messages=messages)).messages)


def nested(depth: int, kind: str) -> object:
    value: Any = "bottom"
    for _ in range(depth):
        value = [value] if kind == "list" else {"content": value} if kind == "dict" else (value, value)
    return value


@pytest.mark.parametrize("kind", ["list", "dict", "pairs"])
@pytest.mark.parametrize(
    "name", ["custom", "messages", "completion", "properties", "llm_response", "llm_request", "trace_id", "tool_calls"]
)
def test_deep_nesting_ends_at_a_mark(kind: str, name: str) -> None:
    body = raw_of(traced("ask", **{name: nested(50_000, kind)}))
    assert len(body) <= 8 * MIB
    checked(body)


def test_a_wide_value_is_read_only_so_far() -> None:
    found = sent(traced(custom=list(range(1_000_000)), mapping=dict.fromkeys(range(1_000_000))))
    assert found["custom"].endswith(',"…"]')
    assert found["mapping"].endswith('"…":"…"}')
    assert len(found["custom"]) < 100_000


def test_long_names_of_fields_and_properties_are_cut() -> None:
    name = "n" * 5_000
    found = sent(traced(extra={name: 1}, properties={name: "own"}))
    assert found[name[:256]] == 1
    assert found[PROPERTY + name[:100]] == "own"


def test_fields_whose_long_names_begin_alike_are_all_sent() -> None:
    found = sent(traced(**{"n" * 256 + "1": "long " * 100, "n" * 256 + "2": "longer " * 100}))
    own = {key: value for key, value in found.items() if key.startswith("n")}
    assert sorted(own.values()) == ["long " * 100, "longer " * 100]
    assert all(len(key) <= 256 for key in own)


def test_a_value_at_the_limit_is_whole_and_one_above_is_cut() -> None:
    formatter = OTELTraceFormatter(max_value_length=100)
    assert sent(traced(custom="x" * 100), formatter)["custom"] == "x" * 100
    cut = sent(traced(custom="x" * 101), formatter)["custom"]
    assert len(cut) == 100
    assert cut_length(cut) == 101
    assert cut_values(traced(custom="\n" + "x" * 100), formatter) == 1
    assert cut_values(traced(custom="\n" + "x" * 99), formatter) == 0


@pytest.mark.parametrize("limit", [0, 5, 30, 100])
@pytest.mark.parametrize("from_top", [False, True])
def test_a_cut_text_is_marked_at_the_end_that_is_gone(limit: int, from_top: bool) -> None:
    text = "abcdefghij" * 50
    cut = cut_text(text, limit, from_top=from_top)
    assert cut_length(cut) == 500
    rest = CUT.sub("", cut)
    assert text.endswith(rest) if from_top else text.startswith(rest)


@pytest.mark.parametrize(
    "options",
    [
        {"max_value_length": 99},
        {"max_attributes": 31},
        {"max_span_bytes": 16_383},
        {"max_span_bytes": 10_000_001},
        {"max_attributes": "many"},
    ],
)
def test_limits_that_cannot_work_are_refused(options: dict[str, Any]) -> None:
    with pytest.raises(ConfigurationError, match=next(iter(options))):
        OTELTraceFormatter(**options)
    assert OTELTraceFormatter(max_value_length="100", max_attributes="32", max_span_bytes="16384")


def test_no_option_lets_a_body_grow_beyond_what_the_server_takes() -> None:
    """It answers 500 to more than 10 MB, before it looks at anything else."""
    largest = OTELTraceFormatter(max_value_length=10**8, max_span_bytes=10_000_000)
    for text in ("x" * 11_000_000, "\u0000" * 3_000_000):
        made = traced(prompt=text, completion=text)
        assert len(raw_of(made, largest)) < 10 * 1024 * 1024
        assert len(raw_of(made)) < 10 * 1024 * 1024
    for size in (0, 10_000_001, 50 * 1024 * 1024):
        with pytest.raises(ConfigurationError, match=r"batch_bytes=.* at most 10,000,000"):
            HeliconeHandler(api_key="sk-helicone-test", batch_bytes=size)
    assert inspect.signature(HeliconeHandler).parameters["batch_bytes"].default < 10_000_000


def test_attributes_that_were_cut_are_those_that_were_sent() -> None:
    formatter = OTELTraceFormatter(max_value_length=100, max_attributes=32)
    span = span_of(traced(**{f"field{number}": "x" * 300 for number in range(100)}), formatter)
    values = [value for value in attributes_of(span).values() if isinstance(value, str)]
    assert all(len(value) <= 100 for value in values)
