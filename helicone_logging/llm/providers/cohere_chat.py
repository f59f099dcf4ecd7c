"""Cohere's Chat, version 2."""

from __future__ import annotations

from collections.abc import Sequence

from helicone_logging.core.held import EMPTY, Held, held
from helicone_logging.llm import safe_get
from helicone_logging.llm.messages import read_choices
from helicone_logging.llm.providers.common import Fields, inner, known, name, tokens, with_error


def read(response: Held) -> Fields | None:
    """Returns the fields of a response; None when it is none of these."""
    if held(response.get("message")) is None or not name(response, "finish_reason") or not name(response, "id"):
        return None
    return _fields(response)


def _fields(response: Held) -> Fields:
    usage = inner(response, "usage")
    return known(
        {
            "operation": "chat",
            "provider": "cohere",
            "response_id": name(response, "id"),
            "completion": read_choices([response]),
            "prompt_tokens": billed(usage, "input_tokens"),
            "completion_tokens": billed(usage, "output_tokens"),
            "cached_tokens": tokens(usage, "cached_tokens"),
        }
    )


def billed(usage: Held, key: str) -> int | None:
    """Returns what is billed, which is what has a price; `tokens` also counts Cohere's own preambles.

    Args:
        usage: what has `billed_units` and `tokens`.
        key: `input_tokens` or `output_tokens`.
    """
    found = tokens(inner(usage, "billed_units"), key)
    return tokens(inner(usage, "tokens"), key) if found is None else found


def join(events: Sequence[Held]) -> Fields | None:
    """Returns the fields of the response whose stream had these events; None when they are no such events."""
    start = next((event for event in events if name(event, "type") == "message-start"), None)
    if start is None:
        return None
    said = _Said()
    end: Held = EMPTY
    for event in events:
        delta = inner(event, "delta")
        said.add(inner(delta, "message"))
        end = delta if name(event, "type") == "message-end" else end
    ending = {key: end.get(key) for key in ("finish_reason", "usage")}
    fields = _fields({"id": start.get("id"), "message": said.whole(), **ending})
    return with_error(fields, end.get("error"))


class _Said:
    """The message, put together from the deltas of all events."""

    def __init__(self) -> None:
        self._texts: list[str] = []
        self._thoughts: list[str] = []
        self._plan: list[str] = []
        self._calls: list[tuple[str, list[str]]] = []
        self._citations: list[object] = []

    def add(self, message: Held) -> None:
        content, call = inner(message, "content"), inner(inner(message, "tool_calls"), "function")
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
        citations = message.get("citations")
        if citations is not None:
            self._citations += safe_get.items(citations) or (citations,)

    def whole(self) -> Fields:
        return {
            "role": "assistant",
            "tool_plan": "".join(self._plan),
            "content": [
                {"type": "thinking", "thinking": "".join(self._thoughts)},
                {"type": "text", "text": "".join(self._texts)},
            ],
            "citations": self._citations,
            "tool_calls": [{"name": called, "arguments": "".join(texts)} for called, texts in self._calls],
        }
