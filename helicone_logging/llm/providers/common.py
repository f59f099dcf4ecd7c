"""What the readers of all families of APIs share: the fields they make, and what they look for in all places."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from helicone_logging.core.safe_vars import EMPTY, Vars, safe_vars
from helicone_logging.llm import placeholders, safe_get
from helicone_logging.llm.messages import Choice, Message, read_messages
from helicone_logging.llm.placeholders import joined
from helicone_logging.llm.tools import error_text

Fields = dict[str, object]
"""`extra=` fields by name."""


class Request(NamedTuple):
    """What a request asks for.

    Args:
        operation: what the model is to do.
        messages: the prompt.
        provider: where no other could be meant; else None.
    """

    operation: str
    messages: list[Message]
    provider: str | None = None


def known(fields: Mapping[str, object]) -> Fields:
    """Returns the fields that have a value."""
    return {name: value for name, value in fields.items() if value is not None}


def answer(
    operation: str,
    completion: object,
    others: Mapping[str, object],
    response: Vars = EMPTY,
    provider: str | None = None,
) -> Fields:
    """Returns the fields of an answer that have a value.

    Args:
        operation: what the model did.
        completion: what it answered, as text or choices.
        others: more fields, such as those of its usage; they win.
        response: what may hold its `model` and its own `id`.
        provider: where no other could be meant; else None.
    """
    fields: Fields = {
        "operation": operation,
        "provider": provider,
        "model": name(response, "model"),
        "response_id": name(response, "id"),
        "completion": [Choice("assistant", completion, None)] if isinstance(completion, str) else completion or None,
    }
    return known({**fields, **others})


def name(fields: Vars, *names: str) -> str | None:
    """Returns the first text that is not empty under some names."""
    for candidate in names:
        value = fields.get(candidate)
        if value is not None and (found := safe_get.text(value)):
            return found
    return None


def tokens(fields: Vars, *names: str) -> int | None:
    """Returns the sum of the counts under some names; None when there is none of them."""
    total = None
    for key in names:
        amount = safe_get.count(fields.get(key))
        if amount is not None:
            total = amount if total is None else total + amount
    return total


def first_count(fields: Vars, *names: str) -> int | None:
    """Returns the first count under some names; None when there is none of them."""
    return next((amount for key in names if (amount := safe_get.count(fields.get(key))) is not None), None)


def inner(fields: Vars, *names: str) -> Vars:
    """Returns what the object under the first of some names holds; empty when there is none."""
    for key in names:
        value = fields.get(key)
        if value is not None and (found := safe_vars(value)):
            return found
    return EMPTY


def entries(fields: Vars, *names: str) -> list[Vars]:
    """Returns what each object of the list under the first of some names holds."""
    for key in names:
        found = safe_get.items(fields.get(key))
        if found is not None:
            return [entry_fields for entry in found if (entry_fields := safe_vars(entry)) is not None]
    return []


def last(chunks: Sequence[Vars], *names: str) -> object:
    """Returns the last value under some names in the chunks of a stream."""
    return next((value for chunk in reversed(chunks) for key in names if (value := chunk.get(key)) is not None), None)


def first_name(chunks: Sequence[Vars], *names: str) -> str | None:
    """Returns the first text that is not empty under some names in the chunks of a stream."""
    return next((found for chunk in chunks if (found := name(chunk, *names))), None)


def with_system(system: object, messages: object) -> list[Message]:
    """Returns a prompt with the system's instructions, which are text, parts or a message, as its first message."""
    read = read_messages(messages)
    if system is None:
        return read
    instructions = joined(message.content for message in read_messages(system))
    return [Message("system", instructions), *read] if instructions else read


def with_error(fields: Fields, error: object) -> Fields:
    """Returns the fields of an answer that an error ended: what was said first, then the error.

    Args:
        fields: those of the answer.
        error: text, or an object with a message; None for none.
    """
    if error is None or not (message := error_text(error)):
        return fields
    return {**with_appended(fields, placeholders.error(message)), "status": "error", **kind_of_error(error)}


def with_appended(fields: Fields, told: str) -> Fields:
    """Returns the fields of an answer with a text behind what its first choice says."""
    choices = fields.get("completion")
    first, *others = choices if isinstance(choices, list) and choices else [Choice("assistant", "", None)]
    return {**fields, "completion": [first._replace(content=joined((first.content, told))), *others]}


def kind_of_error(error: object) -> Fields:
    """Returns what sort of error it was, in the provider's word, as the property `exception`."""
    fields = safe_vars(error) or EMPTY
    kind = name(fields, "code", "type", "status", "Code") or name(inner(fields, "error"), "code", "type", "status")
    number = tokens(fields, "code")
    return {"properties": {"exception": kind or str(number)}} if kind or number is not None else {}
