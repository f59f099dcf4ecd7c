"""Builds the one span of a record: one pass over its fields, by the table of fields.

What a record says (messages, an exception, a redactor, content that is not captured) changes what the pass does, not
which pass it takes. Everything the server reads is filled, so that no row is blank.
"""

from __future__ import annotations

import enum
import logging
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from helicone_logging.context.inherited import of_same_trace
from helicone_logging.core.bounded import items
from helicone_logging.core.coerce import scalar_of, text_of, whole
from helicone_logging.core.ids import is_named
from helicone_logging.payload import fields as vocabulary
from helicone_logging.payload import semconv
from helicone_logging.payload.conversation import write_conversation
from helicone_logging.payload.exceptions import ExceptionInfo, split
from helicone_logging.payload.fields import (
    AGENT_NAME,
    COMPLETION_TOKENS,
    HELICONE,
    MODEL,
    PROMPT_TOKENS,
    PROPERTY,
    READERS,
    TOTAL_TOKENS,
    Field,
    Rest,
    Special,
    text_in,
)
from helicone_logging.payload.identity import SpanIdentity, identity_of
from helicone_logging.payload.limits import STACKTRACE, Limits, bounded, cut_text, redacted_attributes
from helicone_logging.payload.properties import properties_of
from helicone_logging.payload.provider import ProviderNaming
from helicone_logging.payload.record_data import HOLDERS, PathFields, RecordData
from helicone_logging.payload.redaction import Redactor, not_captured, redacted
from helicone_logging.payload.rest import write_rest
from helicone_logging.payload.session_cache import SessionPaths
from helicone_logging.payload.span import Encoder, SpanData, Value, size_of
from helicone_logging.payload.steps import write_step
from helicone_logging.payload.times import times_of

_SESSION_ID, _SESSION_NAME, _SESSION_PATH = (HELICONE + name for name in ("Session-Id", "Session-Name", "Session-Path"))
_USER_ID = HELICONE + "User-Id"
_LOGGER, _LEVEL = PROPERTY + "logger", PROPERTY + "level"
_NO_FIELD = Field("")  # stands for an attribute of the record itself
_KINDS = {"unspecified": 0, "internal": 1, "server": 2, "client": 3, "producer": 4, "consumer": 5}
_STATUSES = {"unset": 0, "ok": 1, "success": 1, "error": 2, "failed": 2, "failure": 2}
_INTERNAL, _CLIENT = _KINDS["internal"], _KINDS["client"]
_UNSET, _OK, ERROR = (_STATUSES[word] for word in ("unset", "ok", "error"))
_HTTP_STATUSES = range(100, 600)
_FIRST_HTTP_ERROR = 400
_MAX_NAME = 256
_MAX_REDACTED_NAME = 16 * _MAX_NAME
_MAX_FAILURE = 1_024  # bytes
_MAX_PATH_TEXT = 4 * _MAX_NAME  # characters of a text that may become a part of a path, which has 100


class SpanOptions(NamedTuple):
    """What shapes the spans of a formatter.

    Args:
        session_name: the same for all spans, as Helicone groups sessions by id and name.
        sessions: False to send no session of its own accord.
        properties: Helicone properties of every span.
        capture_content: False to send the size of content instead of the content.
        provider_overrides: the provider's name to send instead of another.
        show_cost: True to send calls of Anthropic and Google under names that Helicone prices.
        step_icons: True to give tools and data the models that Helicone's icons come from, which hide their text.
        redactor: sees every value, and a span's name before the session's path is made of it; None for none.
        limits: how much a span may carry.
    """

    session_name: str
    sessions: bool
    properties: Mapping[str, str]
    capture_content: bool
    provider_overrides: Mapping[str, str]
    show_cost: bool
    step_icons: bool
    redactor: Redactor | None
    limits: Limits


class SpanBuilder:
    """Builds spans from the fields of records.

    Args:
        options: what shapes them.
        encoder: makes bytes of them.
        paths: finds the session paths.
        own_names: attributes of records that are no fields of the user's.
    """

    def __init__(
        self, options: SpanOptions, encoder: Encoder, paths: SessionPaths, own_names: Iterable[str] = ()
    ) -> None:
        self._options = options
        self._encoder = encoder
        self._is_full = encoder.is_full
        self._naming = ProviderNaming(
            options.provider_overrides, show_cost=options.show_cost, is_for_helicone=not encoder.is_full
        )
        self._paths = paths
        self._properties = {PROPERTY + key: value for key, value in options.properties.items()}
        self._of_records = {**dict.fromkeys(own_names, _NO_FIELD), **READERS}

    def build(
        self,
        data: RecordData,
        fields: Mapping[str, object] | None,
        text: str,
        exception: ExceptionInfo | None,
        *,
        is_path_known: bool = False,
    ) -> SpanData:
        """Returns the span of a record.

        Args:
            data: what the record says, and so where and when it was logged, and at which level.
            fields: what was logged with it, by canonical names; None for what stands among its attributes.
            text: what it says, without a traceback.
            exception: the exception it tells of, if any.
            is_path_known: whether `remember_path` was called for it.
        """
        options, record = self._options, data.record
        capture_text = options.capture_content
        attributes: dict[str, Value] = {}
        special: Special = {}
        rest: Rest = {}
        self._read(record, fields, attributes, special, rest)
        identity = identity_of(special, rest, data.bits)
        start, end = times_of(special, record["created"], rest)
        name = self._name(record, special, text, rest)
        path = self._path(special, identity, name, rest)
        if identity.is_known and not is_path_known:
            ids = identity.trace_id + identity.span_id
            self._paths.remember(ids, _known_path, (ids, path))
        status, kind = self._status(record, special, exception, rest), self._kind(special, attributes, rest)
        self._naming.write(attributes)
        if MODEL not in attributes and "model" not in rest:
            write_step(special, attributes, name, with_icons=options.step_icons)
        _complete_tokens(attributes)
        self._write_session(special, attributes, identity.trace_name, path, rest)
        if not capture_text:
            text, exception = not_captured(text), _without_content(exception)
        _describe(record, attributes, exception, identity.parent_id, capture_text=capture_text)
        write_conversation(
            special, attributes, rest, text, exception, is_error=status == ERROR, capture_text=capture_text
        )
        self._write_properties(record, special, attributes, exception, rest, is_error=status == ERROR)
        if options.redactor is not None:
            attributes = redacted_attributes(attributes, options.redactor, options.limits.value_length)
        is_told = self._is_full and status == ERROR and capture_text
        span = SpanData(
            encoder=self._encoder,
            trace_id=identity.trace_id,
            span_id=identity.span_id,
            parent_id=None if identity.is_parent_foreign else identity.parent_id,
            name=name,
            kind=kind,
            start=start,
            end=end,
            status=status,
            attributes=attributes,
            has_exception=exception is not None,
            dropped=0,
            cut_values=0,
            malformed=identity.malformed,
            size=size_of(self._encoder, name, attributes),
            failure=self._failure(attributes, text) if is_told else "",
        )
        return bounded(span, options.limits)

    def _read(
        self,
        record: Mapping[str, Any],
        fields: Mapping[str, object] | None,
        attributes: dict[str, Value],
        special: Special,
        rest: Rest,
    ) -> None:
        if fields is None:
            _read_fields(record, self._of_records, attributes, special, rest)
        else:
            _read_fields(fields, READERS, attributes, special, rest)
        if not semconv.NAMES.isdisjoint(special):
            semconv.read(special, attributes, rest)
        _drop_nobody(attributes, special, rest)

    def remember_path(self, data: RecordData, path_fields: PathFields) -> None:
        """Keeps what a span's path follows from whose record names its id, for spans that name it as their parent."""
        record = data.record
        names = path_fields.own["span_id"], path_fields.own.get("trace_id")
        named = (data.bits, record["funcName"], record["name"], data.text[:_MAX_PATH_TEXT])
        self._paths.remember(names, self._locate, named + path_fields)

    def _locate(
        self,
        bits: int,
        function: str | None,
        logger: str,
        text: str,
        own: Mapping[str, Any],
        inherited: Mapping[str, Any],
    ) -> tuple[str, str] | None:
        """Finds the ids of a span in one, and its path; None for one whose id names nothing."""
        unread: Rest = {}
        own = {name: value for name, value in own.items() if vocabulary.says_something(name, value)}
        given = {**of_same_trace(inherited, own), **own}
        identity = identity_of(given, unread, bits)
        if not identity.is_known:
            return None
        name = self._name({"funcName": function, "name": logger}, given, split(text).message, unread)
        return identity.trace_id + identity.span_id, self._path(given, identity, name, unread)

    def _path(self, special: Special, identity: SpanIdentity, name: str, rest: Rest) -> str:
        explicit, enclosing = text_in(special, "session_path", rest), text_in(special, "parent_path", rest)
        return self._paths.find(name, identity.trace_id, identity.span_id, identity.parent_id, explicit, enclosing)

    def _name(self, record: Mapping[str, Any], special: Special, text: str, rest: Rest) -> str:
        name = text_in(special, "span_name", rest) or text_in(special, AGENT_NAME, rest)
        if not name and self._options.capture_content:
            name = text
        name = name or _called_by(record)
        redactor = self._options.redactor
        if redactor is not None:  # before a cut, or what the path makes of slashes, hides a secret's form
            name = str(redacted(redactor, "name", name[:_MAX_REDACTED_NAME]) or "")
        return name if len(name) <= _MAX_NAME else cut_text(name, _MAX_NAME)

    def _status(self, record: Mapping[str, Any], special: Special, exception: ExceptionInfo | None, rest: Rest) -> int:
        if "status" in special:
            status = _read_status(special["status"])
            if status is not None:
                return status
            rest["status"] = special["status"]
        level = record["levelno"]  # None in records made by hand
        is_failed = exception is not None or (isinstance(level, int) and level >= logging.ERROR)
        if is_failed:
            return ERROR
        return _UNSET if self._is_full else _OK

    def _failure(self, attributes: Mapping[str, Value], text: str) -> str:
        """How a span failed, by what the redactor has left of its exception, else by what the record says."""
        if "exception.type" in attributes:
            told = (attributes.get(key) for key in ("exception.type", "exception.message"))
            failure = ": ".join(str(part) for part in told if part)
        else:
            failure, redactor = text[:_MAX_REDACTED_NAME], self._options.redactor
            if redactor is not None:
                failure = str(redacted(redactor, "status.message", failure) or "")
        failure = failure[:_MAX_FAILURE]
        data = failure.encode("utf-8", "surrogatepass")
        return failure if len(data) <= _MAX_FAILURE else data[:_MAX_FAILURE].decode("utf-8", "ignore")

    @staticmethod
    def _kind(special: Special, attributes: Mapping[str, Value], rest: Rest) -> int:
        if "span_kind" in special:
            kind = _read_kind(special["span_kind"])
            if kind is not None:
                return kind
            rest["span_kind"] = special["span_kind"]
        return _CLIENT if MODEL in attributes or "model" in rest else _INTERNAL

    def _write_session(
        self, special: Special, attributes: dict[str, Value], trace_name: str, path: str, rest: Rest
    ) -> None:
        session_id = text_in(special, "session_id", rest, vocabulary.read_id)
        session_name = text_in(special, "session_name", rest) or self._options.session_name
        if self._options.sessions or session_id is not None:
            attributes[_SESSION_ID] = session_id or trace_name
            attributes[_SESSION_NAME] = session_name
            attributes[_SESSION_PATH] = path

    def _write_properties(
        self,
        record: Mapping[str, Any],
        special: Special,
        attributes: dict[str, Value],
        exception: ExceptionInfo | None,
        rest: Rest,
        *,
        is_error: bool,
    ) -> None:
        """Writes the properties, the nearest to the record last, so that they win, and all that nobody else took."""
        attributes[_LOGGER] = text_of(record["name"])
        attributes[_LEVEL] = text_of(record["levelname"])
        if is_error:  # the server itself shows every row as a success
            attributes[PROPERTY + "error"] = "true"
        if exception is not None:
            attributes[PROPERTY + "exception"] = exception.type
        if self._properties:
            attributes.update(self._properties)
        given: Mapping[str, str] = {}
        if "properties" in special:
            if isinstance(special["properties"], Mapping):
                given = properties_of(special["properties"])
            else:
                rest["properties"] = special["properties"]
        self._write_rest(special, attributes, rest)
        for key, value in given.items():
            attributes[PROPERTY + key] = value

    def _write_rest(self, special: Special, attributes: dict[str, Value], rest: Rest) -> None:
        capture_text = self._options.capture_content
        for holder in HOLDERS:
            if holder in special:  # an object that no reader knows
                rest[holder] = special[holder]
        if "otel_attributes" in special:
            technical = special["otel_attributes"]
            if isinstance(technical, Mapping):
                own = dict(items(technical))
                write_rest(own, attributes, capture_text=capture_text, as_properties=False, is_full=self._is_full)
            else:
                rest["otel_attributes"] = technical
        if rest:
            write_rest(rest, attributes, capture_text=capture_text, is_full=self._is_full)


def _read_fields(
    fields: Mapping[str, object],
    readers: Mapping[str, Field],
    attributes: dict[str, Value],
    special: Special,
    rest: Rest,
) -> None:
    """Goes once over all fields, and does with each what the table says.

    Args:
        fields: names and values, as they were logged; None and empty text are as if absent.
        readers: the table, under names and aliases.
        attributes: where values go that land in the span as they are.
        special: where fields go that are read together with others.
        rest: where everything else goes.
    """
    aliases: list[tuple[str, Field, object]] = []  # few have any
    for key, value in fields.items():
        field = readers.get(key)
        if field is _NO_FIELD or value is None or (type(value) is str and not value):
            continue
        if field is None:
            name = key if type(key) is str else text_of(key)
            if name[:1] != "_" or readers is READERS:
                rest[name] = value
        elif field.name != key:
            aliases.append((key, field, value))
        else:
            _read_field(key, field, value, attributes, special, rest)
    if aliases:
        _read_aliases(aliases, attributes, special, rest)


def _read_aliases(
    aliases: list[tuple[str, Field, object]], attributes: dict[str, Value], special: Special, rest: Rest
) -> None:
    """Reads fields by their other names: a field's own name wins, and then the strongest of its aliases."""
    for key, field, value in sorted(aliases, key=lambda found: vocabulary.strength(found[0])):
        is_there = field.name in special or field.name in rest or not attributes.keys().isdisjoint(field.lands_in)
        if not is_there:
            _read_field(field.name, field, vocabulary.value_of_alias(key, value), attributes, special, rest)
        elif key in field.lands_in[1:] and field.read is not None and (read := field.read(value)) is not None:
            attributes[key] = read  # such as the model that was asked for, where another one answered
        else:
            rest[key] = value


def _read_field(
    name: str, field: Field, value: object, attributes: dict[str, Value], special: Special, rest: Rest
) -> None:
    if field.read is None:
        special[name] = value
        return
    read = value if type(value) is field.plain else field.read(value)
    if read is None:
        rest[name] = value
        return
    for key in field.lands_in:
        attributes[key] = read  # type: ignore[assignment]  # `plain` is one of its types


def _called_by(record: Mapping[str, Any]) -> str:
    """The function that logged; outside of one, as `<module>` and `<lambda>` are, the logger."""
    function = text_of(record["funcName"])
    return text_of(record["name"]) if not function or function[0] == "<" else function


def _drop_nobody(attributes: dict[str, Value], special: Special, rest: Rest) -> None:
    """A user of blanks, and a session of zeros, are as if absent."""
    if rest.get("user_id") is False:
        del rest["user_id"]
    if _USER_ID in attributes and not is_named("user_id", attributes[_USER_ID]):
        del attributes[_USER_ID]
    if "session_id" in special and not is_named("session_id", special["session_id"]):
        del special["session_id"]


def _known_path(ids: str, path: str) -> tuple[str, str]:
    return ids, path


def _complete_tokens(attributes: dict[str, Value]) -> None:
    """Reckons what two of the three counts say of the third; the pages sum two of them, and never read the total."""
    asked, answered, total = map(attributes.get, (PROMPT_TOKENS, COMPLETION_TOKENS, TOTAL_TOKENS))
    known = int(asked or 0) + int(answered or 0)  # type: ignore[arg-type]  # counts
    if total is None:
        if asked is not None or answered is not None:
            attributes[TOTAL_TOKENS] = known
    elif asked is None or answered is None:
        missing = PROMPT_TOKENS if asked is None else COMPLETION_TOKENS
        attributes[missing] = max(0, int(total) - known)  # type: ignore[arg-type]


def _without_content(exception: ExceptionInfo | None) -> ExceptionInfo | None:
    if exception is None:
        return None
    return exception._replace(message=not_captured(exception.message), stacktrace=not_captured(exception.stacktrace))


def _read_kind(value: object) -> int | None:
    """A kind by name, or by its number in OTLP; OpenTelemetry's own enum counts differently, so its name is read."""
    word = _word(value)
    if word in _KINDS:
        return _KINDS[word]
    return int(word) if word.isdecimal() and int(word) in _KINDS.values() else None


def _read_status(value: object) -> int | None:
    """A status by name or number; 100 to 599 are HTTP's."""
    word = _word(value)
    if word in _STATUSES:
        return _STATUSES[word]
    number = int(word) if word.isdecimal() and len(word) <= 3 else -1
    if number in _HTTP_STATUSES:
        return _OK if number < _FIRST_HTTP_ERROR else ERROR
    return number if number in _STATUSES.values() else None


def _word(value: object) -> str:
    if isinstance(value, enum.Enum):
        return value.name.lower() if not isinstance(value, int) else str(int(value))
    number = value if isinstance(value, str) else whole(value)
    return "" if number is None else text_of(number).strip().lower()[:20]


def _describe(
    record: Mapping[str, Any],
    attributes: dict[str, Value],
    exception: ExceptionInfo | None,
    parent_id: str | None,
    *,
    capture_text: bool,
) -> None:
    """Adds what OpenTelemetry's conventions know of a record and Helicone does not show."""
    function, path, line = text_of(record["funcName"]), text_of(record["pathname"]), scalar_of(record["lineno"])
    if path:  # a span of OpenTelemetry may not say where it was written
        attributes["code.function"] = attributes["code.function.name"] = function
        attributes["code.filepath"] = attributes["code.file.path"] = path
        attributes["code.lineno"] = attributes["code.line.number"] = line
    if parent_id is not None:
        attributes["parent_span_id"] = parent_id
    stack = record["stack_info"]
    if isinstance(stack, str):
        attributes["code.stacktrace"] = text_of(stack) if capture_text else not_captured(stack)
    if exception is not None:
        attributes["exception.type"] = exception.type
        attributes["exception.message"] = exception.message
        attributes[STACKTRACE] = exception.stacktrace
