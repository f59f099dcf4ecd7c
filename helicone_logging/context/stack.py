"""The stack of bindings around the running code, kept in one ContextVar.

Each binding is a frame that knows who pushed it. Removing a frame by its owner, instead of resetting a token, keeps
the others right when bindings end out of order, as in generators that bind between yields, and makes leaving a
binding in a context where it was never entered a matter of nothing to remove.
"""

from __future__ import annotations

import contextvars
from collections.abc import Mapping
from types import TracebackType
from typing import NamedTuple

from helicone_logging.core import ids

NOTHING: Mapping[str, object] = {}
"""What is bound outside every binding; a plain dict, as records that carry it are pickled."""


class Frame(NamedTuple):
    """One binding on the stack.

    Args:
        owner: who pushed it, and alone removes it.
        fields: what it binds of its own.
        outer: the frame around it, or None.
        bound: all that is bound inside: its own fields over those around it. Never changed in place.
    """

    owner: object
    fields: Mapping[str, object]
    outer: Frame | None
    bound: Mapping[str, object]


top: contextvars.ContextVar[Frame | None] = contextvars.ContextVar("helicone_logging", default=None)
"""The innermost frame; changed here only."""


def bound() -> Mapping[str, object]:
    """Returns the fields that are bound now; not to be changed."""
    frame = top.get()
    return NOTHING if frame is None else frame.bound


def push(owner: object, fields: Mapping[str, object]) -> None:
    """Binds fields, until `drop` is called with the same owner in the same context.

    Args:
        owner: whose frame it is; compared by identity.
        fields: what to bind over what is bound already.
    """
    top.set(_above(top.get(), owner, fields))


def drop(owner: object) -> None:
    """Removes the innermost frame of an owner, wherever it stands; without one in this context, nothing happens."""
    frame, inside = top.get(), []
    while frame is not None and frame.owner is not owner:
        inside.append(frame)
        frame = frame.outer
    if frame is None:
        return
    rest = frame.outer
    for kept in reversed(inside):
        rest = _above(rest, kept.owner, kept.fields)
    top.set(rest)


def extend(fields: Mapping[str, object]) -> None:
    """Adds fields to the innermost frame; without any frame nothing happens, as nothing would end it."""
    frame = top.get()
    if frame is not None:
        top.set(_above(frame.outer, frame.owner, merged(frame.fields, fields)))


def _above(outer: Frame | None, owner: object, fields: Mapping[str, object]) -> Frame:
    around = NOTHING if outer is None else outer.bound
    return Frame(owner, fields, outer, merged(around, fields))


def merged(outer: Mapping[str, object], inner: Mapping[str, object]) -> dict[str, object]:
    """Returns fields over those around them, without changing either.

    Args:
        outer: the fields around; a parent and a path among them are left out where `inner` names another trace, and
            the path where it names another parent.
        inner: the fields that win; `properties` are merged key by key.
    """
    result = dict(outer)
    if _names_other_trace(outer, inner):
        result.pop("parent_span_id", None)
        result.pop("parent_path", None)
    elif inner.get("parent_span_id", outer.get("parent_span_id")) != outer.get("parent_span_id"):
        result.pop("parent_path", None)
    result.update(inner)
    around, own = outer.get("properties"), inner.get("properties")
    if isinstance(around, dict) and isinstance(own, dict):
        result["properties"] = {**around, **own}
    return result


def _names_other_trace(outer: Mapping[str, object], inner: Mapping[str, object]) -> bool:
    if "trace_id" not in inner:
        return False
    before, after = outer.get("trace_id"), inner["trace_id"]
    return before is not after and ids.trace_id(before) != ids.trace_id(after)


class Inside:
    """What is bound inside something that runs in steps: a generator, a request with a streamed body.

    Each step is a `with` block: what the steps before have left bound holds in it, and only in it.

    Args:
        fields: what is bound in the first step, and nothing else; None for what is bound now.
    """

    def __init__(self, fields: Mapping[str, object] | None = None) -> None:
        self._frame = top.get() if fields is None else _above(None, self, fields)
        self._outside: list[contextvars.Token[Frame | None]] = []

    def __enter__(self) -> Inside:
        self._outside.append(top.set(self._frame))
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None = None,
        exc: BaseException | None = None,
        traceback: TracebackType | None = None,
    ) -> None:
        frame = top.get()
        try:
            top.reset(self._outside.pop())
        except ValueError:  # a step that was thrown away halfway is closed wherever the garbage collector runs
            return
        self._frame = frame
