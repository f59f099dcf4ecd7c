"""The API key goes into one header of the request, and nowhere else."""

from __future__ import annotations

import gc
import logging
import sys

import fault_server as fault
import pytest
from fault_client import KEY
from recording_server import PATIENCE
from scripts import run, write

from helicone_logging import ConfigurationError, HeliconeHandler
from helicone_logging.core.secret import Secret
from helicone_logging.delivery.options import TransportOptions
from helicone_logging.delivery.transport import Transport
from helicone_logging.payload.wires import DEFAULT

PART = KEY[:14]

NOISY = """
    import logging, sys, traceback
    from helicone_logging import ConfigurationError, HeliconeHandler

    logging.basicConfig(level=logging.DEBUG, stream=sys.stderr)
    refused = []
    handler = HeliconeHandler(
        max_backoff=0.02, timeout=0.5, max_attempts=2, on_reject=lambda *rejected: refused.append(rejected)
    )
    logging.getLogger().addHandler(handler)
    for number in range(60):
        logging.info("r %s", number, extra={"trace_id": "t"})
        if number % 10 == 0:
            handler.flush(1)
    handler.flush(30)
    print(handler, handler.stats(), refused, handler.__dict__, handler._sender.__dict__, handler._sender.settings)
    for bad in [{"timeout": "soon"}, {"endpoint": "ftp://x"}, {"headers": {"Authorization": "x"}}, {"nonsense": 1}]:
        try:
            HeliconeHandler(**bad)
        except ConfigurationError:
            traceback.print_exc()
    sys.stdout.flush()
    logging.info("last", extra={"trace_id": "t"})
    handler.close()
    raise SystemExit(any("KEY" in cell for cell in map(repr, refused)))
"""


def test_no_output_of_a_process_shows_the_key_whatever_the_endpoint_does(faulty, tmp_path) -> None:
    faults = [
        fault.reset_before_reading(),
        fault.reset_during_answer(),
        fault.garbage(),
        fault.raw(f"{KEY}\r\n".encode(), "the key"),
        fault.raw(f"HTTP/1.1 200 OK\r\n{KEY}\r\n\r\n".encode(), "the key as header", stores=True),
        fault.raw(f"HTTP/1.1 200 {KEY}\r\n\r\n".encode(), "the key as reason", stores=True),
        fault.half_body(500),
        fault.silence(),
        fault.endless_headers(),
        fault.answer(302, KEY, {"Location": f"http://{KEY}:{KEY}@127.0.0.1:1/?{KEY}"}),
        fault.answer(429, KEY, {"Retry-After": KEY}),
        *[fault.answer(status, f'{{"error": "key {KEY}"}}') for status in (400, 401, 403, 413, 422, 500, 503)],
    ]
    faulty.script(*faults, *faults)
    script = write(tmp_path / "noisy.py", NOISY)
    done = run(script, faulty.url, HELICONE_API_KEY=KEY)
    assert done.returncode == 0, done.stderr
    assert "DEBUG:urllib3" in done.stderr
    assert "helicone_logging: " in done.stderr
    assert "ConfigurationError" in done.stderr
    assert "HandlerStats" in done.stdout
    assert PART not in done.stdout + done.stderr
    assert faulty.seen[-1].headers["authorization"] == f"Bearer {KEY}"


def test_no_object_of_the_package_shows_the_key_in_its_repr(faulty, client_of) -> None:
    client = client_of(faulty.url, headers={"X-More": "secret-of-a-header"})
    client.log("r")
    client.settle()
    shown = [repr(thing) for thing in gc.get_objects() if str(type(thing).__module__).startswith("helicone_logging")]
    assert any("TransportOptions" in text for text in shown)
    assert not [text for text in shown if PART in text or "secret-of-a-header" in text]


def test_the_body_and_the_url_hold_no_key(faulty, client_of) -> None:
    bodies = []
    client = client_of(faulty.url, on_reject=lambda payload, reason: bodies.append(repr(payload)))
    faulty.script(fault.answer(422))
    client.log("r")
    client.settle()
    assert PART not in bodies[0]
    assert PART not in faulty.seen[0].line
    assert [name for name, value in faulty.seen[0].headers.items() if PART in value] == ["authorization"]


@pytest.mark.parametrize(
    "key",
    [
        f"{KEY}\r\nX-Injected: 1",
        f"{KEY}\nx",
        f"{KEY}\0",
        f"{KEY} x",
        f"{KEY}\u00e9",
        f"{KEY}\u2028x",
        "   ",
        b"bytes",
        7,
    ],
    ids=repr,
)
def test_a_key_that_could_inject_a_header_is_refused_without_being_shown(key) -> None:
    with pytest.raises(ConfigurationError) as caught:
        HeliconeHandler(api_key=key, endpoint="http://127.0.0.1:9")
    assert "api_key" in str(caught.value)
    assert PART not in str(caught.value)
    assert caught.value.__cause__ is None


def test_blanks_and_line_ends_around_a_key_are_no_trouble(faulty, client_of) -> None:
    client = client_of(faulty.url, api_key=f" {KEY}\r\n")
    client.log("r")
    client.settle()
    assert faulty.seen[0].headers["authorization"] == f"Bearer {KEY}"


def test_the_loggers_of_requests_and_urllib3_lead_to_no_recursion_at_debug(faulty, client_of, caplog) -> None:
    root = logging.getLogger()
    root.setLevel(logging.DEBUG)
    client = client_of(faulty.url, export="all", level="DEBUG")
    root.addHandler(client.handler)
    faulty.script(*[fault.reset_before_answer(), fault.answer(500)] * 3)
    for number in range(20):
        root.info("r %s", number)
    assert client.handler.flush(PATIENCE)
    assert client.counts() == (20, 20, 0, 0, 0)
    assert {f"r {number}" for number in range(20)} == set(faulty.stored)


@pytest.mark.parametrize(
    "bad", [{"timeout": "soon"}, {"nonsense": 1}, {"endpoint": "ftp://x"}, {"verify": "/no/such/file"}, {"level": "x"}]
)
def test_no_local_of_a_constructor_that_fails_shows_the_key(bad) -> None:
    """Sentry and rich print the locals of every frame of a traceback."""
    with pytest.raises(ConfigurationError) as caught:
        HeliconeHandler(api_key=KEY, **bad)
    frames = caught.traceback[1:]  # the first is this test's
    assert len(frames) > 0
    assert not [name for frame in frames for name, value in frame.frame.f_locals.items() if PART in repr(value)]


def test_no_local_of_an_interrupted_send_shows_the_key(faulty, monkeypatch) -> None:
    shown: list[str] = []
    transport = Transport(TransportOptions(f"{faulty.url}/v1/trace/log", Secret(KEY)), DEFAULT)

    def look(*args: object, **kwargs: object) -> None:
        frame = sys._getframe(1)
        while frame is not None and frame.f_code.co_name != "test_no_local_of_an_interrupted_send_shows_the_key":
            # The bytes that http.client sends are the request itself.
            shown.extend(f"{name}={value!r}" for name, value in frame.f_locals.items() if type(value) is not bytes)
            frame = frame.f_back
        raise OSError("interrupted")

    monkeypatch.setattr("socket.socket.connect", look)
    transport.send(b"{}")
    assert any("Authorization" in text for text in shown)
    assert not [text for text in shown if PART in text]
