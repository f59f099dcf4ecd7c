"""The vocabulary of `extra=`: one table that says for each field how its value is read and where it lands.

A reader takes a value only when it understands it. What no reader takes ends as an attribute of its own, so that
nothing a user logged is lost.
"""

from __future__ import annotations

import enum
import numbers
import uuid
from collections.abc import Callable, Mapping
from typing import NamedTuple, TypeVar

from helicone_logging.context import binding
from helicone_logging.core import bounded, ids
from helicone_logging.core.coerce import native, plain_of, scalar_of, text_of, unreadable, whole
from helicone_logging.llm.json_text import parsed
from helicone_logging.payload.span import Value

HELICONE = "traceloop.association.properties.Helicone-"
PROPERTY = HELICONE + "Property-"
PROMPT = "gen_ai.prompt."
COMPLETION = "gen_ai.completion."
SYSTEM = "gen_ai.system"
PROVIDER = "gen_ai.provider.name"
MODEL = "gen_ai.response.model"
PROMPT_TOKENS = "gen_ai.usage.prompt_tokens"
COMPLETION_TOKENS = "gen_ai.usage.completion_tokens"
TOTAL_TOKENS = "llm.usage.total_tokens"
OPERATION = "llm.request.type"
TOOL_NAME = "gen_ai.tool.name"
ERROR_TYPE = "error.type"
AGENT_NAME = "gen_ai.agent.name"

MAX_COUNT = 10**12

_Read = TypeVar("_Read")


def read_text(value: object) -> str | None:
    """Returns a scalar as text; None for containers and foreign objects."""
    if type(value) is str:
        return value
    if isinstance(value, enum.Enum):
        value = value.value
    return text_of(value) if isinstance(value, str | int | float | uuid.UUID) else None


def read_id(value: object) -> str | None:
    """Returns what `str()` makes of a value, as of a database's id; None for False, containers and what has no text."""
    if value is False:
        return None
    text = read_text(value)
    if text is not None:
        return text
    kind = type(value)
    if kind.__str__ is object.__str__ and kind.__repr__ is object.__repr__:  # no more than an address in memory
        return None
    plain = plain_of(value)
    is_text = isinstance(plain, str | int | float) and plain != unreadable(value)
    return text_of(plain) if is_text else None


def read_count(value: object) -> int | None:
    """Returns a number of things as an int, from any whole number or digits; None for what counts nothing."""
    if isinstance(value, str):
        number = int(value) if value.strip().isdecimal() and len(value) < 16 else None
    else:
        number = value if type(value) is int else whole(value)
    return number if number is not None and 0 <= number <= MAX_COUNT else None


def read_number(value: object) -> Value | None:
    """Returns a number; None for everything else, bool included."""
    kind = type(value)
    if kind is float or kind is int:
        return value if kind is float else scalar_of(value)  # type: ignore[return-value]
    value = native(value)
    is_number = isinstance(value, numbers.Number) and not isinstance(value, bool)
    return scalar_of(value) if is_number else None


OPENTELEMETRY = (
    AGENT_NAME, ERROR_TYPE, "gen_ai.response.id", "gen_ai.response.time_to_first_chunk", "gen_ai.system_instructions",
    "gen_ai.tool.call.arguments", "gen_ai.tool.call.result", "gen_ai.retrieval.query.text",
    "gen_ai.retrieval.documents", "gen_ai.usage.cache_read.input_tokens", "gen_ai.usage.cache_creation.input_tokens",
    "gen_ai.usage.reasoning.output_tokens",
)  # fmt: skip
"""Names of OpenTelemetry's semantic conventions that no field of ours stands for."""


class Field(NamedTuple):
    """A field of `extra=`.

    Args:
        name: its name.
        read: returns the value as the attributes carry it, or None for a value that this field cannot hold; None for
            a field that is read together with others.
        lands_in: the attributes that carry it; those behind the first may be given a value of their own.
        aliases: other names for it, the strongest first.
        plain: the type of values that are taken as they are.
    """

    name: str
    read: Callable[[object], Value | None] | None = None
    lands_in: tuple[str, ...] = ()
    aliases: tuple[str, ...] = ()
    plain: type | None = None


def _text(name: str, *lands_in: str, aliases: tuple[str, ...] = ()) -> Field:
    return Field(name, read_text, lands_in, aliases, plain=str)


def _id(name: str, *lands_in: str) -> Field:
    return Field(name, read_id, lands_in, plain=str)


def _count(name: str, *lands_in: str, aliases: tuple[str, ...] = ()) -> Field:
    return Field(name, read_count, lands_in, aliases)


def _parameter(name: str) -> Field:
    attribute = f"gen_ai.request.{name}"
    return Field(name, read_number, (attribute,), aliases=(attribute,), plain=float)


TABLE = (
    _text("provider", SYSTEM, aliases=(SYSTEM, PROVIDER)),
    _text("model", MODEL, "gen_ai.request.model", aliases=(MODEL, "gen_ai.request.model")),
    _text("operation", OPERATION, "gen_ai.operation.name", aliases=("gen_ai.operation.name", OPERATION)),
    _text("tool_name", TOOL_NAME, aliases=(TOOL_NAME,)),
    _count("prompt_tokens", PROMPT_TOKENS, aliases=("input_tokens", "gen_ai.usage.input_tokens", PROMPT_TOKENS)),
    _count(
        "completion_tokens",
        COMPLETION_TOKENS,
        aliases=("output_tokens", "gen_ai.usage.output_tokens", COMPLETION_TOKENS),
    ),
    _count("total_tokens", TOTAL_TOKENS, aliases=("gen_ai.usage.total_tokens", TOTAL_TOKENS)),
    _count(
        "max_tokens",
        "gen_ai.response.max_tokens",
        "gen_ai.request.max_tokens",
        aliases=("gen_ai.request.max_tokens",),
    ),
    _parameter("temperature"),
    _parameter("top_p"),
    _parameter("top_k"),
    _parameter("frequency_penalty"),
    _parameter("presence_penalty"),
    _parameter("seed"),
    _id("user_id", HELICONE + "User-Id"),
    _id("prompt_id", HELICONE + "Prompt-Id"),
    # Where the span stands (identity.py, times.py, session_cache.py).
    Field("trace_id"),
    Field("span_id"),
    Field("parent_span_id"),
    Field("traceparent"),
    Field("start_time"),
    Field("end_time"),
    Field("duration_ms", aliases=("latency_ms",)),
    Field("duration"),
    Field("span_name"),
    Field("session_id", aliases=("gen_ai.conversation.id",)),
    Field("session_name"),
    Field("session_path"),
    Field("parent_path"),
    # What was said (conversation.py), and how it ended (builder.py).
    Field("messages", aliases=("prompt", "gen_ai.input.messages")),
    Field("completion", aliases=("choices", "gen_ai.output.messages")),
    Field("tool_calls"),
    Field("finish_reason", aliases=("gen_ai.response.finish_reasons",)),
    Field("status"),
    Field("span_kind"),
    Field("properties"),
    # What holds other fields (sources.py).
    Field("helicone"),
    Field("llm_request"),
    Field("llm_response"),
    Field("otel_span"),
    Field("otel_attributes"),
    # OpenTelemetry's names of what Helicone has no name for (semconv.py).
    *map(Field, OPENTELEMETRY),
)

FIELDS: Mapping[str, Field] = {field.name: field for field in TABLE}
ALIASES: Mapping[str, str] = {alias: field.name for field in TABLE for alias in field.aliases}

_STRENGTH: Mapping[str, int] = {alias: number for number, alias in enumerate(ALIASES)}
_AS_JSON = frozenset(("gen_ai.input.messages", "gen_ai.output.messages", "gen_ai.response.finish_reasons"))

READERS: Mapping[str, Field] = {**FIELDS, **{alias: FIELDS[name] for alias, name in ALIASES.items()}}
"""The table by every name that a field may have."""

OUR_OWN = frozenset({"parent_path", "otel_span", "otel_attributes"})
"""What `span()` and `HeliconeSpanProcessor` write for themselves, and no user has to know."""

CONTEXT_FIELDS = ("trace_id", "traceparent", "span_id", "helicone")
"""Fields that make a record one to export."""

MODEL_FIELDS = (
    "model", "messages", "prompt", "completion", "llm_request", "llm_response", "operation", "tool_name",
    "gen_ai.operation.name", "gen_ai.request.model", MODEL, "gen_ai.input.messages", "gen_ai.output.messages",
    TOOL_NAME,
)  # fmt: skip
"""Fields that make a record one to export inside a bound context."""


def is_given(value: object) -> bool:
    """Returns whether a field has a value: None and empty text are as if absent."""
    return value is not None and not (type(value) is str and not value)


def says_something(name: str, value: object) -> bool:
    """Returns whether a field has a value, and an id one that names something."""
    return ids.is_named(name, value) if name in binding.IDS else is_given(value)


def canonical(data: Mapping[str, object]) -> dict[str, object]:
    """Returns the fields that have a value, each under its own name instead of an alias.

    Args:
        data: names and values as they were logged; where a field and its alias both have a value, the field's own
            name wins and the alias stays as a field of no special meaning.
    """
    fields = {
        key if type(key) is str else text_of(key): value
        for key, value in bounded.items(data)
        if value is not None and not (type(value) is str and not value)  # `is_given`, without the call
    }
    if not ALIASES.keys().isdisjoint(fields):
        for key in sorted((key for key in fields if key in ALIASES), key=strength):
            name = ALIASES[key]
            if name not in fields:
                fields[name] = value_of_alias(key, fields.pop(key))
    return fields


def strength(alias: str) -> int:
    """Returns the place of an alias: of several that a record has, the one of the lowest place names its field."""
    return _STRENGTH[alias]


def value_of_alias(alias: str, value: object) -> object:
    """Returns the value of a field that was logged under another name: spans hold some of these as JSON text."""
    return parsed(value) if alias in _AS_JSON else value


Special = dict[str, object]
"""The fields of a record that are read together with others, by name; each has a value."""

Rest = dict[str, object]
"""What no reader understood, by name."""


def read_in(special: Special, name: str, rest: Rest, read: Callable[[object], _Read | None]) -> _Read | None:
    """Returns what a reader makes of a field; None when that is absent, or not understood, and so goes to the rest."""
    value = special.get(name)
    if value is None:
        return None
    found = read(value)
    if found is None:
        rest[name] = value
    return found


def text_in(special: Special, name: str, rest: Rest, read: Callable[[object], str | None] = read_text) -> str | None:
    """Returns a field that holds text, as `read_in` does."""
    return read_in(special, name, rest, read)
