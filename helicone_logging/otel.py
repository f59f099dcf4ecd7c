"""The OTELTrace payload as `POST /v1/trace/log` accepts it, and how its bytes are put together.

The server refuses every key that these types do not name. A payload is kept as its one `resourceSpans` entry,
already encoded, so that a body for one record or for many is a matter of joining bytes.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import TypedDict

from helicone_logging.values import Scalar


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


_BODY_HEAD = b'{"resourceSpans":['
_BODY_TAIL = b"]}"
_SEPARATOR = b","

ENVELOPE_BYTES = len(_BODY_HEAD) + len(_BODY_TAIL)
SEPARATOR_BYTES = len(_SEPARATOR)


def attribute(key: str, value: Scalar) -> Attribute:
    """Returns one attribute of a span.

    Args:
        key: its name.
        value: text or an int, as `values.scalar_of` makes them.
    """
    if isinstance(value, str):
        return {"key": key, "value": {"stringValue": value}}
    return {"key": key, "value": {"intValue": value}}


def attributes(pairs: Mapping[str, Scalar]) -> list[Attribute]:
    """Returns the attributes of a mapping, in its order."""
    return [attribute(key, value) for key, value in pairs.items()]


class Entry:
    """Encodes spans as `resourceSpans` entries that differ in nothing but the span.

    Args:
        resource: attributes of the resource.
        scope_name: name of the instrumentation scope.
        scope_version: its version.
    """

    def __init__(self, resource: Mapping[str, Scalar], scope_name: str, scope_version: str) -> None:
        resource_json = dumps({"attributes": attributes(resource), "droppedAttributesCount": 0})
        scope_json = dumps({"name": scope_name, "version": scope_version})
        self._head = b'{"resource":%b,"scopeSpans":[{"scope":%b,"spans":[' % (resource_json, scope_json)
        self._tail = b"]}]}"

    def encode(self, span: Span) -> bytes:
        """Returns the entry of one span."""
        return self._head + dumps(span) + self._tail


def body(entries: Sequence[bytes]) -> bytes:
    """Returns the request body of one or more entries."""
    return _BODY_HEAD + _SEPARATOR.join(entries) + _BODY_TAIL


def body_size(entries: Iterable[bytes]) -> int:
    """Returns how many bytes `body` would make of the entries."""
    return ENVELOPE_BYTES - SEPARATOR_BYTES + sum(len(entry) + SEPARATOR_BYTES for entry in entries)


def _json_dumps(value: object) -> bytes:
    return json.dumps(value, separators=(",", ":"), allow_nan=False).encode("ascii")


try:
    import orjson
except ImportError:  # the extra [orjson] is optional
    dumps = _json_dumps
else:

    def dumps(value: object) -> bytes:
        """Returns a value as JSON; all it holds are text, ints, lists and dicts with text keys."""
        try:
            return orjson.dumps(value)
        except TypeError:  # a lone surrogate, which only the escapes of the standard library carry
            return _json_dumps(value)
