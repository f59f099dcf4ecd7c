"""Looks into objects of foreign kinds by name, and takes from them only what has the type that was hoped for.

Mappings and objects look the same from here: each becomes a dict of what it holds. Only held data is read, never a
property or another descriptor, which may compute, log or query a database. Nothing raises, and no iterator is used
up: it may be the very stream that the application still wants to read.
"""

from __future__ import annotations

import enum
import math
from collections.abc import Iterable, Sequence, Set, ValuesView
from typing import cast

from helicone_logging.core import bounded
from helicone_logging.core.safe_vars import is_absent, is_named_tuple, safe_vars

_SEQUENCES = (list, tuple, set, frozenset, Sequence, Set, ValuesView)
_NOT_ITEMS = (str, bytes, bytearray, memoryview, range)
_JSON_TYPES = frozenset((str, int, float, bool, dict, list))


def first(source: object, *names: str) -> object:
    """Returns what a mapping or an object has under the first of some names that has a value; None for none."""
    fields = safe_vars(source)
    if fields:
        for name in names:
            value = fields.get(name)
            if value is not None and (type(value) in _JSON_TYPES or not is_absent(type(value))):
                return value
    return None


def text(value: object) -> str | None:
    """Returns a text, also that of an enum's member; None for everything else."""
    if value is None or type(value) is str:
        return value
    if issubclass(type(value), enum.Enum):
        value = cast("enum.Enum", value)._value_
    # Not isinstance(): that asks the object itself, in `__class__`, and a mock of text would say yes.
    return str.__str__(cast("str", value)) if issubclass(type(value), str) else None


def items(value: object) -> list[object] | None:
    """Returns the items of a list, tuple, set or the like as a list of its own; None for everything else.

    Named tuples have fields instead. Classes that merely can be iterated are left alone: to iterate them may use
    them up, or fetch them from a database.
    """
    kind = type(value)
    if kind is list:
        return list(cast("list[object]", value))
    if kind is str or kind is dict or value is None or issubclass(kind, _NOT_ITEMS) or is_named_tuple(kind):
        return None
    try:
        if issubclass(kind, _SEQUENCES):
            return bounded.listed(cast("Iterable[object]", value))
    except Exception:  # noqa: BLE001 - `__iter__` of a foreign class
        return None
    return None


def number(value: object) -> int | float | None:
    """Returns a finite number; None for everything else, bool included."""
    if type(value) is int:
        return value
    return value if type(value) is float and math.isfinite(value) else None


def count(value: object) -> int | None:
    """Returns how many there are, whole floats included; None for what counts nothing."""
    if type(value) is int:
        return value if value >= 0 else None
    found = number(value)
    return int(found) if found is not None and found >= 0 and found == int(found) else None
