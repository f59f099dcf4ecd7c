"""`span()`: a piece of work with a beginning and an end, logged as one record when it ends."""

from __future__ import annotations

import contextlib
import logging
import sys
import time
import traceback
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import CodeType, FrameType, TracebackType
from typing import Any, NamedTuple, overload

from helicone_logging.context import decorators, session_path, stack
from helicone_logging.context.binding import ambient, resolved, trace_text
from helicone_logging.core import ids

# They say whose the work is and which session it belongs to, so all that happens inside belongs there too.
_INHERITED = ("user_id", "session_id", "session_name")
_AROUND = (*_INHERITED, "trace_id", "parent_span_id")
_ORDINARY_ENDS = (GeneratorExit, StopIteration, StopAsyncIteration)
# They call what was handed to them from elsewhere: nobody looks there for the origin of a record.
_RUNNERS = {"asyncio", "concurrent", "threading"}


class Origin(NamedTuple):
    """Where a span was written: what `%(pathname)s`, `%(lineno)d` and `%(funcName)s` show.

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


class Outcome(NamedTuple):
    """How a span ended.

    Args:
        level: what its record is logged at, where that is higher than the span's own level.
        error: the exception it is logged with.
        properties: Helicone properties that tell more.
    """

    level: int = logging.NOTSET
    error: BaseException | None = None
    properties: Mapping[str, object] = {}


@dataclass
class _Run:
    """A span that is open.

    Args:
        around: what its record is logged in: what was bound outside, and its trace.
        identity: its ids and its path; they stay what they were when the span began.
        fields: the user's fields.
        started: when it began, in nanoseconds since the epoch.
        clock: the same on a clock that nobody sets.
        is_logged: whether it has ended.
    """

    around: stack.Inside
    identity: dict[str, object]
    fields: dict[str, object]
    started: int
    clock: int
    is_logged: bool = False


@overload
def span(name: decorators.Function, /) -> decorators.Function: ...
@overload
def span(
    name: str | None = None, logger: logging.Logger | str | None = None, level: int = logging.INFO, **fields: object
) -> Span: ...


def span(
    name: str | Callable[..., Any] | None = None,
    logger: logging.Logger | str | None = None,
    level: int = logging.INFO,
    **fields: object,
) -> object:
    """Logs a piece of work as one record when it ends, and makes it the parent of all that is logged inside.

    A context manager for `with` and `async with`, and a decorator, with or without parentheses, for functions,
    coroutine functions and generators of both kinds. The message is the name. An exception that passes is logged at
    ERROR, and passes on. What ends the work from outside (`asyncio.CancelledError`, `KeyboardInterrupt`,
    `SystemExit`) is logged at WARNING, without a traceback but with the property `cancelled`. `GeneratorExit`,
    `StopIteration` and `StopAsyncIteration` are ordinary ends.

    The trace is the one given, else the one bound, else a new one. `user_id`, `session_id` and `session_name` hold
    for all that is logged inside; the other fields are the span's own.

    Args:
        name: what the work is called; None for the name of the decorated function, or of the one around `with`.
        logger: a logger or its name; None for the one named after the module.
        level: the record's level. Where the logger ignores it, the span binds, and logs nothing.
        **fields: fields of `extra=`.

    Returns:
        A `Span`, not yet entered; without parentheses, the decorated function.

    Raises:
        TypeError: `logger` is neither a logger nor its name.
    """
    origin = _origin_of(sys._getframe(1))
    if callable(name):
        return Span(None, logger, level, fields, origin)(name)
    return Span(None if name is None else str(name), logger, level, fields, origin)


class Span:
    """What `span()` returns.

    Entered again while it is open, it stays one span, which the outermost `with` ends. Entered after its end, it is
    a new span of the same name. Never entered, or ended without being open, it logs nothing. Ended in another task
    or thread, it is logged with the context it was entered in, and what is bound there stays as it is. Tasks that
    run at once need an object each; the decorator makes one for every call.

    Args:
        name: what the work is called; None for the function of the origin.
        logger: a logger, its name, or None for the one named after the origin's module.
        level: the record's level.
        fields: the span's fields.
        origin: where it was written.
    """

    def __init__(
        self,
        name: str | None,
        logger: logging.Logger | str | None,
        level: int,
        fields: Mapping[str, object],
        origin: Origin,
    ) -> None:
        if logger is not None and not isinstance(logger, logging.Logger | str):
            raise TypeError(f"logger={logger!r} cannot work: give a logging.Logger or its name")
        self._name = name
        self._logger = logger
        self._level = level
        self._given = fields
        self._origin = origin
        self._entries = 0
        self._run: _Run | None = None

    @property
    def trace_id(self) -> str:
        """The trace, as it was written; empty before the span is entered."""
        return "" if self._run is None else trace_text(self._run.identity["trace_id"]) or ""

    @property
    def span_id(self) -> str:
        """16 hexadecimal digits; empty before the span is entered."""
        return "" if self._run is None else str(self._run.identity["span_id"])

    @property
    def traceparent(self) -> str:
        """The W3C `traceparent` that names this span as the parent; empty before the span is entered."""
        trace = ids.trace_id(self.trace_id)
        return "" if trace is None else ids.format_traceparent(trace, self.span_id)

    def set(self, /, **fields: object) -> None:
        """Adds fields to the record of an open span; before it is entered and after its end, nothing happens.

        Args:
            **fields: fields of `extra=`; `None` and `""` are as if absent, `properties` are merged. The ids and the
                path are what they were when the span began.
        """
        if self._run is not None:
            self._run.fields = stack.merged(self._run.fields, resolved(fields))

    def __enter__(self) -> Span:
        self._entries += 1
        if self._entries == 1:
            self._run = self._begin()
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None = None,
        exc: BaseException | None = None,
        traceback: TracebackType | None = None,
    ) -> None:
        self.end(outcome_of(exc))

    async def __aenter__(self) -> Span:
        return self.__enter__()

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None = None,
        exc: BaseException | None = None,
        traceback: TracebackType | None = None,
    ) -> None:
        self.end(outcome_of(exc))

    def __call__(self, function: decorators.Function) -> decorators.Function:
        name = self._name or getattr(function, "__qualname__", type(function).__qualname__)
        own = origin_of_function(function) or self._origin

        def opener() -> Span:
            return Span(name, self._logger, self._level, self._given, _origin_of_call(sys._getframe(2), own))

        return decorators.wrapped(function, opener)

    def end(self, outcome: Outcome) -> None:
        """Ends the span and logs it, unless it is not open, or was entered more than once."""
        self._entries = max(0, self._entries - 1)
        if self._entries:
            return
        stack.drop(self)
        if self._run is None or self._run.is_logged:
            return
        self._run.is_logged = True
        try:
            self._log(self._run, outcome)
        except Exception:  # noqa: BLE001 - a filter of the application's may raise, and hide what ended the block
            _complain()

    def _begin(self) -> _Run:
        given = dict(self._given)
        span_id = ids.span_id(given.pop("span_id", None)) or ids.new_span_id()
        given = resolved(given)
        shared = {name: given[name] for name in _INHERITED if name in given}
        around = stack.merged(ambient(), {name: given[name] for name in _AROUND if name in given})
        around.setdefault("trace_id", ids.new_trace_id())
        path = self._path(given.get("session_path"), around.get("parent_path"))
        identity = {"trace_id": around["trace_id"], "span_id": span_id, "session_path": path}
        if "parent_span_id" in around:
            identity["parent_span_id"] = around["parent_span_id"]
        inside = {**shared, "trace_id": around["trace_id"], "parent_span_id": span_id, "parent_path": path}
        stack.push(self, inside)
        return _Run(stack.Inside(around), identity, given, time.time_ns(), time.perf_counter_ns())

    def _path(self, explicit: object, parent: object) -> str:
        if isinstance(explicit, str):
            return session_path.clean_path(explicit)
        return session_path.join(parent if isinstance(parent, str) else "", self._name or self._origin.function)

    def _log(self, run: _Run, outcome: Outcome) -> None:
        logger = self._logger
        if not isinstance(logger, logging.Logger):
            # Looked up late, as `dictConfig` disables the loggers that are there before it.
            logger = logging.getLogger(logger or self._origin.module)
        level = max(self._level, outcome.level)
        if not logger.isEnabledFor(level):
            return
        error, (_, pathname, lineno, function) = outcome.error, self._origin
        exc_info = None if error is None else (type(error), error, error.__traceback__)
        name = self._name or function
        extra = {"helicone": self._fields(run, name, outcome)}
        with run.around:
            logger.handle(logger.makeRecord(logger.name, level, pathname, lineno, name, (), exc_info, function, extra))

    @staticmethod
    def _fields(run: _Run, name: str, outcome: Outcome) -> dict[str, object]:
        ended = run.started + time.perf_counter_ns() - run.clock
        fields: dict[str, object] = {"span_name": name, "start_time": run.started, "end_time": ended, **run.fields}
        if outcome.properties:
            fields = stack.merged(fields, {"properties": dict(outcome.properties)})
        fields.pop("parent_span_id", None)
        return {**fields, **run.identity}


def outcome_of(error: BaseException | None) -> Outcome:
    """Returns how a span ended that an exception passed through, or None did."""
    if error is None or isinstance(error, _ORDINARY_ENDS):
        return Outcome()
    if isinstance(error, Exception):
        return Outcome(logging.ERROR, error)
    return Outcome(logging.WARNING, properties={"cancelled": "true"})


def _origin_of(frame: FrameType) -> Origin:
    code = frame.f_code
    return Origin(frame.f_globals.get("__name__", "root"), code.co_filename, frame.f_lineno, code.co_name)


def _origin_of_call(caller: FrameType, own: Origin) -> Origin:
    """The line that calls a decorated function; its own, where the call comes from an event loop or a thread."""
    origin = _origin_of(caller)
    return own if origin.module.partition(".")[0] in _RUNNERS else origin._replace(module=own.module)


def origin_of_function(function: Callable[..., Any]) -> Origin | None:
    """Returns where a function was written, or None for what has no Python code."""
    code = getattr(function, "__code__", None)
    if not isinstance(code, CodeType):
        return None
    return Origin(function.__module__, code.co_filename, code.co_firstlineno, code.co_name)


def _complain() -> None:
    """Shows the exception as logging's own handlers do."""
    if logging.raiseExceptions:
        with contextlib.suppress(Exception):
            traceback.print_exc()
