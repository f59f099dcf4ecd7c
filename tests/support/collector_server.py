"""A stand-in for an OpenTelemetry Collector: it reads OTLP/HTTP as JSON by OpenTelemetry's own definition."""

from __future__ import annotations

import gzip
from collections import deque
from collections.abc import Mapping
from typing import Any, NamedTuple

from opentelemetry.proto.trace.v1.trace_pb2 import Span
from otlp_payloads import request_of, values_of
from stand_in import PATIENCE, Answer, StandIn

PATH = "/v1/traces"


class Request(NamedTuple):
    """A request that arrived."""

    path: str
    headers: Mapping[str, str]
    names: tuple[str, ...]
    status: int


class CollectorServer(StandIn):
    """Gives its `answers` one after the other, and then the `usual` one; spans of a request that is accepted are kept.

    A body with a span that is named in `offending` is refused.
    """

    def __init__(self) -> None:
        super().__init__()
        self.answers: deque[Answer] = deque()
        self.usual = Answer()
        self.offending: set[str] = set()
        self.requests: list[Request] = []
        self.spans: list[Span] = []
        self.resources: list[dict[str, Any]] = []

    def hold(self) -> None:
        """Lets every answer wait until `release`."""
        self._may_answer.clear()

    def release(self) -> None:
        self._may_answer.set()

    def names(self) -> list[str]:
        """The names of the spans that were accepted."""
        with self._changed:
            return [span.name for span in self.spans]

    def wait_for_requests(self, count: int) -> None:
        """Waits until so many requests have arrived."""
        with self._changed:
            if not self._changed.wait_for(lambda: len(self.requests) >= count, PATIENCE):
                raise AssertionError(f"{len(self.requests)} of {count} requests came")

    def take(self, path: str, headers: Mapping[str, str], body: bytes) -> Answer:
        request = request_of(gzip.decompress(body) if headers.get("Content-Encoding") == "gzip" else body)
        spans = [span for entry in request.resource_spans for scope in entry.scope_spans for span in scope.spans]
        names = tuple(span.name for span in spans)
        with self._changed:
            answer = self.answers.popleft() if self.answers else self.usual
            if self.offending & set(names):
                answer = Answer(400, {"code": 3, "message": "a span is refused"})
            self.requests.append(Request(path, headers, names, answer.status))
            if 200 <= answer.status < 300:
                self.spans += spans
                self.resources += [values_of(entry.resource.attributes) for entry in request.resource_spans]
            self._changed.notify_all()
        self._may_answer.wait(PATIENCE)
        return answer
