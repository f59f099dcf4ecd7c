"""`span()`: a piece of work with a beginning and an end, logged as one record when it ends."""

from __future__ import annotations

import logging
import sys
import time
import traceback
from collections.abc import AsyncGenerator, AsyncIterable, Callable, Generator, Iterable, Mapping
from typing import Any, NamedTuple, TypeVar, overload

from helicone_logging.context import binding, call_site, decorators, session_path, stack, streams
from helicone_logging.context.call_site import CallSite
from helicone_logging.core import check, clock, ids, notices
from helicone_logging.core.coerce import text_of
from helicone_logging.core.safe_vars import is_text

# They say whose the work is and which session it belongs to, so all that happens inside belongs there too.
_INHERITED = ("user_id", "session_id", "session_name")
_AROUND = (*_INHERITED, "trace_id", "parent_span_id")
_NAMES_AROUND = frozenset(_AROUND)
_ORDINARY_ENDS = (GeneratorExit, StopIteration, StopAsyncIteration)

_NOT_OPEN = (
    "a span was given something by `set` or `collect` before it was entered or after its end, which is in no record"
    " (its `span()` is at {}:{}). Do so inside its `with` block. This is told once"
)

_Chunk = TypeVar("_Chunk")


class SpanStatus(NamedTuple):
    """How a span ended.

    Args:
        level: what its record is logged at, where that is higher than the span's own level.
        error: the exception it is logged with.
        properties: Helicone properties that tell more.
    """

    level: int = logging.NOTSET
    error: BaseException | None = None
    properties: Mapping[str, object] = {}


_OK = SpanStatus()
_CANCELLED = SpanStatus(logging.WARNING, properties={"cancelled": "true"})


class _Run:
    """A span that is open.

    Args:
        around: what its record is logged in: what was bound outside, and its trace.
        identity: its ids and its path; they stay what they were when the span began.
        fields: the user's fields.
        entry: what it has bound.
    """

    __slots__ = ("around", "began", "chunks", "entry", "fields", "identity", "is_ended", "is_logged", "started")

    def __init__(
        self,
        around: dict[str, object],
        identity: dict[str, object],
        fields: dict[str, object],
        entry: stack.BindingToken,
    ) -> None:
        self.around = around
        self.identity = identity
        self.fields = fields
        self.entry = entry
        self.chunks: streams.Chunks | None = None
        self.is_ended = self.is_logged = False  # one that waits for the end of a stream is not logged yet
        self.started = clock.time_ns()
        self.began = time.perf_counter_ns()  # the same on a clock that nobody sets


@overload
def span(name: decorators.Function, /) -> decorators.Function: ...
@overload
def span(
    name: str | None = None,
    logger: logging.Logger | str | None = None,
    level: int | str = logging.INFO,
    **fields: object,
) -> Span: ...


def span(
    name: str | Callable[..., Any] | None = None,
    logger: logging.Logger | str | None = None,
    level: int | str = logging.INFO,
    **fields: object,
) -> object:
    """Logs a piece of work as one record when it ends, and makes it the parent of all that is logged inside.

    A context manager for `with` and `async with`, and a decorator, with or without parentheses, for functions,
    coroutine functions and generators of both kinds. The message is the name. An exception that passes is logged at
    ERROR, and passes on. What ends the work from outside (`asyncio.CancelledError`, `KeyboardInterrupt`,
    `SystemExit`) is logged at WARNING, without a traceback but with the property `cancelled`. `GeneratorExit`,
    `StopIteration` and `StopAsyncIteration` are ordinary ends. A group of exceptions is an error if one of them is.

    The trace is the one given, else the one bound, else a new one. `user_id`, `session_id` and `session_name` hold
    for all that is logged inside; the other fields are the span's own.

    Args:
        name: what the work is called; None for the name of the decorated function, or of the one around `with`.
        logger: a logger or its name; None for the one named after the module.
        level: the record's level, a number or a name. Where the logger ignores it, the span binds, and logs nothing.
        **fields: fields of `extra=`.

    Returns:
        A `Span`, not yet entered; without parentheses, the decorated function.

    Raises:
        TypeError: `name` is a logger, or `logger` neither one nor its name.
        ConfigurationError: `level` is no level.

    .. versionadded:: 0.1
    """
    site = call_site.of_frame(sys._getframe(1))
    if callable(name):
        return Span(None, logger, level, fields, site)(name)
    if issubclass(type(name), logging.Logger):
        raise TypeError(f'name={name!r} cannot work: give a text before the logger, as in span("answer", logger)')
    return Span(text_of(name), logger, level, fields, site)


class Span:
    """What `span()` returns.

    Entered again while it is open, it stays one span, which the outermost `with` ends. Entered after its end, it is
    a new span of the same name. Never entered, or ended without being open, it logs nothing. Ended in another task
    or thread, it is logged with the context it was entered in, and ends there. Tasks that run at once need an object
    each; the decorator makes one for every call.
    """

    def __init__(
        self,
        name: str | None,
        logger: logging.Logger | str | None,
        level: int | str,
        fields: Mapping[str, object],
        site: CallSite,
    ) -> None:
        if logger is not None and not isinstance(logger, (logging.Logger, str)):
            raise TypeError(f"logger={logger!r} cannot work: give a logging.Logger or its name")
        self._name = name or site.function
        self._is_named = bool(name)
        self._logger = logger
        self._level = _number_of(level)
        self._given = fields
        self._site = site
        self._entries = 0
        self._run: _Run | None = None

    def __repr__(self) -> str:
        state = "not entered" if self._run is None else "ended" if self._run.is_ended else "open"
        named = f" {self.trace_id} {self.span_id}" if self._run else ""
        return f"<{type(self).__name__} {self._name!r}{named} ({state})>"

    @property
    def trace_id(self) -> str:
        """The trace, as it was written; empty before the span is entered."""
        return "" if self._run is None else binding.trace_text(self._run.identity["trace_id"]) or ""

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
        """Adds fields to the record of an open span; for one that is not open they are lost, which stderr says once.

        Args:
            **fields: fields of `extra=`; `None` and `""` are as if absent, `properties` are merged. The ids and the
                path are what they were when the span began.
        """
        run = self._open_run()
        if run is not None:
            run.fields = stack.merged(run.fields, binding.resolved(fields))

    @overload
    def collect(self, stream: Iterable[_Chunk], /) -> Generator[_Chunk, None, None]: ...
    @overload
    def collect(self, stream: AsyncIterable[_Chunk], /) -> AsyncGenerator[_Chunk, None]: ...

    def collect(self, stream: Any, /) -> Any:
        """Passes on what a model streams, chunk by chunk, and keeps it for the record as `llm_response`.

        The record has what has come when the span ends: all of a stream that was read to its end, and what there
        was of one that broke off or was left. Where nobody has begun to read it by then, as in a streamed answer of
        a web framework, the record is logged when the stream is over. An `llm_response` that is set by hand wins. Of
        more than 20,000 chunks, or of text of more than 16 MiB, the first ones and the last 16 are kept; all are
        passed on. Plain texts, such as tokens, are joined to the answer.

        Args:
            stream: an iterable or an async iterable of chunks: an SDK's stream, or a generator. Whoever closes what
                is returned closes it too.

        Returns:
            A generator of the same kind.

        .. versionadded:: 0.2
        """
        chunks = streams.Chunks()
        run = self._open_run()
        if run is not None:
            run.chunks = chunks
        return chunks.pass_on(stream)

    def _open_run(self) -> _Run | None:
        run = self._run
        if run is None or run.is_logged:
            notices.report_once("late", _NOT_OPEN.format(self._site.pathname, self._site.lineno))
        return run

    def __enter__(self) -> Span:
        if not self._entries:
            self._begin()
        self._entries += 1
        return self

    def __exit__(
        self, exc_type: type[BaseException] | None = None, exc: BaseException | None = None, *_: object
    ) -> None:
        run = self._left()
        if run is None:
            return
        chunks = run.chunks
        if exc is not None or chunks is None or not chunks.postpone(lambda error: self._log(run, error)):
            self._log(run, exc)

    async def __aenter__(self) -> Span:
        return self.__enter__()

    async def __aexit__(self, *exc_info: Any) -> None:
        self.__exit__(*exc_info)

    def end(self, status: SpanStatus) -> None:
        """Ends the span and logs it, unless it is not open, or was entered more than once."""
        run = self._left()
        if run is not None:
            self._log(run, None, status)

    def __call__(self, function: decorators.Function) -> decorators.Function:
        name = self._name if self._is_named else getattr(function, "__qualname__", type(function).__qualname__)
        own = call_site.of_function(function) or self._site

        def opener() -> Span:
            return Span(name, self._logger, self._level, self._given, call_site.of_call(sys._getframe(2), own))

        return decorators.wrapped(function, opener)

    def _begin(self) -> None:
        given = binding.resolved(self._given) if self._given else {}
        around = dict(binding.current())
        own: dict[str, object] = {}
        if not _NAMES_AROUND.isdisjoint(given):
            around = stack.merged(around, {name: given[name] for name in _AROUND if name in given})
            own = {name: given[name] for name in _INHERITED if name in given}
        trace_id = around.get("trace_id")
        if trace_id is None:
            trace_id = around["trace_id"] = ids.new_trace_id()
        span_id = (ids.span_id(self._given["span_id"]) if "span_id" in self._given else None) or ids.new_span_id()
        path = self._path(given.get("session_path"), around.get("parent_path"))
        identity = {"trace_id": trace_id, "span_id": span_id, "session_path": path}
        if "parent_span_id" in around:
            identity["parent_span_id"] = around["parent_span_id"]
        own["trace_id"], own["parent_span_id"], own["parent_path"] = trace_id, span_id, path
        inside = {**around, "parent_span_id": span_id, "parent_path": path}
        self._run = _Run(around, identity, given, stack.enter(own, inside))

    def _path(self, explicit: object, parent: object) -> str:
        if is_text(explicit):
            return session_path.clean_path(explicit)
        return session_path.join(parent if is_text(parent) else "", self._name)

    def _left(self) -> _Run | None:
        """Undoes what the span has bound, before anything that may fail; returns the run to log, if it ends now."""
        run = self._run
        if self._entries > 1:
            self._entries -= 1
            return None
        self._entries = 0
        if run is None or run.is_ended:
            return None
        run.is_ended = True
        stack.leave(run.entry)
        return run

    def _log(self, run: _Run, error: BaseException | None, status: SpanStatus | None = None) -> None:
        run.is_logged = True
        try:
            self._emit(run, status or status_of(error))
        except Exception:  # noqa: BLE001 - a filter of the application's may raise, and hide what ended the block
            try:  # noqa: SIM105 - `suppress` is a call more, and after a RecursionError there is no room for it
                _complain()
            except Exception:  # noqa: BLE001, S110 - nothing of ours may hide what ended the block
                pass

    def _emit(self, run: _Run, status: SpanStatus) -> None:
        module, pathname, lineno, function = self._site
        logger = self._logger
        if logger is None or isinstance(logger, str):
            # Looked up late, as `dictConfig` disables the loggers that are there before it.
            logger = logging.getLogger(logger or module)
        level = max(self._level, status.level)
        if not logger.isEnabledFor(level):
            return
        error = status.error
        exc_info = None if error is None else (type(error), error, error.__traceback__)
        extra = {"helicone": self._fields(run, status)}
        record = logger.makeRecord(logger.name, level, pathname, lineno, self._name, (), exc_info, function, extra)
        with stack.ContextSnapshot(run.around):
            logger.handle(record)

    def _fields(self, run: _Run, status: SpanStatus) -> dict[str, object]:
        started = run.started
        ended = started + time.perf_counter_ns() - run.began
        fields: dict[str, object] = {"span_name": self._name, "start_time": started, "end_time": ended, **run.fields}
        if run.chunks is not None and "llm_response" not in fields:
            fields["llm_response"] = run.chunks.response()
        if status.properties:
            fields = stack.merged(fields, {"properties": dict(status.properties)})
        fields.pop("parent_span_id", None)
        fields.update(run.identity)
        return fields


def _number_of(level: int | str) -> int:
    """A level by its number or its name."""
    checked = check.level("level", level)
    return checked if isinstance(checked, int) else int(logging.getLevelName(checked))


def status_of(error: BaseException | None) -> SpanStatus:
    """Returns how a span ended that an exception passed through, or None did."""
    if error is None or isinstance(error, _ORDINARY_ENDS):
        return _OK
    return SpanStatus(logging.ERROR, error) if _is_failure(error) else _CANCELLED


def _is_failure(error: object) -> bool:
    """An error, or a group with one in it: what a task group raises when a task fails while others are cancelled."""
    if isinstance(error, Exception):
        return True
    members = getattr(error, "exceptions", None)  # BaseExceptionGroup came with Python 3.11
    return isinstance(members, tuple) and any(map(_is_failure, members))


def _complain() -> None:
    """Shows the exception as logging's own handlers do."""
    if logging.raiseExceptions:
        traceback.print_exc()
