"""Moderation of OpenAI and Mistral: what of a text is flagged, and as what."""

from __future__ import annotations

from helicone_logging.core.held import Held
from helicone_logging.llm.marks import joined_some
from helicone_logging.llm.messages import read_messages
from helicone_logging.llm.providers.common import Asked, Fields, answer, entries, inner, name
from helicone_logging.llm.providers.openai_chat import usage_of


def asked(request: Held) -> Asked | None:
    """Returns what a request to moderate asks for; None when it is none, as far as its model's name tells."""
    value = request.get("input")
    if value is None or "moderation" not in (name(request, "model") or ""):
        return None
    return Asked("moderation", read_messages(value))


def read(response: Held) -> Fields | None:
    """Returns the fields of a response; None when it is none of these."""
    results = entries(response, "results")
    if not results or not any(inner(result, "categories") for result in results):
        return None
    return answer("moderation", joined_some(results, _shown), usage_of(inner(response, "usage")), response)


def _shown(result: Held) -> str:
    found = [category for category, is_found in inner(result, "categories").items() if is_found is True]
    if result.get("flagged") is True or found:
        return f"[moderation] flagged{': ' if found else ''}{', '.join(map(str, found))}"
    return "[moderation] not flagged"
