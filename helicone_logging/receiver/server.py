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

from helicone_logging.core import check
from helicone_logging.errors import ConfigurationError
from helicone_logging.receiver.app import create_app
from helicone_logging.receiver.database import Database
from helicone_logging.receiver.entries import StoredSpan
from helicone_logging.receiver.intake import MAX_BODY_BYTES
from helicone_logging.receiver.live import STREAMS
from helicone_logging.receiver.rows import Row
from helicone_logging.receiver.security import Guard
from helicone_logging.receiver.store import KEEP_BYTES, SpanStore
from helicone_logging.receiver.validation import INSTALL

_PATH = "/v1/trace/log"
_INTAKE_THREADS = 4
_STOP_WITHIN = 5.0
# Connections that are open at once, those that never send a request among them; those are closed after a while.
_CONNECTIONS = 500
_SILENT_FOR = 30
_LOOK_AFTER = 5
_HEADER_BYTES = 64 * 1024
_MAX_PORT = 65_535


class Receiver:
    """A local stand-in for Helicone's endpoint: it accepts, refuses and shows what the server does.

    A context manager that serves in a thread of its own.

    Args:
        host: address to listen on, of this machine only.
        port: port to listen on; 0 for a free one.
        api_key: what the bearer token must be; None to accept every request.
        keep: spans kept in memory; the oldest leave first.
        keep_bytes: bytes that they may take in memory, about.
        db: path of a SQLite file in which the spans outlast the process; None to keep them in memory only.
        on_span: called with the readable lines of each span, such as `print`.
        allow_remote: True to listen on an address that other machines reach; reading then wants the key, or the
            token of `page_url` where there is none.

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
        keep_bytes: int = KEEP_BYTES,
        db: str | os.PathLike[str] | None = None,
        on_span: Callable[[str], object] | None = None,
        allow_remote: bool = False,
    ) -> None:
        if not allow_remote and not _is_loopback(host):
            check.refuse("host", host, "prompts are private; use 127.0.0.1, or set allow_remote=True")
        keep = check.integer("keep", keep, least=1)
        keep_bytes = check.integer("keep_bytes", keep_bytes, least=1)
        self.store = SpanStore(keep, keep_bytes, None if db is None else Database(db))
        self._db = db
        self._host = host
        self._port = check.integer("port", port, least=0, most=_MAX_PORT)
        is_guarded = api_key is not None or allow_remote
        self._guard = Guard(host, api_key, is_reading_guarded=is_guarded)
        self._on_span = on_span
        self._server: Any = None
        self._thread: threading.Thread | None = None

    @property
    def url(self) -> str:
        """Where it listens; with port 0 the port is known once it has been started."""
        port = self._port if self._server is None else self._server.effective_port
        return f"http://{f'[{self._host}]' if ':' in self._host else self._host}:{port}"

    @property
    def page_url(self) -> str:
        """Where to look at what arrives; where reading is guarded, with a token that works once."""
        return f"{self.url}/?token={self._guard.token}" if self._guard.is_reading_guarded else self.url

    @property
    def endpoint(self) -> str:
        """The URL that takes payloads."""
        return self.url + _PATH

    def spans(self) -> list[StoredSpan]:
        """Returns what was received, as it came."""
        return self.store.spans()

    def rows(self) -> list[Row]:
        """Returns what was received, as Helicone shows it."""
        return [entry.row for entry in self.store.entries()]

    def start(self) -> Receiver:
        """Listens, and serves from a thread.

        Raises:
            ConfigurationError: the port is taken, or a package is missing.
        """
        self._listen()
        if self._db is not None and not self.store.has_database:
            self.store.reopen(Database(self._db))
        self.store.end_waiting(is_ending=False)
        self._thread = threading.Thread(target=self._server.run, name="helicone-receiver", daemon=True)
        self._thread.start()
        return self

    def stop(self) -> None:
        """Ends the thread and closes all connections."""
        if self._server is None:
            return
        server, self._server = self._server, None
        self.store.end_waiting()
        self._port = server.effective_port
        # The threads first, since a task that ends wakes the loop by its trigger, which must still be open.
        server.task_dispatcher.shutdown(timeout=_STOP_WITHIN)
        is_pulled = threading.Event()
        server.trigger.pull_trigger(functools.partial(_close_all, server, is_pulled))
        is_pulled.set()
        if self._thread is not None:
            self._thread.join(_STOP_WITHIN)
        self.store.close()

    def wait(self) -> None:
        """Waits until it is interrupted; an interrupt of the keyboard passes on."""
        thread = self._thread
        while thread is not None and thread.is_alive():
            thread.join(_LOOK_AFTER)

    def _listen(self) -> None:
        try:
            from waitress.server import create_server
        except ImportError as error:
            raise ConfigurationError(f"the receiver needs waitress: {INSTALL}") from error
        _quiet(logging.getLogger("waitress"))
        app = create_app(self.store, self._guard, lambda: self.endpoint, self._on_span)
        # A socket of our own: waitress leaves one open whose port is taken, and listens twice on `localhost`.
        try:
            listener = _bound(self._host, self._port)
        except OSError as error:
            where = f"host={self._host!r}, port={self._port}"
            raise ConfigurationError(f"{where} cannot work: {error.strerror}; choose another") from error
        self._server = create_server(
            app,
            sockets=[listener],
            threads=STREAMS + _INTAKE_THREADS,
            connection_limit=_CONNECTIONS,
            channel_timeout=_SILENT_FOR,
            cleanup_interval=_LOOK_AFTER,
            max_request_header_size=_HEADER_BYTES,
            max_request_body_size=MAX_BODY_BYTES + MAX_BODY_BYTES // 4,  # a little more is read, and answered in words
            asyncore_use_poll=True,  # where there is no poll, it is left alone
            channel_request_lookahead=1,  # so that it is seen when the reader of a stream leaves
            ident=None,
        )
        self._server.channel_class = _channel_class()
        self._server.adj.send_bytes = 1  # events of a stream go out as they come; as an argument it is deprecated

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
    for channel in tuple(server.active_channels.values()):
        channel.handle_close()
    wasyncore.close_all(server._map, ignore_all=True)


def _channel_class() -> Any:
    from waitress.channel import HTTPChannel

    class Channel(HTTPChannel):
        """Closes the file of a large body that was not read to its end; waitress leaves it to the garbage collector."""

        def handle_close(self) -> None:
            super().handle_close()
            if self.request is not None:
                self.request.close()

    return Channel


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
