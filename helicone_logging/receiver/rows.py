"""A small model of how Helicone reads a span: attributes in, the row of its pages out.

Written from what Helicone's public server does, apart from the code that sends: the names stand here a second time on
purpose, so that a slip there is seen here.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Generic, NamedTuple, TypeVar

from helicone_logging.receiver import costs, mappers

_ASSOCIATION = "traceloop.association.properties.Helicone-"
_PROPERTY = _ASSOCIATION + "Property-"
_MESSAGE = re.compile(r"gen_ai\.(prompt|completion)\.(\d+)\.(role|content|finish_reason)")
_DIGITS = re.compile(r"[0-9]{1,20}")
_DEFAULT_MAX_TOKENS = 50
_TEMPERATURE = 1
_STATUS = 200
_READ = frozenset((
    "gen_ai.system", "gen_ai.response.model", "gen_ai.usage.prompt_tokens", "gen_ai.usage.completion_tokens",
    "llm.usage.total_tokens", "gen_ai.response.max_tokens", "llm.request.type", "llm.user",
    *(_ASSOCIATION + name for name in ("User-Id", "Session-Id", "Session-Name", "Session-Path", "Prompt-Id")),
))  # fmt: skip
_READ_TYPES = (str, int)
# What the property `step` holds where the model is the name of a tool, of other data, or of an agent.
_STEPS = ("tool", "data", "agent")
_OPERATIONS_OF_AGENTS = ("invoke_agent", "create_agent")
_MAX_DEPTH = 60  # parts of a session's path, below which no further folders are made


class Message(NamedTuple):
    """A message of the request."""

    role: str
    content: str


class Choice(NamedTuple):
    """A choice of the response."""

    role: str
    content: str
    finish_reason: str | None


@dataclass(frozen=True)
class Row:
    """A request as Helicone shows it.

    Args:
        provider: in capitals; empty if none was sent.
        model: of request and response.
        messages: the request as it was read, in the order of the attributes.
        choices: the response as it was read, in the order of the attributes.
        prompt_tokens: as shown, so 0 where the provider's page reads them elsewhere; None if none were sent.
        completion_tokens: the same.
        total_tokens: their sum, as the pages never read the total that was sent; None if no tokens were sent.
        has_cost: whether there are a price and tokens to multiply it with.
        user: empty if none was sent.
        properties: custom properties.
        are_properties_cleaned: False when one value that is no text made the server skip cleaning all of them.
        session_id: empty without a session.
        session_name: sessions are grouped by id and name.
        session_path: as sent.
        created_ns: nanoseconds since the epoch, as the double that the server parses.
        latency_ms: in whole milliseconds, computed on doubles.
        max_tokens: 50 if none was sent.
        temperature: always 1.
        object: type of the request.
        icon: `tool`, `vector_db`, `data` or `llm`.
        status: always 200.
        hidden: why the page does not show the prompt or the answer, in words; empty where it shows both.
        cost_note: why the cost is none or off, in words; empty where it is as in the price list.
        shown_messages: what the page shows of `messages`.
        shown_choices: what the page shows of `choices`.
    """

    provider: str
    model: str
    messages: tuple[Message, ...]
    choices: tuple[Choice, ...]
    prompt_tokens: int | None
    completion_tokens: int | None
    total_tokens: int | None
    has_cost: bool
    user: str
    properties: Mapping[str, Any]
    are_properties_cleaned: bool
    session_id: str
    session_name: str
    session_path: str
    created_ns: float
    latency_ms: int
    max_tokens: Any
    temperature: int
    object: str
    icon: str
    status: int
    hidden: str = field(default="", compare=False)
    cost_note: str = field(default="", compare=False)
    shown_messages: tuple[Message, ...] = field(default=(), compare=False, repr=False)
    shown_choices: tuple[Choice, ...] = field(default=(), compare=False, repr=False)

    @property
    def is_model_call(self) -> bool:
        """Whether it is the call of a model, and no step that bears the model's field for its name.

        An agent that names a model is one where it has tokens: else they are those of the calls inside it.
        """
        is_around_calls = self.object.lower() in _OPERATIONS_OF_AGENTS and self.total_tokens is None
        return bool(self.model) and not is_around_calls and not _is_step(self.icon, self.properties)

    @property
    def path_parts(self) -> list[str]:
        """The folders of its session's tree that it stands in, and itself; one that is blank where it has no path."""
        return self.session_path.removeprefix("/").split("/", _MAX_DEPTH)

    @property
    def tells_failure(self) -> bool:
        """Whether its properties tell that the call failed, as its status never does."""
        return bool(self.properties.get("error") == "true")

    @property
    def tells_cancelling(self) -> bool:
        """Whether its properties tell that the call was cancelled."""
        return bool(self.properties.get("cancelled") == "true")


def rows_of(payload: Mapping[str, Any]) -> list[Row]:
    """Returns the rows of a payload that the schema accepts."""
    return [row_of(span) for span in spans_of(payload)]


def spans_of(payload: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """Returns the spans of a payload that the schema accepts."""
    return [span for entry in payload["resourceSpans"] for scope in entry["scopeSpans"] for span in scope["spans"]]


def row_of(span: Mapping[str, Any]) -> Row:
    """Returns a span as Helicone shows it.

    Args:
        span: one that the schema accepts.
    """
    read = readable(attributes_of(span))
    provider = str(read.get("gen_ai.system", "")).upper()
    model = str(read.get("gen_ai.response.model", ""))
    messages = tuple(Message(role, text) for role, text, _ in _entries(read, "prompt"))
    choices = tuple(Choice(*entry) for entry in _entries(read, "completion"))
    tokens = _Tokens.read(read, is_elsewhere=provider in costs.READS_OTHER_TOKENS)
    properties = {key[len(_PROPERTY) :]: value for key, value in read.items() if key.startswith(_PROPERTY)}
    user = read.get(_ASSOCIATION + "User-Id", read.get("llm.user", ""))
    start, end = nanoseconds(span["startTimeUnixNano"]), nanoseconds(span["endTimeUnixNano"])
    icon = _icon(model)
    shown = _Shown.of(provider, model, messages, choices)
    cost = _cost_note(provider, model, tokens, is_step=_is_step(icon, properties))
    return Row(
        provider=provider,
        model=model,
        messages=messages,
        choices=choices,
        prompt_tokens=tokens.prompt,
        completion_tokens=tokens.completion,
        total_tokens=tokens.total,
        has_cost=bool(tokens.total or tokens.prompt or tokens.completion) and (cost is None or not cost.is_none),
        user=str(user),
        properties=properties,
        are_properties_cleaned=all(isinstance(value, str) for value in (*properties.values(), user)),
        session_id=str(read.get(_ASSOCIATION + "Session-Id", "")),
        session_name=str(read.get(_ASSOCIATION + "Session-Name", "")),
        session_path=str(read.get(_ASSOCIATION + "Session-Path", "")),
        created_ns=start,
        latency_ms=math.trunc((end - start) / 1e6),
        max_tokens=read.get("gen_ai.response.max_tokens", _DEFAULT_MAX_TOKENS),
        temperature=_TEMPERATURE,
        object=str(read.get("llm.request.type", "")),
        icon=icon,
        status=_STATUS,
        hidden=shown.why_not,
        cost_note="" if cost is None else cost.why,
        shown_messages=shown.messages,
        shown_choices=shown.choices,
    )


class _Shown(NamedTuple):
    """What the page shows of a request and its response, and why it does not show the rest."""

    messages: tuple[Message, ...]
    choices: tuple[Choice, ...]
    why_not: str

    @classmethod
    def of(cls, provider: str, model: str, messages: tuple[Message, ...], choices: tuple[Choice, ...]) -> _Shown:
        hidden = mappers.hidden(provider, model)
        if hidden is not None:
            return cls(() if hidden.prompt else messages, () if hidden.answer else choices, hidden.why)
        if not mappers.parses_answers(provider, model):
            return cls(messages, tuple(choice._replace(content=choice.content.lstrip()) for choice in choices), "")
        parsed = tuple(
            choice._replace(content=text) for choice in choices for text in mappers.parsed_answer(choice.content)
        )
        is_lost = any(choice.content for choice in choices) and not any(choice.content for choice in parsed)
        return cls(messages, parsed, "the answer is parsed as JSON, and nothing in it is text" if is_lost else "")


def _cost_note(provider: str, model: str, tokens: _Tokens, *, is_step: bool) -> costs.CostNote | None:
    if is_step or not model:
        return costs.CostNote("no-call", "", True, "a step that is no call of a model has no cost", "")
    if not any(value is not None for value in tokens):
        return costs.CostNote("no-tokens", "", True, "no tokens were sent, so there is no cost", "prompt_tokens")
    return costs.cost_note(provider, model)


def has_times(span: Mapping[str, Any]) -> bool:
    """Returns whether the times of a span are numbers, as the server cannot store it otherwise."""
    return all(_DIGITS.fullmatch(span[key]) for key in ("startTimeUnixNano", "endTimeUnixNano"))


def nanoseconds(text: str) -> float:
    """Returns a time as the double that the server parses; 0 for what is no number."""
    return float(text) if _DIGITS.fullmatch(text) else 0.0


def attributes_of(span: Mapping[str, Any]) -> dict[str, Any]:
    """Returns the attributes of a span by their keys, with the text or number they carry."""
    return {attribute["key"]: next(iter(attribute["value"].values()), "") for attribute in span["attributes"]}


def readable(attributes: Mapping[str, Any]) -> dict[str, str | int]:
    """Returns those attributes that are text or int: of other types none is read."""
    return {key: value for key, value in attributes.items() if type(value) in _READ_TYPES}


class _Tokens(NamedTuple):
    prompt: int | None
    completion: int | None
    total: int | None

    @classmethod
    def read(cls, read: Mapping[str, Any], *, is_elsewhere: bool) -> _Tokens:
        prompt, completion = (read.get(f"gen_ai.usage.{kind}_tokens") for kind in ("prompt", "completion"))
        sent = [prompt, completion, read.get("llm.usage.total_tokens")]
        if all(value is None for value in sent):
            return cls(None, None, None)
        if is_elsewhere:
            return cls(None if prompt is None else 0, None if completion is None else 0, 0)
        return cls(prompt, completion, sum(value for value in (prompt, completion) if isinstance(value, int)))


def _entries(read: Mapping[str, Any], kind: str) -> list[tuple[str, str, str | None]]:
    """Role, content and finish reason of each entry that has a role."""
    found: dict[str, dict[str, str]] = {}
    for key, value in read.items():
        match = _MESSAGE.fullmatch(key)
        if match and match[1] == kind:
            found.setdefault(match[2], {})[match[3]] = str(value)
    return [
        (entry["role"], entry.get("content", ""), entry.get("finish_reason"))
        for entry in found.values()
        if "role" in entry
    ]


def _is_step(icon: str, properties: Mapping[str, Any]) -> bool:
    return icon != "llm" or properties.get("step") in _STEPS


def _icon(model: str) -> str:
    for prefix, icon in (("tool:", "tool"), ("vector_db", "vector_db"), ("data:", "data")):
        if model.startswith(prefix):
            return icon
    return "llm"


_Item = TypeVar("_Item")


@dataclass
class Node(Generic[_Item]):
    """A folder of a session's tree.

    Args:
        name: the part of the path; blank where the path has an empty part.
        rows: those whose path ends here; equal paths are siblings.
        children: folders below, in the order they came.
    """

    name: str
    rows: list[_Item] = field(default_factory=list)
    children: dict[str, Node[_Item]] = field(default_factory=dict)

    def add(self, row: _Item, parts: Iterable[str]) -> None:
        """Puts a row where the parts of its path lead to."""
        node = self
        for part in parts:
            node = node.children.setdefault(part, Node(part))
        node.rows.append(row)

    def below(self) -> Iterator[tuple[Node[_Item], int]]:
        """Yields all folders below, each before its own, and how deep they are."""
        waiting = [(child, 0) for child in reversed(self.children.values())]
        while waiting:
            node, depth = waiting.pop()
            yield node, depth
            waiting += [(child, depth + 1) for child in reversed(node.children.values())]


@dataclass
class Session:
    """A session as Helicone shows it: all rows of one id and one name.

    Args:
        id: the session's id.
        name: its name.
        root: its tree; the root itself has no name.
    """

    id: str
    name: str
    root: Node[Row] = field(default_factory=lambda: Node(""))


def sessions_of(rows: Iterable[Row]) -> list[Session]:
    """Returns the sessions of rows in the order they came; rows without a session are in none."""
    sessions: dict[tuple[str, str], Session] = {}
    for row in sorted((row for row in rows if row.session_id), key=lambda row: row.created_ns):
        session = sessions.setdefault((row.session_id, row.session_name), Session(row.session_id, row.session_name))
        session.root.add(row, row.path_parts)
    return list(sessions.values())


def is_read(key: str) -> bool:
    """Returns whether the server reads an attribute of this name at all."""
    return key in _READ or bool(_MESSAGE.fullmatch(key)) or key.startswith(_PROPERTY)
