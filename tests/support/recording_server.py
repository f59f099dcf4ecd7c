"""A real HTTP server that checks every body as the endpoint does, and keeps the spans it was sent."""

from __future__ import annotations

import gzip
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, NamedTuple

from stand_in import PATIENCE, Answer, StandIn

from helicone_logging.receiver.validation import NotJSONError, parse, refusal

PATH = "/v1/trace/log"


class Received(NamedTuple):
    """A span that was stored, and what was around it."""

    span: Mapping[str, Any]
    resource: Mapping[str, Any]
    scope: Mapping[str, Any]

    @property
    def name(self) -> str:
        return str(self.span["name"])

    @property
    def attributes(self) -> dict[str, Any]:
        return _values(self.span.get("attributes", ()))

    @property
    def resource_attributes(self) -> dict[str, Any]:
        return _values(self.resource.get("attributes", ()))


class Request(NamedTuple):
    """A request that was answered: its headers, its body as sent, the number of its spans and the answer's status."""

    headers: Mapping[str, str]
    body: bytes
    spans: int
    status: int


def _values(attributes: Any) -> dict[str, Any]:
    return {item["key"]: next(iter(item["value"].values()), None) for item in attributes}


class RecordingServer(StandIn):
    """Answers as the endpoint does.

    Set `status` to answer with something else than 200 (nothing is stored then), and `headers` to send more with it.
    While `hold()` is entered, requests arrive and their answers wait.
    """

    def __init__(self) -> None:
        super().__init__()
        self.status = 200
        self.headers: dict[str, str] = {}
        self.requests: list[Request] = []
        self.refusals: list[str] = []
        self.received: list[Received] = []
        self._arrived = 0

    @contextmanager
    def hold(self) -> Iterator[None]:
        """Holds every answer back until the block is left."""
        self._may_answer.clear()
        try:
            yield
        finally:
            self._may_answer.set()

    def wait_for(self, count: int, timeout: float = PATIENCE) -> None:
        """Waits until so many spans have been stored, and fails if they are not in time."""
        with self._changed:
            if not self._changed.wait_for(lambda: len(self.received) >= count, timeout):
                raise AssertionError(f"{len(self.received)} of {count} spans came: {self.names()[-20:]}")

    def wait_for_arrivals(self, count: int, timeout: float = PATIENCE) -> None:
        """Waits until so many requests have arrived, answered or not."""
        with self._changed:
            if not self._changed.wait_for(lambda: self._arrived >= count, timeout):
                raise AssertionError(f"{self._arrived} of {count} requests arrived")

    def names(self) -> list[str]:
        """The names of the spans, as they came."""
        with self._changed:
            return [received.name for received in self.received]

    def named(self, name: str) -> Received:
        """The one span of this name."""
        with self._changed:
            (found,) = [received for received in self.received if received.name == name]
        return found

    def take(self, path: str, headers: Mapping[str, str], body: bytes) -> Answer:
        if path != PATH:
            return Answer(404, {"message": path}, self.headers)
        with self._changed:
            self._arrived += 1
            self._changed.notify_all()
        self._may_answer.wait()
        found, reason = _read(headers, body)
        with self._changed:
            status = 422 if reason else self.status
            if reason:
                self.refusals.append(reason)
            if 200 <= status < 300:
                self.received += found
            self.requests.append(Request(headers, body, len(found), status))
            self._changed.notify_all()
        return Answer(status, {"message": reason or ""}, self.headers)


def _read(headers: Mapping[str, str], body: bytes) -> tuple[list[Received], str | None]:
    if headers.get("Content-Type") != "application/json":
        return [], f"Content-Type: {headers.get('Content-Type')}"
    try:
        payload = parse(gzip.decompress(body) if headers.get("Content-Encoding") == "gzip" else body)
    except (NotJSONError, OSError) as error:
        return [], f"no JSON: {error}"
    reason = refusal(payload)
    if reason:
        return [], reason
    return [
        Received(span, entry["resource"], scope["scope"])
        for entry in payload["resourceSpans"]
        for scope in entry["scopeSpans"]
        for span in scope["spans"]
    ], None
