"""Reads OTLP, as a Collector takes it and sends it on, into spans as the receiver keeps them.

JSON and protobuf leave out what is empty, and JSON has ints as text: here everything is there again, and ints are ints.
Helicone itself is given them as text behind a Collector; its columns and costs take them all the same.

https://opentelemetry.io/docs/specs/otlp/#json-protobuf-encoding
"""

from __future__ import annotations

import base64
import re
from collections.abc import Callable, Mapping
from typing import Any

from helicone_logging.receiver import validation
from helicone_logging.receiver.validation import NotJSONError

INSTALL = "pip install 'helicone-logging[otlp]'"

_STATUSES = {"STATUS_CODE_UNSET": 0, "STATUS_CODE_OK": 1, "STATUS_CODE_ERROR": 2}
_KINDS = ("UNSPECIFIED", "INTERNAL", "SERVER", "CLIENT", "PRODUCER", "CONSUMER")
_INTEGER = re.compile(r"-?[0-9]{1,20}")
_COUNTS = ("droppedAttributesCount", "droppedEventsCount", "droppedLinksCount")


class NotOTLPError(ValueError):
    """A body that is no `ExportTraceServiceRequest`; it says which key is wrong, and repeats no value."""


class NoProtobufError(Exception):
    """The package that reads protobuf is not installed."""


def from_json(body: bytes | str) -> dict[str, Any]:
    """Returns a payload of the receiver's form.

    Args:
        body: JSON, with ids in hexadecimal.

    Raises:
        NotOTLPError: it is none of OTLP's, or no JSON.
    """
    try:
        return completed(validation.parse(body))
    except NotJSONError as error:
        raise NotOTLPError(f"it is no JSON: {error}") from error


def from_protobuf(body: bytes) -> dict[str, Any]:
    """Returns a payload of the receiver's form.

    Args:
        body: an `ExportTraceServiceRequest`.

    Raises:
        NoProtobufError: the extra `[otlp]` is not installed.
        NotOTLPError: it is none of OTLP's.
    """
    try:
        from google.protobuf.json_format import MessageToDict
        from google.protobuf.message import DecodeError
        from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
    except ImportError as error:
        raise NoProtobufError(f"protobuf is not read here: {INSTALL}") from error
    try:
        request = ExportTraceServiceRequest.FromString(body)
        return completed(MessageToDict(request), id_of=_id_of_base64)
    except (DecodeError, RecursionError) as error:
        raise NotOTLPError(f"it is no protobuf of OTLP's: {error}") from error


def completed(payload: object, id_of: Callable[[object], str] = str) -> dict[str, Any]:
    """Returns a payload in which nothing is left out.

    Args:
        payload: as JSON has it.
        id_of: makes hexadecimal digits of an id.

    Raises:
        NotOTLPError: something is of another type than OTLP's, or nested too deeply.
    """
    entries = _list(_mapping(payload, "the body"), "resourceSpans")
    try:
        return {"resourceSpans": [_entry(entry, id_of) for entry in entries]}
    except RecursionError as error:
        raise NotOTLPError("it is nested too deeply") from error


def _entry(entry: object, id_of: Callable[[object], str]) -> dict[str, Any]:
    found = _mapping(entry, "resourceSpans")
    resource = _mapping(found.get("resource") or {}, "resource")
    return {
        "resource": {"attributes": _attributes(resource), "droppedAttributesCount": _count(resource, _COUNTS[0])},
        "scopeSpans": [_scope(scope, id_of) for scope in _list(found, "scopeSpans")],
    }


def _scope(scope_spans: object, id_of: Callable[[object], str]) -> dict[str, Any]:
    found = _mapping(scope_spans, "scopeSpans")
    scope = _mapping(found.get("scope") or {}, "scope")
    named = {name: _text(scope, name) for name in ("name", "version")}
    return {"scope": named, "spans": [_span(span, id_of) for span in _list(found, "spans")]}


def _span(span: object, id_of: Callable[[object], str]) -> dict[str, Any]:
    found = _mapping(span, "spans")
    status = _mapping(found.get("status") or {}, "status")
    whole: dict[str, Any] = {
        "traceId": id_of(found.get("traceId") or ""),
        "spanId": id_of(found.get("spanId") or ""),
        "name": _text(found, "name"),
        "kind": _kind(found.get("kind") or 0),
        "startTimeUnixNano": str(found.get("startTimeUnixNano") or 0),
        "endTimeUnixNano": str(found.get("endTimeUnixNano") or 0),
        "attributes": _attributes(found),
        "events": [_event(event) for event in _list(found, "events")],
        "links": _list(found, "links"),
        "status": {"code": _status(status.get("code") or 0)},
        **{name: _count(found, name) for name in _COUNTS},
    }
    if found.get("parentSpanId"):
        whole["parentSpanId"] = id_of(found["parentSpanId"])
    if status.get("message"):
        whole["status"]["message"] = _text(status, "message")
    return whole


def _event(event: object) -> dict[str, Any]:
    found = _mapping(event, "events")
    time = str(found.get("timeUnixNano") or 0)
    return {"name": _text(found, "name"), "timeUnixNano": time, "attributes": _attributes(found)}


def _attributes(holder: Mapping[str, Any]) -> list[dict[str, Any]]:
    found = [_mapping(attribute, "attributes") for attribute in _list(holder, "attributes")]
    return [{"key": _text(one, "key"), "value": _value(one.get("value") or {})} for one in found]


def _value(value: object) -> dict[str, Any]:
    found = _mapping(value, "value")
    kind, held = next(iter(found.items()), ("stringValue", ""))
    if kind == "intValue":
        return {kind: _integer(held, kind)}
    if kind == "arrayValue":
        return {kind: {"values": [_value(item) for item in _list(_mapping(held, kind), "values")]}}
    types = {"stringValue": str, "boolValue": bool, "doubleValue": (int, float, str), "bytesValue": str}
    if kind in types and not isinstance(held, types[kind]):  # type: ignore[arg-type]
        raise NotOTLPError(f"{kind} is of another type")
    return {kind: held}


def _mapping(value: object, name: str) -> Mapping[str, Any]:
    if not isinstance(value, dict):
        raise NotOTLPError(f"{name} must hold an object")
    return value


def _list(holder: Mapping[str, Any], name: str) -> list[Any]:
    found = holder.get(name, [])
    if not isinstance(found, list):
        raise NotOTLPError(f"{name} must be a list")
    return found


def _text(holder: Mapping[str, Any], name: str) -> str:
    found = holder.get(name) or ""
    if not isinstance(found, str):
        raise NotOTLPError(f"{name} must be text")
    return found


def _count(holder: Mapping[str, Any], name: str) -> int:
    return _integer(holder.get(name) or 0, name)


def _integer(value: object, name: str) -> int:
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    if isinstance(value, str) and _INTEGER.fullmatch(value):
        return int(value)
    raise NotOTLPError(f"{name} must be a whole number")


def _status(value: object) -> int:
    return _STATUSES[value] if isinstance(value, str) and value in _STATUSES else _integer(value, "code")


def _kind(value: object) -> int:
    word = value.removeprefix("SPAN_KIND_") if isinstance(value, str) else ""
    return _KINDS.index(word) if word in _KINDS else _integer(value, "kind")


def _id_of_base64(value: object) -> str:
    return base64.b64decode(str(value)).hex()
