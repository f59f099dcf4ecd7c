"""Messages and completions of any shape as role and text, which is all that Helicone shows of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple, TypeVar, cast

from helicone_logging.core import bounded
from helicone_logging.core.bounded import CUT
from helicone_logging.core.coerce import plain_of
from helicone_logging.core.safe_vars import Vars, safe_vars
from helicone_logging.llm import media, placeholders, safe_get
from helicone_logging.llm.citations import with_sources
from helicone_logging.llm.content import are_output, are_parts, content_text, is_item
from helicone_logging.llm.placeholders import arguments_text, joined
from helicone_logging.llm.safe_get import first
from helicone_logging.llm.tools import error_text, is_call, tool_call_text

_Entry = TypeVar("_Entry")

MAX_MESSAGES = 500
"""Messages of one prompt, or choices of one completion, that are sent; no others are read."""


class Message(NamedTuple):
    """A message of a prompt.

    Args:
        role: who speaks; never empty.
        content: what is said, and what else the message holds, as text.
    """

    role: str
    content: str


class OmittedMessages(Message):
    """Stands for messages that nobody read."""

    amount: int

    @classmethod
    def of(cls, amount: int) -> OmittedMessages:
        """Returns the placeholder for an amount of messages."""
        mark = cls("system", f"[… {amount} messages left out …]")
        mark.amount = amount
        return mark


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
    # AutoGen's, Pydantic AI's
    "SystemMessage": "system", "UserMessage": "user", "AssistantMessage": "assistant",
    "FunctionExecutionResultMessage": "tool", "request": "user", "response": "assistant",
}  # fmt: skip
_ROLE_NAMES = frozenset(("system", "developer", "user", "assistant", "tool", "function", *_ROLES))
_OF_THE_MODEL = frozenset(
    ("reasoning", "mcp_list_tools", "compaction", "model_output", "message_output", "thought", "tool_execution")
)
_new_tuple = tuple.__new__
_MAX_BESIDE = 1_000  # calls, or pictures, of one message
_FINISH_REASONS = ("finish_reason", "finishReason", "stop_reason", "stopReason")
# DeepSeek, LiteLLM and vLLM; OpenRouter and Groq; Ollama; Cohere.
_THOUGHTS = ("reasoning_content", "reasoning", "thinking", "tool_plan")
_SPEAKS = ("role", "_role")
_SAID = ("content", "parts", "message", "blocks", "_content", "contents", "items")
_BESIDE = frozenset(
    (
        *_THOUGHTS, "tool_call_id", "refusal", "audio", "images", "tool_calls", "function_call", "annotations",
        "lc", "data", "citations",
    )
)  # fmt: skip
_SPOKEN = frozenset((*_SAID, *_BESIDE, "text"))
_ANSWER = _SPOKEN | {"role"}
_OF_A_CHOICE = _ANSWER.union(_FINISH_REASONS, ("delta", "error", "index", "logprobs", "raw", "additional_kwargs"))


def read_messages(value: object, default_role: str = "user") -> list[Message]:
    """Returns a prompt as messages; it never raises and never uses up an iterator.

    Args:
        value: text, a message (a mapping or an object), or a list of them, as any of the known SDKs have them. A
            list of the parts of one message is one message; what is unknown becomes text. Messages that were read
            before stay as they are; of more than `MAX_MESSAGES` others the middle is not read.
        default_role: of whatever has no role of its own.
    """
    if type(value) is str:
        return [Message(default_role, value)] if value else []
    entries = _entries(value)
    if entries and type(entries[0]) is Message:
        return cast("list[Message]", entries)
    if len(entries) == 1 and _is_conversation(entries[0]):
        entries = _entries(entries[0])
    if are_parts(entries):
        return [Message(default_role, content_text(entries))]
    if len(entries) == 1 and entries[0] is value and is_value(value):
        return [Message(default_role, arguments_text(value))]
    if len(entries) > MAX_MESSAGES:
        return both_ends(entries, lambda entry: _message(entry, default_role))
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


def both_ends(entries: Sequence[_Entry], read: Callable[[_Entry], Message]) -> list[Message]:
    """Returns the messages of a list, of a long one those of `without_middle`.

    Args:
        entries: any number of them.
        read: makes a message of one.
    """
    some = without_middle(entries)
    return [entry if type(entry) is OmittedMessages else read(cast("_Entry", entry)) for entry in some]


def without_middle(entries: Sequence[_Entry]) -> Sequence[_Entry | OmittedMessages]:
    """Returns no more than `MAX_MESSAGES` of a conversation: the beginning, which instructs, and what was asked last.

    Args:
        entries: messages, read or not; a placeholder stands for those between.
    """
    if len(entries) <= MAX_MESSAGES:
        return entries
    half = MAX_MESSAGES // 2
    first, middle, last = entries[:half], entries[half : half + 1 - MAX_MESSAGES], entries[half + 1 - MAX_MESSAGES :]
    amount = sum(cast("OmittedMessages", entry).amount if type(entry) is OmittedMessages else 1 for entry in middle)
    return [*first, OmittedMessages.of(amount), *last]


def read_choices(value: object) -> list[Choice]:
    """Returns completions as choices; it never raises and never uses up an iterator.

    Args:
        value: text, a message, a choice (what holds a `message`, a `text` or a `content`, and why it finished), or a
            list of them. A list of the parts of one message is one choice; what is unknown becomes text. Of more than
            `MAX_MESSAGES` the rest is not read.
    """
    if type(value) is str:
        return [_new_tuple(Choice, ("assistant", value, None))] if value else []
    entries = _entries(value)
    if are_parts(entries) or are_output(entries):
        return [Choice("assistant", content_text(entries), None)]
    return some_choices(entries, _choice)


def some_choices(entries: Sequence[_Entry], read: Callable[[_Entry], Choice]) -> list[Choice]:
    """Returns the choices of a list, `MAX_MESSAGES` at most: the last of them is then a placeholder for the rest.

    Args:
        entries: any number of them.
        read: makes a choice of one.
    """
    if len(entries) <= MAX_MESSAGES:
        return [read(entry) for entry in entries]
    left_out = len(entries) - MAX_MESSAGES + 1
    return [*map(read, entries[: MAX_MESSAGES - 1]), Choice("assistant", f"[… {left_out} choices left out …]", None)]


def _entries(value: object) -> list[object]:
    entries = safe_get.items(value)
    if entries is None:
        return [] if value is None or (type(value) is str and not value) else [value]
    return entries


def _is_conversation(entry: object) -> bool:
    """Whether the only entry of a list is itself a list of messages: LangChain's callbacks get a batch of one."""
    within = safe_get.items(entry)
    fields = safe_vars(within[0]) if within else None
    return bool(fields) and safe_get.text(first(fields, "role", "type")) in _ROLE_NAMES


def _choice(entry: object) -> Choice:
    if type(entry) is Choice:
        return entry
    fields = None if type(entry) is Message else safe_vars(entry)
    if fields is None:
        return Choice(*_message(entry, "assistant"), None)
    if is_value(entry):
        return Choice("assistant", arguments_text(entry), None)
    reason = safe_get.text(first(fields, *_FINISH_REASONS)) or None
    message = first(fields, "message", "delta")
    if message is None:
        message = _message_of_choice(fields, entry, reason)
    role, content = _message(message, "assistant")
    error = fields.get("error")
    if error is not None:  # OpenRouter's
        content = joined((content, placeholders.error(error_text(error))))
    return _new_tuple(Choice, (role, content, reason))


def _message_of_choice(fields: Vars, entry: object, reason: str | None) -> object:
    """What a choice without a `message` says: Google's has it in `content`; one that was filtered says nothing."""
    candidate = fields.get("content")
    if candidate is not None and first(candidate, "parts", "role") is not None:
        return candidate
    is_silent = (reason or fields.get("index") is not None) and all(fields.get(name) is None for name in _ANSWER)
    return None if is_silent and fields.get("type") is None else entry


def _message(entry: object, default_role: str) -> Message:
    if type(entry) is str:
        return Message(default_role, entry)
    if type(entry) is Message:
        return entry
    if not bounded.spend():
        return Message(default_role, CUT)
    if type(entry) is tuple and len(entry) == 2:
        speaker = safe_get.text(entry[0])
        if speaker in _ROLE_NAMES:  # LangChain
            return Message(_ROLES.get(speaker, speaker), content_text(entry[1]))
    fields = safe_vars(entry)
    if fields is None:
        return Message(default_role, content_text(entry))
    beside = [name for name, value in fields.items() if name in _BESIDE and value is not None]
    if "lc" in beside or "data" in beside:
        fields = unwrapped(fields)
        beside = [name for name, value in fields.items() if name in _BESIDE and value is not None]
    role = fields.get("role")
    content = fields.get("content")
    if type(role) is str and role and type(content) is str and not beside:
        return _new_tuple(Message, (_ROLES.get(role, role), content))
    return Message(_role(fields, default_role), _body(fields, entry, beside))


def unwrapped(fields: Vars) -> Vars:
    """Returns what LangChain has serialized, which has the message in `kwargs` or `data`; all else as it is."""
    if fields.get("lc") is not None:
        return safe_vars(fields.get("kwargs")) or fields
    return (safe_vars(fields.get("data")) or fields) if safe_get.text(fields.get("type")) in _ROLE_NAMES else fields


def is_value(entry: object) -> bool:
    """Returns whether something is data of which a message would show only a part: a row, or an answer by a schema.

    Args:
        entry: anything; a dict, a data class or a model is such data where nobody speaks in it, nothing tells that it
            is a part or a choice, and it holds more than those do.
    """
    fields = None if type(entry) is Message else safe_vars(entry)
    if not fields or fields.keys() <= _OF_A_CHOICE or is_item(fields) or first(fields, *_FINISH_REASONS):
        return False
    kind = safe_get.text(first(fields, "type", "kind")) or ""
    if _role_of_type(kind) or kind.lower().endswith("message"):
        return False
    role, said = first(fields, *_SPEAKS), first(fields, "message", "delta", "content")
    if role is not None:
        is_spoken = safe_get.text(role) in _ROLE_NAMES or not fields.keys().isdisjoint(_SPOKEN)
    else:
        is_spoken = first(said, *_SPEAKS) is not None or are_parts(safe_get.items(said) or ())
    return not is_spoken and type(plain_of(entry)) is dict


def _role(fields: Vars, default_role: str) -> str:
    role = safe_get.text(first(fields, *_SPEAKS))
    if not role:
        role = _role_of_type(safe_get.text(first(fields, "type", "kind")) or "")
    return _ROLES.get(role, role) if role else default_role


def _role_of_type(kind: str) -> str:
    """LangChain's messages have their role as type; the items of OpenAI's Responses have none."""
    if kind in _ROLE_NAMES:
        return kind
    kind = kind.replace(".", "_")  # Mistral's
    if kind in _OF_THE_MODEL or kind.endswith(("_call", "_request")):
        return "assistant"
    return "tool" if kind.endswith(("_output", "_result")) else ""


def _body(fields: Vars, entry: object, beside: list[str]) -> str:
    content = first(fields, *_SAID)
    if first(fields, *_SPEAKS) is None and (content is None or is_item(fields)):
        return content_text([entry])
    said = content_text(content)
    return _with_others(fields, said, beside) if beside else said


def _with_others(fields: Vars, said: str, beside: list[str]) -> str:
    """What is said, with the thoughts before it, and behind it what stands beside the content."""
    thoughts = next(filter(None, (safe_get.text(fields[name]) for name in _THOUGHTS if name in beside)), "")
    if "tool_call_id" in beside and (call := safe_get.text(fields["tool_call_id"])):
        said = f"[tool result {call}] {said}"
    texts = [f"[thinking] {thoughts}" if thoughts else "", said]
    for name, shown in _SHOWN_BESIDE:
        if name in beside:
            texts += (text for value in _some(fields, name) if (text := shown(value)) and text not in said)
    body = joined(texts)
    if "annotations" in beside or "citations" in beside:
        return with_sources(body, fields.get("annotations"), fields.get("citations"))
    return body


def _call(call: object) -> str:
    return tool_call_text(call) if is_call(call) else ""


# Calls are left out that stand in the content already: LangChain lists Anthropic's in both places.
_SHOWN_BESIDE: tuple[tuple[str, Callable[[object], str]], ...] = (
    ("refusal", lambda said: placeholders.refusal(safe_get.text(said))),
    ("audio", lambda sound: media.placeholder({"type": "audio", "audio": sound})),
    ("images", lambda picture: media.placeholder({"type": "image", "image": picture})),
    ("tool_calls", _call),
    ("function_call", _call),
)


def _some(fields: Vars, name: str) -> Iterator[object]:
    for number, entry in enumerate(_entries(first(fields, name))):
        if number == _MAX_BESIDE or not bounded.spend():
            yield CUT
            return
        yield entry
