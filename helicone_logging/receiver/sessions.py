"""Sessions at a glance: what the list of sessions shows of each, and which of them are asked for."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from helicone_logging.receiver.entries import SessionKey, SpanEntry

_PROPERTY = "property."
_NOT_CAPTURED = "[not captured: "


@dataclass(frozen=True)
class Summary:
    """A session at a glance.

    Args:
        key: its id and name.
        prompt: the first prompt; the name of the first span where there is none.
        user: the first user; empty for none.
        spans: how many.
        models: of its calls, in the order they came.
        tokens: of all calls, as Helicone counts them.
        duration_ms: from the first start to the last end.
        started_ns: the first start, in nanoseconds since the epoch.
        received_at: of the latest span, in seconds since the epoch.
        last_seq: number of the latest span.
        failures: how many spans failed.
        problems: how many findings are more than advice.
    """

    key: SessionKey
    prompt: str
    user: str
    spans: int
    models: tuple[str, ...]
    tokens: int
    duration_ms: int
    started_ns: float
    received_at: float
    last_seq: int
    failures: int
    problems: int


def summary_of(key: SessionKey, entries: Sequence[SpanEntry]) -> Summary:
    """Returns a session at a glance.

    Args:
        key: its id and name.
        entries: at least one.
    """
    by_start = sorted(entries, key=lambda entry: (entry.row.created_ns, len(entry.row.session_path)))
    rows = [entry.row for entry in by_start]
    started = rows[0].created_ns
    ended = max(row.created_ns + row.latency_ms * 1e6 for row in rows)
    return Summary(
        key=key,
        prompt=_prompt_of(by_start),
        user=next((row.user for row in rows if row.user), ""),
        spans=len(rows),
        models=tuple(dict.fromkeys(row.model for row in rows if row.is_model_call)),
        tokens=sum(row.total_tokens or 0 for row in rows),
        duration_ms=max(0, round((ended - started) / 1e6)),
        started_ns=started,
        received_at=entries[-1].received_at,
        last_seq=entries[-1].seq,
        failures=sum(entry.has_failed for entry in entries),
        problems=sum(len(entry.problems) for entry in entries),
    )


def _prompt_of(entries: Sequence[SpanEntry]) -> str:
    """The first prompt, or what the first span is called; one without a prompt has its name in the place of it."""
    prompts = ((entry.row.messages[-1].content, entry.name) for entry in entries if entry.row.messages)
    asked = (text for text, name in prompts if text != name and not text.startswith(_NOT_CAPTURED))
    return next(asked, entries[0].name)


class Summaries:
    """Summaries that are made again only for sessions that changed."""

    def __init__(self) -> None:
        self._known: dict[SessionKey, tuple[int, int, Summary]] = {}

    def of(self, sessions: Mapping[SessionKey, Sequence[SpanEntry]]) -> list[Summary]:
        """Returns the summaries of sessions, the one with the latest span first."""
        known = self._known
        self._known = {key: self._current(known, key, entries) for key, entries in sessions.items()}
        return sorted((entry[2] for entry in self._known.values()), key=lambda one: one.last_seq, reverse=True)

    def _current(
        self, known: Mapping[SessionKey, tuple[int, int, Summary]], key: SessionKey, entries: Sequence[SpanEntry]
    ) -> tuple[int, int, Summary]:
        first, last = entries[0].seq, entries[-1].seq
        found = known.get(key)
        if found is not None and found[:2] == (first, last):
            return found
        return first, last, summary_of(key, entries)


@dataclass(frozen=True)
class Query:
    """Which spans are asked for; a session is shown when one of its spans meets all of it.

    Args:
        text: what its texts contain, in any case; empty for anything.
        has_failed: whether only failures are asked for.
        finding: code of a finding; empty for any.
        model: of the call; empty for any.
        user: whom it belongs to; empty for any.
        properties: what custom properties must be.
    """

    text: str = ""
    has_failed: bool = False
    finding: str = ""
    model: str = ""
    user: str = ""
    properties: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def of(cls, arguments: Iterable[tuple[str, str]]) -> Query:
        """Reads the arguments of a URL; what is not known is left alone."""
        given = {key: value for key, value in arguments if value}
        return cls(
            text=given.get("q", "").strip().lower(),
            has_failed=given.get("failed", "") not in ("", "0"),
            finding=given.get("finding", ""),
            model=given.get("model", ""),
            user=given.get("user", ""),
            properties={key[len(_PROPERTY) :]: value for key, value in given.items() if key.startswith(_PROPERTY)},
        )

    @property
    def is_empty(self) -> bool:
        """Whether everything is asked for."""
        return self == Query()

    def matches(self, entry: SpanEntry) -> bool:
        """Returns whether a span meets all of it."""
        row = entry.row
        return (
            (not self.has_failed or entry.has_failed)
            and (not self.model or row.model == self.model)
            and (not self.user or row.user == self.user)
            and (not self.finding or any(finding.code == self.finding for finding in entry.findings))
            and all(str(row.properties.get(name, "")) == value for name, value in self.properties.items())
            and (not self.text or self.text in entry.text)
        )

    def choose(self, sessions: Mapping[SessionKey, Sequence[SpanEntry]]) -> dict[SessionKey, Sequence[SpanEntry]]:
        """Returns the sessions that are asked for."""
        if self.is_empty:
            return dict(sessions)
        return {key: entries for key, entries in sessions.items() if any(map(self.matches, entries))}
