"""Takes payloads, and refuses what the server refuses."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from helicone_logging.receiver.console import describe
from helicone_logging.receiver.endpoints import Answer, Endpoint
from helicone_logging.receiver.entries import SpanEntry

if TYPE_CHECKING:
    from flask import Request

    from helicone_logging.receiver.security import Guard
    from helicone_logging.receiver.store import SpanStore

MAX_BODY_BYTES = 10 * 1024 * 1024
"""Of a body at the most, after inflation: as Helicone's server, since March 2026."""

_ENCODINGS = frozenset(("", "identity", "gzip"))


class Intake:
    """Takes payloads into a store.

    Args:
        store: where the spans go.
        guard: who may send.
        on_span: called with the readable lines of each span before its request is answered; None for nobody.
    """

    def __init__(self, store: SpanStore, guard: Guard, on_span: Callable[[str], object] | None) -> None:
        self._store = store
        self._guard = guard
        self._on_span = on_span

    def answer(self, request: Request, endpoint: Endpoint) -> Answer:
        """Takes the payload of a request, and returns what to answer."""
        if not self._guard.may_write(request):
            return {"error": "Invalid API key"}, 401
        if endpoint.has_gzip_only and _encoding(request) not in _ENCODINGS:
            return {"error": "unsupported encoding"}, 415
        body = _body(request, MAX_BODY_BYTES)
        if body is None:
            return {"error": "request entity too large"}, 413
        decoded = endpoint.decode(body, request.mimetype)
        if isinstance(decoded, tuple):
            return decoded
        refusal = self._store_all(decoded) if endpoint.can_store(decoded) else ("", 500)
        return endpoint.taken(request.mimetype) if refusal is None else refusal

    def _store_all(self, payload: Mapping[str, Any]) -> Answer | None:
        try:
            entries = self._store.add(payload)
        except RecursionError:
            return {"error": "the body is nested too deeply"}, 400
        for entry in entries:
            self._describe(entry)
        return None

    def _describe(self, entry: SpanEntry) -> None:
        """What cannot be printed costs no span: it has been stored."""
        if self._on_span is None:
            return
        try:
            self._on_span(describe(entry))
        except Exception:  # noqa: BLE001 - whatever a callback does
            return


def _encoding(request: Request) -> str:
    encoding: str = request.headers.get("Content-Encoding", "").lower()
    return encoding


def _body(request: Request, limit: int) -> bytes | None:
    """The body, inflated no further than the limit; None for a larger one."""
    body: bytes = request.stream.read(limit + 1)
    if _encoding(request) == "gzip":
        inflater = zlib.decompressobj(zlib.MAX_WBITS | 16)
        try:
            body = inflater.decompress(body, limit + 1)
        except zlib.error:
            return b""
    return body if len(body) <= limit else None
