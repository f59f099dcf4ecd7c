"""Google GenAI: `generate_content` of the Gemini API and of Vertex AI."""

from __future__ import annotations

from collections.abc import Sequence

from helicone_logging.llm import safe_get
from helicone_logging.llm.content import content_text
from helicone_logging.llm.messages import Choice
from helicone_logging.llm.providers.common import Fields, known, name, tokens
from helicone_logging.llm.safe_get import first, get


def read(response: object) -> Fields | None:
    """Returns the fields of a response; None when it is none of these."""
    candidates = safe_get.items(get(response, "candidates"))
    feedback = first(response, "prompt_feedback", "promptFeedback")
    if candidates is None and not safe_get.has_fields(feedback):
        return None
    choices = [_choice(candidate) for candidate in candidates or ()] or _blocked(feedback)
    return known(
        {
            "operation": "generate_content",
            "provider": "google",
            "model": name(response, "model_version", "modelVersion"),
            "response_id": name(response, "response_id", "responseId"),
            "completion": choices or None,
            **_usage(first(response, "usage_metadata", "usageMetadata")),
        }
    )


def _choice(candidate: object) -> Choice:
    """A candidate without content, because it was blocked, still says why."""
    said = content_text(get(get(candidate, "content"), "parts"))
    why = name(candidate, "finish_message", "finishMessage")
    refusal = f"[refusal] {why}" if why and not said else ""
    return Choice("assistant", said or refusal, name(candidate, "finish_reason", "finishReason"))


def _blocked(feedback: object) -> list[Choice]:
    reason = name(feedback, "block_reason", "blockReason")
    why = name(feedback, "block_reason_message", "blockReasonMessage") or reason
    return [Choice("assistant", f"[refusal] {why}", reason)] if reason else []


def _usage(usage: object) -> Fields:
    """Thoughts are answered, and results of tools are asked, but neither is in the counts of these."""
    return {
        "prompt_tokens": _sum(usage, "prompt_token_count", "tool_use_prompt_token_count"),
        "completion_tokens": _sum(usage, "candidates_token_count", "thoughts_token_count"),
        "total_tokens": _sum(usage, "total_token_count"),
        "cached_tokens": _sum(usage, "cached_content_token_count"),
        "reasoning_tokens": _sum(usage, "thoughts_token_count"),
    }


def _sum(usage: object, *names: str) -> int | None:
    camel = [words[0] + "".join(map(str.title, words[1:])) for words in (key.split("_") for key in names)]
    return tokens(usage, *names, *camel)


def join(chunks: Sequence[object]) -> Fields | None:
    """Returns the fields of the response whose stream had these chunks; None when they are no such chunks."""
    if not any(safe_get.items(get(chunk, "candidates")) for chunk in chunks):
        return None
    growing: dict[object, _Growing] = {}
    for chunk in chunks:
        for candidate in safe_get.items(get(chunk, "candidates")) or ():
            growing.setdefault(safe_get.number(get(candidate, "index")) or 0, _Growing()).add(candidate)
    return read(
        {
            "model_version": _last(chunks, "model_version", "modelVersion"),
            "response_id": _last(chunks, "response_id", "responseId"),
            "usage_metadata": _last(chunks, "usage_metadata", "usageMetadata"),
            "candidates": [candidate.whole() for candidate in growing.values()],
        }
    )


def _last(chunks: Sequence[object], *names: str) -> object:
    return next((found for chunk in reversed(chunks) if (found := first(chunk, *names)) is not None), None)


class _Growing:
    """One candidate, put together from those of the chunks."""

    def __init__(self) -> None:
        self._parts: list[object] = []
        self._finish_reason: str | None = None

    def add(self, candidate: object) -> None:
        self._finish_reason = name(candidate, "finish_reason", "finishReason") or self._finish_reason
        for part in safe_get.items(get(get(candidate, "content"), "parts")) or ():
            self._add_part(part)

    def _add_part(self, part: object) -> None:
        said, thought = safe_get.text(get(part, "text")), get(part, "thought") is True
        last = self._parts[-1] if self._parts else None
        if said is None:
            self._parts.append(part)
        elif isinstance(last, _Said) and last.thought is thought:
            last.texts.append(said)
        else:
            self._parts.append(_Said(said, thought))

    def whole(self) -> Fields:
        parts = [part.whole() if isinstance(part, _Said) else part for part in self._parts]
        return {"content": {"role": "model", "parts": parts}, "finish_reason": self._finish_reason}


class _Said:
    """Consecutive texts of one kind."""

    def __init__(self, text: str, thought: bool) -> None:
        self.texts = [text]
        self.thought = thought

    def whole(self) -> Fields:
        return {"text": "".join(self.texts), "thought": self.thought}
