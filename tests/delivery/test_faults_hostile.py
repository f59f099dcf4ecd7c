"""A hostile endpoint neither holds a thread, nor fills the memory, nor leads the key elsewhere."""

from __future__ import annotations

import time
import tracemalloc

import fault_server as fault
import pytest
from fault_client import KEY
from recording_server import PATIENCE

TIMEOUT = 1.5  # for a request that is not even read, so that nothing tells when to give up sooner
MIB = 1024 * 1024
CHUNKED = {"Transfer-Encoding": "chunked"}
READ_AT_MOST = 32 * MIB  # most of it lies in buffers of the operating system

BOTTOMLESS = [
    fault.endless_body(200),
    fault.endless_body(500),
    fault.endless_headers(),
    fault.endless_header_line(),
    fault.endless(b"", name="endless first line"),
    fault.endless(
        fault.head(200, {"Transfer-Encoding": "chunked"}), b"1\r\nx\r\n" * 1000, "endless chunks", stores=True
    ),
    fault.endless(fault.head(200, CHUNKED) + b"1;", name="endless chunk extension", stores=True),
    fault.gzip_bomb(64),
    fault.gzip_bomb(64, 500),
]


@pytest.mark.parametrize("behaviour", BOTTOMLESS, ids=lambda behaviour: behaviour.name)
def test_an_answer_without_end_is_read_to_a_small_bound(behaviour, faulty, client_of, names) -> None:
    client = client_of(faulty.url, max_connections=1)
    client.log("warm up")
    client.settle()
    faulty.script(behaviour)
    tracemalloc.start()
    try:
        client.log(*names(3))
        client.settle()
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert client.counts() == (4, 4, 0, 0, 0)
    assert set(faulty.stored) == {"warm up", *names(3)}
    assert faulty.bytes_sent < READ_AT_MOST
    assert peak < 8 * MIB


@pytest.mark.parametrize(
    "behaviour",
    [
        fault.drip(),
        fault.drip(fault.head(200, {"Content-Length": "100000"}) + b"x" * 100_000, 0.05),
        fault.drip(b"HTTP/1.1 100 Continue\r\n\r\n" * 10_000, 0.001),
        fault.silence(),
    ],
    ids=["drips headers", "drips a body", "drips promises", "silent"],
)
def test_an_answer_that_takes_for_ever_frees_its_thread_after_timeout(
    behaviour, faulty, client_of, hastened, names
) -> None:
    client = client_of(faulty.url, max_connections=1)
    faulty.script(behaviour)
    began = time.monotonic()
    client.log(*names(3))
    client.settle()
    assert time.monotonic() - began < PATIENCE / 2
    assert client.counts() == (3, 3, 0, 0, 0)
    assert faulty.stored == dict.fromkeys(names(3), 1)


def test_a_server_that_does_not_read_frees_its_thread_after_timeout(faulty, client_of) -> None:
    client = client_of(faulty.url, timeout=TIMEOUT, max_connections=1)
    faulty.script(fault.unread())
    client.log("large", prompt="x" * 900_000, completion="x" * 900_000, system="x" * 900_000, more="x" * 900_000)
    client.log("small")
    client.settle()
    assert client.counts() == (2, 2, 0, 0, 0)
    assert faulty.stored == {"large": 1, "small": 1}


@pytest.mark.parametrize("status", [300, 301, 302, 303, 307, 308])
def test_no_redirect_is_followed(status, faulty, client_of, names) -> None:
    with fault.FaultServer() as elsewhere:
        client = client_of(faulty.url)
        faulty.always(fault.answer(status, headers={"Location": f"{elsewhere.url}/v1/trace/log"}))
        client.log(*names(3))
        client.settle()
        assert client.counts() == (3, 0, 3, 0, 0)
        assert elsewhere.connections == 0
    assert len(faulty.seen) == 3


def test_cookies_of_an_answer_are_not_sent_back(faulty, client_of, names) -> None:
    client = client_of(faulty.url, max_connections=1)
    faulty.always(fault.answer(200, headers={"Set-Cookie": "session=1; Path=/"}))
    client.log(*names(3))
    client.settle()
    assert all("cookie" not in seen.headers for seen in faulty.seen)


@pytest.mark.parametrize(
    "behaviour",
    [
        fault.answer(422, "bad\r\nERROR root: forged\x1b[31m\u202e\n"),
        fault.answer(422, '{"message": "bad\\r\\nERROR root: forged\\u001b[31m\\u202e\\n"}'),
        fault.raw(b"bad\rERROR root: forged\x1b[31m\x85more\n", "garbage"),
    ],
    ids=lambda behaviour: behaviour.name,
)
def test_what_a_server_says_cannot_forge_lines_of_a_report(behaviour, faulty, client_of, capfd) -> None:
    client = client_of(faulty.url)
    faulty.script(behaviour, behaviour)
    client.log("r")
    client.settle()
    (line,) = capfd.readouterr().err.splitlines()
    assert "\x1b" not in line
    assert "\u202e" not in line


@pytest.mark.parametrize(
    "behaviour",
    [
        fault.answer(401, f'{{"error": "{KEY}"}}'),
        fault.answer(422, f"{'x' * 80} {KEY}"),
        fault.answer(422, f'{{"message": "{KEY[:-1]}\\u0037"}}'),
        fault.answer(422, f'{{"details": {{"{KEY}": {{"message": "{KEY}"}}}}}}'),
        fault.answer(500, f"Bearer {KEY}"),
        fault.answer(302, headers={"Location": f"http://{KEY}/"}),
        fault.raw(f"{'x' * 270}{KEY}\r\n\r\n".encode(), "garbage with the key, cut"),
        fault.raw(f"{KEY} {KEY}\r\n\r\n".encode(), "garbage with the key"),
        fault.raw(f"HTTP/1.1 {KEY} OK\r\n\r\n".encode(), "key as status"),
    ],
    ids=lambda behaviour: behaviour.name,
)
def test_a_server_that_repeats_the_key_does_not_get_it_into_reports(behaviour, faulty, client_of, capfd) -> None:
    reasons = []
    client = client_of(faulty.url, max_attempts=2, on_reject=lambda payload, reason: reasons.append(reason))
    faulty.script(behaviour, behaviour, behaviour)
    client.log("r")
    client.settle()
    told = capfd.readouterr().err + repr(client.handler.stats()) + repr(reasons)
    assert "helicone_logging: " in told
    assert KEY[:14] not in told
