"""The context stack: the bindings around the running code, innermost first, in one ContextVar.

A context is entered once and left once, yet not always in the same place: the event loop closes an async generator
that was left by `break` in a task of its own (PEP 525), the garbage collector wherever it runs. A ContextVar can only
be set where the code runs, so a binding that is left elsewhere is marked as ended, and taken off the stack when the
context that it was entered in looks next. Tasks and threads that were started inside have copies of the context; for
them it holds on. Which is which a `Token` knows: it resets its variable in the context that made it, and in no other.
"""

from __future__ import annotations

import contextvars
from collections.abc import Mapping

from helicone_logging.core import ids

NOTHING: Mapping[str, object] = {}
"""What is bound outside every binding; a plain dict, as records that carry it are pickled."""

OF_THE_TRACE = ("parent_span_id", "parent_path")
"""Fields that say where in its trace something stands, so that another trace has no use for them."""

_NEVER: list[Mapping[str, object]] = []  # of frames that are never extended in place


class BindingToken:
    """One time that a binding was entered.

    Args:
        token: resets the stack in the context that was entered; None once it was left there.
        has_ended: whether it was left in another context, so that its own has yet to hear of it.
    """

    __slots__ = ("has_ended", "token")

    def __init__(self) -> None:
        self.token: contextvars.Token[StackFrame | None] | None = None
        self.has_ended = False


class StackFrame:
    """What one binding puts on the stack.

    Args:
        entry: what takes it off again; None for what ends with its context, or is taken off by a `ContextSnapshot`.
        fields: what it binds of its own.
        outer: the frame around it, or None.
        bound: all that is bound inside: its own fields over those around it. Never changed in place.
        is_in_request: whether it belongs to a request or a task, all of whose parts share what `extend` adds.
    """

    __slots__ = ("added", "bound", "checked", "entry", "fields", "is_in_request", "outer")

    def __init__(
        self,
        entry: BindingToken | None,
        fields: Mapping[str, object],
        outer: StackFrame | None,
        bound: Mapping[str, object],
        is_in_request: bool,
    ) -> None:
        self.entry = entry
        self.fields = fields
        self.outer = outer
        self.bound = bound
        self.is_in_request = is_in_request
        self.added: list[Mapping[str, object]] = [] if is_in_request else _NEVER
        self.checked: object = _latest_end if outer is None else outer.checked


_top: contextvars.ContextVar[StackFrame | None] = contextvars.ContextVar("helicone_logging", default=None)
_latest_end: object = object()
"""Another object whenever a binding was left in another context; a frame that has seen it needs no second look."""


def current() -> StackFrame | None:
    """Returns the innermost frame, without those that have ended."""
    frame = _top.get()
    if frame is None or frame.checked is _latest_end:
        return frame
    return _settled(frame)


def bound() -> Mapping[str, object]:
    """Returns the fields that are bound now; not to be changed."""
    frame = _top.get()
    if frame is None:
        return NOTHING
    if frame.checked is not _latest_end:
        frame = _settled(frame)
    return NOTHING if frame is None else frame.bound


def enter(fields: Mapping[str, object], bound: Mapping[str, object] | None = None) -> BindingToken:
    """Binds fields, until `leave` is called with what this returns.

    Args:
        fields: what to bind over what is bound already.
        bound: both together, where the caller has them.
    """
    outer, entry = current(), BindingToken()
    if bound is None:
        bound = merged(NOTHING if outer is None else outer.bound, fields)
    frame = StackFrame(entry, fields, outer, bound, outer is not None and outer.is_in_request)
    entry.token = _top.set(frame)
    return entry


def leave(entry: BindingToken) -> None:
    """Takes a binding off the stack, in this context and in the one where it was entered.

    It calls nothing but ContextVars where the binding is the innermost: what ends a block may be a RecursionError,
    and then there is no depth for more.

    Args:
        entry: as `enter` returned it; one that was left before changes nothing.
    """
    global _latest_end  # noqa: PLW0603 - read for every record, so it is as near as can be
    frame, token = _top.get(), entry.token
    if token is None:
        return
    try:
        _top.reset(token)
        entry.token = None
    except ValueError:
        entry.has_ended = True
        _latest_end = object()
    _top.set(frame.outer if frame is not None and frame.entry is entry else _without(frame, entry))


def holds(entry: BindingToken) -> bool:
    """Returns whether a binding is on the stack of this context."""
    frame = _top.get()
    while frame is not None and frame.entry is not entry:
        frame = frame.outer
    return frame is not None


def extend(fields: Mapping[str, object]) -> None:
    """Adds fields to the innermost frame; without any frame nothing happens, as nothing would end it.

    In a request they are added in place, as frameworks run its parts in threads and tasks with copies of its context.
    Elsewhere a frame may be shared by tasks that have nothing to do with each other.
    """
    frame = current()
    if frame is None:
        return
    if frame.is_in_request:
        _extend_in_place(frame, fields)
    else:
        _top.set(_above(frame.outer, frame, merged(frame.fields, fields)))


def _extend_in_place(frame: StackFrame, fields: Mapping[str, object]) -> None:
    """Without a lock, as a fork could leave it locked: whoever was overtaken by another thread does it again."""
    frame.added.append(fields)
    count = 0
    while count != len(frame.added):
        count = len(frame.added)
        frame.bound = merged(NOTHING if frame.outer is None else frame.outer.bound, _own(frame))


def _own(frame: StackFrame) -> Mapping[str, object]:
    fields = frame.fields
    for more in list(frame.added):
        fields = merged(fields, more)
    return fields


def _settled(frame: StackFrame) -> StackFrame | None:
    """The stack without what has ended elsewhere; in a copy of that context it stays."""
    latest, rest = _latest_end, None
    for each in reversed(_frames(frame)):
        if each.entry is None or not each.entry.has_ended or not _was_entered_here(each.entry):
            rest = each if each.outer is rest else _above(rest, each, _own(each))
    if rest is not None:
        rest.checked = latest
    if rest is not frame:
        _top.set(rest)
    return rest


def _was_entered_here(entry: BindingToken) -> bool:
    if entry.token is None:
        return False
    try:
        _top.reset(entry.token)
    except (ValueError, RuntimeError):  # of another context; its own has done it this very moment
        return False
    entry.token = None
    return True


def _without(frame: StackFrame | None, entry: BindingToken) -> StackFrame | None:
    """The stack without a frame, wherever in it that stands; itself where it has none."""
    frames = _frames(frame)
    place = next((place for place, each in enumerate(frames) if each.entry is entry), None)
    if place is None:
        return frame
    rest = frames[place].outer
    for each in reversed(frames[:place]):
        rest = _above(rest, each, _own(each))
    return rest


def _frames(frame: StackFrame | None) -> list[StackFrame]:
    """From the innermost to the outermost."""
    frames = []
    while frame is not None:
        frames.append(frame)
        frame = frame.outer
    return frames


def _above(outer: StackFrame | None, frame: StackFrame, fields: Mapping[str, object]) -> StackFrame:
    """The same frame over another one, or with other fields."""
    around = NOTHING if outer is None else outer.bound
    return StackFrame(frame.entry, fields, outer, merged(around, fields), frame.is_in_request)


def merged(outer: Mapping[str, object], inner: Mapping[str, object]) -> dict[str, object]:
    """Returns fields over those around them, without changing either.

    Args:
        outer: the fields around; a parent and a path among them are left out where `inner` names another trace, and
            the path where it names another parent.
        inner: the fields that win; `properties` are merged key by key.
    """
    if not outer:
        return dict(inner)
    result = {**outer, **inner}
    for name in _of_another(outer, inner):
        if name not in inner:
            result.pop(name, None)
    around, own = outer.get("properties"), inner.get("properties")
    if isinstance(around, dict) and isinstance(own, dict):
        result["properties"] = {**around, **own}
    return result


def _of_another(outer: Mapping[str, object], inner: Mapping[str, object]) -> tuple[str, ...]:
    """What of the outer fields belongs to another trace, or to another parent, than the inner ones."""
    if "parent_span_id" not in outer and "parent_path" not in outer:
        return ()
    if "trace_id" in inner:
        before, after = outer.get("trace_id"), inner["trace_id"]
        if before is not after and ids.trace_id(before) != ids.trace_id(after):
            return OF_THE_TRACE
    parent = outer.get("parent_span_id")
    return OF_THE_TRACE[1:] if inner.get("parent_span_id", parent) != parent else ()


class ContextSnapshot:
    """What is bound inside something that runs in steps: a generator, a request with a streamed body.

    Each step is a `with` block: what the steps before have left bound holds in it, and only in it.

    Args:
        fields: what is bound where it begins, and nothing else, for a request, a task, or a record of a span that
            is logged elsewhere; None for what is bound now.
    """

    __slots__ = ("_frame", "_outside")

    def __init__(self, fields: Mapping[str, object] | None = None) -> None:
        self._frame = current() if fields is None else StackFrame(None, fields, None, fields, True)
        self._outside: list[contextvars.Token[StackFrame | None]] = []

    def __enter__(self) -> ContextSnapshot:
        self._outside.append(_top.set(self._frame))
        return self

    def __exit__(self, *_: object) -> None:
        frame = _top.get()
        try:
            _top.reset(self._outside.pop())
        except ValueError:  # a step that was thrown away halfway is closed wherever the garbage collector runs
            return
        self._frame = frame
