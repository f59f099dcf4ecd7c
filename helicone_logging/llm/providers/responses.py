"""Reads responses: what an SDK returned, its JSON, or the list of all chunks of a stream."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from helicone_logging.llm import safe_get
from helicone_logging.llm.providers import (
    anthropic_messages,
    bedrock_converse,
    cohere_chat,
    detect,
    embeddings,
    google_genai,
    openai_chat,
    openai_responses,
)
from helicone_logging.llm.providers.common import Fields, parsed

_READERS: tuple[Callable[[object], Fields | None], ...] = (
    openai_chat.read,
    openai_responses.read,
    anthropic_messages.read,
    google_genai.read,
    bedrock_converse.read,
    cohere_chat.read,
    embeddings.read,
)
_JOINERS: tuple[Callable[[Sequence[object]], Fields | None], ...] = (
    openai_chat.join,
    openai_responses.join,
    anthropic_messages.join,
    google_genai.join,
    bedrock_converse.join,
    cohere_chat.join,
)


def read_response(response: object) -> Fields | None:
    """Returns what a response of a language model says, as `extra=` fields; it never raises.

    Args:
        response: what the SDK returned, its JSON as dict or text, or a list of all chunks or events of a stream, of
            the APIs that `read_request` knows. A stream itself is left alone.

    Returns:
        Those that the response holds of `model`, `provider`, `operation`, `completion`, `prompt_tokens`,
        `completion_tokens`, `total_tokens`, `cached_tokens`, `reasoning_tokens` and `response_id`. `provider` only
        where the response shows it; many speak the language of OpenAI. None when it is no such response.
    """
    try:
        return _read(parsed(response))
    except Exception:  # noqa: BLE001 - any object may come in `extra=`, and none may raise into the application
        return None


def _read(response: object) -> Fields | None:
    chunks = safe_get.items(response)
    if chunks is not None:
        return _read_chunks(chunks)
    if not safe_get.has_fields(response):
        return None
    fields = next((found for read in _READERS if (found := read(response)) is not None), None)
    return _read_chunks([response]) if fields is None else _with_host(fields, [response])


def _read_chunks(chunks: list[object]) -> Fields | None:
    chunks = [chunk for chunk in chunks if safe_get.has_fields(chunk)]
    if not chunks:
        return None
    fields = next((found for join in _JOINERS if (found := join(chunks)) is not None), None)
    return None if fields is None else _with_host(fields, chunks)


def _with_host(fields: Fields, answers: list[object]) -> Fields:
    host = None if "provider" in fields else detect.provider_of(answers)
    return {**fields, "provider": host} if host else fields
