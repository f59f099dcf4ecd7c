"""Talks to a receiver over real HTTP, and makes payloads for it, good ones to begin with."""

from __future__ import annotations

import contextlib
import copy
import http.client
import json
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from helicone_logging.receiver import Receiver

PATH = "/v1/trace/log"
SESSION = "traceloop.association.properties.Helicone-Session-"
PROPERTY = "traceloop.association.properties.Helicone-Property-"
USER = "traceloop.association.properties.Helicone-User-Id"
START = 1_760_000_000_000_000_000

# A call that leaves nothing to be wished for.
GOOD: dict[str, Any] = {
    "gen_ai.system": "openai",
    "gen_ai.response.model": "gpt-4o",
    "gen_ai.prompt.0.role": "user",
    "gen_ai.prompt.0.content": "Where is my order?",
    "gen_ai.completion.0.role": "assistant",
    "gen_ai.completion.0.content": "On its way.",
    "gen_ai.usage.prompt_tokens": 14,
    "gen_ai.usage.completion_tokens": 4,
    "llm.usage.total_tokens": 18,
    USER: "ada",
    SESSION + "Id": "order-1234",
    SESSION + "Name": "shop",
    SESSION + "Path": "/answer",
    PROPERTY + "tenant": "acme",
}


class Answer(NamedTuple):
    status: int
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


def value_of(value: object) -> dict[str, Any]:
    """A value as an attribute has it."""
    return {"intValue" if isinstance(value, int) else "stringValue": value}


def span(attributes: Mapping[str, Any] = GOOD, **changes: Any) -> dict[str, Any]:
    """A span of these attributes."""
    return {
        "traceId": "0af7651916cd43dd8448eb211c80319c",
        "spanId": "b7ad6b7169203331",
        "name": "answer",
        "kind": 3,
        "startTimeUnixNano": str(START),
        "endTimeUnixNano": str(START + 830_000_500),
        "attributes": [{"key": key, "value": value_of(value)} for key, value in attributes.items()],
        "droppedAttributesCount": 0,
        "events": [],
        "droppedEventsCount": 0,
        "links": [],
        "droppedLinksCount": 0,
        "status": {"code": 1},
        **changes,
    }


def payload(*spans: dict[str, Any]) -> dict[str, Any]:
    """A payload of these spans, or of the good one."""
    resource = {"attributes": [{"key": "service.name", "value": {"stringValue": "shop"}}], "droppedAttributesCount": 0}
    scope = {"name": "test", "version": "1"}
    return {
        "resourceSpans": [{"resource": resource, "scopeSpans": [{"scope": scope, "spans": list(spans or [span()])}]}]
    }


def changed(change: Callable[[dict[str, Any], dict[str, Any]], object]) -> dict[str, Any]:
    """A good payload after one change, which is given the payload and its span."""
    made = copy.deepcopy(payload())
    change(made, made["resourceSpans"][0]["scopeSpans"][0]["spans"][0])
    return made


def post(receiver: Receiver, body: object, path: str = PATH, **headers: str) -> Answer:
    """Sends a body, anything but bytes as JSON."""
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return request(receiver, "POST", path, data, {"Content-Type": "application/json", **named})


def get(receiver: Receiver, path: str) -> Answer:
    return request(receiver, "GET", path)


def request(
    receiver: Receiver, method: str, path: str, body: bytes | None = None, headers: Mapping[str, str] | None = None
) -> Answer:
    """Sends a request on a connection of its own."""
    with contextlib.closing(connect(receiver)) as connection:
        connection.request(method, path, body, dict(headers or {}))
        answer = connection.getresponse()
        return Answer(answer.status, answer.read())


def connect(receiver: Receiver) -> http.client.HTTPConnection:
    host, _, port = receiver.url.removeprefix("http://").rpartition(":")
    return http.client.HTTPConnection(host.strip("[]"), int(port), timeout=60)
