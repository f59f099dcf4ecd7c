"""OpenLLMetry's dialect: numbered prompts and completions, and what its decorators and SDK write as `traceloop.*`.

https://github.com/traceloop/openllmetry, `opentelemetry-semantic-conventions-ai`. Its newer instrumentations speak
OpenTelemetry's dialect, and keep `traceloop.*`.
"""

from __future__ import annotations

from typing import Any

from helicone_logging.llm.dialects.common import (
    Fields,
    add_properties,
    content_of,
    put,
    put_step,
    take_list,
    take_named,
    unwrapped,
)
from helicone_logging.llm.dialects.spans import Attributes, Events, Kind

_ASSOCIATED = "traceloop.association.properties."
_NAMES = {
    "gen_ai.usage.cache_read_input_tokens": "gen_ai.usage.cache_read.input_tokens",
    "gen_ai.usage.cache_creation_input_tokens": "gen_ai.usage.cache_creation.input_tokens",
    "llm.usage.reasoning_tokens": "gen_ai.usage.reasoning.output_tokens",
    "gen_ai.usage.reasoning_tokens": "gen_ai.usage.reasoning.output_tokens",
    "llm.user": "user_id",
    "gen_ai.user": "user_id",
    "llm.temperature": "temperature",
    "llm.top_p": "top_p",
    "llm.top_k": "top_k",
    "llm.frequency_penalty": "frequency_penalty",
    "llm.presence_penalty": "presence_penalty",
    "llm.response.finish_reason": "finish_reason",
    "llm.response.stop_reason": "finish_reason",
    "gen_ai.response.finish_reason": "finish_reason",
    "gen_ai.response.stop_reason": "finish_reason",
    "traceloop.prompt.key": "prompt_id",
}
# What is said otherwise: by the path, and by the kind of the step.
_SAID = ("traceloop.span.kind", "traceloop.workflow.name", "traceloop.entity.path", "traceloop.entity.name")
_HELICONE = {"user-id": "user_id", "prompt-id": "prompt_id", "session-id": "session_id", "session-name": "session_name"}
_RESULT_OF_CREW = "crewai.crew.result"
_RESULTS = ("db.query.result", "db.search.result")


def read(attributes: Attributes, events: Events, kind: Kind, fields: Fields) -> None:
    """Reads what a span says in this dialect, as every `reading.Dialect` does."""
    take_named(attributes, _NAMES, fields)
    for prefix, field in (("gen_ai.prompt.", "messages"), ("gen_ai.completion.", "completion")):
        put(fields, field, [_message(entry) for entry in take_list(attributes, prefix)])
    put_step(fields, kind, None, attributes.pop(_RESULT_OF_CREW, None))
    _read_associated(attributes, fields)
    _read_entity(attributes, kind, fields)
    results = [result.attributes for result in events.take(*_RESULTS)]
    documents = [{key.rsplit(".", 1)[-1]: value for key, value in result.items()} for result in results]
    put(fields, "gen_ai.retrieval.documents", documents)


def _message(entry: Any) -> Any:
    return {**entry, "content": content_of(entry.get("content"))} if isinstance(entry, dict) else entry


def _read_associated(attributes: Attributes, fields: Fields) -> None:
    properties: Fields = {}
    for attribute in [name for name in attributes if name.startswith(_ASSOCIATED)]:
        name, value = attribute[len(_ASSOCIATED) :], attributes.pop(attribute)
        plain = name.lower()
        if plain in ("session_id", "user_id"):
            fields.setdefault(plain, value)
        elif plain.startswith("helicone-") and plain[9:] in _HELICONE:
            fields.setdefault(_HELICONE[plain[9:]], value)
        elif plain == "helicone-session-path":
            fields["session_path"] = value  # the user's wins over that of the tree
        else:
            properties[name] = value
    add_properties(fields, properties)


def _read_entity(attributes: Attributes, kind: Kind, fields: Fields) -> None:
    name = attributes.get("traceloop.entity.name")
    if name and "traceloop.span.kind" in attributes:
        fields.setdefault("tool_name" if kind == "tool" else "span_name", name)
    for attribute in _SAID:
        attributes.pop(attribute, None)
    asked, answered = (attributes.pop(f"traceloop.entity.{side}", None) for side in ("input", "output"))
    put_step(fields, kind, unwrapped(asked), unwrapped(answered))
