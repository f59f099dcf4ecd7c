"""A copy of a record that holds nothing but plain values, for when an object on it raised where it was read."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

from helicone_logging.context.binding import INHERITED_MARK
from helicone_logging.context.inherited import inherited_by
from helicone_logging.core import clock
from helicone_logging.core.coerce import plain_of, text_of

_LATEST = 2**33  # seconds, in the year 2242


def record_of(attributes: Mapping[str, Any]) -> logging.LogRecord:
    """Returns a record with these attributes, without calling the application's record factory (flyte-sdk #1142)."""
    record = logging.LogRecord.__new__(logging.LogRecord)
    record.__dict__.update(attributes)
    return record


def sanitized(record: logging.LogRecord) -> logging.LogRecord:
    """Returns a copy of a record in which every value has become text, a number, a list or a dict."""
    values: dict[str, object] = {text_of(name): plain_of(value) for name, value in record.__dict__.items()}
    if type(record.msg) is not dict:
        values["msg"] = text_of(record.msg)
    values["levelno"] = _number(values["levelno"], logging.NOTSET)
    values["created"] = _number(values["created"], clock.time())
    if isinstance(values["args"], list):
        values["args"] = tuple(values["args"])
    values["exc_info"] = record.exc_info if _is_exc_info(record.exc_info) else None
    values[INHERITED_MARK] = plain_of(inherited_by(record))
    return record_of(values)


def _number(value: object, default: float) -> float:
    return value if isinstance(value, int | float) and 0 <= value < _LATEST else default


def _is_exc_info(value: object) -> bool:
    return type(value) is tuple and len(value) == 3 and issubclass(type(value[1]), BaseException)
