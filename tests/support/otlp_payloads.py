"""Reads what the wire of a Collector carries, by OpenTelemetry's own definition of it."""

from __future__ import annotations

import base64
import copy
import json
import logging
from collections.abc import Iterator, Mapping
from typing import Any

from google.protobuf import json_format
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from helicone_logging import OTELTraceFormatter

IDS = ("traceId", "spanId", "parentSpanId")
PLAIN = OTELTraceFormatter(wire="otlp")


def request_of(body: bytes | str) -> ExportTraceServiceRequest:
    """A body as a Collector reads it: JSON, but for the ids, which are hexadecimal there and base64 to protobuf."""
    payload = json.loads(body)
    for span in json_spans(payload):
        for name in IDS:
            if name in span:
                span[name] = base64.urlsafe_b64encode(bytes.fromhex(span[name])).decode()
    return json_format.ParseDict(payload, ExportTraceServiceRequest())


def json_spans(payload: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """The spans of a payload."""
    for entry in payload["resourceSpans"]:
        for scope in entry["scopeSpans"]:
            yield from scope["spans"]


def json_of(made: logging.LogRecord, formatter: OTELTraceFormatter = PLAIN) -> dict[str, Any]:
    """The one span of a record, as JSON."""
    (span,) = json_spans(json.loads(formatter.format(made)))
    return copy.deepcopy(span)


def proto_of(made: logging.LogRecord, formatter: OTELTraceFormatter = PLAIN) -> Span:
    """The one span of a record, as protobuf."""
    return only_span(request_of(formatter.format(made)))


def only_span(request: ExportTraceServiceRequest) -> Span:
    (entry,) = request.resource_spans
    (scope,) = entry.scope_spans
    (span,) = scope.spans
    return span


def values_of(attributes: Any) -> dict[str, Any]:
    """Names and Python's values of attributes as protobuf has them."""
    return {attribute.key: python_value(attribute.value) for attribute in attributes}


def python_value(value: AnyValue) -> Any:
    kind = value.WhichOneof("value")
    if kind == "array_value":
        return [python_value(item) for item in value.array_value.values]
    return getattr(value, str(kind))


def attributes_of(made: logging.LogRecord, formatter: OTELTraceFormatter = PLAIN) -> dict[str, Any]:
    """The attributes that are sent for a record."""
    return values_of(proto_of(made, formatter).attributes)
