"""The receiver's HTTP side: a Flask application that answers as the server does."""

from __future__ import annotations

import dataclasses
import hmac
import zlib
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from helicone_logging.errors import ConfigurationError
from helicone_logging.receiver import validation
from helicone_logging.receiver.console import describe_span
from helicone_logging.receiver.rows import Node, Row, Session, has_times, row_of, sessions_of, spans_of
from helicone_logging.receiver.store import SpanStore

if TYPE_CHECKING:
    from flask import Flask, Request
    from werkzeug.exceptions import HTTPException

_Answer = tuple[dict[str, Any] | str, int]

MAX_BODY_BYTES = 50 * 1024 * 1024


def create_app(
    store: SpanStore,
    *,
    api_key: str | None = None,
    max_body_bytes: int = MAX_BODY_BYTES,
    on_span: Callable[[str], object] | None = None,
) -> Flask:
    """Makes the application.

    Args:
        store: where the spans go.
        api_key: what the bearer token must be; None to accept every request.
        max_body_bytes: bytes of a body at the most, after inflation.
        on_span: called with the readable lines of each span.

    Raises:
        ConfigurationError: Flask is missing; it comes with the extra `[local]`.
    """
    try:
        import flask
    except ImportError as error:
        raise ConfigurationError(f"the receiver needs Flask: {validation.INSTALL}") from error
    app = flask.Flask(__name__, static_folder=None)
    intake = _Intake(store, api_key, max_body_bytes, on_span)
    app.add_url_rule("/v1/trace/log", "log_trace", lambda: intake.answer(flask.request), methods=["POST"])
    app.add_url_rule("/api/spans", "spans", lambda: flask.jsonify([stored._asdict() for stored in store.spans()]))
    app.add_url_rule(
        "/api/requests", "requests", lambda: flask.jsonify([dataclasses.asdict(row) for row in _rows(store)])
    )
    app.add_url_rule(
        "/api/sessions", "sessions", lambda: flask.jsonify([_session(one) for one in sessions_of(_rows(store))])
    )
    app.add_url_rule("/", "index", lambda: flask.Response(_index(store), mimetype="text/plain"))
    app.register_error_handler(404, _not_here)
    app.register_error_handler(405, _not_here)
    return app


class _Intake:
    """Takes payloads, and refuses what the server refuses."""

    def __init__(
        self, store: SpanStore, api_key: str | None, max_body_bytes: int, on_span: Callable[[str], object] | None
    ) -> None:
        self._store = store
        self._api_key = api_key
        self._max_body_bytes = max_body_bytes
        self._on_span = on_span

    def answer(self, request: Request) -> _Answer:
        if self._api_key is not None and not _has_key(request, self._api_key):
            return {"error": "Invalid API key"}, 401
        body = _body(request, self._max_body_bytes)
        if body is None:
            return {"error": "request entity too large"}, 413
        try:
            payload = validation.parse(body)
        except validation.NotJSONError as error:
            return {"error": f"the body is no JSON: {error}"}, 400
        refusal = validation.refusal(payload)
        if refusal is not None:
            key, _, reason = refusal.partition(": ")
            return {"message": "Validation Failed", "details": {key: {"message": reason}}}, 422
        return self._stored(payload)

    def _stored(self, payload: dict[str, Any]) -> _Answer:
        if not all(map(_can_be_stored, spans_of(payload))):
            return "", 500
        for stored in self._store.add(payload):
            if self._on_span is not None:
                self._on_span(describe_span(stored))
        return "", 200


def _rows(store: SpanStore) -> list[Row]:
    return [row_of(stored.span) for stored in store.spans()]


def _index(store: SpanStore) -> str:
    return "\n\n".join(describe_span(stored) for stored in store.spans()) or "Nothing has arrived yet."


def _not_here(error: HTTPException) -> _Answer:
    return {"error": error.name}, error.code or 404


def _has_key(request: Request, api_key: str) -> bool:
    given = request.headers.get("Authorization", "")
    return hmac.compare_digest(given.encode("utf-8", "replace"), f"Bearer {api_key}".encode())


def _body(request: Request, limit: int) -> bytes | None:
    """The body, inflated no further than the limit; None for a larger one."""
    body: bytes = request.stream.read(limit + 1)
    if request.headers.get("Content-Encoding", "").lower() == "gzip":
        inflater = zlib.decompressobj(zlib.MAX_WBITS | 16)
        try:
            body = inflater.decompress(body, limit + 1)
        except zlib.error:
            return b""
    return body if len(body) <= limit else None


def _can_be_stored(span: Mapping[str, Any]) -> bool:
    """The server makes dates of the times, and calls a method of text on the provider: it fails on anything else."""
    return has_times(span) and all(
        attribute["key"] != "gen_ai.system" or "stringValue" in attribute["value"] for attribute in span["attributes"]
    )


def _session(session: Session) -> dict[str, Any]:
    return {"id": session.id, "name": session.name, "tree": _node(session.root)}


def _node(node: Node) -> dict[str, Any]:
    return {
        "name": node.name,
        "rows": [dataclasses.asdict(row) for row in node.rows],
        "children": [_node(child) for child in node.children.values()],
    }
