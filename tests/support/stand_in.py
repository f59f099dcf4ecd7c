"""What stand-ins for an endpoint share: a real HTTP server in a thread, whose answers can be held back."""

from __future__ import annotations

import json
import threading
from collections.abc import Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import MappingProxyType, TracebackType
from typing import Any, NamedTuple

PATIENCE = 60.0  # seconds after which something is taken to hang
_NOTHING: Mapping[str, Any] = MappingProxyType({})


class Answer(NamedTuple):
    """What is answered to a request: a status, and JSON."""

    status: int = 200
    body: Mapping[str, Any] = _NOTHING
    headers: Mapping[str, str] = _NOTHING


class StandIn:
    """Serves from a thread while it is entered."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._may_answer = threading.Event()
        self._may_answer.set()
        self._http = _HTTPServer(("127.0.0.1", 0), _Handler)
        self._http.stand_in = self
        self._thread = threading.Thread(target=self._http.serve_forever, args=(0.02,), daemon=True)

    def take(self, path: str, headers: Mapping[str, str], body: bytes) -> Answer:
        """Decides on a request, in a thread of its own."""
        raise NotImplementedError

    def __enter__(self) -> Any:
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


class _HTTPServer(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = 128
    stand_in: StandIn

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that has gone away is no error here."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = -1  # the answer in one packet
    server: _HTTPServer

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        answer = self.server.stand_in.take(self.path, dict(self.headers), body)
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
