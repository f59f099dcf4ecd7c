"""Google's Interactions: the steps that a model or an agent took."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from helicone_logging.core.safe_vars import EMPTY, Vars, safe_vars
from helicone_logging.llm import safe_get
from helicone_logging.llm.content import content_text
from helicone_logging.llm.messages import Choice
from helicone_logging.llm.providers import google_genai
from helicone_logging.llm.providers.common import Fields, answer, inner, last, name, with_error
from helicone_logging.llm.providers.openai_responses import items_of


def read(response: Vars) -> Fields | None:
    """Returns the fields of an interaction; None when it is none."""
    status = name(response, "status")
    if status is None or ("steps" not in response and name(response, "object") != "interaction"):
        return None
    steps = safe_get.items(response.get("steps")) or []
    # What was asked comes back as the first of them, where it was asked to.
    said = content_text([step for step in steps if name(safe_vars(step) or EMPTY, "type") != "user_input"])
    told = {"model": name(response, "model", "agent"), **google_genai.usage_of(inner(response, "usage"))}
    fields = answer("generate_content", [Choice("assistant", said, status)], told, response, "google")
    return with_error(fields, response.get("errors") or response.get("error"))


def join(events: Sequence[Vars]) -> Fields | None:
    """Returns the fields of the interaction whose stream had these events; None when they are no such events."""
    interactions = [found for event in events if (found := safe_vars(event.get("interaction")))]
    steps = items_of(translated for event in events for translated in _as_of_openai(event))
    if not interactions and not any(name(event, "event_type") == "step.start" for event in events):
        return None
    told = {key: last(interactions, key) for key in ("id", "model", "agent", "status", "usage")}
    whole = {**told, "status": told["status"] or "in_progress", "steps": steps}
    return read({**whole, "error": last(events, "error")})


def _as_of_openai(event: Vars) -> Iterator[Vars]:
    """An event as OpenAI's Responses have it, which are put together in the same way."""
    index = event.get("index")
    if name(event, "event_type") == "step.start":
        yield {"type": "response.output_item.added", "output_index": index, "item": event.get("step")}
    delta = inner(event, "delta")
    kind = name(delta, "type") or ""
    content = inner(delta, "content") or delta
    if kind in _DELTAS:
        yield {"type": _DELTAS[kind], "output_index": index, "delta": name(content, "text", "arguments")}
    elif kind.endswith(("_call", "_result")):  # of Google's own tools, which comes as a whole
        yield {"type": "response.output_item.added", "output_index": index, "item": delta}
    elif kind and not kind.endswith(("_signature", "_delta")):
        yield {"type": "part", "output_index": index, "part": content}
    for cited in safe_get.items(delta.get("annotations")) or ():
        yield {"type": "response.output_text.annotation.added", "output_index": index, "annotation": cited}


_DELTAS = {
    "text": "response.output_text.delta",
    "thought_summary": "response.reasoning_summary_text.delta",
    "arguments_delta": "response.function_call_arguments.delta",
}
