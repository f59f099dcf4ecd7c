"""The endpoints that take payloads: how each reads a body, what it cannot store, and how it says that it has.

`/v1/trace/log` and `/v1/trace/log-python` are Helicone's; `/v1/traces` is a Collector's, so it takes more than Helicone
would, and what Helicone will not show of it stands among the findings.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from helicone_logging.receiver import otlp, validation
from helicone_logging.receiver.rows import has_times, spans_of

JSON, PROTOBUF = "application/json", "application/x-protobuf"

Answer = tuple[Any, int] | tuple[Any, int, dict[str, str]]
Payload = Mapping[str, Any]


class Endpoint(NamedTuple):
    """What takes payloads.

    Args:
        decode: reads a body of a content type: a payload of the receiver's form, or the answer that refuses it.
        can_store: whether all of a payload can be stored; it is answered 500 otherwise.
        taken: the answer to a body of a content type that was stored.
        content_types: what a body may be.
        has_gzip_only: whether any other encoding than gzip is answered 415.
    """

    decode: Callable[[bytes, str], Payload | Answer]
    can_store: Callable[[Payload], bool]
    taken: Callable[[str], Answer]
    content_types: tuple[str, ...] = (JSON,)
    has_gzip_only: bool = False


def _decode_strict(body: bytes, _content_type: str) -> Payload | Answer:
    try:
        payload = validation.parse(body)
    except validation.NotJSONError as error:
        return {"error": f"the body is no JSON: {error}"}, 400
    refusal = validation.refusal(payload)
    if refusal is not None:
        key, _, reason = refusal.partition(": ")
        return {"message": "Validation Failed", "details": {key: {"message": reason}}}, 422
    checked: Payload = payload
    return checked


def _decode_as_collector(body: bytes, content_type: str) -> Payload | Answer:
    try:
        return otlp.from_protobuf(body) if content_type == PROTOBUF else otlp.from_json(body)
    except otlp.NoProtobufError as error:
        return {"code": 12, "message": str(error)}, 501
    except otlp.NotOTLPError as error:
        return {"code": 3, "message": f"the body is no OTLP: {error}"}, 400


def _decode_protobuf(body: bytes, content_type: str) -> Payload | Answer:
    """As `/v1/trace/log-python`, which fails on everything else, and on a body of which one part lacks something."""
    if content_type != PROTOBUF:
        return "", 500
    try:
        return otlp.from_protobuf(body)
    except otlp.NoProtobufError as error:
        return {"error": str(error)}, 501
    except otlp.NotOTLPError:
        return "", 500


def _can_store_strict(payload: Payload) -> bool:
    """The server makes dates of the times, and calls a method of text on the provider: it fails on anything else."""
    return all(has_times(span) and _has_text_for_provider(span) for span in spans_of(payload))


def _can_store_protobuf(payload: Payload) -> bool:
    has_scopes = all(entry["scopeSpans"] for entry in payload["resourceSpans"])
    return has_scopes and all(span["attributes"] for span in spans_of(payload)) and _can_store_strict(payload)


def _has_text_for_provider(span: Mapping[str, Any]) -> bool:
    return all(one["key"] != "gen_ai.system" or "stringValue" in one["value"] for one in span["attributes"])


def _taken_by_collector(content_type: str) -> Answer:
    return (b"", 200, {"Content-Type": PROTOBUF}) if content_type == PROTOBUF else ({"partialSuccess": {}}, 200)


ENDPOINTS: Mapping[str, Endpoint] = {
    "/v1/trace/log": Endpoint(_decode_strict, _can_store_strict, lambda _: ("", 200)),
    "/v1/trace/log-python": Endpoint(
        _decode_protobuf, _can_store_protobuf, lambda _: ("", 200), (PROTOBUF, JSON), has_gzip_only=True
    ),
    "/v1/traces": Endpoint(
        _decode_as_collector, lambda _: True, _taken_by_collector, (JSON, PROTOBUF), has_gzip_only=True
    ),
}
CONTENT_TYPES = {path: endpoint.content_types for path, endpoint in ENDPOINTS.items()}
