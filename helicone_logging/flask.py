"""Binds the trace of a request for Flask: `HeliconeFlask(app)`, or `init_app(app)` where apps are made by a factory."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from helicone_logging import wsgi
from helicone_logging.context import binding
from helicone_logging.context.propagation import REQUEST_ID_HEADER, UserReader
from helicone_logging.errors import ConfigurationError

if TYPE_CHECKING:
    from flask import Flask

_NAME = "helicone_logging"


class HeliconeFlask:
    """Binds the trace of each request of a Flask application: views, error handlers, teardown, streamed bodies.

    It stands around `app.wsgi_app`, so it begins before Flask's own contexts and ends after them, in whatever order
    those are torn down.

    Args:
        app: the application; None to call `init_app` later.
        request_id_header: the header whose value is the trace when there is no valid `traceparent`.
        response_header: the header in which the trace is sent back, unless the application sets it; None for none.
        user_id: a function that returns the user's id, called before each request in its context, after the
            `before_request` functions that were registered before; Flask has no user of its own. With Flask-Login:
            `lambda: current_user.get_id()`.

    Raises:
        ConfigurationError: an option has a value that cannot work.

    .. versionadded:: 0.1
    """

    def __init__(
        self,
        app: Flask | None = None,
        *,
        request_id_header: str = REQUEST_ID_HEADER,
        response_header: str | None = None,
        user_id: Callable[[], object] | None = None,
    ) -> None:
        self._request_id_header = request_id_header
        self._response_header = response_header
        self._user_of = UserReader(user_id, None)
        if app is not None:
            self.init_app(app)

    def init_app(self, app: Flask) -> None:
        """Binds the traces of an application's requests.

        Args:
            app: the application, before its first request.

        Raises:
            ConfigurationError: it has such an extension already, or an option has a value that cannot work.
        """
        if _NAME in app.extensions:
            raise ConfigurationError("HeliconeFlask is set up for this application already: call init_app once")
        app.wsgi_app = wsgi.TraceContextMiddleware(  # type: ignore[method-assign]  # as Flask's own guide does
            app.wsgi_app, request_id_header=self._request_id_header, response_header=self._response_header
        )
        app.extensions[_NAME] = self
        if self._user_of:
            app.before_request(self._bind_user)

    def _bind_user(self) -> None:
        binding.extend(user_id=self._user_of())
