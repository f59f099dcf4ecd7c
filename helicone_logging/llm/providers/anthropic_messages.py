"""Anthropic's Messages, by whomever they are served."""

from __future__ import annotations

from collections.abc import Sequence

from helicone_logging.llm import safe_get
from helicone_logging.llm.content import content_text, joined
from helicone_logging.llm.messages import Choice
from helicone_logging.llm.providers.common import Fields, known, name, tokens
from helicone_logging.llm.safe_get import get

# Who served Claude shows in the message's id; other models are served by others in Anthropic's words.
_SERVED_BY = {"msg_bdrk_": "aws", "msg_vrtx_": "google"}


def read(response: object) -> Fields | None:
    """Returns the fields of a response; None when it is none of these."""
    content = safe_get.items(get(response, "content"))
    usage = get(response, "usage")
    if content is None or name(response, "type") != "message" or not safe_get.has_fields(usage):
        return None
    model = name(response, "model")
    refusal = name(get(response, "stop_details"), "explanation")
    said = joined((content_text(content), f"[refusal] {refusal}" if refusal else ""))
    return known(
        {
            "operation": "chat",
            "provider": _provider(name(response, "id") or "", model or ""),
            "model": model,
            "response_id": name(response, "id"),
            "completion": [Choice(name(response, "role") or "assistant", said, name(response, "stop_reason"))],
            **_usage(usage),
        }
    )


def _provider(message_id: str, model: str) -> str | None:
    served_by = (host for prefix, host in _SERVED_BY.items() if message_id.startswith(prefix))
    return next(served_by, "anthropic" if model.startswith("claude") else None)


def _usage(usage: object) -> Fields:
    """What was written to and read from the cache was part of the prompt, but `input_tokens` leaves it out."""
    return {
        "prompt_tokens": tokens(usage, "input_tokens", "cache_creation_input_tokens", "cache_read_input_tokens"),
        "completion_tokens": tokens(usage, "output_tokens"),
        "cached_tokens": tokens(usage, "cache_read_input_tokens"),
        "reasoning_tokens": tokens(get(usage, "output_tokens_details"), "thinking_tokens"),
    }


def join(events: Sequence[object]) -> Fields | None:
    """Returns the fields of the message whose stream had these events; None when they are no such events."""
    start = next((message for event in events if (message := _started(event)) is not None), None)
    if start is None:
        return None
    blocks: dict[object, _Block] = {}
    usage = _Usage(get(start, "usage"))
    ending: object = start
    for event in events:
        kind, index = name(event, "type"), safe_get.number(get(event, "index"))
        if kind == "content_block_start":
            blocks[index] = _Block(get(event, "content_block"))
        elif kind == "content_block_delta":
            blocks.setdefault(index, _Block({"type": "text"})).add(get(event, "delta"))
        elif kind == "message_delta":
            ending = get(event, "delta")
            usage.add(get(event, "usage"))
    return read(
        {
            **{key: get(start, key) for key in ("type", "id", "model", "role")},
            **{key: get(ending, key) for key in ("stop_reason", "stop_details")},
            "content": [block.whole() for block in blocks.values()],
            "usage": usage.total,
        }
    )


def _started(event: object) -> object | None:
    message = get(event, "message")
    return message if name(event, "type") == "message_start" and safe_get.has_fields(message) else None


class _Usage:
    """The counts of the first event, with those of later ones, which are totals, in their place."""

    _NAMES = (
        "input_tokens",
        "cache_creation_input_tokens",
        "cache_read_input_tokens",
        "output_tokens",
        "output_tokens_details",
    )

    def __init__(self, usage: object) -> None:
        self.total: Fields = {}
        self.add(usage)

    def add(self, usage: object) -> None:
        self.total |= known({key: get(usage, key) for key in self._NAMES})


class _Block:
    """One block of content, put together from its deltas."""

    def __init__(self, start: object) -> None:
        self._start = start
        self._texts: list[str] = []

    def add(self, delta: object) -> None:
        said = name(delta, "text", "thinking", "partial_json")
        if said:
            self._texts.append(said)

    def whole(self) -> object:
        kind = name(self._start, "type") or ""
        said = "".join(self._texts)
        if kind in ("text", "thinking"):
            return {"type": kind, kind: (name(self._start, kind) or "") + said}
        if not said:
            return self._start
        return {"type": kind, "name": get(self._start, "name"), "input": said}
