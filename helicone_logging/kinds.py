"""Kinds of records: which of their values land in a span as they are, and which decide what it is made of."""

from __future__ import annotations

import datetime
import enum
import logging
import uuid
from collections.abc import Callable
from operator import itemgetter
from typing import Any, NamedTuple

from helicone_logging.fields import ALIASES, ATTRIBUTE_FIELDS, PROMPT, TIME_FIELDS, read_count, read_number


class _Role(enum.Enum):
    """What a value does to the span."""

    PLACING = enum.auto()  # says where it stands; read anew for every record
    SHAPING = enum.auto()  # decides what it is made of
    PROPERTIES = enum.auto()  # likewise, a mapping
    MESSAGES = enum.auto()  # a list of messages, written anew for every record
    TEXT = enum.auto()  # these land in it as they are
    SHORT = enum.auto()  # a text that is a property too, which only a short one is
    COUNT = enum.auto()
    FLOAT = enum.auto()


PLACING = frozenset(
    ("trace_id", "span_id", "parent_span_id", "traceparent", "span_name", "session_path", "parent_path", *TIME_FIELDS)
)
"""The fields that say where a span stands."""

SIMPLE_PLACING = ("trace_id", "span_id", "parent_span_id", "parent_path", "duration_ms")
"""Those that most records have at the most."""

_PLACING_TYPES = {str, int, float, uuid.UUID, datetime.datetime, datetime.timedelta}
_SHAPING = {"provider", "model", "operation", "tool_name", "finish_reason", "span_kind", "status", "session_name"}
_TEXTS = {"messages", "completion", "user_id", "prompt_id", "session_id"}
_FOREIGN = {"helicone", "llm_request", "llm_response", "tool_calls"}
_OF_RECORDS = frozenset((*logging.LogRecord("", 0, "", 0, "", (), None).__dict__, "message", "asctime"))
_READERS = {field.name: field.read for field in ATTRIBUTE_FIELDS}
_ROLE_OF_TYPE = {str: _Role.SHORT, int: _Role.COUNT, float: _Role.FLOAT, bool: _Role.SHAPING}
_ROLES_OF_BLANKS = (_Role.TEXT, _Role.SHORT, _Role.COUNT, _Role.FLOAT)

CALL_SITE = ("name", "levelname", "levelno", "pathname", "lineno", "funcName")
"""Attributes that stand in every span as they are, and are the same for all records of a call site."""

_CALL_SITE_TYPES = {(str, str, int, str, int, str), (str, str, int, str, int, type(None))}

_Get = Callable[[Any], tuple[Any, ...]]


class Kind(NamedTuple):
    """Records whose fields have the same names and types. Each getter takes the values of `CALL_SITE` and all fields.

    Args:
        placing: the fields that say where a span stands.
        placing_of: gets their values.
        simple_placing_of: gets those of `SIMPLE_PLACING` from the values and a None, where there are no others.
        shaping_of: gets the values that decide what a span is made of.
        properties: where the mapping of properties is, if there is one.
        properties_of: gets it.
        messages: where the list of messages is, if there is one.
        messages_of: gets it.
        blanks: where the values are that land in a span as they are.
        texts_of: gets all texts.
        shorts_of: gets those that are a property too, which only a short text is.
        counts_of: gets those that are ints.
        floats: where the floats among them are.
        floats_of: gets them.
        tokens_of: gets the two counts of tokens to be summed up, where the user gives no sum.
    """

    placing: tuple[str, ...]
    placing_of: _Get
    simple_placing_of: _Get | None
    shaping_of: _Get
    properties: tuple[int, ...]
    properties_of: _Get
    messages: tuple[int, ...]
    messages_of: _Get
    blanks: tuple[int, ...]
    texts_of: _Get
    shorts_of: _Get
    counts_of: _Get
    floats: tuple[int, ...]
    floats_of: _Get
    tokens_of: _Get


def kind_of(names: tuple[str, ...], types: tuple[type, ...]) -> Kind | None:
    """Returns the kind of records with such fields; None where a value is of a type of which neither is known.

    Args:
        names: those of `CALL_SITE`, and of the fields, as they were logged.
        types: of their values.
    """
    site = len(CALL_SITE)
    fields = (*names[:site], *(ALIASES.get(name, name) for name in names[site:]))
    roles = [_Role.SHAPING] * site + [
        _role(field, kind) for field, kind in zip(fields[site:], types[site:], strict=True)
    ]
    if types[:site] not in _CALL_SITE_TYPES or None in roles or len(set(fields)) < len(fields):
        return None
    if _Role.MESSAGES in roles and any(field.startswith(PROMPT) for field in fields):
        return None  # which stand in the way of some messages

    def those(*wanted: _Role) -> list[int]:
        return [place for place, role in enumerate(roles) if role in wanted]

    placing = those(_Role.PLACING)
    tokens = [fields.index(field) for field in ("prompt_tokens", "completion_tokens") if field in fields]
    return Kind(
        placing=tuple(fields[place] for place in placing),
        placing_of=_getter(placing),
        simple_placing_of=_simple_placing_getter(fields),
        shaping_of=_getter(those(_Role.SHAPING)),
        properties=tuple(those(_Role.PROPERTIES)),
        properties_of=_getter(those(_Role.PROPERTIES)),
        messages=tuple(those(_Role.MESSAGES)),
        messages_of=_getter(those(_Role.MESSAGES)),
        blanks=tuple(those(*_ROLES_OF_BLANKS)),
        texts_of=_getter([place for place, kind in enumerate(types) if kind is str]),
        shorts_of=_getter(those(_Role.SHORT)),
        counts_of=_getter(those(_Role.COUNT)),
        floats=tuple(those(_Role.FLOAT)),
        floats_of=_getter(those(_Role.FLOAT)),
        tokens_of=_getter(tokens if len(tokens) == 2 and "total_tokens" not in fields else []),
    )


def _simple_placing_getter(fields: tuple[str, ...]) -> _Get | None:
    if not PLACING.intersection(fields).issubset(SIMPLE_PLACING):
        return None
    absent = len(fields)
    return _getter([fields.index(name) if name in fields else absent for name in SIMPLE_PLACING])


def _role(field: str, kind: type) -> _Role | None:
    if field in PLACING:
        return _Role.PLACING if kind in _PLACING_TYPES else None
    if field in _SHAPING:
        return _Role.SHAPING if kind in (str, int, bool) else None
    if field in _TEXTS and kind is str:
        return _Role.TEXT
    if field == "messages":
        return _Role.MESSAGES if kind is list else None
    if field == "properties":
        return _Role.PROPERTIES if kind is dict else None
    if field in _TEXTS or field in _FOREIGN or field in _OF_RECORDS or field[:1] == "_":
        return None
    reader = _READERS.get(field)
    if reader is read_count and kind is not int:
        return None
    if reader is read_number and kind not in (int, float):
        return None
    return _ROLE_OF_TYPE.get(kind)


def _getter(places: list[int]) -> _Get:
    """Gets values as a tuple, of less than two as well."""
    if len(places) > 1:
        return itemgetter(*places)
    start = places[0] if places else 0
    return itemgetter(slice(start, start + len(places)))
