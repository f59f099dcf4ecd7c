"""Who a span is: its ids, its parent, and the name of its trace as the user wrote it."""

from __future__ import annotations

from typing import NamedTuple

from helicone_logging import ids
from helicone_logging.values import text_of


class Identity(NamedTuple):
    """The ids of a span.

    Args:
        trace_id: 32 hexadecimal digits.
        trace_name: the trace as the user wrote it, which is the session's id.
        span_id: 16 hexadecimal digits.
        is_known: whether others can name this span as their parent, because the user chose its id.
        parent_id: 16 hexadecimal digits, or None for a span without a parent.
        malformed: 1 when there is a `traceparent` that cannot be read, else 0.
    """

    trace_id: str
    trace_name: str
    span_id: str
    is_known: bool
    parent_id: str | None
    malformed: int


def take_identity(fields: dict[str, object]) -> Identity:
    """Takes `trace_id`, `span_id`, `parent_span_id` and `traceparent` out of the fields.

    Ids of their own win over those of a `traceparent`; a malformed one stays in the fields.
    """
    incoming, malformed = None, 0
    if "traceparent" in fields:
        incoming = ids.parse_traceparent(fields["traceparent"])
        malformed = int(incoming is None)
        if incoming is not None:
            del fields["traceparent"]
    trace_value = fields.pop("trace_id", None)
    trace_id = ids.trace_id(trace_value)
    if trace_id is None:
        trace_value = trace_id = incoming.trace_id if incoming else ids.new_trace_id()
    span_id = ids.span_id(fields.pop("span_id")) if "span_id" in fields else None
    parent_id = ids.span_id(fields.pop("parent_span_id")) if "parent_span_id" in fields else None
    if parent_id is None and incoming is not None:
        parent_id = incoming.span_id
    is_known = span_id is not None
    trace_name = trace_value if type(trace_value) is str else text_of(trace_value)
    # In half the time of `Identity()`, as every record waits for it.
    return tuple.__new__(Identity, (trace_id, trace_name, span_id or ids.new_span_id(), is_known, parent_id, malformed))
