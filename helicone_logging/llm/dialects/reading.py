"""Reads a span in whatever dialects it speaks: the values that it says become fields, each of them once."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from helicone_logging.core import bounded
from helicone_logging.llm.dialects import genai, openinference, openllmetry
from helicone_logging.llm.dialects.common import Fields, add_properties
from helicone_logging.llm.dialects.spans import OPERATIONS, Attributes, Events, Kind, SpanEvent
from helicone_logging.llm.providers import names

Dialect = Callable[[Attributes, Events, Kind, Fields], None]
"""Reads what a span of some kind says in one dialect.

What it understands it takes out of the span's attributes and events; it writes fields, unless they are there already.
"""

_DIALECTS: tuple[Dialect, ...] = (genai.read, openllmetry.read, openinference.read)
_STEPS = ("tool", "retrieval")
_USAGE = ("gen_ai.usage.", "llm.usage.", "llm.token_count.")
_MODEL = ("model", "gen_ai.request.model", "gen_ai.response.model")
_PROVIDER = ("provider", "gen_ai.system", "gen_ai.provider.name")
_TOKENS = ("prompt_tokens", "completion_tokens", "total_tokens")
# What is known of how a call was made, of interest to operators: attributes, and no properties of Helicone's.
_TECHNICAL = (
    "server.", "client.", "http.", "url.", "net.", "network.", "peer.", "rpc.", "db.", "messaging.", "mcp.", "code.",
    "thread.", "process.", "host.", "os.", "telemetry.", "otel.", "service.", "deployment.", "exception.",
    "openinference.", "input.", "output.", "embedding.", "retrieval.", "reranker.", "tool.", "logfire.", "pydantic_ai.",
    "operation.", "anthropic.", "openai.", "aws.", "azure.", "az.", "gcp.", "langgraph.", "model_request_parameters",
    "agent_framework.", "agno.", "cloud.", "crewai.", "graph.node.", "litellm.", "message.", "retry_attempts",
    "smolagents.",
)  # fmt: skip
_ANSWERS = frozenset(("completion", "gen_ai.output.messages", "tool_calls"))
_REASONS = ("gen_ai.response.finish_reasons", "finish_reason")
_MAX_EVENTS = 100
_DIMENSIONS = "gen_ai.embeddings.dimension.count"
_EMBEDDED = (_DIMENSIONS, "prompt_tokens", "gen_ai.usage.input_tokens", "gen_ai.usage.prompt_tokens")  # on success

EXCEPTION = "exception"
"""The event that tells of an exception, which is read by whoever makes a record of the span."""


class EndedSpan(NamedTuple):
    """What an ended span says.

    Args:
        kind: what it is.
        attributes: as OpenTelemetry has them.
        events: of each the name, the attributes, and seconds since the span began.
        holds_calls: whether calls of models inside it were sent.
        session_name: that of its session, unless it says another one; None for that of the handler.
    """

    kind: Kind
    attributes: Attributes
    events: Sequence[tuple[str, Attributes, float]]
    holds_calls: bool
    session_name: str | None


def read_span(value: object) -> Fields | None:
    """Returns the fields of a span; None for what is none.

    Args:
        value: the values of an `EndedSpan`, in their order.
    """
    said = _ended_span(value)
    if said is None:
        return None
    kind, attributes, fields = said.kind, said.attributes, Fields()
    events = Events(SpanEvent(*event) for event in said.events)
    for read in _DIALECTS:
        with contextlib.suppress(Exception):  # whatever it trips over, the others read the rest
            read(attributes, events, kind, fields)
    if kind in _STEPS or (kind == "agent" and (said.holds_calls or not _has_usage(attributes, fields))):
        _forget_model(attributes, fields)
    _forget_framework(attributes, fields, kind)
    for name in [name for name in attributes if name.startswith("gen_ai.")]:
        fields.setdefault(name, attributes.pop(name))
    if kind in _STEPS:
        fields.pop("gen_ai.operation.name", None)
        fields["operation"] = OPERATIONS[kind]
    elif "gen_ai.operation.name" not in fields:
        fields.setdefault("operation", OPERATIONS[kind])
    if kind == "embedding" and any(name in fields for name in _EMBEDDED):
        fields.setdefault("completion", _embedded(fields.get(_DIMENSIONS)))
    technical = _take_technical(attributes, events, fields)
    for name, left in attributes.items():
        fields.setdefault(name, left)
    if said.session_name is not None:
        fields.setdefault("session_name", said.session_name)
    fields["otel_attributes"] = technical
    return fields


def _ended_span(value: object) -> EndedSpan | None:
    """A field of this name may be anybody's."""
    if not isinstance(value, tuple | list):
        return None
    try:
        said = EndedSpan(*bounded.listed(value))
        said = said._replace(attributes=bounded.copied(said.attributes))
    except (AttributeError, TypeError, ValueError):
        return None
    return said if said.kind in OPERATIONS else None


def _embedded(dimensions: object) -> str:
    return f"[embeddings, {dimensions:,} dimensions]" if isinstance(dimensions, int) else "[embeddings]"


def _forget_model(attributes: Attributes, fields: Fields) -> None:
    """A step names the model that its calls ask, and sums what they used: their own rows say so, and count it."""
    model = next((given for name in _MODEL if (given := fields.get(name) or attributes.get(name))), None)
    for name in (*_MODEL, *_PROVIDER, *_TOKENS):
        fields.pop(name, None)
        attributes.pop(name, None)
    for source in (fields, attributes):
        for name in [name for name in source if name.startswith(_USAGE)]:
            del source[name]
    add_properties(fields, {"model": model} if model else {})


def _has_usage(attributes: Attributes, fields: Fields) -> bool:
    told = {**attributes, **fields}
    return any(value for name, value in told.items() if name in _TOKENS or name.startswith(_USAGE))


def _forget_framework(attributes: Attributes, fields: Fields, kind: Kind) -> None:
    """Some frameworks write their own name for the provider's; then the model tells who it is, if anything does."""
    model = next((given for name in _MODEL if (given := fields.get(name) or attributes.get(name))), None)
    if kind != "agent" and not (isinstance(model, str) and names.provider_of_model(model)):
        return
    for source in (fields, attributes):
        for name in _PROVIDER:
            if names.is_framework(source.get(name)):
                del source[name]


def _take_technical(attributes: Attributes, events: Events, fields: Fields) -> dict[str, Any]:
    """What is sent as attributes and belongs to no field, among it why an answer ended that the span does not hold."""
    technical = {name: attributes.pop(name) for name in [*attributes] if name.startswith(_TECHNICAL)}
    if _ANSWERS.isdisjoint(fields):
        reasons = [fields.pop(name) for name in _REASONS if name in fields]
        if reasons:
            technical[_REASONS[0]] = reasons[0]
    return {**technical, **_events_left(events)}


def _events_left(events: Events) -> dict[str, Any]:
    left = [event for event in events.left if event.name != EXCEPTION][:_MAX_EVENTS]
    return {"events": [{"name": event.name, **event.attributes} for event in left]} if left else {}
