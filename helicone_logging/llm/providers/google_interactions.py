"""Google's Interactions: the steps that a model or an agent took."""

from __future__ import annotations

from collections.abc import Sequence

from helicone_logging.core.held import EMPTY, Held, held
from helicone_logging.llm import safe_get
from helicone_logging.llm.content import content_text
from helicone_logging.llm.messages import Choice
from helicone_logging.llm.providers.common import Fields, answer, inner, known, last, name, tokens, with_error
from helicone_logging.llm.providers.google_genai import merged


def read(response: Held) -> Fields | None:
    """Returns the fields of an interaction; None when it is none."""
    status = name(response, "status")
    if status is None or ("steps" not in response and name(response, "object") != "interaction"):
        return None
    steps = safe_get.items(response.get("steps")) or []
    # What was asked comes back as the first of them, where it was asked to.
    said = content_text([step for step in steps if name(held(step) or EMPTY, "type") != "user_input"])
    told = {"model": name(response, "model", "agent"), **_usage(inner(response, "usage"))}
    fields = answer("generate_content", [Choice("assistant", said, status)], told, response, "google")
    return with_error(fields, response.get("errors") or response.get("error"))


def _usage(usage: Held) -> Fields:
    """Thoughts are answered, and results of tools are asked, but neither is in the counts of these."""
    return {
        "prompt_tokens": tokens(usage, "total_input_tokens", "total_tool_use_tokens"),
        "completion_tokens": tokens(usage, "total_output_tokens", "total_thought_tokens"),
        "total_tokens": tokens(usage, "total_tokens"),
        "cached_tokens": tokens(usage, "total_cached_tokens"),
        "reasoning_tokens": tokens(usage, "total_thought_tokens"),
    }


def join(events: Sequence[Held]) -> Fields | None:
    """Returns the fields of the interaction whose stream had these events; None when they are no such events."""
    interactions = [found for event in events if (found := held(event.get("interaction")))]
    steps: dict[object, _Step] = {}
    for event in events:
        index, kind = safe_get.number(event.get("index")), name(event, "event_type")
        if kind == "step.start":
            steps[index] = _Step(inner(event, "step"))
        elif kind == "step.delta":
            steps.setdefault(index, _Step(EMPTY)).add(inner(event, "delta"))
    if not interactions and not steps:
        return None
    told = {key: last(interactions, key) for key in ("id", "model", "agent", "status", "usage")}
    whole = {**told, "status": told["status"] or "in_progress", "steps": [step.whole() for step in steps.values()]}
    return read({**whole, "error": last(events, "error")})


class _Step:
    """One step, put together from its start and its deltas."""

    def __init__(self, start: Held) -> None:
        self._fields: Fields = {"type": "model_output", **start}
        self._parts: list[Held] = []
        self._cited: list[object] = []
        self._arguments: list[str] = []

    def add(self, delta: Held) -> None:
        kind = name(delta, "type") or ""
        if kind == "arguments_delta":
            self._arguments.append(name(delta, "arguments") or "")
        elif kind == "text_annotation_delta":
            self._cited += safe_get.items(delta.get("annotations")) or ()
        elif kind.endswith(("_call", "_result")):  # of Google's own tools, which come whole
            self._fields |= known(delta)
        elif kind != "thought_signature":
            self._parts.append(held(delta.get("content")) or delta)

    def whole(self) -> Fields:
        begun = safe_get.items(self._fields.get("content")) or ()
        content = [*begun, *merged(self._parts), {"text": "", "annotations": self._cited}]
        arguments = "".join(self._arguments) or self._fields.get("arguments")
        is_said = self._parts or self._cited
        return {**self._fields, "arguments": arguments, **({"content": content} if is_said else {})}
