"""Open spans of OpenTelemetry: who stands below whom, so that what is logged inside is in the right place of the tree.

A child ends before its parent does, and knows no more of it than its id. So whoever sees spans start keeps them here
until they end; an open span keeps those around it, as they may end before it does.
"""

from __future__ import annotations

import contextlib
import itertools
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple, Protocol

from helicone_logging.context import session_path, stack
from helicone_logging.core import ids

MAX_OPEN = 10_000
"""Open spans that are kept; the oldest, which may never end, make room."""

CONVERSATION = "gen_ai.conversation.id"
# OpenInference's names, and those of OpenLLMetry.
_ASSOCIATED = "traceloop.association.properties."
_SESSIONS, _USERS = ("session.id", _ASSOCIATED + "session_id"), ("user.id", _ASSOCIATED + "user_id")
_SERVICE_NAME, _UNNAMED = "service.name", "unknown_service"
_ENTITY, _ENTITY_PATH, _WORKFLOW = "traceloop.entity.name", "traceloop.entity.path", "traceloop.workflow.name"


class ReadableSpan(Protocol):
    """What is read of an SDK's span."""

    @property
    def name(self) -> str: ...
    @property
    def context(self) -> Any: ...
    @property
    def parent(self) -> Any: ...
    @property
    def attributes(self) -> Any: ...


class OpenSpan:
    """A span that has begun: the SDK's, the open one around it, and what was bound then."""

    __slots__ = (
        "_location", "attributes", "bound", "holds_calls", "names_session", "owned", "parent", "sent_inside", "span",
        "watchers",
    )  # fmt: skip

    def __init__(self, span: ReadableSpan, parent: OpenSpan | None, bound: Mapping[str, object]) -> None:
        self.span = span
        self.parent = parent
        self.bound = bound
        self.attributes: dict[str, Any] | None = None  # once it has ended
        self.owned: dict[str, object] | None = None  # session and user, once a record inside has asked
        self.holds_calls = False  # whether calls of models inside it were sent
        self.sent_inside: dict[object, Any] | None = None  # by handler, the call that a span inside was sent for
        self.watchers = 1  # how many will say that it has ended
        self.names_session = False  # whether sessions are named after its service
        self._location: SpanLocation | None = None

    def ancestors(self) -> Iterator[OpenSpan]:
        """The spans around it, the nearest first."""
        around = self.parent
        while around is not None:
            yield around
            around = around.parent

    def current_attributes(self) -> dict[str, Any]:
        """Its attributes, so far."""
        return attributes_of(self.span) if self.attributes is None else self.attributes

    def mark_enclosing(self) -> None:
        """Notes on the spans around it that a call of a model inside them is sent."""
        for each in self.ancestors():
            each.holds_calls = True

    @property
    def location(self) -> SpanLocation:
        """Where it stands in the tree; what was said of it once stays true, whatever it is called later."""
        if self._location is None:
            unlocated = list(itertools.takewhile(lambda each: each._location is None, self.ancestors()))
            for each in reversed(unlocated):  # from the outermost, as each needs the one around it
                each._location = _location_of(each)
            self._location = _location_of(self)
        return self._location

    def shared(self) -> dict[str, object]:
        """The attributes by which its session and its user are known: its own, or those of the spans around it."""
        found: dict[str, object] = {}
        for each in (self, *self.ancestors()):
            attributes = each.current_attributes()
            for name in (*_SESSIONS, *_USERS):
                if name in attributes:
                    found.setdefault(name, attributes[name])
            if CONVERSATION in attributes:  # the outermost: agents within agents begin conversations of their own
                found[CONVERSATION] = attributes[CONVERSATION]
        return found


class SpanLocation(NamedTuple):
    """Where a span stands in the session's tree.

    Args:
        trace_id: its trace, as it was written.
        span_id: 16 hexadecimal digits.
        parent_id: likewise, or None.
        parent_path: the session path of what is around it; empty for nothing.
        name: the last part of its own.
    """

    trace_id: object
    span_id: str
    parent_id: object
    parent_path: str
    name: str

    @property
    def path(self) -> str:
        """Its session path."""
        return session_path.join(self.parent_path, self.name)


_open: dict[int, OpenSpan] = {}  # by span id


def started(span: ReadableSpan, *, names_session: bool = False) -> None:
    """Keeps a span that begins in the running code.

    Args:
        span: the span.
        names_session: whether sessions are named after its service, as nobody has named them.
    """
    span_id, parent = span.context.span_id, span.parent
    known = _open.get(span_id)
    if known is not None:
        known.watchers += 1
        known.names_session |= names_session
        return
    known = OpenSpan(span, None if parent is None else _open.get(parent.span_id), stack.bound())
    known.names_session = names_session
    _open[span_id] = known
    if len(_open) > MAX_OPEN:
        with contextlib.suppress(RuntimeError, StopIteration):  # another thread was there; the next span makes room
            _open.pop(next(iter(_open)), None)


def ended(span: ReadableSpan) -> OpenSpan | None:
    """Forgets a span, and returns what was known of it; None where nobody saw it begin."""
    span_id = span.context.span_id
    known = _open.get(span_id)
    if known is not None:
        known.watchers -= 1
        if known.watchers <= 0:
            _open.pop(span_id, None)
    return known


def are_watched() -> bool:
    """Returns whether any span is kept here."""
    return bool(_open)


def fields_inside(span_id: int, bound: Mapping[str, object]) -> dict[str, object]:
    """Returns the context of what runs in a span: `trace_id`, `parent_span_id`, `parent_path`, its session and user.

    Returns:
        An empty dict where the span is not known, or what is bound stands nearer.
    """
    known = _open.get(span_id)
    if known is None:
        return {}
    fields = _inside(known, bound)
    if fields:
        if known.owned is None:
            known.owned = _owned(known.shared(), service_name_of(known.span) if known.names_session else None)
        fields.update({name: value for name, value in known.owned.items() if name not in bound})
    return fields


def _owned(shared: Mapping[str, object], service_name: str | None) -> dict[str, object]:
    """Whose a span is, and which session it belongs to, by the names of our fields."""
    found: dict[str, list[object]] = {
        "session_id": [shared[name] for name in (*_SESSIONS, CONVERSATION) if shared.get(name)],
        "session_name": [service_name] if service_name else [],
        "user_id": [shared[name] for name in _USERS if shared.get(name)],
    }
    return {field: given[0] for field, given in found.items() if given}


def service_name_of(span: Any) -> str | None:
    """Returns the name of a span's service; None for one that nobody has named, and for spans of another make."""
    resource = getattr(getattr(span, "resource", None), "attributes", None) or {}
    name = str(resource.get(_SERVICE_NAME, ""))
    return name if name and not name.startswith(_UNNAMED) else None


def attributes_of(span: ReadableSpan) -> dict[str, Any]:
    """Returns a copy of a span's attributes, by the SDK's own `copy`: reading them one by one takes a lock for each."""
    attributes = span.attributes
    try:
        copied = attributes.copy()
    except AttributeError:  # of a proxy, or a mapping, without one; None of a span that has none
        copied = attributes or {}
    return copied if type(copied) is dict else dict(copied)


def _location_of(opened: OpenSpan) -> SpanLocation:
    span, bound = opened.span, opened.bound
    own, remote = span.context, span.parent
    around = {} if opened.parent is None else _inside(opened.parent, bound)
    trace_id = bound.get("trace_id") or around.get("trace_id")
    parent_id = around.get("parent_span_id")  # or the one that is bound, which the record inherits
    if trace_id is None:
        trace_id = f"{own.trace_id:032x}"
        if remote is not None:
            parent_id = f"{remote.span_id:016x}"
    attributes = opened.current_attributes()
    path = around.get("parent_path") or bound.get("parent_path") or _path_of(attributes)
    return SpanLocation(
        trace_id, f"{own.span_id:016x}", parent_id, str(path), str(attributes.get(_ENTITY) or span.name)
    )


def _path_of(attributes: Mapping[str, object]) -> str:
    """The path that OpenLLMetry writes on a span, for one whose parent is not known here."""
    workflow, entities = attributes.get(_WORKFLOW), attributes.get(_ENTITY_PATH)
    if not isinstance(workflow, str) or not workflow or workflow == attributes.get(_ENTITY):
        return ""
    path = session_path.join("", workflow)
    for entity in entities.split(".") if isinstance(entities, str) and entities else ():
        path = session_path.join(path, entity)
    return path


def _inside(opened: OpenSpan, bound: Mapping[str, object]) -> dict[str, object]:
    """What a span is for what runs inside it, unless a trace or a span of ours was bound in between."""
    location = opened.location
    trace, parent = bound.get("trace_id"), bound.get("parent_span_id")
    if trace is not None and trace != location.trace_id and ids.trace_id(trace) != ids.trace_id(location.trace_id):
        return {}
    if parent is not None and parent != opened.bound.get("parent_span_id") and not _is_around(opened, parent):
        return {}
    return {
        "trace_id": location.trace_id if trace is None else trace,
        "parent_span_id": location.span_id,
        "parent_path": location.path,
    }


def _is_around(opened: OpenSpan, span_id: object) -> bool:
    """Whether a span is an open one, or stands around it: a middleware binds the span that is open already."""
    for each in (opened, *opened.ancestors()):
        if span_id == each.location.span_id:
            return True
    return bool(span_id == each.location.parent_id)
