"""Amazon Bedrock's Converse and ConverseStream."""

from __future__ import annotations

from collections.abc import Sequence

from helicone_logging.llm import safe_get
from helicone_logging.llm.messages import Choice, read_messages
from helicone_logging.llm.providers.common import Fields, known, name, tokens
from helicone_logging.llm.safe_get import get


def read(response: object) -> Fields | None:
    """Returns the fields of a response; None when it is none of these."""
    message = get(get(response, "output"), "message")
    if safe_get.items(get(message, "content")) is None:
        return None
    usage = get(response, "usage")
    said = read_messages(message, "assistant")[0]
    return known(
        {
            "operation": "chat",
            "provider": "aws",
            "model": name(get(get(response, "trace"), "promptRouter"), "invokedModelId"),
            "response_id": name(get(response, "ResponseMetadata"), "RequestId"),
            "completion": [Choice(*said, name(response, "stopReason"))],
            # As with Anthropic: what the cache holds was part of the prompt, but `inputTokens` leaves it out.
            "prompt_tokens": tokens(usage, "inputTokens", "cacheReadInputTokens", "cacheWriteInputTokens"),
            "completion_tokens": tokens(usage, "outputTokens"),
            "cached_tokens": tokens(usage, "cacheReadInputTokens"),
        }
    )


def join(events: Sequence[object]) -> Fields | None:
    """Returns the fields of the response whose stream had these events; None when they are no such events."""
    if not any(safe_get.has_fields(get(event, "messageStart")) for event in events):
        return None
    blocks: dict[object, _Block] = {}
    reason, usage = None, None
    for event in events:
        for key in ("contentBlockStart", "contentBlockDelta"):
            if safe_get.has_fields(block := get(event, key)):
                blocks.setdefault(safe_get.number(get(block, "contentBlockIndex")), _Block()).add(block)
        reason = name(get(event, "messageStop"), "stopReason") or reason
        usage = get(get(event, "metadata"), "usage") or usage
    message = {"role": "assistant", "content": [block.whole() for block in blocks.values()]}
    return read({"output": {"message": message}, "stopReason": reason, "usage": usage})


class _Block:
    """One block of content, put together from its start and its deltas."""

    def __init__(self) -> None:
        self._texts: list[str] = []
        self._thoughts: list[str] = []
        self._tool: str | None = None
        self._arguments: list[str] = []

    def add(self, event: object) -> None:
        self._tool = name(get(get(event, "start"), "toolUse"), "name") or self._tool
        delta = get(event, "delta")
        for found, texts in (
            (name(delta, "text"), self._texts),
            (name(get(delta, "reasoningContent"), "text"), self._thoughts),
            (name(get(delta, "toolUse"), "input"), self._arguments),
        ):
            if found:
                texts.append(found)

    def whole(self) -> Fields:
        if self._tool:
            return {"toolUse": {"name": self._tool, "input": "".join(self._arguments)}}
        if self._thoughts:
            return {"reasoningContent": {"reasoningText": {"text": "".join(self._thoughts)}}}
        return {"text": "".join(self._texts)}
