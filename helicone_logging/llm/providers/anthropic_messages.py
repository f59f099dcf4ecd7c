"""Anthropic's Messages, by whomever they are served."""

from __future__ import annotations

from collections.abc import Sequence

from helicone_logging.core.safe_vars import EMPTY, Vars, safe_vars
from helicone_logging.llm import safe_get
from helicone_logging.llm.content import content_text
from helicone_logging.llm.messages import Choice
from helicone_logging.llm.placeholders import joined, refusal
from helicone_logging.llm.providers.common import Fields, answer, inner, known, name, tokens, with_error

# Who served Claude shows in the message's id; other models are served by others in Anthropic's words.
_SERVED_BY = {"msg_bdrk_": "aws", "msg_vrtx_": "google"}


def read(response: Vars) -> Fields | None:
    """Returns the fields of a response; None when it is none of these."""
    content, usage = safe_get.items(response.get("content")), safe_vars(response.get("usage"))
    if name(response, "type") != "message" or content is None or usage is None:
        return None
    said = joined((content_text(content), refusal(name(inner(response, "stop_details"), "explanation"))))
    choice = Choice(name(response, "role") or "assistant", said, name(response, "stop_reason"))
    provider = _provider(name(response, "id") or "", name(response, "model") or "")
    fields = answer("chat", [choice], usage_of(usage), response, provider)
    if provider == "aws" and "model" in fields:  # Bedrock's own name for it, which the request has, is another one
        fields["fallback_model"] = fields.pop("model")
    return fields


def _provider(message_id: str, model: str) -> str | None:
    for prefix, host in _SERVED_BY.items():
        if message_id.startswith(prefix):
            return host
    return "anthropic" if model.startswith("claude") else None


def usage_of(usage: Vars) -> Fields:
    """Returns the token fields of a usage.

    What was written to and read from the cache was part of the prompt, but `input_tokens` leaves it out.
    """
    return {
        "prompt_tokens": tokens(usage, "input_tokens", "cache_creation_input_tokens", "cache_read_input_tokens"),
        "completion_tokens": tokens(usage, "output_tokens"),
        "cached_tokens": tokens(usage, "cache_read_input_tokens"),
        "reasoning_tokens": tokens(inner(usage, "output_tokens_details"), "thinking_tokens"),
    }


def join(events: Sequence[Vars]) -> Fields | None:
    """Returns the fields of the message whose stream had these events; None when they are no such events."""
    starts = (safe_vars(event.get("message")) for event in events if name(event, "type") == "message_start")
    start = next((message for message in starts if message is not None), None)
    if start is None:
        return None
    blocks: dict[object, Block] = {}
    usage = known(inner(start, "usage"))
    ending: Vars = start
    error: object = None
    for event in events:
        kind, index = event.get("type"), safe_get.number(event.get("index"))
        if kind == "content_block_delta":
            blocks.setdefault(index, Block({"type": "text"})).add(inner(event, "delta"))
        elif kind == "content_block_start":
            blocks[index] = Block(inner(event, "content_block"))
        elif kind == "message_delta":
            ending = inner(event, "delta")
            usage |= known(inner(event, "usage"))  # totals, in the place of the first event's
        elif kind == "error":
            error = event.get("error") or event
    told = {key: start.get(key) for key in ("id", "model", "role")}
    told |= {key: ending.get(key) for key in ("stop_reason", "stop_details")}
    content = [block.whole() for block in blocks.values()]
    fields = read({"type": "message", **told, "content": content, "usage": usage})
    return fields and with_error(fields, error)


_TEXTS = {"text": "text", "thinking": "thinking", "compaction": "content"}  # what grows, by type


class Block:
    """One block of content, put together from its deltas.

    Args:
        start: what it began with.
    """

    def __init__(self, start: Vars) -> None:
        self._start = start
        self._texts: list[str] = []
        self._citations: list[object] = []

    def add(self, delta: Vars) -> None:
        """Adds what a delta says, or cites."""
        said = name(delta, "text", "thinking", "partial_json", "content")
        if said:
            self._texts.append(said)
        citation = delta.get("citation")
        if citation is not None:
            self._citations.append(citation)

    def whole(self) -> object:
        """Returns the block as far as it came."""
        kind = name(self._start, "type") or ""
        said = "".join(self._texts)
        field = _TEXTS.get(kind)
        if field is not None:
            cited = safe_get.items(self._start.get("citations")) or []
            grown = {field: (name(self._start, field) or "") + said, "citations": [*cited, *self._citations]}
            return {**self._start, **grown}
        return {"type": kind, "name": self._start.get("name"), "input": said} if said else self._start or EMPTY
