"""A small model of how Helicone reads a span: attributes in, the row of its pages out.

Written from what Helicone's public server does, apart from the code that sends: the names stand here a second time on
purpose, so that a slip there is seen here.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

_ASSOCIATION = "traceloop.association.properties.Helicone-"
_PROPERTY = _ASSOCIATION + "Property-"
_MESSAGE = re.compile(r"gen_ai\.(prompt|completion)\.(\d+)\.(role|content|finish_reason)")
_DIGITS = re.compile(r"[0-9]{1,20}")
_DEFAULT_MAX_TOKENS = 50
_TEMPERATURE = 1
_STATUS = 200

COST_TABLES = frozenset((
    "OPENAI", "ANTHROPIC", "AZURE", "LLAMA", "NVIDIA", "NEBIUS", "X", "TOGETHER", "FIREWORKS", "PERPLEXITY", "GOOGLE",
    "OPENROUTER", "GROQ", "COHERE", "MISTRAL", "AWS", "BEDROCK", "DEEPSEEK", "AVIAN", "NOVITA", "VERCEL",
))  # fmt: skip
"""Providers whose cost Helicone knows, as its server spells them."""

READS_OTHER_TOKENS = frozenset({"ANTHROPIC", "GOOGLE"})
"""Providers whose pages read tokens from where this endpoint never writes them."""

UNDERCOUNTS_INPUT = frozenset({"BEDROCK", "DEEPSEEK"})
"""Providers whose cost counts too little input."""

SHOWS_GEMINI = frozenset({"OPENROUTER", "CUSTOM", "GROQ", "TOGETHER"})
"""Providers under which a model whose name contains `gemini` shows its text."""


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
        messages: the request, in the order of the attributes.
        choices: the response, in the order of the attributes.
        prompt_tokens: as shown, so 0 where the provider's page reads them elsewhere; None if none were sent.
        completion_tokens: the same.
        total_tokens: the same.
        has_cost: whether there is a cost table for the provider, and tokens to multiply with.
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
    read = attributes_of(span)
    provider = str(read.get("gen_ai.system", "")).upper()
    model = str(read.get("gen_ai.response.model", ""))
    is_blank = "gemini" in model.lower() and provider not in SHOWS_GEMINI
    tokens = _Tokens.read(read, is_elsewhere=provider in READS_OTHER_TOKENS)
    properties = {key[len(_PROPERTY) :]: value for key, value in read.items() if key.startswith(_PROPERTY)}
    user = read.get(_ASSOCIATION + "User-Id", read.get("llm.user", ""))
    start, end = nanoseconds(span["startTimeUnixNano"]), nanoseconds(span["endTimeUnixNano"])
    return Row(
        provider=provider,
        model=model,
        messages=() if is_blank else tuple(Message(role, text) for role, text, _ in _entries(read, "prompt")),
        choices=() if is_blank else tuple(Choice(*entry) for entry in _entries(read, "completion")),
        prompt_tokens=tokens.prompt,
        completion_tokens=tokens.completion,
        total_tokens=tokens.total,
        has_cost=provider in COST_TABLES and bool(tokens.total),
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
        icon=_icon(model),
        status=_STATUS,
    )


def has_times(span: Mapping[str, Any]) -> bool:
    """Returns whether the times of a span are numbers, as the server cannot store it otherwise."""
    return all(_DIGITS.fullmatch(span[key]) for key in ("startTimeUnixNano", "endTimeUnixNano"))


def nanoseconds(text: str) -> float:
    """Returns a time as the double that the server parses; 0 for what is no number."""
    return float(text) if _DIGITS.fullmatch(text) else 0.0


def attributes_of(span: Mapping[str, Any]) -> dict[str, Any]:
    """Returns the attributes of a span by their keys, with the text or number they carry."""
    return {attribute["key"]: next(iter(attribute["value"].values()), "") for attribute in span["attributes"]}


class _Tokens(NamedTuple):
    prompt: int | None
    completion: int | None
    total: int | None

    @classmethod
    def read(cls, read: Mapping[str, Any], *, is_elsewhere: bool) -> _Tokens:
        keys = ("gen_ai.usage.prompt_tokens", "gen_ai.usage.completion_tokens", "llm.usage.total_tokens")
        sent = [read.get(key) for key in keys]
        return cls(*(0 if is_elsewhere and value is not None else value for value in sent))


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


def _icon(model: str) -> str:
    for prefix, icon in (("tool:", "tool"), ("vector_db", "vector_db"), ("data:", "data")):
        if model.startswith(prefix):
            return icon
    return "llm"


@dataclass
class Node:
    """A folder of a session's tree.

    Args:
        name: the part of the path; blank where the path has an empty part.
        rows: those whose path ends here; equal paths are siblings.
        children: folders below, in the order they came.
    """

    name: str
    rows: list[Row] = field(default_factory=list)
    children: dict[str, Node] = field(default_factory=dict)


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
    root: Node = field(default_factory=lambda: Node(""))


def sessions_of(rows: Iterable[Row]) -> list[Session]:
    """Returns the sessions of rows in the order they came; rows without a session are in none."""
    sessions: dict[tuple[str, str], Session] = {}
    for row in sorted((row for row in rows if row.session_id), key=lambda row: row.created_ns):
        session = sessions.setdefault((row.session_id, row.session_name), Session(row.session_id, row.session_name))
        node = session.root
        for part in row.session_path.removeprefix("/").split("/"):
            node = node.children.setdefault(part, Node(part))
        node.rows.append(row)
    return list(sessions.values())
