"""An entry: a span that was received, with all that the pages show of it, made once."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from helicone_logging.core.findings import INFO, Finding
from helicone_logging.receiver.lint_rules import findings_of
from helicone_logging.receiver.rows import Row, row_of

# What an entry weighs beside its texts: its row, its findings, its place in the store.
_OVERHEAD = 3_000
_FAILED = 2


class SessionKey(NamedTuple):
    """What Helicone groups sessions by; both are empty for spans without a session."""

    id: str
    name: str


class StoredSpan(NamedTuple):
    """A span as it was received.

    Args:
        received_at: when, in seconds since the epoch.
        resource: of its `resourceSpans` entry.
        scope: of its `scopeSpans` entry.
        span: the span itself.
    """

    received_at: float
    resource: Mapping[str, Any]
    scope: Mapping[str, Any]
    span: Mapping[str, Any]


@dataclass(eq=False)
class SpanEntry:
    """A span that was received; nothing of it changes, but that the store numbers it.

    Args:
        seq: its number, counted from 1 in the order of arrival; 0 before it has been stored.
        received_at: when, in seconds since the epoch.
        raw: resource, scope and span as JSON, in ASCII.
        name: of the span.
        parent_id: id of its parent; empty for none.
        span_id: its own.
        row: as Helicone shows it.
        findings: what Helicone will not show, or show wrongly.
        has_failed: whether its status says so, or its properties.
        text: all that is searched, in small letters.
    """

    seq: int
    received_at: float
    raw: bytes
    name: str
    parent_id: str
    span_id: str
    row: Row
    findings: tuple[Finding, ...]
    has_failed: bool
    text: str

    @property
    def key(self) -> SessionKey:
        """The session it belongs to."""
        return SessionKey(self.row.session_id, self.row.session_name) if self.row.session_id else SessionKey("", "")

    @property
    def size(self) -> int:
        """Bytes that it takes in memory, about; the row holds its texts beside `raw`."""
        return len(self.raw) * 2 + len(self.text) + _OVERHEAD

    @property
    def problems(self) -> list[Finding]:
        """The findings that are more than advice."""
        return [finding for finding in self.findings if finding.severity != INFO]

    @property
    def stored(self) -> StoredSpan:
        """The span as it was received."""
        return StoredSpan(self.received_at, **json.loads(self.raw))

    @property
    def payload(self) -> dict[str, Any]:
        """A payload of this span alone."""
        stored = self.stored
        scope = {"scope": stored.scope, "spans": [stored.span]}
        return {"resourceSpans": [{"resource": stored.resource, "scopeSpans": [scope]}]}


def raw_spans_of(payload: Mapping[str, Any]) -> list[bytes]:
    """Returns the spans of a payload that the schema accepts, each with its resource and scope, as an entry keeps them.

    Raises:
        RecursionError: something in it is nested too deeply.
    """
    return [
        json.dumps({"resource": entry["resource"], "scope": scope["scope"], "span": span}).encode()
        for entry in payload["resourceSpans"]
        for scope in entry["scopeSpans"]
        for span in scope["spans"]
    ]


def entry_of(raw: bytes, seq: int = 0, received_at: float | None = None) -> SpanEntry:
    """Returns the entry of a span.

    Args:
        raw: as `raw_spans_of` gives it.
        seq: its number; 0 before it has been stored.
        received_at: seconds since the epoch; None for now.
    """
    span = json.loads(raw)["span"]
    row = row_of(span)
    parent = span.get("parentSpanId") or _attribute(span, "parent_span_id")
    return SpanEntry(
        seq=seq,
        received_at=time.time() if received_at is None else received_at,
        raw=raw,
        name=span["name"],
        parent_id=str(parent),
        span_id=span["spanId"],
        row=row,
        findings=tuple(findings_of(span, row)),
        has_failed=span["status"]["code"] == _FAILED or row.tells_failure,
        text=_searched(span["name"], row),
    )


def _attribute(span: Mapping[str, Any], key: str) -> Any:
    values = (one["value"] for one in span["attributes"] if one["key"] == key)
    return next((value.get("stringValue", "") for value in values), "")


def _searched(name: str, row: Row) -> str:
    texts = [name, row.session_id, row.session_name, row.user, row.provider, row.model]
    texts += [message.content for message in row.messages]
    texts += [choice.content for choice in row.choices]
    texts += [f"{key}={value}" for key, value in row.properties.items()]
    return "\n".join(texts).lower()
