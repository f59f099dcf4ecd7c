"""`vars()` of an object of any class, without running its code; how to read it is found out once for each class.

Only held data is read: what is in `__dict__`, in slots, in the fields of a model. Never a property or another
descriptor, which may compute, log, or query a database (https://github.com/getsentry/sentry-python/issues/5414).
"""

from __future__ import annotations

import contextlib
import types
from collections.abc import Callable, Mapping
from typing import Any, Final, TypeGuard, cast

from helicone_logging.core import bounded

Vars = dict[str, object]
"""What an object holds, by name. It may be the object's own dict, so nobody may change it."""

EMPTY: Final[Vars] = {}

_Reader = Callable[[Any], Vars | None]

_MAX_CLASSES = 2_000  # whose reader is remembered; some make classes without end, as mocks do
_NO_FIELDS = (str, int, float, bytes, bytearray, list, tuple, set, frozenset, type(None), type)
_ABSENT = frozenset(("NotGiven", "Omit", "Unset"))  # how OpenAI, Anthropic and Mistral say that there is no value
_NAME_NOBODY_HAS = "helicone_logging_has_no_such_name"


def safe_vars(value: object) -> Vars | None:
    """Returns what a mapping or an object holds, by name; None for what has no names, such as text or a mock.

    It never raises.
    """
    kind = type(value)
    if kind is dict:
        return cast("Vars", value)
    try:
        return (_readers.get(kind) or _learn(kind, value))(value)
    except Exception:  # noqa: BLE001 - foreign code may raise anything
        return None


def is_mapping(value: object) -> TypeGuard[Mapping[str, object]]:
    """Returns whether a value is a mapping, or says so; it never raises."""
    try:
        return isinstance(value, Mapping)
    except Exception:  # noqa: BLE001 - to ask for the class of a hostile object runs its code
        return False


def is_text(value: object) -> TypeGuard[str]:
    """Returns whether a value is a text, or says so; it never raises."""
    try:
        return isinstance(value, str)
    except Exception:  # noqa: BLE001 - as above
        return False


def is_absent(kind: type) -> bool:
    """Returns whether the values of a class are how an SDK says that there is no value."""
    return kind.__name__ in _ABSENT


def is_model(kind: type) -> bool:
    """Returns whether a class is a pydantic model: pydantic 2 marks each of them so."""
    return "__pydantic_decorators__" in kind.__dict__


def is_named_tuple(kind: type) -> bool:
    """Returns whether the items of a tuple's class have names."""
    return issubclass(kind, tuple) and hasattr(kind, "_fields")


def _nothing(_: object) -> None:
    return None


_readers: dict[type, _Reader] = {}


def _learn(kind: type, value: object) -> _Reader:
    reader = _reader_for(kind, value)
    if len(_readers) >= _MAX_CLASSES:
        _readers.clear()
    _readers[kind] = reader
    return reader


def _reader_for(kind: type, value: object) -> _Reader:
    if issubclass(kind, _NO_FIELDS):
        return _of_named_tuple if is_named_tuple(kind) else _nothing
    if is_absent(kind):
        return _nothing
    if is_model(kind):
        return _of_model
    if issubclass(kind, Mapping):
        return bounded.copied
    if _answers_to_every_name(kind, value):
        return _nothing
    slots = _class_members(kind, types.MemberDescriptorType)
    constants = _class_members(kind, str)  # text that all objects of a class share, such as a role
    return _reader_of_slots(slots, constants) if slots or constants else _of_instance


def _of_named_tuple(value: Any) -> Vars:
    return dict(zip(value._fields, value, strict=True))


def _of_model(model: Any) -> Vars:
    """Of a pydantic model, which nearly all SDKs return; what it was never told is in `__pydantic_extra__`."""
    fields: Vars = model.__dict__
    try:
        extra = model.__pydantic_extra__
    except AttributeError:  # made without `__init__`
        return fields
    return {**fields, **extra} if extra else fields


def _of_instance(value: Any) -> Vars:
    return cast("Vars", value.__dict__)


def _reader_of_slots(slots: Mapping[str, types.MemberDescriptorType], constants: Vars) -> _Reader:
    """Of objects that hold something in slots, or as constants of their class."""

    def read(value: Any) -> Vars:
        found = dict(constants)
        for name, slot in slots.items():
            with contextlib.suppress(AttributeError):  # of one that is not set
                found[name] = slot.__get__(value)
        return {**found, **getattr(value, "__dict__", EMPTY)}

    return read


def _class_members(kind: type, wanted: type) -> dict[str, Any]:
    return {
        name: member
        for base in reversed(kind.__mro__)
        for name, member in base.__dict__.items()
        if type(member) is wanted and name[:2] != "__"
    }


def _answers_to_every_name(kind: type, value: object) -> bool:
    """Mocks, proxies and recorders do; what they say about a name means nothing."""
    own: object = kind.__getattribute__
    if own is object.__getattribute__ and not hasattr(kind, "__getattr__"):
        return False
    return getattr(value, _NAME_NOBODY_HAS, None) is not None
