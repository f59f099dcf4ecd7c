"""Whatever the endpoint does, every record has a known end, and the others arrive exactly once."""

from __future__ import annotations

import datetime
import email.utils
import re
import socket
import time

import fault_server as fault
import pytest
from fault_client import KEY
from recording_proxy import RecordingProxy
from recording_server import PATIENCE

NO_HANG = PATIENCE / 2

TRIED_AGAIN = [
    fault.reset_before_reading(),
    fault.reset_before_answer(),
    fault.reset_during_answer(),
    fault.half_line(),
    fault.garbage(),
    fault.raw(b"", "closed without an answer"),
    fault.raw(b"HTTP/1.1 abc Odd\r\n\r\n", "a status that is no number"),
    fault.half_body(500),
    fault.endless_headers(),
    fault.endless_header_line(),
    fault.endless_body(500),
    fault.answer(401, '{"error": "no such key"}'),
    fault.answer(403),
    fault.answer(404),
    fault.answer(405),
    fault.answer(407),
    fault.answer(415),
    fault.answer(400, "Invalid token."),
    fault.answer(408),
    fault.answer(425),
    fault.answer(429),
    fault.answer(429, headers={"Retry-After": "0"}),
    fault.answer(500),
    fault.answer(502, "<html>Bad Gateway</html>"),
    fault.answer(503),
    fault.answer(503, headers={"Retry-After": "1"}),
    fault.answer(504),
    fault.answer(520),
    fault.answer(999),
]
TRIED_AGAIN_AFTER_TIMEOUT = [fault.silence(), fault.drip(), fault.endless_continue()]
CHUNKED = {"Transfer-Encoding": "chunked"}
TAKEN = [
    fault.answer(200),
    fault.answer(201),
    fault.answer(202, '{"queued": true}'),
    fault.answer(204),
    fault.answer(200, b"\x00\xff not JSON"),
    fault.answer(200, "[" * 100_000),
    fault.half_body(200),
    fault.raw(fault.head(200, CHUNKED) + b"5\r\nab", "half a chunk", stores=True),
    fault.raw(fault.head(200, CHUNKED) + b"no chunk\r\n", "garbage for a chunk", stores=True),
    fault.raw(fault.head(200, CHUNKED) + b"-5\r\nab\r\n", "a chunk below nothing", stores=True),
    fault.endless_body(200),
    fault.close_after_answer(),
]
REFUSED = [400, 402, 406, 409, 410, 411, 413, 414, 418, 422, 431, 451]
REFUSED += [300, 301, 302, 303, 304, 307, 308]


def by_name(behaviour: object) -> str:
    return str(getattr(behaviour, "name", behaviour))


def reports(capfd) -> list[str]:
    """What was told on stderr, which holds nothing else and no key."""
    told = capfd.readouterr()
    assert told.out == ""
    assert KEY not in told.err
    lines = told.err.splitlines()
    assert all(line.startswith("helicone_logging: ") for line in lines)
    return lines


@pytest.mark.parametrize("behaviour", TRIED_AGAIN, ids=by_name)
def test_a_record_that_meets_a_passing_fault_arrives_exactly_once_all_the_same(
    behaviour, faulty, client, names, capfd
) -> None:
    faulty.script(behaviour, behaviour)
    client.log(*names(5))
    client.settle()
    assert client.counts() == (5, 5, 0, 0, 0)
    assert faulty.stored == dict.fromkeys(names(5), 1)
    assert len(faulty.seen) == 7
    assert client.handler.stats().last_error is not None
    assert len(reports(capfd)) <= 1


@pytest.mark.parametrize("behaviour", TRIED_AGAIN_AFTER_TIMEOUT, ids=by_name)
def test_an_answer_that_does_not_come_to_an_end_is_given_up_after_timeout(
    behaviour, faulty, client, hastened, names, capfd
) -> None:
    faulty.script(behaviour)
    client.log(*names(3))
    client.settle()
    assert client.counts() == (3, 3, 0, 0, 0)
    assert faulty.stored == dict.fromkeys(names(3), 1)
    assert len(reports(capfd)) <= 1


@pytest.mark.parametrize("behaviour", TAKEN, ids=by_name)
def test_a_status_of_success_is_success_whatever_comes_behind_it(behaviour, faulty, client, names, capfd) -> None:
    faulty.script(behaviour, behaviour)
    client.log(*names(4))
    client.settle()
    assert client.counts() == (4, 4, 0, 0, 0)
    assert faulty.stored == dict.fromkeys(names(4), 1)
    assert reports(capfd) == []


@pytest.mark.parametrize("status", REFUSED)
def test_a_refused_record_is_sent_once_counted_and_reported_with_the_reason(
    status, faulty, client, names, capfd
) -> None:
    faulty.script(fault.answer(status, '{"message": "not like this"}', {"Location": "http://127.0.0.1:1/"}))
    client.log("offending")
    client.settle()
    client.log(*names(3))
    client.settle()
    assert client.counts() == (4, 3, 1, 0, 0)
    assert faulty.stored == dict.fromkeys(names(3), 1)
    assert len(faulty.seen) == 4
    (line,) = reports(capfd)
    assert f"HTTP {status}" in line
    assert ("not like this" in line) is (status != 304)  # which has no body


def test_a_reset_after_the_answer_or_after_storing_loses_nothing(faulty, client, names) -> None:
    faulty.script(*[fault.reset_after_answer(), fault.reset_before_answer(stores=True)] * 3)
    client.log(*names(10))
    client.settle()
    assert client.counts() == (10, 10, 0, 0, 0)
    stored = faulty.stored
    assert set(stored) == set(names(10))
    assert {name for name, times in stored.items() if times > 1} <= faulty.unsure


def test_an_idle_connection_that_the_server_closed_is_no_trouble(faulty, client_of, names, capfd) -> None:
    client = client_of(faulty.url, max_connections=1)
    faulty.always(fault.close_after_answer())
    for name in names(5):
        client.log(name)
        client.settle()
    assert faulty.stored == dict.fromkeys(names(5), 1)
    assert reports(capfd) == []


def test_a_connection_is_kept_for_many_records(faulty, client_of, names) -> None:
    client = client_of(faulty.url, max_connections=1)
    client.log(*names(20))
    client.settle()
    assert len(faulty.seen) == 20
    assert faulty.connections == 1


def test_records_outlast_an_endpoint_that_refuses_connections_without_a_restart(faulty, client, names, capfd) -> None:
    with faulty.refusing():
        client.log(*names(20))
        assert "refused" in client.wait_for_trouble()
        line = client.wait_until_told(capfd)
        assert client.counts() == (20, 0, 0, 0, 20)
        assert client.handler.stats().oldest_age > 0
    client.settle()
    assert client.counts() == (20, 20, 0, 0, 0)
    assert faulty.stored == dict.fromkeys(names(20), 1)
    assert reports(capfd) == []  # it is told once
    assert "cannot be reached" in line
    assert re.search(r"\d+ records? (is|are) kept", line)
    assert line.rstrip().endswith("check `endpoint` or HELICONE_TRACE_ENDPOINT, or run `helicone-logging check`")


def test_records_outlast_a_name_that_does_not_resolve(faulty, client_of, names, monkeypatch, capfd) -> None:
    resolve = socket.getaddrinfo
    is_known = False

    def resolve_or_fail(host: object, *args: object, **kwargs: object) -> object:
        if host != "helicone.invalid":
            return resolve(host, *args, **kwargs)
        if is_known:
            return resolve("127.0.0.1", *args, **kwargs)
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", resolve_or_fail)
    client = client_of(f"http://helicone.invalid:{faulty.port}", allow_insecure=True)
    client.log(*names(5))
    assert "Name or service not known" in client.wait_for_trouble()
    line = client.wait_until_told(capfd)
    assert client.counts() == (5, 0, 0, 0, 5)
    is_known = True
    client.settle()
    assert client.counts() == (5, 5, 0, 0, 0)
    assert faulty.stored == dict.fromkeys(names(5), 1)
    assert reports(capfd) == []  # it is told once
    assert "Name or service not known" in line


def test_records_outlast_a_server_that_accepts_slowly(faulty, client, names) -> None:
    with faulty.not_accepting():
        client.log(*names(5))
        assert client.handler.flush(0.2) is False
    client.settle()
    assert client.counts() == (5, 5, 0, 0, 0)
    assert faulty.stored == dict.fromkeys(names(5), 1)


def test_a_long_outage_is_told_once_and_costs_few_tries(faulty, client_of, names, capfd) -> None:
    client = client_of(faulty.url, max_connections=4)
    faulty.always(fault.reset_before_answer())
    client.log(*names(100))
    faulty.wait_for_requests(30)
    assert client.counts() == (100, 0, 0, 0, 100)
    faulty.always(fault.OK)
    client.settle()
    assert client.counts() == (100, 100, 0, 0, 0)
    assert faulty.stored == dict.fromkeys(names(100), 1)
    assert len(reports(capfd)) == 1


def test_a_refused_key_throws_nothing_away_and_is_told_once(faulty, client, names, capfd) -> None:
    faulty.always(fault.answer(401, f'{{"error": "no such key: {KEY}"}}'))
    client.log(*names(10))
    faulty.wait_for_requests(10)
    assert client.counts() == (10, 0, 0, 0, 10)
    faulty.always(fault.OK)
    client.settle()
    assert client.counts() == (10, 10, 0, 0, 0)
    assert faulty.stored == dict.fromkeys(names(10), 1)
    (line,) = reports(capfd)
    assert "HELICONE_API_KEY" in line
    assert "no such key: [key]" in line
    assert KEY not in repr(client.handler.stats())


@pytest.mark.parametrize("status", [404, 405, 415])
def test_a_wrong_url_throws_nothing_away_and_is_told_once_with_the_url(status, faulty, client, names, capfd) -> None:
    faulty.always(fault.answer(status))
    client.log(*names(10))
    faulty.wait_for_requests(10)
    assert client.counts() == (10, 0, 0, 0, 10)
    faulty.always(fault.OK)
    client.settle()
    assert client.counts() == (10, 10, 0, 0, 0)
    assert faulty.stored == dict.fromkeys(names(10), 1)
    (line,) = reports(capfd)
    assert f"{faulty.url}/v1/trace/log" in line
    assert "`endpoint`" in line


@pytest.mark.parametrize("status", [501, 502, 503, 504, 520, 522, 530, 599])
def test_a_server_that_is_down_behind_a_proxy_or_cdn_costs_no_attempt(status, faulty, client_of, names, capfd) -> None:
    client = client_of(faulty.url, max_attempts=1)
    faulty.always(fault.answer(status, "<html>Bad Gateway</html>"))
    client.log(*names(20))
    faulty.wait_for_requests(20)
    assert client.counts() == (20, 0, 0, 0, 20)
    faulty.always(fault.OK)
    client.settle()
    assert client.counts() == (20, 20, 0, 0, 0)
    assert faulty.stored == dict.fromkeys(names(20), 1)
    (line,) = reports(capfd)
    assert "cannot be reached" in line


def test_a_server_that_restarts_behind_its_gateway_gets_everything_once(faulty, client_of, names, capfd) -> None:
    """As nginx: 502 while the server is down, then what it says."""
    with RecordingProxy(faulty.port) as gateway:
        client = client_of(gateway.url, max_attempts=1)
        client.log("before")
        client.settle()
        with faulty.refusing():
            client.log(*names(20))
            assert "HTTP 502" in client.wait_for_trouble()
            assert client.counts() == (21, 1, 0, 0, 20)
        client.settle()
    assert client.counts() == (21, 21, 0, 0, 0)
    assert faulty.stored == dict.fromkeys(["before", *names(20)], 1)


# Failures of the server


@pytest.mark.parametrize("status", [500, 408, 425])
def test_a_record_on_which_the_server_fails_is_given_up_after_max_attempts(
    status, faulty, client_of, names, capfd
) -> None:
    refused = []
    client = client_of(faulty.url, max_attempts=3, on_reject=lambda payload, reason: refused.append((payload, reason)))
    faulty.usual = lambda: fault.refuse(lambda exchange: "offending" in exchange.names, status, "out of order")
    client.log("r 0", "offending", "r 1")
    client.settle()
    assert client.counts() == (3, 2, 1, 0, 0)
    assert faulty.stored == {"r 0": 1, "r 1": 1}
    assert [seen.names for seen in faulty.seen].count(("offending",)) == 3
    ((payload, reason),) = refused
    assert payload["resourceSpans"][0]["scopeSpans"][0]["spans"][0]["name"] == "offending"
    assert reason == f"given up after 3 attempts: HTTP {status} out of order"
    assert len(reports(capfd)) == 2  # it is tried again; it is lost


def test_neither_throttling_nor_an_outage_counts_as_an_attempt(faulty, client_of) -> None:
    client = client_of(faulty.url, max_attempts=1)
    throttled = fault.answer(429, headers={"Retry-After": "0"})
    faulty.script(*[throttled, fault.reset_before_answer(), fault.answer(401)] * 4)
    client.log("r")
    client.settle()
    assert client.counts() == (1, 1, 0, 0, 0)
    assert faulty.stored == {"r": 1}


# Throttling


def far(seconds: float) -> str:
    return email.utils.format_datetime(
        datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(seconds=seconds), usegmt=True
    )


@pytest.mark.parametrize(
    "wait",
    [
        *("0", "1", "86400", "1e9", "9" * 400, "-5", "inf", "nan", "soon", "", "Fri, 99 Foo 2099"),
        pytest.param(far(3600), id="in an hour"),
        pytest.param(far(-3600), id="an hour ago"),
    ],
)
@pytest.mark.parametrize("status", [429, 503])
def test_a_wait_that_the_server_asks_for_is_capped_by_max_backoff(status, wait, faulty, client, names) -> None:
    faulty.script(*[fault.answer(status, headers={"Retry-After": wait})] * 2)
    client.log(*names(3))
    client.settle()
    assert client.counts() == (3, 3, 0, 0, 0)
    assert faulty.stored == dict.fromkeys(names(3), 1)


@pytest.mark.parametrize("wait", ["1", far(3600)], ids=["seconds", "date"])
@pytest.mark.parametrize("status", [429, 502, 503])
def test_all_senders_hold_back_while_the_server_asks_to_wait(status, wait, faulty, client_of, names, capfd) -> None:
    client = client_of(faulty.url, max_connections=4, max_backoff=0.3)  # which is the longest that is waited
    faulty.script(fault.answer(status, headers={"Retry-After": wait}))
    client.log("first")
    while client.handler.stats().last_error is None:
        time.sleep(0.001)
    client.log(*names(20))
    client.settle()
    assert faulty.stored == dict.fromkeys(["first", *names(20)], 1)
    assert min(seen.at for seen in faulty.seen[1:]) - faulty.seen[0].at >= 0.3
    assert client.counts() == (21, 21, 0, 0, 0)
    assert reports(capfd) == []  # a wait that passes is no trouble


def test_throttling_that_lasts_is_told_once(faulty, client, names, capfd) -> None:
    faulty.script(*[fault.answer(429, '{"message": "Too many requests"}', {"Retry-After": "0"})] * 10)
    client.log(*names(5))
    client.settle()
    (line,) = reports(capfd)
    assert "asks to wait: HTTP 429 Too many requests" in line


# Waits end when somebody waits


@pytest.mark.parametrize(
    "behaviour",
    [
        fault.answer(429, headers={"Retry-After": "3600"}),
        fault.answer(500),
        fault.answer(401),
        fault.reset_before_answer(),
        fault.silence(),
    ],
    ids=by_name,
)
def test_flush_and_close_keep_their_time_while_the_endpoint_is_in_trouble(behaviour, faulty, client_of, capfd) -> None:
    client = client_of(faulty.url, max_backoff=3600, timeout=3600, shutdown_timeout=0.2)
    faulty.always(behaviour)
    client.log("r")
    faulty.wait_for_requests(1)
    began = time.monotonic()
    assert client.handler.flush(0.2) is False
    client.handler.close()
    assert time.monotonic() - began < NO_HANG
    emitted, _, _, dropped, queued = client.counts()
    assert emitted == 1
    assert dropped + queued == 1  # queued: still on its way
    assert "shutdown_timeout=0.2" in reports(capfd)[-1]


def test_flush_does_not_sit_out_a_backoff(faulty, client_of, names) -> None:
    client = client_of(faulty.url, max_backoff=3600)
    faulty.script(*[fault.reset_before_answer()] * 14)  # from then on a backoff takes an hour, by chance less
    began = time.monotonic()
    client.log("r")
    while not faulty.stored:
        client.handler.flush(0.05)
        assert time.monotonic() - began < NO_HANG
    assert faulty.stored == {"r": 1}


def test_close_tries_a_record_once_more_that_waits_to_be_tried_again(faulty, client_of) -> None:
    client = client_of(faulty.url, max_backoff=3600)
    faulty.script(*[fault.answer(500)])
    client.log("r")
    while client.handler.stats().last_error is None:
        time.sleep(0.001)
    client.handler.close()
    assert client.counts() == (1, 1, 0, 0, 0)
    assert faulty.stored == {"r": 1}
