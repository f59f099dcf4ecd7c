"""Writes out what is done with the values of a kind as one Python function, as `collections.namedtuple` does.

Going through lists of what to check, and of what belongs where, takes twice as long as doing it. The text of such a
function is made of positions: nothing that was logged stands in it.
"""

from __future__ import annotations

import functools
import logging
import math
from collections.abc import Callable, Iterable, Sequence
from types import CodeType
from typing import Any, NamedTuple

from helicone_logging import fields as vocabulary
from helicone_logging import otel
from helicone_logging.kinds import SIMPLE_PLACING, Kind, Role
from helicone_logging.limits import Limits
from helicone_logging.spans import Place

Filler = Callable[[logging.LogRecord, tuple[Any, ...], str], bytes | None]
"""Returns the entry of a record, given its values and its text; None, or any exception, where they do not fit."""

_BARE = {"trace_id", "span_id", "parent_id"}  # hexadecimal digits, which need no look before they are JSON
_NUMBERS = {"start", "end", "total"}
_MAX_CODES = 256


class Tools(NamedTuple):
    """What a filler calls.

    Args:
        simple_place: finds the place of a record that has nothing but fields of `SIMPLE_PLACING`.
        place: finds that of any other, given the values of its placing fields.
        messages_json: makes the attributes of a list of messages.
        limits: what a span may carry.
    """

    simple_place: Callable[..., Place]
    place: Callable[..., Place]
    messages_json: Callable[[object], bytes]
    limits: Limits


def variable(index: int) -> str:
    """Returns the name by which a filler knows the value at a place of its kind."""
    return f"v{index}"


def filler_of(kind: Kind, pieces: list[bytes], gaps: Sequence[str], tools: Tools) -> Filler:
    """Returns the function that puts the values of a record into the gaps of a stencil.

    Args:
        kind: of the records.
        pieces: the bytes before, between and behind the gaps.
        gaps: which variable belongs there: that of a value, an attribute of its place, its `text`, or the `total` of
            its tokens.
        tools: what it calls.
    """
    pieces = pieces.copy()
    for index, gap in enumerate(gaps):
        if _is_bare(kind, gap):  # the quotes around it are the same for all
            pieces[index] += b'"'
            pieces[index + 1] = b'"' + pieces[index + 1]
    limits = tools.limits
    names: dict[str, Any] = {
        **{f"p{index}": piece for index, piece in enumerate(pieces)},
        "find_place": tools.simple_place if _is_simple(kind) else tools.place,
        "messages_json": tools.messages_json,
        "text_json": otel.text_json,
        "join": b"".join,
        "is_finite": math.isfinite,
        "is_short_text": vocabulary.is_short_text,
        "MAX_COUNT": vocabulary.MAX_COUNT,
        "ROOMY": min(limits.value_length, limits.span_bytes),
        "is_too_large": functools.partial(_is_too_large, limits),
    }
    exec(_compiled(_source(kind, gaps)), names)  # noqa: S102 - made of positions, as said above
    filler: Filler = names["fill"]
    return filler


@functools.lru_cache(_MAX_CODES)
def _compiled(source: str) -> CodeType:
    """Stencils of the same kind differ in their pieces only; to compile takes half a millisecond."""
    return compile(source, __name__, "exec")


def _is_too_large(limits: Limits, entry: bytes, *texts: str | bytes) -> bool:
    return len(entry) > limits.span_bytes or max(map(len, texts)) > limits.value_length


def _is_bare(kind: Kind, gap: str) -> bool:
    return gap in _BARE or gap in _variables(kind, Role.FLOAT)


def _is_simple(kind: Kind) -> bool:
    placing = {kind.fields[index]: kind.types[index] for index in kind.places_of(Role.PLACING)}
    return placing.keys() <= set(SIMPLE_PLACING) and placing.get("parent_path", str) is str


def _variables(kind: Kind, *roles: Role) -> list[str]:
    return [variable(index) for index in kind.places_of(*roles)]


def _source(kind: Kind, gaps: Sequence[str]) -> str:
    messages = _variables(kind, Role.MESSAGES)
    lines = [
        f"{', '.join(map(variable, range(len(kind.fields))))} = values",
        f"if not ({' and '.join(_conditions(kind))}):",
        "    return None",
        f"{', '.join(Place._fields)} = find_place(record, text, {', '.join(_placing_arguments(kind))})",
        *(["if parent_id is None: return None"] if kind.has_parent else []),
        *(f"{name} = messages_json({name})" for name in messages),
        f"total = {' + '.join(map(variable, kind.tokens)) or 'None'}",
        f"entry = join(({', '.join(_parts(kind, gaps))}))",
        f"if len(entry) > ROOMY and is_too_large(entry, {', '.join(_texts(kind, gaps))}): return None",
        "return entry",
    ]
    return "\n    ".join(["def fill(record, values, text):", *lines])


def _conditions(kind: Kind) -> Iterable[str]:
    """When values land in the span as they are: none is absent, no text too long for a property, no int no count."""
    for index, type_ in enumerate(kind.types):
        if type_ is str:
            yield variable(index)
    for name in _variables(kind, Role.SHORT):
        yield f"is_short_text({name})"
    for name in _variables(kind, Role.COUNT):
        yield f"0 <= {name} <= MAX_COUNT"
    for name in _variables(kind, Role.FLOAT):
        yield f"is_finite({name})"


def _placing_arguments(kind: Kind) -> Iterable[str]:
    if not _is_simple(kind):
        return _variables(kind, Role.PLACING)
    return [variable(kind.fields.index(name)) if name in kind.fields else "None" for name in SIMPLE_PLACING]


def _parts(kind: Kind, gaps: Sequence[str]) -> Iterable[str]:
    for index, gap in enumerate(gaps):
        yield f"p{index}"
        yield _as_json(kind, gap)
    yield f"p{len(gaps)}"


def _as_json(kind: Kind, gap: str) -> str:
    if gap in _BARE:
        return f"{gap}.encode()"
    if gap in _NUMBERS or gap in _variables(kind, Role.COUNT):
        return f"b'%d' % {gap}"
    if gap in _variables(kind, Role.FLOAT):
        return f"repr({gap}).encode()"
    return gap if gap in _variables(kind, Role.MESSAGES) else f"text_json({gap})"


def _texts(kind: Kind, gaps: Sequence[str]) -> Iterable[str]:
    """What may be longer than a value may be."""
    others = _BARE | _NUMBERS | {*_variables(kind, Role.COUNT, Role.FLOAT)}
    return [gap for gap in gaps if gap not in others]
