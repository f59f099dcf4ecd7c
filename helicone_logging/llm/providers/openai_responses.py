"""OpenAI's Responses."""

from __future__ import annotations

from collections.abc import Sequence

from helicone_logging.llm import safe_get
from helicone_logging.llm.content import content_text, joined
from helicone_logging.llm.messages import Choice
from helicone_logging.llm.providers.common import Fields, known, name
from helicone_logging.llm.providers.openai_chat import usage_of
from helicone_logging.llm.safe_get import get


def read(response: object) -> Fields | None:
    """Returns the fields of a response; None when it is none of these."""
    output = safe_get.items(get(response, "output"))
    if output is None or name(response, "object") != "response":
        return None
    reason = name(get(response, "incomplete_details"), "reason") or name(response, "status")
    error = name(get(response, "error"), "message")
    said = joined((content_text(output), f"[error] {error}" if error else ""))
    return known(
        {
            "operation": "responses",
            "model": name(response, "model"),
            "response_id": name(response, "id"),
            "completion": [Choice("assistant", said, reason)] if output or error else None,
            **usage_of(get(response, "usage")),
        }
    )


def join(events: Sequence[object]) -> Fields | None:
    """Returns the fields of the response whose stream had these events; None when they are no such events.

    The last event has it whole. Of a stream that broke off there are the finished items, and the texts so far.
    """
    responses = [found for event in events if safe_get.has_fields(found := get(event, "response")) and _is_event(event)]
    if not responses:
        return None
    last = responses[-1]
    if safe_get.items(get(last, "output")):
        return read(last)
    told = {key: get(last, key) for key in ("object", "id", "model", "status", "error", "incomplete_details", "usage")}
    return read({**told, "output": _items(events)})


def _is_event(event: object) -> bool:
    return (name(event, "type") or "").startswith("response.")


def _items(events: Sequence[object]) -> list[object]:
    items: dict[object, object] = {}
    texts: dict[object, str] = {}
    for event in events:
        index = safe_get.number(get(event, "output_index"))
        kind = name(event, "type")
        if kind == "response.output_item.done":
            items[index] = get(event, "item")
        elif kind in ("response.output_text.delta", "response.refusal.delta"):
            texts[index] = texts.get(index, "") + (name(event, "delta") or "")
    unfinished = {index: {"type": "output_text", "text": text} for index, text in texts.items()}
    return list({**unfinished, **items}.values())
