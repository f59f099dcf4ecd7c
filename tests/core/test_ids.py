"""An id may be made of any value: of `str()` of it, and of the beginning of what holds others without end."""

from __future__ import annotations

import collections
import dataclasses
import datetime
import decimal
import enum
import fractions
import pathlib
import re
import types
import uuid
from typing import Any

import pydantic
import pytest

from helicone_logging.core import bounded, ids


@dataclasses.dataclass
class Order:
    number: int
    lines: list[str]


class Customer(pydantic.BaseModel):
    name: str
    orders: list[int]


class ObjectId:
    """As that of MongoDB."""

    __slots__ = ("_id",)

    def __init__(self, value: bytes) -> None:
        self._id = value

    def __str__(self) -> str:
        return self._id.hex()


class Color(enum.Enum):
    RED = "red"


Point = collections.namedtuple("Point", "x y")


def shared(depth: int) -> object:
    """Lists that say in a few bytes what has more parts than could ever be counted."""
    value: object = "x"
    for _ in range(depth):
        value = [value] * 10
    return value


@pytest.mark.parametrize(
    "value",
    [
        1.5, decimal.Decimal("12.50"), fractions.Fraction(1, 3), ObjectId(b"\x01" * 12), Order(1, ["a", "b"]),
        Customer(name="ada", orders=[1, 2]), Color.RED, Point(1, "2"), ("tenant", 7), ["a", None, True],
        {"a": {"b": 1.0}}, frozenset({3}), collections.OrderedDict(a=1), collections.UserDict(a=1),
        collections.deque([1, 2]), uuid.UUID(int=7),
        datetime.date(2026, 11, 30), pathlib.PurePosixPath("/jobs/7"), True, b"job", list(range(9_000)),
        dict.fromkeys(range(9_000)),
    ],
    ids=lambda value: type(value).__name__,
)  # fmt: skip
def test_an_id_is_made_of_what_str_makes_of_the_value(value: object) -> None:
    assert ids.trace_id(value) == ids.trace_id(str(value))
    assert ids.span_id(value) == ids.span_id(str(value))


@pytest.mark.parametrize(
    "wrapped",
    [
        lambda value: value,
        lambda value: Order(1, value),
        lambda value: {"a": value},
        lambda value: (value, 1),
        lambda value: types.SimpleNamespace(a=value),
        ValueError,
    ],
)
def test_an_id_of_what_has_parts_without_end_is_made_of_their_beginning(wrapped: Any) -> None:
    value = wrapped(shared(60))
    trace, span = ids.trace_id(value), ids.span_id(value)
    assert trace is not None
    assert span is not None
    assert trace != ids.trace_id(wrapped(shared(3) + ["y"] * 10_000))
    with bounded.RecordBudget():
        bounded.spend(bounded.MAX_OF_RECORD)
        assert (ids.trace_id(value), ids.span_id(value)) == (trace, span)
    assert ids.is_named("parent_span_id", value)


def test_an_id_may_be_a_mapping_that_cannot_be_read() -> None:
    class Broken(dict[str, object]):
        def __iter__(self) -> Any:
            raise OSError

        keys = __iter__

    assert ids.trace_id(Broken(a=1)) is not None


@pytest.mark.parametrize(
    ("value", "digits"),
    [
        (bytes(range(16)), bytes(range(16)).hex()),
        (255, f"{255:032x}"),
        (2**128 - 1, "f" * 32),
        (uuid.UUID(int=7), f"{7:032x}"),
    ],
)
def test_a_number_or_bytes_of_the_size_of_an_id_are_its_digits(value: object, digits: str) -> None:
    assert ids.trace_id(value) == digits


@pytest.mark.parametrize("value", [-1, 2**128, -(2**200), b"x" * 15])
def test_a_number_or_bytes_of_another_size_make_an_id_all_the_same(value: object) -> None:
    assert ids.trace_id(value) == ids.trace_id(value)
    assert re.fullmatch("[0-9a-f]{32}", ids.trace_id(value) or "")
    assert re.fullmatch("[0-9a-f]{16}", ids.span_id(value) or "")


@pytest.mark.parametrize(
    ("name", "value", "says_something"),
    [
        ("traceparent", "malformed", True),
        ("traceparent", f"00-{'0' * 32}-{'0' * 16}-01", False),
        ("session_id", "run-0-0-a", True),
        ("session_id", "0", False),
        ("session_id", 0, False),
        ("session_id", 7, True),
        ("user_id", "0", True),
        ("user_id", 0, True),
        ("user_id", False, False),
        ("parent_span_id", 0, False),
        ("trace_id", 7, True),
    ],
)
def test_a_field_says_something_unless_it_is_empty_or_zero(name: str, value: object, says_something: bool) -> None:
    assert ids.is_named(name, value) is says_something
