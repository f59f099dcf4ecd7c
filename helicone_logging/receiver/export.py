"""Sessions and spans as text to take away: JSON lines, Markdown for people and coding agents, a command for `curl`."""

from __future__ import annotations

import dataclasses
import json
import re
import secrets
from collections.abc import Iterable, Iterator
from typing import Any

from helicone_logging.receiver import validation
from helicone_logging.receiver.console import facts_of
from helicone_logging.receiver.entries import SpanEntry
from helicone_logging.receiver.visible import one_line, visible
from helicone_logging.receiver.waterfall import lines_by_path

_FENCE = "`"
_WIDTH = 200


def json_lines(entries: Iterable[SpanEntry]) -> Iterator[str]:
    """Yields a payload a line, as `OTELTraceFormatter` writes them."""
    for entry in entries:
        yield json.dumps(entry.payload) + "\n"


def as_json(entry: SpanEntry) -> dict[str, Any]:
    """Returns a span as Helicone shows it, with its number and its findings."""
    return {
        "seq": entry.seq,
        "received_at": entry.received_at,
        "name": entry.name,
        "failed": entry.has_failed,
        **dataclasses.asdict(entry.row),
        "findings": [dataclasses.asdict(finding) for finding in entry.findings],
    }


def markdown(entries: list[SpanEntry]) -> str:
    """Returns sessions as Markdown: the tree, then each span with what was said and what Helicone will not show."""
    sessions: dict[tuple[str, str], list[SpanEntry]] = {}
    for entry in entries:
        sessions.setdefault(entry.key, []).append(entry)
    return "\n".join(part for found in sessions.values() for part in _session(found))


def span_markdown(entry: SpanEntry) -> str:
    """Returns one span as Markdown."""
    return "\n".join(_span(entry))


def _session(entries: list[SpanEntry]) -> Iterator[str]:
    key = entries[0].key
    yield f"# Session {_plain(key.id) or '(none)'}{f' ({_plain(key.name)})' if key.name else ''}\n"
    lines = lines_by_path(entries)
    for line in lines:
        what = "" if line.entry is None else f": {_headline(line.entry)}"
        yield f"{'  ' * line.depth}- {_plain(line.name) or '(blank)'}{what}"
    yield ""
    for line in lines:
        if line.entry is not None:
            yield from _span(line.entry)


def _span(entry: SpanEntry) -> Iterator[str]:
    row = entry.row
    yield f"## {_plain(entry.name) or '(no name)'}\n"
    yield f"{_headline(entry)}; span {_plain(entry.span_id)}, number {entry.seq}\n"
    for message in row.messages:
        yield from _said(f"Prompt, {message.role}", message.content)
    for choice in row.choices:
        yield from _said(f"Answer, {choice.role}", choice.content)
    for title, text in (("Helicone hides", row.hidden), ("Cost", row.cost_note)):
        if text and row.is_model_call:
            yield f"{title}: {visible(text)}\n"
    for finding in entry.findings:
        yield f"- {finding.severity}: {visible(finding.message)} [{finding.code}; set {finding.field}]"
    if entry.findings:
        yield ""


def _said(title: str, text: str) -> Iterator[str]:
    """A block whose fence is longer than any in the text."""
    longest = max(map(len, re.findall(f"{_FENCE}+", text)), default=0)
    fence = _FENCE * max(3, longest + 1)
    yield f"{_plain(title)}:\n\n{fence}text\n{visible(text)}\n{fence}\n"


def _headline(entry: SpanEntry) -> str:
    return ", ".join(facts_of(entry.row, has_failed=entry.has_failed))


def _plain(text: str) -> str:
    return one_line(text, _WIDTH)


def curl_command(entry: SpanEntry, endpoint: str) -> str:
    """Returns a command for a shell that sends a span again; the key is taken from the environment.

    The payload stands in a here-document whose delimiter is quoted and cannot be guessed, so nothing in it is obeyed.

    Args:
        entry: the span.
        endpoint: URL that takes payloads.
    """
    delimiter = f"PAYLOAD_{secrets.token_hex(8)}"
    if validation.refusal(entry.payload) is not None:  # it came as OTLP
        endpoint = endpoint.replace("/v1/trace/log", "/v1/traces")
    return (
        f"curl -sS -X POST {_quoted(endpoint)} \\\n"
        '  -H "Authorization: Bearer $HELICONE_API_KEY" \\\n'
        "  -H 'Content-Type: application/json' \\\n"
        f"  --data-binary @- <<'{delimiter}'\n"
        f"{json.dumps(entry.payload)}\n"
        f"{delimiter}\n"
    )


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "'\\''") + "'"
