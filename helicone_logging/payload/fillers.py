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

from helicone_logging.payload import fields as vocabulary
from helicone_logging.payload.builder import Place
from helicone_logging.payload.kinds import SIMPLE_PLACING, Kind, Role
from helicone_logging.payload.limits import Limits
from helicone_logging.payload.wires import helicone

_QUOTES = 2
_LONGEST_FLOAT, _LONGEST_COUNT = 26, 15  # bytes, with quotes
_SIZES = {"trace_id": 34, "span_id": 18, "parent_id": 18, "start": 19, "end": 19, "total": 13}
_MAX_ESCAPE = 6  # bytes that JSON makes of a character of ASCII, at the most
_MAX_CODES = 256

Filler = Callable[[logging.LogRecord, tuple[Any, ...], str], helicone.Entry | None]
"""Returns the entry of a record, given its values and its text; None, or any exception, where they do not fit."""


class Tools(NamedTuple):
    """What a filler calls.

    Args:
        simple_place: finds the place of a record that has nothing but fields of `SIMPLE_PLACING`.
        place: finds that of any other, given the values of its placing fields.
        messages_json: makes the attributes of a list of messages.
        limits: what a span may carry.
    """

    simple_place: Callable[..., tuple[object, ...]]
    place: Callable[..., tuple[object, ...]]
    messages_json: Callable[[object], bytes]
    limits: Limits


def variable(index: int) -> str:
    """Returns the name by which a filler knows the value at a place of its kind."""
    return f"v{index}"


def filler_of(kind: Kind, pieces: Sequence[bytes], gaps: Sequence[str], tools: Tools) -> Filler:
    """Returns the function that puts the values of a record into the gaps of a stencil.

    Args:
        kind: of the records.
        pieces: the bytes before, between and behind the gaps.
        gaps: which variable belongs there: that of a value, an attribute of its place, its `text`, or the `total` of
            its tokens.
        tools: what it calls.
    """
    limits = tools.limits
    names: dict[str, Any] = {
        "__name__": __name__,
        "pieces": tuple(pieces),
        "SIZE": sum(map(len, pieces)) + sum(_size(kind, gap) for gap in gaps),
        "ROOM": min(limits.value_length, limits.span_bytes // _MAX_ESCAPE),
        "find_place": tools.simple_place if _is_simple(kind) else tools.place,
        "messages_json": tools.messages_json,
        "encoded_now": functools.partial(_encoded_now, limits),
        "is_finite": math.isfinite,
        "is_short_text": vocabulary.is_short_text,
        "MAX_COUNT": vocabulary.MAX_COUNT,
    }
    exec(_compiled(_source(kind, gaps)), names)  # noqa: S102 - made of positions, as said above
    filler: Filler = names.pop("fill")  # or the two would be freed by the garbage collector only
    return filler


@functools.lru_cache(_MAX_CODES)
def _compiled(source: str) -> CodeType:
    """Stencils of the same kind differ in their pieces only; to compile takes half a millisecond."""
    return compile(source, f"<{__name__}>", "exec")  # in angle brackets, as it is no file


def _encoded_now(limits: Limits, entry: helicone.Filled, *texts: str | bytes) -> bytes | None:
    """For entries that might be too large."""
    if max(map(len, texts)) > limits.value_length:
        return None
    encoded = helicone.entry_bytes(entry)
    return encoded if len(encoded) <= limits.span_bytes else None


def _size(kind: Kind, gap: str) -> int:
    """How many bytes belong into a gap at the most, without those of a text."""
    if gap in _variables(kind, Role.FLOAT):
        return _LONGEST_FLOAT
    return _LONGEST_COUNT if gap in _variables(kind, Role.COUNT) else _SIZES.get(gap, _QUOTES)


def _is_simple(kind: Kind) -> bool:
    placing = {kind.fields[index]: kind.types[index] for index in kind.places_of(Role.PLACING)}
    return placing.keys() <= set(SIMPLE_PLACING) and placing.get("parent_path", str) is str


def _variables(kind: Kind, *roles: Role) -> list[str]:
    return [variable(index) for index in kind.places_of(*roles)]


def _source(kind: Kind, gaps: Sequence[str]) -> str:
    """Returns the text of a filler.

    That of records with a trace, a prompt and a count is in short:

    def fill(record, values, text):
        v0, v1, ..., v8 = values
        if not (v0 and v1 and v3 and v5 and v6 and v7 and 0 <= v8 <= MAX_COUNT):
            return None
        trace_id, trace_name, ..., path, malformed = find_place(record, text, v6, None, None, None, None)
        length = 0
        length += len(name) if name.isascii() else name.__sizeof__()
        length += len(v7) if v7.isascii() else v7.__sizeof__()
        size = SIZE + length + (length >> 4)
        entry = (pieces, size, trace_id, span_id, name, start, end, v8, ..., v7)
        return entry if size < ROOM else encoded_now(entry, name, ..., v7)
    """
    messages, floats = _variables(kind, Role.MESSAGES), _variables(kind, Role.FLOAT)
    texts = [gap for gap in gaps if gap not in (*_SIZES, *messages, *floats, *_variables(kind, Role.COUNT))]
    lines = [
        f"{', '.join(map(variable, range(len(kind.fields))))} = values",
        f"if not ({' and '.join(_conditions(kind))}):",
        "    return None",
        f"{', '.join(Place._fields)} = find_place(record, text, {', '.join(_placing_arguments(kind))})",
        *(["if parent_id is None: return None"] if kind.has_parent else []),
        *(f"{name} = repr({name})" for name in floats),
        *(f"{name} = messages_json({name})" for name in messages),
        *([f"total = {' + '.join(map(variable, kind.tokens))}"] if kind.tokens else []),
        "length = 0",
        *(f"length += {_length(name)}" for name in texts),  # one by one, as a compiler is not to nest
        *(f"length += len({name})" for name in messages),
        "size = SIZE + length + (length >> 4)",
        f"entry = ({', '.join((_around(gaps, messages), 'size', *(gap for gap in gaps if gap not in messages)))})",
        f"return entry if size < ROOM else encoded_now(entry, {', '.join((*texts, *messages))})",
    ]
    return "\n    ".join(["def fill(record, values, text):", *lines])


def _length(text: str) -> str:
    """In bytes; nobody knows those of a text that is not ASCII, so its memory stands for them."""
    return f"len({text}) if {text}.isascii() else {text}.__sizeof__()"


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


def _around(gaps: Sequence[str], messages: Sequence[str]) -> str:
    """The bytes around the gaps; those of messages are no gap, as they are bytes already."""
    places = [index for index, gap in enumerate(gaps) if gap in messages]
    if not places:
        return "pieces"
    (place,) = places
    return f"(*pieces[:{place}], pieces[{place}] + {gaps[place]} + pieces[{place + 1}], *pieces[{place + 2}:])"
