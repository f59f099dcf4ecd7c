"""Which records are exported: explicit context exports a record, ambient context only enriches it.

Otherwise one middleware, or OpenTelemetry's logging instrumentation, would send every line of every library.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping

from helicone_logging.context.binding import INJECTED_MARK, MESSAGE_MARK
from helicone_logging.context.inherited import dict_message, inherited_by
from helicone_logging.core import notices
from helicone_logging.core.coerce import text_of
from helicone_logging.core.safe_vars import is_mapping
from helicone_logging.payload.fields import CONTEXT_FIELDS, MODEL_FIELDS, is_given, says_something
from helicone_logging.payload.sampling import Chooses

DEBUG_VARIABLE = "HELICONE_LOGGING_DEBUG"
"""Where it is set, each record that is not exported says why on stderr."""

_OF_A_CALL = ("model", "messages", "llm_request", "llm_response")
_NO_TRACE = "no trace"
_ADD_TRACE = (
    "a record of the logger {!r} is of a model call, but is not sent, as it is outside of every trace: add `trace_id`"
    " to its `extra=`, or log it inside `bind(trace_id=...)` or `span()`. What is bound reaches a thread of your own by"
    " `carry`, and a handler that another one delays (QueueHandler, MemoryHandler) by `TraceContextFilter` on that one."
    " This is told once; "
    f"{DEBUG_VARIABLE}=1 tells of all"
)

EXPORTS = ("explicit", "context", "all")


class ExportPolicy:
    """Decides whether a record is exported.

    Args:
        export: `"explicit"`, `"context"` for every record inside a bound context too, or `"all"`.
        rename_fields: the formatter's: a name that it turns into a field counts as that field.
    """

    def __init__(self, export: str, rename_fields: Mapping[str, str]) -> None:
        self._exports_all = export == "all"
        self._exports_bound = export == "context"
        self._context_names = _with_renamed(CONTEXT_FIELDS, rename_fields)
        self._model_names = _with_renamed(MODEL_FIELDS, rename_fields)
        self._model_fields = frozenset(name for name, _ in self._model_names)
        self._telling = self._model_fields.union(("extra", MESSAGE_MARK))  # what else may export a record

    def __call__(self, record: logging.LogRecord) -> bool:
        if self._exports_all:
            return True
        data = record.__dict__
        for name, field in self._context_names:
            if name in data and _names_something(field, data[name]) and name not in data.get(INJECTED_MARK, ()):
                return True
        if self._telling.isdisjoint(data) and type(record.msg) is str and record.msg[:1] != "{":
            return self._exports_bound and bool(inherited_by(record))  # as of nearly all that is logged
        around = _mappings(data)
        if around and any(_carries(each, self._context_names) for each in around):
            return True
        return self._is_of_trace(record, around)

    def _is_of_trace(self, record: logging.LogRecord, around: Iterable[Mapping[str, object]]) -> bool:
        """Whether a record that names no trace is inside one, and of a model call where it has to be."""
        data = record.__dict__
        of_model = data.keys() & self._model_fields
        if not (of_model or around or self._exports_bound):
            return False
        if not inherited_by(record):
            if not notices.was_reported(_NO_TRACE) and self._hints(record):
                notices.report_once(_NO_TRACE, _ADD_TRACE.format(text_of(record.name)))
            return False
        injected = data.get(INJECTED_MARK, ())
        return (
            self._exports_bound
            or any(is_given(data[name]) and name not in injected for name in of_model)
            or any(_carries(each, self._model_names) for each in around)
        )

    def why_not(self, record: logging.LogRecord) -> str:
        """Returns why a record is not exported, in words."""
        data, injected = record.__dict__, record.__dict__.get(INJECTED_MARK, ())
        for name, field in self._context_names:
            if name in data and _names_something(field, data[name]):
                return f"its `{name}` is what `TraceContextFilter` wrote, not its own"
            if name in data and name not in injected:
                return f"its `{name}` names nothing"
        if inherited_by(record):
            return "it is inside a trace, but carries no field of a model call, such as `model` or `messages`"
        if self._hints(record):
            return "it is of a model call, but outside of every trace"
        return "it carries no trace context: no `trace_id`, `traceparent`, `span_id` or `helicone`"

    def _hints(self, record: logging.LogRecord) -> bool:
        """Whether it looks as if it was meant for Helicone."""
        everything = (record.__dict__, *_mappings(record.__dict__))
        return any(is_given(each[name]) for each in everything for name in _OF_A_CALL if name in each)


class ExplainingPolicy:
    """Chooses as another does, and tells on stderr why a record is not exported.

    Args:
        chooses: decides whether a record is exported.
        policy: what it asks first; where that would export a record, it is the sample that leaves it out.
    """

    def __init__(self, chooses: Chooses, policy: ExportPolicy) -> None:
        self._chooses = chooses
        self._policy = policy

    def __call__(self, record: logging.LogRecord) -> bool:
        is_chosen = self._chooses(record)
        if not is_chosen:
            is_left_out = self._policy(record)
            self.explain(record, "`sample_rate` leaves its trace out" if is_left_out else self._policy.why_not(record))
        return is_chosen

    def explain(self, record: logging.LogRecord, reason: str) -> None:
        """Tells why a record is not exported, and nothing of what it says."""
        where = f"{text_of(record.pathname)}:{text_of(record.lineno)}"
        notices.report(f"skipped {text_of(record.levelname)} of {text_of(record.name)} ({where}): {reason}")


def _mappings(data: Mapping[str, object]) -> tuple[Mapping[str, object], ...]:
    """What holds fields beside a record's attributes: a dict message, and loguru's `extra`."""
    return tuple(each for each in (dict_message(data), data.get("extra")) if each is not None and is_mapping(each))


def _carries(logged: Mapping[str, object], names: Iterable[tuple[str, str]]) -> bool:
    return any(name in logged and _names_something(field, logged[name]) for name, field in names)


def _names_something(field: str, value: object) -> bool:
    """Whether a field exports a record, by the rules by which it is read; an empty `helicone` mapping does."""
    return value is not False and says_something(field, value)


def _with_renamed(names: tuple[str, ...], rename_fields: Mapping[str, str]) -> tuple[tuple[str, str], ...]:
    """Names of records' attributes, and the fields that they are."""
    renamed = tuple((old, new) for old, new in rename_fields.items() if new in names)
    return tuple((name, name) for name in names) + renamed
