"""Tracebacks as text: found at the end of a message, and read by the shape in which the standard library prints them.

https://docs.python.org/3/library/traceback.html; where there is an exception, nobody has to read its text.
"""

from __future__ import annotations

import re
from typing import NamedTuple

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
    if not stacktrace.strip() or stacktrace == _NO_EXCEPTION:
        return None
    begin = max((match.end() for match in _LAST.finditer(stacktrace)), default=0)
    if re.match(_HEADER, stacktrace[begin:]) is None:
        header = re.search(rf"^{_HEADER}", stacktrace[begin:], re.MULTILINE)
        begin += header.start() if header else 0
    lines = _unframed(stacktrace[begin:])
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
        own = [line for line in lines[1:] if line.startswith(_IN_GROUP.rstrip())]
        nested = next((place for place, line in enumerate(lines[1:]) if line.startswith("  +-")), len(own))
        lines = [lines[0], *(line[len(_IN_GROUP) :] for line in own[:nested])]
    if "Traceback (most recent call last):" not in lines[0]:
        return lines
    last = next((place for place, line in enumerate(lines[1:], 1) if line and not line.startswith(_FRAME)), None)
    return lines[last:] if last is not None else lines[-1:]
