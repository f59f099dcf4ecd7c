"""Sends spans of OpenTelemetry that are calls of models, tools, retrieval and agents: nothing is logged by hand.

provider.add_span_processor(HeliconeSpanProcessor())
"""

from __future__ import annotations

import contextlib
import functools
import logging
import os
from collections.abc import Iterable, Mapping
from typing import Any

from helicone_logging.context import open_spans
from helicone_logging.context.open_spans import OpenSpan, attributes_of
from helicone_logging.core import check, ids
from helicone_logging.core.coerce import text_of
from helicone_logging.errors import ConfigurationError
from helicone_logging.handler import HeliconeHandler
from helicone_logging.llm.dialects import EXCEPTION, Kind, call_of, holds_content, is_helper, kind_of
from helicone_logging.payload.exceptions import CapturedException
from helicone_logging.payload.record_data import RecordData

try:
    from opentelemetry.context import Context
    from opentelemetry.sdk.trace import ReadableSpan, Span, SpanProcessor
    from opentelemetry.trace import StatusCode
except ImportError as error:
    raise ImportError(
        "helicone_logging.opentelemetry needs OpenTelemetry's SDK: pip install 'helicone-logging[opentelemetry]'"
    ) from error

_NAMES_SESSIONS = ("service_name", "session_name")
_GUIDE = "https://helicone-logging.readthedocs.io/en/latest/opentelemetry.html"
_FAILED, _SUCCEEDED = StatusCode.ERROR, StatusCode.OK
_LEVEL_NAMES = {level: logging.getLevelName(level) for level in (logging.INFO, logging.ERROR)}
_PARTS = ("type", "message", "stacktrace")  # of an exception
_UNKNOWN = "Exception"
_RESPONSE_ID = "gen_ai.response.id"
_MAX_ANSWERS, _MAX_SCOPES = 256, 256  # that are remembered; some make tracers without end
# SDKs that tell of their calls themselves, and how the names of their instrumentations end; not all spans of these have
# ids of answers, by which two of the same call would be known.
_SDKS = {"mistralai_sdk_tracer": ".mistralai", "com.anthropic.sdk.python": ".anthropic"}
# The attributes that a record has of its own; a span does not tell of the thread and the process.
_OF_THREAD = dict.fromkeys(("thread", "threadName", "process", "processName", "taskName"))
_RECORD = vars(logging.LogRecord("", logging.INFO, "", 0, "", (), None))
_RECORD.update({name: None for name in _OF_THREAD if name in _RECORD})


class HeliconeSpanProcessor(SpanProcessor):
    """Sends ended spans of calls of models, tools, retrieval, embeddings and agents to Helicone.

    All other spans are not sent; they name the session path, so that the tree is whole. A span becomes what a log
    record becomes, and goes the same way: filters, level, queue, redaction, limits and counts are the handler's. Of two
    spans that tell of the same call, one directly inside the other, as when two libraries do, only one is sent: the
    outer one, if its kind and its content are known in time. Spans that are not sampled are not sent.

    Args:
        handler: the handler that sends them; None to make one, which `shutdown` closes.
        **handler_options: options of `HeliconeHandler`, where none is given.

    Raises:
        ConfigurationError: `handler` is none, or comes with options; or an option has a value that cannot work.

    .. versionadded:: 0.2
    """

    def __init__(self, handler: HeliconeHandler | None = None, **handler_options: Any) -> None:
        if handler is not None and not isinstance(handler, HeliconeHandler):
            check.refuse("handler", handler, "give a HeliconeHandler, or None to make one")
        if handler is not None and handler_options:
            named = ", ".join(handler_options)
            raise ConfigurationError(f"a handler that is given has its own options: set {named} there")
        self._is_own = handler is None
        self._handler = HeliconeHandler(**handler_options) if handler is None else handler
        is_named = any(handler_options.get(name) for name in _NAMES_SESSIONS) or os.environ.get("OTEL_SERVICE_NAME")
        self._takes_name = self._is_own and not is_named
        self._advice = _Advice(self._handler)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self._handler!r}>"

    @property
    def handler(self) -> HeliconeHandler:
        """What sends the spans; its `stats()` tell what became of them."""
        return self._handler

    def on_start(self, span: Span, parent_context: Context | None = None) -> None:  # noqa: ARG002 - the SDK's name
        """Remembers who stands below whom; called by the SDK."""
        try:  # noqa: SIM105 - `suppress` takes half as long again, and every span of the process waits for it
            open_spans.started(span, names_session=self._takes_name)
        except Exception:  # noqa: BLE001, S110 - nothing raises into the application
            pass

    def on_end(self, span: ReadableSpan) -> None:
        """Sends a span that is a call; called by the SDK."""
        try:
            opened = open_spans.ended(span) or OpenSpan(span, None, {})
            opened.attributes = attributes = attributes_of(span)
            kind = kind_of(attributes)
            if kind is None or _is_helper(span):
                return
        except Exception:  # noqa: BLE001 - of an SDK that has other spans; nothing raises into the application
            return
        if self._handler.handle_span(functools.partial(self._record_data, span, kind, opened)):
            _note_sent_around(opened, self._handler)

    def force_flush(self, timeout_millis: int = 30_000) -> bool:
        """Waits until all spans that have ended are delivered, or refused for good.

        Args:
            timeout_millis: milliseconds at the most, 30,000.

        Returns:
            Whether all of them were.
        """
        return self._handler.flush(timeout_millis / 1000)

    def shutdown(self) -> None:
        """Delivers what is queued within the handler's `shutdown_timeout`; a span that ends later is sent all the same.

        A handler that was given stays open for its loggers.
        """
        if self._is_own:
            self._handler.close()
        else:
            self._handler.flush()

    def _record_data(
        self, span: ReadableSpan, kind: Kind, opened: OpenSpan
    ) -> tuple[RecordData, Iterable[object]] | None:
        """What a record would say of a span, and which of its values are not ours; None for one that is not sent."""
        status, parent = span.status, opened.parent
        is_failed = status.status_code is _FAILED
        level = logging.ERROR if is_failed else logging.INFO
        if not span.context.trace_flags.sampled or level < self._handler.level:
            return None
        attributes, location = opened.current_attributes(), opened.location
        if _is_sent_elsewhere(opened, call_of(kind, attributes), self._handler):
            return None
        if kind == "model":
            opened.mark_enclosing()
        if parent is not None:
            attributes = {**attributes, **opened.shared()}
        start, end, scope = span.start_time or 0, span.end_time or 0, span.instrumentation_scope
        events = [_event(event, start) for event in span.events]
        name = __name__ if scope is None else scope.name
        if kind == "model" and not is_failed:
            self._advice.look(name, attributes, events)
        record = {
            **_RECORD,
            "name": name,
            "msg": span.name,
            "levelno": level,
            "levelname": _LEVEL_NAMES[level],
            "created": end / 1e9,
            "trace_id": location.trace_id,
            "span_id": location.span_id,
            "parent_span_id": location.parent_id,
            "parent_path": location.parent_path,
            "span_name": location.name,
            "span_kind": span.kind.name,
            "start_time": start,
            "end_time": end,
            "status": "error" if is_failed else "ok" if status.status_code is _SUCCEEDED else None,
            "otel_span": (
                kind,
                attributes,
                events,
                opened.holds_calls,
                open_spans.service_name_of(span) if self._takes_name else None,
            ),
        }
        exception = _exception_of(events, attributes, status.description)
        data = RecordData(record, span.name, exception, opened.bound, ids.new_bits(), {})
        return data, (name, span.name, *attributes.values(), *events)


class _Advice:
    """Tells on stderr what an instrumentation does that costs rows or content; each once a minute at the most.

    Args:
        handler: what sends the spans.
    """

    def __init__(self, handler: HeliconeHandler) -> None:
        self._handler = handler
        self._scopes: set[str] = set()
        self._answers: dict[str, str] = {}  # ids of answers, and who told of them

    def look(self, scope: str, attributes: Mapping[str, Any], events: Iterable[tuple[str, Any, float]]) -> None:
        """Looks at a call of a model that succeeded."""
        answer = attributes.get(_RESPONSE_ID)
        if type(answer) is str and answer:
            sent_by = self._answers.setdefault(answer, scope)
            if sent_by != scope:
                self._report_twice(sent_by, scope)
            if len(self._answers) > _MAX_ANSWERS:
                with contextlib.suppress(RuntimeError, StopIteration):  # another thread was there
                    self._answers.pop(next(iter(self._answers)), None)
        if scope not in self._scopes and len(self._scopes) < _MAX_SCOPES:
            self._scopes.add(scope)
            for sdk, of_its_calls in _SDKS.items():
                others = [name for name in tuple(self._scopes) if name.endswith(of_its_calls)]
                if sdk in self._scopes and others:
                    self._report_twice(sdk, others[0])
            if not holds_content(attributes, (name for name, _, _ in events)) and self._handler.captures_content:
                self._report(f"{scope} writes no content on its spans; it has a setting for that")

    def _report_twice(self, one: str, other: str) -> None:
        self._report(f"{one} and {other} tell of the same calls, and each is two rows; switch one of them off")

    def _report(self, text: str) -> None:
        self._handler.report(text, f"{text}: {_GUIDE}")


def _is_sent_elsewhere(opened: OpenSpan, call: tuple[Kind, object] | None, sender: HeliconeHandler) -> bool:
    """Whether the span around it, or one inside it, tells of the same call, and is sent.

    That is the outer one, unless its kind was not known before it ended, or the inner one alone has content.
    """
    sent_inside = None if opened.sent_inside is None else opened.sent_inside.pop(sender, None)
    if call is None:
        return False
    around = _around(opened)
    if around is not None and _is_sent_for(around, call, opened):
        return True
    own = (call, _holds_content(opened))
    is_sent_inside = sent_inside in ((call, True), own)
    _note_sent(opened, sender, sent_inside if is_sent_inside else own)
    if is_sent_inside:
        _note_sent_around(opened, sender)
    return is_sent_inside


def _around(opened: OpenSpan) -> OpenSpan | None:
    """The span around it; one that helps in a call is a part of what is around that."""
    around = opened.parent
    while around is not None and _is_helper(around.span):
        around = around.parent
    return around


def _note_sent(opened: OpenSpan, sender: HeliconeHandler, call: object) -> None:
    if opened.sent_inside is None:
        opened.sent_inside = {}
    opened.sent_inside[sender] = call


def _note_sent_around(opened: OpenSpan, sender: HeliconeHandler) -> None:
    """Notes on the span around it which call was sent."""
    call = None if opened.sent_inside is None else opened.sent_inside.get(sender)
    around = None if call is None else _around(opened)
    if around is not None:
        _note_sent(around, sender, call)


def _is_sent_for(outer: OpenSpan, call: tuple[Kind, object], inner: OpenSpan) -> bool:
    attributes = outer.current_attributes()
    kind = kind_of(attributes)
    if call_of(kind, attributes) != call:
        return False
    return kind in ("model", "embedding") or not _holds_content(inner) or _holds_content(outer)


def _holds_content(opened: OpenSpan) -> bool:
    return holds_content(opened.current_attributes(), (event.name for event in getattr(opened.span, "events", ())))


def _is_helper(span: Any) -> bool:
    scope = span.instrumentation_scope
    return scope is not None and is_helper(scope.name, span.name)


def _event(event: Any, start: int) -> tuple[str, dict[str, Any], float]:
    return event.name, dict(event.attributes or {}), (event.timestamp - start) / 1e9


def _exception_of(events: Iterable[Any], attributes: Mapping[str, Any], why: str | None) -> CapturedException | None:
    """The last exception that a span tells of, or else why it failed; None where it says neither."""
    for told in reversed([attributes for name, attributes, _ in events if name == EXCEPTION]):
        kind, message, trace = (text_of(told.get(f"exception.{part}") or "") for part in _PARTS)
        return CapturedException(kind or _UNKNOWN, message, None, trace or f"{kind or _UNKNOWN}: {message}")
    if not why:
        return None
    kind = text_of(attributes.get("error.type") or _UNKNOWN)
    message = why.removeprefix(f"{kind}: ")
    return CapturedException(kind, message, None, f"{kind}: {message}")
