"""Remembers the bytes between the values in which the records of one call site differ.

The first records of a kind go the general way: fields, span, bytes. Then that way is walked once more with a mark in
the place of every value that lands in a span as it is; what stands between the marks in its bytes is the stencil, and
the next records need only their own values put into its gaps (`fillers.py`). What does not fit (an empty value, a long
one, one of another type, a traceback) goes the general way, which stays the only one that knows what a span is made of.
"""

from __future__ import annotations

import functools
import logging
import random
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from operator import itemgetter
from typing import Any, NamedTuple, cast

from helicone_logging.context.binding import AMBIENT_MARK
from helicone_logging.context.inherited import ambient_of, of_same_trace
from helicone_logging.core import budget
from helicone_logging.core.coerce import Scalar
from helicone_logging.payload import fields as vocabulary
from helicone_logging.payload.builder import Message, Place, SpanBuilder
from helicone_logging.payload.fillers import Filler, Tools, filler_of, variable
from helicone_logging.payload.kinds import CALL_SITE, PLACING, Kind, Role, kind_of
from helicone_logging.payload.limits import Limits, is_within
from helicone_logging.payload.wires import helicone

_MAX_KNOWN = 256  # sets of names, and of types for each; then they are forgotten
_MAX_STENCILS = 1024  # and what was seen once; likewise
_MAX_SEEN = 256  # combinations of shaping values; a kind that has more has none that come again
_MAX_ATTRIBUTES = 150  # of a record; one that has more is data, and its kind does not come again
_MAX_NAMES = 5_000  # characters of the names of all of them
_MAX_CONSTANTS = 2_000  # bytes of the values that are part of a stencil
_CONSTANT_TYPES = {str, int, float, bool}
_LANDING = (Role.TEXT, Role.SHORT, Role.COUNT, Role.FLOAT, Role.MESSAGES)

_random = random.SystemRandom()  # the application's own must not be disturbed
_MARK = f"mark-{_random.getrandbits(64):016x}-"  # unknown to those whose texts are logged
_NUMBERS = range(10**11, 2 * 10**11)  # the sum of two is still a count
_PLACE_MARKS = 16

_Values = tuple[Any, ...]


def _unlearned(record: logging.LogRecord, values: _Values, text: str) -> None:
    """Stands in the place of a filler for what was seen once: only what comes again is learned."""


class _Known(NamedTuple):
    """What is known of a kind: the fillers, by the values that shape a span; None where there can be none."""

    kind: Kind
    learned: dict[object, Filler | None]


class _Names(NamedTuple):
    """The fields among the attributes of records, after those of the call site, and what is known by their types."""

    fields: tuple[str, ...]
    values_of: Callable[[Mapping[str, Any]], _Values]
    known: dict[object, _Known | None]


class Stencils:
    """The stencils of a formatter.

    Args:
        fields_of: reads the fields of a record whose text has been rendered.
        builder: makes places and spans of them.
        encoder: makes bytes of them.
        limits: what a span may carry.
        own_names: attributes of records that are no fields of the user's.
    """

    def __init__(
        self,
        fields_of: Callable[[logging.LogRecord, str], dict[str, object]],
        builder: SpanBuilder,
        encoder: helicone.Encoder,
        limits: Limits,
        own_names: frozenset[str],
    ) -> None:
        self._fields_of = fields_of
        self._builder = builder
        self._encoder = encoder
        self._limits = limits
        self._own_names = own_names
        self._names: dict[tuple[str, ...], _Names] = {}
        self._learned = 0

    def fill(self, record: logging.LogRecord, text: str) -> helicone.Entry | None:
        """Returns the entry of a record; None for one that has to go the general way.

        Args:
            record: any record; it is not changed.
            text: what it says, without a failure.
        """
        if type(record) is not logging.LogRecord or type(text) is not str or type(record.created) is not float:
            return None  # those of the application's own classes may tell other values than they hold
        try:
            data: Mapping[str, Any] = record.__dict__
            ambient = ambient_of(record)
            if ambient:
                ambient = of_same_trace(ambient, data)
                data = self._over(ambient, data)
            if type(data["msg"]) is not str or data["stack_info"] is not None or len(data) > _MAX_ATTRIBUTES:
                return None
            attributes = tuple(data)
            names = self._names.get(attributes) or self._meet(attributes)
            fields, values_of, known_by_types = names
            values = values_of(data)
            types = tuple(map(type, values))
            known = known_by_types.get(types) or _meet_types(names, types)
            if known is None:
                return None
            kind, learned = known
            key = kind.shaping_of(values)
            if kind.properties_of is not None:
                key = (key, *_frozen(kind.properties_of(values)))
            filler = learned.get(key)
            if filler is None and key not in learned:
                self._see(names, types, key)
            elif filler is _unlearned:
                learned[key] = None  # unless it can be learned
                learned[key] = filler = self._learn(record, ambient, fields, kind, values)
            return None if filler is None else filler(record, values, text)
        except Exception:  # noqa: BLE001 - a value that cannot be compared or encoded; the general way knows them all
            return None

    def _over(self, ambient: Mapping[str, object], data: Mapping[str, Any]) -> Mapping[str, Any]:
        """The attributes of a record over what is bound around it."""
        if not self._own_names.isdisjoint(ambient) or ("properties" in ambient and "properties" in data):
            raise ValueError("what is bound has the name of an attribute, or has to be merged with it")
        return {**ambient, **data}

    def _place(self, names: Sequence[str], record: logging.LogRecord, text: str, *values: object) -> Place:
        """Where a span stands whose record has these fields to say so."""
        fields = dict(zip(names, values, strict=True))
        place = self._builder.place(record, fields, Message(text, None))
        if fields:
            raise ValueError("one of them has to be shown as it is")
        return place

    def _messages_json(self, others: int, messages: object) -> bytes:
        attributes: dict[str, Scalar] = {}
        with budget.OneRecord():
            has_any = vocabulary.take_messages({"messages": messages}, attributes, capture_text=True)
        if not has_any or others + len(attributes) > self._limits.attributes:
            raise ValueError("the message of the record takes their place, or some are dropped")
        return b"".join(helicone.attributes_json(attributes))

    def _meet(self, attributes: tuple[str, ...]) -> _Names:
        if len(self._names) >= _MAX_KNOWN:
            self._forget()
        fields = tuple(name for name in attributes if name not in self._own_names and name != AMBIENT_MARK)
        names = _Names((*CALL_SITE, *fields), itemgetter(*CALL_SITE, *fields), {})
        if sum(map(len, attributes)) <= _MAX_NAMES:
            self._names[attributes] = names
        return names

    def _forget(self) -> None:
        self._names.clear()
        self._learned = 0

    def _learn(
        self,
        record: logging.LogRecord,
        ambient: Mapping[str, object],
        names: tuple[str, ...],
        kind: Kind,
        values: _Values,
    ) -> Filler:
        """Walks the general way with marks, and cuts its bytes where they are."""
        self._learned += 1
        numbers = iter(_random.sample(_NUMBERS, len(values) + _PLACE_MARKS))
        marked = {index: _mark(values[index], next(numbers)) for index in kind.places_of(*_LANDING)}
        place, text = _marked_place(numbers, has_parent=kind.has_parent), _text_mark(next(numbers))
        total = sum(cast(int, marked[index]) for index in kind.tokens)
        marks = {
            **{variable(index): mark for index, mark in marked.items()},
            **{name: mark for name, mark in place._asdict().items() if mark},
            "text": text,
            **({"total": total} if total else {}),
        }
        gap_of = {self._mark_json(mark): name for name, mark in marks.items()}
        known = dict(zip(names, values, strict=True))  # as another thread may write on the record meanwhile
        copy = _marked(record, ambient, {**known, **{names[index]: mark for index, mark in marked.items()}})
        entry, attributes = self._walk(copy, Message(text, None), place)
        pieces = re.split(b"(%b)" % b"|".join(map(re.escape, gap_of)), entry)
        if any(_MARK.encode() in piece for piece in pieces[::2]):
            raise ValueError("a value stands within a longer text")
        placing = [kind.fields[index] for index in kind.places_of(Role.PLACING)]
        tools = Tools(
            self._builder.simple_place,
            functools.partial(self._place, placing),
            functools.partial(self._messages_json, attributes),
            self._limits,
        )
        return filler_of(kind, pieces[::2], [gap_of[token] for token in pieces[1::2]], tools)

    def _mark_json(self, mark: object) -> bytes:
        """A mark as it stands in the bytes of a span, where floats are texts."""
        if type(mark) is list:
            return self._messages_json(0, mark)
        return helicone.scalar_json(mark if type(mark) is int else str(mark))

    def _walk(self, record: logging.LogRecord, message: Message, place: Place) -> tuple[bytes, int]:
        fields = self._fields_of(record, message.text)
        for name in PLACING:
            fields.pop(name, None)
        span = self._builder.build(record, fields, message, place)
        if not is_within(span.attributes, self._limits):
            raise ValueError("something is cut or dropped")
        return self._encoder.encode(span), len(span.attributes)

    def _see(self, names: _Names, types: tuple[type, ...], key: tuple[object, ...]) -> None:
        known = names.known[types]
        if known is None or _size(key) > _MAX_CONSTANTS:
            return
        if self._learned >= _MAX_STENCILS:
            self._forget()
        self._learned += 1
        known.learned[key] = _unlearned
        if len(known.learned) > _MAX_SEEN:
            names.known[types] = None


def _meet_types(names: _Names, types: tuple[type, ...]) -> _Known | None:
    if types in names.known:
        return None
    if len(names.known) >= _MAX_KNOWN:
        names.known.clear()
    kind = kind_of(names.fields, types)
    known = names.known[types] = None if kind is None else _Known(kind, {})
    return known


def _size(key: object) -> int:
    """About how many bytes the constants of a stencil have."""
    if type(key) is tuple:
        return sum(map(_size, key))
    if type(key) is int:
        return key.bit_length() // 3
    return len(key) if type(key) is str else 0


def _frozen(properties: Mapping[object, object]) -> tuple[object, ...]:
    """The properties, to be compared: 1, 1.0 and True are equal, and so are 0.0 and -0.0."""
    frozen: list[object] = []
    for key, value in properties.items():
        kind = type(value)
        if type(key) is not str or kind not in _CONSTANT_TYPES:
            raise TypeError("a property that may change, or holds more")
        frozen += (key, kind, repr(value) if kind is float else value)
    return tuple(frozen)


def _mark(value: object, number: int) -> object:
    """A value of the same type that stands nowhere else."""
    kind = type(value)
    if kind is int:
        return number
    if kind is float:
        return float(f"0.{number}")
    return [{"role": "user", "content": _text_mark(number)}] if kind is list else _text_mark(number)


def _text_mark(number: int) -> str:
    return f"{_MARK}{number}"


def _marked_place(numbers: Iterator[int], *, has_parent: bool) -> Place:
    trace, trace_name, span, parent, name, path = (_text_mark(next(numbers)) for _ in range(6))
    return Place(
        trace, trace_name, span, parent if has_parent else None, next(numbers), next(numbers), name, path, malformed=0
    )


def _marked(record: logging.LogRecord, ambient: Mapping[str, object], marks: Mapping[str, object]) -> logging.LogRecord:
    """A copy of a record, and of what is bound around it, with marks in the place of values."""
    bound = {name: marks.get(name, value) for name, value in ambient.items()}
    own = {name: marks.get(name, value) for name, value in record.__dict__.items()}
    copy = logging.LogRecord("", 0, "", 0, "", (), None)  # not by the application's factory, which may do anything
    copy.__dict__.clear()
    copy.__dict__.update({**own, AMBIENT_MARK: bound})
    return copy
