"""Keeps private data out of the payload: a redactor sees every text before it becomes bytes."""

from __future__ import annotations

from collections.abc import Callable

from helicone_logging.core.coerce import Scalar, scalar_of

Redactor = Callable[[str, object], object]

MASK = "[redacted]"
FAILED_MASK = "[redacted: the redactor failed]"


def size_of(text: str) -> str:
    """Returns what stands in the place of a text that is not captured."""
    return f"[not captured: {len(text):,} characters]"


def redacted(redactor: Redactor, key: str, value: Scalar) -> Scalar | None:
    """Returns what a redactor leaves of a value.

    Args:
        redactor: called with the attribute's key and value; None for the whole attribute to be left out.
        key: the attribute's name.
        value: its text or int.

    Returns:
        None for an attribute to leave out; a mask, never the raw value, when the redactor raises.
    """
    try:
        result = redactor(key, value)
    except Exception:  # noqa: BLE001 - a redactor that fails must neither leak nor raise into the application
        return FAILED_MASK
    return None if result is None else scalar_of(result)
