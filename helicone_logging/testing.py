"""For tests of applications that log with this package: `capture_spans()` collects what would be sent, in memory."""

from __future__ import annotations

import contextlib
import logging
import threading
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, overload

from helicone_logging.core import reentrancy
from helicone_logging.core.check import refuse
from helicone_logging.core.findings import Finding
from helicone_logging.formatter import OTELTraceFormatter
from helicone_logging.handler import HeliconeHandler
from helicone_logging.linting import lint
from helicone_logging.payload.wires import DEFAULT
from helicone_logging.receiver.rows import Choice, Message, Row, attributes_of, row_of, spans_of
from helicone_logging.receiver.visible import one_line

_WIRE = DEFAULT  # the one that shows as Helicone's pages do, whatever the handler speaks
_STATUSES = ("unset", "ok", "error")
_WIDTH = 100


@dataclass(frozen=True)
class CapturedSpan:
    """A record as it would have been sent.

    Args:
        name: the span's name.
        trace_id: 32 hexadecimal digits; as it was written, the trace is the `session_id`.
        span_id: 16 hexadecimal digits.
        status: `"ok"`, `"error"` or `"unset"`.
        start_ns: nanoseconds since the epoch.
        duration: in seconds, to the microsecond.
        model: empty if none was sent.
        messages: role and content of each message of the request.
        choices: role, content and finish reason of each choice of the response.
        user_id: empty if none was sent.
        session_id: empty without a session.
        session_path: the place in the session's tree, such as `"/answer question/search"`.
        properties: Helicone properties.
        attributes: all attributes of the span, text or int.
        payload: the whole OTELTrace payload.

    .. versionadded:: 0.1
    """

    name: str
    trace_id: str
    span_id: str
    status: str
    start_ns: int
    duration: float
    model: str
    messages: tuple[Message, ...]
    choices: tuple[Choice, ...]
    user_id: str
    session_id: str
    session_path: str
    properties: Mapping[str, Any] = field(repr=False)
    attributes: Mapping[str, Any] = field(repr=False)
    payload: Mapping[str, Any] = field(repr=False)

    @property
    def completion(self) -> str | None:
        """The content of the first choice; None without one."""
        return self.choices[0].content if self.choices else None

    def row(self) -> Row:
        """Returns the span as Helicone shows it."""
        return row_of(spans_of(self.payload)[0])

    def lint(self) -> list[Finding]:
        """Returns what Helicone will not show of it."""
        return lint(self.payload)

    def __str__(self) -> str:
        shown = [self.session_path or self.name, self.model, f"{self.duration * 1000:,.0f} ms"]
        shown += [f"user {self.user_id}"] if self.user_id else []
        shown += ["FAILED"] if self.status == "error" else []
        texts = [f"    > {one_line(self.messages[-1].content, _WIDTH)}"] if self.messages else []
        texts += [f"    < {one_line(self.completion, _WIDTH)}"] if self.completion is not None else []
        return "\n".join(["  ".join(part for part in shown if part), *texts])


class CapturedSpans(Sequence[CapturedSpan]):
    """What was captured, in the order in which it was logged; it grows while the capture lasts.

    A span is logged when it ends, so it comes after those inside it.

    .. versionadded:: 0.1
    """

    def __init__(self) -> None:
        self._spans: list[CapturedSpan] = []

    @overload
    def __getitem__(self, index: int) -> CapturedSpan: ...
    @overload
    def __getitem__(self, index: slice) -> list[CapturedSpan]: ...
    def __getitem__(self, index: int | slice) -> CapturedSpan | list[CapturedSpan]:
        return self._spans[index]

    def __len__(self) -> int:
        return len(self._spans)

    def __repr__(self) -> str:
        count = f"{len(self)} captured span{'' if len(self) == 1 else 's'}"
        return "\n".join([f"<{count}>", *(f"  {line}" for span in list(self) for line in str(span).splitlines())])

    @property
    def names(self) -> list[str]:
        """The spans' names, in order."""
        return [span.name for span in list(self._spans)]

    def named(self, name: str) -> list[CapturedSpan]:
        """Returns all spans of a name."""
        return [span for span in list(self._spans) if span.name == name]

    def one(self, name: str | None = None) -> CapturedSpan:
        """Returns the only span.

        Args:
            name: the only one of this name; None for the only one at all.

        Raises:
            AssertionError: there is none, or there are several; the message shows what was captured.
        """
        found = list(self._spans) if name is None else self.named(name)
        if len(found) != 1:
            wanted = "one span" if name is None else f"one span named {name!r}"
            raise AssertionError(f"expected {wanted}, found {len(found)} in {self!r}")
        return found[0]

    def rows(self) -> list[Row]:
        """Returns the spans as Helicone shows them."""
        return [span.row() for span in list(self._spans)]

    def lint(self) -> list[Finding]:
        """Returns what Helicone will not show of them, looked at together."""
        return lint([span.payload for span in list(self._spans)])

    def clear(self) -> None:
        """Forgets what was captured so far."""
        self._spans.clear()

    def add(self, span: CapturedSpan) -> None:
        """Adds a span; what is captured comes here by itself."""
        self._spans.append(span)


@contextlib.contextmanager
def capture_spans(
    logger: logging.Logger | str | None = None, *, level: int | str = logging.INFO, **formatter_options: Any
) -> Iterator[CapturedSpans]:
    """Collects what would be sent to Helicone, and keeps it from being sent: no key, no network, no threads.

    As with a handler, records without trace context are not captured. Where a `HeliconeHandler` is configured, on the
    record's logger or above it, the record is captured as that handler would send it, by its level, its filters and
    its formatter. Elsewhere, or where the handler is disabled or behind a `QueueListener`, by default options.

    Every `HeliconeHandler` of the process is silent meanwhile; what it had queued before still goes out. Handlers that
    are configured inside, by `dictConfig` as well, are captured and silent too. Captures may be nested: each of them
    gets the record.

    Args:
        logger: a logger or its name, to capture only its records and those of the loggers below it; None for all.
        level: records of this level pass the logger meanwhile, though its own level be higher. Loggers below it that
            have a level of their own keep it.
        **formatter_options: options of `OTELTraceFormatter`, which then formats every record, whatever is configured.

    Raises:
        ConfigurationError: an option has a value that cannot work.

    .. versionadded:: 0.1
    """
    captured = logger if isinstance(logger, logging.Logger) else logging.getLogger(logger)
    capture = _Capture(captured, OTELTraceFormatter(**formatter_options), is_explicit=bool(formatter_options))
    with _lowered(captured, level), _interception.by(capture):
        yield capture.spans


class _Capture:
    """Formats the records of a logger and of those below it."""

    def __init__(self, logger: logging.Logger, formatter: OTELTraceFormatter, *, is_explicit: bool) -> None:
        self.spans = CapturedSpans()
        self._logger = logger
        self._formatter = formatter
        self._is_explicit = is_explicit

    def see(self, logger: logging.Logger, record: logging.LogRecord) -> None:
        if self._logger not in _ancestors(logger):
            return
        handlers = [] if self._is_explicit else _configured(logger)
        if not handlers:
            self._take(record, self._formatter, None)
        for handler in handlers:
            passed = record.levelno >= handler.level and handler.filter(record)
            if passed:
                kept = passed if isinstance(passed, logging.LogRecord) else record
                self._take(kept, handler._traces, handler._text(kept))
                return

    def _take(self, record: logging.LogRecord, formatter: OTELTraceFormatter, text: str | None) -> None:
        if formatter.selects(record):
            span = formatter.speaking(_WIRE).span(record, text)
            self.spans.add(_captured(_WIRE.payload(span.encode())))


def _ancestors(logger: logging.Logger) -> Iterator[logging.Logger]:
    current: logging.Logger | None = logger
    while current is not None:
        yield current
        current = current.parent


def _configured(logger: logging.Logger) -> list[HeliconeHandler]:
    """The handlers that would send a logger's records, the nearest first."""
    found: list[HeliconeHandler] = []
    for current in _ancestors(logger):
        found += [one for one in current.handlers if isinstance(one, HeliconeHandler) and one._sender is not None]
        if not current.propagate:
            break
    return found


class _Interception:
    """Sees every record where its logger hands it out, as `dictConfig` may replace handlers while a test runs."""

    _logger_class: Any = logging.Logger
    _handler_class: Any = HeliconeHandler

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._captures: tuple[_Capture, ...] = ()
        self._hand_out: Any = None
        self._handle: Any = None

    @contextlib.contextmanager
    def by(self, capture: _Capture) -> Iterator[None]:
        with self._lock:
            self._install()
            self._captures += (capture,)
        try:
            yield
        finally:
            with self._lock:
                self._captures = tuple(one for one in self._captures if one is not capture)
                self._uninstall()

    def _install(self) -> None:
        if self._hand_out is None:
            self._hand_out, self._logger_class.callHandlers = self._logger_class.callHandlers, _call_handlers
            self._handle, self._handler_class.handle = self._handler_class.handle, _handle

    def _uninstall(self) -> None:
        """Leaves logging as it was, unless somebody has wrapped it meanwhile: then it stays, and only calls on."""
        if not self._captures and self._logger_class.callHandlers is _call_handlers:
            self._logger_class.callHandlers, self._hand_out = self._hand_out, None
            self._handler_class.handle = self._handle

    def hand_out(self, logger: logging.Logger, record: logging.LogRecord) -> None:
        if reentrancy.enter():  # a redactor may log
            try:
                for capture in self._captures:
                    capture.see(logger, record)
            finally:
                reentrancy.leave()
        (self._hand_out or self._logger_class.callHandlers)(logger, record)

    def handle(self, handler: HeliconeHandler, record: logging.LogRecord) -> bool:
        return False if self._captures else bool(self._handle(handler, record))


_interception = _Interception()


def _call_handlers(logger: logging.Logger, record: logging.LogRecord) -> None:
    _interception.hand_out(logger, record)


def _handle(handler: HeliconeHandler, record: logging.LogRecord) -> bool:
    return _interception.handle(handler, record)


@contextlib.contextmanager
def _lowered(logger: logging.Logger, level: int | str) -> Iterator[None]:
    before = logger.level
    wanted = _level(level)
    if logger.getEffectiveLevel() <= wanted:
        yield
        return
    logger.setLevel(wanted)
    try:
        yield
    finally:
        if logger.level == wanted:  # else the application has set another one meanwhile
            logger.setLevel(before)


def _level(level: int | str) -> int:
    number = logging.getLevelName(level.upper()) if isinstance(level, str) else level
    if not isinstance(number, int):
        refuse("level", level, "give a level such as logging.INFO, or its name")
    return number


def _captured(payload: Mapping[str, Any]) -> CapturedSpan:
    (span,) = spans_of(payload)
    row, attributes = row_of(span), attributes_of(span)
    start, end = int(span["startTimeUnixNano"]), int(span["endTimeUnixNano"])
    return CapturedSpan(
        name=span["name"],
        trace_id=span["traceId"],
        span_id=span["spanId"],
        status=_STATUSES[span["status"]["code"]],
        start_ns=start,
        duration=(end - start) // 1000 / 1e6,
        model=row.model,
        messages=row.messages,
        choices=row.choices,
        user_id=row.user,
        session_id=row.session_id,
        session_path=row.session_path,
        properties=row.properties,
        attributes=attributes,
        payload=payload,
    )
