"""The receiver's HTTP side: a Flask application that puts intake, API and pages together behind one guard."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from importlib import resources
from typing import TYPE_CHECKING, Any

from helicone_logging.errors import ConfigurationError
from helicone_logging.receiver import security
from helicone_logging.receiver.api import Api
from helicone_logging.receiver.endpoints import ENDPOINTS
from helicone_logging.receiver.intake import Intake
from helicone_logging.receiver.live import Streams
from helicone_logging.receiver.security import Guard
from helicone_logging.receiver.store import SpanStore
from helicone_logging.receiver.validation import INSTALL
from helicone_logging.receiver.views import Views
from helicone_logging.receiver.visible import visible

if TYPE_CHECKING:
    from flask import Flask, Request, Response
    from werkzeug.exceptions import HTTPException

_ASSETS = {"page.css": "text/css", "page.js": "text/javascript", "favicon.svg": "image/svg+xml"}
_ASSETS_AGE = 31_536_000
_OPEN_PATHS = ("/healthz", "/assets/")


def create_app(
    store: SpanStore, guard: Guard, endpoint: Callable[[], str], on_span: Callable[[str], object] | None
) -> Flask:
    """Makes the application.

    Args:
        store: where the spans go.
        guard: who may do what.
        endpoint: gives the URL that takes payloads, to be shown.
        on_span: called with the readable lines of each span; None for nobody.

    Raises:
        ConfigurationError: Flask is missing; it comes with the extra `[local]`.
    """
    try:
        import flask
        import jinja2
    except ImportError as error:
        raise ConfigurationError(f"the receiver needs Flask: {INSTALL}") from error
    app = flask.Flask(__name__, static_folder=None)
    app.jinja_loader = jinja2.PackageLoader(__package__)  # unlike Flask's own, it reads what is zipped
    app.jinja_options = {"finalize": _shown, "trim_blocks": True, "lstrip_blocks": True}
    _protect(app, guard)
    intake = Intake(store, guard, on_span)
    for path, taking in ENDPOINTS.items():
        app.add_url_rule(path, path, lambda taking=taking: intake.answer(flask.request, taking), methods=["POST"])
    Api(store, Streams(store)).add_to(app)
    Views(store, endpoint).add_to(app)
    _serve_assets(app)
    app.add_url_rule("/healthz", "healthz", lambda: {"status": "ok"})
    app.register_error_handler(404, _not_here)
    app.register_error_handler(405, _not_here)
    return app


def _shown(value: Any) -> Any:
    """What an expression of a template becomes, before it is escaped: nothing hidden, nothing obeyed."""
    return visible(value) if type(value) is str else value


def _protect(app: Flask, guard: Guard) -> None:
    import flask

    app.before_request(lambda: _refused(guard, flask.request))
    app.after_request(_with_headers)


def _refused(guard: Guard, request: Request) -> Any:
    """The answer to a request that may not go on; None for one that may."""
    refusal = guard.refusal(request)
    if refusal is not None:
        status, reason = refusal
        return {"error": reason}, status
    if request.path in ENDPOINTS or request.path.startswith(_OPEN_PATHS):
        return None  # intake asks for itself
    if request.method == "GET" and request.path == "/" and "token" in request.args:
        return _exchanged(guard, request)
    if guard.may_read(request):
        return None
    return ({"error": "Invalid API key"}, 401) if request.path.startswith("/api/") else _private()


def _exchanged(guard: Guard, request: Request) -> Any:
    """The clean URL, with a cookie for a token that is right."""
    import flask

    response = flask.make_response(flask.redirect("/", 303))
    is_let_in = guard.exchange(request.args["token"], request, response) or guard.may_read(request)
    return response if is_let_in else _private()


def _private() -> tuple[str, int]:
    import flask

    text = "Open the link that the command printed; it works once, and this browser then stays known."
    return flask.render_template("message.html", title="This page is private", text=text), 401


def _with_headers(response: Response) -> Response:
    for name, value in security.HEADERS.items():
        response.headers[name] = value
    response.headers.setdefault("Cache-Control", security.NO_STORE)
    return response


def _serve_assets(app: Flask) -> None:
    import flask

    folder = resources.files("helicone_logging.receiver").joinpath("assets")
    contents = {name: folder.joinpath(name).read_bytes() for name in _ASSETS}
    version = hashlib.sha256(b"".join(contents.values())).hexdigest()[:12]
    app.jinja_env.globals["asset"] = lambda name: f"/assets/{name}?v={version}"

    def asset(name: str) -> Any:
        if name not in contents:
            return {"error": "Not Found"}, 404
        response = flask.Response(contents[name], content_type=f"{_ASSETS[name]}; charset=utf-8")
        response.headers["Cache-Control"] = f"public, max-age={_ASSETS_AGE}, immutable"
        return response

    app.add_url_rule("/assets/<name>", "asset", asset)
    app.add_url_rule("/favicon.ico", "favicon", lambda: asset("favicon.svg"))


def _not_here(error: HTTPException) -> tuple[dict[str, Any], int]:
    return {"error": error.name}, error.code or 404
