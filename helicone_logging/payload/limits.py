"""Redacts a span, bounds what it carries, and encodes it; what is cut or dropped is marked and counted."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import islice
from typing import NamedTuple

from helicone_logging.core.coerce import Scalar
from helicone_logging.payload.redaction import Redactor, redacted
from helicone_logging.payload.wires.helicone import Draft, Encoder

STACKTRACE = "exception.stacktrace"
LEAST_VALUE_LENGTH = 100


class Limits(NamedTuple):
    """How much a span may carry.

    Args:
        value_length: characters of one value.
        attributes: attributes of one span.
        span_bytes: bytes of one entry.
    """

    value_length: int
    attributes: int
    span_bytes: int


class Packed(NamedTuple):
    """A span as it is queued.

    Args:
        entry: its `resourceSpans` entry as JSON.
        cut_values: how many of its values were longer than allowed.
    """

    entry: bytes
    cut_values: int


def pack(span: Draft, encoder: Encoder, limits: Limits, redactor: Redactor | None) -> Packed:
    """Returns a span as bytes, redacted and within limits.

    Args:
        span: the span.
        encoder: makes the bytes.
        limits: a span of more bytes has its values cut shorter and shorter, and then loses its last attributes,
            until it fits.
        redactor: sees every value; None for none.
    """
    if redactor is not None:
        span = _redacted(span, redactor, limits.value_length)
    if is_within(span.attributes, limits):
        entry = encoder.encode(span)
        if len(entry) <= limits.span_bytes:
            return Packed(entry, 0)
    return _cut_until_it_fits(span, encoder, limits)


def is_within(attributes: Mapping[str, Scalar], limits: Limits) -> bool:
    """Returns whether nothing has to be cut or dropped, but for the sake of the bytes of all of them."""
    longest = limits.value_length
    for value in attributes.values():  # a loop, as every record pays for it
        if type(value) is str and len(value) > longest:
            return False
    return len(attributes) <= limits.attributes


def _cut_until_it_fits(span: Draft, encoder: Encoder, limits: Limits) -> Packed:
    length = limits.value_length
    kept = _first(span.attributes, limits.attributes)
    while True:
        cut = {key: cut_text(value, length, from_top=key == STACKTRACE) for key, value in _longer(kept, length)}
        dropped = len(span.attributes) - len(kept)
        entry = encoder.encode(span._replace(attributes={**kept, **cut}, dropped=dropped))
        if len(entry) <= limits.span_bytes or not kept:
            return Packed(entry, len(cut))
        if length > LEAST_VALUE_LENGTH:
            length = max(LEAST_VALUE_LENGTH, length // 2)
        else:
            kept = _first(kept, len(kept) // 2)


def _first(attributes: Mapping[str, Scalar], count: int) -> dict[str, Scalar]:
    """What Helicone shows of a span comes first, what was logged beside it last."""
    return dict(islice(attributes.items(), count))


def _longer(attributes: Mapping[str, Scalar], length: int) -> list[tuple[str, str]]:
    return [(key, value) for key, value in attributes.items() if isinstance(value, str) and len(value) > length]


def _redacted(span: Draft, redactor: Redactor, value_length: int) -> Draft:
    """The span as a redactor leaves it.

    It sees a value before that is cut, so that no secret escapes by being cut in two. A text of more than twice the
    limit is shortened to that first: no redactor is made for 50 MB, and the cut that is sent is far from that end.
    """
    attributes: dict[str, Scalar] = {}
    for key, raw in span.attributes.items():
        seen = cut_text(raw, 2 * value_length, from_top=key == STACKTRACE) if isinstance(raw, str) else raw
        value = redacted(redactor, key, seen)
        if value is not None:
            attributes[key] = value
    return span._replace(attributes=attributes)


def cut_text(text: str, limit: int, *, from_top: bool = False) -> str:
    """Returns a text of at most `limit` characters, with a mark that says how many there were.

    Args:
        text: any text.
        limit: characters, the mark included.
        from_top: True to keep the end, where a traceback names its exception.
    """
    if len(text) <= limit:
        return text
    mark = f"…[cut: {len(text):,} characters]"
    room = max(0, limit - len(mark))
    return mark + text[len(text) - room :] if from_top else text[:room] + mark
