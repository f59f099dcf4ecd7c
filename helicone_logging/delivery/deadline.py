"""An adapter for requests that gives the whole answer one deadline.

Sockets, urllib3 and requests bound each read; a server that sends one byte a second is never late for any of them and
would hold a worker for ever. So the answer is read from a file that lowers the socket's timeout from read to read.
"""

from __future__ import annotations

import contextlib
import http
import http.client
import io
import os
import socket
from typing import Any

from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool

from helicone_logging.core import clock, lifecycle

_ANNOUNCING = frozenset({*range(100, 200)} - {http.HTTPStatus.SWITCHING_PROTOCOLS})


class _DeadlineReader(io.RawIOBase):
    """Reads from a socket within its timeout, counted from when the reader is made for all that it will read."""

    def __init__(self, sock: socket.socket) -> None:
        self._sock = sock
        self._raw: Any = sock.makefile("rb", buffering=0)
        timeout = sock.gettimeout()
        self._deadline = None if timeout is None else clock.monotonic() + timeout

    def makefile(self, *_: object) -> io.BufferedReader:
        """As of a socket."""
        return io.BufferedReader(self)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any, /) -> int | None:
        if self._deadline is not None:
            remaining = self._deadline - clock.monotonic()
            if remaining <= 0:
                raise TimeoutError("the answer took too long")
            self._sock.settimeout(remaining)
        count: int | None = self._raw.readinto(buffer)
        return count

    def close(self) -> None:
        if not self.closed:
            super().close()
            self._raw.close()


class _Response(http.client.HTTPResponse):
    """urllib3 sets the read timeout on the socket right before it has one of these made."""

    def __init__(self, sock: socket.socket, *args: Any, **kwargs: Any) -> None:
        in_place_of_socket: Any = _DeadlineReader(sock)  # all that is asked of it is a file
        super().__init__(in_place_of_socket, *args, **kwargs)

    def begin(self) -> None:
        """Reads status and headers, those of the answer itself, which others may come before (RFC 9110, 15.2).

        Lines that are no headers are left out, or urllib3 would log what a server sent there.
        """
        super().begin()
        while self.status in _ANNOUNCING:
            self.headers = None  # type: ignore[assignment]  # as before the first ones
            super().begin()
        self.headers.defects.clear()
        self.headers.set_payload("")


class _Connection(HTTPConnection):
    response_class = _Response

    def connect(self) -> None:
        super().connect()
        lifecycle.watch_forks(self)

    def after_fork_in_child(self) -> None:
        """Lets go of the parent's socket: who closes it late closes what has its number by then, as in a daemon."""
        if type(self.sock).__module__ in {"socket", "ssl"}:  # one of gevent's or eventlet's is its loop's to close
            with contextlib.suppress(OSError):
                os.close(self.sock.detach())


class _SecureConnection(_Connection, HTTPSConnection):
    pass


class _Pool(HTTPConnectionPool):
    ConnectionCls = _Connection


class _SecurePool(HTTPSConnectionPool):
    ConnectionCls = _SecureConnection


_POOLS = {"http": _Pool, "https": _SecurePool}


class DeadlineAdapter(HTTPAdapter):
    """One connection to each host; the read timeout holds for the whole answer, headers and body."""

    def __init__(self) -> None:
        self._used: Any = None  # the pool of connections
        super().__init__(pool_connections=1, pool_maxsize=1, max_retries=0)

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        super().init_poolmanager(*args, **kwargs)
        self.poolmanager.pool_classes_by_scheme = _POOLS

    def proxy_manager_for(self, proxy: str, **kwargs: Any) -> Any:
        manager = super().proxy_manager_for(proxy, **kwargs)
        manager.pool_classes_by_scheme = _POOLS
        return manager

    def cert_verify(self, conn: Any, url: Any, verify: Any, cert: Any) -> None:
        self._used = conn
        super().cert_verify(conn, url, verify, cert)  # type: ignore[no-untyped-call]

    def close(self) -> None:
        """Closes the connection; urllib3 leaves that to finalizers, which do nothing late in an interpreter's exit."""
        if self._used is not None:
            self._used.close()
        super().close()
