"""Who a span is: its ids, its parent, and the name of its trace as the user wrote it."""

from __future__ import annotations

from helicone_logging.core import ids
from helicone_logging.core.coerce import text_of

Identity = tuple[str, str, str, bool, str | None, int]
"""The ids of a span: plain, as every record waits for it.

Its trace id (32 hexadecimal digits); the trace as the user wrote it, which is the session's id; its own id (16 of
them); whether others can name it as their parent, because the user chose that id; the id of its parent, or None; 1
when there is a `traceparent` that cannot be read, else 0.
"""


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
    trace, span, parent = fields.pop("trace_id", None), fields.pop("span_id", None), fields.pop("parent_span_id", None)
    return (*identity_of(trace, span, parent, incoming)[:-1], malformed)


def identity_of(trace: object, span: object, parent: object, incoming: ids.TraceParent | None = None) -> Identity:
    """Returns the identity of a span, its missing ids generated.

    Args:
        trace: what the user wrote as `trace_id`; None for nothing.
        span: likewise as `span_id`.
        parent: likewise as `parent_span_id`.
        incoming: what its `traceparent` says.
    """
    trace_id = ids.trace_id(trace)
    if trace_id is None:
        trace = trace_id = incoming.trace_id if incoming else ids.new_trace_id()
    span_id = None if span is None else ids.span_id(span)
    parent_id = None if parent is None else ids.span_id(parent)
    if parent_id is None and incoming is not None:
        parent_id = incoming.span_id
    is_known = span_id is not None
    trace_name = trace if type(trace) is str else text_of(trace)
    return trace_id, trace_name, span_id or ids.new_span_id(), is_known, parent_id, 0
