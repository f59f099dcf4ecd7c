"""Builds records, and reads what the formatter makes of them: checked by the schema, as a span, as a row."""

from __future__ import annotations

import contextlib
import logging
import re
from collections import deque
from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Any

import pytest

from helicone_logging import OTELTraceFormatter
from helicone_logging.payload.wires import helicone
from helicone_logging.receiver.rows import Row, row_of
from helicone_logging.receiver.validation import parse, refusal

CREATED = 1_760_000_000.123
CREATED_NS = 1_760_000_000_123_000_000
TRACE = "0af7651916cd43dd8448eb211c80319c"
SPAN = "b7ad6b7169203331"
PARENT = "00f067aa0ba902b7"
PROPERTY = "traceloop.association.properties.Helicone-Property-"
HELICONE = "traceloop.association.properties.Helicone-"

_EXACT = 2**53
_SPAN_KEYS = {
    "traceId", "spanId", "name", "kind", "startTimeUnixNano", "endTimeUnixNano", "attributes",
    "droppedAttributesCount", "events", "droppedEventsCount", "links", "droppedLinksCount", "status",
}  # fmt: skip


def record(
    msg: object = "answer question",
    *args: object,
    level: int = logging.INFO,
    name: str = "shop.assistant",
    created: float = CREATED,
    exc_info: Any = None,
    stack_info: str | None = None,
    extra: Mapping[Any, object] = MappingProxyType({}),
    **fields: object,
) -> logging.LogRecord:
    """A record as a logger makes it, logged by `ask` in shop/assistant.py, line 42."""
    logger = logging.getLogger(name)
    made = logger.makeRecord(
        name, level, "/srv/shop/assistant.py", 42, msg, args, exc_info, "ask", {**extra, **fields}, stack_info
    )
    made.created = created
    return made


def traced(msg: object = "answer question", *args: object, **fields: Any) -> logging.LogRecord:
    """A record of the trace `TRACE`."""
    return record(msg, *args, **{"trace_id": TRACE, **fields})


def raw_of(made: logging.LogRecord, formatter: OTELTraceFormatter | None = None) -> bytes:
    """The body that is sent for a record."""
    return (formatter or OTELTraceFormatter()).format(made).encode("utf-8", "surrogatepass")


def span_of(made: logging.LogRecord, formatter: OTELTraceFormatter | None = None) -> dict[str, Any]:
    """The one span that is sent for a record, once the server has accepted the body."""
    return checked(raw_of(made, formatter))


def checked(body: bytes | str) -> dict[str, Any]:
    """The one span of a body that is exactly as the server wants it."""
    payload = parse(body)
    assert refusal(payload) is None
    (entry,) = payload["resourceSpans"]
    (scope,) = entry["scopeSpans"]
    assert scope["scope"]["name"] == "helicone_logging"
    (span,) = scope["spans"]
    assert isinstance(span, dict)
    assert set(span) == _SPAN_KEYS
    assert re.fullmatch("[0-9a-fA-F]{32}", span["traceId"])
    assert span["traceId"].strip("0")
    assert re.fullmatch("[0-9a-fA-F]{16}", span["spanId"])
    assert span["spanId"].strip("0")
    assert 0 <= int(span["startTimeUnixNano"]) <= int(span["endTimeUnixNano"])
    assert span["kind"] in range(6)
    assert span["status"]["code"] in range(3)
    _check_attributes(span["attributes"])
    return span


def _check_attributes(attributes: list[dict[str, Any]]) -> None:
    assert len({attribute["key"] for attribute in attributes}) == len(attributes)
    for attribute in attributes:
        ((kind, value),) = attribute["value"].items()
        if kind == "intValue":
            assert type(value) is int
            assert -_EXACT <= value <= _EXACT
        else:
            assert kind == "stringValue"


def attributes_of(span: Mapping[str, Any]) -> dict[str, Any]:
    """The attributes of a span by their names."""
    return {attribute["key"]: next(iter(attribute["value"].values())) for attribute in span["attributes"]}


def sent(made: logging.LogRecord, formatter: OTELTraceFormatter | None = None) -> dict[str, Any]:
    """The attributes that are sent for a record."""
    return attributes_of(span_of(made, formatter))


def row(made: logging.LogRecord, formatter: OTELTraceFormatter | None = None) -> Row:
    """A record as Helicone shows it."""
    return row_of(span_of(made, formatter))


@contextlib.contextmanager
def standard_json() -> Iterator[None]:
    """Without orjson, as where the extra is not installed."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(helicone, "orjson", None)
        yield


def fingerprint(value: object) -> object:
    """What a value is made of, down to the identity of its parts, without running any code of theirs."""
    return _fingerprint(value, frozenset())


def _fingerprint(value: object, within: frozenset[int]) -> object:
    kind = type(value)
    if id(value) in within or len(within) > 50:
        return "…"
    inside = within | {id(value)}
    if kind is dict:
        parts: object = [(_fingerprint(key, inside), _fingerprint(item, inside)) for key, item in dict.items(value)]  # type: ignore[arg-type]
    elif kind in (list, tuple, set, frozenset, deque):
        parts = [_fingerprint(item, inside) for item in value]  # type: ignore[attr-defined]
    elif kind is bytearray:
        parts = bytes(value)  # type: ignore[call-overload]
    else:
        parts = None
    return kind, id(value), parts
