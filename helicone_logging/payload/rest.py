"""What no field of the vocabulary took: attributes under their own names, and what is short as properties too."""

from __future__ import annotations

import datetime
import enum
import numbers
import uuid
from collections.abc import Mapping

from helicone_logging.core.coerce import scalar_of, text_of
from helicone_logging.core.numeric import native
from helicone_logging.payload.fields import PROPERTY, property_key
from helicone_logging.payload.redaction import not_captured
from helicone_logging.payload.span import Value

_SHORT = 200  # characters of a value that is still shown as a property
_MAX_KEY = 256
_READ_BY_SERVER = ("gen_ai.", "llm.", "traceloop.")
_OF_RECORD = frozenset(("logger", "level"))  # properties that say which logger, and at which level
_PLAIN_TYPES = frozenset((str, int, float, bool))
_SHOWN_TYPES = (str, numbers.Number, uuid.UUID, datetime.date, datetime.time, enum.Enum)


def write_rest(fields: Mapping[str, object], attributes: dict[str, Value], *, capture_text: bool) -> None:
    """Writes fields as attributes under their own names, and what is short as properties too.

    Args:
        fields: what no other reader took.
        attributes: where to write it; an attribute that stands there already is kept.
        capture_text: False to send the size of a text instead of the text, and no text as a property.
    """
    for key, given in fields.items():
        value = _value_of(given)
        is_ours = key.startswith(_READ_BY_SERVER)
        if type(value) is not int and not capture_text:
            value = not_captured(text_of(value))
        elif not is_ours and key not in _OF_RECORD and _is_shown(given, value):
            attributes[PROPERTY + property_key(key)] = text_of(value)
        # The server answers 500 to a number where it reads text, as in `gen_ai.system`.
        attributes.setdefault(key[:_MAX_KEY], text_of(value) if is_ours else value)


def _value_of(value: object) -> Value:
    return value if type(value) is float or type(value) is bool else scalar_of(value)


def _is_shown(given: object, value: Value) -> bool:
    if type(value) is not str:
        return True
    kind = type(given)
    is_scalar = kind in _PLAIN_TYPES or issubclass(kind, _SHOWN_TYPES) or isinstance(native(given), bool)
    return is_scalar and len(value) <= _SHORT and "\n" not in value
