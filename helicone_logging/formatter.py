"""`OTELTraceFormatter`: a python-json-logger formatter whose JSON is one OTELTrace payload a record."""

from __future__ import annotations

import functools
import logging
import os
from collections.abc import Container, Mapping, Sequence
from typing import Any

from pythonjsonlogger.core import BaseJsonFormatter

from helicone_logging._version import __version__
from helicone_logging.context.binding import STAMPED_MARK
from helicone_logging.context.inherited import OTEL_STAMPS, ambient_of, of_same_trace
from helicone_logging.core import budget, check
from helicone_logging.core.coerce import text_of
from helicone_logging.payload.builder import Message, SpanBuilder, SpanOptions
from helicone_logging.payload.exceptions import failure_of, has_failure, split_traceback
from helicone_logging.payload.export_policy import EXPORTS, Selection
from helicone_logging.payload.fields import canonical, properties_of
from helicone_logging.payload.limits import LEAST_VALUE_LENGTH, Limits, pack
from helicone_logging.payload.redaction import Redactor
from helicone_logging.payload.resource import resource_of
from helicone_logging.payload.sanitized import tamed
from helicone_logging.payload.session_cache import SessionPaths
from helicone_logging.payload.stencils import Stencils
from helicone_logging.payload.wires import helicone

SCOPE_NAME = "helicone_logging"

CAPTURE_CONTENT_VARIABLE = "OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT"
"""Named by OpenTelemetry's semantic conventions for generative AI; `true`, `false`, or newer words as `NO_CONTENT`."""

_NO_CONTENT = {"false", "0", "no", "off", "no_content"}
_LEAST_ATTRIBUTES = 32
_LEAST_SPAN_BYTES = 16_384


Snapshot = tuple[helicone.Entry, int, int]
"""What a record said when it was logged; nothing in it can change.

Its `resourceSpans` entry; how many of its values were longer than allowed; 1 when its `traceparent` could not be read,
else 0.
"""


class OTELTraceFormatter(BaseJsonFormatter):
    """Formats a record as an OTELTrace payload of one span, on one line.

    Args:
        fmt: as in python-json-logger: the record's own attributes named here become attributes of the span.
        datefmt: as in `logging.Formatter`, for `asctime`.
        style: of `fmt`: `%`, `{`, `$` or `,`.
        validate: whether `fmt` is checked against `style`.
        service_name: the resource's `service.name`; None for `OTEL_SERVICE_NAME`, else `unknown_service`.
        resource_attributes: more attributes of the resource, over those of `OTEL_RESOURCE_ATTRIBUTES`.
        session_name: name of every session; None for the service's name. It must not change within a session.
        sessions: False to send no session but one that a record names by `session_id`.
        properties: Helicone properties of every span; bound ones and those of the record win over them.
        capture_content: False to send sizes in the place of prompts, completions, exception messages and all text in
            custom fields; None for `OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT`, else True.
        redact: called as `redact(key, value)` for each attribute and the name; what it returns is sent, None leaves
            the attribute out. A callable, its dotted path, `"secrets"` for the built-in masks, or None.
        provider_overrides: names of providers to send instead of others, such as `{"anthropic": "custom"}`.
        export: which records `selects` chooses: `"explicit"`, `"context"` or `"all"`.
        max_value_length: characters of one value, at least 100; the rest is cut and marked.
        max_attributes: attributes of one span, at least 32; more are dropped and counted in the span.
        max_span_bytes: bytes of one payload, at least 16,384; the values of a larger one are cut until it fits.
        **json_options: those of python-json-logger: `rename_fields`, `static_fields`, `defaults`,
            `reserved_attrs`, `timestamp`, `prefix`, ...

    Raises:
        ConfigurationError: an option has a value that cannot work.
    """

    def __init__(
        self,
        fmt: str | Sequence[str] | None = None,
        datefmt: str | None = None,
        style: str = "%",
        validate: bool = True,
        *,
        service_name: str | None = None,
        resource_attributes: Mapping[str, object] | None = None,
        session_name: str | None = None,
        sessions: bool | str = True,
        properties: Mapping[str, object] | None = None,
        capture_content: bool | str | None = None,
        redact: Redactor | str | None = None,
        provider_overrides: Mapping[str, str] | None = None,
        export: str = "explicit",
        max_value_length: int | str = 1_000_000,
        max_attributes: int | str = 2_000,
        max_span_bytes: int | str = 8 * 1024 * 1024,
        **json_options: Any,
    ) -> None:
        from helicone_logging.llm import providers  # now, as no record is to wait for it, and no import of the package

        super().__init__(fmt, datefmt, style, validate, **_checked_json_options(json_options))
        self._sdk_readers = (("llm_response", providers.read_response), ("llm_request", providers.read_request))
        if service_name is not None:
            service_name = check.text("service_name", service_name)
        resource = resource_of(service_name, check.mapping("resource_attributes", resource_attributes), os.environ)
        span_options = SpanOptions(
            session_name=str(resource["service.name"])
            if session_name is None
            else check.text("session_name", session_name),
            sessions=check.truth("sessions", sessions),
            properties=properties_of(check.mapping("properties", properties)),
            capture_content=_capture_content(capture_content),
            provider_overrides=check.mapping("provider_overrides", provider_overrides),
            redactor=_redactor(redact),
        )
        limits = Limits(
            value_length=check.integer("max_value_length", max_value_length, least=LEAST_VALUE_LENGTH),
            attributes=check.integer("max_attributes", max_attributes, least=_LEAST_ATTRIBUTES),
            span_bytes=check.integer("max_span_bytes", max_span_bytes, least=_LEAST_SPAN_BYTES),
        )
        self._builder = SpanBuilder(span_options, SessionPaths())
        self._own_names = frozenset((*self._skip_fields, "message", *OTEL_STAMPS))
        self._is_plain = self._has_no_json_options()
        encoder = helicone.Encoder(resource, SCOPE_NAME, __version__)
        self._pack = functools.partial(pack, encoder=encoder, limits=limits, redactor=span_options.redactor)
        can_learn = self._is_plain and span_options.capture_content and span_options.redactor is None
        self._stencils = Stencils(self._fields, self._builder, encoder, limits, self._own_names) if can_learn else None
        self.selects = Selection(check.choice("export", export, EXPORTS), self.rename_fields)

    def format(self, record: logging.LogRecord) -> str:
        """Returns a record as one payload, whether it carries trace context or not.

        Args:
            record: any record; it is not changed.
        """
        return self.prefix + helicone.body(self.encode(record)).decode()

    def encode(self, record: logging.LogRecord, text: str | None = None) -> bytes:
        """Returns the `resourceSpans` entry of a record as it is sent.

        Args:
            record: any record; it is not changed.
            text: its message as another formatter rendered it; None to render it here.
        """
        entry, *_ = self.snapshot(record, text)
        return helicone.entry_bytes(entry)

    def snapshot(self, record: logging.LogRecord, text: str | None = None) -> Snapshot:
        """Returns a record as it is queued.

        Args:
            record: any record; it is not changed.
            text: its message as another formatter rendered it; None to render it here.
        """
        try:
            said = _rendered(record) if text is None else text
            if self._stencils is not None and not has_failure(record, said):
                filled = self._stencils.fill(record, said)
                if filled is not None:
                    return filled, 0, 0
            return self._general_snapshot(record, said)
        except Exception:  # noqa: BLE001 - an object raised where it was read
            record = tamed(record)
            return self._general_snapshot(record, _rendered(record) if text is None else text)

    def _general_snapshot(self, record: logging.LogRecord, text: str) -> Snapshot:
        with budget.OneRecord():
            message = _message(record, text)
            fields = self._fields(record, message.text)
            place = self._builder.place(record, fields, message)
            span = self._builder.build(record, fields, message, place)
        entry, cut_values = self._pack(span)
        return entry, cut_values, place.malformed

    def _fields(self, record: logging.LogRecord, text: str) -> dict[str, object]:
        """Everything that was logged with a record, under its canonical names, the nearest to the record winning.

        From the farthest: SDK objects, `defaults` and `static_fields`, what is bound, a dict message, `extra=`, and
        the `helicone` mapping in it.
        """
        logged: dict[str, Any] = record.msg if isinstance(record.msg, dict) else {}
        ambient = ambient_of(record)
        if ambient:
            ambient = of_same_trace(ambient, _named_by(record, logged))
        data = self._merged(record, text, ambient, logged)
        helicone = data.get("helicone")
        own: dict[str, object] = {}
        if isinstance(helicone, Mapping):
            del data["helicone"]
            own = canonical(helicone)
        fields = {**canonical(data), **own}
        if "properties" in fields or "properties" in ambient:
            _merge_properties(fields, ambient, data, own)
        self._read_sdk_objects(fields)
        return fields

    def _read_sdk_objects(self, fields: dict[str, object]) -> None:
        """Adds what the SDK's objects say where the user said nothing; an unknown object stays as it is."""
        for name, read in self._sdk_readers:
            found = read(fields[name]) if name in fields else None
            if found is not None:
                del fields[name]
                for field, value in found.items():
                    fields.setdefault(field, value)

    def _has_no_json_options(self) -> bool:
        """Whether all that python-json-logger would do is to find the fields in `extra=`."""
        is_own = (
            type(self).add_fields is BaseJsonFormatter.add_fields
            and type(self).process_log_record is BaseJsonFormatter.process_log_record
        )
        adds = (self.rename_fields, self.static_fields, self.defaults, self.timestamp)
        return is_own and not any(adds) and self._required_fields == ["message"]

    def _merged(
        self, record: logging.LogRecord, text: str, ambient: Mapping[str, object], logged: dict[str, Any]
    ) -> dict[str, Any]:
        """What python-json-logger would write, without what is no field of the user's."""
        if self._is_plain and not ambient and not logged:
            try:
                return _extras(record, self._own_names)
            except TypeError:  # a key that is no text
                pass
        data: dict[str, Any] = {}
        self.add_fields(data, record, {**ambient, **logged})
        for name in record.__dict__.get(STAMPED_MARK, ()):
            if name in logged:
                data[name] = logged[name]
        for name in ("message", "asctime"):
            if name in self._required_fields:
                rendered = text if name == "message" else self.formatTime(record, self.datefmt)
                data[self.rename_fields.get(name, name)] = rendered
        data = self.process_log_record(data)
        for name in ("message", *OTEL_STAMPS):
            data.pop(name, None)
        return data


def _extras(record: logging.LogRecord, own_names: Container[str]) -> dict[str, Any]:
    """What python-json-logger's `merge_record_extra` returns, in a third of its time."""
    return {key: value for key, value in record.__dict__.items() if key not in own_names and key[:1] != "_"}


def _named_by(record: logging.LogRecord, logged: Mapping[str, object]) -> dict[str, object]:
    """The fields that name a trace, where the record itself carries them."""
    stamped = record.__dict__.get(STAMPED_MARK, ())
    data = {**logged, **{name: value for name, value in record.__dict__.items() if name not in stamped}}
    helicone = data.get("helicone")
    return {**data, **helicone} if isinstance(helicone, Mapping) else data


def _merge_properties(fields: dict[str, object], *sources: Mapping[str, object]) -> None:
    merged = {key: value for source in sources for key, value in properties_of(source.get("properties")).items()}
    if merged:
        fields["properties"] = merged


def _message(record: logging.LogRecord, text: str) -> Message:
    """What a record says, and the exception it tells of, by itself or at the end of its text."""
    text, told = split_traceback(text)
    return Message(text, failure_of(record) or told)


def _rendered(record: logging.LogRecord) -> str:
    logged: object = record.msg
    if type(logged) is not str and isinstance(logged, Mapping):
        return text_of(logged.get("message") or logged.get("event") or logged)
    try:
        return record.getMessage()
    except Exception:  # noqa: BLE001 - arguments that do not fit the format, a __str__ that raises
        return f"{text_of(logged)} {text_of(record.args)}"


def _checked_json_options(json_options: dict[str, Any]) -> dict[str, Any]:
    for name in ("exc_info_as_array", "stack_info_as_array"):
        if json_options.get(name):
            check.refuse(name, json_options[name], "leave it out; a span carries a traceback as text")
    for name in ("rename_fields", "static_fields", "defaults"):
        if name in json_options:
            json_options[name] = check.mapping(name, json_options[name])
    return json_options


def _capture_content(value: bool | str | None) -> bool:
    if value is not None:
        return check.truth("capture_content", value)
    return os.environ.get(CAPTURE_CONTENT_VARIABLE, "").strip().lower() not in _NO_CONTENT


def _redactor(value: Redactor | str | None) -> Redactor | None:
    if value is None:
        return None
    if value != "secrets":
        return check.function("redact", value)
    from helicone_logging.payload.secrets import mask_secrets

    return mask_secrets
