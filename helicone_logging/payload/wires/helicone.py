"""The OTELTrace payload as `POST /v1/trace/log` accepts it, and how its bytes are put together.

The server refuses every key that these types do not name. A payload is kept as its one `resourceSpans` entry, so that
a body for one record or for many is a matter of joining bytes.
"""

from __future__ import annotations

import functools
import json
import json.encoder
from collections.abc import Callable, Collection, Iterable, Mapping
from itertools import chain
from typing import Any, NamedTuple, TypedDict

from helicone_logging.core.coerce import Scalar
from helicone_logging.core.wire import Refusal

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


class Draft(NamedTuple):
    """A span before it is encoded.

    Args:
        trace_id: 32 hexadecimal digits.
        span_id: 16 hexadecimal digits.
        name: its name.
        kind: OTLP's number of it.
        start: nanoseconds since the epoch.
        end: nanoseconds since the epoch.
        status: the code.
        attributes: text and ints, as `values.scalar_of` makes them.
        dropped: how many attributes were dropped.
        has_exception: whether its `exception.*` attributes make an event, too.
    """

    trace_id: str
    span_id: str
    name: str
    kind: int
    start: int
    end: int
    status: int
    attributes: Mapping[str, Scalar]
    dropped: int = 0
    has_exception: bool = False


_SPAN_HEAD = (
    b'{"traceId":"%b","spanId":"%b","name":%b,"kind":%d,"startTimeUnixNano":"%d","endTimeUnixNano":"%d","attributes":['
)
_SPAN_TAIL = (
    b'],"droppedAttributesCount":%d,"events":[%b],"droppedEventsCount":0,'
    b'"links":[],"droppedLinksCount":0,"status":{"code":%d}}'
)
_END_OF_ATTRIBUTE = b"}}"
_EXCEPTION = b'{"name":"exception","timeUnixNano":"%d","attributes":[%b],"droppedAttributesCount":0}'

_escape = json.encoder.encode_basestring_ascii
_LONG = 256  # characters from which it pays to look first
_ESCAPED = bytes({*range(0x20), *b'"\\\x7f'} - {*b"\n"})

_BODY_HEAD = b'{"resourceSpans":['
_BODY_TAIL = b"]}"
_SEPARATOR = b","


class Encoder:
    """Encodes spans as `resourceSpans` entries that differ in nothing but the span.

    The JSON is put together from pieces, as most of them are the same in every span: building dicts for a general
    encoder takes three times as long with the standard library.

    Args:
        resource: attributes of the resource.
        scope_name: name of the instrumentation scope.
        scope_version: its version.
    """

    def __init__(self, resource: Mapping[str, Scalar], scope_name: str, scope_version: str) -> None:
        scope = b'{"name":%b,"version":%b}' % (scalar_json(scope_name), scalar_json(scope_version))
        self._head = (
            b'{"resource":{"attributes":[%b],"droppedAttributesCount":0},"scopeSpans":[{"scope":%b,"spans":['
            % (
                b"".join(attributes_json(resource)),
                scope,
            )
        )
        self._tail = b"]}]}"

    def encode(self, span: Draft) -> bytes:
        """Returns the entry of one span, joined once: copies of long texts leave holes in the memory."""
        trace_id, span_id, name, kind, start, end, status, attributes, dropped, has_exception = span
        event = _exception_event(attributes, end) if has_exception else b""
        return b"".join((
            self._head,
            _SPAN_HEAD % (trace_id.encode(), span_id.encode(), scalar_json(name), kind, start, end),
            *attributes_json(attributes),
            _SPAN_TAIL % (dropped, event, status),
            self._tail,
        ))  # fmt: skip


def _exception_event(attributes: Mapping[str, Scalar], at: int) -> bytes:
    described = {key: value for key, value in attributes.items() if key.startswith("exception.")}
    return _EXCEPTION % (at, b"".join(attributes_json(described)))


def attributes_json(attributes: Mapping[str, Scalar]) -> list[bytes]:
    """Returns the elements of a list of attributes as JSON, in pieces to be joined."""
    if not attributes:
        return []
    # `map`, `zip` and `chain` keep the loop out of the interpreter.
    heads = map(_head, attributes, map(type, attributes.values()))
    pieces = list(chain.from_iterable(zip(heads, _values_json(attributes.values()), strict=True)))
    pieces[0] = pieces[0].removeprefix(_END_OF_ATTRIBUTE + _SEPARATOR)
    pieces.append(_END_OF_ATTRIBUTE)
    return pieces


def _values_json(values: Collection[Scalar]) -> list[bytes]:
    try:
        return [*map(_plain_json, values)]
    except TypeError:
        return [*map(scalar_json, values)]


@functools.lru_cache(2048)
def _head(key: str, kind: type[Scalar]) -> bytes:
    """What stands before a value, and behind the one before it."""
    return b'}},{"key":%b,"value":{"%b":' % (scalar_json(key), b"intValue" if kind is int else b"stringValue")


Filled = tuple[Any, ...]
"""An entry that is still to be joined: a tuple of the bytes around its gaps, its size in bytes, and what belongs there.

That is text and ints. The size is a little more than it will be, or what the text takes in memory, unless JSON escapes
many characters of it. One plain tuple of what cannot change is made in no time, means nothing to the garbage collector,
and takes half the memory of its bytes.
"""

Entry = bytes | Filled


def entry_size(entry: Entry) -> int:
    """Returns how many bytes an entry has."""
    return entry[1] if isinstance(entry, tuple) else len(entry)


def entry_bytes(entry: Entry) -> bytes:
    """Returns an entry as it is sent."""
    if not isinstance(entry, tuple):
        return entry
    around, _, *gaps = entry
    pieces: list[bytes] = [b""] * (len(around) + len(gaps))
    pieces[::2], pieces[1::2] = around, _values_json(gaps)
    return b"".join(pieces)


def body(entry: Entry) -> bytes:
    """Returns the request body of one entry."""
    return b"".join((_BODY_HEAD, entry_bytes(entry), _BODY_TAIL))


def body_within(entries: Iterable[Entry], max_bytes: int, pause: Callable[[], object]) -> tuple[bytearray, int]:
    """Returns the request body of the first entries, and how many they are.

    Args:
        entries: of the records; the memory of each is used for the next one.
        max_bytes: of these together, unless the first alone has more.
        pause: called after each of them, as encoding many takes long.
    """
    built, count = bytearray(_BODY_HEAD), 0
    for entry in entries:
        encoded = entry_bytes(entry)
        max_bytes -= len(encoded)
        if max_bytes < 0 and count:
            break
        built += encoded
        built += _SEPARATOR
        count += 1
        pause()
    built[-1:] = _BODY_TAIL
    return built, count


def _escaped(value: Scalar) -> bytes:
    """By the standard library."""
    return b"%d" % value if isinstance(value, int) else _escaped_text(value)


def _escaped_text(text: str) -> bytes:
    """Most texts are JSON already, but for the ends of their lines; to see that takes half the time of escaping."""
    if len(text) >= _LONG and text.isascii():
        encoded = text.encode()
        if len(encoded.translate(None, _ESCAPED)) == len(encoded):
            return b'"%b"' % encoded.replace(b"\n", b"\\n")
    return _escape(text).encode()


_plain_json: Callable[[Any], bytes] = _escaped if orjson is None else orjson.dumps


def scalar_json(value: Scalar) -> bytes:
    """Returns a text or an int as JSON."""
    try:
        return _plain_json(value)
    except TypeError:  # a lone surrogate, which only the escapes of the standard library carry
        return _escaped(value)


class HeliconeWire:
    """The strict OTELTrace of `POST /v1/trace/log`, as delivery sees it (`core.wire.Wire`)."""

    name = "helicone"

    def body(self, entries: Iterable[bytes]) -> bytes:
        return b"".join((_BODY_HEAD, _SEPARATOR.join(entries), _BODY_TAIL))

    def payload(self, entry: bytes) -> Mapping[str, object]:
        decoded: Mapping[str, object] = json.loads(self.body((entry,)))
        return decoded

    def refusal(self, answer: str) -> Refusal | None:  # noqa: ARG002 - this server stores all of what it accepts
        return None
