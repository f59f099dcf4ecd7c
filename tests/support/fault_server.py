"""An endpoint that misbehaves as a script tells it: a raw socket server in a thread.

Each request draws the next behaviour of the script, or the `usual` one when the script is used up. What a behaviour
stores is kept by the names of the spans, so that a test can tell how often each record arrived.
"""

from __future__ import annotations

import contextlib
import gzip
import io
import json
import os
import socket
import ssl
import struct
import threading
import time
from collections import Counter, deque
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from types import TracebackType
from typing import NamedTuple

from recording_server import PATIENCE

_BACKLOG = 128
_LOOK = 0.02  # seconds after which a thread looks whether the server was stopped
_CHUNK = b"x" * 65_536
_RESET = struct.pack("ii", 1, 0)  # SO_LINGER: close sends RST
_REASONS = {200: "OK", 202: "Accepted", 204: "No Content", 302: "Found", 429: "Too Many Requests"}


class Seen(NamedTuple):
    """A request that arrived: when, its first line and headers, the names of its spans, and what was done with it."""

    at: float
    line: str
    headers: Mapping[str, str]
    names: tuple[str, ...]
    size: int
    behaviour: str


class Exchange:
    """One request and the means to answer it, or not."""

    def __init__(self, server: FaultServer, sock: socket.socket, names: tuple[str, ...], size: int) -> None:
        self.server = server
        self.names = names
        self.size = size
        self.is_over = False
        self.is_told = False
        self._sock = sock

    def send(self, data: bytes) -> None:
        self._sock.sendall(data)

    def store(self, *, is_told: bool = True) -> None:
        """Keeps the spans; `is_told` says whether the client will hear of it, if nothing goes wrong."""
        self.server._store(self.names)
        self.is_told = is_told

    def hang_up(self) -> None:
        self.is_over = True

    def reset(self) -> None:
        with contextlib.suppress(OSError):
            self._sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
        self.is_over = True


class Behaviour(NamedTuple):
    """What to do with a request.

    Args:
        name: how tests and failures call it.
        play: does it.
        reads: whether the request is read first.
        ends: whether what is sent comes to an end by itself.
    """

    name: str
    play: Callable[[Exchange], None]
    reads: bool = True
    ends: bool = True


def head(status: int, headers: Mapping[str, str], reason: str | None = None) -> bytes:
    """The beginning of an answer, with the blank line below."""
    lines = [f"HTTP/1.1 {status} {_REASONS.get(status, 'Status') if reason is None else reason}"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    return "\r\n".join([*lines, "", ""]).encode("latin-1")


def answer(
    status: int, body: bytes | str = b"", headers: Mapping[str, str] | None = None, *, stores: bool | None = None
) -> Behaviour:
    """A whole answer; the spans are stored if its status says so."""
    content = body.encode() if isinstance(body, str) else body
    length = {"Content-Length": str(len(content))}
    if status in {204, 304}:  # https://www.rfc-editor.org/rfc/rfc9110#section-6.4.1
        content, length = b"", {}

    def play(exchange: Exchange) -> None:
        if 200 <= status < 300 if stores is None else stores:
            exchange.store(is_told=status < 300)
        exchange.send(head(status, {**length, **(headers or {})}) + content)

    return Behaviour(f"answer {status}", play)


OK = answer(200)


def refuse(is_guilty: Callable[[Exchange], bool], status: int = 422, body: str = "") -> Behaviour:
    """Refuses a request that is guilty, and stores every other."""

    def play(exchange: Exchange) -> None:
        (answer(status, body) if is_guilty(exchange) else OK).play(exchange)

    return Behaviour(f"refuse {status}", play)


def reset_before_reading() -> Behaviour:
    """Resets the connection as soon as the request begins."""
    return Behaviour("reset before reading", Exchange.reset, reads=False)


def reset_before_answer(*, stores: bool = False) -> Behaviour:
    """Resets the connection when the request has been read, and perhaps stored."""

    def play(exchange: Exchange) -> None:
        if stores:
            exchange.store(is_told=False)
        exchange.reset()

    return Behaviour("reset after storing" if stores else "reset before answer", play)


def reset_during_answer() -> Behaviour:
    """Resets the connection within the first line of the answer; nothing was stored."""

    def play(exchange: Exchange) -> None:
        exchange.send(b"HTTP/1.1 20")
        exchange.reset()

    return Behaviour("reset during answer", play)


def reset_after_answer() -> Behaviour:
    """Stores, answers, and resets the connection, which the client believes to be alive."""

    def play(exchange: Exchange) -> None:
        exchange.store(is_told=False)  # the reset may overtake the answer
        exchange.send(head(200, {"Content-Length": "0"}))
        exchange.reset()

    return Behaviour("reset after answer", play)


def close_after_answer() -> Behaviour:
    """Stores, answers, and closes the connection without having said so, as a server does with an idle one."""

    def play(exchange: Exchange) -> None:
        OK.play(exchange)
        exchange.hang_up()

    return Behaviour("close after answer", play)


def announced(status: int, then: Behaviour) -> Behaviour:
    """An interim answer, such as 103, and then another one on the same connection."""

    def play(exchange: Exchange) -> None:
        exchange.send(head(status, {"Link": "</style.css>"}))
        then.play(exchange)

    return Behaviour(f"announced by {status}, {then.name}", play)


def raw(data: bytes, name: str = "raw", *, stores: bool = False) -> Behaviour:
    """Sends bytes and closes the connection."""

    def play(exchange: Exchange) -> None:
        if stores:
            exchange.store()
        exchange.send(data)
        exchange.hang_up()

    return Behaviour(name, play)


def garbage() -> Behaviour:
    """Something that is not HTTP."""
    return raw(b"\x00\xff\x16\x03SSH-2.0-OpenSSH_9.6\r\n" * 20, "garbage")


def half_line() -> Behaviour:
    """Half a status line, and then the end."""
    return raw(b"HTTP/1.", "half a line")


def half_body(status: int = 200) -> Behaviour:
    """The whole head and half the body, and then the end; the status has been told."""
    data = head(status, {"Content-Length": "1000"}) + b"x" * 500
    return raw(data, f"half a body, {status}", stores=status < 300)


def silence() -> Behaviour:
    """Reads the request and never answers."""
    return Behaviour("silence", lambda exchange: exchange.server.wait_until_released(), ends=False)


def unread() -> Behaviour:
    """Leaves the request where it is and never answers."""
    return Behaviour("unread", lambda exchange: exchange.server.wait_until_released(), reads=False)


def drip(data: bytes | None = None, interval: float = 0.02) -> Behaviour:
    """An answer byte by byte, so that no single read is late; it goes on for ever."""
    source = head(200, {"X-Slow": "x" * 100_000}) if data is None else data

    def play(exchange: Exchange) -> None:
        for byte in source:
            exchange.send(bytes((byte,)))
            if exchange.server.wait_until_released(interval):
                break
        exchange.hang_up()

    return Behaviour("drip", play, ends=False)


def endless(beginning: bytes, repeated: bytes = _CHUNK, name: str = "endless", *, stores: bool = False) -> Behaviour:
    """A beginning, and then the same for ever, until the client is gone."""

    def play(exchange: Exchange) -> None:
        if stores:
            exchange.store()
        exchange.hang_up()
        exchange.send(beginning)
        while not exchange.server.is_released:
            exchange.send(repeated)
            exchange.server.count_sent(len(repeated))

    return Behaviour(name, play)


def endless_body(status: int = 200) -> Behaviour:
    """A body without an end."""
    return endless(head(status, {}), name=f"endless body, {status}", stores=status < 300)


def endless_headers() -> Behaviour:
    """Header after header."""
    return endless(head(200, {})[:-2], b"X-More: and more\r\n" * 1000, "endless headers")


def endless_header_line() -> Behaviour:
    """One header whose value does not end."""
    return endless(head(200, {})[:-2] + b"X-Long: ", name="endless header line")


def endless_continue() -> Behaviour:
    """Promises of an answer, for ever."""
    return endless(b"", b"HTTP/1.1 100 Continue\r\n\r\n" * 100, "endless 100 Continue")._replace(ends=False)


def gzip_bomb(mebibytes: int = 256, status: int = 200) -> Behaviour:
    """A small body that inflates to a large one."""
    buffer = io.BytesIO()
    with gzip.GzipFile(fileobj=buffer, mode="wb", compresslevel=9) as file:
        for _ in range(mebibytes):
            file.write(bytes(1024 * 1024))
    body = buffer.getvalue()
    return answer(status, body, {"Content-Encoding": "gzip"})


class FaultServer:
    """Serves from a thread until it is left.

    Args:
        context: speaks TLS with it; None for plain HTTP.
    """

    def __init__(self, context: ssl.SSLContext | None = None) -> None:
        self.usual: Callable[[], Behaviour] = lambda: OK
        self.seen: list[Seen] = []
        self.connections = 0
        self.bytes_sent = 0
        self.failed_handshakes = 0
        self.context = context
        self._script: deque[Behaviour] = deque()
        self._stored: Counter[str] = Counter()
        self._unsure: Counter[str] = Counter()
        self._answers: dict[int, list[Behaviour]] = {}  # by the client's port
        self._changed = threading.Condition()
        self._released = threading.Event()
        self._stopped = threading.Event()
        self._accepting = threading.Lock()
        self._may_accept = threading.Event()
        self._may_accept.set()
        self._open: set[socket.socket] = set()
        self._listener = self._listen(0)
        self.port: int = self._listener.getsockname()[1]
        self._threads = [threading.Thread(target=self._accept_all, daemon=True)]

    def __enter__(self) -> FaultServer:
        self._threads[0].start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.stop()

    def stop(self) -> None:
        """Lets go of everything that waits, and ends all threads."""
        self._stopped.set()
        self.release()
        self._threads[0].join(PATIENCE)
        self._close_connections()
        for thread in self._threads:
            thread.join(PATIENCE)
        self._listener.close()

    # What it does

    def script(self, *behaviours: Behaviour) -> None:
        """Adds to what the next requests meet."""
        with self._changed:
            self._script.extend(behaviours)

    def always(self, behaviour: Behaviour) -> None:
        """Sets what requests meet when the script is used up."""
        self.usual = lambda: behaviour

    @contextmanager
    def refusing(self) -> Iterator[None]:
        """Refuses connections, as a server that is not running."""
        with self._accepting:
            self._listener.close()
            placeholder = _bound(self.port)
        self._close_connections()
        try:
            yield
        finally:
            placeholder.close()
            self._listener = self._listen(self.port)

    @contextmanager
    def not_accepting(self) -> Iterator[None]:
        """Leaves connections in the queue of the operating system."""
        with self._accepting:  # so that nobody is in the middle of it
            self._may_accept.clear()
        try:
            yield
        finally:
            self._may_accept.set()

    def release(self) -> None:
        """Lets go of what is silent, drips or is endless."""
        self._released.set()

    @property
    def is_released(self) -> bool:
        return self._released.is_set()

    def wait_until_released(self, timeout: float | None = None) -> bool:
        return self._released.wait(timeout)

    # What it saw

    @property
    def url(self) -> str:
        return f"{'https' if self.context else 'http'}://127.0.0.1:{self.port}"

    @property
    def stored(self) -> dict[str, int]:
        """How often each span was stored."""
        with self._changed:
            return dict(self._stored)

    @property
    def unsure(self) -> set[str]:
        """Spans that were stored in a request whose answer did not reach the client for sure."""
        with self._changed:
            return {name for name, times in self._unsure.items() if times}

    def wait_for_requests(self, count: int) -> None:
        """Waits until so many requests have arrived."""
        self._wait(lambda: len(self.seen) >= count, f"{count} requests")

    def wait_for_stored(self, count: int) -> None:
        """Waits until so many different spans are stored."""
        self._wait(lambda: len(self._stored) >= count, f"{count} spans")

    def _wait(self, is_done: Callable[[], bool], what: str) -> None:
        with self._changed:
            if not self._changed.wait_for(is_done, PATIENCE):
                raise AssertionError(f"{what} did not come: {self.seen[-20:]}")

    def answer_to(self, port: int, number: int) -> Behaviour | None:
        """What is done with a request; None while it has not arrived.

        Args:
            port: the client's end of the connection.
            number: how many requests came before it there.
        """
        with self._changed:
            answers = self._answers.get(port, [])
            return answers[number] if number < len(answers) else None

    def count_sent(self, size: int) -> None:
        with self._changed:
            self.bytes_sent += size

    def _store(self, names: tuple[str, ...]) -> None:
        with self._changed:
            self._stored.update(names)
            self._unsure.update(names)  # until the answer is sent
            self._changed.notify_all()

    # Threads

    @staticmethod
    def _listen(port: int) -> socket.socket:
        listener = _bound(port)
        listener.listen(_BACKLOG)
        listener.settimeout(_LOOK)
        return listener

    def _accept_all(self) -> None:
        while not self._stopped.is_set():
            if not self._may_accept.wait(_LOOK):
                continue
            try:
                with self._accepting:
                    if not self._may_accept.is_set():
                        continue
                    sock, address = self._listener.accept()
                    sock.settimeout(None)
                    with self._changed:
                        self.connections += 1
                        self._open.add(sock)
                        self._answers[address[1]] = []
            except OSError:  # nobody came, or `refusing`
                self._stopped.wait(0.001)
                continue
            thread = threading.Thread(target=self._serve, args=(sock, address[1]), daemon=True)
            self._threads.append(thread)
            thread.start()

    def _serve(self, sock: socket.socket, port: int) -> None:
        wrapped = sock
        try:
            if self.context is not None:
                with (
                    self._changed
                ):  # as `wrap_socket` leaks a socket that is shut down meanwhile, or whose client is gone
                    if sock not in self._open:
                        return
                    sock.getpeername()
                    wrapped = self.context.wrap_socket(sock, server_side=True, do_handshake_on_connect=False)
                    self._open.add(wrapped)
                wrapped.do_handshake()
            with wrapped.makefile("rb") as file:
                while self._serve_request(wrapped, file, port):
                    pass
        except ssl.SSLError:
            self.failed_handshakes += 1
        except OSError:
            pass  # the client is gone
        finally:
            with self._changed:
                self._open -= {sock, wrapped}
            wrapped.close()
            sock.close()

    def _serve_request(self, sock: socket.socket, file: io.BufferedReader, port: int) -> bool:
        line = file.readline(65_536).decode("latin-1").strip()
        if not line:
            return False
        with self._changed:
            behaviour = self._script.popleft() if self._script else self.usual()
            self._answers[port].append(behaviour)
        headers: dict[str, str] = {}
        names: tuple[str, ...] = ()
        size = 0
        if behaviour.reads:
            headers = _headers(file)
            body = file.read(int(headers.get("content-length", "0")))
            size = len(body)
            names = _names(gzip.decompress(body) if headers.get("content-encoding") == "gzip" else body)
        with self._changed:
            self.seen.append(Seen(time.monotonic(), line, headers, names, size, behaviour.name))
            self._changed.notify_all()
        exchange = Exchange(self, sock, names, size)
        behaviour.play(exchange)
        if exchange.is_told:
            with self._changed:
                self._unsure.subtract(names)
        return not exchange.is_over

    def _close_connections(self) -> None:
        with self._changed:
            while self._open:
                with contextlib.suppress(OSError):
                    self._open.pop().shutdown(socket.SHUT_RDWR)


def _bound(port: int) -> socket.socket:
    sock = socket.socket()
    try:
        if os.name != "nt":  # where it would let two listen on one port
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.bind(("127.0.0.1", port))
    except OSError:
        sock.close()
        raise
    return sock


def _headers(file: io.BufferedReader) -> dict[str, str]:
    headers = {}
    while line := file.readline().decode("latin-1").strip():
        name, _, value = line.partition(":")
        headers[name.lower()] = value.strip()
    return headers


def _names(body: bytes) -> tuple[str, ...]:
    try:
        payload = json.loads(body)
        return tuple(
            span["name"]
            for entry in payload["resourceSpans"]
            for scope in entry["scopeSpans"]
            for span in scope["spans"]
        )
    except (ValueError, KeyError, TypeError):
        return ()
