"""What was asked and what was answered, as the indexed attributes that Helicone reads.

Without `capture_text`, the size of each content stands in its place.
"""

from __future__ import annotations

import functools
import itertools
from collections.abc import Iterator, Mapping

from helicone_logging.core.coerce import text_of
from helicone_logging.llm import placeholders, safe_get
from helicone_logging.llm.messages import MAX_MESSAGES, Choice, read_choices, read_messages, without_middle
from helicone_logging.payload.exceptions import ExceptionInfo
from helicone_logging.payload.fields import COMPLETION, ERROR_TYPE, PROMPT, Rest, Special, read_text, text_in
from helicone_logging.payload.redaction import not_captured
from helicone_logging.payload.span import Value

_TELLS_NO_CONTENT = (".role", ".finish_reason")
_MAX_DIGITS = 6
_CANCELLED = "[cancelled]"


def write_conversation(
    special: Special,
    attributes: dict[str, Value],
    rest: Rest,
    text: str,
    exception: ExceptionInfo | None,
    *,
    is_error: bool,
    capture_text: bool,
) -> None:
    """Writes the prompt and the completion, and how the call failed.

    Args:
        special: the fields that say so.
        attributes: where it is written.
        rest: where what cannot be read is left.
        text: the record's, which is the prompt where no messages were logged.
        exception: what it tells of one, if anything.
        is_error: whether the status of its span is an error.
        capture_text: False to write the sizes of content.
    """
    has_prompt = _write_prompt(special, attributes, rest, capture_text=capture_text)
    if not has_prompt:
        _write_message(attributes, PROMPT, "user", text)
    has_completion = _write_completion(special, attributes, rest, capture_text=capture_text)
    is_failure = exception is not None or ERROR_TYPE in attributes
    if is_error or (is_failure and not has_completion):
        told = text if has_prompt else ""
        _write_failure(special, attributes, exception, told, has_completion=has_completion)
    elif not has_completion:
        _write_cancelled(special, attributes)


def _write_prompt(special: Special, attributes: dict[str, Value], rest: Rest, *, capture_text: bool) -> bool:
    """Writes `messages`, or what was logged under the names of their attributes, and returns whether there were any."""
    asked = special.get("messages")
    if asked is None:
        return _write_spelled_out(PROMPT, attributes, rest, capture_text=capture_text)
    if type(asked) is str:  # as most are
        _write_message(attributes, PROMPT, "user", asked if capture_text else not_captured(asked))
        return True
    messages = without_middle(read_messages(asked))
    for (role_key, content_key, _), (role, content) in zip(_keys(PROMPT), messages, strict=False):
        attributes[role_key] = role  # before the content, as the server drops an entry that begins without one
        attributes[content_key] = content if capture_text else not_captured(content)
    return bool(messages)


def _write_completion(special: Special, attributes: dict[str, Value], rest: Rest, *, capture_text: bool) -> bool:
    """Writes `completion`, `finish_reason` and `tool_calls`, and returns whether there was anything."""
    completion = special.get("completion")
    if "tool_calls" in special:
        completion = _with_tool_calls(completion, special["tool_calls"])
    if completion is None:
        if "finish_reason" in special:
            rest["finish_reason"] = special["finish_reason"]
        return _write_spelled_out(COMPLETION, attributes, rest, capture_text=capture_text)
    reasons = _finish_reasons(special, rest)
    if type(completion) is str:
        _write_message(attributes, COMPLETION, "assistant", completion if capture_text else not_captured(completion))
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


def _write_message(attributes: dict[str, Value], prefix: str, role: str, content: str) -> None:
    """Writes one message, the only one of a prompt or a completion."""
    role_key, content_key, _ = _keys(prefix)[0]
    attributes[role_key] = role
    attributes[content_key] = content


def _write_failure(
    special: Special,
    attributes: dict[str, Value],
    exception: ExceptionInfo | None,
    said: str,
    *,
    has_completion: bool,
) -> None:
    """Writes how a call failed in the place of its answer, or behind it: a row of Helicone shows no failure.

    `said` is the record's text, where that is not the prompt.
    """
    if exception is not None and not has_completion:
        _write_message(attributes, COMPLETION, "assistant", exception.summary)
        return
    if exception is not None:
        failure = exception.summary
    elif has_completion:
        return
    elif ERROR_TYPE in attributes:
        failure = str(attributes[ERROR_TYPE])
    else:
        failure = f"status {read_text(special['status']) or ''}".strip() if "status" in special else said
    role_key, content_key, _ = _keys(COMPLETION)[0]
    answer = str(attributes.get(content_key, ""))
    if failure and failure not in answer:
        attributes.setdefault(role_key, "assistant")
        attributes[content_key] = placeholders.joined((answer, placeholders.error(failure)))


def _write_cancelled(special: Special, attributes: dict[str, Value]) -> None:
    """Writes in the place of an answer that the work was cancelled, as `span()` tells by a property."""
    properties = special.get("properties")
    if isinstance(properties, Mapping) and properties.get("cancelled") == "true":
        _write_message(attributes, COMPLETION, "assistant", _CANCELLED)


def _write_spelled_out(prefix: str, attributes: dict[str, Value], rest: Rest, *, capture_text: bool) -> bool:
    """Writes messages that were logged under the attributes' own names, and returns whether the first one was."""
    if _keys(prefix)[0][1] not in rest:
        return False
    for key in sorted((key for key in rest if key.startswith(prefix)), key=_place_of):
        text = text_of(rest.pop(key))
        attributes[key] = text if capture_text or key.endswith(_TELLS_NO_CONTENT) else not_captured(text)
    return True


def _place_of(key: str) -> tuple[int, bool]:
    """By the number of the message, and the role before its content."""
    _, _, number, *_ = key.split(".")
    return int(number) if number.isdecimal() and len(number) < _MAX_DIGITS else MAX_MESSAGES, not key.endswith(".role")


@functools.cache
def _keys(prefix: str) -> tuple[tuple[str, str, str], ...]:
    """The attributes of each message: role, content and finish reason."""
    return tuple(
        (f"{prefix}{index}.role", f"{prefix}{index}.content", f"{prefix}{index}.finish_reason")
        for index in range(MAX_MESSAGES)
    )


def _with_tool_calls(completion: object, tool_calls: object) -> list[object]:
    """The completion's first choice with the tool calls of a field of their own."""
    said, *others = read_choices(completion) or [Choice("assistant", "", None)]
    first = {"role": "assistant", "content": said.content, "tool_calls": tool_calls}
    return [{"message": first, "finish_reason": said.finish_reason}, *others]
