"""What a record says of an exception: by the exception itself, or by the text that is left of it.

Where there is an exception, it says what it is. `record.exc_text` is another formatter's cache, which may be coloured,
on one line, or a mere line break (loguru #1282); but a filter or a formatter may have scrubbed it as well, or the text
of the record: then nothing leaves that did not pass there.

Text is read by the shape in which the standard library prints it: https://docs.python.org/3/library/traceback.html.
"""

from __future__ import annotations

import itertools
import re
import traceback
from typing import NamedTuple

from helicone_logging.core.coerce import text_of
from helicone_logging.core.exc_info import exception_in

_UNREADABLE = "<unreadable traceback>"
_COLOURS = re.compile(r"\x1b\[[0-9;]*m")
_ESCAPED = re.compile(r"(?:\\u[0-9a-fA-F]{4})+")
_FORM = str.maketrans(dict.fromkeys(" \t\n\r\v\f\\'\"", ""))
_MARKERS = re.compile(r"^[\s~^]+\n", re.MULTILINE)  # lines that point at a part of the line above


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
        told = split("\n" + written).exception
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
    told = None if text is None else described(text)
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


# ---- Text ----

_HEADER = r"(?:  \+ Exception Group )?Traceback \(most recent call last\):\n(?=\s)"
_CHAINED = (
    r"\n\n(?:The above exception was the direct cause of the following exception:"
    r"|During handling of the above exception, another exception occurred:)\n\n"
)
# A cause that was never raised has no frames. What another process raised is the text of such a one
# (`multiprocessing`, `concurrent.futures`).
_CAUSE = rf'[\w.]+(?:: \n"""\n|(?:: [^\n]*)?{_CHAINED})'
_BEGIN = re.compile(rf"\n(?:{_CAUSE})?{_HEADER}")
_LAST = re.compile(rf"{_CHAINED}(?={_HEADER})")
_STACK = re.compile(r"\nStack \(most recent call last\):\n(?=  )")
_GROUP = "  + "
_IN_GROUP = "  | "
_FRAME = (" ", "> ")  # loguru marks the frame that caught it
_NAMED = re.compile(r"([^\W\d][\w.]*(?:<locals>[\w.]*)*)(?:: ?(.*))?", re.DOTALL)
_NO_EXCEPTION = "NoneType: None"  # what `logging.Formatter` makes of `exc_info=True` where nothing was raised


class SplitText(NamedTuple):
    """What a formatter has put together.

    Args:
        message: what stands before the traceback and the stack.
        exception: what the traceback tells of; None without one.
        stack: the text of `stack_info`; None without one.
    """

    message: str
    exception: ExceptionInfo | None
    stack: str | None


def split(text: str) -> SplitText:
    """Takes the traceback, and the stack behind it, off the end of a message, where `logging.Formatter` puts them."""
    if "\n" not in text:  # as nearly all
        return SplitText(text, None, None)
    begin, stack, exception = _BEGIN.search(text), None, None
    found = _STACK.search(text, begin.end() if begin else 0)
    if found:
        text, stack = text[: found.start()], text[found.start() + 1 :].rstrip("\n")
    if begin:
        text, exception = text[: begin.start()], described(text[begin.start() + 1 :])
    return SplitText(text.removesuffix("\n" + _NO_EXCEPTION), exception, stack)


def described(stacktrace: str) -> ExceptionInfo | None:
    """Returns the exception that a traceback ends with; None where its text says that there is none.

    Its type and message stand behind the frames, at the first line that is not indented. What follows belongs to the
    message, or is a note; nothing tells them apart.

    Args:
        stacktrace: text of any form; without frames, all of it is the type and the message.
    """
    stacktrace = stacktrace.rstrip("\n")
    if stacktrace == _NO_EXCEPTION:
        return None
    last = stacktrace[max((match.end() for match in _LAST.finditer(stacktrace)), default=0) :]
    header = re.search(rf"^{_HEADER}", last, re.MULTILINE)
    lines = _unframed(last[header.start() :] if header else last)
    match = _NAMED.fullmatch("\n".join(lines))
    if match is None:
        return ExceptionInfo("Exception", "\n".join(lines), stacktrace)
    return ExceptionInfo(match[1], match[2] or "", stacktrace)


def is_traceback(value: object) -> bool:
    """Returns whether a value is the text of a traceback."""
    return isinstance(value, str) and re.match(rf"(?:{_CAUSE})?{_HEADER}", value) is not None


def _unframed(block: str) -> list[str]:
    """The lines behind the frames of one traceback; of a group those of the group itself."""
    lines = block.split("\n")
    if block.startswith(_GROUP):
        own = itertools.takewhile(lambda line: not line.startswith("  +-"), lines[1:])
        lines = [lines[0], *(line[len(_IN_GROUP) :] for line in own)]
    if "Traceback (most recent call last):" not in lines[0]:
        return lines
    last = next((place for place, line in enumerate(lines[1:], 1) if line and not line.startswith(_FRAME)), None)
    return lines[last:] if last is not None else lines[-1:]
