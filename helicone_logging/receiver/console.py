"""What the receiver prints: a few lines for each span, and the trees of sessions."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from helicone_logging.core.findings import INFO, Finding
from helicone_logging.receiver.entries import Entry, StoredSpan
from helicone_logging.receiver.lint_rules import findings_of
from helicone_logging.receiver.rows import Node, Row, row_of, sessions_of

_WIDTH = 100
# What a terminal obeys instead of showing: control characters, and those that turn the direction of text.
_NOT_SHOWN = re.compile(r"[\x00-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069\ud800-\udfff]+")


def describe_span(stored: StoredSpan) -> str:
    """Returns a span as Helicone will show it, and what it will not show, in readable lines."""
    row = row_of(stored.span)
    return _described(row, findings_of(stored.span, row))


def describe(entry: Entry) -> str:
    """Returns an entry in the same lines."""
    return _described(entry.row, entry.findings)


def _described(row: Row, findings: Iterable[Finding]) -> str:
    told = [f"  ! {one.message}: set {one.field}" for one in findings if one.severity != INFO]
    session = f"  session {row.session_id} ({row.session_name}) {row.session_path}"
    return "\n".join(_shown(line) for line in (_headline(row), session, *_texts(row), *told))


def print_sessions(rows: Iterable[Row]) -> None:
    """Prints sessions as trees, the way Helicone's session page shows them."""
    for line in session_lines(rows):
        print(line)  # noqa: T201 - this is what it is for


def session_lines(rows: Iterable[Row]) -> Iterator[str]:
    """Yields the lines of sessions as trees."""
    for session in sessions_of(rows):
        yield _shown(f"session {session.id} ({session.name})")
        yield from _tree(session.root, "  ")


def _tree(root: Node, indent: str) -> Iterator[str]:
    waiting = [(child, indent) for child in reversed(root.children.values())]
    while waiting:
        node, indent = waiting.pop()
        name = node.name or "(blank)"
        if not node.rows:
            yield _shown(f"{indent}{name}/")
        for row in node.rows:
            yield _shown(f"{indent}{name}  {_headline(row)}")
            for text in _texts(row):
                yield _shown(f"{indent}{text}")
        waiting += [(child, indent + "    ") for child in reversed(node.children.values())]


def _headline(row: Row) -> str:
    what = f"{row.provider} {row.model}".strip() or "(no model)"
    parts = [f"[{row.icon}]", what, f"{row.latency_ms:,} ms"]
    if row.total_tokens is not None:
        parts.append(f"{row.prompt_tokens or 0}+{row.completion_tokens or 0} tokens")
    if row.user:
        parts.append(f"user {row.user}")
    if "error" in row.properties:
        parts.append(f"FAILED {row.properties.get('exception', '')}".rstrip())
    return "  ".join(parts)


def _texts(row: Row) -> Iterator[str]:
    if row.messages:
        yield f"    > {_cut(row.messages[-1].content)}"
    if row.choices:
        yield f"    < {_cut(row.choices[0].content)}"


def _cut(text: str) -> str:
    line = " ".join(text[: 20 * _WIDTH].split())  # enough of it, however long it is
    return line if len(line) <= _WIDTH and len(text) <= 20 * _WIDTH else line[: _WIDTH - 1] + "…"


def _shown(line: str) -> str:
    return _NOT_SHOWN.sub("�", line)
