"""Binds the trace of a request for every ASGI application: `app.add_middleware(TraceContextMiddleware)`."""

from __future__ import annotations

import contextlib
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from helicone_logging import context
from helicone_logging.propagation import REQUEST_ID_HEADER, Entrance, UserReader, one_of

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Application = Callable[[Scope, Receive, Send], Awaitable[None]]

_REQUESTS = ("http", "websocket")
_ANSWERS = ("http.response.start", "websocket.accept", "websocket.http.response.start")
_USER_KEYS = ("identity", "pk", "id", "username")


class TraceContextMiddleware:
    """Binds the trace of each HTTP request and WebSocket while it is answered.

    Args:
        app: the application.
        request_id_header: the header whose value is the trace when there is no valid `traceparent`.
        response_header: the header in which the trace is sent back, unless the application sets it; None for none.
        user_id: True for the `scope["user"]` that a middleware around this one has authenticated, or a function of
            the scope that returns the user's id. Once the application knows the user, `context.extend` binds it.

    Raises:
        ConfigurationError: an option has a value that cannot work.
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
        self._entrance = Entrance(request_id_header, response_header)
        self._user_of = UserReader(user_id, _authenticated_user)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers one request; the application's lifespan passes unchanged."""
        if scope["type"] not in _REQUESTS:
            await self._app(scope, receive, send)
            return
        inside, trace_id = self._entrance.enter(scope, lambda name: _header(scope, name))
        if self._entrance.response_header:
            send = _echoing(send, self._entrance.response_header, trace_id)
        with inside:
            context.extend(user_id=self._user_of(scope))
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
