"""Custom fields, which are not in the vocabulary: attributes under their own names, and the short ones properties."""

from __future__ import annotations

import datetime
import enum
import numbers
import uuid
from collections.abc import Mapping
from typing import Any

from helicone_logging.core.coerce import native, scalar_of, text_of
from helicone_logging.payload.fields import MODEL, PROPERTY, SYSTEM
from helicone_logging.payload.properties import marked, sent_names
from helicone_logging.payload.redaction import not_captured
from helicone_logging.payload.span import Value

_SHORT = 200  # characters of a value that is still shown as a property
_MAX_KEY = 256
_READ_BY_SERVER = ("gen_ai.", "llm.", "traceloop.")
_OF_RECORD = frozenset(("logger", "level"))  # properties that say which logger, and at which level
_READ_AS_TEXT = ("gen_ai.prompt.", "gen_ai.completion.", SYSTEM, MODEL, "llm.", "traceloop.")
_MAX_INT = 2**63
_MAX_LIST_ITEMS = 128
_MAX_LIST_TEXT = 4_096  # characters
_PLAIN_TYPES = frozenset((str, int, float, bool))
_SHOWN_TYPES = (str, numbers.Number, uuid.UUID, datetime.date, datetime.time, enum.Enum)


def write_rest(
    fields: Mapping[str, object],
    attributes: dict[str, Value],
    *,
    capture_text: bool,
    as_properties: bool = True,
    is_full: bool = False,
) -> None:
    """Writes fields as attributes under their own names, and what is short as properties too.

    Args:
        fields: what no other reader took.
        attributes: where to write it; an attribute that stands there already is kept.
        capture_text: False to send the size of a text instead of the text, and no text as a property.
        as_properties: False for attributes only.
        is_full: whether the wire carries ints of 64 bits and lists.
    """
    value_of = _full_value_of if is_full else _value_of
    names = sent_names(fields)
    for key, given in fields.items():
        value = value_of(given)
        is_ours = key.startswith(_READ_BY_SERVER)
        if type(value) is not int and not capture_text:
            value = not_captured(text_of(value))
        elif as_properties and not is_ours and key not in _OF_RECORD and _is_shown(given, value):
            attributes[PROPERTY + names[key]] = text_of(value)
        # The server answers 500 to a number where it reads text, as in `gen_ai.system`.
        is_text = key.startswith(_READ_AS_TEXT) if is_full else is_ours
        sent = key[:_MAX_KEY]
        if len(key) > _MAX_KEY and sent in attributes:
            sent = marked(key, sent, _MAX_KEY)
        attributes.setdefault(sent, text_of(value) if is_text else value)


def _value_of(value: object) -> Value:
    return value if type(value) is float or type(value) is bool else scalar_of(value)


def _full_value_of(value: object) -> Value:
    """Ints of 64 bits stay what they are, and so do short lists whose items are of one type."""
    if type(value) is int:
        return value if -_MAX_INT <= value < _MAX_INT else scalar_of(value)
    if type(value) is list or type(value) is tuple:
        items: tuple[Any, ...] = tuple(value)  # a copy, as another thread may be changing it
        if _is_plain_list(items):
            return items
    return _value_of(value)


def _is_plain_list(items: tuple[Any, ...]) -> bool:
    if not 0 < len(items) <= _MAX_LIST_ITEMS:
        return False
    (kind, *others) = set(map(type, items))
    if others or kind not in _PLAIN_TYPES:
        return False
    if kind is str:
        return sum(map(len, items)) <= _MAX_LIST_TEXT
    return kind is not int or all(-_MAX_INT <= item < _MAX_INT for item in items)


def _is_shown(given: object, value: Value) -> bool:
    if type(value) is not str:
        return type(value) is not tuple
    kind = type(given)
    is_scalar = kind in _PLAIN_TYPES or issubclass(kind, _SHOWN_TYPES) or isinstance(native(given), bool)
    return is_scalar and len(value) <= _SHORT and "\n" not in value
