"""Cohere's Chat, version 2."""

from __future__ import annotations

from collections.abc import Sequence

from helicone_logging.llm import safe_get
from helicone_logging.llm.messages import read_choices
from helicone_logging.llm.providers.common import Fields, known, name, tokens
from helicone_logging.llm.safe_get import get


def read(response: object) -> Fields | None:
    """Returns the fields of a response; None when it is none of these."""
    is_answer = safe_get.has_fields(get(response, "message")) and name(response, "finish_reason")
    return _fields(response) if is_answer and name(response, "id") else None


def _fields(response: object) -> Fields:
    usage = get(response, "usage")
    return known(
        {
            "operation": "chat",
            "provider": "cohere",
            "response_id": name(response, "id"),
            "completion": read_choices([response]),
            "prompt_tokens": _tokens(usage, "input_tokens"),
            "completion_tokens": _tokens(usage, "output_tokens"),
            "cached_tokens": tokens(usage, "cached_tokens"),
        }
    )


def _tokens(usage: object, key: str) -> int | None:
    """What is billed, which is what has a price; `tokens` also counts Cohere's own preambles."""
    billed = tokens(get(usage, "billed_units"), key)
    return tokens(get(usage, "tokens"), key) if billed is None else billed


def join(events: Sequence[object]) -> Fields | None:
    """Returns the fields of the response whose stream had these events; None when they are no such events."""
    start = next((event for event in events if name(event, "type") == "message-start"), None)
    if start is None:
        return None
    said = _Said()
    end = None
    for event in events:
        delta = get(event, "delta")
        said.add(get(delta, "message"))
        end = delta if name(event, "type") == "message-end" else end
    ending = {key: get(end, key) for key in ("finish_reason", "usage")}
    return _fields({"id": get(start, "id"), "message": said.whole(), **ending})


class _Said:
    """The message, put together from the deltas of all events."""

    def __init__(self) -> None:
        self._texts: list[str] = []
        self._thoughts: list[str] = []
        self._plan: list[str] = []
        self._calls: list[tuple[str, list[str]]] = []

    def add(self, message: object) -> None:
        content, call = get(message, "content"), get(get(message, "tool_calls"), "function")
        for found, texts in (
            (name(content, "text"), self._texts),
            (name(content, "thinking"), self._thoughts),
            (name(message, "tool_plan"), self._plan),
        ):
            if found:
                texts.append(found)
        called = name(call, "name")
        if called:
            self._calls.append((called, []))
        arguments = name(call, "arguments")
        if arguments and self._calls:
            self._calls[-1][1].append(arguments)

    def whole(self) -> Fields:
        return {
            "role": "assistant",
            "tool_plan": "".join(self._plan),
            "content": [
                {"type": "thinking", "thinking": "".join(self._thoughts)},
                {"type": "text", "text": "".join(self._texts)},
            ],
            "tool_calls": [{"name": called, "arguments": "".join(texts)} for called, texts in self._calls],
        }
