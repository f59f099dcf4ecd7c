"""A requests adapter that gives the whole answer one deadline, and sends each request in one go."""

from __future__ import annotations

import http.client
from typing import Any, cast

from requests import PreparedRequest
from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool

from helicone_logging.delivery.responses import Response

_SMALL = 65_536  # bytes that are copied faster than sent by another call


class _Joining(http.client.HTTPConnection):
    """Sends the headers of a request together with its body: one call of the system less, and one packet.

    Each request has a body here, and nearly the same headers as the one before: those are checked and encoded once.
    """

    response_class = Response
    _head: bytes | None = None  # headers that wait for their body; empty while they are on their way here

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self._known: dict[str, tuple[str, bytes]] = {}  # by a header's name, its value and its line
        self._lines: list[bytes] = []  # of this request
        super().__init__(*args, **kwargs)

    def putheader(self, header: Any, *values: Any) -> None:
        """Adds a header; a line that was sent before is not made again."""
        known = self._known.get(header)
        if known is not None and (known[0],) == values:
            self._lines.append(known[1])
            return
        super().putheader(header, *values)
        if [type(text) for text in (header, *values)] == [str, str]:
            self._known[header] = values[0], f"{header}: {values[0]}\r\n".encode("latin-1")

    def endheaders(self, *args: Any, **kwargs: Any) -> None:
        """Ends the headers, without sending them yet."""
        self._head = b""
        super().endheaders(*args, **kwargs)

    def send(self, data: Any) -> None:
        """Sends what waits, and this, if these are not the headers."""
        head, self._head = self._head, None
        if head is None:
            super().send(data)
        elif not head:
            self._head = data[:-2] + b"".join(self._lines) + data[-2:]  # before the empty line
            self._lines.clear()
        elif len(data) <= _SMALL:
            super().send(head + data)
        else:
            super().send(head)
            super().send(data)

    def close(self) -> None:
        """Closes the connection, and forgets what waits: what is sent next may be for a proxy."""
        self._head = None
        self._lines.clear()
        super().close()


class _Connection(_Joining, HTTPConnection):
    """Over plain http."""


class _SecureConnection(_Joining, HTTPSConnection):
    """Over TLS."""


class _Pool(HTTPConnectionPool):
    ConnectionCls = _Connection


class _SecurePool(HTTPSConnectionPool):
    ConnectionCls = _SecureConnection


_POOLS = {"http": _Pool, "https": _SecurePool}


class DeadlineAdapter(HTTPAdapter):
    """One connection to each host; the read timeout holds for the whole answer, headers and body."""

    def __init__(self) -> None:
        super().__init__(pool_connections=1, pool_maxsize=1, max_retries=0)

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        super().init_poolmanager(*args, **kwargs)
        self.poolmanager.pool_classes_by_scheme = _POOLS

    def way(
        self, request: PreparedRequest, proxies: dict[str, str], verify: bool | str | None, cert: Any
    ) -> tuple[Any, str]:
        """Returns the pool of connections for a request, and the URL to ask it for, as `send` decides them.

        Raises:
            requests.RequestException: proxies or certificates cannot be used.
            OSError: a file of certificates is not there.
        """
        url = cast(str, request.url)  # it is prepared
        if hasattr(self, "get_connection_with_tls_context"):  # since requests 2.32
            pool = self.get_connection_with_tls_context(request, verify, proxies=proxies, cert=cert)
        else:
            pool = self.get_connection(url, proxies)
        verify_certificates: Any = self.cert_verify  # which has no types
        verify_certificates(pool, url, verify, cert)
        return pool, self.request_url(request, proxies)

    def close(self) -> None:
        """Closes the connections; urllib3 leaves that to finalizers, which do nothing late in an interpreter's exit."""
        for manager in (self.poolmanager, *self.proxy_manager.values()):
            for key in manager.pools.keys():  # noqa: SIM118 - it is no dict, and refuses to be iterated
                pool = manager.pools.get(key)
                if pool is not None:
                    pool.close()
        super().close()

    def proxy_manager_for(self, proxy: str, **kwargs: Any) -> Any:
        manager = super().proxy_manager_for(proxy, **kwargs)
        manager.pool_classes_by_scheme = _POOLS
        return manager
