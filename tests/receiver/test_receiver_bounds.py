"""Nothing that is sent stops the receiver or lets it grow: spans, bytes, JSON, connections and streams are bounded."""

from __future__ import annotations

import contextlib
import json
import socket
import threading
from typing import Any

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st
from receiver_client import GOOD, SESSION, changed, connect, get, payload, post, request, span

from helicone_logging.errors import ConfigurationError
from helicone_logging.receiver import Receiver, validation
from helicone_logging.receiver.entries import SessionKey
from helicone_logging.receiver.store import SpanStore

SCHEMA = json.loads(
    validation.resources.files("helicone_logging.receiver").joinpath("otel_trace.schema.json").read_text("utf-8")
)


def address(receiver: Receiver) -> tuple[str, int]:
    host, _, port = receiver.url.removeprefix("http://").rpartition(":")
    return host, int(port)


def test_bytes_are_bounded_and_the_latest_span_stays() -> None:
    store = SpanStore(keep=1_000, keep_bytes=1_000_000)
    for number in range(50):
        store.add(payload(span({**GOOD, "gen_ai.prompt.0.content": "x" * 50_000}, name=str(number))))
    kept = store.entries()
    assert 1 < len(kept) < 20
    assert sum(entry.size for entry in kept) <= 1_000_000
    assert kept[-1].name == "49"
    store.add(payload(span({**GOOD, "gen_ai.prompt.0.content": "x" * 2_000_000}, name="large")))
    assert [entry.name for entry in store.entries()] == ["large"]
    assert store.received == 51


def test_what_has_left_is_in_no_session() -> None:
    store = SpanStore(keep=2)
    for number in range(5):
        store.add(payload(span({**GOOD, SESSION + "Id": f"s{number % 3}"})))
    assert sorted(key.id for key in store.sessions()) == ["s0", "s1"]
    assert store.session(SessionKey("s2", "shop")) == []
    assert [entry.seq for entry in store.after(0, 10)] == [4, 5]
    store.clear()
    assert (store.entries(), store.sessions(), store.received) == ([], {}, 5)


def test_half_open_connections_do_not_stop_it(receiver: Receiver) -> None:
    with contextlib.ExitStack() as stack:
        for number in range(200):
            half = stack.enter_context(socket.create_connection(address(receiver), timeout=60))
            if number % 2:
                half.sendall(b"POST /v1/trace/log HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 100\r\n\r\n{")
        assert post(receiver, payload()).status == 200
        assert get(receiver, "/").status == 200


def test_streams_leave_threads_for_intake_and_the_next_reader_polls(receiver: Receiver) -> None:
    with contextlib.ExitStack() as stack:
        for _ in range(16):
            connection = stack.enter_context(contextlib.closing(connect(receiver)))
            connection.request("GET", "/api/stream?after=0")
            answer = connection.getresponse()
            assert answer.status == 200
            assert answer.readline() == b"retry: 1000\n"
        assert get(receiver, "/api/stream").status == 204
        assert post(receiver, payload()).status == 200
        assert get(receiver, "/api/stream?poll=1&after=0").json["count"] == 1


def test_a_stream_tells_what_comes_and_goes_on_where_it_broke_off(receiver: Receiver) -> None:
    post(receiver, payload(span(), span()))

    def first_event(**headers: str) -> tuple[str, dict[str, Any]]:
        with contextlib.closing(connect(receiver)) as connection:
            connection.request(
                "GET", "/api/stream?after=0", headers={k.replace("_", "-"): v for k, v in headers.items()}
            )
            answer = connection.getresponse()
            lines: list[str] = []
            while not (lines and lines[-1].startswith("data: ")):
                lines.append(answer.readline().decode().strip())
            return lines[-3], json.loads(lines[-1].removeprefix("data: "))

    number, news = first_event()
    run = receiver.store.run
    assert (number, news["count"], news["run"], news["last"]) == (f"id: {run}-2", 2, run, 2)
    post(receiver, payload())
    for known in (number.removeprefix("id: "), "2"):
        told, news = first_event(Last_Event_ID=known)
        assert (told, [one["seq"] for one in news["spans"]]) == (f"id: {run}-3", [3])
    number, news = first_event(Last_Event_ID="0-1")  # of an earlier run, which had not come as far
    assert news["count"] == 3
    number, news = first_event(Last_Event_ID="9000")  # of an earlier run
    assert news["count"] == 3


def test_json_is_refused_at_the_first_thing_that_is_wrong(receiver: Receiver) -> None:
    body = b'{"resourceSpans": [' + b"1," * 300_000 + b"1]}"
    answer = post(receiver, body)
    assert answer.status == 422
    assert len(answer.body) < 1_000


def test_json_that_is_nested_deeply_costs_nothing_else(receiver: Receiver) -> None:
    for depth in (900, 5_000, 100_000):
        deep = "[" * depth + "]" * depth
        body = json.dumps(changed(lambda _, one: one["events"].append("HERE"))).replace('"HERE"', deep).encode()
        assert post(receiver, body).status in (200, 400)
    assert post(receiver, payload()).status == 200
    for path in ("/", "/api/spans", "/api/sessions", "/api/export", "/session/order-1234?tab=raw"):
        assert get(receiver, path).status == 200


def test_a_path_of_a_thousand_parts_is_a_tree_of_a_few(receiver: Receiver) -> None:
    post(receiver, payload(span({**GOOD, SESSION + "Path": "/a" * 100_000})))
    for path in (
        "/api/sessions",
        "/session/order-1234",
        "/session/order-1234?tree=parent",
        "/api/export?format=markdown",
    ):
        assert get(receiver, path).status == 200


def test_headers_are_bounded(receiver: Receiver) -> None:
    assert request(receiver, "GET", "/", headers={"X-Long": "x" * 100_000}).status == 431
    assert get(receiver, "/").status == 200


def test_a_callback_that_raises_costs_no_span() -> None:
    def broken(_: str) -> None:
        raise UnicodeEncodeError("charmap", "\u2026", 0, 1, "character maps to <undefined>")

    with Receiver(port=0, on_span=broken) as running:
        assert post(running, payload()).status == 200
        assert len(running.spans()) == 1


@pytest.mark.parametrize(
    ("options", "named"),
    [({"keep": 0}, "keep"), ({"keep_bytes": 0}, "keep_bytes"), ({"port": 70_000}, "port"), ({"port": -1}, "port")],
)
def test_options_that_cannot_work_are_named(options: dict[str, Any], named: str) -> None:
    with pytest.raises(ConfigurationError, match=named):
        Receiver(**{"port": 0, **options})


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=3), inner, max_size=2),
    max_leaves=5,
)


@given(st.data())
def test_the_compiled_schema_accepts_what_the_published_one_accepts(data: st.DataObject) -> None:
    one = payload(span())
    place: Any = one
    for _ in range(data.draw(st.integers(0, 9))):
        key = data.draw(st.sampled_from(sorted(place) if isinstance(place, dict) else range(len(place))))
        if not isinstance(place[key], dict | list) or not place[key]:
            break
        place = place[key]
    if isinstance(place, dict):
        key = data.draw(st.sampled_from(sorted(place)) | st.text(max_size=3))
        place[key] = data.draw(json_values)
        if data.draw(st.booleans()):
            del place[key]
    else:
        place.append(data.draw(json_values))
    assert (validation.refusal(one) is None) == jsonschema.Draft202012Validator(SCHEMA).is_valid(one)


def test_two_receivers_at_once_do_not_share(receiver: Receiver) -> None:
    with Receiver(port=0) as other:
        threads = [threading.Thread(target=post, args=(one, payload())) for one in (receiver, other) for _ in range(5)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert (len(receiver.spans()), len(other.spans())) == (5, 5)
