"""`OTELTraceFormatter`: a python-json-logger formatter whose JSON is one OTELTrace payload a record."""

from __future__ import annotations

import copy
import logging
import os
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from pythonjsonlogger.core import BaseJsonFormatter

from helicone_logging._version import __version__
from helicone_logging.context.binding import INJECTED_MARK
from helicone_logging.context.inherited import OTEL_STAMPS, dict_message, inherited_by, of_same_trace
from helicone_logging.core import bounded, check, lifecycle
from helicone_logging.payload.builder import ERROR, SpanBuilder, SpanOptions
from helicone_logging.payload.exceptions import split
from helicone_logging.payload.export_policy import DEBUG_VARIABLE, EXPORTS, ExplainingPolicy, ExportPolicy
from helicone_logging.payload.fields import ERROR_TYPE, says_something
from helicone_logging.payload.frozen import FrozenRecord, are_plain, freeze
from helicone_logging.payload.limits import LEAST_VALUE_LENGTH, MAX_ESCAPE, Limits
from helicone_logging.payload.properties import properties_of
from helicone_logging.payload.record_data import (
    HOLDERS,
    PATH_FIELDS,
    RecordData,
    layered,
    names_of_trace,
    path_fields_of,
    record_data,
    with_record,
    without_proxies,
)
from helicone_logging.payload.redaction import Redactor
from helicone_logging.payload.resource import resource_of
from helicone_logging.payload.sampling import Chooses, Sampler, in_share
from helicone_logging.payload.sanitized import record_of, sanitized
from helicone_logging.payload.session_cache import SessionPaths
from helicone_logging.payload.span import SpanData
from helicone_logging.payload.wires import DEFAULT, WIRES, SpanWire

SCOPE_NAME = "helicone_logging"

CAPTURE_CONTENT_VARIABLE = "OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT"
"""Named by OpenTelemetry's semantic conventions for generative AI; `true`, `false`, or newer words as `NO_CONTENT`."""

_NO_CONTENT = {"false", "0", "no", "off", "no_content"}
_SECRETS = "secrets"
_STYLES = ("%", "{", "$", ",")
_LEAST_ATTRIBUTES = 32
_LEAST_SPAN_BYTES = 16_384

OPTIONS_OF_JSON = dict.fromkeys(
    ("json_default", "json_encoder", "json_serializer", "json_indent", "json_ensure_ascii"),
    "leave it out; a payload is one line of JSON, which this package writes itself",
)
"""Options of python-json-logger's formatters that encode, and what to do instead."""


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
        show_cost: True to send calls of Anthropic and Google, whose tokens and cost Helicone shows as 0, under the
            provider and the model that it prices nearest to the list price, with the true ones as properties
            `provider` and `model`; under `custom`, which keeps the tokens, where it prices none. Since 0.2.
        step_icons: True to send tools and data under the models `tool:NAME` and `data:NAME`, which have icons in
            Helicone's tree and hide their text; False for the name alone, with the property `step`. Since 0.2.
        wire: the dialect: `"helicone"` as `POST /v1/trace/log` takes it, or `"otlp"` as a Collector does. Since 0.2.
        export: which records `selects` chooses: `"explicit"`, `"context"` or `"all"`.
        sample_rate: the share of the traces of which it chooses records, 0.0 to 1.0, by their ids; failures it always
            chooses. Since 0.2.
        max_value_length: characters of one value, at least 100; the rest is cut and marked.
        max_attributes: attributes of one span, at least 32; more are dropped and counted in the span.
        max_span_bytes: bytes of one payload, 16,384 to 10,000,000; the values of a larger one are cut until it fits.
        **json_options: those of python-json-logger: `rename_fields`, `static_fields`, `defaults`,
            `reserved_attrs`, `timestamp`, `prefix`, ...

    Raises:
        ConfigurationError: an option has a value that cannot work.

    .. versionadded:: 0.1
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
        show_cost: bool | str = False,
        step_icons: bool | str = False,
        wire: str = DEFAULT.name,
        export: str = "explicit",
        sample_rate: float | str = 1.0,
        max_value_length: int | str = 1_000_000,
        max_attributes: int | str = 2_000,
        max_span_bytes: int | str = 8 * 1024 * 1024,
        **json_options: Any,
    ) -> None:
        # Now, as no record is to wait for it, and no import of the package.
        from helicone_logging.llm.dialects import read_span
        from helicone_logging.llm.providers.requests import read_request
        from helicone_logging.llm.providers.responses import read_completion, read_response

        fmt, style, validate = _checked_format(fmt, style, validate)
        super().__init__(fmt, datefmt, style, validate, **_checked_json_options(json_options))
        self._sdk_readers = (
            ("completion", read_completion),
            ("llm_response", read_response),
            ("llm_request", read_request),
            ("otel_span", read_span),
        )
        if service_name is not None:
            service_name = check.text("service_name", service_name)
        resource = resource_of(service_name, check.mapping("resource_attributes", resource_attributes), os.environ)
        options = SpanOptions(
            session_name=str(resource["service.name"])
            if session_name is None
            else check.text("session_name", session_name),
            sessions=check.truth("sessions", sessions),
            properties=properties_of(check.mapping("properties", properties)),
            capture_content=_capture_content(capture_content),
            provider_overrides=check.texts("provider_overrides", provider_overrides, '{"anthropic": "custom"}'),
            show_cost=check.truth("show_cost", show_cost),
            step_icons=check.truth("step_icons", step_icons),
            redactor=_redactor(redact),
            limits=Limits(
                value_length=check.integer("max_value_length", max_value_length, least=LEAST_VALUE_LENGTH),
                attributes=check.integer("max_attributes", max_attributes, least=_LEAST_ATTRIBUTES),
                span_bytes=check.integer(
                    "max_span_bytes", max_span_bytes, least=_LEAST_SPAN_BYTES, most=check.MAX_BODY_BYTES
                ),
            ),
        )
        self.captures_content = options.capture_content
        self._own_names = frozenset((*self._skip_fields, "message", *OTEL_STAMPS))
        self._resource, self._span_options, self._paths = resource, options, SessionPaths()
        self._speak(WIRES[check.choice("wire", wire, tuple(WIRES))])
        self._is_plain = self._has_no_json_options()
        # Code of the application, which a subclass or a redactor is, runs at the call.
        is_ours = type(self) is OTELTraceFormatter and (options.redactor is None or redact == _SECRETS)
        adds = {**self.static_fields, **self.defaults}
        self._can_wait = is_ours and set(PATH_FIELDS).isdisjoint(adds) and are_plain(adds.values())
        self._max_frozen = min(options.limits.value_length, options.limits.span_bytes) // MAX_ESCAPE
        policy = ExportPolicy(check.choice("export", export, EXPORTS), self.rename_fields)
        self.selects: Chooses = policy
        self._rate = check.fraction("sample_rate", sample_rate)
        if self._rate < 1:
            self.selects = Sampler(self.selects, self._rate, self._is_failure, self.rename_fields)
        if check.truth(DEBUG_VARIABLE, os.environ.get(DEBUG_VARIABLE, "")):
            self.selects = ExplainingPolicy(self.selects, policy)

    def _speak(self, wire: SpanWire) -> None:
        encoder = wire.encoder(self._resource, SCOPE_NAME, __version__)
        self._wire = wire
        self._builder = SpanBuilder(self._span_options, encoder, self._paths, self._own_names)

    def speaking(self, wire: SpanWire) -> OTELTraceFormatter:
        """Returns this formatter if it writes for a wire, else a copy that does.

        Args:
            wire: the dialect.
        """
        if wire is self._wire:
            return self
        twin = copy.copy(self)
        twin._speak(wire)
        return twin

    def format(self, record: logging.LogRecord) -> str:
        """Returns a record as one payload, whether it carries trace context or not.

        Args:
            record: any record; it is not changed.
        """
        lifecycle.check_fork()  # as a handler of ours does before it asks for `entry`
        return self.prefix + self._wire.body((self.span(record).encode(),)).decode()

    def span(self, record: logging.LogRecord, text: str | None = None) -> SpanData:
        """Returns the span of a record, whether it carries trace context or not.

        Args:
            record: any record; it is not changed.
            text: its message as another formatter rendered it; None to render it here.
        """
        try:
            return self._built(without_proxies(record_data(record, text)))
        except Exception:  # noqa: BLE001 - an object raised where it was read
            return self._built(record_data(sanitized(record), text))

    def entry(self, record: logging.LogRecord, text: str | None = None) -> FrozenRecord | SpanData:
        """Returns a record as it is queued: nothing in it can change, and to read it runs no code of the application.

        What holds plain values only is left for a worker to build a span of; the span of everything else is built now.

        Args:
            record: any record; it is not changed.
            text: its message as another formatter rendered it; None to render it here.
        """
        if not self._can_wait or "traceparent" in record.__dict__ or type(record) is not logging.LogRecord:
            return self.span(record, text)
        try:
            return self._frozen_or_built(record_data(record, text))
        except Exception:  # noqa: BLE001 - an object raised where it was read
            return self._built(record_data(sanitized(record), text))

    def samples(self, data: RecordData) -> bool:
        """Returns whether something that is no log record, and names its trace and level, is among those to be sent.

        Args:
            data: what it says, as a record would.
        """
        record = data.record
        return self._rate >= 1 or record["levelno"] >= logging.ERROR or in_share(record["trace_id"], self._rate)

    def entry_of(self, data: RecordData, foreign: Iterable[object], *, at_once: bool) -> FrozenRecord | SpanData:
        """Returns what is queued of something that is no log record, and is exported whatever it says.

        Args:
            data: what it says, as a record would.
            foreign: those of its values, or what they hold, that may be of any type.
            at_once: whether its span is wanted now.
        """
        try:
            return self._frozen_or_built(data, foreign) if self._can_wait and not at_once else self._built(data)
        except Exception:  # noqa: BLE001 - as above
            plain = record_data(sanitized(record_of(data.record)), data.text)
            return self._built(plain._replace(exception=data.exception))

    def _frozen_or_built(self, data: RecordData, foreign: Iterable[object] | None = None) -> FrozenRecord | SpanData:
        waiting = freeze(data, self._max_frozen, self._thawed, foreign)
        if waiting is None:
            return self._built(without_proxies(data))
        path_fields = path_fields_of(data, self.rename_fields)
        if path_fields is not None:
            self._builder.remember_path(data, path_fields)
        return waiting

    def _is_failure(self, record: logging.LogRecord) -> bool:
        """Whether a record's span has the status of an error."""
        return self._may_fail(record) and self.span(record).status == ERROR

    def _may_fail(self, record: logging.LogRecord) -> bool:
        """Whether its level, exception, text or fields may tell of an error; then its span has to be built."""
        data, message, level = record.__dict__, record.msg, record.levelno
        if not self._is_plain or type(message) is not str or dict_message(data) is not None or "Traceback" in message:
            return True
        if record.exc_info or record.exc_text or not isinstance(level, int) or level >= logging.ERROR:
            return True
        inherited = inherited_by(record)
        return any(name in data or name in inherited for name in ("status", ERROR_TYPE, "extra", *HOLDERS))

    def _thawed(self, data: RecordData) -> SpanData:
        try:
            return self._built(data, is_path_known=True)
        except Exception:  # noqa: BLE001 - a number too long to be written, and whatever else plain values may do
            plain = sanitized(record_of(data.record))
            return self._built(with_record(data, plain.__dict__), is_path_known=True)

    def _built(self, data: RecordData, *, is_path_known: bool = False) -> SpanData:
        with bounded.RecordBudget():
            text, told, stack = split(data.text)
            exception = told if data.exception is None else data.exception.described()
            if stack is not None and not data.record["stack_info"]:
                data = data._replace(record={**data.record, "stack_info": stack})
            return self._builder.build(data, self._fields(data, text), text, exception, is_path_known=is_path_known)

    def _fields(self, data: RecordData, text: str) -> dict[str, object] | None:
        """Everything that was logged with a record, or None where all of that stands on the record itself."""
        record, logged, inherited = data.record, data.message, data.inherited
        if inherited:
            inherited = of_same_trace(inherited, names_of_trace(record, logged))
        elif not logged and self._is_plain and not _may_hold_fields(record):
            return None
        around = {**inherited, **data.message_fields}
        merged = self._with_extras(record, around) if self._is_plain else self._as_json(record, text, around)
        for name in record.get(INJECTED_MARK, ()):
            if name in logged:
                merged[name] = logged[name]
        for name, value in inherited.items():  # what is empty, or names nobody, hides nothing that is bound
            if name in merged and not says_something(name, merged[name]):
                merged[name] = value
        for name in ("message", *OTEL_STAMPS):
            merged.pop(name, None)
        return layered(merged, inherited, self._sdk_readers)

    def _with_extras(self, record: Mapping[str, Any], around: dict[str, Any]) -> dict[str, Any]:
        """What python-json-logger writes without its options: the record's own fields over those around it."""
        own = {
            key: value
            for key, value in record.items()
            if key not in self._own_names and not (type(key) is str and key[:1] == "_")
        }
        return {**around, **own}

    def _as_json(self, attributes: Mapping[str, Any], text: str, around: dict[str, Any]) -> dict[str, Any]:
        """What python-json-logger writes by its options, or by the methods of a subclass."""
        data: dict[str, Any] = {}
        record = record_of(attributes)
        self.add_fields(data, record, around)
        for name in ("message", "asctime"):
            if name in self._required_fields:
                shown = text if name == "message" else self.formatTime(record, self.datefmt)
                data[self.rename_fields.get(name, name)] = shown
        return self.process_log_record(data)

    def _has_no_json_options(self) -> bool:
        is_own = (
            type(self).add_fields is BaseJsonFormatter.add_fields
            and type(self).process_log_record is BaseJsonFormatter.process_log_record
        )
        adds = (self.rename_fields, self.static_fields, self.defaults, self.timestamp)
        return is_own and not any(adds) and self._required_fields == ["message"]


def _may_hold_fields(record: Mapping[str, Any]) -> bool:
    completion = record.get("completion")
    return not (record.keys().isdisjoint(HOLDERS) and (completion is None or type(completion) is str))


def _checked_format(fmt: str | Sequence[str] | None, style: str, validate: bool) -> tuple[str | None, str, bool]:
    """The format and its style; a list of names, which python-json-logger takes from version 4 on, as one of "%"."""
    if fmt is not None and not isinstance(fmt, str):
        return _format_of(check.names("fmt", fmt, words="text, or "))
    if not check.truth("validate", validate):  # the style is a subclass's
        return fmt, style, False
    known: Any = check.choice("style", style, _STYLES)
    if known == ",":
        return _format_of((fmt or "").split(","))
    try:
        logging.Formatter(fmt, style=known)
    except ValueError:
        remedy = 'fields are "%(message)s" with style="%", "{message}" with style="{", "$message" with style="$"'
        check.refuse("fmt", fmt, remedy)
    return fmt, known, True


def _format_of(names: Iterable[str]) -> tuple[str, str, bool]:
    return " ".join(f"%({name.strip()})s" for name in names if name.strip()), "%", False


def _checked_json_options(json_options: dict[str, Any]) -> dict[str, Any]:
    check.refuse_unknown(json_options, (OTELTraceFormatter, BaseJsonFormatter), OPTIONS_OF_JSON)
    for name in ("exc_info_as_array", "stack_info_as_array"):
        if json_options.get(name):
            check.refuse(name, json_options[name], "leave it out; a span carries a traceback as text")
    if "rename_fields" in json_options:
        renamed = json_options["rename_fields"]
        json_options["rename_fields"] = check.texts("rename_fields", renamed, '{"request_id": "trace_id"}')
    for name in ("static_fields", "defaults"):
        if name in json_options:
            json_options[name] = check.mapping(name, json_options[name])
    if "prefix" in json_options and not isinstance(json_options["prefix"], str):
        check.refuse("prefix", json_options["prefix"], "give text")
    if json_options.get("reserved_attrs") is not None:
        json_options["reserved_attrs"] = check.names("reserved_attrs", json_options["reserved_attrs"])
    return json_options


def _capture_content(value: bool | str | None) -> bool:
    if value is not None:
        return check.truth("capture_content", value)
    return os.environ.get(CAPTURE_CONTENT_VARIABLE, "").strip().lower() not in _NO_CONTENT


def _redactor(value: Redactor | str | None) -> Redactor | None:
    if value is None:
        return None
    if value != _SECRETS:
        return check.function("redact", value, ("key", "value"), words=f'"{_SECRETS}", ')
    from helicone_logging.payload.secrets import mask_secrets

    return mask_secrets
