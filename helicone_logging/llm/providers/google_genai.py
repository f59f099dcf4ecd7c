"""Google GenAI: `generate_content` of the Gemini API and of Vertex AI."""

from __future__ import annotations

import functools
import itertools
from collections.abc import Sequence

from helicone_logging.core.safe_vars import EMPTY, Vars, safe_vars
from helicone_logging.llm import safe_get
from helicone_logging.llm.citations import with_sources
from helicone_logging.llm.content import content_text
from helicone_logging.llm.messages import MAX_MESSAGES, Choice, some_choices
from helicone_logging.llm.placeholders import refusal
from helicone_logging.llm.providers.common import (
    Fields,
    Request,
    answer,
    inner,
    last,
    name,
    tokens,
    with_error,
    with_system,
)
from helicone_logging.llm.safe_get import first

_SYSTEM = ("system_instruction", "systemInstruction")
# Counts of `generate_content`, and of an interaction: no usage has both.
_ASKED = ("prompt_token_count", "tool_use_prompt_token_count", "total_input_tokens", "total_tool_use_tokens")
_ANSWERED = ("candidates_token_count", "total_output_tokens")
_THOUGHT = ("thoughts_token_count", "total_thought_tokens")


def read_request(request: Vars) -> Request | None:
    """Returns what a request asks for; None when it is none of these."""
    contents = request.get("contents")
    if contents is None or safe_get.number(contents) is not None:
        return None
    system = first(inner(request, "config"), *_SYSTEM) or first(request, *_SYSTEM)
    is_embedding = "embed" in (name(request, "model") or "")
    operation = "embeddings" if is_embedding else "generate_content"
    return Request(operation, with_system(system, _one_message_of_parts(contents)), "google")


def _one_message_of_parts(contents: object) -> object:
    """Contents may also be the parts of a single one: texts, parts, files, pictures."""
    entries = safe_get.items(contents)
    if entries is None or any((safe_vars(entry) or EMPTY).get("parts") is not None for entry in entries[:MAX_MESSAGES]):
        return contents
    return {"role": "user", "content": entries}


def read(response: Vars) -> Fields | None:
    """Returns the fields of a response; None when it is none of these."""
    candidates = safe_get.items(response.get("candidates"))
    usage = inner(response, "usage_metadata", "usageMetadata")
    if candidates is None and usage and inner(response, "content").get("parts"):
        candidates = [response]  # an event of Google's ADK
    feedback = inner(response, "prompt_feedback", "promptFeedback")
    if candidates is None and not feedback:
        return None
    told = {
        "model": name(response, "model_version", "modelVersion"),
        "response_id": name(response, "response_id", "responseId"),
        **usage_of(usage),
    }
    choices = some_choices(candidates or (), _choice) or _blocked(feedback)
    return with_error(answer("generate_content", choices, told, provider="google"), response.get("error"))


def _choice(given: object) -> Choice:
    """A candidate without content, because it was blocked, still says why."""
    candidate = safe_vars(given) or EMPTY
    said = content_text(inner(candidate, "content").get("parts"))
    said = said or refusal(name(candidate, "finish_message", "finishMessage"))
    grounded = first(inner(candidate, "grounding_metadata", "groundingMetadata"), "grounding_chunks", "groundingChunks")
    cited = first(inner(candidate, "citation_metadata", "citationMetadata"), "citations", "citationSources")
    reason = name(candidate, "finish_reason", "finishReason")
    return Choice("assistant", with_sources(said, grounded, cited), reason)


def _blocked(feedback: Vars) -> list[Choice]:
    reason = name(feedback, "block_reason", "blockReason")
    why = name(feedback, "block_reason_message", "blockReasonMessage") or reason
    return [Choice("assistant", refusal(why), reason)] if reason else []


def usage_of(usage: Vars) -> Fields:
    """Returns the token fields of a usage, be it that of an interaction, whose counts have other names.

    Thoughts are answered, and results of tools are asked, but neither is in the counts of these.
    """
    return {
        "prompt_tokens": _sum(usage, *_ASKED),
        "completion_tokens": _sum(usage, *_ANSWERED, *_THOUGHT),
        "total_tokens": _sum(usage, "total_token_count", "total_tokens"),
        "cached_tokens": _sum(usage, "cached_content_token_count", "total_cached_tokens"),
        "reasoning_tokens": _sum(usage, *_THOUGHT),
    }


def _sum(usage: Vars, *names: str) -> int | None:
    return tokens(usage, *names, *map(_camel, names))


@functools.lru_cache(64)
def _camel(snake: str) -> str:
    first_word, *words = snake.split("_")
    return first_word + "".join(map(str.title, words))


def join(chunks: Sequence[Vars]) -> Fields | None:
    """Returns the fields of the response whose stream had these chunks; None when they are no such chunks."""
    if not any("candidates" in chunk and safe_get.items(chunk["candidates"]) for chunk in chunks):
        return None
    growing: dict[object, _Accumulator] = {}
    for chunk in chunks:
        for candidate in safe_get.items(chunk.get("candidates")) or ():
            fields = safe_vars(candidate) or EMPTY
            growing.setdefault(safe_get.number(fields.get("index")) or 0, _Accumulator()).add(fields)
    return read(
        {
            "model_version": last(chunks, "model_version", "modelVersion"),
            "response_id": last(chunks, "response_id", "responseId"),
            "usage_metadata": last(chunks, "usage_metadata", "usageMetadata"),
            "error": last(chunks, "error"),
            "candidates": [candidate.whole() for candidate in growing.values()],
        }
    )


class _Accumulator:
    """One candidate, put together from those of the chunks."""

    _LAST = ("finish_reason", "finish_message", "grounding_metadata", "citation_metadata")

    def __init__(self) -> None:
        self._parts: list[Vars] = []
        self._last: Fields = {}

    def add(self, candidate: Vars) -> None:
        for key in self._LAST:
            value = first(candidate, key, _camel(key))
            if value is not None:
                self._last[key] = value
        self._parts += (
            safe_vars(part) or EMPTY for part in safe_get.items(inner(candidate, "content").get("parts")) or ()
        )

    def whole(self) -> Fields:
        parts: list[object] = []
        for is_thought, several in itertools.groupby(self._parts, _is_thought):
            if is_thought is None:
                parts += several
            else:
                parts.append({"text": "".join(map(_text, several)), "thought": is_thought})
        return {"content": {"role": "model", "parts": parts}, **self._last}


def _text(part: Vars) -> str:
    return safe_get.text(part.get("text")) or ""


def _is_thought(part: Vars) -> bool | None:
    """What kind of text a part is, of which several may follow each other; None for what is no text."""
    return None if safe_get.text(part.get("text")) is None else part.get("thought") is True
