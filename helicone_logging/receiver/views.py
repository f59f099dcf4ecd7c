"""The pages: a list of sessions, and a session with its tree, its conversation and what Helicone will show of it."""

from __future__ import annotations

import json
import re
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import quote, urlencode

from helicone_logging.receiver import export
from helicone_logging.receiver.conversation import Conversation, conversation_of
from helicone_logging.receiver.entries import SessionKey, SpanEntry
from helicone_logging.receiver.rows import attributes_of, is_read
from helicone_logging.receiver.sessions import Query, Summaries, Summary, summary_of
from helicone_logging.receiver.store import SpanStore
from helicone_logging.receiver.visible import one_line
from helicone_logging.receiver.waterfall import AXIS, Line, lines_by_parent, lines_by_path

if TYPE_CHECKING:
    from flask import Flask, Request, Response

TABS = ("chat", "helicone", "findings", "attributes", "raw", "error")
_SESSIONS_A_PAGE = 50
_LINES_A_PAGE = 2_000
_MAX_RAW = 200_000
_MAX_VALUE = 4_000
_MAX_ROWS = 1_000  # of a table
_PLAIN_ID = re.compile(r"[A-Za-z0-9._~-]{1,200}")
_DOTS = (".", "..")


class Views:
    """The routes of the page.

    Args:
        store: what it shows.
        endpoint: gives the URL that takes payloads.
    """

    def __init__(self, store: SpanStore, endpoint: Callable[[], str]) -> None:
        self._store = store
        self._endpoint = endpoint
        self._summaries = Summaries()

    def add_to(self, app: Flask) -> None:
        """Adds the routes to an application."""
        import flask

        app.jinja_env.globals.update(
            session_url=session_url,
            query_url=_query_url,
            tabs=TABS,
            axis=AXIS,
            run=self._store.run,
            most_rows=_MAX_ROWS,
        )
        app.jinja_env.filters.update(age=_age, duration=_duration, number=_number, clock=_clock, line=one_line)
        app.add_url_rule("/", "index", lambda: self._list(flask.request))
        app.add_url_rule("/session", "session_by_query", lambda: self._session(flask.request, _id(flask.request)))
        app.add_url_rule(
            "/session/<session_id>", "session", lambda session_id: self._session(flask.request, session_id)
        )
        app.add_url_rule("/span/<int:seq>/<what>", "take", self._take)

    def _list(self, request: Request) -> str | tuple[str, int]:
        import flask

        seq = self._store.last_seq
        query = Query.of(request.args.items(multi=False))
        sessions = self._store.sessions()
        if not sessions:
            endpoint = self._endpoint()
            url = endpoint.partition("/v1/")[0]
            return flask.render_template("empty.html", endpoint=endpoint, url=url, seq=seq, example=_example())
        chosen = self._summaries.of(sessions)
        if not query.is_empty:
            asked = query.choose(sessions)
            chosen = [summary for summary in chosen if summary.key in asked]
        page = max(1, int(number) if (number := request.args.get("page", "1")).isdecimal() and len(number) < 7 else 1)
        shown = chosen[(page - 1) * _SESSIONS_A_PAGE : page * _SESSIONS_A_PAGE]
        return flask.render_template(
            "sessions.html",
            seq=seq,
            now=time.time(),
            sessions=shown,
            counts=_counts(chosen),
            query=query,
            arguments={key: value for key, value in request.args.items() if value and key != "page"},
            page=page,
            has_more=len(chosen) > page * _SESSIONS_A_PAGE,
            codes=_codes(sessions),
        )

    def _session(self, request: Request, session_id: str) -> str | tuple[str, int]:
        import flask

        seq = self._store.last_seq
        key, others = self._key(session_id, request.args.get("name"))
        entries = self._store.session(key)
        if not entries:
            text = "This session is not here: it has left, as only the last spans are kept, or it never came."
            return flask.render_template("message.html", title="No such session", text=text), 404
        by_parent = request.args.get("tree") == "parent"
        lines = lines_by_parent(entries) if by_parent else lines_by_path(entries)
        entry = _selected(lines, entries, request.args.get("span", ""))
        first = _first_drawn(lines, entry)
        tab = request.args.get("tab", "")
        return flask.render_template(
            "session.html",
            seq=seq,
            now=time.time(),
            key=key,
            others=others,
            summary=summary_of(key, entries),
            lines=lines[first : first + _LINES_A_PAGE],
            earlier=_span_at(lines[max(0, first - _LINES_A_PAGE) : first]),
            later=_span_at(lines[first + _LINES_A_PAGE :]),
            by_parent=by_parent,
            entry=entry,
            tab=tab if tab in TABS else "chat",
            detail=_Detail.of(entry, request.args.get("attribute", "")),
        )

    def _key(self, session_id: str, name: str | None) -> tuple[SessionKey, list[SessionKey]]:
        """The session that a URL means, and the others of its id, which a name that changed has split off."""
        keys = [key for key in self._store.sessions() if key.id == session_id]
        key = SessionKey(session_id, name) if name is not None else next(iter(keys), SessionKey(session_id, ""))
        return key, [other for other in keys if other != key]

    def _take(self, seq: int, what: str) -> Response | tuple[Any, int]:
        """A text to take away, exactly as it was sent."""
        import flask

        entry = self._store.find(seq)
        form = _TAKEN.get(what)
        if entry is None or form is None:
            return {"error": "Not Found"}, 404
        text = form(entry, self._endpoint())
        return flask.Response(text.encode("utf-8", "replace"), mimetype="text/plain")


def _id(request: Request) -> str:
    return request.args.get("id", "")


def _prompt(entry: SpanEntry, _endpoint: str) -> str:
    messages = entry.row.messages
    if len(messages) == 1:
        return messages[0].content
    return "\n\n".join(f"{message.role}: {message.content}" for message in messages)


def _completion(entry: SpanEntry, _endpoint: str) -> str:
    return "\n\n".join(choice.content for choice in entry.row.choices)


_TAKEN: Mapping[str, Callable[[SpanEntry, str], str]] = {
    "prompt": _prompt,
    "completion": _completion,
    "payload": lambda entry, _endpoint: json.dumps(entry.payload) + "\n",
    "curl": export.curl_command,
    "markdown": lambda entry, _endpoint: export.span_markdown(entry),
}


def session_url(key: SessionKey, **arguments: object) -> str:
    """Returns the URL of a session's page; ids that a path cannot hold stand in its query."""
    given = {name: str(value) for name, value in arguments.items() if value not in (None, "")}
    if key.name:
        given = {"name": key.name, **given}
    if _PLAIN_ID.fullmatch(key.id) and key.id not in _DOTS:
        return f"/session/{quote(key.id)}" + (f"?{_encoded(given)}" if given else "")
    return f"/session?{_encoded({'id': key.id, **given})}"


def _query_url(arguments: Mapping[str, str], **changes: object) -> str:
    """The list with some arguments changed, those of None left out."""
    merged = {**arguments, **{name: str(value) for name, value in changes.items() if value is not None}}
    kept = {name: value for name, value in merged.items() if not (name in changes and changes[name] is None)}
    return f"/?{_encoded(kept)}" if kept else "/"


def _encoded(arguments: Mapping[str, str]) -> str:
    return urlencode(arguments, errors="replace")


def _counts(summaries: Sequence[Summary]) -> dict[str, int]:
    return {
        "sessions": len(summaries),
        "spans": sum(one.spans for one in summaries),
        "failures": sum(one.failures for one in summaries),
        "problems": sum(one.problems for one in summaries),
        "tokens": sum(one.tokens for one in summaries),
    }


def _codes(sessions: Mapping[SessionKey, Sequence[SpanEntry]]) -> list[tuple[str, int]]:
    """The kinds of findings that there are, the most frequent first."""
    found: Counter[str] = Counter()
    for entries in sessions.values():
        for entry in entries:
            found.update(finding.code for finding in entry.findings)
    return found.most_common()


def _selected(lines: Sequence[Line], entries: Sequence[SpanEntry], asked: str) -> SpanEntry:
    """The span that is asked for, else the first that failed, else the first."""
    if asked.isdecimal():
        for entry in entries:
            if str(entry.seq) == asked:
                return entry
    in_order = [line.entry for line in lines if line.entry is not None]
    return next((entry for entry in in_order if entry.has_failed), in_order[0])


def _first_drawn(lines: Sequence[Line], entry: SpanEntry) -> int:
    """Where the lines begin that are drawn, of more than a page can hold: those around the span that is looked at."""
    at = next(number for number, line in enumerate(lines) if line.entry is entry)
    return at // _LINES_A_PAGE * _LINES_A_PAGE


def _span_at(lines: Sequence[Line]) -> int | None:
    """The number of the first span of these lines; None where there is none."""
    return next((line.entry.seq for line in lines if line.entry is not None), None)


class _Attribute(NamedTuple):
    key: str
    value: str
    left_out: int
    is_shown: bool


@dataclass(frozen=True)
class _Detail:
    """What the tabs show of a span."""

    conversation: Conversation
    attributes: list[_Attribute]
    resource: list[_Attribute]
    unread: list[_Attribute]
    filter: str
    raw: str
    raw_left_out: int
    exception: Mapping[str, str]

    @classmethod
    def of(cls, entry: SpanEntry, asked: str) -> _Detail:
        stored = entry.stored
        sent = attributes_of(stored.span)
        raw = json.dumps(entry.payload, indent=2, ensure_ascii=False)
        attributes = [_attribute(key, value, is_read(key)) for key, value in sent.items()]
        resource = [_attribute(key, value, False) for key, value in attributes_of(stored.resource).items()]
        return cls(
            conversation=conversation_of(entry.row),
            attributes=[one for one in attributes if asked.lower() in f"{one.key} {one.value}".lower()],
            resource=resource,
            unread=_unread(stored.span, attributes, resource),
            filter=asked,
            raw=raw[:_MAX_RAW],
            raw_left_out=max(0, len(raw) - _MAX_RAW),
            exception={part: str(sent[key]) for part in _EXCEPTION if (key := f"exception.{part}") in sent},
        )


_EXCEPTION = ("type", "message", "stacktrace")


def _attribute(key: str, value: object, is_shown: bool) -> _Attribute:
    text = value if isinstance(value, str) else json.dumps(value)
    return _Attribute(key, text[:_MAX_VALUE], max(0, len(text) - _MAX_VALUE), is_shown)


def _unread(
    span: Mapping[str, Any], attributes: Sequence[_Attribute], resource: Sequence[_Attribute]
) -> list[_Attribute]:
    """What was sent and no page of Helicone's shows."""
    codes = {0: "unset", 1: "ok", 2: "error"}
    of_span = {
        "span name": span["name"],
        "span id": span["spanId"],
        "trace id": span["traceId"],
        "kind": str(span["kind"]),
        "status": codes.get(span["status"]["code"], str(span["status"]["code"])),
        "events": str(len(span["events"])) if span["events"] else "",
        "links": str(len(span["links"])) if span["links"] else "",
    }
    fields = [_attribute(key, value, False) for key, value in of_span.items() if value]
    return [*fields, *(one for one in attributes if not one.is_shown), *resource]


def _example() -> str:
    """A payload as small as the schema lets it be."""
    now = time.time_ns()
    texts = {
        "gen_ai.prompt.0.role": "user",
        "gen_ai.prompt.0.content": "Hi?",
        "gen_ai.completion.0.role": "assistant",
        "gen_ai.completion.0.content": "Hi.",
        "traceloop.association.properties.Helicone-Session-Id": "first",
        "traceloop.association.properties.Helicone-Session-Name": "curl",
        "traceloop.association.properties.Helicone-Session-Path": "/hello",
    }
    span = {
        "traceId": "0" * 31 + "1", "spanId": "0" * 15 + "1", "name": "hello", "kind": 3,
        "startTimeUnixNano": str(now - 10**9), "endTimeUnixNano": str(now),
        "attributes": [{"key": key, "value": {"stringValue": text}} for key, text in texts.items()],
        "droppedAttributesCount": 0, "events": [], "droppedEventsCount": 0, "links": [], "droppedLinksCount": 0,
        "status": {"code": 1},
    }  # fmt: skip
    scope = {"scope": {"name": "curl", "version": "1"}, "spans": [span]}
    resource = {"attributes": [], "droppedAttributesCount": 0}
    return json.dumps({"resourceSpans": [{"resource": resource, "scopeSpans": [scope]}]})


def _number(value: int | None) -> str:
    return "–" if value is None else f"{value:,}"


def _duration(milliseconds: float) -> str:
    """A length of time that can be read at a glance."""
    if milliseconds < 0:
        return "-" + _duration(-milliseconds)
    if milliseconds < 10_000:
        return f"{milliseconds:,.0f} ms"
    seconds = milliseconds / 1000
    if seconds < 120:
        return f"{seconds:.1f} s"
    minutes, seconds = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    if hours < 100:
        return f"{hours} h {minutes:02} min" if hours else f"{minutes} min {seconds:02} s"
    return f"{hours // 24:,} d {hours % 24:02} h"


def _age(then: float, now: float) -> str:
    seconds = max(0, int(now - then))
    for length, unit in ((86_400, "d"), (3_600, "h"), (60, "min")):
        if seconds >= length:
            return f"{seconds // length} {unit}"
    return f"{seconds} s"


def _clock(nanoseconds: float) -> str:
    """A time as a clock of this machine shows it."""
    try:
        return time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(nanoseconds / 1e9))
    except (ValueError, OverflowError, OSError):
        return "–"
