"""Looks into objects of foreign kinds by name, and takes from them only what has the type that was hoped for.

Mappings and objects with attributes look the same from here. Nothing raises, and no iterator is used up: it may
be the very stream that the application still wants to read.
"""

from __future__ import annotations

import enum
import math
from collections.abc import Iterable, Mapping, Sequence, Set, ValuesView
from itertools import islice
from typing import cast

MAX_ITEMS = 100_000  # of a foreign sequence, which may have no end

_NOT_ITEMS = (str, bytes, bytearray, memoryview, range)
_NO_FIELDS = (str, int, float, bytes, bytearray, list, tuple, set, frozenset, type(None), type)
_ABSENT = frozenset(("NotGiven", "Omit", "Unset"))  # how OpenAI, Anthropic and Mistral say that there is no value
_NAME_NOBODY_HAS = "helicone_logging_has_no_such_name"


def get(source: object, name: str) -> object:
    """Returns what a mapping or an object has under a name, None when it has nothing or fails to tell."""
    try:
        value = source.get(name) if type(source) is dict else _foreign(source, name)
        return None if value is None or type(value).__name__ in _ABSENT else value
    except Exception:  # noqa: BLE001 - a property of a foreign object may raise anything
        return None


def _foreign(source: object, name: str) -> object:
    if _is_model(type(source)):
        return _model_field(source, name)
    return source.get(name) if isinstance(source, Mapping) else getattr(source, name, None)


def _is_model(kind: type) -> bool:
    """Whether a class is a pydantic model, which nearly all SDKs return: pydantic 2 marks each of them so."""
    return "__pydantic_decorators__" in kind.__dict__


def _model_field(model: object, name: str) -> object:
    """What a model holds as data: its properties compute, some of Google's log, and to miss one takes long."""
    fields = vars(model)
    if name in fields:
        return fields[name]
    extra = getattr(model, "__pydantic_private__" if name.startswith("_") else "__pydantic_extra__", None)
    return extra.get(name) if extra else None


def first(source: object, *names: str) -> object:
    """Returns what stands under the first of some names that is not None."""
    for name in names:
        value = get(source, name)
        if value is not None:
            return value
    return None


def has_fields(value: object) -> bool:
    """Returns whether `get` can tell something about a value.

    Mocks, proxies and recorders answer to every name; what they say about one means nothing.
    """
    kind = type(value)
    if kind is dict:
        return True
    if issubclass(kind, _NO_FIELDS):
        return _is_named_tuple(kind)
    try:
        return _is_model(kind) or isinstance(value, Mapping) or getattr(value, _NAME_NOBODY_HAS, None) is None
    except Exception:  # noqa: BLE001 - who cannot even deny a name has nothing to say about others
        return False


def text(value: object) -> str | None:
    """Returns a text, also that of an enum's member; None for everything else."""
    if value is None or type(value) is str:
        return value
    if issubclass(type(value), enum.Enum):
        value = get(value, "value")
    # Not isinstance(): that asks the object itself, in `__class__`, and a mock of text would say yes.
    return str.__str__(cast("str", value)) if issubclass(type(value), str) else None


def items(value: object) -> list[object] | None:
    """Returns the items of a list, tuple, set or the like as a list of its own; None for everything else.

    Named tuples have fields instead. Classes that merely can be iterated are left alone: to iterate them may use
    them up, or fetch them from a database.
    """
    if type(value) is list:
        return list(value)
    kind = type(value)
    if value is None or kind is dict or issubclass(kind, _NOT_ITEMS) or _is_named_tuple(kind):
        return None
    try:
        if issubclass(kind, Sequence | Set | ValuesView):
            return list(islice(cast("Iterable[object]", value), MAX_ITEMS))
    except Exception:  # noqa: BLE001 - `__iter__` of a foreign class
        return None
    return None


def _is_named_tuple(kind: type) -> bool:
    return issubclass(kind, tuple) and hasattr(kind, "_fields")


def number(value: object) -> int | float | None:
    """Returns a finite number; None for everything else, bool included."""
    if type(value) is int:
        return value
    return value if type(value) is float and math.isfinite(value) else None


def count(value: object) -> int | None:
    """Returns how many there are, whole floats included; None for what counts nothing."""
    found = number(value)
    return int(found) if found is not None and found >= 0 and found == int(found) else None
