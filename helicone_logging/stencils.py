"""Remembers the bytes between the values in which the records of one call site differ.

The first records of a kind go the general way: fields, span, bytes. Then that way is walked once more with a mark in
the place of every value that lands in a span as it is; what stands between the marks in its bytes is the stencil, and
the next records need only their own values put into its gaps. What does not fit (an empty value, a long one, one of
another type, a traceback) goes the general way, which stays the only one that knows what a span is made of.
"""

from __future__ import annotations

import logging
import math
import random
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from operator import itemgetter
from typing import Any, NamedTuple

from helicone_logging import fields as vocabulary
from helicone_logging import otel
from helicone_logging.ambient import ambient_of, of_same_trace
from helicone_logging.context import AMBIENT_MARK
from helicone_logging.identity import Identity, identity_of
from helicone_logging.kinds import CALL_SITE, PLACING, Kind, kind_of
from helicone_logging.limits import Limits, is_within
from helicone_logging.spans import Message, Place, SpanBuilder
from helicone_logging.times import Times, times_of
from helicone_logging.values import Scalar

_MAX_KNOWN = 256  # sets of names, and of types for each; then they are forgotten
_MAX_STENCILS = 1024  # and what was seen once; likewise
_MAX_SEEN = 256  # combinations of shaping values; a kind that has more has none that come again
_MAX_ATTRIBUTES = 150  # of a record; one that has more is data, and its kind does not come again
_MAX_NAMES = 5_000  # characters of the names of all of them
_MAX_CONSTANTS = 2_000  # bytes of the values that are part of a stencil
_CONSTANT_TYPES = {str, int, float, bool}

_random = random.SystemRandom()  # the application's own must not be disturbed
_MARK = f"mark-{_random.getrandbits(64):016x}-"  # unknown to those whose texts are logged
_NUMBERS = range(10**11, 2 * 10**11)  # the sum of two is still a count
_PLACE_MARKS = 16

_Values = tuple[Any, ...]


class Stencil(NamedTuple):
    """An entry with gaps.

    Args:
        pieces: its bytes; every other one is a gap.
        in_order: gets what belongs into the gaps from the filling of a record.
        messages: the gaps into which a list of messages belongs.
        attributes: how many there are beside those of a list of messages.
    """

    pieces: list[bytes]
    in_order: Callable[[Sequence[Any]], tuple[Any, ...]]
    messages: tuple[int, ...]
    attributes: int


_Learned = dict[bool, Stencil]  # for spans without a parent, and for those with one
_NEW: _Learned = {}


class _Known(NamedTuple):
    """What is known of a kind, by the values that shape a span: empty when seen once, None where there is nothing."""

    kind: Kind
    learned: dict[object, _Learned | None]


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
        encoder: otel.Encoder,
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

    def fill(self, record: logging.LogRecord, text: str) -> bytes | None:
        """Returns the entry of a record; None for one that has to go the general way.

        Args:
            record: any record; it is not changed.
            text: what it says, without a failure.
        """
        if type(record) is not logging.LogRecord:  # one of the application's may tell other values than it holds
            return None
        try:
            return self._fill(record, text)
        except Exception:  # noqa: BLE001 - a value that cannot be compared or encoded; the general way knows them all
            return None

    def _fill(self, record: logging.LogRecord, text: str) -> bytes | None:
        data: Mapping[str, Any] = record.__dict__
        ambient = ambient_of(record)
        if ambient:
            ambient = of_same_trace(ambient, data)
            data = self._over(ambient, data)
        if type(data["msg"]) is not str or data["stack_info"] is not None or len(data) > _MAX_ATTRIBUTES:
            return None
        attributes = tuple(data)
        names = self._names.get(attributes) or self._meet(attributes)
        values = names.values_of(data)
        types = tuple(map(type, values))
        known = names.known.get(types) or _meet_types(names, types)
        if known is None or not _are_fit(known.kind, values):
            return None
        kind = known.kind
        key = kind.shaping_of(values)
        if kind.properties:
            key = (key, *map(_frozen, kind.properties_of(values)))
        learned = known.learned.get(key, _NEW)
        if learned is _NEW:  # only what comes again is learned
            self._see(names, types, key)
            return None
        if learned is None:
            return None
        place = self._place(record, kind, values, text)
        if place is None:
            return None
        is_root = place.identity.parent_id is None
        if is_root not in learned:
            known.learned[key] = None  # unless it can be learned
            learned[is_root] = self._learn(record, ambient, names.fields, kind, values, is_root=is_root)
            known.learned[key] = learned
        stencil = learned[is_root]
        filling = _filling(kind, values, place, text, sum(kind.tokens_of(values)))
        gaps = otel.plain_json(stencil.in_order(filling))
        for gap in stencil.messages:
            (messages,) = kind.messages_of(values)
            gaps[gap] = self._messages_json(messages, stencil.attributes)
        return self._joined(stencil, gaps)

    def _over(self, ambient: Mapping[str, object], data: Mapping[str, Any]) -> Mapping[str, Any]:
        """The attributes of a record over what is bound around it."""
        if not self._own_names.isdisjoint(ambient) or ("properties" in ambient and "properties" in data):
            raise ValueError("what is bound has the name of an attribute, or has to be merged with it")
        return {**ambient, **data}

    def _place(self, record: logging.LogRecord, kind: Kind, values: _Values, text: str) -> Place | None:
        """Where the span of a record stands; None where a value is none that its field can hold."""
        if kind.simple_placing_of is None:
            fields = dict(zip(kind.placing, kind.placing_of(values), strict=True))
            place = self._builder.place(record, fields, Message(text, None))
            return None if fields else place
        trace, span, parent, enclosing, duration_ms = kind.simple_placing_of((*values, None))
        times = times_of(record.created, duration_ms)
        if times is None or not (enclosing is None or type(enclosing) is str):
            return None
        return self._builder.place_of(record, identity_of(trace, span, parent), times, text, None, enclosing)

    def _joined(self, stencil: Stencil, gaps: list[bytes]) -> bytes | None:
        pieces = stencil.pieces.copy()
        pieces[1::2] = gaps
        entry = b"".join(pieces)
        limits = self._limits
        if len(entry) > limits.span_bytes:
            return None
        if len(entry) > limits.value_length and len(max(gaps, key=len)) > limits.value_length:
            return None
        return entry

    def _messages_json(self, messages: object, others: int) -> bytes:
        attributes: dict[str, Scalar] = {}
        has_any = vocabulary.take_messages({"messages": messages}, attributes, capture_text=True)
        if not has_any or others + len(attributes) > self._limits.attributes:
            raise ValueError("the message of the record takes their place, or some are dropped")
        return b"".join(otel.attribute_pieces(attributes, otel.plain_json))

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
        *,
        is_root: bool,
    ) -> Stencil:
        """Walks the general way with marks, and cuts its bytes where they are."""
        self._learned += 1
        numbers = iter(_random.sample(_NUMBERS, len(values) + _PLACE_MARKS))
        marked = tuple([_mark(value, next(numbers)) for value in values])
        place, text = _marked_place(numbers), _text_mark(next(numbers))
        total = sum(kind.tokens_of(marked)) or next(numbers)
        filling = _filling(kind, marked, place, text, total)
        tokens = otel.plain_json(scalar if type(scalar) is int else str(scalar) for scalar in filling)
        for index in kind.messages:
            tokens[index] = self._messages_json(marked[index], 0)
        if is_root:
            place = place._replace(identity=place.identity._replace(parent_id=None))
        marks = {names[index]: marked[index] for index in (*kind.blanks, *kind.messages)}
        entry, attributes = self._walk(_marked(record, ambient, marks), Message(text, None), place)
        pieces = re.split(b"(%b)" % b"|".join(map(re.escape, tokens)), entry)
        if any(_MARK.encode() in piece for piece in pieces[::2]):
            raise ValueError("a value stands within a longer text")
        order = [*map(tokens.index, pieces[1::2])]
        messages = tuple(gap for gap, index in enumerate(order) if index in kind.messages)
        return Stencil(pieces, itemgetter(*order), messages, attributes)

    def _walk(self, record: logging.LogRecord, message: Message, place: Place) -> tuple[bytes, int]:
        fields = self._fields_of(record, message.text)
        for name in PLACING:
            fields.pop(name, None)
        span = self._builder.build(record, fields, message, place)
        if not is_within(span.attributes, self._limits):
            raise ValueError("something is cut or dropped")
        otel.plain_json(span.attributes.values())  # raises for a lone surrogate, for which all values are escaped
        return self._encoder.encode(span), len(span.attributes)

    def _see(self, names: _Names, types: tuple[type, ...], key: tuple[object, ...]) -> None:
        known = names.known[types]
        if known is None or _size(key) > _MAX_CONSTANTS:
            return
        if self._learned >= _MAX_STENCILS:
            self._forget()
        self._learned += 1
        known.learned[key] = {}
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


def _are_fit(kind: Kind, values: _Values) -> bool:
    """Whether values land in the span as they are: none is absent, no text too long for a property, no int no count."""
    if not all(kind.texts_of(values)):
        return False
    for text in kind.shorts_of(values):
        if not vocabulary.is_short_text(text):
            return False
    for count in kind.counts_of(values):
        if not 0 <= count <= vocabulary.MAX_COUNT:
            return False
    return math.isfinite(sum(kind.floats_of(values)))


def _frozen(properties: Mapping[object, object]) -> tuple[object, ...]:
    """The properties, to be compared: 1, 1.0 and True are equal, and so are 0.0 and -0.0."""
    frozen: list[object] = []
    for key, value in properties.items():
        kind = type(value)
        if type(key) is not str or kind not in _CONSTANT_TYPES:
            raise TypeError("a property that may change, or holds more")
        frozen += (key, kind, repr(value) if kind is float else value)
    return tuple(frozen)


def _filling(kind: Kind, values: _Values, place: Place, text: str, total: int) -> list[Any]:
    """All that may stand in a gap: floats as text, and nothing for the messages, which are more than one scalar."""
    (trace_id, trace_name, span_id, _, parent_id, _), (start, end), name, path = place
    filling = [*values, trace_id, trace_name, span_id, parent_id or "", name, path, start, end, text, total]
    for index in kind.floats:
        filling[index] = repr(filling[index])
    for index in kind.messages:
        filling[index] = ""
    return filling


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


def _marked_place(numbers: Iterator[int]) -> Place:
    trace, trace_name, span, parent, name, path = (_text_mark(next(numbers)) for _ in range(6))
    identity = Identity(trace, trace_name, span, is_known=False, parent_id=parent, malformed=0)
    return Place(identity, Times(next(numbers), next(numbers)), name, path)


def _marked(record: logging.LogRecord, ambient: Mapping[str, object], marks: Mapping[str, object]) -> logging.LogRecord:
    """A copy of a record, and of what is bound around it, with marks in the place of values."""
    bound = {name: marks.get(name, value) for name, value in ambient.items()}
    own = {name: marks.get(name, value) for name, value in record.__dict__.items()}
    copy = logging.LogRecord("", 0, "", 0, "", (), None)  # not by the application's factory, which may do anything
    copy.__dict__.clear()
    copy.__dict__.update({**own, AMBIENT_MARK: bound})
    return copy
