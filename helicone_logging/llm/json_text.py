"""Values that may have come as JSON text: one document, one a line, or the lines of server-sent events."""

from __future__ import annotations

import json
import re

MAX_JSON = 4 * 1024 * 1024  # characters; what is longer is no answer that anybody wants parsed while they wait

_LINE_END = re.compile(r"\r\n|\n|\r")  # of server-sent events; JSON may hold what else Python takes for one
_FIELDS = ("data:", "event:", "id:", "retry:")
_MAX_CHARACTER = 4  # bytes in UTF-8
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


def is_prose(value: object) -> bool:
    """Returns whether a value is text that does not even begin like JSON.

    Args:
        value: any value.
    """
    return type(value) is str and bool(value.strip()) and not value[:64].lstrip().startswith(_STARTS)


def _decoded(value: bytes | bytearray) -> str | None:
    try:
        return value.decode()
    except UnicodeDecodeError as error:
        is_cut = error.end == len(value) and len(value) - error.start < _MAX_CHARACTER
        return value[: error.start].decode() if is_cut else None


def _lines(text: str) -> list[object] | None:
    """What each line says that is JSON; None when a line is neither that nor part of a server-sent event."""
    found: list[object] = []
    lines = _LINE_END.split(text)
    for number, line in enumerate(lines, 1):
        data = line.removeprefix("data:").strip()
        if not data or data == "[DONE]" or line.startswith((":", *_FIELDS[1:])):
            continue
        try:
            found.append(json.loads(data))
        except (ValueError, RecursionError):
            if found and (data is not line or (number == len(lines) and _is_begun(line))):  # a stream that broke off
                break
            return None
    return found or None


def _is_begun(line: str) -> bool:
    """Whether a line may go on as JSON, or as a field of a server-sent event."""
    return line.startswith("{") or any(field.startswith(line) for field in _FIELDS)
