"""Binds the trace of a request for every WSGI application: `app = TraceContextMiddleware(app)`."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

from helicone_logging.context import binding
from helicone_logging.context.decorators import ContextIterator
from helicone_logging.context.propagation import REQUEST_ID_HEADER, TracePropagator, UserReader

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment


class TraceContextMiddleware:
    """Binds the trace of each request while it is answered, its body and `close()` included.

    Args:
        app: the application.
        request_id_header: the header whose value is the trace when there is no valid `traceparent`.
        response_header: the header in which the trace is sent back, unless the application sets it; None for none.
        user_id: True for the `REMOTE_USER` that a server or a middleware around this one has set, or a function of
            the environ that returns the user's id.

    Raises:
        ConfigurationError: an option has a value that cannot work.

    .. versionadded:: 0.1
    """

    def __init__(
        self,
        app: WSGIApplication,
        *,
        request_id_header: str = REQUEST_ID_HEADER,
        response_header: str | None = None,
        user_id: bool | Callable[[WSGIEnvironment], object] = False,
    ) -> None:
        self._app = app
        self._propagator = TracePropagator(request_id_header, response_header)
        self._user_of = UserReader(user_id, _remote_user)

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Answers one request."""
        snapshot, trace_id = self._propagator.extract(environ, lambda name: environ.get(_key(name)))
        if self._propagator.response_header:
            start_response = _echoing(start_response, self._propagator.response_header, trace_id)
        with snapshot:
            binding.extend(user_id=self._user_of(environ))
            body = self._app(environ, start_response)
        return body if _is_made(body, environ) else _Body(body, snapshot)


class _Body(ContextIterator):
    """A body that may be no iterator yet; servers close it, and not what they iterate over."""

    def __iter__(self) -> ContextIterator:
        with self._snapshot:
            return ContextIterator(iter(self._body), self._snapshot)


def _is_made(body: Iterable[bytes], environ: WSGIEnvironment) -> bool:
    """Whether nothing of the application runs any more; servers look at the length of lists, and send files fast."""
    file_wrapper = environ.get("wsgi.file_wrapper")
    return isinstance(body, list | tuple) or (isinstance(file_wrapper, type) and isinstance(body, file_wrapper))


def _echoing(start_response: StartResponse, name: str, value: str) -> StartResponse:
    def echoing(status: str, headers: list[tuple[str, str]], /, *exc_info: Any) -> Callable[[bytes], object]:
        if all(key.lower() != name.lower() for key, _ in headers):
            headers = [*headers, (name, value)]
        return start_response(status, headers, *exc_info)

    return echoing


def _key(header: str) -> str:
    return "HTTP_" + header.upper().replace("-", "_")


def _remote_user(environ: WSGIEnvironment) -> object:
    return environ.get("REMOTE_USER")
