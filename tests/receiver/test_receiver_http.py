"""The receiver accepts and refuses what Helicone's server does, over real HTTP."""

from __future__ import annotations

import contextlib
import gzip
import http.client
import json
import socket
import threading
import zlib
from collections.abc import Callable
from typing import Any

import pytest
from receiver_client import PATH, PROPERTY, SESSION, changed, connect, get, payload, post, request, span

from helicone_logging import ConfigurationError, OTELTraceFormatter
from helicone_logging.receiver import Receiver
from helicone_logging.receiver.intake import MAX_BODY_BYTES

Change = Callable[[dict[str, Any], dict[str, Any]], object]


def attribute(value: Any, key: str = "x") -> Change:
    """Adds an attribute whose value is as given."""
    return lambda _, one: one["attributes"].append({"key": key, "value": value})


def resource_attribute(value: Any) -> Change:
    added = {"key": "x", "value": value}
    return lambda whole, _: whole["resourceSpans"][0]["resource"]["attributes"].append(added)


SPAN_KEYS = sorted(span())
ACCEPTED: dict[str, Change] = {
    "exactly the schema": lambda whole, one: None,
    "a list in a resource attribute": resource_attribute({"arrayValue": {"values": [{"stringValue": "a"}]}}),
    "intValue as a float": attribute({"intValue": 1.5}),
    "an empty value": attribute({}),
    "anything inside events": lambda _, one: one["events"].extend([{"odd": [1, None]}, 5, "text"]),
    "anything inside links": lambda _, one: one["links"].append({"traceId": 1}),
    "several entries": lambda whole, _: whole["resourceSpans"].extend(payload()["resourceSpans"]),
    "several spans": lambda whole, _: whole["resourceSpans"][0]["scopeSpans"][0]["spans"].append(span()),
    "no spans": lambda whole, _: whole["resourceSpans"].clear(),
    "lone surrogates": attribute({"stringValue": "\ud800"}),
}
REFUSED: dict[str, tuple[Change, str]] = {
    "parentSpanId": (lambda _, one: one.update(parentSpanId="00f067aa0ba902b7"), "parentSpanId"),
    "status.message": (lambda _, one: one["status"].update(message="no"), "message"),
    "schemaUrl of an entry": (lambda whole, _: whole["resourceSpans"][0].update(schemaUrl=""), "schemaUrl"),
    "an extra key at the top": (lambda whole, _: whole.update(extra=1), "extra"),
    "an extra key of the resource": (lambda whole, _: whole["resourceSpans"][0]["resource"].update(extra=1), "extra"),
    "doubleValue": (attribute({"doubleValue": 1.5}), "doubleValue"),
    "boolValue": (attribute({"boolValue": True}), "boolValue"),
    "a list in a span attribute": (attribute({"arrayValue": {"values": []}}), "arrayValue"),
    "stringValue null": (attribute({"stringValue": None}), "stringValue"),
    # The server itself would read a number out of the text; a client that relies on it breaks the published schema.
    "intValue as text": (attribute({"intValue": "7"}), "intValue"),
    "stringValue as a number": (attribute({"stringValue": 1}), "stringValue"),
    "an attribute without a value": (lambda _, one: one["attributes"].append({"key": "x"}), "value"),
    "kind as text": (lambda _, one: one.update(kind="3"), "kind"),
    "time as a number": (lambda _, one: one.update(startTimeUnixNano=5), "startTimeUnixNano"),
    "status code as text": (lambda _, one: one["status"].update(code="2"), "code"),
    "events as an object": (lambda _, one: one.update(events={}), "events"),
    "a resource list of numbers": (
        resource_attribute({"arrayValue": {"values": [{"intValue": 1}]}}),
        "values",
    ),
    **{f"without {key}": (lambda _, one, key=key: one.pop(key), key) for key in SPAN_KEYS},
    "without the scope": (lambda whole, _: whole["resourceSpans"][0]["scopeSpans"][0].pop("scope"), "scope"),
    "without the resource": (lambda whole, _: whole["resourceSpans"][0].pop("resource"), "resource"),
    "without resourceSpans": (lambda whole, _: whole.pop("resourceSpans"), "resourceSpans"),
}


@pytest.mark.parametrize("kind", ACCEPTED)
def test_what_the_server_accepts_is_accepted(kind: str, receiver: Receiver) -> None:
    answer = post(receiver, changed(ACCEPTED[kind]))
    assert (answer.status, answer.body) == (200, b"")


@pytest.mark.parametrize("kind", REFUSED)
def test_what_the_server_refuses_is_refused_with_the_key(kind: str, receiver: Receiver) -> None:
    change, key = REFUSED[kind]
    answer = post(receiver, changed(change))
    assert answer.status == 422
    assert answer.json["message"] == "Validation Failed"
    assert key in json.dumps(answer.json["details"])
    assert receiver.spans() == []


@pytest.mark.parametrize("body", [[], "text", 5, None, True])
def test_a_body_that_is_no_object_is_refused(body: object, receiver: Receiver) -> None:
    assert post(receiver, body).status == 422


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"not json",
        b'{"resourceSpans": NaN}',
        b'{"resourceSpans": [Infinity]}',
        b"\xff\xfe",
        b"[" * 100_000,
        b"\x00",
    ],
)
def test_what_is_no_json_is_no_fault_of_the_server_s(body: bytes, receiver: Receiver) -> None:
    answer = post(receiver, body)
    assert answer.status == 400
    assert "JSON" in answer.json["error"]


def test_a_refusal_does_not_repeat_what_was_sent(receiver: Receiver) -> None:
    private = "private-7f3a"
    for change in (attribute({"stringValue": [private]}), lambda _, one: one.update(name={"a": private})):
        assert private.encode() not in post(receiver, changed(change)).body


def test_a_number_as_provider_fails_as_on_the_server(receiver: Receiver) -> None:
    answer = post(receiver, changed(attribute({"intValue": 1}, "gen_ai.system")))
    assert (answer.status, answer.body) == (500, b"")
    assert receiver.spans() == []


def test_gzip_is_inflated(receiver: Receiver) -> None:
    body = gzip.compress(json.dumps(payload()).encode())
    assert post(receiver, body, Content_Encoding="gzip").status == 200
    assert post(receiver, body, Content_Encoding="GZIP").status == 200
    assert post(receiver, body).status == 400
    assert post(receiver, b"no gzip", Content_Encoding="gzip").status == 400
    assert post(receiver, body[:-12], Content_Encoding="gzip").status == 400


def test_a_gzip_bomb_is_refused_without_being_inflated(receiver: Receiver) -> None:
    bomb = zlib.compressobj(9, wbits=31)
    body = b"".join([*(bomb.compress(bytes(1 << 20)) for _ in range(200)), bomb.flush()])
    assert len(body) < 1 << 20
    assert post(receiver, body, Content_Encoding="gzip").status == 413


def test_a_body_that_helicone_would_not_take_is_refused(receiver: Receiver) -> None:
    assert MAX_BODY_BYTES == 10 * 1024 * 1024
    answer = post(receiver, b" " * (MAX_BODY_BYTES + 1))
    assert answer.status == 413
    assert post(receiver, payload()).status == 200


def test_a_body_just_below_the_limit_is_read(receiver: Receiver) -> None:
    body = json.dumps(payload()).encode()
    assert post(receiver, body + b" " * (MAX_BODY_BYTES - len(body))).status == 200


@pytest.mark.parametrize(
    "key", [None, "", "wrong", "Bearer wrong", "Bearer right2", "bearer right", "Bearer  right", "Basic right"]
)
def test_a_request_without_the_right_key_is_unauthorised(key: str | None) -> None:
    with Receiver(port=0, api_key="right") as running:
        headers = {} if key is None else {"Authorization": key}
        answer = post(running, payload(), **headers)
        assert answer.status == 401
        assert "error" in answer.json
        assert running.spans() == []
        assert post(running, payload(), Authorization="Bearer right").status == 200


def test_a_key_of_any_bytes_is_compared_without_a_fault() -> None:
    with Receiver(port=0, api_key="schlüssel") as running:
        assert post(running, payload(), Authorization="Bearer \xff\xfe").status == 401


def test_without_a_key_of_its_own_every_request_is_taken(receiver: Receiver) -> None:
    assert post(receiver, payload(), Authorization="Bearer anything").status == 200


@pytest.mark.parametrize("path", ["/v1/trace", "/v1/trace/log/", "/v1/trace/custom/log", "/api", "/../etc/passwd"])
def test_other_paths_are_not_here(path: str, receiver: Receiver) -> None:
    answer = post(receiver, payload(), path)
    assert answer.status == 404
    assert answer.json == {"error": "Not Found"}


@pytest.mark.parametrize(("method", "path"), [("GET", PATH), ("PUT", PATH), ("POST", "/api/spans"), ("DELETE", "/")])
def test_other_methods_are_not_allowed(method: str, path: str, receiver: Receiver) -> None:
    assert request(receiver, method, path).status == 405


def test_what_was_received_is_there_as_spans_requests_and_sessions(receiver: Receiver) -> None:
    body = payload(span(name="one"), span(name="two"))
    body["resourceSpans"] += payload(span(name="three"))["resourceSpans"]
    assert post(receiver, body).status == 200
    spans = get(receiver, "/api/spans").json
    assert [one["span"]["name"] for one in spans] == ["one", "two", "three"]
    assert spans[0]["span"] == span(name="one")
    assert spans[0]["resource"]["attributes"][0]["key"] == "service.name"
    assert spans[0]["scope"] == {"name": "test", "version": "1"}
    rows = get(receiver, "/api/requests").json
    assert len(rows) == 3
    assert rows[0]["provider"] == "OPENAI"
    assert (
        rows[0]["messages"] == [["user", "Where is my order?"]]
        or rows[0]["messages"][0]["content"] == "Where is my order?"
    )
    assert rows[0]["latency_ms"] == 830
    assert rows[0]["properties"] == {"tenant": "acme"}
    (session,) = get(receiver, "/api/sessions").json
    assert (session["id"], session["name"]) == ("order-1234", "shop")
    assert [child["name"] for child in session["tree"]["children"]] == ["answer"]
    assert len(session["tree"]["children"][0]["rows"]) == 3


def test_sessions_are_grouped_by_id_and_name(receiver: Receiver) -> None:
    for number, name in enumerate(["shop", "shop", "other"]):
        attributes = {SESSION + "Id": "s", SESSION + "Name": name, SESSION + "Path": f"/a//{number}/"}
        assert post(receiver, payload(span(attributes))).status == 200
    assert post(receiver, payload(span({}))).status == 200
    first, second = get(receiver, "/api/sessions").json
    assert (first["name"], second["name"]) == ("shop", "other")
    blank = first["tree"]["children"][0]["children"][0]
    assert (blank["name"], [child["name"] for child in blank["children"]]) == ("", ["0", "1"])


def test_before_anything_has_arrived_the_pages_are_empty(receiver: Receiver) -> None:
    for path in ("/api/spans", "/api/requests", "/api/sessions"):
        assert get(receiver, path).json == []
    assert b"Nothing has arrived yet." in get(receiver, "/").body
    post(receiver, payload())
    assert b"Where is my order?" in get(receiver, "/").body


def test_only_the_last_spans_are_kept() -> None:
    with Receiver(port=0, keep=3) as running:
        for number in range(10):
            post(running, payload(span(name=str(number))))
        assert [stored.span["name"] for stored in running.spans()] == ["7", "8", "9"]
        assert running.store.received == 10


def test_what_the_formatter_makes_is_accepted(receiver: Receiver) -> None:
    import logging

    made = logging.makeLogRecord({"msg": "hi", "trace_id": "t", "x": "\ud800", "y": 2**60, "z": 0.5})
    assert post(receiver, OTELTraceFormatter().format(made).encode()).status == 200
    assert receiver.rows()[0].session_id == "t"


@pytest.mark.parametrize("time", ["soon", "", "nan", "inf", "-1", "1e400", "9" * 400])
def test_times_that_are_no_numbers_cannot_be_stored(time: str, receiver: Receiver) -> None:
    for key in ("startTimeUnixNano", "endTimeUnixNano"):
        assert post(receiver, changed(lambda _, one, key=key: one.update({key: time}))).status == 500
    assert post(receiver, payload()).status == 200
    assert len(receiver.rows()) == 1
    for path in ("/", "/api/spans", "/api/requests", "/api/sessions"):
        assert get(receiver, path).status == 200


def test_a_connection_is_kept_alive(receiver: Receiver) -> None:
    with contextlib.closing(connect(receiver)) as connection:
        for _ in range(5):
            connection.request("POST", PATH, json.dumps(payload()), {"Content-Type": "application/json"})
            answer = connection.getresponse()
            assert answer.status == 200
            answer.read()
            assert connection.sock is not None


@pytest.mark.parametrize("host", ["0.0.0.0", "192.168.1.5", "::", "example.com", "", "127.0.0.1.evil.com"])
def test_it_listens_on_this_machine_only(host: str) -> None:
    with pytest.raises(ConfigurationError, match="allow_remote"):
        Receiver(host, 0)
    Receiver(host, 0, allow_remote=True)


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
def test_it_listens_on_loopback(host: str) -> None:
    with Receiver(host, 0) as running:
        assert post(running, payload()).status == 200


def test_it_listens_on_loopback_of_ipv6() -> None:
    if not _has_ipv6():
        pytest.skip("this machine has no IPv6 loopback")
    with Receiver("::1", 0) as running:
        assert running.url.startswith("http://[::1]:")
        assert post(running, payload()).status == 200


def _has_ipv6() -> bool:
    try:
        with socket.socket(socket.AF_INET6) as found:
            found.bind(("::1", 0))
    except OSError:
        return False
    return True


@pytest.mark.parametrize("option", ["port", "keep", "keep_bytes"])
@pytest.mark.parametrize("value", [-1, "many", 1.5, None])
def test_a_number_that_cannot_work_is_refused(option: str, value: object) -> None:
    with pytest.raises(ConfigurationError, match=f"{option}={value!r} cannot work: give a whole number of at least"):
        Receiver(**{"port": 0, option: value})  # type: ignore[arg-type]


def test_numbers_may_come_as_text_as_from_the_environment() -> None:
    assert Receiver(port="8600", keep="5").url == "http://127.0.0.1:8600"  # type: ignore[arg-type]


def test_a_port_that_is_taken_is_named(receiver: Receiver) -> None:
    port = int(receiver.url.rpartition(":")[2])
    with pytest.raises(ConfigurationError, match=f"port={port}"):
        Receiver(port=port).start()


def test_waiting_for_spans_ends_when_they_have_come(receiver: Receiver) -> None:
    sender = threading.Thread(target=lambda: [post(receiver, payload()) for _ in range(3)])
    sender.start()
    assert receiver.store.wait_for(3, 60)
    sender.join()
    assert not receiver.store.wait_for(4, 0.01)


def test_many_clients_at_once_lose_nothing(receiver: Receiver) -> None:
    def work(number: int) -> None:
        for step in range(20):
            assert post(receiver, payload(span(name=f"{number}-{step}"))).status == 200

    threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    names = {stored.span["name"] for stored in receiver.spans()}
    assert names == {f"{number}-{step}" for number in range(8) for step in range(20)}


def test_a_client_that_goes_away_in_the_middle_does_no_harm(receiver: Receiver) -> None:
    for _ in range(5):
        with contextlib.closing(connect(receiver)) as connection:
            connection.putrequest("POST", PATH)
            connection.putheader("Content-Length", "1000")
            connection.endheaders(b"{")
    assert post(receiver, payload()).status == 200


def test_the_readable_lines_of_each_span_are_given_to_a_callback() -> None:
    lines: list[str] = []
    with Receiver(port=0, on_span=lines.append) as running:
        post(running, payload(span(), span({PROPERTY + "a": "b"})))
    assert len(lines) == 2
    assert "OPENAI gpt-4o" in lines[0]


def test_http_client_is_not_told_of_what_runs_here(receiver: Receiver) -> None:
    with contextlib.closing(connect(receiver)) as connection:
        connection.request("GET", "/")
        answer: http.client.HTTPResponse = connection.getresponse()
        answer.read()
    assert answer.getheader("Access-Control-Allow-Origin") is None
