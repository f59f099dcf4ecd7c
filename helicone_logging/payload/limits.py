"""Bounds what a span carries; what is cut or dropped is marked and counted."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import islice
from typing import NamedTuple

from helicone_logging.payload.redaction import Redactor, redacted
from helicone_logging.payload.span import SpanData, Value, size_of

STACKTRACE = "exception.stacktrace"
LEAST_VALUE_LENGTH = 100
MAX_ESCAPE = 6
"""Bytes that JSON makes of a character at the most, for each byte of its UTF-8."""


class Limits(NamedTuple):
    """How much a span may carry.

    Args:
        value_length: characters of one value.
        attributes: attributes of one span.
        span_bytes: bytes of one span, as it stands in a body.
    """

    value_length: int
    attributes: int
    span_bytes: int


def bounded(span: SpanData, limits: Limits) -> SpanData:
    """Returns a span within limits; nearly every one is already, and is returned as it is.

    Args:
        span: the span; where it may have too many bytes, they are counted.
        limits: a span of more bytes has its values cut shorter and shorter, and then loses its last attributes, until
            it fits.
    """
    is_short = span.size <= limits.value_length or not _longer(span.attributes, limits.value_length)
    is_small = span.size * MAX_ESCAPE <= limits.span_bytes or len(span.encode()) <= limits.span_bytes
    if is_short and is_small and len(span.attributes) <= limits.attributes:
        return span
    return _cut_until_it_fits(span, limits)


def _cut_until_it_fits(span: SpanData, limits: Limits) -> SpanData:
    length = limits.value_length
    attributes = span.attributes
    kept = _first(attributes, limits.attributes)
    while True:
        cut = {key: cut_text(value, length, from_top=key == STACKTRACE) for key, value in _longer(kept, length)}
        sent: dict[str, Value] = {**kept, **cut}
        size, dropped = size_of(span.encoder, span.name, sent), len(attributes) - len(kept)
        shorter = span._replace(attributes=sent, dropped=dropped, cut_values=len(cut), size=size)
        if len(shorter.encode()) <= limits.span_bytes or not kept:
            return shorter
        if length > LEAST_VALUE_LENGTH:
            length = max(LEAST_VALUE_LENGTH, length // 2)
        else:
            kept = _first(kept, len(kept) // 2)


def _first(attributes: Mapping[str, Value], count: int) -> dict[str, Value]:
    """What Helicone shows of a span comes first, what was logged beside it last."""
    return dict(islice(attributes.items(), count))


def _longer(attributes: Mapping[str, Value], length: int) -> list[tuple[str, str]]:
    return [(key, value) for key, value in attributes.items() if isinstance(value, str) and len(value) > length]


def redacted_attributes(attributes: Mapping[str, Value], redactor: Redactor, value_length: int) -> dict[str, Value]:
    """Returns attributes as a redactor leaves them.

    It sees a value before that is cut, so that no secret escapes by being cut in two. A text of more than twice the
    limit is shortened to that first: no redactor is made for 50 MB, and the cut that is sent is far from that end.
    """
    kept: dict[str, Value] = {}
    longest = 2 * value_length
    for key, raw in attributes.items():
        is_long = type(raw) is str and len(raw) > longest
        value = redacted(redactor, key, cut_text(str(raw), longest, from_top=key == STACKTRACE) if is_long else raw)
        if value is not None:
            kept[key] = value
    return kept


def cut_text(text: str, limit: int, *, from_top: bool = False) -> str:
    """Returns a text of at most `limit` characters, with a mark that says how many there were.

    Args:
        text: one that is longer.
        limit: characters, the mark included.
        from_top: True to keep the end, where a traceback names its exception.
    """
    mark = f"…[cut: {len(text):,} characters]"
    room = max(0, limit - len(mark))
    return mark + text[len(text) - room :] if from_top else text[:room] + mark
