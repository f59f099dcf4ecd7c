"""Binds the trace of a request for every ASGI application: `app.add_middleware(TraceContextMiddleware)`.

At the end of the lifespan all records are delivered, as Uvicorn (0.29 and later) ends its process by the signal that it
was stopped with, so that nothing runs at exit.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from helicone_logging.context import binding
from helicone_logging.context.propagation import REQUEST_ID_HEADER, TracePropagator, UserReader, one_of
from helicone_logging.core import lifecycle

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Application = Callable[[Scope, Receive, Send], Awaitable[None]]

_LIFESPAN = "lifespan"
_SHUTDOWN = "lifespan.shutdown"
_REQUESTS = ("http", "websocket")
_ANSWERS = ("http.response.start", "websocket.accept", "websocket.http.response.start")
_USER_KEYS = ("identity", "pk", "id", "username")


class FlushAtShutdown:
    """Delivers what was logged before the server ends: `application = FlushAtShutdown(get_asgi_application())`.

    It closes all handlers of the process when the application has shut down, and so waits for `shutdown_timeout` of
    theirs at the most; a record that comes later is sent all the same. `TraceContextMiddleware` contains it.

    Args:
        app: the application; for one that does not answer the lifespan, as Django's, it is answered here.

    .. versionadded:: 0.1
    """

    def __init__(self, app: Application) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers one request, or the lifespan."""
        if scope["type"] != _LIFESPAN:
            await self._app(scope, receive, send)
            return
        lifespan = _Lifespan(receive, send)
        try:
            await self._app(scope, lifespan.receive, lifespan.send)
        except Exception:
            if lifespan.is_known:
                await _close_handlers()
                raise
        if not lifespan.is_known:
            await lifespan.answer()


class _Lifespan:
    """The server's side of the lifespan, as the application sees it."""

    def __init__(self, receive: Receive, send: Send) -> None:
        self._receive = receive
        self._send = send
        self.is_known = False  # to the application

    async def receive(self) -> Message:
        self.is_known = True
        return await self._receive()

    async def send(self, message: Message) -> None:
        self.is_known = True
        if message["type"].startswith(_SHUTDOWN):
            await _close_handlers()
        await self._send(message)

    async def answer(self) -> None:
        """Answers in place of the application."""
        event = ""
        while event != _SHUTDOWN:
            event = (await self.receive())["type"]
            await self.send({"type": f"{event}.complete"})


async def _close_handlers() -> None:
    try:
        await asyncio.to_thread(lifecycle.close_all)
    except RuntimeError:  # there is no event loop of asyncio, or no thread any more
        lifecycle.close_all()


class TraceContextMiddleware:
    """Binds the trace of each HTTP request and WebSocket while it is answered, and delivers all at the server's end.

    Args:
        app: the application.
        request_id_header: the header whose value is the trace when there is no valid `traceparent`.
        response_header: the header in which the trace is sent back, unless the application sets it; None for none.
        user_id: True for the `scope["user"]` that a middleware around this one has authenticated, or a function of
            the scope that returns the user's id. Once the application knows the user, `context.extend` binds it.

    Raises:
        ConfigurationError: an option has a value that cannot work.

    .. versionadded:: 0.1
    """

    def __init__(
        self,
        app: Application,
        *,
        request_id_header: str = REQUEST_ID_HEADER,
        response_header: str | None = None,
        user_id: bool | Callable[[Scope], object] = False,
    ) -> None:
        self._app = app
        self._lifespan = FlushAtShutdown(app)
        self._propagator = TracePropagator(request_id_header, response_header)
        self._user_of = UserReader(user_id, _authenticated_user)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers one request, or the lifespan."""
        if scope["type"] not in _REQUESTS:
            await self._lifespan(scope, receive, send)
            return
        snapshot, trace_id = self._propagator.extract(scope, lambda name: _header(scope, name))
        if self._propagator.response_header:
            send = _echoing(send, self._propagator.response_header, trace_id)
        with snapshot:
            binding.extend(user_id=self._user_of(scope))
            await self._app(scope, receive, send)


def _header(scope: Scope, name: str) -> str | None:
    wanted = name.lower().encode("ascii")
    return one_of([value.decode("latin-1") for key, value in scope.get("headers", ()) if key.lower() == wanted])


def _echoing(send: Send, name: str, value: str) -> Send:
    wanted, header = name.lower().encode("ascii"), (name.lower().encode("ascii"), value.encode("ascii"))

    async def echoing(message: Message) -> None:
        if message["type"] in _ANSWERS:
            headers = list(message.get("headers") or ())
            if all(key.lower() != wanted for key, _ in headers):
                message = {**message, "headers": [*headers, header]}
        await send(message)

    return echoing


def _authenticated_user(scope: Scope) -> object:
    """Starlette's user has an `identity`, which may not be implemented; Django's, in Channels, has a `pk`."""
    user = scope.get("user")
    if not getattr(user, "is_authenticated", False):
        return None
    for key in _USER_KEYS:
        with contextlib.suppress(AttributeError, NotImplementedError):
            return getattr(user, key)
    return None
