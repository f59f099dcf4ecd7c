"""HTTP responses around an answer: `with_raw_response` of OpenAI, Anthropic and their kin, httpx and requests."""

from __future__ import annotations

from helicone_logging.core.held import EMPTY, Held, held


def body_of(response: Held) -> tuple[object, str] | None:
    """Returns what an HTTP response carries, and the URL it came from; None when it is no such response.

    Args:
        response: what the response holds. One that was not read yet, as its body is a stream, carries nothing.
    """
    raw = held(response.get("http_response")) or (held(response.get("response")) if _is_binary(response) else None)
    if raw is None and "_content" in response:
        raw = response  # httpx or requests themselves
    if raw is None:
        return None
    parsed = held(response.get("_parsed_by_type")) if "_parsed_by_type" in response else None
    body = next(iter(parsed.values()), None) if parsed else None
    return (raw.get("_content") if body is None else body), _url_of(raw)


def _is_binary(response: Held) -> bool:
    """What OpenAI's SDK returns for speech holds nothing but an HTTP response."""
    return response.keys() == {"response"}


def _url_of(raw: Held) -> str:
    request = held(raw.get("_request")) or held(raw.get("request")) or EMPTY
    try:
        return str(request.get("url") or raw.get("url") or "")[:2_000]
    except Exception:  # noqa: BLE001 - the `__str__` of a foreign class
        return ""
