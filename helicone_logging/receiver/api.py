"""What has arrived, as JSON and as text, for programs; lists come in pages by the number of the last span."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from helicone_logging.receiver import export
from helicone_logging.receiver.entries import SpanEntry
from helicone_logging.receiver.live import Streams, known_number, news_after
from helicone_logging.receiver.rows import Node, Row, sessions_of
from helicone_logging.receiver.sessions import Query, Summaries, Summary
from helicone_logging.receiver.store import SpanStore

if TYPE_CHECKING:
    from flask import Flask, Request, Response

_SPANS_AT_ONCE = 1_000
_SESSIONS_AT_ONCE = 50
_MOST = 10_000


class Api:
    """The routes below `/api`.

    Args:
        store: what they show.
        streams: what is open of live streams.
    """

    def __init__(self, store: SpanStore, streams: Streams) -> None:
        self._store = store
        self._streams = streams
        self._summaries = Summaries()

    def add_to(self, app: Flask) -> None:
        """Adds the routes to an application."""
        import flask

        def route(path: str, view: Callable[[Request], Any], method: str = "GET") -> None:
            app.add_url_rule(path, f"{method} {path}", lambda: view(flask.request), methods=[method])

        route("/api/spans", self._spans)
        route("/api/spans", self._clear, "DELETE")
        route("/api/requests", self._requests)
        route("/api/sessions", self._sessions)
        route("/api/export", self._export)
        route("/api/stream", self._stream)

    def _spans(self, request: Request) -> Response:
        return _page(self._chosen(request), lambda entry: {"seq": entry.seq, **entry.stored._asdict()})

    def _requests(self, request: Request) -> Response:
        return _page(self._chosen(request), export.as_json)

    def _chosen(self, request: Request) -> list[SpanEntry]:
        """The entries of a page, the oldest first."""
        after, limit = _number(request, "after", 0), _limit(request, _SPANS_AT_ONCE)
        query = Query.of(request.args.items(multi=False))
        entries = self._of_session(request) if "session" in request.args else self._store.entries()
        chosen = [entry for entry in entries if entry.seq > after and (query.is_empty or query.matches(entry))]
        return chosen[:limit]

    def _of_session(self, request: Request) -> list[SpanEntry]:
        """The entries of a session, of all names where none is given."""
        wanted, name = request.args["session"], request.args.get("name")
        found = [
            entry
            for key, entries in self._store.sessions().items()
            if key.id == wanted and name in (None, key.name)
            for entry in entries
        ]
        return sorted(found, key=lambda entry: entry.seq)

    def _sessions(self, request: Request) -> Response:
        after, limit = _number(request, "after", 0), _limit(request, _SESSIONS_AT_ONCE)
        chosen = Query.of(request.args.items(multi=False)).choose(self._store.sessions())
        summaries = [one for one in self._summaries.of(chosen) if one.last_seq > after and one.key.id]
        page = sorted(summaries, key=lambda one: one.last_seq)[:limit]
        has_tree = request.args.get("tree", "1") != "0"
        return _json([_session(one, self._store.session(one.key) if has_tree else []) for one in page])

    def _export(self, request: Request) -> Response | tuple[dict[str, str], int]:
        import flask

        entries = self._of_session(request) if "session" in request.args else self._store.entries()
        form = request.args.get("format", "jsonl")
        if form == "jsonl":
            return flask.Response(export.json_lines(entries), mimetype="application/jsonl")
        if form == "markdown":
            return flask.Response(export.markdown(entries), mimetype="text/markdown")
        return {"error": f"no format {form[:50]!r}; there are jsonl and markdown"}, 400

    def _stream(self, request: Request) -> Response | tuple[str, int]:
        import flask

        told = (request.headers.get("Last-Event-ID", ""), request.args.get("after", ""))
        known = (known_number(self._store, text) for text in told)
        after = next((number for number in known if number is not None), self._store.last_seq)
        if "poll" in request.args:
            return _json(news_after(self._store, after))
        is_gone = request.environ.get("waitress.client_disconnected", lambda: False)
        stream = self._streams.open(after, is_gone)
        if stream is None:
            return "", 204  # the reader polls
        return flask.Response(stream, mimetype="text/event-stream")

    def _clear(self, _request: Request) -> tuple[str, int]:
        self._store.clear()
        return "", 204


def _page(entries: list[SpanEntry], form: Callable[[SpanEntry], dict[str, Any]]) -> Response:
    response = _json([form(entry) for entry in entries])
    if entries:
        response.headers["X-Last-Seq"] = str(entries[-1].seq)
    return response


def _json(value: object) -> Response:
    import flask

    return flask.Response(json.dumps(value) + "\n", mimetype="application/json")


def _number(request: Request, name: str, default: int) -> int:
    text = request.args.get(name, "")
    return int(text) if text.isdecimal() and len(text) < 19 else default  # fits into 64 bits


def _limit(request: Request, default: int) -> int:
    return min(max(_number(request, "limit", default), 1), _MOST)


def _session(summary: Summary, entries: list[SpanEntry]) -> dict[str, Any]:
    told = {name: value for name, value in dataclasses.asdict(summary).items() if name != "key"}
    trees = sessions_of(entry.row for entry in entries)
    tree = {"tree": _node(trees[0].root)} if trees else {}
    return {"id": summary.key.id, "name": summary.key.name, **told, **tree}


def _node(node: Node[Row]) -> dict[str, Any]:
    """A folder with all below it; paths have a bounded number of parts, and so has this."""
    return {
        "name": node.name,
        "rows": [dataclasses.asdict(row) for row in node.rows],
        "children": [_node(child) for child in node.children.values()],
    }
