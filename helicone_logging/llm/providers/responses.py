"""Reads responses: what an SDK returned, its JSON, or the list of all chunks of a stream."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar, cast

from helicone_logging.core.safe_vars import Vars, safe_vars
from helicone_logging.llm import safe_get
from helicone_logging.llm.json_text import parsed
from helicone_logging.llm.providers import (
    anthropic_messages,
    audio,
    bedrock,
    cohere,
    detect,
    embeddings,
    errors,
    frameworks,
    google_genai,
    google_interactions,
    images,
    langchain,
    ollama,
    openai_chat,
    openai_responses,
    rerank_and_moderation,
)
from helicone_logging.llm.providers.common import Fields, with_appended

_READERS: tuple[Callable[[Vars], Fields | None], ...] = (
    openai_chat.read,
    openai_responses.read,
    anthropic_messages.read,
    google_genai.read,
    google_interactions.read,
    langchain.read,
    ollama.read,
    bedrock.read,
    cohere.read_chat,
    cohere.read_v1,
    bedrock.read_body,
    rerank_and_moderation.read_rerank,
    rerank_and_moderation.read_moderation,
    embeddings.read,
    images.read,
    audio.read,
)
_JOINERS: tuple[Callable[[Sequence[Vars]], Fields | None], ...] = (
    openai_chat.join,
    openai_responses.join,
    anthropic_messages.join,
    google_genai.join,
    google_interactions.join,
    langchain.join,
    ollama.join,
    bedrock.join,
    bedrock.join_chunks,
    cohere.join_chat,
    cohere.join_v1,
    audio.join,
    images.join,
)


_USAGE = frozenset(("usage", "usage_metadata", "usageMetadata", "eval_count"))
_TOKENS = frozenset(("prompt_tokens", "completion_tokens", "total_tokens"))
_MAX_DEPTH = 2  # of answers that frameworks, and batches, wrap
_MAX_CHUNKS, _LAST_CHUNKS = 50_000, 5_000  # of one stream that are read

_Chunk = TypeVar("_Chunk")


def read_response(response: object) -> Fields | None:
    """Returns what a response of a language model says, as `extra=` fields; it never raises.

    Args:
        response: what the SDK returned, its JSON as dict or text, a list of all chunks or events of a stream, or the
            SDK's exception, of the APIs that docs/providers.md lists. A stream itself is left alone.

    Returns:
        Those that the response holds of `model`, `provider`, `operation`, `completion`, `prompt_tokens`,
        `completion_tokens`, `total_tokens`, `cached_tokens`, `reasoning_tokens` and `response_id`. `provider` only
        where the response shows it; many speak the language of OpenAI. Of an error the message as `completion`,
        `status`, and what kind it was in `properties`. None when it is no such response.
    """
    try:
        return _read(response)
    except Exception:  # noqa: BLE001 - any object may come in `extra=`, and none may raise into the application
        return None


def read_completion(completion: object) -> Fields | None:
    """Returns what a response says that was logged as `completion`; None for every other completion.

    Args:
        completion: anything; what tells the tokens of its call is a whole response, and no message of one.
    """
    held = None if type(completion) is str else safe_vars(completion)
    fields = read_response(completion) if held and not _USAGE.isdisjoint(held) else None
    return fields if fields and "completion" in fields and not _TOKENS.isdisjoint(fields) else None


def _read(response: object) -> Fields | None:
    if type(response) in (str, bytes, bytearray):
        if (speech := audio.read_speech(response)) is not None:
            return speech
        response = parsed(response)
    chunks = safe_get.items(response)
    if chunks is not None:
        if len(chunks) == 1 and safe_vars(chunks[0]):
            return _read(chunks[0])
        return _read_chunks(chunks) or frameworks.read_run(chunks)
    answer = safe_vars(response)
    if not answer:
        return errors.read_exception(response) if isinstance(response, BaseException) else None
    raw = _http_response(answer)
    if raw is not None:
        return _with_provider(_read(_body_of(answer, raw)), detect.provider_of_url(detect.url_of(raw)))
    if isinstance(response, BaseException):
        return errors.read_exception(response)
    in_body = bedrock.carried(answer)
    if in_body is not None:
        body, told = in_body
        return {**told, **(_read(body) or {}), "provider": "aws"}
    return _read_answer(answer, response)


def _http_response(answer: Vars) -> Vars | None:
    """Of httpx or requests, alone or in `with_raw_response` of OpenAI, Anthropic and their kin."""
    is_binary = answer.keys() == {"response"}  # what OpenAI's SDK returns for speech holds nothing else
    raw = safe_vars(answer.get("http_response")) or (safe_vars(answer.get("response")) if is_binary else None)
    return answer if raw is None and isinstance(answer.get("_content"), bytes | bool) else raw


def _body_of(answer: Vars, raw: Vars) -> object:
    """What it carries: nothing, where its body is a stream that was not read yet."""
    parsed_by_type = safe_vars(answer.get("_parsed_by_type"))
    body = next(iter(parsed_by_type.values()), None) if parsed_by_type else None
    return raw.get("_content") if body is None else body


def _read_answer(answer: Vars, response: object, depth: int = 0) -> Fields | None:
    for read in _READERS:
        fields = read(answer)
        if fields is not None:
            return _with_host(fields, response, [answer])
    found = _read_chunks([response]) if depth == 0 else None
    found = found or _read_within(answer, depth) or frameworks.read(answer)
    # An error within something else says so: there is more that holds nothing but a message.
    return found or (errors.read(answer) if depth == 0 or "error" in answer else None)


def _read_within(answer: Vars, depth: int) -> Fields | None:
    for value in frameworks.within(answer) if depth < _MAX_DEPTH else ():
        fields = safe_vars(value)
        found = _read_answer(fields, value, depth + 1) if fields else None
        if found is not None:
            return {**frameworks.usage_beside(answer), **found}
    return None


def _read_chunks(chunks: list[object]) -> Fields | None:
    found, left_out = _fields_of(chunks)
    if not found:
        return None
    for join in _JOINERS:
        fields = join(found)
        if fields is not None:
            fields = frameworks.with_accumulated(_with_host(fields, chunks[0], [*found[:2], *found[-2:]]), chunks[-1])
            return with_appended(fields, f"[… {left_out} chunks left out …]") if left_out else fields
    return next((fields for chunk in found if (fields := errors.read(chunk))), None)


def _fields_of(chunks: list[object]) -> tuple[list[Vars], int]:
    """What the chunks of a stream hold, each for itself, or as pieces of a text that was cut anywhere; how many do not.

    Of a stream without end the beginning is read, and the end, which tells the usage.
    """
    some = _both_ends(chunks)
    unpacked = [_unpacked(chunk) for chunk in some]
    found = [fields for several in unpacked for fields in several]
    whole = _joined(chunks)
    pieced = _unpacked(whole) if whole else []  # nothing, where the chunks are lines without their ends
    if pieced and not (len(pieced) < len(found) and all(unpacked)):
        return _both_ends(pieced), max(0, len(pieced) - _MAX_CHUNKS)
    return found, len(chunks) - len(some)


def _both_ends(chunks: list[_Chunk]) -> list[_Chunk]:
    return chunks if len(chunks) <= _MAX_CHUNKS else [*chunks[: _MAX_CHUNKS - _LAST_CHUNKS], *chunks[-_LAST_CHUNKS:]]


def _joined(chunks: list[object]) -> str:
    """The text of a stream that came in pieces; empty where these are anything else."""
    kinds = set(map(type, chunks))
    if kinds == {str}:
        return "".join(cast("list[str]", chunks))
    if kinds <= {bytes, bytearray}:
        return b"".join(cast("list[bytes]", chunks)).decode(errors="ignore")  # it may end within a character
    return ""


def _unpacked(chunk: object) -> list[Vars]:
    """What a chunk holds: it may be JSON text, or bytes in an event of Bedrock."""
    fields = safe_vars(chunk)
    if fields is not None:
        return [bedrock.chunk_of(fields) if "chunk" in fields else frameworks.unwrapped(fields)]
    lines = parsed(chunk)
    several = [lines] if safe_vars(lines) is not None else safe_get.items(lines) or ()
    return [frameworks.unwrapped(fields) for line in several if (fields := safe_vars(line)) is not None]


def _with_host(fields: Fields, response: object, answers: list[Vars]) -> Fields:
    if "provider" in fields:
        return fields
    return _with_provider(fields, detect.provider_of(response, answers)) or fields


def _with_provider(fields: Fields | None, provider: str | None) -> Fields | None:
    return {**fields, "provider": provider} if fields and provider else fields
