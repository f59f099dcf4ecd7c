"""Kinds of records: which of their values land in a span as they are, and which decide what it is made of."""

from __future__ import annotations

import datetime
import enum
import logging
import uuid
from collections.abc import Callable, Container, Sequence
from operator import itemgetter
from typing import Any, NamedTuple

from helicone_logging.payload.fields import ALIASES, ATTRIBUTE_FIELDS, PROMPT, TIME_FIELDS, read_count, read_number


class Role(enum.Enum):
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
_ROLE_OF_TYPE = {str: Role.SHORT, int: Role.COUNT, float: Role.FLOAT, bool: Role.SHAPING}

CALL_SITE = ("name", "levelname", "levelno", "pathname", "lineno", "funcName")
"""Attributes that stand in every span as they are, and are the same for all records of a call site."""

_CALL_SITE_TYPES = {(str, str, int, str, int, str), (str, str, int, str, int, type(None))}

_Get = Callable[[Any], Any]


class Kind(NamedTuple):
    """Records whose fields have the same names and types.

    Args:
        fields: those of `CALL_SITE`, and the canonical names of the others.
        types: of their values.
        roles: what each of these does.
        shaping_of: gets those that decide what a span is made of.
        properties_of: gets the mapping of properties, if there is one.
    """

    fields: tuple[str, ...]
    types: tuple[type, ...]
    roles: tuple[Role, ...]
    shaping_of: _Get
    properties_of: _Get | None

    def places_of(self, *roles: Role) -> list[int]:
        """Returns where the values are that do one of these things."""
        return _places(self.roles, roles)

    @property
    def has_parent(self) -> bool:
        """Whether these fields name a parent."""
        return not {"parent_span_id", "traceparent"}.isdisjoint(self.fields)

    @property
    def tokens(self) -> list[int]:
        """Where the counts of tokens are that have to be summed up."""
        places = [self.fields.index(name) for name in ("prompt_tokens", "completion_tokens") if name in self.fields]
        return places if len(places) == 2 and "total_tokens" not in self.fields else []


def kind_of(names: tuple[str, ...], types: tuple[type, ...]) -> Kind | None:
    """Returns the kind of records with such fields; None where a value is of a type of which neither is known.

    Args:
        names: those of `CALL_SITE`, and of the fields, as they were logged.
        types: of their values.
    """
    site = len(CALL_SITE)
    fields = (*names[:site], *(ALIASES.get(name, name) for name in names[site:]))
    found = [_role(field, kind) for field, kind in zip(fields[site:], types[site:], strict=True)]
    roles = tuple(role for role in found if role is not None)
    if types[:site] not in _CALL_SITE_TYPES or len(roles) < len(found) or len(set(fields)) < len(fields):
        return None
    if Role.MESSAGES in roles and any(field.startswith(PROMPT) for field in fields):
        return None  # which stand in the way of some messages
    roles = (*[Role.SHAPING] * site, *roles)
    properties = _places(roles, [Role.PROPERTIES])
    return Kind(
        fields,
        types,
        roles,
        itemgetter(*_places(roles, [Role.SHAPING])),
        itemgetter(*properties) if properties else None,
    )


def _places(roles: Sequence[Role], wanted: Container[Role]) -> list[int]:
    return [place for place, role in enumerate(roles) if role in wanted]


def _role(field: str, kind: type) -> Role | None:
    if field in PLACING:
        return Role.PLACING if kind in _PLACING_TYPES else None
    if field in _SHAPING:
        return Role.SHAPING if kind in (str, int, bool) else None
    if field in _TEXTS and kind is str:
        return Role.TEXT
    if field == "messages":
        return Role.MESSAGES if kind is list else None
    if field == "properties":
        return Role.PROPERTIES if kind is dict else None
    if field in _TEXTS or field in _FOREIGN or field in _OF_RECORDS or field[:1] == "_":
        return None
    reader = _READERS.get(field)
    if reader is read_count and kind is not int:
        return None
    if reader is read_number and kind not in (int, float):
        return None
    return _ROLE_OF_TYPE.get(kind)
