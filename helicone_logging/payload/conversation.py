"""What was asked and what was answered, as the indexed attributes that Helicone reads."""

from __future__ import annotations

import functools
import itertools
from collections.abc import Iterator, Sequence

from helicone_logging.llm import safe_get
from helicone_logging.llm.messages import Message, read_choices, read_messages
from helicone_logging.payload.fields import COMPLETION, PROMPT, Rest, Special, read_text, text_in
from helicone_logging.payload.redaction import not_captured
from helicone_logging.payload.span import Value

MAX_MESSAGES = 500


def write_prompt(special: Special, attributes: dict[str, Value], *, capture_text: bool) -> bool:
    """Writes `messages` into the prompt's attributes.

    Args:
        special: the record's fields.
        attributes: where to write them.
        capture_text: False to write the size of each content instead of the content.

    Returns:
        Whether there were any.
    """
    asked = special.get("messages")
    if asked is None:
        return False
    if type(asked) is str:
        say(attributes, PROMPT, "user", asked if capture_text else not_captured(asked))
        return True
    messages = read_messages(asked)
    if len(messages) > MAX_MESSAGES:
        messages = _without_middle(messages)
    for (role_key, content_key, _), (role, content) in zip(_keys(PROMPT), messages, strict=False):
        attributes[role_key] = role  # before the content, as the server drops an entry that begins without one
        attributes[content_key] = content if capture_text else not_captured(content)
    return bool(messages)


def write_completion(special: Special, attributes: dict[str, Value], rest: Rest, *, capture_text: bool) -> bool:
    """Writes `completion`, `finish_reason` and `tool_calls` into the completion's attributes.

    Args:
        special: the record's fields.
        attributes: where to write them.
        rest: where a finish reason goes that is no text, or belongs to nothing.
        capture_text: False to write the size of each content instead of the content.

    Returns:
        Whether there was anything.
    """
    completion = special.get("completion")
    if "tool_calls" in special:
        completion = _with_tool_calls(completion, special["tool_calls"])
    if completion is None:
        if "finish_reason" in special:
            rest["finish_reason"] = special["finish_reason"]
        return False
    reasons = _finish_reasons(special, rest)
    if type(completion) is str:
        say(attributes, COMPLETION, "assistant", completion if capture_text else not_captured(completion))
        if reason := next(reasons):
            attributes[_keys(COMPLETION)[0][2]] = reason
        return True
    choices = read_choices(completion)
    for (role_key, content_key, reason_key), choice, given in zip(_keys(COMPLETION), choices, reasons, strict=False):
        attributes[role_key] = choice.role
        attributes[content_key] = choice.content if capture_text else not_captured(choice.content)
        reason = choice.finish_reason or given
        if reason:
            attributes[reason_key] = reason
    return bool(choices)


def _finish_reasons(special: Special, rest: Rest) -> Iterator[str | None]:
    """Why each choice ended: one reason for all of them, or a list as OpenTelemetry has it."""
    several = safe_get.items(special.get("finish_reason"))
    if several is None:
        return itertools.repeat(text_in(special, "finish_reason", rest))
    reasons = map(read_text, several)
    return itertools.repeat(next(reasons)) if len(several) == 1 else itertools.chain(reasons, itertools.repeat(None))


def say(attributes: dict[str, Value], prefix: str, role: str, content: str) -> None:
    """Writes one message, the only one of a prompt or a completion.

    Args:
        attributes: where to write it.
        prefix: `PROMPT` or `COMPLETION`.
        role: who speaks.
        content: what is said.
    """
    role_key, content_key, _ = _keys(prefix)[0]
    attributes[role_key] = role
    attributes[content_key] = content


@functools.cache
def _keys(prefix: str) -> tuple[tuple[str, str, str], ...]:
    """The attributes of each message: role, content and finish reason."""
    return tuple(
        (f"{prefix}{index}.role", f"{prefix}{index}.content", f"{prefix}{index}.finish_reason")
        for index in range(MAX_MESSAGES)
    )


def _with_tool_calls(completion: object, tool_calls: object) -> list[object]:
    """The completion's first choice with the tool calls of a field of their own."""
    choices = read_choices(completion) if completion is not None else []
    text = choices[0].content if choices else ""
    first = {"role": "assistant", "content": text, "tool_calls": tool_calls}
    reason = choices[0].finish_reason if choices else None
    return [{"message": first, "finish_reason": reason}, *choices[1:]]


def _without_middle(messages: Sequence[Message]) -> list[Message]:
    """Of a very long conversation the beginning, which instructs, and the end, which is what was asked now."""
    left_out = len(messages) - MAX_MESSAGES
    mark = Message("system", f"[… {left_out + 1} messages left out …]")
    return [*messages[: MAX_MESSAGES // 2], mark, *messages[left_out + 1 + MAX_MESSAGES // 2 :]]
