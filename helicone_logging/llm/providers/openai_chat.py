"""OpenAI's Chat Completions and Completions, and all who speak them: Mistral, LiteLLM, Azure, Groq, ..."""

from __future__ import annotations

from collections.abc import Sequence

from helicone_logging.llm import safe_get
from helicone_logging.llm.content import content_text
from helicone_logging.llm.messages import read_choices
from helicone_logging.llm.providers.common import Fields, known, name, tokens
from helicone_logging.llm.safe_get import get

_OBJECTS = ("chat.completion", "text_completion")


def read(response: object) -> Fields | None:
    """Returns the fields of a response; None when it is none of these."""
    choices = safe_get.items(get(response, "choices"))
    kind = name(response, "object")
    if choices is None or not (any(map(_is_choice, choices)) or kind in _OBJECTS):
        return None
    is_text = kind == "text_completion" or any(safe_get.text(get(choice, "text")) is not None for choice in choices)
    return known(
        {
            "operation": "text_completion" if is_text else "chat",
            "model": name(response, "model"),
            "response_id": name(response, "id"),
            "completion": read_choices(choices) or None,
            **usage_of(get(response, "usage")),
        }
    )


def usage_of(usage: object) -> Fields:
    """Returns the token fields of a usage in OpenAI's words, of Chat Completions, Responses or Embeddings."""
    asked = get(usage, "prompt_tokens_details") or get(usage, "input_tokens_details")
    answered = get(usage, "completion_tokens_details") or get(usage, "output_tokens_details")
    return {
        "prompt_tokens": _either(usage, "prompt_tokens", "input_tokens"),
        "completion_tokens": _either(usage, "completion_tokens", "output_tokens"),
        "total_tokens": tokens(usage, "total_tokens"),
        "cached_tokens": tokens(asked, "cached_tokens") or tokens(usage, "prompt_cache_hit_tokens"),  # DeepSeek's
        "reasoning_tokens": tokens(answered, "reasoning_tokens"),
    }


def _either(usage: object, one: str, other: str) -> int | None:
    found = tokens(usage, one)
    return tokens(usage, other) if found is None else found


def _is_choice(choice: object) -> bool:
    return safe_get.has_fields(get(choice, "message")) or safe_get.text(get(choice, "text")) is not None


def join(chunks: Sequence[object]) -> Fields | None:
    """Returns the fields of the response whose stream had these chunks; None when they are no such chunks."""
    chunks = [_unwrapped(chunk) for chunk in chunks]
    growing: dict[object, _Growing] = {}
    for chunk in chunks:
        for choice in safe_get.items(get(chunk, "choices")) or ():
            if safe_get.has_fields(get(choice, "delta")) or safe_get.text(get(choice, "text")) is not None:
                growing.setdefault(safe_get.number(get(choice, "index")), _Growing()).add(choice)
    if not growing:
        return None
    usages = (usage for chunk in reversed(chunks) if safe_get.has_fields(usage := get(chunk, "usage")))
    return read(
        {
            "model": _first_name(chunks, "model"),
            "id": _first_name(chunks, "id"),
            "usage": next(usages, None),
            "choices": [choice.whole() for choice in growing.values()],
        }
    )


def _unwrapped(chunk: object) -> object:
    """Mistral's events have the chunk in `data`, those of OpenAI's stream helper in `chunk`."""
    inner = get(chunk, "data") or get(chunk, "chunk")
    return inner if safe_get.items(get(inner, "choices")) is not None else chunk


def _first_name(chunks: Sequence[object], key: str) -> str | None:
    return next((found for chunk in chunks if (found := name(chunk, key))), None)


class _Growing:
    """One choice, put together from its deltas."""

    def __init__(self) -> None:
        self._role: str | None = None
        self._finish_reason: str | None = None
        self._texts: dict[str, list[str]] = {}
        self._calls: list[_Call] = []
        self._is_text = False

    def add(self, choice: object) -> None:
        self._finish_reason = name(choice, "finish_reason") or self._finish_reason
        delta = get(choice, "delta")
        if delta is None:
            self._is_text = True
            self._say("content", get(choice, "text"))
            return
        self._role = name(delta, "role") or self._role
        self._say("reasoning_content", get(delta, "reasoning_content") or get(delta, "reasoning"))
        self._say("refusal", get(delta, "refusal"))
        self._add_content(get(delta, "content"))
        for call in (*(safe_get.items(get(delta, "tool_calls")) or ()), get(delta, "function_call")):
            if safe_get.has_fields(call):
                self._add_call(call)

    def _say(self, where: str, said: object) -> None:
        text = safe_get.text(said)
        if text:
            self._texts.setdefault(where, []).append(text)

    def _add_content(self, content: object) -> None:
        """Text, or the list of parts in which Mistral's models think."""
        for part in safe_get.items(content) or (content,):
            if get(part, "type") == "thinking":
                self._say("reasoning_content", content_text(get(part, "thinking")))
            else:
                self._say("content", content_text(part))

    def _add_call(self, delta: object) -> None:
        call = next((call for call in reversed(self._calls) if call.goes_on_with(delta)), None)
        if call is None:
            call = _Call(delta)
            self._calls.append(call)
        call.add(delta)

    def whole(self) -> Fields:
        said = {where: "".join(texts) for where, texts in self._texts.items()}
        if self._is_text:
            return {"text": said.get("content", ""), "finish_reason": self._finish_reason}
        calls = [call.whole() for call in self._calls]
        message = {"role": self._role or "assistant", **said, "tool_calls": calls}
        return {"message": message, "finish_reason": self._finish_reason}


class _Call:
    """One tool call, put together from its deltas."""

    def __init__(self, delta: object) -> None:
        self._index = safe_get.number(get(delta, "index"))
        self._id = name(delta, "id")
        self._name = ""
        self._arguments: list[str] = []

    def goes_on_with(self, delta: object) -> bool:
        """Some send all calls under one index, told apart by their ids only."""
        other = name(delta, "id")
        return safe_get.number(get(delta, "index")) == self._index and (other is None or other == self._id)

    def add(self, delta: object) -> None:
        function = get(delta, "function") or get(delta, "custom") or delta
        self._name = self._name or name(function, "name") or ""
        self._arguments.append(content_text(get(function, "arguments") or get(function, "input")))

    def whole(self) -> Fields:
        return {"name": self._name, "arguments": "".join(self._arguments)}
