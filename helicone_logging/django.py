"""Binds the trace of a request for Django: put `helicone_logging.django.TraceContextMiddleware` into `MIDDLEWARE`."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from asgiref.sync import iscoroutinefunction, markcoroutinefunction
from django.conf import settings
from django.contrib.auth import SESSION_KEY
from django.http import FileResponse, HttpRequest, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.utils.functional import LazyObject, empty

from helicone_logging.context import binding
from helicone_logging.context.decorators import AsyncContextIterator, ContextIterator
from helicone_logging.context.propagation import REQUEST_ID_HEADER, RequestContext, TracePropagator, UserReader
from helicone_logging.context.stack import ContextSnapshot
from helicone_logging.core import check

_SETTING = "HELICONE_LOGGING"
_DEFAULTS = {"request_id_header": REQUEST_ID_HEADER, "response_header": None, "user_id": False}


class TraceContextMiddleware:
    """Binds the trace of each request, under WSGI and ASGI, for sync and async views and streamed bodies.

    It belongs at the top of `MIDDLEWARE`. Options are keys of the setting `HELICONE_LOGGING`:

    - `request_id_header`: the header whose value is the trace when there is no valid `traceparent`; default
      `"X-Request-ID"`.
    - `response_header`: the header in which the trace is sent back, unless the view sets it; default None.
    - `user_id`: True for the id of the logged-in user, which the session has without a query for the user. Or a
      function of the request, or its dotted path, called before the view, in a thread where that is async; for users
      whom no session knows. Default False: neither session nor user are touched.

    Args:
        get_response: the next middleware, as Django gives it.

    Raises:
        ConfigurationError: an option is unknown, or has a value that cannot work.

    .. versionadded:: 0.1
    """

    sync_capable = True
    async_capable = True

    def __init__(self, get_response: Callable[[HttpRequest], Any]) -> None:
        given = check.mapping(_SETTING, getattr(settings, _SETTING, None))
        if not given.keys() <= _DEFAULTS.keys():
            check.refuse(_SETTING, given, f"it may have the keys {', '.join(_DEFAULTS)}")
        chosen = {**_DEFAULTS, **given}
        self._propagator = TracePropagator(chosen["request_id_header"], chosen["response_header"])
        self._user_of = UserReader(chosen["user_id"], _logged_in_user)
        self._get_response = get_response
        self._is_async = iscoroutinefunction(get_response)
        if self._is_async:
            markcoroutinefunction(self)
        if self._user_of:
            self.process_view = self._bind_user  # which Django calls in a thread where that is async

    def __call__(self, request: HttpRequest) -> HttpResponseBase | Awaitable[HttpResponseBase]:
        """Answers one request."""
        context = self._extract(request)
        if self._is_async:
            return self._answer_async(request, context)
        with context.snapshot:
            response = self._get_response(request)
        return self._finished(response, context)

    async def _answer_async(self, request: HttpRequest, context: RequestContext) -> HttpResponseBase:
        with context.snapshot:
            response = await self._get_response(request)
        return self._finished(response, context)

    def _extract(self, request: HttpRequest) -> RequestContext:
        noted = getattr(request, "scope", request.META)  # the ASGI scope, or the WSGI environ
        return self._propagator.extract(noted, request.headers.get)

    def _finished(self, response: HttpResponseBase, context: RequestContext) -> HttpResponseBase:
        if self._propagator.response_header:
            response.headers.setdefault(self._propagator.response_header, context.trace_id)
        if isinstance(response, StreamingHttpResponse) and not isinstance(response, FileResponse):
            _keep_bound(response, context.snapshot)
        return response

    def _bind_user(self, request: HttpRequest, *_view: object) -> None:
        binding.extend(user_id=self._user_of(request))


def _keep_bound(response: StreamingHttpResponse, snapshot: ContextSnapshot) -> None:
    content = response.streaming_content
    response.streaming_content = (
        AsyncContextIterator(content, snapshot) if response.is_async else ContextIterator(content, snapshot)
    )

    def close() -> None:
        vars(response).pop("close", None)  # which would keep it alive
        with snapshot:  # as it ends the content of a client that has left
            response.close()

    response.close = close


def _logged_in_user(request: HttpRequest) -> object:
    """The user's id as the session has it, else that of a user who is loaded already."""
    session = getattr(request, "session", None)
    if session is not None:
        # The response does not depend on this, so it must not get `Vary: Cookie` for it.
        accessed = session.accessed
        key = session.get(SESSION_KEY)
        session.accessed = accessed
        if key is not None:
            return key
    user = getattr(request, "user", None)
    is_unread = isinstance(user, LazyObject) and user._wrapped is empty
    return None if is_unread else getattr(user, "pk", None)  # which an anonymous one has not
