"""A body is sent once, and what came of it is said; nothing raises."""

from __future__ import annotations

import gzip
import json
import logging
import re
import time

import fault_server as fault
import pytest
from recording_server import PATIENCE

from helicone_logging import OTELTraceFormatter
from helicone_logging.core.secret import Secret
from helicone_logging.delivery.options import TransportOptions
from helicone_logging.delivery.outcomes import Kind
from helicone_logging.delivery.transport import Transport
from helicone_logging.payload.wires import DEFAULT

KEY = "sk-helicone-never-shown-1234567"
BODY = json.dumps({"resourceSpans": []}).encode()


@pytest.fixture
def faulty():
    with fault.FaultServer() as server:
        yield server


@pytest.fixture
def transport_of(faulty):
    made = []

    def make(**options: object) -> Transport:
        url = f"{faulty.url}/v1/trace/log"
        wanted = {"endpoint": url, "api_key": Secret(KEY), "timeout": PATIENCE, **options}
        made.append(Transport(TransportOptions(**wanted), DEFAULT))
        return made[-1]

    yield make
    for transport in made:
        transport.close()


def test_a_request_has_exactly_these_headers(server) -> None:
    transport = Transport(
        TransportOptions(f"{server.url}/v1/trace/log", Secret(KEY), headers=(("X-Team", "search"),)), DEFAULT
    )
    body = OTELTraceFormatter().format(_record()).encode()
    assert transport.send(body).kind is Kind.DELIVERED
    transport.close()
    (request,) = server.requests
    assert request.body == body
    headers = dict(request.headers)
    assert headers.pop("User-Agent").startswith("helicone_logging/")
    assert headers.pop("Host") in server.url
    assert headers == {
        "Accept-Encoding": "identity",
        "Authorization": f"Bearer {KEY}",
        "Content-Type": "application/json",
        "Content-Length": str(len(body)),
        "X-Team": "search",
    }


def _record() -> logging.LogRecord:
    return logging.makeLogRecord({"msg": "r", "trace_id": "t"})


def test_without_a_key_no_authorisation_is_sent(faulty, transport_of) -> None:
    transport_of(api_key=None).send(BODY)
    assert "authorization" not in faulty.seen[0].headers


def test_a_body_may_be_compressed(server) -> None:
    transport = Transport(TransportOptions(f"{server.url}/v1/trace/log", None, compression="gzip"), DEFAULT)
    body = OTELTraceFormatter().format(_record()).encode()
    assert transport.send(body).kind is Kind.DELIVERED
    transport.close()
    (request,) = server.requests
    assert request.headers["Content-Encoding"] == "gzip"
    assert int(request.headers["Content-Length"]) == len(request.body)
    assert gzip.decompress(request.body) == body
    assert server.names() == ["r"]


def test_a_body_is_sent_once_whatever_comes_of_it(faulty, transport_of) -> None:
    transport = transport_of()
    for behaviour in (fault.answer(503), fault.reset_before_answer(), fault.answer(302, headers={"Location": "/"})):
        faulty.script(behaviour)
        transport.send(BODY)
    assert len(faulty.seen) == 3


def test_a_connection_is_kept_and_after_close_opened_anew(faulty, transport_of) -> None:
    transport = transport_of()
    for _ in range(3):
        transport.send(BODY)
    assert faulty.connections == 1
    transport.close()
    assert transport.send(BODY).kind is Kind.DELIVERED
    assert faulty.connections == 2


def test_a_small_answer_keeps_the_connection_and_a_large_one_ends_it(faulty, transport_of) -> None:
    transport = transport_of()
    faulty.script(fault.answer(200, "x" * 60_000), fault.answer(200, "x" * 200_000))
    answers = [transport.send(BODY) for _ in range(3)]
    assert [answer.kind for answer in answers] == [Kind.DELIVERED] * 3
    assert faulty.connections == 2


@pytest.mark.parametrize("behaviour", [fault.silence(), fault.drip(), fault.endless_continue()])
def test_a_timeout_of_the_call_is_kept_if_it_is_shorter(behaviour, faulty, transport_of) -> None:
    faulty.script(behaviour)
    began = time.monotonic()
    answer = transport_of(timeout=3600.0).send(BODY, 0.2)
    assert answer.kind is Kind.UNREACHABLE
    told = ("took too long", "timed out", "100 interim responses")  # of which newer Pythons themselves have enough
    assert any(words in answer.detail for words in told)
    assert time.monotonic() - began < PATIENCE


def test_a_timeout_of_the_options_is_kept_if_that_is_shorter(faulty, transport_of) -> None:
    faulty.script(fault.silence())
    assert transport_of(timeout=0.2).send(BODY, 3600.0).kind is Kind.UNREACHABLE


@pytest.mark.parametrize("timeout", [0.0, -1.0])
def test_no_time_left_is_an_answer_too(timeout, faulty, transport_of) -> None:
    faulty.script(fault.silence())
    assert transport_of().send(BODY, timeout).kind is Kind.UNREACHABLE


@pytest.mark.parametrize(
    ("behaviour", "words"),
    [
        (fault.reset_before_answer(), "ConnectionResetError"),
        (fault.raw(b"", "nothing"), "RemoteDisconnected"),
        (fault.garbage(), "BadStatusLine"),
        (fault.half_line(), "BadStatusLine"),
        (fault.endless_headers(), "got more than 100 headers"),
        (fault.endless_header_line(), "LineTooLong"),
    ],
    ids=lambda value: value.name if isinstance(value, fault.Behaviour) else "",
)
def test_the_reason_is_the_cause_below_all_layers(behaviour, words, faulty, transport_of) -> None:
    faulty.script(behaviour)
    answer = transport_of().send(BODY)
    assert answer.kind is Kind.UNREACHABLE
    assert words in answer.detail
    assert len(answer.detail) <= 300
    assert answer.detail.isprintable()


def test_a_refused_connection_is_told_as_such(faulty, transport_of) -> None:
    with faulty.refusing():
        answer = transport_of().send(BODY)
    assert answer.kind is Kind.UNREACHABLE
    assert "refused" in answer.detail


def test_a_connection_is_named_by_its_address_and_not_by_a_class(dead_endpoint) -> None:
    transport = Transport(TransportOptions(dead_endpoint, None, 5.0), DEFAULT)
    outcome = transport.send(b"{}")
    transport.close()
    address = re.escape(dead_endpoint.removeprefix("http://"))  # which urllib3 names from its version 2 on
    assert re.match(rf"NewConnectionError: ({address}: )?Failed to establish", outcome.detail)


def test_no_answer_and_no_request_leaves_a_body_in_memory(faulty, transport_of) -> None:
    transport = transport_of()
    transport.send(BODY)
    with faulty.refusing():
        transport.send(BODY)
    assert transport._request.body is None


@pytest.mark.parametrize("error", [RuntimeError, MemoryError, LookupError, ImportError, UnicodeError])
def test_a_fault_on_this_side_says_nothing_about_the_server(error, transport_of, monkeypatch) -> None:
    transport = transport_of()

    def fail(*args: object, **kwargs: object) -> object:
        raise error(f"with the key {KEY}")

    monkeypatch.setattr(transport._prepare(), "send", fail)
    answer = transport.send(BODY)
    assert answer.kind is Kind.BROKEN
    assert KEY not in answer.detail
    assert "[key]" in answer.detail


@pytest.mark.parametrize("length", [8, len(KEY) - 1, len(KEY)])
def test_the_key_is_masked_though_the_answer_breaks_off_within_it(length, faulty, transport_of) -> None:
    beginning = fault.head(400, {"Content-Length": "1000"}) + f"no {KEY} but {KEY[:length]}".encode()
    faulty.script(fault.raw(beginning, "cut short"))
    assert transport_of().send(BODY).detail == "HTTP 400 no [key] but [key]"


def test_a_retry_after_reaches_the_answer(faulty, transport_of) -> None:
    faulty.script(fault.answer(429, headers={"Retry-After": "7"}))
    answer = transport_of().send(BODY)
    assert (answer.kind, answer.retry_after) == (Kind.THROTTLED, 7.0)


def test_a_malformed_header_is_no_trouble(faulty, transport_of) -> None:
    faulty.script(fault.raw(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nno header at all\r\nX: y\r\n\r\n", "malformed"))
    assert transport_of().send(BODY).kind is Kind.DELIVERED


@pytest.mark.parametrize("status", [102, 103])
def test_an_answer_that_others_announce_is_the_one_to_this_request(status, faulty, transport_of) -> None:
    """Else each answer counts as that to the next body (https://www.rfc-editor.org/rfc/rfc9110#section-15.2)."""
    transport = transport_of()
    faulty.script(
        fault.announced(status, fault.answer(200)),
        fault.announced(status, fault.announced(status, fault.answer(400))),
        fault.answer(503),
    )
    kinds = [transport.send(BODY).kind for _ in range(4)]
    assert kinds == [Kind.DELIVERED, Kind.REJECTED, Kind.UNREACHABLE, Kind.DELIVERED]
    assert faulty.connections == 1


def test_what_follows_another_protocol_is_no_answer(faulty, transport_of) -> None:
    transport = transport_of()
    faulty.script(fault.announced(101, fault.answer(400)))
    assert transport.send(BODY).kind is not Kind.DELIVERED
    assert transport.send(BODY).kind is Kind.DELIVERED
    assert faulty.connections == 2
