"""A stand-in for an OpenTelemetry Collector: it reads OTLP/HTTP as JSON by OpenTelemetry's own definition."""

from __future__ import annotations

import gzip
import json
import threading
from collections import deque
from collections.abc import Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import MappingProxyType, TracebackType
from typing import Any, NamedTuple

from opentelemetry.proto.trace.v1.trace_pb2 import Span
from otlp_payloads import request_of, values_of
from recording_server import PATIENCE

PATH = "/v1/traces"
_NOTHING: Mapping[str, Any] = MappingProxyType({})


class Answer(NamedTuple):
    """What is answered to a request; spans of one that is accepted are kept."""

    status: int = 200
    body: Mapping[str, Any] = _NOTHING
    headers: Mapping[str, str] = _NOTHING


class Request(NamedTuple):
    """A request that arrived."""

    path: str
    headers: Mapping[str, str]
    names: tuple[str, ...]
    status: int


class CollectorServer:
    """Serves in a thread; `answers` are given one after the other, and then the `usual` one.

    A body with a span that is named in `offending` is refused.
    """

    def __init__(self) -> None:
        self.answers: deque[Answer] = deque()
        self.usual = Answer()
        self.offending: set[str] = set()
        self.requests: list[Request] = []
        self.spans: list[Span] = []
        self.resources: list[dict[str, Any]] = []
        self._changed = threading.Condition()
        self._may_answer = threading.Event()
        self._may_answer.set()
        self._http = _HTTPServer(("127.0.0.1", 0), _Handler)
        self._http.collector = self
        self._thread = threading.Thread(target=self._http.serve_forever, args=(0.02,), daemon=True)

    def __enter__(self) -> CollectorServer:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._may_answer.set()
        self._http.shutdown()
        self._thread.join(PATIENCE)
        self._http.server_close()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._http.server_address[1]}"

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


class _HTTPServer(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    collector: CollectorServer

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that has gone away is no error here."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = -1  # the answer in one packet
    server: _HTTPServer

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        answer = self.server.collector.take(self.path, dict(self.headers), body)
        data = json.dumps(dict(answer.body)).encode()
        self.send_response(answer.status)
        for name, value in answer.headers.items():
            self.send_header(name, value)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)
        self.wfile.flush()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the standard library's name
        pass
