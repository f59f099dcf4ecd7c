"""A wire that delivery has never heard of needs nothing but its own module."""

from __future__ import annotations

import json
import logging
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from recording_server import PATIENCE

from helicone_logging import HeliconeHandler
from helicone_logging.core.wire import Refusal
from helicone_logging.payload import wires
from helicone_logging.payload.span import SpanData, Value


class LinesEncoder:
    """Makes a line of a span."""

    is_full = False
    overhead = 0

    def encode(self, span: SpanData) -> bytes:
        return span.name.encode()


class LinesWire:
    """A line for each span; the answer is the number of lines that were not taken."""

    name = "lines"
    path = "/lines"
    content_type = "text/plain"
    batch_size: int | str = 3
    wants_key = True

    def encoder(self, resource: Mapping[str, Value], scope_name: str, scope_version: str) -> LinesEncoder:
        return LinesEncoder()

    def body(self, entries: Iterable[bytes]) -> bytes:
        return b"\n".join(entries)

    def payload(self, entry: bytes) -> Mapping[str, object]:
        return {"line": entry.decode()}

    def refusal(self, answer: str) -> Refusal | None:
        return Refusal(int(answer), "no room") if answer.isdecimal() else None

    def remedy(self, status: int, answer: str) -> str:
        return "paint the door green" if status == 418 else ""


class Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.answers: list[tuple[int, bytes]] = []
        self.requests: list[tuple[str, str | None, str | None, bytes]] = []


class Handler(BaseHTTPRequestHandler):
    server: Server

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        headers = self.headers["Content-Type"], self.headers["Authorization"]
        self.server.requests.append((self.path, *headers, body))
        status, answer = self.server.answers.pop(0) if self.server.answers else (200, b"")
        self.send_response(status)
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the standard library's name
        pass


@pytest.fixture
def lines(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    monkeypatch.setitem(wires.WIRES, "lines", LinesWire())  # type: ignore[arg-type]
    with Server() as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
        thread.start()
        yield server
        server.shutdown()
        thread.join(PATIENCE)


@pytest.mark.parametrize("is_spooled", [False, True])
def test_a_handler_speaks_a_wire_of_its_own_module(
    is_spooled: bool,
    lines: Server,
    logger_of: Callable[[logging.Handler], logging.Logger],
    tmp_path: Path,
    capfd: pytest.CaptureFixture[str],
) -> None:
    lines.answers = [(418, b""), (200, b"1")]
    handler = HeliconeHandler(
        endpoint=f"http://127.0.0.1:{lines.server_port}", wire="lines", api_key="sk-helicone-key",
        flush_interval=PATIENCE, max_connections=1, max_backoff=0.02, spool_path=tmp_path / "s" if is_spooled else None,
    )  # fmt: skip
    logger = logger_of(handler)
    for name in "abc":
        logger.info(name, extra={"trace_id": "t"})
    assert handler.flush(PATIENCE)
    assert lines.requests == [("/lines", "text/plain", "Bearer sk-helicone-key", b"a\nb\nc")] * 2
    stats = handler.stats()
    assert (stats.delivered, stats.rejected) == (2, 1)
    told = capfd.readouterr().err
    assert "paint the door green" in told
    assert "1 record was refused and is lost: no room" in told
    handler.close()


def test_the_path_of_an_endpoint_names_it_too(lines: Server) -> None:
    handler = HeliconeHandler(endpoint=f"http://127.0.0.1:{lines.server_port}/lines")
    assert handler._sender is not None
    assert handler._sender.settings.wire.name == "lines"
    assert json.dumps(handler._sender.settings.wire.payload(b"x")) == '{"line": "x"}'
