"""Who a span is: its ids, its parent, and the name of its trace as the user wrote it."""

from __future__ import annotations

from typing import NamedTuple

from helicone_logging.core import ids
from helicone_logging.core.coerce import text_of
from helicone_logging.payload.fields import Rest, Special


class SpanIdentity(NamedTuple):
    """The ids of a span.

    Args:
        trace_id: 32 hexadecimal digits.
        trace_name: the trace as the user wrote it, which is the session's id.
        span_id: 16 hexadecimal digits.
        is_known: whether others can name it as their parent, because the user chose its id.
        parent_id: the id of its parent, or None.
        is_parent_foreign: whether that parent is a span of another trace, as a `traceparent` names it.
        malformed: 1 when there is a `traceparent` that cannot be read, else 0.
    """

    trace_id: str
    trace_name: str
    span_id: str
    is_known: bool
    parent_id: str | None
    is_parent_foreign: bool
    malformed: int


def identity_of(special: Special, rest: Rest, bits: int) -> SpanIdentity:
    """Returns who a span is, by `trace_id`, `span_id`, `parent_span_id`, and then `traceparent`.

    Ids that are missing are made of `bits`; a malformed `traceparent` goes to the rest.
    """
    incoming, malformed = None, 0
    if "traceparent" in special and ids.is_named("traceparent", special["traceparent"]):
        incoming = ids.parse_traceparent(special["traceparent"])
        if incoming is None:
            malformed, rest["traceparent"] = 1, special["traceparent"]
    trace, span, parent = special.get("trace_id"), special.get("span_id"), special.get("parent_span_id")
    trace_id = ids.trace_id(trace)
    if trace_id is None:
        trace = trace_id = incoming.trace_id if incoming else ids.trace_id_of(bits)
    span_id = None if span is None else ids.span_id(span)
    parent_id = None if parent is None else ids.span_id(parent)
    is_foreign = False
    if parent_id is None and incoming is not None:
        parent_id = incoming.span_id
        is_foreign = incoming.trace_id != trace_id.lower()
    trace_name = trace if type(trace) is str else text_of(trace)
    is_known = span_id is not None
    own_id = span_id or ids.span_id_of(bits)
    return SpanIdentity(trace_id, trace_name, own_id, is_known, parent_id, is_foreign, malformed)
