"""OpenAI's Responses."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from helicone_logging.core.safe_vars import Vars, safe_vars
from helicone_logging.llm import safe_get
from helicone_logging.llm.content import content_text
from helicone_logging.llm.messages import Choice
from helicone_logging.llm.providers.common import (
    Fields,
    Request,
    answer,
    inner,
    known,
    last,
    name,
    with_error,
    with_system,
)
from helicone_logging.llm.providers.openai_chat import usage_of
from helicone_logging.llm.safe_get import first


def read_request(request: Vars) -> Request | None:
    """Returns what a request asks for; None when it is none of these, nor one as Google's and Mistral's are."""
    value = first(request, "input", "inputs")
    if value is None or name(request, "model", "agent") is None:
        return None
    return Request("responses", with_system(first(request, "instructions", "system_instruction"), value))


def read(response: Vars) -> Fields | None:
    """Returns the fields of a response; None when it is none of these."""
    if name(response, "object") != "response":
        return None
    output = safe_get.items(response.get("output"))
    if output is None:
        return None
    reason = name(inner(response, "incomplete_details"), "reason") or name(response, "status")
    said = [Choice("assistant", content_text(output), reason)]
    fields = answer("responses", said, usage_of(inner(response, "usage")), response)
    return with_error(fields, response.get("error"))


def join(events: Sequence[Vars]) -> Fields | None:
    """Returns the fields of the response whose stream had these events; None when they are no such events.

    The last event has it whole. Of a stream that broke off there are the finished items, and what came of the others.
    """
    if not any((name(event, "type") or "").startswith("response.") for event in events):
        return None
    responses = [found for event in events if (found := safe_vars(event.get("response")))]
    whole = responses[-1] if responses else {}
    told = {key: whole.get(key) for key in ("id", "model", "status", "incomplete_details")}
    output = safe_get.items(whole.get("output")) or items_of(events)
    errors = [event.get("error") or event for event in events if name(event, "type") == "error"]
    error = whole.get("error") or (errors[0] if errors else None)
    return read({"object": "response", **told, "usage": last(responses, "usage"), "output": output, "error": error})


# What each delta adds to: parts of a message or thoughts of their own, or a field of a call.
_PARTS = {
    "response.output_text.delta": ("output_text", "text"),
    "response.refusal.delta": ("refusal", "refusal"),
    "response.reasoning_summary_text.delta": ("reasoning", "summary"),
    "response.reasoning_text.delta": ("reasoning", "content"),
    "response.audio_transcript.delta": ("output_text", "text"),
    "response.output_audio_transcript.delta": ("output_text", "text"),
}
_FIELDS = {
    "response.function_call_arguments.delta": "arguments",
    "response.mcp_call_arguments.delta": "arguments",
    "response.custom_tool_call_input.delta": "input",
    "response.code_interpreter_call_code.delta": "code",
}
_STEPS = ("_call", "_result")


def items_of(events: Iterable[Vars]) -> list[object]:
    """Returns the items that had these events, whole or as far as they came.

    Args:
        events: of OpenAI, or of others in its words; a `part` of a message is one that comes whole.
    """
    items: dict[object, _Item] = {}
    for event in events:
        if "output_index" in event or "delta" in event:
            items.setdefault(safe_get.number(event.get("output_index")), _Item()).add(event)
    return [part for item in items.values() for part in item.whole()]


class _Item:
    """One item of the output, put together from its events."""

    def __init__(self) -> None:
        self._start: Fields = {}
        self._done: object = None
        self._texts: dict[tuple[str, str, object], list[str]] = {}  # by type, field and number of the part
        self._fields: dict[str, list[str]] = {}
        self._annotations: list[object] = []
        self._others: list[object] = []

    def add(self, event: Vars) -> None:
        kind = name(event, "type") or ""
        said = name(event, "delta") or ""
        if kind == "response.output_item.done":
            self._done = event.get("item")
        elif kind == "response.output_item.added":
            self._start |= known(inner(event, "item"))
        elif kind == "part":
            self._others.append(event.get("part"))
        elif kind in _PARTS:
            number = safe_get.number(event.get("content_index", event.get("summary_index")))
            self._texts.setdefault((*_PARTS[kind], number), []).append(said)
        elif kind in _FIELDS:
            self._fields.setdefault(_FIELDS[kind], []).append(said)
        elif kind == "response.output_text.annotation.added":
            self._annotations.append(event.get("annotation"))

    def whole(self) -> list[object]:
        if self._done is not None:
            return [self._done]
        parts: list[object] = [
            {"type": kind, field: "".join(texts), "annotations": self._annotations}
            for (kind, field, _), texts in self._texts.items()
        ]
        fields = {field: "".join(texts) for field, texts in self._fields.items()}
        parts += self._others
        is_step = bool(fields) or (name(self._start, "type") or "").endswith(_STEPS)
        return [*parts, {"type": "function_call", **self._start, **fields}] if is_step else parts
