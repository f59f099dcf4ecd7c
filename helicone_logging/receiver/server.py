"""`Receiver`: the application served by waitress in a thread, on this machine."""

from __future__ import annotations

import functools
import ipaddress
import logging
import os
import socket
import threading
from collections.abc import Callable
from types import TracebackType
from typing import Any

from helicone_logging.core.check import refuse
from helicone_logging.errors import ConfigurationError
from helicone_logging.receiver.app import create_app
from helicone_logging.receiver.rows import Row, row_of
from helicone_logging.receiver.store import SpanStore, StoredSpan
from helicone_logging.receiver.validation import INSTALL

_PATH = "/v1/trace/log"
_THREADS = 4
_STOP_WITHIN = 5.0


class Receiver:
    """A local stand-in for Helicone's endpoint: it accepts, refuses and shows what the server does.

    A context manager that serves in a thread of its own.

    Args:
        host: address to listen on, of this machine only.
        port: port to listen on; 0 for a free one.
        api_key: what the bearer token must be; None to accept every request.
        keep: spans kept in memory; the oldest leave first.
        on_span: called with the readable lines of each span, such as `print`.
        allow_remote: True to listen on an address that other machines reach.

    Raises:
        ConfigurationError: an option cannot work.
    """

    def __init__(
        self,
        host: str = "127.0.0.1",
        port: int = 8585,
        *,
        api_key: str | None = None,
        keep: int = 10_000,
        on_span: Callable[[str], object] | None = None,
        allow_remote: bool = False,
    ) -> None:
        if not allow_remote and not _is_loopback(host):
            refuse("host", host, "prompts are private; use 127.0.0.1, or set allow_remote=True")
        self.store = SpanStore(keep)
        self._host = host
        self._port = port
        self._api_key = api_key
        self._on_span = on_span
        self._server: Any = None
        self._thread: threading.Thread | None = None

    @property
    def url(self) -> str:
        """Where it listens; with port 0 the port is known once it has been started."""
        port = self._port if self._server is None else self._server.effective_port
        return f"http://{f'[{self._host}]' if ':' in self._host else self._host}:{port}"

    @property
    def endpoint(self) -> str:
        """The URL that takes payloads."""
        return self.url + _PATH

    def spans(self) -> list[StoredSpan]:
        """Returns what was received, as it came."""
        return self.store.spans()

    def rows(self) -> list[Row]:
        """Returns what was received, as Helicone shows it."""
        return [row_of(stored.span) for stored in self.store.spans()]

    def start(self) -> Receiver:
        """Listens, and serves from a thread.

        Raises:
            ConfigurationError: the port is taken, or a package is missing.
        """
        self._listen()
        self._thread = threading.Thread(target=self._server.run, name="helicone-receiver", daemon=True)
        self._thread.start()
        return self

    def stop(self) -> None:
        """Ends the thread and closes all connections."""
        if self._server is None:
            return
        server, self._server = self._server, None
        self._port = server.effective_port
        # The threads first, since a task that ends wakes the loop by its trigger, which must still be open.
        server.task_dispatcher.shutdown(timeout=_STOP_WITHIN)
        is_pulled = threading.Event()
        server.trigger.pull_trigger(functools.partial(_close_all, server, is_pulled))
        is_pulled.set()
        if self._thread is not None:
            self._thread.join(_STOP_WITHIN)

    def serve_forever(self) -> None:
        """Serves in the calling thread until it is interrupted.

        Raises:
            ConfigurationError: the port is taken, or a package is missing.
        """
        self._listen()
        print(f"Listening on {self.url}; set HELICONE_TRACE_ENDPOINT={self.url}", flush=True)  # noqa: T201 - a command
        self._server.run()

    def _listen(self) -> None:
        try:
            from waitress.server import create_server
        except ImportError as error:
            raise ConfigurationError(f"the receiver needs waitress: {INSTALL}") from error
        _quiet(logging.getLogger("waitress"))
        app = create_app(self.store, api_key=self._api_key, on_span=self._on_span)
        # A socket of our own: waitress leaves one open whose port is taken, and listens twice on `localhost`.
        try:
            listener = _bound(self._host, self._port)
        except OSError as error:
            where = f"host={self._host!r}, port={self._port}"
            raise ConfigurationError(f"{where} cannot work: {error.strerror}; choose another") from error
        self._server = create_server(app, sockets=[listener], threads=_THREADS)

    def __enter__(self) -> Receiver:
        return self.start()

    def __exit__(
        self,
        exc_type: type[BaseException] | None = None,
        exc: BaseException | None = None,
        traceback: TracebackType | None = None,
    ) -> None:
        self.stop()


def _quiet(logger: logging.Logger) -> None:
    """Keeps a logger's warnings from stderr where nobody has configured logging."""
    if not logger.handlers:
        logger.addHandler(logging.NullHandler())


def _bound(host: str, port: int) -> socket.socket:
    family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    listener = socket.socket(family, kind, protocol)
    try:
        if os.name == "posix":  # elsewhere it would share the port with others
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
    except OSError:
        listener.close()
        raise
    return listener


def _close_all(server: Any, is_pulled: threading.Event) -> None:
    """Closes the listener, its trigger and all connections, which ends the loop.

    It may run before the trigger has been pulled for it, by a pull of another thread's.
    """
    from waitress import wasyncore

    is_pulled.wait(_STOP_WITHIN)
    wasyncore.close_all(server._map, ignore_all=True)


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
