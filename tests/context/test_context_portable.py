"""The bound context goes to another process as JSON, and the tree goes on there."""

from __future__ import annotations

import datetime
import json
import logging
import multiprocessing
import uuid
from decimal import Decimal
from enum import Enum

from werkzeug.local import LocalProxy

import helicone_logging
from helicone_logging import bind, current_context, span
from helicone_logging.context.binding import current


def test_outside_every_context_there_is_nothing_to_send():
    assert current_context() == {}


def test_what_is_bound_on_one_side_is_bound_on_the_other():
    with bind(trace_id="order-17", user_id="ada", session_id="s", properties={"tenant": "x"}), span("ask") as work:
        sent = json.dumps(current_context())
        bound_here = dict(current())
    with bind(**json.loads(sent)):
        assert current() == bound_here
        assert current()["parent_span_id"] == work.span_id
        assert current()["parent_path"] == "/ask"


def test_the_tree_goes_on_on_the_other_side(log):
    with span("outer") as outer:
        sent = json.loads(json.dumps(current_context()))
    with bind(**sent), span("inner") as inner:
        pass
    assert inner.trace_id == outer.trace_id
    assert log["inner"].span["parent_span_id"] == outer.span_id
    assert log["inner"].span["session_path"] == "/outer/inner"


class Colour(str, Enum):
    RED = "red"


def test_what_travels_is_plain_json_and_the_rest_stays():
    named = uuid.UUID(int=7)
    moment = datetime.datetime(2026, 1, 2, 3, 4, 5, tzinfo=datetime.timezone.utc)
    with bind(
        trace_id=named,
        price=Decimal("1.50"),
        at=moment,
        day=moment.date(),
        flag=True,
        number=3,
        ratio=0.5,
        colour=Colour.RED,
        not_a_number=float("nan"),
        client=object(),
        items=[1],
        properties={"a": 1, "b": object(), 3: "no name"},
    ):
        context = current_context()
    assert json.loads(json.dumps(context, allow_nan=False)) == context
    assert context == {
        "trace_id": str(named),
        "price": "1.50",
        "at": str(moment),
        "day": "2026-01-02",
        "flag": True,
        "number": 3,
        "ratio": 0.5,
        "colour": "red",
        "properties": {"a": 1},
    }
    assert all(type(value) in (str, int, float, bool, dict) for value in context.values())


def test_a_proxy_travels_as_what_it_stands_for_and_stays_where_that_is_nothing():
    def outside():
        raise LookupError

    with bind(trace_id="t", user_id=LocalProxy(lambda: "ada"), other=LocalProxy(outside)):
        assert current_context() == {"trace_id": "t", "user_id": "ada"}


def test_what_travels_is_bounded():
    many = {f"f{number}": number for number in range(500)}
    with bind(**many, properties=many):
        context = current_context()
    assert len(context) == 51
    assert len(context["properties"]) == 50
    with bind(long="x" * 3000, broken="a\nb", vast=10**5000, **{"n" * 101: 1}):  # which JSON refuses to write
        assert current_context() == {}


def test_what_comes_from_elsewhere_is_cleaned_like_anything_else():
    with bind(trace_id="0" * 32, parent_path="a//b\n/", parent_span_id="x", properties="none"):
        bound = dict(current())
    assert "trace_id" not in bound
    assert bound["parent_path"] == "/a/b"
    assert bound["properties"] == {}
    with bind(parent_path=7):
        assert current() == {}


def child(context, pipe):
    with bind(**context):
        pipe.send(dict(current()))
    pipe.close()


def test_a_spawned_child_has_what_was_bound_where_it_was_started():
    spawn = multiprocessing.get_context("spawn")
    ours, theirs = spawn.Pipe()
    with bind(trace_id="t", user_id="ada"), span("parent", logger=logging.getLogger("quiet")):
        bound = dict(current())
        process = spawn.Process(target=child, args=(current_context(), theirs))
        process.start()
    assert ours.poll(60)
    assert ours.recv() == bound
    process.join(60)


def test_it_stands_where_users_look_for_it():
    assert helicone_logging.context.current_context is helicone_logging.current_context
