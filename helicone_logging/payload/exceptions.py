"""What a record says of an exception: by the exception itself, or by the text that is left of it.

Where there is an exception, it says what it is. `record.exc_text` is another formatter's cache, which may be coloured,
on one line, or a mere line break (loguru #1282); but a filter or a formatter may have scrubbed it as well, or the text
of the record: then nothing leaves that did not pass there.
"""

from __future__ import annotations

import re
import traceback
from typing import NamedTuple

from helicone_logging.core.coerce import text_of
from helicone_logging.core.exc_info import exception_in
from helicone_logging.payload import traceback_text
from helicone_logging.payload.traceback_text import ExceptionInfo

_UNREADABLE = "<unreadable traceback>"
_COLOURS = re.compile(r"\x1b\[[0-9;]*m")
_ESCAPED = re.compile(r"(?:\\u[0-9a-fA-F]{4})+")
_FORM = str.maketrans(dict.fromkeys(" \t\n\r\v\f\\'\"", ""))
_MARKERS = re.compile(r"^[\s~^]+\n", re.MULTILINE)  # lines that point at a part of the line above


class CapturedException(NamedTuple):
    """An exception as it was when its record was logged; its traceback becomes text when somebody asks.

    Args:
        type: the class' qualified name.
        message: its text.
        traceback: its frames and those of its causes, without their lines of source; None where only text is left.
        text: the traceback as another formatter wrote it; None where nobody has.
        rendered: the text of the record as another formatter wrote it, which may hold the traceback; None likewise.
    """

    type: str
    message: str
    traceback: traceback.TracebackException | None
    text: str | None = None
    rendered: str | None = None

    @property
    def weight(self) -> int:
        """About how many bytes it takes."""
        frames = 200 * len(self.traceback.stack) if self.traceback else 0
        return frames + 2 * (len(self.message) + len(self.text or "") + len(self.rendered or ""))

    def described(self) -> ExceptionInfo:
        """Returns it in words; reads lines of source."""
        own = self._printed()
        for written in (self.rendered, self.text):
            if written is not None and (own is None or not _says_all(written, own)):
                return self._as_written(written)
        return ExceptionInfo(self.type, self.message, _UNREADABLE if own is None else own)

    def _printed(self) -> str | None:
        """What the standard library prints of it; None where that is not to be had."""
        try:
            return None if self.traceback is None else "".join(self.traceback.format()).rstrip("\n")
        except Exception:  # noqa: BLE001 - an exception of the user's may be broken, and so may one of its causes
            return None

    def _as_written(self, written: str) -> ExceptionInfo:
        """What of it has passed whoever wrote the text: its own message only where that stands in it."""
        told = traceback_text.split("\n" + written).exception
        message = told.message if told else ""
        if _bare(self.message) in _bare(written):
            message = self.message
        if written is self.text:
            return ExceptionInfo(self.type, message, written.rstrip("\n"))
        return ExceptionInfo(self.type, message, told.stacktrace if told else "")


def captured(exc_info: object, exc_text: object, rendered: str | None = None) -> CapturedException | None:
    """Returns the exception that a record carries.

    Args:
        exc_info: an exception, a tuple with one as `sys.exc_info()` returns it, or what is true for the one that is
            handled now.
        exc_text: the traceback that another formatter has left there; the only source after a `QueueHandler`.
        rendered: the text of the record as the handler's own formatter wrote it.
    """
    text = text_of(exc_text) if isinstance(exc_text, str) and exc_text.strip() else None
    error = exception_in(exc_info)
    if error is not None:
        return CapturedException(_type_name(type(error)), _message(error), _frames(error), text, rendered)
    told = None if text is None else traceback_text.described(text)
    return None if told is None else CapturedException(told.type, told.message, None, told.stacktrace)


def _frames(error: BaseException) -> traceback.TracebackException | None:
    try:
        return traceback.TracebackException(type(error), error, error.__traceback__, lookup_lines=False, compact=True)
    except Exception:  # noqa: BLE001 - an exception of the user's may be broken, and so may one of its causes
        return None


def _type_name(kind: type[BaseException]) -> str:
    return (
        kind.__qualname__ if kind.__module__ in {"builtins", "__main__"} else f"{kind.__module__}.{kind.__qualname__}"
    )


def _message(error: BaseException) -> str:
    try:
        return text_of(str(error))
    except Exception:  # noqa: BLE001 - an exception of the user's may be as broken as any object
        return "<unreadable message>"


def _says_all(written: str, own: str) -> bool:
    """Whether a text has all that an exception prints, in any form: coloured, as JSON, or on one line."""
    if own in written:
        return True
    text, place = _bare(written), 0
    for line in _MARKERS.sub("", own).split("\n"):
        bare = _bare(line)
        place = text.find(bare, place)
        if place < 0:
            return False
        place += len(bare)
    return True


def _bare(text: str) -> str:
    """A text without its form: colours, blanks, line breaks, quotes, and what `repr` or JSON escape."""
    return _ESCAPED.sub(_unescaped, _COLOURS.sub("", text)).translate(_FORM)


def _unescaped(match: re.Match[str]) -> str:
    units = bytes.fromhex(match[0].replace("\\u", ""))
    return units.decode("utf-16-be", "replace")
