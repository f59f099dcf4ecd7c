"""Amazon Bedrock's Converse and ConverseStream, and the models that answer `invoke_model` in the same shape."""

from __future__ import annotations

from collections.abc import Sequence

from helicone_logging.core.held import EMPTY, Held, held
from helicone_logging.llm import safe_get
from helicone_logging.llm.messages import Choice, read_messages
from helicone_logging.llm.providers.common import Asked, Fields, inner, known, name, tokens, with_error, with_system


def asked(request: Held) -> Asked | None:
    """Returns what a request asks for; None when it is none of these."""
    if name(request, "modelId") is None:
        return None
    messages = safe_get.items(request.get("messages"))
    return None if messages is None else Asked("chat", with_system(request.get("system"), messages), "aws")


def read(response: Held) -> Fields | None:
    """Returns the fields of a response; None when it is none of these."""
    message = inner(inner(response, "output"), "message")
    if safe_get.items(message.get("content")) is None:
        return None
    usage = inner(response, "usage")
    role, said = read_messages(message, "assistant")[0]
    return known(
        {
            "operation": "chat",
            "provider": "aws",
            "model": name(inner(inner(response, "trace"), "promptRouter"), "invokedModelId"),
            "response_id": name(inner(response, "ResponseMetadata"), "RequestId"),
            "completion": [Choice(role, said, name(response, "stopReason"))],
            # As with Anthropic: what the cache holds was part of the prompt, but `inputTokens` leaves it out.
            "prompt_tokens": tokens(
                usage,
                "inputTokens",
                *_either_key(usage, "cacheReadInputToken"),
                *_either_key(usage, "cacheWriteInputToken"),
            ),
            "completion_tokens": tokens(usage, "outputTokens"),
            "cached_tokens": tokens(usage, *_either_key(usage, "cacheReadInputToken")),
        }
    )


def _either_key(usage: Held, singular: str) -> tuple[str]:
    """Converse says `cacheReadInputTokens`, and `cacheReadInputTokenCount` those that invoke Nova."""
    return (singular + "s",) if singular + "s" in usage else (singular + "Count",)


def join(events: Sequence[Held]) -> Fields | None:
    """Returns the fields of the response whose stream had these events; None when they are no such events."""
    if not any(held(event.get("messageStart")) for event in events):
        return None
    blocks: dict[object, _Block] = {}
    reason, usage, error = None, EMPTY, None
    for event in events:
        for key in ("contentBlockStart", "contentBlockDelta"):
            block = held(event.get(key))
            if block:
                blocks.setdefault(safe_get.number(block.get("contentBlockIndex")), _Block()).add(block)
        reason = name(inner(event, "messageStop"), "stopReason") or reason
        usage = inner(inner(event, "metadata"), "usage") or usage
        error = error_of(event) or error
    message = {"role": "assistant", "content": [block.whole() for block in blocks.values()]}
    fields = read({"output": {"message": message}, "stopReason": reason, "usage": usage})
    return fields and with_error(fields, error)


def error_of(event: Held) -> Held | None:
    """Returns the exception with which a stream of Bedrock ends, such as `throttlingException`."""
    for key, value in event.items():
        if key.endswith("Exception") and (found := held(value)):
            return {"code": key, **found}
    return None


class _Block:
    """One block of content, put together from its start and its deltas."""

    def __init__(self) -> None:
        self._texts: list[str] = []
        self._thoughts: list[str] = []
        self._tool: str | None = None
        self._arguments: list[str] = []
        self._citations: list[object] = []

    def add(self, event: Held) -> None:
        self._tool = name(inner(inner(event, "start"), "toolUse"), "name") or self._tool
        delta = inner(event, "delta")
        for found, texts in (
            (name(delta, "text"), self._texts),
            (name(inner(delta, "reasoningContent"), "text"), self._thoughts),
            (name(inner(delta, "toolUse"), "input"), self._arguments),
        ):
            if found:
                texts.append(found)
        if delta.get("citation") is not None:
            self._citations.append(delta["citation"])

    def whole(self) -> Fields:
        if self._tool:
            return {"toolUse": {"name": self._tool, "input": "".join(self._arguments)}}
        if self._thoughts:
            return {"reasoningContent": {"reasoningText": {"text": "".join(self._thoughts)}}}
        said: Fields = {"text": "".join(self._texts)}
        if self._citations:
            return {"citationsContent": {"content": [said], "citations": self._citations}}
        return said
