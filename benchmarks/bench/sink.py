"""The endpoint of a benchmark: a cheap HTTP server in a process of its own that counts each record by its own mark.

It takes any POST, inflates the body if need be, looks for marks (see `records`) by their bytes, and answers after a
settable delay. It knows nothing of the formats, so that no peer pays for being parsed.
"""

from __future__ import annotations

import asyncio
import contextlib
import gzip
import http.client
import json
import re
import subprocess
import sys
import time
import zlib
from pathlib import Path
from types import TracebackType
from typing import Any
from urllib.parse import parse_qs, urlsplit

MARK = b"hlb"
_MARK = re.compile(rb"hlb([0-9a-f]{4})-(\d{8})")
_MARK_LENGTH = 16
_LENGTH = re.compile(rb"content-length: *(\d+)", re.IGNORECASE)
_CHUNKED = re.compile(rb"transfer-encoding: *chunked", re.IGNORECASE)
_ENCODING = re.compile(rb"content-encoding: *(gzip|deflate)", re.IGNORECASE)
_EXPECT = re.compile(rb"expect: *100-continue", re.IGNORECASE)
_CONTROL = "/-/"
_RECEIVED_AT_ONCE = 262_144


_Marks = dict[bytes, set[bytes]]  # run → marks


class _Tally:
    """What came of one run."""

    def __init__(self) -> None:
        self.marks: set[bytes] = set()
        self.bodies = 0
        self.duplicates = 0
        self.largest = 0  # records of the fullest body
        self.first_at = self.last_at = 0.0

    def add(self, marks: set[bytes]) -> None:
        now = time.monotonic()
        self.first_at = self.first_at or now
        self.bodies += 1
        self.largest = max(self.largest, len(marks))
        known = len(self.marks)
        self.marks |= marks
        self.duplicates += known + len(marks) - len(self.marks)
        if len(self.marks) > known:
            self.last_at = now

    def as_dict(self) -> dict[str, Any]:
        return {
            "count": len(self.marks),
            "bodies": self.bodies,
            "duplicates": self.duplicates,
            "largest": self.largest,
            "first_at": self.first_at,
            "last_at": self.last_at,
        }


class _State:
    def __init__(self) -> None:
        self.delay = 0.0
        self.status = 200
        self.tallies: dict[str, _Tally] = {}
        self.held: list[tuple[_Connection, _Marks]] = []
        self.is_holding = False

    def count(self, marks: _Marks) -> None:
        for run, found in marks.items():
            self.tallies.setdefault(run.decode(), _Tally()).add(found)

    def control(self, target: str) -> dict[str, Any]:
        parts = urlsplit(target)
        query = {name: values[0] for name, values in parse_qs(parts.query).items()}
        match parts.path.removeprefix(_CONTROL):
            case "set":
                self.delay = float(query.get("delay", self.delay))
                self.status = int(query.get("status", self.status))
                self.hold(query.get("hold", "1" if self.is_holding else "0") == "1")
                return {}
            case "tally":
                return self.tallies.get(query["run"], _Tally()).as_dict()
            case "forget":
                self.tallies.pop(query["run"], None)
                return {}
            case other:
                return {"error": other}

    def hold(self, is_holding: bool) -> None:
        """Lets requests arrive and their answers wait."""
        self.is_holding = is_holding
        if not is_holding:
            held, self.held = self.held, []
            for connection, marks in held:
                connection.answer(marks)


class _Connection(asyncio.BufferedProtocol):
    """One keep-alive connection; no pipelining, as none of the peers does that."""

    transport: asyncio.Transport

    def __init__(self, state: _State) -> None:
        self._state = state
        self._buffer = memoryview(bytearray(_RECEIVED_AT_ONCE))  # or each `recv` would ask the system for as much
        self._received = bytearray()
        self._head: bytes | None = None
        self._needed = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport

    def get_buffer(self, sizehint: int) -> memoryview:  # noqa: ARG002 - asyncio's, and -1 always
        return self._buffer

    def buffer_updated(self, nbytes: int) -> None:
        self._received += self._buffer[:nbytes]
        if self._head is None and not self._read_head():
            return
        if self._needed < 0:
            if self._received.endswith(b"0\r\n\r\n"):
                self._take(_unchunked(bytes(self._received)))
        elif len(self._received) >= self._needed:
            self._take(bytes(self._received))

    def _read_head(self) -> bool:
        end = self._received.find(b"\r\n\r\n")
        if end < 0:
            return False
        self._head = bytes(self._received[:end])
        del self._received[: end + 4]
        length = _LENGTH.search(self._head)
        self._needed = int(length[1]) if length else (-1 if _CHUNKED.search(self._head) else 0)
        if _EXPECT.search(self._head):
            self.transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        return True

    def _take(self, body: bytes) -> None:
        head, self._head = self._head or b"", None
        self._received.clear()
        target = head.split(b" ", 2)[1].decode("latin-1")
        if target.startswith(_CONTROL):
            self._write(200, json.dumps(self._state.control(target)).encode())
            return
        encoding = _ENCODING.search(head)
        if encoding:
            body = gzip.decompress(body) if encoding[1].lower() == b"gzip" else zlib.decompress(body)
        marks = _marks(body)
        if self._state.is_holding:
            self._state.held.append((self, marks))
        elif self._state.delay:
            asyncio.get_running_loop().call_later(self._state.delay, self.answer, marks)
        else:
            self.answer(marks)

    def answer(self, marks: _Marks) -> None:
        """Counts what came, as stored now, and says so; with status 0 it hangs up instead."""
        if self._state.status == 0:
            self.transport.abort()
            return
        if self._state.status == 200:
            self._state.count(marks)
        self._write(self._state.status, b'{"status":1}')  # posthog reads a status from the body

    def _write(self, status: int, body: bytes) -> None:
        if not self.transport.is_closing():
            reason = http.client.responses.get(status, "")
            head = (
                f"HTTP/1.1 {status} {reason}\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
            )
            self.transport.write(head.encode() + body)


def _marks(body: bytes) -> _Marks:
    found: _Marks = {}
    start = body.find(MARK)
    while start >= 0:
        match = _MARK.match(body, start)
        if match is not None:
            found.setdefault(match[1], set()).add(match[2])
        start = body.find(MARK, start + (_MARK_LENGTH if match else 1))
    return found


def _unchunked(body: bytes) -> bytes:
    parts = []
    while body:
        size, _, body = body.partition(b"\r\n")
        length = int(size.split(b";")[0] or b"0", 16)
        parts.append(body[:length])
        body = body[length + 2 :]
    return b"".join(parts)


async def _serve() -> None:
    state = _State()
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: _Connection(state), "127.0.0.1", 0, backlog=256)
    print(server.sockets[0].getsockname()[1], flush=True)
    await loop.run_in_executor(None, sys.stdin.read)  # until whoever started it goes away


class Sink:
    """The sink's process, as seen by those who start it or only know its address.

    Args:
        port: of a sink that runs already; None for one to be started by `with`.
    """

    def __init__(self, port: int | None = None) -> None:
        self._port = port
        self._process: subprocess.Popen[str] | None = None

    def __enter__(self) -> Sink:
        command = [sys.executable, str(Path(__file__).resolve())]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        assert self._process.stdout is not None
        self._port = int(self._process.stdout.readline())
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        assert self._process is not None
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.communicate(timeout=5)
        self._process.kill()
        self._process.wait()

    @property
    def port(self) -> int:
        assert self._port is not None
        return self._port

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def set(self, *, delay: float | None = None, status: int | None = None, hold: bool | None = None) -> None:
        """Sets how it answers: after how many seconds, with what, and whether at all."""
        changes = {"delay": delay, "status": status, "hold": None if hold is None else int(hold)}
        self._ask("set", **{name: value for name, value in changes.items() if value is not None})

    def tally(self, run: str) -> dict[str, Any]:
        """Returns what came of a run: records, bodies, duplicates, times on the monotonic clock."""
        return self._ask("tally", run=run)

    def forget(self, run: str) -> None:
        """Frees what was kept of a run."""
        self._ask("forget", run=run)

    def _ask(self, what: str, **query: object) -> dict[str, Any]:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        try:
            connection.request("GET", f"{_CONTROL}{what}?" + "&".join(f"{key}={val}" for key, val in query.items()))
            answer: dict[str, Any] = json.loads(connection.getresponse().read())
            return answer
        finally:
            connection.close()

    def wait_for(self, run: str, count: int, quiet: float = 2.0, patience: float = 60.0) -> dict[str, Any]:
        """Waits until so many records of a run have come, or none has for `quiet` seconds.

        Args:
            run: the mark of the run.
            count: how many are expected.
            quiet: seconds without a new one after which no more are expected.
            patience: seconds at the most.

        Returns:
            The tally.
        """
        deadline = time.monotonic() + patience
        seen, seen_at = -1, time.monotonic()
        while True:
            tally = self.tally(run)
            now = time.monotonic()
            if tally["count"] > seen:
                seen, seen_at = tally["count"], now
            if tally["count"] >= count or now - seen_at > quiet or now > deadline:
                return tally
            time.sleep(0.02)


if __name__ == "__main__":
    asyncio.run(_serve())
