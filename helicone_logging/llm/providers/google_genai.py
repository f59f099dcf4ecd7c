"""Google GenAI: `generate_content` of the Gemini API and of Vertex AI."""

from __future__ import annotations

import functools
from collections.abc import Sequence

from helicone_logging.core.held import EMPTY, Held, held
from helicone_logging.llm import safe_get
from helicone_logging.llm.citations import grounding_of, with_sources
from helicone_logging.llm.content import content_text
from helicone_logging.llm.messages import MAX_MESSAGES, Choice, some_choices
from helicone_logging.llm.providers.common import (
    Asked,
    Fields,
    inner,
    known,
    last,
    name,
    tokens,
    with_error,
    with_system,
)
from helicone_logging.llm.safe_get import first

_SYSTEM = ("system_instruction", "systemInstruction")


def asked(request: Held) -> Asked | None:
    """Returns what a request asks for; None when it is none of these."""
    contents = request.get("contents")
    if contents is None or safe_get.number(contents) is not None:
        return None
    system = first(inner(request, "config"), *_SYSTEM) or first(request, *_SYSTEM)
    is_embedding = "embed" in (name(request, "model") or "")
    operation = "embeddings" if is_embedding else "generate_content"
    return Asked(operation, with_system(system, _one_message_of_parts(contents)), "google")


def _one_message_of_parts(contents: object) -> object:
    """Contents may also be the parts of a single one: texts, parts, files, pictures."""
    entries = safe_get.items(contents)
    if entries is None or any((held(entry) or EMPTY).get("parts") is not None for entry in entries[:MAX_MESSAGES]):
        return contents
    return {"role": "user", "content": entries}


def read(response: Held) -> Fields | None:
    """Returns the fields of a response; None when it is none of these."""
    candidates = safe_get.items(response.get("candidates"))
    feedback = inner(response, "prompt_feedback", "promptFeedback")
    if candidates is None and not feedback:
        return None
    choices = some_choices(candidates or (), _choice) or _blocked(feedback)
    fields = known(
        {
            "operation": "generate_content",
            "provider": "google",
            "model": name(response, "model_version", "modelVersion"),
            "response_id": name(response, "response_id", "responseId"),
            "completion": choices or None,
            **_usage(inner(response, "usage_metadata", "usageMetadata")),
        }
    )
    return with_error(fields, response.get("error"))


def _choice(given: object) -> Choice:
    """A candidate without content, because it was blocked, still says why."""
    candidate = held(given) or EMPTY
    said = content_text(inner(candidate, "content").get("parts"))
    why = name(candidate, "finish_message", "finishMessage")
    refusal = f"[refusal] {why}" if why and not said else ""
    sources = (
        grounding_of(inner(candidate, "grounding_metadata", "groundingMetadata")),
        first(inner(candidate, "citation_metadata", "citationMetadata"), "citations", "citationSources"),
    )
    return Choice(
        "assistant", with_sources(said or refusal, *sources), name(candidate, "finish_reason", "finishReason")
    )


def _blocked(feedback: Held) -> list[Choice]:
    reason = name(feedback, "block_reason", "blockReason")
    why = name(feedback, "block_reason_message", "blockReasonMessage") or reason
    return [Choice("assistant", f"[refusal] {why}", reason)] if reason else []


def _usage(usage: Held) -> Fields:
    """Thoughts are answered, and results of tools are asked, but neither is in the counts of these."""
    if not usage:
        return {}
    return {
        "prompt_tokens": _sum(usage, "prompt_token_count", "tool_use_prompt_token_count"),
        "completion_tokens": _sum(usage, "candidates_token_count", "thoughts_token_count"),
        "total_tokens": _sum(usage, "total_token_count"),
        "cached_tokens": _sum(usage, "cached_content_token_count"),
        "reasoning_tokens": _sum(usage, "thoughts_token_count"),
    }


def _sum(usage: Held, *names: str) -> int | None:
    return tokens(usage, *names, *map(_camel, names))


@functools.lru_cache(64)
def _camel(snake: str) -> str:
    first_word, *words = snake.split("_")
    return first_word + "".join(map(str.title, words))


def join(chunks: Sequence[Held]) -> Fields | None:
    """Returns the fields of the response whose stream had these chunks; None when they are no such chunks."""
    if not any("candidates" in chunk and safe_get.items(chunk["candidates"]) for chunk in chunks):
        return None
    growing: dict[object, _Growing] = {}
    for chunk in chunks:
        for candidate in safe_get.items(chunk.get("candidates")) or ():
            fields = held(candidate) or EMPTY
            growing.setdefault(safe_get.number(fields.get("index")) or 0, _Growing()).add(fields)
    return read(
        {
            "model_version": last(chunks, "model_version", "modelVersion"),
            "response_id": last(chunks, "response_id", "responseId"),
            "usage_metadata": last(chunks, "usage_metadata", "usageMetadata"),
            "error": last(chunks, "error"),
            "candidates": [candidate.whole() for candidate in growing.values()],
        }
    )


class _Growing:
    """One candidate, put together from those of the chunks."""

    _LAST = ("finish_reason", "finish_message", "grounding_metadata", "citation_metadata")

    def __init__(self) -> None:
        self._parts: list[object] = []
        self._last: Fields = {}

    def add(self, candidate: Held) -> None:
        for key in self._LAST:
            value = first(candidate, key, _camel(key))
            if value is not None:
                self._last[key] = value
        for part in safe_get.items(inner(candidate, "content").get("parts")) or ():
            self._add_part(held(part) or EMPTY)

    def _add_part(self, part: Held) -> None:
        said, thought = safe_get.text(part.get("text")), part.get("thought") is True
        last = self._parts[-1] if self._parts else None
        if said is None:
            self._parts.append(part)
        elif isinstance(last, _Said) and last.thought is thought:
            last.texts.append(said)
        else:
            self._parts.append(_Said(said, thought))

    def whole(self) -> Fields:
        parts = [part.whole() if isinstance(part, _Said) else part for part in self._parts]
        return {"content": {"role": "model", "parts": parts}, **self._last}


class _Said:
    """Consecutive texts of one kind."""

    def __init__(self, text: str, thought: bool) -> None:
        self.texts = [text]
        self.thought = thought

    def whole(self) -> Fields:
        return {"text": "".join(self.texts), "thought": self.thought}
