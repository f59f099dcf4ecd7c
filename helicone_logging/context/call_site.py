"""The call site of a span: what `%(pathname)s`, `%(lineno)d` and `%(funcName)s` of its record show."""

from __future__ import annotations

import functools
import os
from collections.abc import Callable
from types import CodeType, FrameType
from typing import Any, NamedTuple

_STANDARD_LIBRARY = os.path.dirname(os.__file__)  # noqa: PTH120 - pathlib loads slowly
_INSTALLED = {"site-packages", "dist-packages"}


class CallSite(NamedTuple):
    """Where a span was written, or the function that it decorates was called.

    Args:
        module: the module's dotted name, after which the default logger is named.
        pathname: its file.
        lineno: the line.
        function: the function's name.
    """

    module: str
    pathname: str
    lineno: int
    function: str


def of_frame(frame: FrameType) -> CallSite:
    """Returns the line that a frame is at."""
    code = frame.f_code
    return CallSite(frame.f_globals.get("__name__", "root"), code.co_filename, frame.f_lineno, code.co_name)


def of_function(function: Callable[..., Any]) -> CallSite | None:
    """Returns where a function was written, or None for what has no Python code."""
    code = getattr(function, "__code__", None)
    if not isinstance(code, CodeType):
        return None
    # A function has no module where the globals it was executed with have no `__name__`.
    return CallSite(function.__module__ or "root", code.co_filename, code.co_firstlineno, code.co_name)


def of_call(caller: FrameType, own: CallSite) -> CallSite:
    """Returns the line that calls a decorated function; the function's own, where a library calls it.

    Event loops, thread pools and web frameworks call what was handed to them elsewhere: nobody looks there for the
    origin of a record.
    """
    module = caller.f_globals.get("__name__", "")
    if _is_library(caller.f_code.co_filename) and _package(module) != _package(own.module):
        return own
    return of_frame(caller)._replace(module=own.module)


def _package(module: str) -> str:
    return module.partition(".")[0]


@functools.lru_cache(1024)
def _is_library(filename: str) -> bool:
    return filename.startswith(_STANDARD_LIBRARY) or not _INSTALLED.isdisjoint(filename.replace("\\", "/").split("/"))
