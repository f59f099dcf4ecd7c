"""LangChain's messages and results, whatever model is behind them."""

from __future__ import annotations

from collections.abc import Sequence

from helicone_logging.core.safe_vars import EMPTY, Vars, safe_vars
from helicone_logging.llm import safe_get
from helicone_logging.llm.messages import MAX_MESSAGES, Choice, read_choices, some_choices
from helicone_logging.llm.providers.common import Fields, answer, first_name, inner, known, name, tokens
from helicone_logging.llm.providers.openai_chat import usage_of

_AI = ("ai", "AIMessage", "AIMessageChunk")
_REASONS = ("finish_reason", "stop_reason", "done_reason", "stopReason")
_MODELS = ("model_name", "model", "model_id", "model_version")


def read(response: Vars) -> Fields | None:
    """Returns the fields of an `AIMessage`, `LLMResult` or `ChatResult`, or what a graph returned; None of others."""
    response = _loaded(response)
    if name(response, "type") in _AI and "content" in response:
        return _of_messages([response])
    answers = _answers(safe_get.items(response.get("messages")) or [])
    if answers:
        return {**_of_messages(answers), "completion": [_choice(answers[-1])]}
    rows = safe_get.items(response.get("generations"))
    if not rows or not ("llm_output" in response or safe_get.items(rows[0])):
        return None
    flat = [fields for row in rows for entry in safe_get.items(row) or (row,) if (fields := safe_vars(entry))]
    generations = [_loaded(fields) for fields in flat]
    messages = [_loaded(found) for fields in generations if (found := safe_vars(fields.get("message")))]
    told = _of_messages(messages) if messages else {"operation": "text_completion"}
    output = inner(response, "llm_output")
    usage = usage_of(inner(output, "token_usage", "usage"))
    choices = some_choices(generations, _choice_of)
    return {**known({"model": name(output, *_MODELS), **usage}), **told, "completion": choices}


def _loaded(fields: Vars) -> Vars:
    """What `dumpd` wrote has the object in `kwargs`, and its class as the last part of `id`."""
    kwargs = safe_vars(fields.get("kwargs")) if "lc" in fields else None
    if not kwargs:
        return fields
    path = safe_get.items(fields.get("id"))
    return {"type": safe_get.text(path[-1]) if path else None, **kwargs}


def _answers(messages: list[object]) -> list[Vars]:
    """Those of the models in what a graph returned, since it was asked last."""
    told = [_loaded(safe_vars(message) or EMPTY) for message in messages[-MAX_MESSAGES:]]
    asked = max((number for number, message in enumerate(told) if name(message, "type") == "human"), default=-1)
    return [message for message in told[asked + 1 :] if name(message, "type") in _AI]


def _choice_of(generation: Vars) -> Choice:
    message = safe_vars(generation.get("message"))
    if message:
        return _choice(_loaded(message))
    reason = name(inner(generation, "generation_info"), *_REASONS)
    return Choice("assistant", safe_get.text(generation.get("text")) or "", reason)


def _of_messages(messages: Sequence[Vars]) -> Fields:
    metadata = [inner(message, "response_metadata") for message in messages]
    usages = (inner(of, "token_usage", "usage") for of in metadata)
    told = {
        "model": first_name(metadata, *_MODELS),
        "response_id": first_name(metadata, "id") or first_name(messages, "id"),
        **(_usage(messages) or usage_of(next(filter(None, usages), EMPTY))),
    }
    provider = first_name(metadata, "model_provider", "ls_provider")
    return answer("chat", some_choices(messages, _choice), told, provider=provider)


def _choice(message: Vars) -> Choice:
    thoughts = inner(message, "additional_kwargs").get("reasoning_content")  # DeepSeek's, and who speaks like it
    said = read_choices([{"reasoning_content": thoughts, **message, "type": "ai"}])[0]
    return said._replace(finish_reason=name(inner(message, "response_metadata"), *_REASONS))


def _usage(messages: Sequence[Vars]) -> Fields:
    """The counts of all chunks: LangChain adds them up, too."""
    usages = [usage for message in messages if (usage := inner(message, "usage_metadata"))]
    if not usages:
        return {}
    return {
        "prompt_tokens": _sum(usages, "input_tokens"),
        "completion_tokens": _sum(usages, "output_tokens"),
        "total_tokens": _sum(usages, "total_tokens"),
        "cached_tokens": _sum([inner(usage, "input_token_details") for usage in usages], "cache_read"),
        "reasoning_tokens": _sum([inner(usage, "output_token_details") for usage in usages], "reasoning"),
    }


def _sum(usages: Sequence[Vars], key: str) -> int | None:
    found = [amount for usage in usages if (amount := tokens(usage, key)) is not None]
    return sum(found) if found else None


def join(chunks: Sequence[Vars]) -> Fields | None:
    """Returns the fields of the message whose stream had these `AIMessageChunk`s; None when they are none."""
    chunks = [_loaded(chunk) for chunk in chunks]
    kinds = {name(chunk, "type") for chunk in chunks}
    if "AIMessageChunk" not in kinds or not kinds.issubset(_AI):
        return None
    metadata: Fields = {}
    parts, calls = _Parts(), _Parts()
    for chunk in chunks:
        metadata |= known(inner(chunk, "response_metadata"))
        parts.add(chunk.get("content"))
        calls.add(chunk.get("tool_call_chunks"))
    whole = {"content": parts.whole(), "tool_calls": calls.whole(), "response_metadata": metadata}
    return {**_of_messages([{"id": first_name(chunks, "id"), **whole}]), **known(_usage(chunks))}


class _Parts:
    """Content or calls, put together from texts, or from parts that go on under the same index."""

    def __init__(self) -> None:
        self._parts: list[Fields] = []

    def add(self, content: object) -> None:
        for part in safe_get.items(content) or (content,):
            text = safe_get.text(part)
            fields: Vars | None = {"type": "text", "text": text} if text is not None else safe_vars(part)
            if fields:
                self._add(fields)

    def _add(self, part: Vars) -> None:
        last = self._parts[-1] if self._parts else None
        if last is None or any(last.get(key) != part.get(key) for key in ("type", "index")):
            self._parts.append(dict(part))
            return
        for key, value in part.items():
            said = last.get(key)
            is_more = isinstance(value, str) and isinstance(said, str) and key not in ("type", "id", "name")
            last[key] = f"{said}{value}" if is_more else said if value in (None, "") else value

    def whole(self) -> object:
        """Calls stand in `tool_calls` as well, and whole."""
        return [part for part in self._parts if part.get("type") not in ("tool_use", "input_json_delta")]
