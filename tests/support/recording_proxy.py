"""A proxy that leads everything to one port of this machine, and keeps the first lines and headers it was sent."""

from __future__ import annotations

import contextlib
import socket
import threading
from types import TracebackType

from recording_server import PATIENCE


class RecordingProxy:
    """Serves from a thread until it is left.

    Args:
        port: where everything goes, whatever the client asks for.
        status: what it answers to CONNECT.
    """

    def __init__(self, port: int, status: int = 200) -> None:
        self.lines: list[str] = []
        self.heads: list[str] = []
        self._target = port
        self._status = status
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._sockets: list[socket.socket] = []
        self._threads = [threading.Thread(target=self._accept_all, daemon=True)]

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self._listener.getsockname()[1]}"

    @property
    def url(self) -> str:
        return f"http://{self.address}"

    def __enter__(self) -> RecordingProxy:
        self._threads[0].start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for sock in self._sockets:
            with contextlib.suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)
        for thread in list(self._threads):
            thread.join(PATIENCE)
        for sock in self._sockets:
            sock.close()

    def _accept_all(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                self._sockets.append(client)
                self._start(self._serve, client)

    def _start(self, target: object, *args: object) -> None:
        thread = threading.Thread(target=target, args=args, daemon=True)  # type: ignore[arg-type]
        self._threads.append(thread)
        thread.start()

    def _serve(self, client: socket.socket) -> None:
        with contextlib.suppress(OSError):  # either side may be gone
            self._lead(client)

    def _lead(self, client: socket.socket) -> None:
        head = b""
        while b"\r\n\r\n" not in head:
            data = client.recv(65_536)
            if not data:
                return
            head += data
        top, _, rest = head.partition(b"\r\n\r\n")
        self.heads.append(top.decode("latin-1"))
        self.lines.append(self.heads[-1].splitlines()[0])
        try:
            server = socket.create_connection(("127.0.0.1", self._target), PATIENCE)
        except OSError:  # as a gateway answers for a server that is down
            client.sendall(b"HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
            client.shutdown(socket.SHUT_WR)
            return
        self._sockets.append(server)
        if top.startswith(b"CONNECT "):
            client.sendall(f"HTTP/1.1 {self._status} As asked\r\nContent-Length: 0\r\n\r\n".encode())
        else:
            server.sendall(head)
            rest = b""
        server.sendall(rest)
        self._start(_pump, server, client)
        _pump(client, server)


def _pump(source: socket.socket, target: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while data := source.recv(65_536):
            target.sendall(data)
    with contextlib.suppress(OSError):
        target.shutdown(socket.SHUT_WR)
