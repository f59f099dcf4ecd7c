"""Reranking of Cohere, Voyage, Jina and who speaks like them: which documents answer a query best."""

from __future__ import annotations

from helicone_logging.core.held import Held, held
from helicone_logging.llm import safe_get
from helicone_logging.llm.content import content_text
from helicone_logging.llm.marks import joined
from helicone_logging.llm.messages import read_messages
from helicone_logging.llm.providers.common import Asked, Fields, answer, entries, inner, known, tokens
from helicone_logging.llm.providers.openai_chat import usage_of

_SCORES = ("relevance_score", "relevanceScore", "score")
_MAX_SHOWN = 100


def asked(request: Held) -> Asked | None:
    """Returns what a request to rerank asks for; None when it is none."""
    query = request.get("query")
    if query is None or safe_get.items(request.get("documents")) is None:
        return None
    return Asked("rerank", read_messages(query))


def read(response: Held) -> Fields | None:
    """Returns the fields of a response; None when it is none of these."""
    results = entries(response, "results", "data")
    if not results or not any(safe_get.number(results[0].get(score)) is not None for score in _SCORES):
        return None
    meta = inner(response, "meta")
    asked = tokens(response, "total_tokens") or tokens(inner(meta, "billed_units"), "input_tokens")
    counted = {"prompt_tokens": asked, **known(usage_of(inner(response, "usage")))}
    provider = "cohere" if inner(meta, "billed_units") else None
    return answer("rerank", joined(map(_shown, results[:_MAX_SHOWN])), counted, response, provider)


def _shown(result: Held) -> str:
    score = next((found for key in _SCORES if (found := safe_get.number(result.get(key))) is not None), 0)
    document = result.get("document")
    fields = held(document)
    text = content_text(document if fields is None else fields.get("text"))
    return f"[document {safe_get.count(result.get('index'))}] {score:.4g}{text and ' '}{text}"
