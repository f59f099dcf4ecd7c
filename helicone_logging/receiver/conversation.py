"""A conversation as the page shows it: messages in blocks, long ones folded, all of it bounded."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from helicone_logging.receiver.rows import Row

_FOLDED_ABOVE = 1_500
_FOLDED_ABOVE_LINES = 24
_MAX_SHOWN = 100_000
_MAX_TOTAL = 600_000
_MAX_MESSAGES = 500
# The marks with which what is no text stands in a text, at the beginning of a line.
_MARK = re.compile(
    r"^\[(?P<kind>tool call|tool result|thinking|refusal|image|audio|video|file|error|\d+ embeddings)\b"
    r"(?P<detail>[^\]\n]*)\][ ]?",
    re.MULTILINE,
)
_ONE_LINE = frozenset({"tool call", "thinking", "refusal"})
_KINDS = {
    "tool call": "call", "tool result": "result", "thinking": "thinking", "refusal": "refusal", "error": "refusal",
}  # fmt: skip


@dataclass(frozen=True)
class Block:
    """A part of a message.

    Args:
        kind: `text`, `call`, `result`, `thinking`, `refusal` or `media`.
        label: what stands above it; empty for plain text.
        head: the text, or its beginning where it is folded.
        rest: what is folded away.
        left_out: characters that are not shown at all.
    """

    kind: str
    label: str
    head: str
    rest: str
    left_out: int


@dataclass(frozen=True)
class Shown:
    """A message.

    Args:
        role: who said it.
        note: a finish reason; empty for none.
        blocks: its parts.
        is_answer: whether it belongs to the response.
    """

    role: str
    note: str
    blocks: tuple[Block, ...]
    is_answer: bool


@dataclass(frozen=True)
class Conversation:
    """A request and its response.

    Args:
        messages: as many as are shown.
        left_out: how many are not.
    """

    messages: tuple[Shown, ...]
    left_out: int


def conversation_of(row: Row) -> Conversation:
    """Returns what was said in a call, as it was sent."""
    said = [(message.role, "", message.content, False) for message in row.messages]
    said += [(choice.role, choice.finish_reason or "", choice.content, True) for choice in row.choices]
    if len(said) > _MAX_MESSAGES:  # the last ones are those that are looked for
        said = said[-_MAX_MESSAGES:]
    budget = _MAX_TOTAL
    shown: list[Shown] = []
    for role, note, content, is_answer in reversed(said):
        blocks = tuple(_blocks(content, min(budget, _MAX_SHOWN)))
        budget = max(0, budget - len(content))
        shown.append(Shown(role, note, blocks, is_answer))
    return Conversation(tuple(reversed(shown)), len(row.messages) + len(row.choices) - len(shown))


def _blocks(content: str, budget: int) -> Iterator[Block]:
    kept, left_out = content[:budget], max(0, len(content) - budget)
    position = 0
    for mark in _MARK.finditer(kept):
        if mark.start() < position:
            continue
        if kept[position : mark.start()].strip():
            yield _block("text", "", kept[position : mark.start()].strip("\n"))
        kind = mark["kind"]
        end = _end_of(kept, mark)
        label = f"{kind}{mark['detail']}".strip()
        yield _block(_KINDS.get(kind, "media"), label, kept[mark.end() : end].strip("\n"))
        position = end
    rest = kept[position:]
    if rest.strip() or left_out or position == 0:
        yield _block("text", "", rest.strip("\n") if position else rest, left_out)


def _end_of(text: str, mark: re.Match[str]) -> int:
    """A result goes on to the next mark, a call or a thought to the end of its line, a picture is its mark alone."""
    if mark["kind"] == "tool result":
        following = _MARK.search(text, mark.end())
        return following.start() if following else len(text)
    if mark["kind"] in _ONE_LINE:
        end = text.find("\n", mark.end())
        return len(text) if end < 0 else end
    return mark.end()


def _block(kind: str, label: str, text: str, left_out: int = 0) -> Block:
    cut = _cut_at(text)
    return Block(kind, label, text[:cut], text[cut:], left_out)


def _cut_at(text: str) -> int:
    """Where a long text is folded: never inside a line, if it has lines."""
    position = 0
    for _ in range(_FOLDED_ABOVE_LINES):
        position = text.find("\n", position) + 1
        if position == 0:
            break
    if position == 0 and len(text) <= _FOLDED_ABOVE:
        return len(text)
    cut = min(position or len(text), _FOLDED_ABOVE)
    line = text.rfind("\n", 0, cut)
    return line if line > _FOLDED_ABOVE // 3 else cut
