"""Embeddings of OpenAI, Mistral, LiteLLM, Cohere and Google: how many there are, never the vectors."""

from __future__ import annotations

from helicone_logging.llm import safe_get
from helicone_logging.llm.messages import Choice
from helicone_logging.llm.providers.common import Fields, known, name, tokens
from helicone_logging.llm.providers.openai_chat import usage_of
from helicone_logging.llm.safe_get import first, get

_COHERE_TYPES = ("float", "float_", "int8", "uint8", "binary", "ubinary", "base64")


def read(response: object) -> Fields | None:
    """Returns the fields of a response; None when it is none of these."""
    data = safe_get.items(get(response, "data"))
    if data and get(data[0], "embedding") is not None:
        return _fields(response, len(data), get(data[0], "embedding"))
    embeddings = safe_get.items(get(response, "embeddings"))
    if embeddings and get(embeddings[0], "values") is not None:
        return {"provider": "google", **_fields(response, len(embeddings), get(embeddings[0], "values"))}
    vectors = safe_get.items(first(get(response, "embeddings"), *_COHERE_TYPES))
    if not vectors:
        return None
    return {"provider": "cohere", **_fields(response, len(vectors), vectors[0])}


def _fields(response: object, amount: int, vector: object) -> Fields:
    numbers = safe_get.items(vector)  # one in base64 is text
    what = "1 embedding" if amount == 1 else f"{amount:,} embeddings"
    size = f", {len(numbers):,} dimensions" if numbers else ""
    billed = tokens(get(get(response, "meta"), "billed_units"), "input_tokens")  # Cohere's
    return known(
        {
            "operation": "embeddings",
            "model": name(response, "model"),
            "response_id": name(response, "id"),
            "completion": [Choice("assistant", f"[{what}{size}]", None)],
            **usage_of(get(response, "usage")),
            **({} if billed is None else {"prompt_tokens": billed}),
        }
    )
