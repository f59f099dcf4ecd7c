"""Embeddings of OpenAI, Mistral, LiteLLM, Voyage, Cohere, Google, Ollama and Titan: how many, never the vectors."""

from __future__ import annotations

from helicone_logging.core.safe_vars import EMPTY, Vars, safe_vars
from helicone_logging.llm import placeholders, safe_get
from helicone_logging.llm.messages import Message, both_ends, read_messages
from helicone_logging.llm.providers.common import (
    Fields,
    Request,
    answer,
    entries,
    first_count,
    inner,
    known,
    name,
    tokens,
)

_COHERE_TYPES = ("float", "float_", "int8", "uint8", "binary", "ubinary", "base64")
# What only a request for embeddings, or only one of OpenAI's Responses, has beside `input`.
_OPTIONS = ("dimensions", "encoding_format", "input_type", "output_dimension", "output_dtype")
_RESPONSES_OPTIONS = ("instructions", "max_output_tokens", "previous_response_id", "tools", "reasoning", "text")


def read_request(request: Vars) -> Request | None:
    """Returns what a request for embeddings asks for; None when it is none."""
    value = request.get("input")
    if value is None or name(request, "model") is None:
        texts = request.get("texts")
        return None if safe_get.items(texts) is None else Request("embeddings", texts_asked(texts))
    return Request("embeddings", texts_asked(value)) if _is_asked_for(request, value) else None


def _is_asked_for(request: Vars, value: object) -> bool:
    found = safe_get.items(value)
    if found is not None:  # that of a response is made of messages
        return all(safe_vars(entry) is None for entry in found)
    if any(request.get(option) is not None for option in _RESPONSES_OPTIONS):
        return False
    is_embedding_model = "embed" in (name(request, "model") or "").lower()
    return is_embedding_model or any(request.get(option) is not None for option in _OPTIONS)


def texts_asked(value: object) -> list[Message]:
    """Returns one message for each of several texts; of those that are tokens already only how many.

    Args:
        value: a text, texts, or tokens.
    """
    found = safe_get.items(value)
    if found is None:
        return read_messages(value)
    if set(map(type, found)) == {int}:
        return [_tokens(found)]
    return both_ends(found, _text)


def _text(entry: object) -> Message:
    return Message("user", entry) if type(entry) is str else _tokens(safe_get.items(entry) or [])


def _tokens(found: list[object]) -> Message:
    return Message("user", f"[{len(found):,} tokens]")


def read(response: Vars) -> Fields | None:
    """Returns the fields of a response; None when it is none of these."""
    data = entries(response, "data", "embeddings")
    if data and data[0].get("embedding") is not None:
        return _fields(response, len(data), data[0]["embedding"])
    vector = safe_get.items(response.get("embedding"))
    if vector:  # of Titan, or of Ollama's older API
        provider = {"provider": "aws"} if "inputTextTokenCount" in response else {}
        return {**provider, **_fields(response, 1, vector)}
    found = response.get("embeddings")
    if found is None:  # Vertex AI's
        several = [inner(prediction, "embeddings") for prediction in entries(response, "predictions")]
        return _read_several({"embeddings": several}, several) if any(several) else None
    return _read_several(response, found)


def _read_several(response: Vars, found: object) -> Fields | None:
    of_google = entries(response, "embeddings")
    if of_google and of_google[0].get("values") is not None:
        counted = [tokens(inner(embedding, "statistics"), "token_count", "tokenCount") for embedding in of_google]
        known_counts = [amount for amount in counted if amount is not None]
        fields = {"provider": "google", **_fields(response, len(of_google), of_google[0]["values"])}
        return {**fields, "prompt_tokens": sum(known_counts)} if known_counts else fields
    by_type = safe_vars(found)
    vectors = safe_get.items(safe_get.first(by_type, *_COHERE_TYPES) if by_type is not None else found)
    if not vectors:
        return None
    provider = _provider(response, by_type)
    return known({"provider": provider, **_fields(response, len(vectors), vectors[0])})


def _provider(response: Vars, by_type: Vars | None) -> str | None:
    if "total_duration" in response or "prompt_eval_count" in response:
        return "ollama"
    return "cohere" if by_type is not None or "meta" in response or "texts" in response else None


def _fields(response: Vars, amount: int, vector: object) -> Fields:
    usage = safe_vars(response.get("usage")) or EMPTY
    total = tokens(usage, "total_tokens")
    asked = first_count(inner(inner(response, "meta"), "billed_units"), "input_tokens")  # Cohere's
    asked = first_count(usage, "prompt_tokens", "input_tokens") if asked is None else asked
    asked = (
        first_count(response, "prompt_eval_count", "inputTextTokenCount", "total_tokens") if asked is None else asked
    )
    counted = {"prompt_tokens": total if asked is None else asked, "total_tokens": total}
    return answer("embeddings", placeholders.embeddings(amount, safe_get.items(vector)), counted, response)
