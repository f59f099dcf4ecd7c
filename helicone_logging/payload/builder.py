"""Builds the one span of a record from its fields, so that everything the server reads is filled."""

from __future__ import annotations

import enum
import logging
from collections.abc import Callable, Mapping
from typing import NamedTuple

from helicone_logging.core.coerce import Scalar, scalar_of, text_of
from helicone_logging.llm.providers import names
from helicone_logging.payload import fields as vocabulary
from helicone_logging.payload.exceptions import Failure
from helicone_logging.payload.fields import COMPLETION, HELICONE, PROMPT, PROPERTY
from helicone_logging.payload.identity import identity_of, take_identity
from helicone_logging.payload.limits import STACKTRACE, cut_text
from helicone_logging.payload.redaction import Redactor, redacted, size_of
from helicone_logging.payload.session_cache import SessionPaths
from helicone_logging.payload.times import take_times, times_of
from helicone_logging.payload.wires.helicone import Draft

_KINDS = {"unspecified": 0, "internal": 1, "server": 2, "client": 3, "producer": 4, "consumer": 5}
_STATUSES = {"unset": 0, "ok": 1, "success": 1, "error": 2, "failed": 2, "failure": 2}
_INTERNAL, _CLIENT = _KINDS["internal"], _KINDS["client"]
_OK, _ERROR = _STATUSES["ok"], _STATUSES["error"]
_HTTP_STATUSES = range(100, 600)
_FIRST_HTTP_ERROR = 400
_MAX_NAME = 256
_MAX_REDACTED_NAME = 16 * _MAX_NAME

# Helicone takes the tree's icon from the model's prefix; these operations are no calls of a model.
_STEP_PREFIXES = {
    "execute_tool": "tool",
    "tool": "tool",
    "retrieval": "vector_db",
    "retrieve": "vector_db",
    "vector_db": "vector_db",
    "vector_search": "vector_db",
    "data": "data",
    "database": "data",
}


class SpanOptions(NamedTuple):
    """What shapes the spans of a formatter.

    Args:
        session_name: the same for all spans, as Helicone groups sessions by id and name.
        sessions: False to send no session of its own accord.
        properties: Helicone properties of every span.
        capture_content: False to send the size of content instead of the content.
        provider_overrides: the provider's name to send instead of another.
        redactor: sees a span's name before the session's path is made of it; None for none.
    """

    session_name: str
    sessions: bool
    properties: Mapping[str, str]
    capture_content: bool
    provider_overrides: Mapping[str, str]
    redactor: Redactor | None


class Message(NamedTuple):
    """What a record says in words.

    Args:
        text: the rendered message, without a traceback.
        failure: the exception it tells of, if any.
    """

    text: str
    failure: Failure | None


class Place(NamedTuple):
    """Where a span stands: what is its own even among spans of the same call site.

    Args:
        trace_id: 32 hexadecimal digits.
        trace_name: the trace as the user wrote it.
        span_id: 16 hexadecimal digits.
        parent_id: likewise, or None.
        start: nanoseconds since the epoch.
        end: likewise.
        name: its name, as it is shown.
        path: its session path.
        malformed: 1 when its `traceparent` cannot be read, else 0.
    """

    trace_id: str
    trace_name: str
    span_id: str
    parent_id: str | None
    start: int
    end: int
    name: str
    path: str
    malformed: int


_Place = tuple[str, str, str, str | None, int, int, str, str, int]
"""A `Place` that every record waits for: a plain tuple is made in a quarter of the time."""


class SpanBuilder:
    """Builds spans from the fields of records.

    Args:
        options: what shapes them.
        paths: finds the session paths.
    """

    def __init__(self, options: SpanOptions, paths: SessionPaths) -> None:
        names.prepared()
        self._options = options
        self._paths = paths
        self._properties = {PROPERTY + key: value for key, value in options.properties.items()}

    def place(self, record: logging.LogRecord, fields: dict[str, object], message: Message) -> Place:
        """Takes the fields that say where the span of a record stands.

        Args:
            record: says where and when it was logged.
            fields: its canonical fields; those that were understood are removed.
            message: what it says.
        """
        trace_id, trace_name, span_id, is_known, parent_id, malformed = take_identity(fields)
        start, end = take_times(fields, record.created)
        name = vocabulary.take_text(fields, "span_name") if "span_name" in fields else None
        if not name and self._options.capture_content:
            name = message.text
        name = self._shown_name(record, name)
        explicit = vocabulary.take_text(fields, "session_path") if "session_path" in fields else None
        enclosing = vocabulary.take_text(fields, "parent_path") if "parent_path" in fields else None
        path = self._paths.find(name, trace_id, span_id, parent_id, explicit, enclosing)
        if is_known:
            self._paths.remember(trace_id, span_id, path)
        return Place(trace_id, trace_name, span_id, parent_id, start, end, name, path, malformed)

    def simple_place(
        self,
        record: logging.LogRecord,
        text: str,
        trace: object,
        span: object,
        parent: object,
        enclosing: str | None,
        duration_ms: object,
    ) -> _Place:
        """Returns what `place` does, as a plain tuple, for a record with no other fields than these.

        Args:
            record: says where and when it was logged.
            text: what it says; no redactor sees it.
            trace: its `trace_id`; None where it has none, as for all of these.
            span: its `span_id`.
            parent: its `parent_span_id`.
            enclosing: its `parent_path`.
            duration_ms: its duration.

        Raises:
            ValueError: the duration cannot be read.
        """
        trace_id, trace_name, span_id, is_known, parent_id, malformed = identity_of(trace, span, parent)
        start, end = times_of(record.created, duration_ms)
        name = text if 0 < len(text) <= _MAX_NAME else self._shown_name(record, text)
        path = self._paths.find(name, trace_id, span_id, parent_id, None, enclosing)
        if is_known:
            self._paths.remember(trace_id, span_id, path)
        return trace_id, trace_name, span_id, parent_id, start, end, name, path, malformed

    def _shown_name(self, record: logging.LogRecord, name: str | None) -> str:
        name = name or text_of(record.funcName or record.name)
        redactor = self._options.redactor
        if redactor is not None:  # before a cut, or what the path makes of slashes, hides a secret's form
            name = str(redacted(redactor, "name", name[:_MAX_REDACTED_NAME]) or "")
        return cut_text(name, _MAX_NAME)

    def build(self, record: logging.LogRecord, fields: dict[str, object], message: Message, place: Place) -> Draft:
        """Returns the span of a record.

        Args:
            record: says where it was logged, and at which level.
            fields: its canonical fields without those of its place; they are used up.
            message: what it says.
            place: where it stands.
        """
        capture_text = self._options.capture_content
        if not capture_text:
            message = _without_content(message)
        attributes: dict[str, Scalar] = {}
        failure = message.failure
        status = _take_code(fields, "status", _status, _ERROR if _is_failed(record, message) else _OK)
        kind = _take_code(fields, "span_kind", _kind, _CLIENT if "model" in fields else _INTERNAL)
        self._name_model(fields, place.name)
        vocabulary.take_attributes(fields, attributes)
        self._take_session(fields, attributes, place)
        _describe(record, attributes, failure, place.parent_id, capture_text)
        _take_content(fields, attributes, message, capture_text)
        self._take_properties(fields, attributes, record, failure, is_error=status == _ERROR)
        return Draft(
            place.trace_id,
            place.span_id,
            place.name,
            kind,
            place.start,
            place.end,
            status,
            attributes,
            has_exception=failure is not None,
        )

    def _name_model(self, fields: dict[str, object], name: str) -> None:
        """Spells the provider as Helicone's cost tables do, and gives a step the model its icon comes from."""
        model = vocabulary.read_text(fields.get("model"))
        provider = vocabulary.read_text(fields.get("provider"))
        if provider is None and model is not None:
            provider = names.provider_of_model(model)
        if provider is not None:
            fields["provider"] = names.canonical(provider, self._options.provider_overrides)
        if model is None and "model" not in fields:
            step = _step_model(fields, name)
            if step is not None:
                fields["model"] = step

    def _take_session(self, fields: dict[str, object], attributes: dict[str, Scalar], place: Place) -> None:
        session_id = vocabulary.take_text(fields, "session_id")
        session_name = vocabulary.take_text(fields, "session_name") or self._options.session_name
        if self._options.sessions or session_id is not None:
            attributes[HELICONE + "Session-Id"] = session_id or place.trace_name
            attributes[HELICONE + "Session-Name"] = session_name
            attributes[HELICONE + "Session-Path"] = place.path

    def _take_properties(
        self,
        fields: dict[str, object],
        attributes: dict[str, Scalar],
        record: logging.LogRecord,
        failure: Failure | None,
        *,
        is_error: bool,
    ) -> None:
        """Takes the properties, the nearest to the record last, so that they win."""
        # The server itself shows every row as a success.
        attributes[PROPERTY + "logger"] = text_of(record.name)
        attributes[PROPERTY + "level"] = text_of(record.levelname)
        if is_error:
            attributes[PROPERTY + "error"] = "true"
        if failure is not None:
            attributes[PROPERTY + "exception"] = failure.type
        attributes.update(self._properties)
        has_properties = isinstance(fields.get("properties"), Mapping)
        given = vocabulary.properties_of(fields.pop("properties")) if has_properties else {}
        vocabulary.take_rest(fields, attributes, capture_text=self._options.capture_content)
        for key, value in given.items():
            attributes[PROPERTY + key] = value


def _step_model(fields: dict[str, object], name: str) -> str | None:
    operation = vocabulary.read_text(fields.get("operation")) or ""
    tool = vocabulary.read_text(fields.get("tool_name"))
    prefix = _STEP_PREFIXES.get(operation.lower(), "tool" if tool else None)
    return None if prefix is None else f"{prefix}:{tool or name}"


def _without_content(message: Message) -> Message:
    failure = message.failure
    if failure is not None:
        failure = failure._replace(message=size_of(failure.message), stacktrace=size_of(failure.stacktrace))
    return Message(size_of(message.text), failure)


def _is_failed(record: logging.LogRecord, message: Message) -> bool:
    level: object = record.levelno  # None in records made by hand
    return message.failure is not None or (isinstance(level, int) and level >= logging.ERROR)


def _take_code(fields: dict[str, object], field_name: str, read: Callable[[object], int | None], default: int) -> int:
    if field_name not in fields:
        return default
    code = read(fields[field_name])
    if code is None:
        return default
    del fields[field_name]
    return code


def _kind(value: object) -> int | None:
    """A kind by name, or by its number in OTLP; OpenTelemetry's own enum counts differently, so its name is read."""
    word = _word(value)
    if word in _KINDS:
        return _KINDS[word]
    return int(word) if word.isdecimal() and int(word) in _KINDS.values() else None


def _status(value: object) -> int | None:
    """A status by name or number; 100 to 599 are HTTP's."""
    word = _word(value)
    if word in _STATUSES:
        return _STATUSES[word]
    number = int(word) if word.isdecimal() and len(word) <= 3 else -1
    if number in _HTTP_STATUSES:
        return _OK if number < _FIRST_HTTP_ERROR else _ERROR
    return number if number in _STATUSES.values() else None


def _word(value: object) -> str:
    if isinstance(value, enum.Enum):
        return value.name.lower() if not isinstance(value, int) else str(int(value))
    if isinstance(value, str | int) and not isinstance(value, bool):
        return str(value).strip().lower()[:20]
    return ""


def _take_content(
    fields: dict[str, object], attributes: dict[str, Scalar], message: Message, capture_text: bool
) -> None:
    has_prompt = vocabulary.take_messages(fields, attributes, capture_text=capture_text)
    if not has_prompt:
        vocabulary.write_message(attributes, PROMPT, 0, "user", message.text)
    has_completion = vocabulary.take_completion(fields, attributes, capture_text=capture_text)
    if message.failure is not None and not has_completion:
        vocabulary.write_message(attributes, COMPLETION, 0, "assistant", message.failure.summary)


def _describe(
    record: logging.LogRecord,
    attributes: dict[str, Scalar],
    failure: Failure | None,
    parent_id: str | None,
    capture_text: bool,
) -> None:
    """Adds what OpenTelemetry's conventions know of a record and Helicone does not show."""
    attributes["code.function"] = text_of(record.funcName)
    attributes["code.filepath"] = text_of(record.pathname)
    attributes["code.lineno"] = scalar_of(record.lineno)
    if parent_id is not None:
        attributes["parent_span_id"] = parent_id
    stack: object = record.stack_info
    if isinstance(stack, str):
        attributes["code.stacktrace"] = stack if capture_text else size_of(stack)
    if failure is not None:
        attributes["exception.type"] = failure.type
        attributes["exception.message"] = failure.message
        attributes[STACKTRACE] = failure.stacktrace
