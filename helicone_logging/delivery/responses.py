"""An answer of http.client's that has one deadline for all of it, and whose headers are read as plain lines.

Sockets, urllib3 and requests bound each read; a server that sends one byte a second is never late for any of them and
would hold a sender thread for ever. And http.client has headers parsed as those of a mail, for a sixth of the time that
a request takes.
"""

from __future__ import annotations

import http.client
import io
import math
import socket
import time
from collections.abc import Iterable
from typing import Any, Protocol

_MAX_LINE, _MAX_HEADERS = 65_536, 100  # as in http.client
_MAX_DIGITS = 18
_SWITCHED = http.HTTPStatus.SWITCHING_PROTOCOLS
_NO_BODY = frozenset({_SWITCHED, http.HTTPStatus.NO_CONTENT, http.HTTPStatus.NOT_MODIFIED})


class _Raw(Protocol):
    def readinto(self, buffer: Any, /) -> int | None: ...
    def close(self) -> None: ...


class _DeadlineReader(io.RawIOBase):
    """Reads from a socket until a moment that is fixed when the reader is made."""

    def __init__(self, sock: socket.socket) -> None:
        self._sock = sock
        self._raw: _Raw = sock.makefile("rb", buffering=0)
        timeout = sock.gettimeout()
        self._deadline = None if timeout is None else time.monotonic() + timeout

    def makefile(self, *_: object) -> io.BufferedReader:
        """As of a socket."""
        return io.BufferedReader(self)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any, /) -> int | None:
        if self._deadline is not None:
            remaining = self._deadline - time.monotonic()
            if remaining <= 0:
                raise TimeoutError("the answer took too long")
            self._sock.settimeout(remaining)
        return self._raw.readinto(buffer)

    def close(self) -> None:
        if not self.closed:
            super().close()
            self._raw.close()


class Response(http.client.HTTPResponse):
    """urllib3 sets the read timeout on the socket right before it makes one of these."""

    def __init__(self, sock: socket.socket, *args: Any, **kwargs: Any) -> None:
        in_place_of_socket: Any = _DeadlineReader(sock)  # all that is asked of it is a file
        super().__init__(in_place_of_socket, *args, **kwargs)
        self.waited = math.inf

    def begin(self) -> None:
        """Reads status and headers, and notes for how many seconds they let themselves be waited for.

        Raises:
            http.client.HTTPException: this is no answer, or not all of it.
            OSError: it did not come in time.
        """
        began = time.monotonic()
        status = http.HTTPStatus.CONTINUE
        while 100 <= status < 200 and status != _SWITCHED:  # says that the answer is to come
            version, status, reason = self._read_status()  # type: ignore[attr-defined]
            headers = _read_headers(self.fp)
        self.waited = time.monotonic() - began
        if not version.startswith(("HTTP/1.", "HTTP/0.9")):
            raise http.client.UnknownProtocol(version)
        self.version = 10 if version in {"HTTP/1.0", "HTTP/0.9"} else 11
        self.status, self.reason = status, reason.strip()
        self.headers = self.msg = headers
        self._find_end()

    def _find_end(self) -> None:
        """Says by what the end of the body is known: its chunks, its length, or that of the connection."""
        self.chunked = self.headers.get("Transfer-Encoding", "").lower() == "chunked"
        self.chunk_left = None
        length = self.headers.get("Content-Length", "")
        is_length = length.isdecimal() and len(length) <= _MAX_DIGITS
        self.length = int(length) if is_length and not self.chunked else None
        if self.status in _NO_BODY:
            self.length = 0
        has_end = self.chunked or self.length is not None
        self.will_close = not has_end or self._check_close()  # type: ignore[attr-defined]


def _read_headers(lines: io.BufferedReader) -> http.client.HTTPMessage:
    """Reads headers to the empty line behind them; a line without a colon is left out, unless it goes on with one."""
    fields: list[tuple[str, str]] = []
    for _ in range(_MAX_HEADERS + 1):
        line = lines.readline(_MAX_LINE + 1)
        if len(line) > _MAX_LINE:
            raise http.client.LineTooLong("header line")
        if not line:
            raise http.client.RemoteDisconnected("the answer ended within its headers")
        if line in {b"\r\n", b"\n"}:
            return _message(fields)
        text = line.decode("latin-1")
        name, colon, value = text.partition(":")
        if text[0] in " \t" and fields:
            fields[-1] = fields[-1][0], f"{fields[-1][1]} {text.strip()}".strip()
        elif colon:
            fields.append((name, value.strip()))
    raise http.client.HTTPException(f"got more than {_MAX_HEADERS} headers")


def _message(fields: Iterable[tuple[str, str]]) -> http.client.HTTPMessage:
    message = http.client.HTTPMessage()
    for name, value in fields:
        message.set_raw(name, value)
    return message
