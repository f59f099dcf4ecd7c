"""Takes payloads, and refuses what the server refuses.

Another endpoint, such as one for protobuf, is another `Decoder`: bytes in, a payload that the schema accepts or a
refusal out; all else stays the same.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from helicone_logging.receiver import validation
from helicone_logging.receiver.console import describe
from helicone_logging.receiver.entries import Entry
from helicone_logging.receiver.rows import has_times, spans_of

if TYPE_CHECKING:
    from flask import Request

    from helicone_logging.receiver.security import Guard
    from helicone_logging.receiver.store import SpanStore

MAX_BODY_BYTES = 50 * 1024 * 1024

Answer = tuple[dict[str, Any] | str, int]
Decoder = Callable[[bytes], "Mapping[str, Any] | Answer"]


class Intake:
    """Takes payloads into a store.

    Args:
        store: where the spans go.
        guard: who may send.
        max_body_bytes: bytes of a body at the most, after inflation.
        on_span: called with the readable lines of each span before its request is answered.
    """

    def __init__(
        self,
        store: SpanStore,
        guard: Guard,
        *,
        max_body_bytes: int = MAX_BODY_BYTES,
        on_span: Callable[[str], object] | None = None,
    ) -> None:
        self._store = store
        self._guard = guard
        self._max_body_bytes = max_body_bytes
        self._on_span = on_span

    def answer(self, request: Request, decode: Decoder) -> Answer:
        """Takes the payload of a request, and returns what to answer."""
        if not self._guard.may_write(request):
            return {"error": "Invalid API key"}, 401
        body = _body(request, self._max_body_bytes)
        if body is None:
            return {"error": "request entity too large"}, 413
        decoded = decode(body)
        return decoded if isinstance(decoded, tuple) else self._stored(decoded)

    def _stored(self, payload: Mapping[str, Any]) -> Answer:
        if not all(map(_can_be_stored, spans_of(payload))):
            return "", 500
        try:
            entries = self._store.add(payload)
        except RecursionError:
            return {"error": "the body is nested too deeply"}, 400
        for entry in entries:
            self._tell(entry)
        return "", 200

    def _tell(self, entry: Entry) -> None:
        """What cannot be printed costs no span: it has been stored."""
        if self._on_span is None:
            return
        try:
            self._on_span(describe(entry))
        except Exception:  # noqa: BLE001 - whatever a callback does
            return


def decode_json(body: bytes) -> Mapping[str, Any] | Answer:
    """Reads a body of OTELTrace JSON."""
    try:
        payload = validation.parse(body)
    except validation.NotJSONError as error:
        return {"error": f"the body is no JSON: {error}"}, 400
    refusal = validation.refusal(payload)
    if refusal is not None:
        key, _, reason = refusal.partition(": ")
        return {"message": "Validation Failed", "details": {key: {"message": reason}}}, 422
    checked: Mapping[str, Any] = payload
    return checked


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
