"""The wire of an OpenTelemetry Collector: OTLP/HTTP as JSON, with all that a span can say.

Beside the names that Helicone reads stand OpenTelemetry's current ones, so that the same spans serve other backends;
what was said stands in Helicone's names only. Whatever Helicone reads is text or an int, as a double is dropped there.

https://opentelemetry.io/docs/specs/otlp/#json-protobuf-encoding
"""

from __future__ import annotations

import json
import math
import os
import uuid
from collections.abc import Iterable, Mapping
from itertools import groupby
from typing import Any

from helicone_logging._version import __version__
from helicone_logging.core import lifecycle
from helicone_logging.core.coerce import scalar_of
from helicone_logging.core.wire import Refusal
from helicone_logging.payload.fields import (
    COMPLETION,
    COMPLETION_TOKENS,
    HELICONE,
    MODEL,
    PROMPT,
    PROMPT_TOKENS,
    SYSTEM,
)
from helicone_logging.payload.span import SpanData, Value

try:  # the extra [orjson] is optional
    import orjson
except ImportError:
    orjson = None  # type: ignore[assignment]

_SAMPLED = 1  # https://www.w3.org/TR/trace-context/#sampled-flag
_FAILED = 2
_TAIL = b"]}]}"

_READ_BY_HELICONE = (
    PROMPT, COMPLETION, SYSTEM, MODEL, PROMPT_TOKENS, COMPLETION_TOKENS, "gen_ai.response.max_tokens", "llm.",
    "traceloop.",
)  # fmt: skip
_SESSION_ID = HELICONE + "Session-Id"
# Beside which their new names stand: https://opentelemetry.io/docs/specs/semconv/registry/attributes/code/
_OLD_NAMES = frozenset(("code.function", "code.filepath", "code.lineno"))
# https://opentelemetry.io/docs/specs/semconv/registry/attributes/gen-ai/
_COPIED = {
    PROMPT_TOKENS: "gen_ai.usage.input_tokens",
    COMPLETION_TOKENS: "gen_ai.usage.output_tokens",
    "cached_tokens": "gen_ai.usage.cache_read.input_tokens",
    "response_id": "gen_ai.response.id",
    _SESSION_ID: "gen_ai.conversation.id",
}
_OTHER_ERROR = "_OTHER"  # https://opentelemetry.io/docs/specs/semconv/registry/attributes/error/

_JSON = dict[str, Any]


class OTLPEncoder:
    """Makes entries of spans: what all spans of a process have in common, with its length before it, and the span."""

    is_full = True

    def __init__(self, resource: Mapping[str, Value], scope_name: str, scope_version: str) -> None:
        self._resource = dict(resource)
        self._scope = {"name": scope_name, "version": scope_version}
        self.after_fork_in_child()
        lifecycle.watch_forks(self)

    def after_fork_in_child(self) -> None:
        """Describes this process, which is another one than its parent."""
        resource: dict[str, Value] = {**_process(), **self._resource}
        shared, scope = _json({"attributes": _attributes(resource)}), _json(self._scope)
        head = b'{"resource":%b,"scopeSpans":[{"scope":%b,"spans":[' % (shared, scope)
        self._head = b"%d:%b" % (len(head), head)
        self.overhead = len(self._head) + len(_TAIL)

    def encode(self, span: SpanData) -> bytes:
        """Returns the entry of one span."""
        return self._head + _json(span_of(span))


def span_of(span: SpanData) -> _JSON:
    """Returns a span in this wire's form; what is empty is left out."""
    attributes = _with_current_names(span)
    # Ids are in lower case, as all of OpenTelemetry writes them.
    trace_id, span_id, parent_id = (text.lower() for text in (span.trace_id, span.span_id, span.parent_id or ""))
    if parent_id == span_id:  # nothing stands below itself
        parent_id = ""
    if parent_id:
        attributes.pop("parent_span_id", None)
    form = {
        "traceId": trace_id,
        "spanId": span_id,
        "parentSpanId": parent_id,
        "flags": _SAMPLED,
        "name": span.name,
        "kind": span.kind,
        "startTimeUnixNano": str(span.start),
        "endTimeUnixNano": str(span.end),
        "attributes": _attributes(attributes),
        "droppedAttributesCount": span.dropped,
        "events": [_exception_event(span)] if span.has_exception else [],
        "status": _filled({"code": span.status, "message": span.failure}),
    }
    return _filled(form)


def _filled(form: _JSON) -> _JSON:
    return {key: value for key, value in form.items() if value}


def _exception_event(span: SpanData) -> _JSON:
    described = {key: value for key, value in span.attributes.items() if key.startswith("exception.")}
    return {"name": "exception", "timeUnixNano": str(span.end), "attributes": _attributes(described)}


def _with_current_names(span: SpanData) -> dict[str, Value]:
    """The attributes, and what OpenTelemetry's conventions call them now, unless somebody has logged that as well."""
    attributes = {key: value for key, value in span.attributes.items() if key not in _OLD_NAMES}
    current = {new: attributes[old] for old, new in _COPIED.items() if old in attributes}
    if str(current.get("gen_ai.conversation.id", "")).lower() == span.trace_id.lower():
        del current["gen_ai.conversation.id"]  # nobody has named a session
    answered = [key for key in attributes if key.startswith(COMPLETION) and key.endswith(".finish_reason")]
    reasons = tuple(str(attributes[key]) for key in answered)
    if reasons:
        current["gen_ai.response.finish_reasons"] = reasons
    if span.status == _FAILED:
        current["error.type"] = attributes.get("exception.type", _OTHER_ERROR)
    return {**current, **attributes}


def _process() -> dict[str, Value]:
    """What OpenTelemetry's resource detectors say of a process.

    https://opentelemetry.io/docs/specs/semconv/resource/
    """
    import socket  # which few need before a handler is made

    return {
        "telemetry.sdk.language": "python",
        "telemetry.sdk.name": "helicone_logging",
        "telemetry.sdk.version": __version__,
        "service.instance.id": str(uuid.uuid4()),
        "process.pid": os.getpid(),
        "host.name": socket.gethostname(),
    }


def _attributes(attributes: Mapping[str, Value]) -> list[_JSON]:
    form = []
    for key, value in attributes.items():
        is_read = key.startswith(_READ_BY_HELICONE)
        if is_read or value != "":
            form.append({"key": key, "value": _value(scalar_of(value) if is_read else value)})
    return form


def _value(value: Value) -> _JSON:
    kind = type(value)
    if kind is str:
        return {"stringValue": value}
    if kind is bool:
        return {"boolValue": value}
    if kind is int:
        return {"intValue": str(value)}
    if kind is float and math.isfinite(value):  # type: ignore[arg-type]
        return {"doubleValue": value}
    if kind is tuple:
        return {"arrayValue": {"values": [_value(item) for item in value]}}  # type: ignore[union-attr]
    return {"stringValue": str(scalar_of(value))}


def _json(value: object) -> bytes:
    """The JSON in UTF-8; half of a surrogate pair, which has no form in that, becomes U+FFFD."""
    if orjson is not None:
        try:
            return orjson.dumps(value)
        except TypeError:  # a lone surrogate
            pass
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    try:
        return text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace").encode()


_REFUSED_HEADERS = frozenset({401, 403})
_WRONG_URL = frozenset({404, 405, 415})


class OTLPWire:
    """Puts entries into bodies of a Collector's `POST /v1/traces`."""

    name = "otlp"
    path = "/v1/traces"
    content_type = "application/json"
    batch_size: int | str = "auto"
    wants_key = False

    def encoder(self, resource: Mapping[str, Value], scope_name: str, scope_version: str) -> OTLPEncoder:
        """Returns what makes entries of spans."""
        return OTLPEncoder(resource, scope_name, scope_version)

    def body(self, entries: Iterable[bytes]) -> bytes:
        """Returns the body of a request for encoded spans; what those of a process have in common is in it once."""
        processes = groupby(map(_split, entries), key=lambda parts: parts[0])
        groups = (head + b",".join(span for _, span in spans) + _TAIL for head, spans in processes)
        return b'{"resourceSpans":[%b]}' % b",".join(groups)

    def payload(self, entry: bytes) -> Mapping[str, object]:
        """Returns the payload of one encoded span."""
        decoded: Mapping[str, object] = json.loads(self.body((entry,)))
        return decoded

    def refusal(self, answer: str) -> Refusal | None:
        """Returns what a Collector did not take of what it accepted otherwise.

        https://opentelemetry.io/docs/specs/otlp/#partial-success-1
        """
        try:
            partial = json.loads(answer)["partialSuccess"]
            count = int(partial.get("rejectedSpans", 0))
        except (ValueError, TypeError, KeyError, AttributeError, RecursionError):  # no JSON, or nothing of the kind
            return None
        return Refusal(count, str(partial.get("errorMessage", ""))) if count > 0 else None

    def remedy(self, status: int, answer: str) -> str:  # noqa: ARG002 - the status says all
        """Returns what to set right where an answer is about the headers or the URL; else nothing."""
        if status in _REFUSED_HEADERS:
            return "the headers were refused; check `headers` or OTEL_EXPORTER_OTLP_HEADERS"
        if status in _WRONG_URL:
            return "the URL takes no OTLP as JSON; check `endpoint` or OTEL_EXPORTER_OTLP_ENDPOINT"
        return ""


def _split(entry: bytes) -> tuple[bytes, bytes]:
    """What the span of an entry has in common with others, and the span."""
    length, _, rest = entry.partition(b":")
    return rest[: int(length)], rest[int(length) :]
