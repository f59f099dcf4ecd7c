"""Turns any Python value into what an attribute can carry on this wire: text, or an int that a double holds.

Nothing here raises, consumes an iterator, changes its argument or takes unbounded time: the values come from
`extra=`, so from anywhere.
"""

from __future__ import annotations

import dataclasses
import datetime
import enum
import functools
import json
import math
import numbers
import operator
import types
from collections import deque
from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Any, cast

from helicone_logging.core import bounded, proxies, safe_vars
from helicone_logging.core.bounded import CUT, MAX_ITEMS
from helicone_logging.core.proxies import name_of_unfetched

MAX_DEPTH = 24
_CHARACTERS_OF_AN_ITEM = 4_096
MAX_EXACT_INT = 2**53  # the server parses numbers as doubles

Scalar = str | int
Plain = str | int | float | bool | None | list["Plain"] | dict[str, "Plain"]

_SEQUENCES = (list, tuple, set, frozenset, deque)
_MOST_DIGITS = 30  # of a Decimal that counts or times something
_MAX_CLASSES = 1_000  # whose fields are remembered
_encode = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode


def scalar_of(value: object) -> Scalar:
    """Returns a value as an attribute carries it.

    Args:
        value: text and ints up to 2^53 stay as they are; everything else becomes the text of `text_of`.
    """
    if type(value) is str:
        return value
    if type(value) is int:
        return _exact_int(value)
    if type(value) is float:
        return str(_float_value(value))
    number = _foreign_int(value)
    return text_of(value) if number is None else number


def text_of(value: object) -> str:
    """Returns a value as text; it never raises.

    Args:
        value: mappings, lists, sets, dataclasses and models become JSON text, at most 24 levels deep and 10,000
            items long, and no longer than what `bounded.RecordBudget` leaves, where `…` stands for the rest; bool is
            `true` or `false`, None is empty.
    """
    if type(value) is str:
        return value
    try:
        plain = _Reader().read(value)
        if isinstance(plain, str):
            return plain
        return "" if plain is None else _encode(plain)
    except Exception:  # noqa: BLE001 - whatever a foreign object does, the record must survive it
        return unreadable(value)


def plain_of(value: object) -> Plain:
    """Returns a value as the types that JSON knows; it never raises."""
    return _Reader().read(value)


def _foreign_int(value: object) -> Scalar | None:
    if not isinstance(value, bool | enum.Enum) and isinstance(value, numbers.Integral):
        return _exact_int(int(value))
    return None


def _exact_int(number: int) -> Scalar:
    if -MAX_EXACT_INT <= number <= MAX_EXACT_INT:
        return number
    return str(number) if number.bit_length() < 4096 else hex(number)  # long ones refuse to become decimal


def _float_value(number: float) -> Plain:
    if math.isfinite(number):
        return number
    return "NaN" if math.isnan(number) else ("Infinity" if number > 0 else "-Infinity")


def unreadable(value: object) -> str:
    """Returns what stands in the place of a value that raises where it is read."""
    return f"<unreadable {type(value).__name__}>"


class _Reader:
    """Reads one value into plain JSON types, within a budget of items and depth, cycles marked."""

    def __init__(self) -> None:
        self._items_left = self._allowed = min(MAX_ITEMS, bounded.left())
        self._open: set[int] = set()

    def read(self, value: object) -> Plain:
        plain = self.plain(value, 0)
        bounded.spend(int(self._allowed - self._items_left))
        return plain

    def plain(self, value: object, depth: int) -> Plain:
        kind = type(value)
        if kind is str or kind is bool or value is None:  # never by a hash, which a class may not have
            return cast("Plain", value)
        try:
            if kind is int or kind is float:
                return _leaf(value)
            if kind is dict or kind is list:
                return self._container(value, value, depth)
            value = proxies.resolved(value)
            members = _members(value)
            return _leaf(value) if members is None else self._container(value, members, depth)
        except Exception:  # noqa: BLE001 - one unreadable part must not cost the rest
            return unreadable(value)

    def _container(self, value: object, members: object, depth: int) -> Plain:
        if depth >= MAX_DEPTH or self._items_left <= 0 or id(value) in self._open:
            return CUT
        self._open.add(id(value))
        try:
            most = int(self._items_left)
            if isinstance(members, Mapping):
                return self._mapping(bounded.copied(members, most), depth + 1)
            return self._sequence(bounded.listed(cast("Iterable[object]", members), most), depth + 1)
        finally:
            self._open.discard(id(value))

    def _mapping(self, members: dict[object, object], depth: int) -> Plain:
        result: dict[str, Plain] = {}
        for key, member in members.items():
            if self._items_left <= 0:
                result[CUT] = CUT
                break
            self._items_left -= _weight(member)
            name = key if type(key) is str else text_of(key)
            result[name] = member if type(member) is str else self.plain(member, depth)
        return result

    def _sequence(self, members: list[object], depth: int) -> Plain:
        result: list[Plain] = []
        for member in members:
            if self._items_left <= 0:
                result.append(CUT)
                break
            self._items_left -= _weight(member)
            result.append(member if type(member) is str else self.plain(member, depth))
        return result


def _weight(member: object) -> int:
    """How many items one counts for: a long text may stand in a list many times, and is written as often."""
    return 1 + len(member) // _CHARACTERS_OF_AN_ITEM if type(member) is str else 1


def printed(value: object) -> str:
    """Returns what `str()` makes of a value; of one that would print too many others, the text of their beginning."""
    parts = _printed_parts(value)
    try:
        is_short = parts is None or _is_short(parts)
    except Exception:  # noqa: BLE001 - what cannot be looked into may be of any size
        is_short = False
    return str(value) if is_short else text_of(parts)


def _printed_parts(value: object) -> object | None:
    """What `str()` goes through, where that is known; the lists in it may be shared so often that it never ends."""
    kind = type(value)
    if issubclass(kind, BaseException):
        return cast("BaseException", value).args
    if kind.__repr__ is types.SimpleNamespace.__repr__ or hasattr(kind, "__attrs_attrs__"):
        return safe_vars.safe_vars(value)
    value = proxies.resolved(value)
    return None if _members(value) is None else value


def _is_short(parts: object) -> bool:
    """Whether all that it holds in any depth, what is shared each time it is met, may be read."""
    most = left = bounded.allowed()
    waiting = [parts]
    while waiting and left >= 0:
        members = _members(proxies.resolved(waiting.pop()))
        if isinstance(members, Mapping):
            names = bounded.copied(members, left)
            left -= len(names)
            waiting += (*names, *names.values())
        elif members is not None:
            found = bounded.listed(cast("Iterable[object]", members), left)
            left -= len(found)
            waiting += found
    if left < 0:
        bounded.spend(most)
    return left >= 0


def _members(value: object) -> object | None:
    """What holds others: a mapping or a sequence; of an object what its fields hold. None for everything else."""
    kind: type = type(value)
    if issubclass(kind, (Mapping, *_SEQUENCES)):
        return value
    names = _field_names(kind)  # type: ignore[arg-type]  # mypy takes classes for unhashable
    if names is None:
        return None
    found = safe_vars.safe_vars(value) or safe_vars.EMPTY
    return {name: found[name] for name in names if name in found}


@functools.lru_cache(_MAX_CLASSES)
def _field_names(kind: type) -> tuple[str, ...] | None:
    """The fields of a dataclass or pydantic model, which show as a mapping; None for other classes."""
    if dataclasses.is_dataclass(kind):
        return tuple(field.name for field in dataclasses.fields(kind))
    fields = getattr(kind, "model_fields", None) if safe_vars.is_model(kind) else None
    return tuple(fields) if isinstance(fields, dict) else None


def _leaf(value: object) -> Plain:
    value = native(value)
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
        return f"{type(value).__name__}: {printed(value)}"
    if isinstance(value, type):
        return value.__qualname__
    return name_of_unfetched(value) or printed(value)


def native(value: object) -> object:
    """Returns a NumPy scalar, or an array of no dimensions, as Python's own value; everything else as it is.

    Args:
        value: any object. Floats get the digits that they show (`np.float32(0.7)` is 0.7), times the microseconds that
            Python has; as with a naive datetime, they are local.
    """
    kind: type = type(value)
    if kind.__module__ != "numpy" or getattr(value, "ndim", None) != 0:
        return value
    scalar: Any = value
    form = scalar.dtype.kind
    if form == "f":
        return float(str(scalar))
    if form in "mM":
        scalar = scalar.astype(f"{form}8[us]")
    return scalar.item()


def is_vast(value: Decimal) -> bool:
    """Returns whether a Decimal is too large to count or time anything: to make an int of `1e1000000` takes minutes."""
    return value.adjusted() > _MOST_DIGITS


def whole(value: object) -> int | None:
    """Returns a real number of any make as an int where it is whole; None for everything else, bool included."""
    try:
        value = native(value)
        if isinstance(value, bool) or (isinstance(value, Decimal) and is_vast(value)):
            return None
        if isinstance(value, numbers.Real | Decimal):
            number = int(value)  # type: ignore[arg-type]  # every real number has `__trunc__`
            return number if number == value else None
        return operator.index(value)  # type: ignore[arg-type]  # what is no number has no index
    except Exception:  # noqa: BLE001 - NaN, or a foreign class that may raise anything
        return None
