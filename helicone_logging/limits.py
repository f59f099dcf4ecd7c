"""Bounds what a span carries: every value, and their number; what is cut or dropped is marked and counted."""

from __future__ import annotations

from typing import NamedTuple

from helicone_logging import otel
from helicone_logging.redaction import Redactor, redacted
from helicone_logging.values import Scalar

STACKTRACE = "exception.stacktrace"


class Bounded(NamedTuple):
    """Attributes within the limits.

    Args:
        attributes: in their order.
        cut: how many values were longer than allowed.
        dropped: how many attributes were more than allowed.
    """

    attributes: list[otel.Attribute]
    cut: int
    dropped: int


def bounded(attributes: dict[str, Scalar], redact: Redactor | None, value_limit: int, count_limit: int) -> Bounded:
    """Returns attributes redacted and within limits.

    Args:
        attributes: keys and values.
        redact: sees every value before it is cut, so that no secret escapes by being cut in two; a text of more than
            twice the limit is shortened to that first.
        value_limit: characters of one value.
        count_limit: number of attributes; the first ones are kept.
    """
    kept: list[otel.Attribute] = []
    cut = dropped = 0
    for key, raw in attributes.items():
        value = raw if redact is None else redacted(redact, key, _shortened(key, raw, 2 * value_limit))
        if value is None:
            continue
        if len(kept) == count_limit:
            dropped += 1
            continue
        if type(value) is str and len(value) > value_limit:
            value = _shortened(key, value, value_limit)
            cut += 1
        kept.append(otel.attribute(key, value))
    return Bounded(kept, cut, dropped)


def _shortened(key: str, value: Scalar, limit: int) -> Scalar:
    return cut_text(value, limit, from_top=key == STACKTRACE) if isinstance(value, str) else value


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
