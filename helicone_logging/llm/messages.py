"""Messages and completions of any shape as role and text, which is all that Helicone shows of them."""

from __future__ import annotations

from typing import NamedTuple

from helicone_logging.core import budget
from helicone_logging.core.coerce import CUT
from helicone_logging.llm import safe_get
from helicone_logging.llm.content import are_output, are_parts, content_text, is_item, joined, tool_call_text
from helicone_logging.llm.safe_get import first, get


class Message(NamedTuple):
    """A message of a prompt.

    Args:
        role: who speaks; never empty.
        content: what is said, and what else the message holds, as text.
    """

    role: str
    content: str


class Choice(NamedTuple):
    """One completion.

    Args:
        role: who speaks; never empty.
        content: what is said, and what else the message holds, as text.
        finish_reason: why the model stopped, in the provider's words; None when that is not known.
    """

    role: str
    content: str
    finish_reason: str | None


# What others call the roles that Helicone's pages know: Google, LangChain, and Cohere's first API.
_ROLES = {
    "model": "assistant", "ai": "assistant", "CHATBOT": "assistant", "AIMessageChunk": "assistant",
    "human": "user", "USER": "user", "SYSTEM": "system", "TOOL": "tool",
}  # fmt: skip
_ROLE_NAMES = frozenset(("system", "developer", "user", "assistant", "tool", "function", *_ROLES))
_new_tuple = tuple.__new__
_FINISH_REASONS = ("finish_reason", "finishReason", "stop_reason", "stopReason")


def read_messages(value: object, default_role: str = "user") -> list[Message]:
    """Returns a prompt as messages; it never raises and never uses up an iterator.

    Args:
        value: text, a message (a mapping or an object), or a list of them, as any of the known SDKs have them. A
            list of the parts of one message is one message; what is unknown becomes text.
        default_role: of whatever has no role of its own.
    """
    if type(value) is str:
        return [Message(default_role, value)] if value else []
    entries = _entries(value)
    if are_parts(entries):
        return [Message(default_role, content_text(entries))]
    # A list of plain dicts is what nearly every application logs, and it waits for this: hence the long condition,
    # and `tuple.__new__`, which takes half the time of `Message()`.
    return [
        _new_tuple(Message, (_ROLES.get(role, role), content))
        if type(entry) is dict
        and len(entry) == 2
        and type(role := entry.get("role")) is str
        and type(content := entry.get("content")) is str
        and role
        else _message(entry, default_role)
        for entry in entries
    ]


def read_choices(value: object) -> list[Choice]:
    """Returns completions as choices; it never raises and never uses up an iterator.

    Args:
        value: text, a message, a choice (what holds a `message`, a `text` or a `content`, and why it finished), or a
            list of them. A list of the parts of one message is one choice; what is unknown becomes text.
    """
    if type(value) is str:
        return [_new_tuple(Choice, ("assistant", value, None))] if value else []
    entries = _entries(value)
    if are_parts(entries) or are_output(entries):
        return [Choice("assistant", content_text(entries), None)]
    return [_choice(entry) for entry in entries]


def _entries(value: object) -> list[object]:
    entries = safe_get.items(value)
    if entries is None:
        return [] if value is None or (type(value) is str and not value) else [value]
    return entries


def _choice(entry: object) -> Choice:
    if type(entry) is Choice:
        return entry
    if not safe_get.has_fields(entry):
        return Choice(*_message(entry, "assistant"), None)
    message = first(entry, "message", "delta")
    if message is None:
        candidate = get(entry, "content")  # Google's
        message = candidate if first(candidate, "parts", "role") is not None else entry
    reason = safe_get.text(first(entry, *_FINISH_REASONS))
    return Choice(*_message(message, "assistant"), reason or None)


def _message(entry: object, default_role: str) -> Message:
    if type(entry) is str:
        return Message(default_role, entry)
    if type(entry) is Message:
        return entry
    if not budget.spend():
        return Message(default_role, CUT)
    if type(entry) is tuple and len(entry) == 2 and (role := safe_get.text(entry[0])) in _ROLE_NAMES:  # LangChain
        return Message(_ROLES.get(role, role), content_text(entry[1]))
    if not safe_get.has_fields(entry):
        return Message(default_role, content_text(entry))
    return Message(_role(entry, default_role), _body(entry))


def _role(entry: object, default_role: str) -> str:
    role = safe_get.text(get(entry, "role"))
    if not role:
        role = _role_of_type(safe_get.text(get(entry, "type")) or "")
    return _ROLES.get(role, role) if role else default_role


def _role_of_type(kind: str) -> str:
    """LangChain's messages have their role as type; the items of OpenAI's Responses have none."""
    if kind in _ROLE_NAMES:
        return kind
    if kind.endswith("_output"):
        return "tool"
    return "assistant" if kind == "reasoning" or kind.endswith("_call") else ""


def _body(entry: object) -> str:
    content = first(entry, "content", "parts", "message", "blocks")
    if is_item(entry) or (content is None and get(entry, "role") is None):
        return content_text([entry])
    said = _with_call_id(entry, content_text(content))
    return joined((*_before(entry), said, *_after(entry, said)))


def _with_call_id(entry: object, said: str) -> str:
    call = safe_get.text(get(entry, "tool_call_id"))
    return f"[tool result {call}] {said}" if call else said


def _before(entry: object) -> list[str]:
    """The thoughts: DeepSeek, LiteLLM and vLLM; OpenRouter and Groq; Cohere."""
    thoughts = safe_get.text(first(entry, "reasoning_content", "reasoning", "tool_plan"))
    return [f"[thinking] {thoughts}"] if thoughts else []


def _after(entry: object, said: str) -> list[str]:
    texts = [content_text({"type": "refusal", "refusal": refusal}) for refusal in _some(entry, "refusal")]
    texts += [content_text({"type": "audio", "audio": audio}) for audio in _some(entry, "audio")]
    texts += [content_text({"type": "image", "image": image}) for image in _some(entry, "images")]
    calls = map(tool_call_text, (*_some(entry, "tool_calls"), *_some(entry, "function_call")))
    return texts + [call for call in calls if call not in said]  # LangChain lists Anthropic's in both places


def _some(entry: object, name: str) -> list[object]:
    return _entries(get(entry, name))
