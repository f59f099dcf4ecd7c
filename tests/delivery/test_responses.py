"""Status, headers and end of an answer are read as http.client reads them; what is none of these harms nothing."""

from __future__ import annotations

import http.client
import io
from collections.abc import Callable
from typing import Any

import hypothesis.strategies as st
import pytest
from hypothesis import given

from helicone_logging.delivery import transport
from helicone_logging.delivery.responses import Response

TOKEN = st.text("ABCXYZabcxyz0123456789!#$%&'*+-.^_`|~", min_size=1, max_size=20)
VALUE = st.text(st.characters(min_codepoint=0x21, max_codepoint=0xFF, exclude_characters="\x7f\x85\xa0"), max_size=30)
HEADERS = st.lists(
    st.one_of(
        st.tuples(TOKEN, VALUE),
        st.tuples(st.sampled_from(["Content-Length", "content-length"]), st.sampled_from(["0", "2", "007", "-1", "x"])),
        st.tuples(st.just("Transfer-Encoding"), st.sampled_from(["chunked", "Chunked", "gzip", "identity"])),
        st.tuples(
            st.sampled_from(["Connection", "Keep-Alive", "Proxy-Connection"]),
            st.sampled_from(["close", "Keep-Alive", "timeout=5", "upgrade, close"]),
        ),
    ),
    max_size=8,
)

HEAD = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n"


class Socket:
    """One from which an answer comes all at once, and nothing behind it."""

    def __init__(self, data: bytes) -> None:
        self._data = data

    def makefile(self, mode: str, buffering: int = -1) -> io.BytesIO:
        return io.BytesIO(self._data)

    def gettimeout(self) -> None:
        """There is none."""


def answer(data: bytes, made: Callable[[Any], http.client.HTTPResponse] = Response) -> http.client.HTTPResponse:
    response = made(Socket(data))
    response.begin()
    return response


@given(
    version=st.sampled_from(["HTTP/1.1", "HTTP/1.0", "HTTP/1.5", "HTTP/0.9"]),
    status=st.one_of(st.sampled_from([200, 204, 304, 429]), st.integers(200, 999)),
    reason=st.sampled_from(["", " OK", " Not  Found "]),
    headers=HEADERS,
    end=st.sampled_from(["\r\n", "\n"]),
)
def test_an_answer_is_read_as_by_the_standard_library(version, status, reason, headers, end) -> None:
    lines = [f"{version} {status}{reason}", *(f"{name}: {value}" for name, value in headers), "", "{}"]
    data = end.join(lines).encode("latin-1")
    ours, theirs = answer(data), answer(data, http.client.HTTPResponse)
    for name in ("status", "version", "reason", "chunked", "length", "will_close"):
        assert getattr(ours, name) == getattr(theirs, name), name
    assert ours.headers.items() == theirs.headers.items()
    assert ours.getheader("Retry-After") is None
    if not ours.chunked:
        assert ours.read(100) == theirs.read(100)


@pytest.mark.parametrize(("body", "text"), [(b"2\r\n{}\r\n0\r\n\r\n", b"{}"), (b"0\r\n\r\n", b"")])
def test_an_answer_in_chunks_is_put_together(body, text) -> None:
    response = answer(b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\nTransfer-Encoding: chunked\r\n\r\n" + body)
    assert (response.length, response.will_close) == (None, False)
    assert response.read(100) == text
    assert response.isclosed()


@pytest.mark.parametrize("code", [100, 102, 103, 199])
def test_what_only_announces_an_answer_is_not_taken_for_it(code) -> None:
    early = f"HTTP/1.1 {code} Wait\r\nLink: </style.css>\r\nContent-Length: 5\r\n\r\n"
    response = answer((early * 3 + "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}").encode())
    assert (response.status, response.length, response.headers.items()) == (200, 2, [("Content-Length", "2")])
    assert response.read(100) == b"{}"


@pytest.mark.parametrize("line", ["no header at all", ":", ": no name", "\xff\x00: y", "Name : 1"])
def test_a_malformed_line_does_not_hide_the_headers_behind_it(line) -> None:
    response = answer(f"HTTP/1.1 429 Slow\r\nX: y\r\n{line}\r\nRetry-After: 7\r\n\r\n".encode("latin-1"))
    assert (response.getheader("X"), response.getheader("Retry-After")) == ("y", "7")
    assert len(response.headers) == 2 + (":" in line)


@pytest.mark.parametrize(
    ("folded", "value"), [("X: y\r\n z:\r\n\t\r\n", "y z:"), ("X:\r\n\ty\n", "y"), (" z: z\r\nX: y\r\n", "y")]
)
def test_a_header_goes_on_in_lines_that_are_indented(folded, value) -> None:
    response = answer(f"HTTP/1.1 200 OK\r\n{folded}Content-Length:\r\n 2\r\nConnection:\r\n close\r\n\r\n".encode())
    assert response.getheader("X") == value
    assert (response.length, response.will_close) == (2, True)


def test_nothing_is_waited_for_behind_a_switch_of_protocols() -> None:
    response = answer(b"HTTP/1.1 101 Switching\r\nUpgrade: websocket\r\n\r\n")
    assert (response.status, response.length) == (101, 0)


@pytest.mark.parametrize("length", ["1_0", "+5", " ", "", "\xb2", "2, 2", "9" * 19, "9" * 60_000])
def test_a_length_that_is_none_leaves_the_end_to_that_of_the_connection(length) -> None:
    response = answer(f"HTTP/1.1 200 OK\r\nContent-Length: {length}\r\n\r\nall of it".encode("latin-1"))
    assert (response.length, response.will_close) == (None, True)
    assert response.read(100) == b"all of it"


@pytest.mark.parametrize("length", range(len(HEAD)))
def test_an_answer_cut_short_within_its_head_is_none(length) -> None:
    with pytest.raises((http.client.RemoteDisconnected, http.client.BadStatusLine)):
        answer(HEAD[:length])
    assert answer(HEAD).status == 200


class Kept:
    """In place of urllib3's answer, which knows the connection."""

    def __init__(self) -> None:
        self.calls: list[str] = []

    def close(self) -> None:
        self.calls.append("close")

    def release_conn(self) -> None:
        self.calls.append("release")


CHUNKED = "Transfer-Encoding: chunked"


@pytest.mark.parametrize(
    ("header", "body", "is_used_again"),
    [
        ("Content-Length: 2", b"{}", True),
        ("Content-Length: 65536", b"x" * 65_536, True),
        ("Content-Length: 65537", b"x" * 65_537, False),
        ("Content-Length: 2", b"{", False),
        ("Content-Length: 2", b"", False),
        ("Content-Type: text/plain", b"to the end of the connection", False),
        (CHUNKED, b"2\r\n{}\r\n0\r\n\r\n", True),
        (CHUNKED, b"2\r\n{}\r\n", False),
        (CHUNKED, b"x\r\n{}\r\n", False),
        (CHUNKED, b"-5\r\n{}\r\n", False),
    ],
)
def test_a_connection_is_used_again_only_after_the_end_of_an_answer(header, body, is_used_again) -> None:
    kept: Any = Kept()
    transport._beginning(answer(f"HTTP/1.1 200 OK\r\n{header}\r\n\r\n".encode() + body), kept)
    assert kept.calls == (["release"] if is_used_again else ["close", "release"])


def test_a_connection_is_closed_if_a_signal_handler_raises_within_an_answer(monkeypatch) -> None:
    kept: Any = Kept()
    interrupted = answer(HEAD)

    def interrupt(amount: int) -> bytes:
        raise KeyboardInterrupt

    monkeypatch.setattr(interrupted, "read", interrupt)
    with pytest.raises(KeyboardInterrupt):
        transport._beginning(interrupted, kept)
    assert kept.calls == ["close", "release"]


@pytest.mark.parametrize(("count", "is_read"), [(100, True), (101, False)])
def test_headers_have_a_bound(count, is_read) -> None:
    data = b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * count + b"\r\n"
    if is_read:
        assert len(answer(data).headers) == count
    else:
        with pytest.raises(http.client.HTTPException, match="more than 100 headers"):
            answer(data)


def test_a_protocol_that_is_not_spoken_here_is_refused() -> None:
    with pytest.raises(http.client.UnknownProtocol):
        answer(b"HTTP/2.0 200 OK\r\n\r\n")
