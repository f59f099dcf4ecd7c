"""`SpanData`: a span as it waits in the queue, immutable, with typed values; a wire makes bytes of it when asked."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple, Protocol

Value = str | int | float | bool | tuple[str | int | float | bool, ...]
"""What an attribute may hold; a wire that knows fewer types writes the others as text."""

# Bytes around the values, so that what waits is weighed before it is encoded: of the JSON of a span without its
# attributes, of one attribute, and of a number; an event repeats the exception's attributes.
_SPAN, _ATTRIBUTE, _NUMBER = 420, 44, 20


class Encoder(Protocol):
    """Makes bytes of spans; knows what all spans of a formatter have in common."""

    @property
    def is_full(self) -> bool:
        """Whether its wire carries all of OTLP: types, lists, a message of the status, and that nobody has set one."""

    @property
    def overhead(self) -> int:
        """How many bytes the resource and the scope take."""

    def encode(self, span: SpanData) -> bytes:
        """Returns the bytes of a span."""


class SpanData(NamedTuple):
    """One span; a `core.wire.Entry`.

    Args:
        encoder: makes bytes of it.
        trace_id: 32 hexadecimal digits.
        span_id: 16 hexadecimal digits.
        parent_id: likewise; None where it has no parent in its own trace.
        name: what it is called.
        kind: OTLP's number of its kind.
        start: nanoseconds since the epoch.
        end: likewise.
        status: OTLP's code of it.
        attributes: what it carries, by name; what Helicone shows comes first. Nobody changes them.
        has_exception: whether its `exception.*` attributes make an event, too.
        dropped: how many attributes were left out.
        cut_values: how many values were longer than allowed.
        malformed: 1 when the record's `traceparent` could not be read, else 0.
        size: about how many bytes it has; text that JSON escapes makes it a few more.
        failure: how it failed, in words, for wires that carry all of OTLP; else empty.
    """

    encoder: Encoder
    trace_id: str
    span_id: str
    parent_id: str | None
    name: str
    kind: int
    start: int
    end: int
    status: int
    attributes: Mapping[str, Value]
    has_exception: bool
    dropped: int
    cut_values: int
    malformed: int
    size: int
    failure: str = ""

    def encode(self) -> bytes:
        """Returns its bytes, as they stand in a body."""
        return self.encoder.encode(self)


def size_of(encoder: Encoder, name: str, attributes: Mapping[str, Value]) -> int:
    """Returns about how many bytes a span has: characters that are not ASCII count as three, escapes as a sixteenth."""
    values = attributes.values()
    texts = [value for value in values if type(value) is str]
    length = 3 * len(name) + sum(map(len, attributes)) + sum(map(len, texts)) + _NUMBER * (len(values) - len(texts))
    if not all(map(str.isascii, texts)):
        length += sum(2 * len(text) for text in texts if not text.isascii())
    if encoder.is_full:  # on other wires no value is a list
        length += sum(len(str(value)) for value in values if type(value) is tuple)
    return encoder.overhead + _SPAN + _ATTRIBUTE * len(values) + length + (length >> 4)
