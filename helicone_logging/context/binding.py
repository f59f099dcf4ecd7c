"""Bindings: `bind()` puts fields around the running code, and every exported record inside carries them.

What is bound is the inherited context of a record: it only enriches records that are exported anyway.
"""

from __future__ import annotations

import contextvars
import functools
import sys
import uuid
from collections.abc import Callable, Mapping
from typing import ParamSpec, TypeVar

from helicone_logging.context import decorators, open_spans, session_path, stack
from helicone_logging.core import bounded, ids
from helicone_logging.core.coerce import text_of
from helicone_logging.core.safe_vars import is_text

INHERITED_MARK = "_helicone_ambient"
"""The attribute of a record that holds all that was bound around it, as our filter saw it."""

INJECTED_MARK = "_helicone_stamped"
"""The attribute of a record that names what our filter wrote on it: inherited, not the record's own."""

MESSAGE_MARK = "_helicone_message"
"""The attribute of a record that keeps a dict message, as our filter saw it, for when it is made text."""

IDS = frozenset(("trace_id", "span_id", "parent_span_id", "traceparent", "session_id", "user_id"))
"""Fields whose values name something."""

_P = ParamSpec("_P")
_R = TypeVar("_R")

_OTEL = "opentelemetry.trace"


def current() -> Mapping[str, object]:
    """Returns the fields that are bound now; not to be changed.

    Returns:
        `extra=` field names and values, empty outside every context. Beside them `parent_span_id` is the span
        around the running code, and `parent_path` its session path. Without a bound trace, that of the active
        OpenTelemetry span.
    """
    bound = stack.bound()
    if _OTEL in sys.modules:
        if open_spans.are_watched():
            inside = open_spans.fields_inside(_active_span_id(), bound)
            if inside:
                return {**bound, **inside}
        if "trace_id" not in bound:
            active = otel_fields()
            return {**active, **bound} if active else bound
    return bound


def _active_span_id() -> int:
    try:
        return int(sys.modules[_OTEL].get_current_span().get_span_context().span_id)
    except Exception:  # noqa: BLE001 - not loaded, half loaded, or a tracer of another make
        return 0


def otel_fields() -> dict[str, object]:
    """Returns `trace_id` and `parent_span_id` of the active OpenTelemetry span, if there is one."""
    try:
        span = sys.modules[_OTEL].get_current_span().get_span_context()
        fields: dict[str, object] = {"trace_id": f"{span.trace_id:032x}", "parent_span_id": f"{span.span_id:016x}"}
        return fields if span.is_valid else {}
    except Exception:  # noqa: BLE001 - not loaded, half loaded, or a tracer of another make
        return {}


def bind(**fields: object) -> Binding:
    """Binds fields for everything that is logged inside: threads of `asyncio.to_thread` and tasks included.

    A context manager, and a decorator for functions, coroutine functions and generators of both kinds. It can be
    used again and again, and by many tasks at once. Nested bindings add up, the inner value wins. In a decorated
    generator the fields hold while its body runs, not in its consumer. A `with` block in a generator without the
    decorator holds between its yields too, as everything in contextvars does (PEP 568).

    Args:
        **fields: fields of `extra=`; `None` and `""` are as if absent, and so are ids that name nothing (blanks,
            `"0"`, all zeros, `False`). `traceparent` binds its trace and its span as the parent, a malformed one
            nothing. `span_id` names the span around what is logged, so it is bound as `parent_span_id`.
            `properties` are merged with those bound outside. `**current_context()` of another process binds what
            was bound there.

    Returns:
        A `Binding`, not yet entered.

    .. versionadded:: 0.1
    """
    return Binding(fields)


class Binding:
    """What `bind()` returns.

    Left in another task or thread than entered, it ends where it was entered. Left twice, nothing happens.
    """

    def __init__(self, fields: Mapping[str, object]) -> None:
        self._fields = resolved(fields)
        self._entries: list[stack.BindingToken] = []

    def __repr__(self) -> str:
        return f"<{type(self).__name__} of {', '.join(self._fields) or 'nothing'}>"

    def __enter__(self) -> Binding:
        self._entries.append(stack.enter(self._fields))
        return self

    def __exit__(self, *_: object) -> None:
        entries = self._entries
        if len(entries) == 1:
            stack.leave(entries.pop())
        else:
            self._leave_one_of_many()

    def _leave_one_of_many(self) -> None:
        """Of tasks that have entered it at once, each leaves what is on its own stack."""
        for entry in reversed(list(self._entries)):
            if stack.holds(entry):
                self._entries.remove(entry)
                stack.leave(entry)
                return

    def __call__(self, function: decorators.Function) -> decorators.Function:
        return decorators.wrapped(function, self._copy)

    def _copy(self) -> Binding:
        copy = object.__new__(type(self))
        copy._fields, copy._entries = self._fields, []
        return copy


def extend(**fields: object) -> None:
    """Adds fields to the innermost binding around the running code, until that ends.

    For what becomes known late, such as the user once a request is authenticated. In a request of one of the
    integrations it may be called in any part of it, such as a dependency of FastAPI that runs in a thread: the
    whole request has the fields from then on. Outside every binding nothing happens, as nothing would end it.

    Args:
        **fields: as in `bind()`.

    .. versionadded:: 0.1
    """
    stack.extend(resolved(fields))


def begin(**fields: object) -> stack.ContextSnapshot:
    """Binds fields, as `bind()` does, where a request or task begins: what is bound around does not hold inside.

    A server may run a request in the context of another (python/cpython #140947; pipelined requests), and two
    requests must never share a field.

    Returns:
        A context manager, which can be entered again for the steps that follow, as for a streamed body.
    """
    return stack.ContextSnapshot(resolved(fields))


def carry(function: Callable[_P, _R]) -> Callable[_P, _R]:
    """Returns a function that runs in the context of now: in a `ThreadPoolExecutor`, a `Thread`, a callback.

    Args:
        function: a plain function. Each call runs in a copy of the context, so calls may overlap; what they bind
            stays their own.

    .. versionadded:: 0.1
    """
    context = contextvars.copy_context()

    @functools.wraps(function)
    def carried(*args: _P.args, **kwargs: _P.kwargs) -> _R:
        return context.copy().run(function, *args, **kwargs)

    return carried


def current_trace_id() -> str | None:
    """Returns the trace that is bound now, as it was written, or None outside every trace.

    .. versionadded:: 0.1
    """
    return trace_text(current().get("trace_id"))


def current_traceparent() -> str | None:
    """Returns the W3C `traceparent` to send with a request to another service, or None outside every trace.

    Its span is the one around the running code; where only a trace is bound, a new one.

    .. versionadded:: 0.1
    """
    bound = current()
    trace = ids.trace_id(bound.get("trace_id"))
    if trace is None:
        return None
    return ids.format_traceparent(trace, ids.span_id(bound.get("parent_span_id")) or ids.new_span_id())


def trace_text(trace: object) -> str | None:
    """Returns a trace id as text: as it was written where that is text, a number or a UUID."""
    return text_of(trace) if isinstance(trace, str | int | uuid.UUID) else ids.trace_id(trace)


def resolved(fields: Mapping[str, object]) -> dict[str, object]:
    """Returns fields as they are bound: without those that have no value, parents as ids, `properties` copied."""
    given = {name: value for name, value in fields.items() if value is not None and (type(value) is not str or value)}
    for name in IDS.intersection(given):
        if not ids.is_named(name, given[name]):
            del given[name]
    if "traceparent" in given:
        incoming = ids.parse_traceparent(given.pop("traceparent"))
        if incoming is not None:
            given = {"trace_id": incoming.trace_id, "parent_span_id": incoming.span_id, **given}
    if "span_id" in given:
        given.setdefault("parent_span_id", given.pop("span_id"))
        given.pop("span_id", None)
    if "parent_span_id" in given:
        given["parent_span_id"] = ids.span_id(given["parent_span_id"])
    if "parent_path" in given:
        path = given.pop("parent_path")
        if is_text(path):
            given["parent_path"] = session_path.clean_path(path)
    if "properties" in given:
        given["properties"] = _copied(given["properties"])
    return given


def _copied(properties: object) -> dict[object, object]:
    try:
        return bounded.copied(properties) if isinstance(properties, Mapping) else {}
    except Exception:  # noqa: BLE001 - a foreign mapping may be broken
        return {}
