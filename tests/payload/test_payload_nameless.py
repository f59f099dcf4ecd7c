"""Ids that name nothing (zeros, blanks, False) neither export nor group, in whatever way they come."""

from __future__ import annotations

import logging
from typing import Any

import pytest
from payloads import PARENT, SPAN, TRACE, record, row, sent, span_of, traced

from helicone_logging import OTELTraceFormatter, bind

NOBODY: list[Any] = [
    "", " ", "0", "00", "0" * 32, "0" * 16, "00000000-0000-0000-0000-000000000000", 0, False, None, b"\0" * 16,
]  # fmt: skip
NO_TRACEPARENTS: list[Any] = ["", " ", "0", False, None, f"00-{'0' * 32}-{'0' * 16}-00", f"00-{'0' * 32}-{'0' * 16}-01"]

FORMATTER = OTELTraceFormatter()
RENAMING = OTELTraceFormatter(rename_fields={"otelTraceID": "trace_id", "otelSpanID": "span_id", "rid": "session_id"})


def as_extra(name: str, value: object, **more: object) -> logging.LogRecord:
    return record(extra={name: value, **more})


def as_dict_message(name: str, value: object, **more: object) -> logging.LogRecord:
    return record({"message": "answer question", name: value, **more})


def as_loguru(name: str, value: object, **more: object) -> logging.LogRecord:
    return record(extra={"extra": {name: value, **more}})


WAYS = [as_extra, as_dict_message, as_loguru]


@pytest.mark.parametrize("value", NOBODY, ids=repr)
@pytest.mark.parametrize("name", ["trace_id", "span_id"])
@pytest.mark.parametrize("way", WAYS)
def test_it_exports_no_record(way: Any, name: str, value: object) -> None:
    assert not FORMATTER.selects(way(name, value))
    assert FORMATTER.selects(way(name, "a name"))


@pytest.mark.parametrize("value", NO_TRACEPARENTS, ids=repr)
@pytest.mark.parametrize("way", WAYS)
def test_a_traceparent_of_zeros_is_none(way: Any, value: object) -> None:
    made = way("traceparent", value)
    assert not FORMATTER.selects(made)
    span = FORMATTER.span(made)
    assert (span.malformed, span.parent_id) == (0, None)


def test_a_malformed_traceparent_exports_and_is_counted() -> None:
    made = record(traceparent="00-xyz-1-01")
    assert FORMATTER.selects(made)
    assert FORMATTER.span(made).malformed == 1


@pytest.mark.parametrize("value", NOBODY, ids=repr)
@pytest.mark.parametrize("name", ["otelTraceID", "otelSpanID"])
def test_a_renamed_stamp_that_names_nothing_exports_no_record(name: str, value: object) -> None:
    assert not RENAMING.selects(as_extra(name, value))
    assert RENAMING.selects(as_extra(name, "a name"))


@pytest.mark.parametrize("value", NOBODY, ids=repr)
@pytest.mark.parametrize("way", WAYS)
def test_it_hides_no_trace_session_or_user_that_is_bound(way: Any, value: object) -> None:
    with bind(trace_id=TRACE, session_id="s1", user_id="ada", parent_span_id=PARENT):
        for name in ("trace_id", "session_id", "user_id", "parent_span_id"):
            if name == "user_id" and value is not False and (not isinstance(value, str) or value.strip()):
                continue  # "0" may be a user
            made = way(name, value, model="gpt-4o")
            assert FORMATTER.selects(made)
            shown, span = row(made), span_of(made)
            assert (shown.session_id, shown.user, span["traceId"]) == ("s1", "ada", TRACE)
            assert sent(made)["parent_span_id"] == PARENT


@pytest.mark.parametrize("value", NOBODY, ids=repr)
def test_a_renamed_stamp_that_names_nothing_hides_no_trace_that_is_bound(value: object) -> None:
    with bind(trace_id=TRACE):
        made = record(otelTraceID=value, otelSpanID=value, rid=value, model="gpt-4o")
        assert RENAMING.selects(made)
        assert (span_of(made, RENAMING)["traceId"], row(made, RENAMING).session_id) == (TRACE, TRACE)


@pytest.mark.parametrize("value", NOBODY, ids=repr)
def test_it_groups_no_records(value: object) -> None:
    """Each is alone: in the session of its own trace, which no other has."""
    made = [record(helicone={}, trace_id=value, session_id=value, model="gpt-4o") for _ in range(2)]
    assert all(FORMATTER.selects(one) for one in made)
    assert len({row(one).session_id for one in made}) == 2
    assert row(traced(session_id=value)).session_id == TRACE


@pytest.mark.parametrize("value", ["", " ", False, None], ids=repr)
def test_a_user_without_a_name_is_no_user(value: object) -> None:
    attributes = sent(traced(user_id=value))
    assert row(traced(user_id=value)).user == ""
    assert not any("user" in name.lower() for name in attributes)
    assert row(traced(user_id="0")).user == "0"


@pytest.mark.parametrize("value", NOBODY, ids=repr)
def test_a_span_without_an_id_is_not_found_as_a_parent(value: object) -> None:
    assert len({span_of(traced(span_id=value))["spanId"] for _ in range(2)}) == 2
    assert span_of(traced(span_id=SPAN))["spanId"] == SPAN


def test_an_empty_helicone_mapping_exports() -> None:
    assert FORMATTER.selects(record(helicone={}))
    assert not FORMATTER.selects(record(helicone=None))
    assert not FORMATTER.selects(record(helicone=False))


def test_text_of_zeros_is_a_prompt() -> None:
    with bind(trace_id=TRACE):
        assert FORMATTER.selects(record({"message": "x", "prompt": "0"}))
        assert row(record(prompt="0")).messages[0].content == "0"


@pytest.mark.parametrize("empty", [None, ""])
def test_an_empty_field_hides_nothing_that_is_bound(empty: object) -> None:
    with bind(trace_id=TRACE, model="gpt-4o", tenant="acme"):
        made = record(model=empty, tenant=empty, trace_id=TRACE)
        assert row(made).model == "gpt-4o"
        assert sent(made)["tenant"] == "acme"
