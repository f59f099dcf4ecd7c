"""What is bound around the running code: `bind()` puts fields there, and every exported record inside carries them.

Ambient context only enriches the records that are exported anyway; it exports none by itself.
"""

from __future__ import annotations

import contextvars
import functools
import sys
import uuid
from collections.abc import Callable, Mapping
from types import TracebackType
from typing import ParamSpec, TypeVar

from helicone_logging.context import decorators, stack
from helicone_logging.core import ids

AMBIENT_MARK = "_helicone_ambient"
"""The attribute of a record that holds all that was bound around it, as our filter saw it."""

STAMPED_MARK = "_helicone_stamped"
"""The attribute of a record that names what our filter wrote on it: ambient, not the record's own."""

_P = ParamSpec("_P")
_R = TypeVar("_R")

_OTEL = "opentelemetry.trace"


def ambient() -> Mapping[str, object]:
    """Returns the fields that are bound now; not to be changed.

    Returns:
        `extra=` field names and values, empty outside every context. Beside them `parent_span_id` is the span
        around the running code, and `parent_path` its session path. Without a bound trace, that of the active
        OpenTelemetry span.
    """
    frame = stack.top.get()  # `frames.bound()`, without the call: most records ask
    bound = stack.NOTHING if frame is None else frame.bound
    if _OTEL in sys.modules and "trace_id" not in bound:
        active = otel_fields()
        return {**active, **bound} if active else bound
    return bound


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
        **fields: fields of `extra=`; `None` and `""` are as if absent. `traceparent` binds its trace and its span
            as the parent, a malformed one nothing. `span_id` names the span around what is logged, so it is bound
            as `parent_span_id`. `properties` are merged with those bound outside.

    Returns:
        A `Binding`, not yet entered.
    """
    return Binding(fields)


class Binding:
    """What `bind()` returns.

    Left in another task or thread than entered, or left twice, it changes nothing there.

    Args:
        fields: as given to `bind()`.
    """

    def __init__(self, fields: Mapping[str, object]) -> None:
        self._fields = resolved(fields)

    def __enter__(self) -> Binding:
        stack.push(self, self._fields)
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None = None,
        exc: BaseException | None = None,
        traceback: TracebackType | None = None,
    ) -> None:
        stack.drop(self)

    def __call__(self, function: decorators.Function) -> decorators.Function:
        return decorators.wrapped(function, lambda: self)


def extend(**fields: object) -> None:
    """Adds fields to the innermost binding around the running code, until that ends.

    For what becomes known late, such as the user once a request is authenticated. Outside every binding nothing
    happens, as nothing would end it.

    Args:
        **fields: as in `bind()`.
    """
    stack.extend(resolved(fields))


def begin(**fields: object) -> stack.Inside:
    """Binds fields where a request or task begins: what is bound around does not hold inside.

    A server may run a request in the context of another (python/cpython #140947; pipelined requests), and two
    requests must never share a field.

    Args:
        **fields: as in `bind()`.

    Returns:
        A context manager, which can be entered again for the steps that follow, as for a streamed body.
    """
    return stack.Inside(resolved(fields))


def carry(function: Callable[_P, _R]) -> Callable[_P, _R]:
    """Returns a function that runs in the context of now: in a `ThreadPoolExecutor`, a `Thread`, a callback.

    Args:
        function: a plain function. Each call runs in a copy of the context, so calls may overlap; what they bind
            stays their own.
    """
    context = contextvars.copy_context()

    @functools.wraps(function)
    def carried(*args: _P.args, **kwargs: _P.kwargs) -> _R:
        return context.copy().run(function, *args, **kwargs)

    return carried


def current_trace_id() -> str | None:
    """Returns the trace that is bound now, as it was written, or None outside every trace."""
    return trace_text(ambient().get("trace_id"))


def current_traceparent() -> str | None:
    """Returns the W3C `traceparent` to send with a request to another service, or None outside every trace.

    Its span is the one around the running code; where only a trace is bound, a new one.
    """
    bound = ambient()
    trace = ids.trace_id(bound.get("trace_id"))
    if trace is None:
        return None
    return ids.format_traceparent(trace, ids.span_id(bound.get("parent_span_id")) or ids.new_span_id())


def trace_text(trace: object) -> str | None:
    """Returns a trace id as text: as it was written where that is text, a number or a UUID."""
    return str(trace) if isinstance(trace, str | int | uuid.UUID) else ids.trace_id(trace)


def resolved(fields: Mapping[str, object]) -> dict[str, object]:
    """Returns fields as they are bound: without those that have no value, parents as ids, `properties` copied."""
    given = {name: value for name, value in fields.items() if _is_given(value)}
    if "trace_id" in given and ids.trace_id(given["trace_id"]) is None:
        del given["trace_id"]
    incoming = ids.parse_traceparent(given.pop("traceparent", None))
    if incoming is not None:
        given = {"trace_id": incoming.trace_id, "parent_span_id": incoming.span_id, **given}
    around = given.pop("span_id", None)
    parent = ids.span_id(given.pop("parent_span_id", around))
    if parent is not None:
        given["parent_span_id"] = parent
    if "properties" in given:
        given["properties"] = _copied(given["properties"])
    return given


def _is_given(value: object) -> bool:
    return value is not None and not (type(value) is str and not value)


def _copied(properties: object) -> dict[object, object]:
    try:
        return dict(properties) if isinstance(properties, Mapping) else {}
    except Exception:  # noqa: BLE001 - a foreign mapping may be broken
        return {}
