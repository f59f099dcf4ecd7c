"""`FrozenRecord`: a record as it waits in the queue, fixed at the call; a worker builds its span.

`marshal` copies values of the built-in types, in any depth, by one call of C. What it has copied cannot change any
more, and to read it runs no code of the application; so the caller of `logger.info` need not wait until it has been
read. The bytes never leave the process.
"""

from __future__ import annotations

import logging
import marshal
from collections.abc import Callable, Iterable, Mapping
from itertools import islice
from typing import Any, NamedTuple

from helicone_logging.context.inherited import dict_message
from helicone_logging.llm.providers.snapshots import NotPlainError, snapshot
from helicone_logging.payload.exceptions import CapturedException
from helicone_logging.payload.record_data import RecordData
from helicone_logging.payload.span import SpanData

_VERSION = 4  # keeps what occurs twice once, so that no nesting of shared lists can grow
# Bytes that names and braces take in JSON: in every span, for each field, and for each message.
_SPAN, _FIELD, _MESSAGE = 1_500, 180, 140
_OWN_ATTRIBUTES = len(vars(logging.LogRecord("", 0, "", 0, "", (), None)))
_SCALARS = frozenset((str, int, float, bool, type(None), bytes))
_MOST = 2_000  # lists and dicts that are looked into, as whoever logs waits for it
_MEMBERS = 100  # of one list that cost as much as a list
_new = tuple.__new__  # without the function that the constructor of a NamedTuple is
_OBJECTS = ("llm_request", "llm_response", "messages", "completion")
_READ_ALREADY: Mapping[str, object] = {"args": None, "exc_info": None, "exc_text": None}


class FrozenRecord(NamedTuple):
    """A record that waits; a `core.wire.Entry`.

    Args:
        values: what it says, but for its exception.
        exception: what it tells of one.
        bits: as in `RecordData`.
        build: makes its span.
        size: about how many bytes its span will have.
    """

    values: bytes
    exception: CapturedException | None
    bits: int
    build: Callable[[RecordData], SpanData]
    size: int

    def encode(self) -> bytes:
        """Builds its span, and returns the bytes of that."""
        record, text, inherited = marshal.loads(self.values)  # noqa: S302 - of this process
        message = dict_message(record) or {}
        return self.build(RecordData(record, text, self.exception, inherited, self.bits, message)).encode()


def freeze(
    data: RecordData, max_bytes: int, build: Callable[[RecordData], SpanData], foreign: Iterable[object] | None = None
) -> FrozenRecord | None:
    """Returns what a record says as it waits; None where that may change, has to be read now, or is large.

    Args:
        data: values of any type.
        max_bytes: of them together.
        build: makes a span of them.
        foreign: those values, or what they hold, that may be of any type; None for all that were added to the record.
    """
    record, text, exception, inherited, bits, _ = data
    if record["args"] or exception is not None:
        record = {**record, **_READ_ALREADY}
    checked = islice(record.values(), _OWN_ATTRIBUTES, None) if foreign is None else foreign  # behind the record's own
    if not are_plain(checked):
        copied = _copied(record) if foreign is None else None
        if copied is None:
            return None
        record = copied
    if inherited and not are_plain(inherited.values()):
        return None
    waiting: Any = (record, text, inherited)  # of which types is for `marshal` to say
    try:
        values = marshal.dumps(waiting, _VERSION)
    except ValueError:  # too deep, or an attribute of the record's own is of another type
        return None
    if len(values) > max_bytes:
        return None
    fields = len(record) - _OWN_ATTRIBUTES
    size = _SPAN + len(values) + (len(values) >> 4) + _FIELD * fields
    if "messages" in record or "llm_request" in record:
        size += _MESSAGE * _messages(record)
    if exception is not None:
        size += exception.weight
    return _new(FrozenRecord, (values, exception, bits, build, size))


def _copied(record: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """A record with plain values in the place of what an SDK returned or was given; None where others are not plain."""
    others = islice(record.items(), _OWN_ATTRIBUTES, None)
    if not are_plain(value for name, value in others if name not in _OBJECTS):
        return None
    try:
        return {**record, **{name: snapshot(record[name]) for name in _OBJECTS if name in record}}
    except NotPlainError:
        return None


def _messages(record: Mapping[str, Any]) -> int:
    """How many messages it holds, as the names of each are spelled out in a span."""
    request = record.get("llm_request")
    messages = request.get("messages") if type(request) is dict else record.get("messages")
    return len(messages) if type(messages) is list else 0


def are_plain(values: Iterable[object]) -> bool:
    """Returns whether values are of the exact built-in types, and hold nothing else in any depth.

    `marshal` alone does not say so: it takes what has a buffer, as numbers of NumPy have, for bytes.

    Args:
        values: of any types; where they hold more than some thousand lists and dicts, they do not count as plain.
    """
    waiting: list[Any] = [value for value in values if type(value) not in _SCALARS]
    left = _MOST
    for value in waiting:
        kind = type(value)
        if kind is dict:
            for key, member in value.items():
                if type(key) not in _SCALARS:
                    return False
                if type(member) not in _SCALARS:
                    waiting.append(member)
        elif kind is list or kind is tuple:
            waiting += [member for member in value if type(member) not in _SCALARS]
        else:
            return False
        left -= 1 + len(value) // _MEMBERS
        if left < 0:
            return False
    return True
