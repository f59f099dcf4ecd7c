"""Keeps private data out of the payload: a redactor sees every text before it waits in the queue."""

from __future__ import annotations

from collections.abc import Callable

from helicone_logging.core import notices
from helicone_logging.core.coerce import scalar_of, text_of
from helicone_logging.payload.span import Value

Redactor = Callable[[str, object], object]

MASK = "[redacted]"
FAILED_MASK = "[redacted: the redactor failed]"


def not_captured(text: str) -> str:
    """Returns what stands in the place of a text that is not captured."""
    return f"[not captured: {len(text):,} characters]"


def redacted(redactor: Redactor, key: str, value: Value) -> Value | None:
    """Returns what a redactor leaves of a value.

    Args:
        redactor: called with the attribute's key and its value as text, that of a number included; None for the whole
            attribute to be left out.
        key: the attribute's name.
        value: what it holds.

    Returns:
        None for an attribute to leave out; a mask, never the raw value, when the redactor raises. Text where it was
        text, as the server fails on a number in the place of one.
    """
    seen = value if type(value) is str else str(scalar_of(value))
    try:
        result = redactor(key, seen)
        is_same = result is seen or (type(result) is str and result == seen)
    except Exception as error:  # noqa: BLE001 - a redactor that fails must neither leak nor raise into the application
        what = f"the redactor raised {type(error).__name__}, so `{FAILED_MASK}` is sent in the place of a value"
        notices.report_once("redactor", f"{what}. This is told once")
        return FAILED_MASK
    if is_same:
        return value
    if result is None:
        return None
    return text_of(result) if type(value) is str else scalar_of(result)
