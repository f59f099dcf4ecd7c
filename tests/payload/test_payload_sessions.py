"""The trace is the session: its id, a constant name, and a path that no name can break."""

from __future__ import annotations

import threading
from typing import Any

import pytest
from hostile_values import any_text
from hypothesis import given
from hypothesis import strategies as st
from payloads import HELICONE, PARENT, SPAN, TRACE, record, row, sent, traced

from helicone_logging import OTELTraceFormatter, TraceContextFilter, bind
from helicone_logging.context import session_path
from helicone_logging.core import clock
from helicone_logging.payload.record_data import path_fields_of, record_data
from helicone_logging.payload.session_cache import SessionPaths
from helicone_logging.receiver.rows import Node, sessions_of

NOT_IN_A_PART = ["/", "\n", "\r", "\t", "\x00", "\x1b", "\x7f", "\x85", "\u2028", "\u202e", "\ufeff", "\u200b"]


def path_of(formatter: OTELTraceFormatter | None = None, text: str = "step", **fields: Any) -> str:
    """The session path of a record of the trace `TRACE`."""
    return row(traced(text, **fields), formatter).session_path


def path_found(found: SessionPaths, name: str, span: str, parent: str | None = None) -> str:
    """The path of a span that others can name as their parent."""
    path = found.find(name, TRACE, span, parent, explicit=None, enclosing=None)
    found.remember(span, lambda: (TRACE + span, path), ())
    return path


def test_the_path_of_a_record_alone_is_its_own_name() -> None:
    assert path_of() == "/step"
    assert path_of(span_name="named") == "/named"


def test_an_explicit_path_wins() -> None:
    formatter = OTELTraceFormatter()
    path_of(formatter, span_id=PARENT)
    with bind(trace_id=TRACE, parent_path="/enclosing"):
        assert path_of(formatter, session_path="/a/b", parent_span_id=PARENT) == "/a/b"


def test_the_enclosing_spans_win_over_the_parent_s_path() -> None:
    formatter = OTELTraceFormatter()
    path_of(formatter, "parent", span_id=PARENT)
    with bind(trace_id=TRACE, parent_path="/enclosing"):
        assert path_of(formatter, parent_span_id=PARENT) == "/enclosing/step"


def test_the_parent_s_path_is_remembered_by_its_span_id() -> None:
    formatter = OTELTraceFormatter()
    path_of(formatter, "top", span_id="1")
    path_of(formatter, "middle", span_id="2", parent_span_id="1")
    assert path_of(formatter, "leaf", parent_span_id="2") == "/top/middle/leaf"
    assert path_of(formatter, "leaf", parent_span_id="3") == "/leaf"


def test_an_explicit_path_is_remembered_too() -> None:
    formatter = OTELTraceFormatter()
    path_of(formatter, "root", span_id=SPAN, session_path="/elsewhere/")
    assert path_of(formatter, "leaf", parent_span_id=SPAN) == "/elsewhere/leaf"


def test_a_dict_message_with_a_trace_of_its_own_is_found_there_by_what_is_below_it() -> None:
    formatter = OTELTraceFormatter()
    parent = record({"message": "parent", "trace_id": TRACE, "span_id": SPAN})
    with bind(trace_id="of the request"):
        assert TraceContextFilter().filter(parent)
        waiting = formatter.entry(parent)
    assert path_of(formatter, "child", parent_span_id=SPAN) == "/parent/child"
    assert waiting.encode() == formatter.span(parent).encode()


def test_of_a_dict_message_nothing_is_remembered_but_where_it_stands() -> None:
    logged = {"message": "parent", "trace_id": TRACE, "span_id": SPAN, "user_id": "ada"}
    made = record(logged)
    with bind(trace_id="of the request", user_id="eve"):
        assert TraceContextFilter().filter(made)
    assert made.__dict__["user_id"] == "eve"
    path_fields = path_fields_of(record_data(made), {})
    assert path_fields is not None
    assert path_fields.own == {"trace_id": TRACE, "span_id": SPAN}
    assert set(path_fields.inherited) == {"trace_id"}


def test_a_parent_is_looked_for_in_the_same_trace_only() -> None:
    formatter = OTELTraceFormatter()
    row(record("root", trace_id="another", span_id=SPAN), formatter)
    assert path_of(formatter, parent_span_id=SPAN) == "/step"


def test_an_incoming_traceparent_names_the_parent() -> None:
    formatter = OTELTraceFormatter()
    path_of(formatter, "top", span_id=PARENT)
    made = record("leaf", traceparent=f"00-{TRACE}-{PARENT}-01")
    assert row(made, formatter).session_path == "/top/leaf"


def test_a_span_that_names_itself_as_its_parent_stands_below_nothing() -> None:
    formatter = OTELTraceFormatter()
    for _ in range(5):
        assert path_of(formatter, "loop", span_id=SPAN, parent_span_id=SPAN) == "/loop"


def test_spans_that_name_each_other_as_their_parents_get_no_deeper_than_the_limit() -> None:
    formatter = OTELTraceFormatter()
    for _ in range(100):
        path_of(formatter, "a", span_id=SPAN, parent_span_id=PARENT)
        path = path_of(formatter, "b", span_id=PARENT, parent_span_id=SPAN)
    assert path.count("/") == session_path.MAX_PARTS


@pytest.mark.parametrize("character", NOT_IN_A_PART)
def test_a_name_cannot_break_the_tree(character: str) -> None:
    formatter = OTELTraceFormatter()
    path = path_of(formatter, f"a{character}b", span_id=SPAN)
    assert path.count("/") == 1
    assert path in ("/a b", "/a_b")
    assert path_of(formatter, f"{character}c{character}", parent_span_id=SPAN).count("/") == 2


@pytest.mark.parametrize("name", [" ", "\n\t", "\u200b"])
def test_a_blank_name_is_unnamed(name: str) -> None:
    assert path_of(span_name=name) == "/unnamed"


@pytest.mark.parametrize(
    ("given_path", "path"),
    [
        ("a", "/a"), ("/a", "/a"), ("a/b/", "/a/b"), ("//a///b//", "/a/b"), (" a / b ", "/a/b"), ("/a/ /b", "/a/b"),
        ("/a\n/b", "/a/b"), ("/", "/step"), ("///", "/step"), (" ", "/step"), (7, "/7"), (["a"], "/step"),
    ],
)  # fmt: skip
def test_an_explicit_path_gets_a_leading_slash_and_no_empty_parts(given_path: object, path: str) -> None:
    assert path_of(session_path=given_path) == path


@given(st.one_of(any_text, st.text("/a \n\x00\u202e", max_size=50)), st.one_of(any_text, st.text("/ b\t")))
def test_no_text_makes_an_empty_part(path: str, name: str) -> None:
    for made in (
        session_path.clean_path(path),
        session_path.join(session_path.clean_path(path), name),
        session_path.join("", name),
    ):
        assert made.startswith("/")
        if made != "/":
            assert all(part.strip() for part in made[1:].split("/"))
            assert all(len(part) <= session_path.MAX_PART_LENGTH for part in made[1:].split("/"))
        assert session_path.clean_path(made) == made
        assert made.isprintable() or any(
            "\ud800" <= character <= "\udfff" or character not in NOT_IN_A_PART for character in made
        )


def test_long_names_and_paths_are_cut() -> None:
    assert path_of(span_name="n" * 5_000) == "/" + "n" * 99 + "…"
    assert path_of(span_name="n" * 100) == "/" + "n" * 100
    assert path_of(session_path="/p" * 5_000) == "/p" * session_path.MAX_PARTS
    assert len(path_of(session_path=("/" + "p" * 5_000) * 5_000)) <= session_path.MAX_PARTS * (
        session_path.MAX_PART_LENGTH + 1
    )


def test_a_field_of_the_application_s_that_is_called_like_ours_cannot_break_the_tree() -> None:
    assert path_of(parent_path="C:\\x//y/\n") == "/C:\\x/y/step"


def test_names_are_the_same_in_one_formatter() -> None:
    assert row(traced()).session_name == "unknown_service"
    assert row(traced(), OTELTraceFormatter(service_name="shop")).session_name == "shop"
    assert row(traced(), OTELTraceFormatter(service_name="shop", session_name="orders")).session_name == "orders"
    assert row(traced(session_name="own"), OTELTraceFormatter(service_name="shop")).session_name == "own"


def test_sessions_can_be_turned_off() -> None:
    formatter = OTELTraceFormatter(sessions=False)
    assert not [key for key in sent(traced(session_path="/a", session_name="b"), formatter) if "Session" in key]
    own = sent(traced("step", session_id="mine"), formatter)
    assert own[HELICONE + "Session-Id"] == "mine"
    assert own[HELICONE + "Session-Path"] == "/step"


def test_a_session_id_of_its_own_takes_the_place_of_the_trace() -> None:
    assert row(traced(session_id="conversation-7")).session_id == "conversation-7"


def test_the_tree_is_as_the_spans_were() -> None:
    formatter = OTELTraceFormatter(service_name="shop")
    made = [
        record("root", trace_id=TRACE, span_id="1", created=1.0),
        record("plan", trace_id=TRACE, parent_span_id="1", created=2.0),
        record("search", trace_id=TRACE, span_id="2", parent_span_id="1", created=3.0),
        record("rank", trace_id=TRACE, parent_span_id="2", created=4.0),
        record("plan", trace_id=TRACE, parent_span_id="1", created=5.0),
    ]
    (session,) = sessions_of([row(one, formatter) for one in made])

    def shape(node: Node) -> dict[str, Any]:
        return {child.name: (len(child.rows), shape(child)) for child in node.children.values()}

    assert (session.id, session.name) == (TRACE, "shop")
    assert shape(session.root) == {"root": (1, {"plan": (2, {}), "search": (1, {"rank": (1, {})})})}


def test_the_oldest_spans_are_forgotten_first_and_never_more_than_the_bound_remembered() -> None:
    found = SessionPaths(size=3)
    for number in range(10):
        path_found(found, "step", str(number))
    assert path_found(found, "leaf", "x", "9") == "/step/leaf"
    assert len(found._path_of) + len(found._fresh) <= 3 + 1
    assert path_found(found, "leaf", "y", "1") == "/leaf"


def test_spans_are_forgotten_after_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    found = SessionPaths(ttl=3600.0)
    now = 0.0
    monkeypatch.setattr(clock, "monotonic", lambda: now)
    path_found(found, "top", "1")
    now = 3599.0
    assert path_found(found, "leaf", "2", "1") == "/top/leaf"
    now = 3601.0
    assert path_found(found, "leaf", "3", "1") == "/leaf"


def test_spans_that_nobody_can_name_are_not_remembered() -> None:
    formatter = OTELTraceFormatter()
    for _ in range(10):
        path_of(formatter)
    paths = formatter._builder._paths
    assert (len(paths._path_of), len(paths._fresh)) == (0, 0)


def test_a_span_whose_id_names_nothing_is_nobody_s_parent() -> None:
    formatter = OTELTraceFormatter()
    formatter.entry(traced("parent", span_id="0" * 16))
    assert path_of(formatter, "child", parent_span_id=SPAN) == "/child"


def test_many_threads_find_their_own_parents() -> None:
    formatter = OTELTraceFormatter()
    wrong: list[str] = []
    start = threading.Barrier(8)

    def work(number: int) -> None:
        start.wait()
        for step in range(1, 201):
            row(record(f"root {number}", trace_id=f"t{number}", span_id=str(step)), formatter)
            path = row(record("leaf", trace_id=f"t{number}", parent_span_id=str(step)), formatter).session_path
            if path != f"/root {number}/leaf":
                wrong.append(path)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []
