"""Reranking, by Cohere, Voyage, Jina and who speaks like them, and moderation, by OpenAI and Mistral."""

from __future__ import annotations

from helicone_logging.core.safe_vars import Vars, safe_vars
from helicone_logging.llm import safe_get
from helicone_logging.llm.content import content_text
from helicone_logging.llm.messages import read_messages
from helicone_logging.llm.placeholders import joined, joined_some
from helicone_logging.llm.providers.common import Fields, Request, answer, entries, inner, known, name, tokens
from helicone_logging.llm.providers.openai_chat import usage_of

_SCORES = ("relevance_score", "relevanceScore", "score")
_MAX_SHOWN = 100


def read_rerank_request(request: Vars) -> Request | None:
    """Returns what a request to rerank asks for; None when it is none."""
    query = request.get("query")
    if query is None or safe_get.items(request.get("documents")) is None:
        return None
    return Request("rerank", read_messages(query))


def read_rerank(response: Vars) -> Fields | None:
    """Returns the fields of a response; None when it is none of these."""
    results = entries(response, "results", "data")
    if not results or not any(safe_get.number(results[0].get(score)) is not None for score in _SCORES):
        return None
    meta = inner(response, "meta")
    asked = tokens(response, "total_tokens") or tokens(inner(meta, "billed_units"), "input_tokens")
    counted = {"prompt_tokens": asked, **known(usage_of(inner(response, "usage")))}
    provider = "cohere" if inner(meta, "billed_units") else None
    return answer("rerank", joined(map(_ranked, results[:_MAX_SHOWN])), counted, response, provider)


def _ranked(result: Vars) -> str:
    score = next((found for key in _SCORES if (found := safe_get.number(result.get(key))) is not None), 0)
    document = result.get("document")
    fields = safe_vars(document)
    text = content_text(document if fields is None else fields.get("text"))
    return f"[document {safe_get.count(result.get('index'))}] {score:.4g}{text and ' '}{text}"


def read_moderation_request(request: Vars) -> Request | None:
    """Returns what a request to moderate asks for; None when it is none, as far as its model's name tells."""
    value = request.get("input")
    if value is None or "moderation" not in (name(request, "model") or ""):
        return None
    return Request("moderation", read_messages(value))


def read_moderation(response: Vars) -> Fields | None:
    """Returns the fields of a response; None when it is none of these."""
    results = entries(response, "results")
    if not results or not any(inner(result, "categories") for result in results):
        return None
    return answer("moderation", joined_some(results, _flagged), usage_of(inner(response, "usage")), response)


def _flagged(result: Vars) -> str:
    found = [category for category, is_found in inner(result, "categories").items() if is_found is True]
    if result.get("flagged") is True or found:
        return f"[moderation] flagged{': ' if found else ''}{', '.join(map(str, found))}"
    return "[moderation] not flagged"
