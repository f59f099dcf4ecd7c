"""Values that may have come as JSON text: one document, one a line, or the lines of server-sent events."""

from __future__ import annotations

import json

MAX_JSON = 4 * 1024 * 1024  # characters; what is longer is no answer that anybody wants parsed while they wait

_STARTS = ("{", "[", "data:", "event:", ": ")


def parsed(value: object) -> object:
    """Returns what JSON text says; any other value as it is.

    Args:
        value: text or bytes. The lines of a stream, as JSON each or as server-sent events, become a list.
    """
    if not isinstance(value, str | bytes | bytearray) or len(value) > MAX_JSON:
        return value
    text = value if isinstance(value, str) else _decoded(value)
    if text is None or not text[:64].lstrip().startswith(_STARTS):
        return value
    try:
        decoded: object = json.loads(text)
    except (ValueError, RecursionError):
        lines = _lines(text)
        return value if lines is None else lines
    return decoded


def _decoded(value: bytes | bytearray) -> str | None:
    try:
        return value.decode()
    except UnicodeDecodeError:
        return None


def _lines(text: str) -> list[object] | None:
    """What each line says that is JSON; None when a line is neither that nor part of a server-sent event."""
    found: list[object] = []
    for line in text.splitlines():
        data = line.removeprefix("data:").strip()
        if not data or data == "[DONE]" or line.startswith((":", "event:", "id:", "retry:")):
            continue
        try:
            found.append(json.loads(data))
        except (ValueError, RecursionError):
            if data is not line and found:  # the last line of a stream that broke off
                break
            return None
    return found or None
