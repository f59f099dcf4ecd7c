"""The strict wire: an OTELTrace as `POST /v1/trace/log` accepts it.

The server refuses every key that these types do not name. On this wire a span has no parent, no status message, no
float, no bool and no list: what those mean stands in attributes, as text.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any, TypedDict

from helicone_logging.core.coerce import Scalar, scalar_of
from helicone_logging.core.wire import Refusal
from helicone_logging.payload.span import SpanData, Value

try:  # the extra [orjson] is optional
    import orjson
except ImportError:
    orjson = None  # type: ignore[assignment]


class AttributeValue(TypedDict, total=False):
    """Exactly one of the two; floats, bools and lists have no form of their own on this wire."""

    stringValue: str
    intValue: int


class Attribute(TypedDict):
    key: str
    value: AttributeValue


class Status(TypedDict):
    code: int


class Event(TypedDict):
    name: str
    timeUnixNano: str
    attributes: list[Attribute]
    droppedAttributesCount: int


class Span(TypedDict):
    traceId: str
    spanId: str
    name: str
    kind: int
    startTimeUnixNano: str
    endTimeUnixNano: str
    attributes: list[Attribute]
    droppedAttributesCount: int
    events: list[Event]
    droppedEventsCount: int
    links: list[object]
    droppedLinksCount: int
    status: Status


class Scope(TypedDict):
    name: str
    version: str


class ScopeSpans(TypedDict):
    scope: Scope
    spans: list[Span]


class Resource(TypedDict):
    attributes: list[Attribute]
    droppedAttributesCount: int


class ResourceSpans(TypedDict):
    resource: Resource
    scopeSpans: list[ScopeSpans]


class OTELTrace(TypedDict):
    """A body of `POST /v1/trace/log`."""

    resourceSpans: list[ResourceSpans]


class HeliconeEncoder:
    """Makes `resourceSpans` entries that differ in nothing but the span."""

    is_full = False

    def __init__(self, resource: Mapping[str, Value], scope_name: str, scope_version: str) -> None:
        shared: Resource = {"attributes": _attributes(resource), "droppedAttributesCount": 0}
        scope: Scope = {"name": scope_name, "version": scope_version}
        self._head = b'{"resource":%b,"scopeSpans":[{"scope":%b,"spans":[' % (_json(shared), _json(scope))
        self._tail = b"]}]}"
        self.overhead = len(self._head) + len(self._tail)

    def encode(self, span: SpanData) -> bytes:
        """Returns the entry of one span."""
        return b"".join((self._head, _json(span_of(span)), self._tail))


def span_of(span: SpanData) -> Span:
    """Returns a span in this wire's form."""
    return {
        "traceId": span.trace_id,
        "spanId": span.span_id,
        "name": span.name,
        "kind": span.kind,
        "startTimeUnixNano": str(span.start),
        "endTimeUnixNano": str(span.end),
        "attributes": _attributes(span.attributes),
        "droppedAttributesCount": span.dropped,
        "events": [_exception_event(span)] if span.has_exception else [],
        "droppedEventsCount": 0,
        "links": [],
        "droppedLinksCount": 0,
        "status": {"code": span.status},
    }


def _exception_event(span: SpanData) -> Event:
    described = {key: value for key, value in span.attributes.items() if key.startswith("exception.")}
    return {
        "name": "exception",
        "timeUnixNano": str(span.end),
        "attributes": _attributes(described),
        "droppedAttributesCount": 0,
    }


def _attributes(attributes: Mapping[str, Value]) -> list[Attribute]:
    return [
        {"key": key, "value": {"stringValue": value} if type(value) is str else _value(value)}
        for key, value in attributes.items()
    ]


def _value(value: Value) -> AttributeValue:
    scalar: Scalar = scalar_of(value)
    return {"stringValue": scalar} if isinstance(scalar, str) else {"intValue": scalar}


def _json(value: Any) -> bytes:
    if orjson is not None:
        try:
            return orjson.dumps(value)
        except TypeError:  # a lone surrogate, which only the escapes of the standard library carry
            pass
    return json.dumps(value, separators=(",", ":")).encode()


_REFUSED_KEY = frozenset({401, 403})
_WRONG_URL = frozenset({404, 405, 415})
_BAD_REQUEST = 400
_INVALID_TOKEN = "invalid token"  # noqa: S105 - what a fault inside the server's key check says, with status 400


class HeliconeWire:
    """Puts entries into bodies of `POST /v1/trace/log`."""

    name = "helicone"
    path = "/v1/trace/log"
    content_type = "application/json"
    batch_size: int | str = 1
    wants_key = True

    def encoder(self, resource: Mapping[str, Value], scope_name: str, scope_version: str) -> HeliconeEncoder:
        """Returns what makes entries of spans."""
        return HeliconeEncoder(resource, scope_name, scope_version)

    def body(self, entries: Iterable[bytes]) -> bytes:
        """Returns the body of a request for encoded spans."""
        return b'{"resourceSpans":[%b]}' % b",".join(entries)

    def payload(self, entry: bytes) -> Mapping[str, object]:
        """Returns the payload of one encoded span."""
        decoded: Mapping[str, object] = json.loads(self.body((entry,)))
        return decoded

    def refusal(self, answer: str) -> Refusal | None:  # noqa: ARG002 - this server stores all of what it accepts
        """Returns None: what this server accepts, it accepts whole."""
        return None

    def remedy(self, status: int, answer: str) -> str:
        """Returns what to set right where an answer is about the key or the URL; else nothing."""
        if status in _REFUSED_KEY or (status == _BAD_REQUEST and _INVALID_TOKEN in answer.lower()):
            return "the API key was refused; check `api_key` or HELICONE_API_KEY"
        if status in _WRONG_URL:
            return "the URL takes no traces; check `endpoint` or HELICONE_TRACE_ENDPOINT"
        return ""
