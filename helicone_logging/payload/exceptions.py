"""What a record says of an exception: from `exc_info`, or from the text that is left of it.

`QueueHandler.prepare` drops `exc_info` and leaves the traceback at the end of the message.
"""

from __future__ import annotations

import logging
import re
import traceback
from typing import NamedTuple

_TRACEBACK_HEADER = "Traceback (most recent call last):\n"
_TRACEBACK_BELOW = "\n" + _TRACEBACK_HEADER
_LAST_LINE = re.compile(r"([A-Za-z_][\w.]*)(?:: (.*))?", re.DOTALL)


class Failure(NamedTuple):
    """An exception as OpenTelemetry describes it.

    Args:
        type: the class' qualified name, such as `ValueError` or `openai.RateLimitError`.
        message: its text.
        stacktrace: the whole traceback with its chained causes.
    """

    type: str
    message: str
    stacktrace: str

    @property
    def summary(self) -> str:
        """Type and text, as the traceback's last line has them."""
        return f"{self.type}: {self.message}" if self.message else self.type


def has_failure(record: logging.LogRecord, message: str) -> bool:
    """Returns whether a record may tell of an exception, by itself or at the end of its rendered message."""
    return bool(record.exc_info or record.exc_text or _TRACEBACK_BELOW in message)


def failure_of(record: logging.LogRecord) -> Failure | None:
    """Returns the exception that a record carries in `exc_info` or, after another formatter, in `exc_text`."""
    if not record.exc_info and not record.exc_text:
        return None
    info: object = record.exc_info
    if isinstance(info, tuple) and len(info) == 3 and isinstance(info[1], BaseException):
        return _from_exception(info[1], record.exc_text)
    text: object = record.exc_text
    return _from_text(text) if isinstance(text, str) and text else None


def split_traceback(message: str) -> tuple[str, Failure | None]:
    """Takes a traceback off the end of a message.

    Args:
        message: a rendered message, perhaps by another formatter.

    Returns:
        The message before the traceback, and the exception that the traceback tells of.
    """
    before, header, after = message.partition(_TRACEBACK_BELOW)
    return (before, _from_text(_TRACEBACK_HEADER + after)) if header else (message, None)


def _from_exception(error: BaseException, formatted: object) -> Failure:
    if not isinstance(formatted, str) or not formatted:
        formatted = _formatted(error)
    return Failure(_type_name(type(error)), _message(error), formatted)


def _formatted(error: BaseException) -> str:
    try:
        return "".join(traceback.format_exception(type(error), error, error.__traceback__)).rstrip("\n")
    except Exception:  # noqa: BLE001 - an exception of the user's may be broken, and so may one of its causes
        return "<unreadable traceback>"


def _type_name(kind: type[BaseException]) -> str:
    return (
        kind.__qualname__ if kind.__module__ in {"builtins", "__main__"} else f"{kind.__module__}.{kind.__qualname__}"
    )


def _message(error: BaseException) -> str:
    try:
        return str(error)
    except Exception:  # noqa: BLE001 - an exception of the user's may be as broken as any object
        return "<unreadable message>"


def _from_text(stacktrace: str) -> Failure:
    """The type and message stand on the first line that is not indented after the last frames."""
    lines = stacktrace.rstrip("\n").split("\n")
    last = max((index for index, line in enumerate(lines) if line.startswith(" ")), default=-1) + 1
    match = _LAST_LINE.fullmatch("\n".join(lines[last:]))
    kind, message = (match[1], match[2] or "") if match else ("Exception", "\n".join(lines[last:]))
    return Failure(kind, message, stacktrace.rstrip("\n"))
