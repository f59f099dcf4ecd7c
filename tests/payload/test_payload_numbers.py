"""Numbers of any make count, measure and identify, as those of NumPy, of databases and of `decimal` do."""

from __future__ import annotations

import datetime
import decimal
import enum
import fractions
import http
import uuid
from typing import Any

import numpy as np
import pytest
from payloads import row, sent, span_of, traced

from helicone_logging import bind
from helicone_logging.core.coerce import native, plain_of, whole


class ObjectId:
    """As of MongoDB."""

    def __init__(self, digits: str) -> None:
        self.digits = digits

    def __str__(self) -> str:
        return self.digits

    __repr__ = __str__


class Broken:
    def __str__(self) -> str:
        raise RuntimeError("no text")


FIVES = [
    5, 5.0, "5", np.int64(5), np.uint8(5), np.float64(5), np.float32(5), np.array(5), decimal.Decimal(5),
    decimal.Decimal("5.00"), fractions.Fraction(5),
]  # fmt: skip


@pytest.mark.parametrize("five", FIVES, ids=repr)
def test_whole_numbers_of_any_make_count(five: object) -> None:
    shown = row(traced(model="gpt-4o", prompt_tokens=five, completion_tokens=five, max_tokens=five))
    assert (shown.prompt_tokens, shown.completion_tokens) == (5, 5)


@pytest.mark.parametrize(
    "value",
    [True, np.bool_(True), 5.5, decimal.Decimal("5.5"), decimal.Decimal("NaN"), float("inf"), -1, "five", 1j, [5]],
    ids=repr,
)
def test_what_counts_nothing_stays_a_field(value: object) -> None:
    attributes = sent(traced(prompt_tokens=value))
    assert "gen_ai.usage.prompt_tokens" not in attributes
    assert "prompt_tokens" in attributes


@pytest.mark.parametrize("field", ["prompt_tokens", "status", "start_time", "duration_ms"])
def test_a_decimal_that_is_quickly_written_and_takes_minutes_as_an_int_holds_nobody_up(field: str) -> None:
    assert sent(traced(**{field: decimal.Decimal("1e3000000")}))[field] == "1E+3000000"


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (np.int64(42), "42"),
        (decimal.Decimal(42), "42"),
        (np.array("ada"), "ada"),
        (np.str_("ada"), "ada"),
        (b"ada", "ada"),
        (ObjectId("65f0"), "65f0"),
        (uuid.UUID(int=5), "00000000-0000-0000-0000-000000000005"),
        (enum.Enum("User", {"ADA": "ada"}).ADA, "ada"),  # type: ignore[attr-defined]
    ],
    ids=str,
)
def test_ids_take_the_text_of_any_value(value: object, text: str) -> None:
    shown = row(traced(user_id=value, session_id=value))
    assert (shown.user, shown.session_id) == (text, text)
    with bind(user_id=value, session_id=value):
        shown = row(traced())
    assert (shown.user, shown.session_id) == (text, text)


@pytest.mark.parametrize("value", [object(), Broken(), {"id": 1}, ["ada"]], ids=lambda value: type(value).__name__)
def test_what_has_no_text_of_its_own_identifies_nobody_and_stays_a_field(value: object) -> None:
    made = traced(user_id=value)
    assert row(made).user == ""
    assert "user_id" in sent(made)


@pytest.mark.parametrize(
    ("fields", "milliseconds"),
    [
        ({"duration_ms": np.int64(12)}, 12),
        ({"duration_ms": np.float32(830.5)}, 830.5),
        ({"duration_ms": decimal.Decimal("12.5")}, 12.5),
        ({"duration": fractions.Fraction(1, 2)}, 500),
        ({"duration": np.timedelta64(830, "ms")}, 830),
        ({"duration": datetime.timedelta(milliseconds=830)}, 830),
        ({"start_time": np.datetime64("2026-01-01T00:00:00"), "end_time": np.datetime64("2026-01-01T00:00:01")}, 1000),
        (
            {
                "start_time": np.datetime64("2026-01-01T00:00:00.000000000"),
                "end_time": datetime.datetime(2026, 1, 1, 0, 0, 1),
            },
            1000,
        ),
    ],
    ids=repr,
)
def test_times_take_any_real_number(fields: dict[str, object], milliseconds: float) -> None:
    span = span_of(traced(extra=fields))
    assert int(span["endTimeUnixNano"]) - int(span["startTimeUnixNano"]) == round(milliseconds * 1_000_000)


@pytest.mark.parametrize("status", [502, "502", http.HTTPStatus.BAD_GATEWAY, np.int64(502), decimal.Decimal(502)])
def test_a_status_takes_any_whole_number(status: object) -> None:
    assert span_of(traced(status=status))["status"] == {"code": 2}


@pytest.mark.parametrize(
    ("value", "plain"),
    [
        (np.float32(0.7), 0.7),
        (np.bool_(True), True),
        (np.array(5), 5),
        (np.float64("nan"), "NaN"),
        ([np.float32(0.1), np.int8(3)], [0.1, 3]),
        (np.datetime64("2026-01-01T00:00:01"), "2026-01-01T00:00:01"),
        (np.array([1, 2]), "[1 2]"),
    ],
    ids=repr,
)
def test_numbers_of_numpy_show_as_python_shows_them(value: object, plain: Any) -> None:
    assert plain_of(value) == plain


def test_a_parameter_and_a_flag_of_numpy_show_as_those_of_python() -> None:
    attributes = sent(traced(temperature=np.float32(0.7), flag=np.bool_(True)))
    assert (attributes["gen_ai.request.temperature"], attributes["flag"]) == ("0.7", "true")
    assert row(traced(flag=np.bool_(True))).properties["flag"] == "true"


@pytest.mark.parametrize("value", [ObjectId("5"), "5", None, [1], np.array([5, 6])], ids=repr)
def test_what_is_no_number_stays_what_it_is(value: object) -> None:
    assert native(value) is value
    assert whole(value) is None
