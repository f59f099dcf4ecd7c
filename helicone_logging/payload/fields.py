"""The vocabulary of `extra=`: which names are fields, what they may hold, and where they land in the span.

Every reader here takes a field out of the record's fields only when it understands the value. What nobody takes
stays, and ends as an attribute of its own, so that nothing a user logged is lost.
"""

from __future__ import annotations

import datetime
import enum
import functools
import numbers
import re
import uuid
from collections.abc import Callable, Mapping
from typing import NamedTuple

from helicone_logging.core.coerce import Scalar, scalar_of, text_of
from helicone_logging.llm import messages
from helicone_logging.payload.redaction import size_of

HELICONE = "traceloop.association.properties.Helicone-"
PROPERTY = HELICONE + "Property-"
PROMPT = "gen_ai.prompt."
COMPLETION = "gen_ai.completion."
MODEL = "gen_ai.response.model"
TOTAL_TOKENS = "llm.usage.total_tokens"

# What a client that follows OpenTelemetry may have called them, beside the aliases of the fields themselves.
_SEMANTIC_CONVENTIONS = {
    "gen_ai.system": "provider",
    "gen_ai.provider.name": "provider",
    "gen_ai.request.model": "model",
    "gen_ai.response.model": "model",
    "gen_ai.operation.name": "operation",
    "gen_ai.tool.name": "tool_name",
    "gen_ai.usage.input_tokens": "prompt_tokens",
    "gen_ai.usage.prompt_tokens": "prompt_tokens",
    "gen_ai.usage.output_tokens": "completion_tokens",
    "gen_ai.usage.completion_tokens": "completion_tokens",
    "gen_ai.request.max_tokens": "max_tokens",
    "gen_ai.conversation.id": "session_id",
}

MAX_MESSAGES = 500
MAX_COUNT = 10**12
_SHORT = 200  # characters of a value that is still shown as a property
_SHOWN_TYPES = (str, numbers.Number, uuid.UUID, datetime.date, datetime.time, enum.Enum)
_READ_BY_SERVER = ("gen_ai.", "llm.", "traceloop.")
_MAX_PROPERTY_KEY = 100
_MAX_KEY = 256
_NOT_IN_PROPERTY_KEY = re.compile(r"[^\w.\- ]+", re.ASCII)


class Field(NamedTuple):
    """A field that lands in attributes as it is.

    Args:
        name: its name in `extra=`.
        read: the value as the attribute carries it, or None for a value that this field cannot hold.
        lands_in: the attributes it is written to.
        aliases: other names for it.
    """

    name: str
    read: Callable[[object], Scalar | None]
    lands_in: tuple[str, ...]
    aliases: tuple[str, ...] = ()


def read_text(value: object) -> str | None:
    """Returns a scalar as text; None for containers and foreign objects."""
    if type(value) is str:
        return value
    if isinstance(value, enum.Enum):
        value = value.value
    return text_of(value) if isinstance(value, str | int | float | uuid.UUID) else None


def read_count(value: object) -> Scalar | None:
    """Returns a number of things as an int, whole floats and digits in text too; None for what counts nothing."""
    if type(value) is int:
        return value if 0 <= value <= MAX_COUNT else None
    is_digits = isinstance(value, str) and value.strip().isdecimal() and len(value) < 16
    is_whole = isinstance(value, float) and value.is_integer()
    number = scalar_of(int(float(str(value))) if is_digits or is_whole else value)
    return number if isinstance(number, int) and 0 <= number <= MAX_COUNT else None


def read_number(value: object) -> Scalar | None:
    """Returns a number as an int or text; None for everything else."""
    is_number = isinstance(value, numbers.Number) and not isinstance(value, bool)
    return scalar_of(value) if is_number else None


def _parameter(name: str) -> Field:
    return Field(name, read_number, (f"gen_ai.request.{name}",))


ATTRIBUTE_FIELDS = (
    Field("provider", read_text, ("gen_ai.system",)),
    Field("model", read_text, (MODEL, "gen_ai.request.model")),
    Field("operation", read_text, ("llm.request.type", "gen_ai.operation.name")),
    Field("tool_name", read_text, ("gen_ai.tool.name",)),
    Field("prompt_tokens", read_count, ("gen_ai.usage.prompt_tokens",), ("input_tokens",)),
    Field("completion_tokens", read_count, ("gen_ai.usage.completion_tokens",), ("output_tokens",)),
    Field("total_tokens", read_count, (TOTAL_TOKENS,)),
    Field("max_tokens", read_count, ("gen_ai.response.max_tokens", "gen_ai.request.max_tokens")),
    _parameter("temperature"),
    _parameter("top_p"),
    _parameter("top_k"),
    _parameter("frequency_penalty"),
    _parameter("presence_penalty"),
    _parameter("seed"),
    Field("user_id", read_text, (HELICONE + "User-Id",)),
    Field("prompt_id", read_text, (HELICONE + "Prompt-Id",)),
)

_ATTRIBUTE_FIELDS = {field.name: field for field in ATTRIBUTE_FIELDS}

CONTENT_FIELDS = {"messages": ("prompt",), "completion": ("choices",)}
TIME_FIELDS = {"start_time": (), "end_time": (), "duration_ms": ("latency_ms",), "duration": ()}

ALIASES: Mapping[str, str] = {
    **{alias: field.name for field in ATTRIBUTE_FIELDS for alias in field.aliases},
    **{alias: name for name, aliases in {**CONTENT_FIELDS, **TIME_FIELDS}.items() for alias in aliases},
    **_SEMANTIC_CONVENTIONS,
}

CONTEXT_FIELDS = ("trace_id", "traceparent", "span_id", "helicone")
"""Fields that make a record one to export."""

MODEL_FIELDS = (
    "model", "messages", "prompt", "completion", "llm_request", "llm_response", "operation", "tool_name",
)  # fmt: skip
"""Fields that make a record one to export inside a bound context."""


def is_given(value: object) -> bool:
    """Returns whether a field has a value: None and empty text are as if absent."""
    return value is not None and not (type(value) is str and not value)


def canonical(data: Mapping[str, object]) -> dict[str, object]:
    """Returns the fields that have a value, each under its own name instead of an alias.

    Args:
        data: names and values as they were logged; where a field and its alias both have a value, the field's own
            name wins and the alias stays as a field of no special meaning.
    """
    fields = {
        key if type(key) is str else text_of(key): value
        for key, value in data.items()
        if value is not None and not (type(value) is str and not value)  # `is_given`, without the call
    }
    for key in [key for key in fields if key in ALIASES]:
        name = ALIASES[key]
        if name not in fields:
            fields[name] = fields.pop(key)
    return fields


def take_attributes(fields: dict[str, object], attributes: dict[str, Scalar]) -> None:
    """Takes the fields that land in attributes as they are, and sums up the tokens where the total is missing."""
    for name in [name for name in fields if name in _ATTRIBUTE_FIELDS]:
        field = _ATTRIBUTE_FIELDS[name]
        value = field.read(fields[name])
        if value is not None:
            del fields[name]
            for key in field.lands_in:
                attributes[key] = value
    if TOTAL_TOKENS not in attributes:
        _sum_tokens(attributes)


def _sum_tokens(attributes: dict[str, Scalar]) -> None:
    parts = (attributes.get("gen_ai.usage.prompt_tokens"), attributes.get("gen_ai.usage.completion_tokens"))
    known = [part for part in parts if isinstance(part, int)]
    if known:
        attributes[TOTAL_TOKENS] = sum(known)


def take_text(fields: dict[str, object], name: str) -> str | None:
    """Takes one field that holds text, or None when it is absent or holds something else."""
    if name not in fields:
        return None
    text = read_text(fields[name])
    if text is not None:
        del fields[name]
    return text


def take_messages(fields: dict[str, object], attributes: dict[str, Scalar], *, capture_text: bool) -> bool:
    """Takes `messages` into the prompt's attributes.

    Args:
        fields: the record's fields.
        attributes: where to write them.
        capture_text: False to send the size of each content instead of the content.

    Returns:
        Whether there were any.
    """
    if "messages" not in fields:
        return False
    for index, (role, content) in enumerate(_without_middle(messages.read_messages(fields.pop("messages")))):
        write_message(attributes, PROMPT, index, role, content if capture_text else size_of(content))
    return PROMPT + "0.role" in attributes


def take_completion(fields: dict[str, object], attributes: dict[str, Scalar], *, capture_text: bool) -> bool:
    """Takes `completion`, `finish_reason` and `tool_calls` into the completion's attributes.

    Args:
        fields: the record's fields.
        attributes: where to write them.
        capture_text: False to send the size of each content instead of the content.

    Returns:
        Whether there was anything.
    """
    completion = fields.pop("completion", None)
    if "tool_calls" in fields:
        completion = _with_tool_calls(completion, fields.pop("tool_calls"))
    if completion is None:
        return False
    finish_reason = take_text(fields, "finish_reason")
    for index, choice in enumerate(messages.read_choices(completion)[:MAX_MESSAGES]):
        content = choice.content if capture_text else size_of(choice.content)
        write_message(attributes, COMPLETION, index, choice.role, content)
        reason = choice.finish_reason or finish_reason
        if reason:
            attributes[f"{COMPLETION}{index}.finish_reason"] = reason
    return COMPLETION + "0.role" in attributes


def _with_tool_calls(completion: object, tool_calls: object) -> list[object]:
    """The completion's first choice with the tool calls of a field of their own."""
    choices = messages.read_choices(completion) if completion is not None else []
    text = choices[0].content if choices else ""
    first = {"role": "assistant", "content": text, "tool_calls": tool_calls}
    reason = choices[0].finish_reason if choices else None
    return [{"message": first, "finish_reason": reason}, *choices[1:]]


def write_message(attributes: dict[str, Scalar], prefix: str, index: int, role: str, content: str) -> None:
    """Writes one message; the role comes first, as the server drops an entry without one."""
    role_key, content_key = _message_keys(prefix, index)
    attributes[role_key] = role
    attributes[content_key] = content


@functools.lru_cache(4 * MAX_MESSAGES)
def _message_keys(prefix: str, index: int) -> tuple[str, str]:
    return f"{prefix}{index}.role", f"{prefix}{index}.content"


def _without_middle(read: list[messages.Message]) -> list[messages.Message]:
    """Of a very long conversation the beginning, which instructs, and the end, which is what was asked now."""
    left_out = len(read) - MAX_MESSAGES
    if left_out <= 0:
        return read
    mark = messages.Message("system", f"[… {left_out + 1} messages left out …]")
    return [*read[: MAX_MESSAGES // 2], mark, *read[left_out + 1 + MAX_MESSAGES // 2 :]]


def properties_of(value: object) -> dict[str, str]:
    """Returns a mapping as Helicone properties: clean keys, values as text, without those that have no value.

    Args:
        value: a mapping; anything else has no properties.
    """
    if value is None or not isinstance(value, Mapping):
        return {}
    try:
        return {property_key(key): text_of(item) for key, item in dict(value).items() if is_given(item)}
    except Exception:  # noqa: BLE001 - a foreign mapping may be broken
        return {}


def property_key(key: object) -> str:
    """Returns a property's name without what its header-like form cannot hold; at most 100 characters."""
    text = _NOT_IN_PROPERTY_KEY.sub("_", text_of(key).strip()) or "_"
    prefix = "helicone-property-"
    return (text[len(prefix) :] or "_" if text.lower().startswith(prefix) else text)[:_MAX_PROPERTY_KEY]


def take_rest(fields: dict[str, object], attributes: dict[str, Scalar], *, capture_text: bool) -> None:
    """Takes everything that is left as attributes under its own name, and what is short as properties too.

    Args:
        fields: what no other reader took; empty afterwards.
        attributes: where to write it; an attribute that stands there already is kept.
        capture_text: False to send the size of a text instead of the text, and no text as a property.
    """
    for key, value in fields.items():
        scalar = scalar_of(value)
        is_ours = key.startswith(_READ_BY_SERVER)
        if isinstance(scalar, str) and not capture_text:
            scalar = size_of(scalar)
        elif not is_ours and _is_short(value, scalar):
            attributes[PROPERTY + property_key(key)] = str(scalar)
        # The server answers 500 to a number where it reads text, as in `gen_ai.system`.
        attributes.setdefault(key[:_MAX_KEY], str(scalar) if is_ours else scalar)
    fields.clear()


def _is_short(value: object, scalar: Scalar) -> bool:
    if isinstance(scalar, int):
        return True
    return issubclass(type(value), _SHOWN_TYPES) and is_short_text(scalar)


def is_short_text(text: str) -> bool:
    """Returns whether a text of the user's own fields is shown as a property, too."""
    return len(text) <= _SHORT and "\n" not in text
