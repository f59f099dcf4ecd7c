"""What a record says of an exception: from `exc_info`, or from the text that is left of it.

`QueueHandler.prepare` drops `exc_info` and leaves the traceback at the end of the message.
"""

from __future__ import annotations

import re
import traceback
from typing import NamedTuple

from helicone_logging.core.coerce import text_of

_TRACEBACK_HEADER = "Traceback (most recent call last):\n"
_TRACEBACK_BELOW = "\n" + _TRACEBACK_HEADER
_UNREADABLE = "<unreadable traceback>"
_LAST_LINE = re.compile(r"([A-Za-z_][\w.]*)(?:: (.*))?", re.DOTALL)


class ExceptionInfo(NamedTuple):
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


class CapturedException(NamedTuple):
    """An exception as it was when its record was logged; its traceback becomes text when somebody asks.

    Args:
        type: the class' qualified name.
        message: its text.
        traceback: its frames and those of its causes, without their lines of source; None where only text is left.
        text: the traceback as another formatter wrote it; None where nobody has.
    """

    type: str
    message: str
    traceback: traceback.TracebackException | None
    text: str | None

    @property
    def weight(self) -> int:
        """About how many bytes it takes."""
        return 200 * len(self.traceback.stack) + 2 * len(self.message) if self.traceback else 2 * len(self.text or "")

    def described(self) -> ExceptionInfo:
        """Returns it in words; reads lines of source."""
        if self.text is not None:
            return ExceptionInfo(self.type, self.message, self.text)
        try:
            return ExceptionInfo(self.type, self.message, "".join(self.traceback.format()).rstrip("\n"))  # type: ignore[union-attr]
        except Exception:  # noqa: BLE001 - an exception of the user's may be broken, and so may one of its causes
            return ExceptionInfo(self.type, self.message, _UNREADABLE)


def captured(exc_info: object, exc_text: object) -> CapturedException | None:
    """Returns the exception that a record carries.

    Args:
        exc_info: the record's.
        exc_text: the traceback that another formatter has left there; the only source after a `QueueHandler`.
    """
    text = text_of(exc_text) if isinstance(exc_text, str) and exc_text else None
    if isinstance(exc_info, tuple) and len(exc_info) == 3 and isinstance(exc_info[1], BaseException):
        return _from_exception(exc_info[1], text)
    if text is None:
        return None
    told = _from_text(text)
    return CapturedException(told.type, told.message, None, told.stacktrace)


def split_traceback(message: str) -> tuple[str, ExceptionInfo | None]:
    """Takes a traceback off the end of a message.

    Args:
        message: a rendered message, perhaps by another formatter.

    Returns:
        The message before the traceback, and the exception that the traceback tells of.
    """
    before, header, after = message.partition(_TRACEBACK_BELOW)
    return (before, _from_text(_TRACEBACK_HEADER + after)) if header else (message, None)


def _from_exception(error: BaseException, text: str | None) -> CapturedException:
    if text is None:
        try:
            frames = traceback.TracebackException(
                type(error), error, error.__traceback__, lookup_lines=False, compact=True
            )
        except Exception:  # noqa: BLE001 - an exception of the user's may be broken, and so may one of its causes
            frames, text = None, _UNREADABLE
    else:
        frames = None
    return CapturedException(_type_name(type(error)), _message(error), frames, text)


def _type_name(kind: type[BaseException]) -> str:
    return (
        kind.__qualname__ if kind.__module__ in {"builtins", "__main__"} else f"{kind.__module__}.{kind.__qualname__}"
    )


def _message(error: BaseException) -> str:
    try:
        return text_of(str(error))
    except Exception:  # noqa: BLE001 - an exception of the user's may be as broken as any object
        return "<unreadable message>"


def _from_text(stacktrace: str) -> ExceptionInfo:
    """The type and message stand on the first line that is not indented after the last frames."""
    lines = stacktrace.rstrip("\n").split("\n")
    last = max((index for index, line in enumerate(lines) if line.startswith(" ")), default=-1) + 1
    match = _LAST_LINE.fullmatch("\n".join(lines[last:]))
    kind, message = (match[1], match[2] or "") if match else ("Exception", "\n".join(lines[last:]))
    return ExceptionInfo(kind, message, stacktrace.rstrip("\n"))
