"""Turns any Python value into what an attribute can carry on this wire: text, or an int that a double holds.

Nothing here raises, consumes an iterator, changes its argument or takes unbounded time: the values come from
`extra=`, so from anywhere.
"""

from __future__ import annotations

import dataclasses
import datetime
import enum
import json
import math
import numbers
from collections import deque
from collections.abc import Mapping

from helicone_logging.core import budget

MAX_DEPTH = 24
MAX_ITEMS = 10_000
MAX_EXACT_INT = 2**53  # the server parses numbers as doubles

CUT = "…"

Scalar = str | int
Plain = str | int | float | bool | None | list["Plain"] | dict[str, "Plain"]

_SEQUENCES = (list, tuple, set, frozenset, deque)


def scalar_of(value: object) -> Scalar:
    """Returns a value as an attribute carries it.

    Args:
        value: text and ints up to 2^53 stay as they are; everything else becomes the text of `text_of`.
    """
    if type(value) is str:
        return value
    if type(value) is int:
        return _exact_int(value)
    number = _foreign_int(value)
    return text_of(value) if number is None else number


def text_of(value: object) -> str:
    """Returns a value as text; it never raises.

    Args:
        value: mappings, lists, sets, dataclasses and models become JSON text, at most 24 levels deep and 10,000
            items long, and no longer than what `budget.OneRecord` leaves, where `…` stands for the rest; bool is
            `true` or `false`, None is empty.
    """
    if type(value) is str:
        return value
    try:
        plain = _Reader().plain(value, 0)
        if isinstance(plain, str):
            return plain
        return "" if plain is None else json.dumps(plain, ensure_ascii=False, separators=(",", ":"))
    except Exception:  # noqa: BLE001 - whatever a foreign object does, the record must survive it
        return _unreadable(value)


def plain_of(value: object) -> Plain:
    """Returns a value as the types that JSON knows; it never raises.

    Args:
        value: as in `text_of`.
    """
    return _Reader().plain(value, 0)


def _foreign_int(value: object) -> Scalar | None:
    try:
        if not isinstance(value, bool | enum.Enum) and isinstance(value, numbers.Integral):
            return _exact_int(int(value))
    except Exception:  # noqa: BLE001 - even isinstance runs foreign code
        return None
    return None


def _exact_int(number: int) -> Scalar:
    return number if -MAX_EXACT_INT <= number <= MAX_EXACT_INT else _int_text(number)


def _int_text(number: int) -> str:
    return str(number) if number.bit_length() < 4096 else hex(number)  # long ones refuse to become decimal


def _float_value(number: float) -> Plain:
    if math.isfinite(number):
        return number
    return "NaN" if math.isnan(number) else ("Infinity" if number > 0 else "-Infinity")


def _unreadable(value: object) -> str:
    return f"<unreadable {type(value).__name__}>"


class _Reader:
    """Reads one value into plain JSON types, within a budget of items and depth, cycles marked."""

    def __init__(self) -> None:
        self._items_left = MAX_ITEMS
        self._open: set[int] = set()

    def plain(self, value: object, depth: int) -> Plain:
        try:
            if value is None or isinstance(value, str | bool | int | float):
                return _leaf(value)
            return self._container(value, depth)
        except Exception:  # noqa: BLE001 - one unreadable part must not cost the rest
            return _unreadable(value)

    def _container(self, value: object, depth: int) -> Plain:
        if budget.is_spent() and isinstance(value, (Mapping, *_SEQUENCES)):
            return CUT  # without a copy, as there may be many long ones
        members = _members(value)
        if members is None:
            return _leaf(value)
        if depth >= MAX_DEPTH or id(value) in self._open:
            return CUT
        self._open.add(id(value))
        try:
            if isinstance(members, dict):
                return self._mapping(members, depth + 1)
            return self._sequence(members, depth + 1)
        finally:
            self._open.discard(id(value))

    def _mapping(self, members: dict[object, object], depth: int) -> Plain:
        result: dict[str, Plain] = {}
        for key, member in members.items():
            if not self._spend():
                result[CUT] = CUT
                break
            result[key if type(key) is str else text_of(key)] = self.plain(member, depth)
        return result

    def _sequence(self, members: list[object], depth: int) -> Plain:
        result: list[Plain] = []
        for member in members:
            if not self._spend():
                result.append(CUT)
                break
            result.append(self.plain(member, depth))
        return result

    def _spend(self) -> bool:
        self._items_left -= 1
        return self._items_left >= 0 and budget.spend()


def _members(value: object) -> dict[object, object] | list[object] | None:
    """What a container holds, copied in one go: another thread may be changing it."""
    if isinstance(value, Mapping):
        return dict(value)
    if isinstance(value, _SEQUENCES):
        return list(value)
    if isinstance(value, type):
        return None
    if dataclasses.is_dataclass(value):
        return {field.name: getattr(value, field.name) for field in dataclasses.fields(value)}
    fields = getattr(type(value), "model_fields", None)  # pydantic
    if isinstance(fields, dict):
        return {name: getattr(value, name) for name in fields}
    return None


def _leaf(value: object) -> Plain:
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, enum.Enum):
        return _leaf(value.value)
    if isinstance(value, str):
        return str.__str__(value)
    if isinstance(value, numbers.Integral):
        return _exact_int(int(value))
    if isinstance(value, numbers.Real):
        return _float_value(float(value))
    if isinstance(value, datetime.date | datetime.time):
        return value.isoformat()
    if isinstance(value, bytes | bytearray | memoryview):
        return bytes(value).decode("utf-8", "backslashreplace")
    if isinstance(value, BaseException):
        return f"{type(value).__name__}: {value}"
    if isinstance(value, type):
        return value.__qualname__
    return str(value)
