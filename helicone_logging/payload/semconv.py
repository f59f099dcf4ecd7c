"""What OpenTelemetry's semantic conventions for generative AI have names for, and Helicone has not.

https://github.com/open-telemetry/semantic-conventions-genai: tools, retrieval, agents, errors. Their values come as
objects, or as the JSON text that spans hold. What the record's own fields say wins.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from helicone_logging.core.coerce import text_of
from helicone_logging.core.safe_vars import safe_vars
from helicone_logging.llm import safe_get
from helicone_logging.llm.content import are_parts, content_text
from helicone_logging.llm.json_text import parsed
from helicone_logging.llm.messages import Message, read_messages
from helicone_logging.llm.placeholders import joined, joined_some, json_text
from helicone_logging.payload.fields import (
    AGENT_NAME,
    ERROR_TYPE,
    MODEL,
    OPENTELEMETRY,
    OPERATION,
    PROPERTY,
    Rest,
    Special,
    read_count,
    read_number,
    read_text,
)
from helicone_logging.payload.span import Value

NAMES = frozenset(OPENTELEMETRY)

_INSTRUCTIONS = "gen_ai.system_instructions"
_TEXTS = ("content", "text", "page_content", "document")
_TOLD = frozenset(("id", "score", *_TEXTS))


# How a value is read that becomes a property too, as the server drops its attribute, and under which name.
_PROPERTIES: Mapping[str, tuple[Callable[[object], Value | None], str]] = {
    AGENT_NAME: (read_text, "agent"),
    ERROR_TYPE: (read_text, "exception"),
    "gen_ai.response.id": (read_text, "response_id"),
    "gen_ai.response.time_to_first_chunk": (read_number, "time_to_first_chunk"),
    "gen_ai.usage.cache_read.input_tokens": (read_count, "cached_tokens"),
    "gen_ai.usage.cache_creation.input_tokens": (read_count, "cache_creation_tokens"),
    "gen_ai.usage.reasoning.output_tokens": (read_count, "reasoning_tokens"),
}


def read(special: Special, attributes: dict[str, Value], rest: Rest) -> None:
    """Reads the fields that have OpenTelemetry's names.

    Args:
        special: the record's fields; what was asked and answered is added to them, and how it ended.
        attributes: where values go that Helicone shows as properties.
        rest: where values go that cannot be read, or say what another field says.
    """
    _show(special, attributes, rest)
    if ERROR_TYPE in attributes:
        special.setdefault("status", "error")
    for operation, asked, answered, answer in _STEPS:
        if (asked in special or answered in special) and MODEL not in attributes:
            attributes.setdefault(OPERATION, operation)
        _write_step(special, "messages", asked, text_of, rest)
        _write_step(special, "completion", answered, answer, rest)
    if _INSTRUCTIONS in special:
        instructions = Message("system", joined(text for _, text in read_messages(parsed(special[_INSTRUCTIONS]))))
        messages = read_messages(special.get("messages"))
        special["messages"] = messages if instructions in messages[:1] else [instructions, *messages]


def _show(special: Special, attributes: dict[str, Value], rest: Rest) -> None:
    for name, (read_value, shown) in _PROPERTIES.items():
        if name in special:
            value = read_value(special[name])
            if value is None:
                rest[name] = special[name]
            else:
                attributes[name] = value
                attributes[PROPERTY + shown] = text_of(value)


def _write_step(special: Special, field: str, name: str, as_text: Callable[[object], str], rest: Rest) -> None:
    """Says in a field what has another name, unless the record says something there already."""
    if name in special:
        if field in special:
            rest[name] = special[name]
        else:
            special[field] = as_text(special[name])


def _result(value: object) -> str:
    """What a tool gave back: any value, or the parts of a message, as servers of MCP answer."""
    parts = safe_get.items(value)
    return content_text(parts) if parts and are_parts(parts) else text_of(value)


def documents_text(value: object) -> str:
    """Returns what was found, a line or more each, the best first as they came."""
    documents = safe_get.items(parsed(value))
    if documents is None:
        return text_of(value)
    return joined_some(documents, _document)


def _document(document: object) -> str:
    fields = safe_vars(document)
    if not fields:
        return f"[document] {text_of(document)}"
    title, score = text_of(fields.get("id")), safe_get.number(fields.get("score"))
    text = content_text(safe_get.first(fields, *_TEXTS))
    others = {name: value for name, value in fields.items() if name not in _TOLD and value not in (None, {})}
    mark = f"[document{title and ' '}{title}]"
    told = (mark, "" if score is None else f"{score:.4g}", text, json_text(others) if others else "")
    return " ".join(filter(None, told))


# Steps that are no calls of a model: what each does, the names of what it was given and gave back, and that as text.
_STEPS: tuple[tuple[str, str, str, Callable[[object], str]], ...] = (
    ("execute_tool", "gen_ai.tool.call.arguments", "gen_ai.tool.call.result", _result),
    ("retrieval", "gen_ai.retrieval.query.text", "gen_ai.retrieval.documents", documents_text),
)
