"""What the receiver prints: a few lines for each span, and the trees of sessions."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator

from helicone_logging.core.findings import INFO, Finding
from helicone_logging.receiver.entries import SpanEntry, StoredSpan
from helicone_logging.receiver.lint_rules import findings_of
from helicone_logging.receiver.rows import Node, Row, row_of, sessions_of
from helicone_logging.receiver.visible import encodable, one_line

_WIDTH = 100
_LONG = 500  # for what is to be read to its end: advice, and the names that commands ask for


def describe_span(stored: StoredSpan) -> str:
    """Returns a span as Helicone will show it, and what it will not show, in readable lines."""
    row = row_of(stored.span)
    return _described(row, findings_of(stored.span, row))


def describe(entry: SpanEntry) -> str:
    """Returns an entry in the same lines."""
    return _described(entry.row, entry.findings)


def _described(row: Row, findings: Iterable[Finding]) -> str:
    told = [f"  ! {one_line(f'{one.message}: set {one.field}', _LONG)}" for one in findings if one.severity != INFO]
    session = one_line(f"{row.session_id} ({row.session_name}) {row.session_path}", _LONG)
    return "\n".join((_headline(row), f"  session {session}", *_texts(row), *told))


def print_sessions(rows: Iterable[Row]) -> None:
    """Prints sessions as trees, the way Helicone's session page shows them."""
    for line in session_lines(rows):
        print(encodable(line, getattr(sys.stdout, "encoding", None)))  # noqa: T201 - this is what it is for


def session_lines(rows: Iterable[Row]) -> Iterator[str]:
    """Yields the lines of sessions as trees."""
    for session in sessions_of(rows):
        yield "session " + one_line(f"{session.id} ({session.name})", _LONG)
        for node, depth in session.root.below():
            yield from _folder(node, "  " + depth * "    ")


def _folder(node: Node[Row], indent: str) -> Iterator[str]:
    name = _plain(node.name) or "(blank)"
    if not node.rows:
        yield f"{indent}{name}/"
    for row in node.rows:
        yield f"{indent}{name}  {_headline(row)}"
        for text in _texts(row):
            yield f"{indent}{text}"


def facts_of(row: Row, *, has_failed: bool) -> list[str]:
    """Returns the model of a row, how long it took, its tokens, whose it is and how it failed, each in plain text."""
    facts = [f"{row.provider} {row.model}".strip() or "(no model)", f"{row.latency_ms:,} ms"]
    if row.total_tokens is not None:
        facts.append(f"{row.prompt_tokens or 0}+{row.completion_tokens or 0} tokens")
    if row.user:
        facts.append(f"user {row.user}")
    if has_failed:
        facts.append(f"FAILED {row.properties.get('exception', '')}")
    elif row.tells_cancelling:
        facts.append("cancelled")
    return list(map(_plain, facts))


def _headline(row: Row) -> str:
    return "  ".join((f"[{row.icon}]", *facts_of(row, has_failed=row.tells_failure)))


def _texts(row: Row) -> Iterator[str]:
    if row.messages:
        yield f"    > {_plain(row.messages[-1].content)}"
    if row.choices:
        yield f"    < {_plain(row.choices[0].content)}"


def _plain(text: str) -> str:
    return one_line(text, _WIDTH)
