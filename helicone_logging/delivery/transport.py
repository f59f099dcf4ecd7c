"""Sends one body once over requests and says what happened; waiting and trying again are the sender's.

What requests decides (URL, proxies, certificates, pool of connections) it decides once, as all bodies go the same way;
each of them then goes straight into the pool, in half the time. No redirect is followed and no netrc read.
"""

from __future__ import annotations

import gzip
import http.client
import time
from typing import cast

import requests
import urllib3

from helicone_logging._version import __version__
from helicone_logging.delivery.deadlines import DeadlineAdapter
from helicone_logging.delivery.outcomes import Answer, Verdict, classify, one_line
from helicone_logging.delivery.requesting import TransportOptions
from helicone_logging.delivery.responses import Response
from helicone_logging.delivery.turns import let_others_run

GZIP = "gzip"

_USER_AGENT = f"helicone_logging/{__version__} {requests.utils.default_user_agent()}"
_MAX_ANSWER_BYTES = 65_536
_LARGE = 262_144  # bytes of a body of many records, whose handling others notice
_MAX_CAUSE = 300
_MASK = "[key]"
_TELLING = 8  # characters of the key, from which on its beginning is masked, too
_GZIP_LEVEL = 1  # a fifth of the time of the default level, for bodies 10 % larger


class Transport:
    """One connection's worth of sending, for one thread at a time.

    Args:
        options: where and how.
    """

    def __init__(self, options: TransportOptions) -> None:
        self._options = options
        self._session = requests.Session()
        self._adapter = DeadlineAdapter()
        self._request = requests.Request("POST", options.endpoint, headers=_headers(options)).prepare()
        self._headers = dict(self._request.headers)
        self._headers.pop("Content-Length", None)  # each body has its own
        self._timeout = _timeout(options.timeout)  # urllib3 works on copies
        self._way: tuple[urllib3.HTTPConnectionPool, str] | None = None

    def send(self, body: bytes | bytearray, timeout: float | None = None) -> Answer:
        """Sends a body and returns what came of it; it raises nothing.

        Args:
            body: the JSON.
            timeout: seconds, if fewer than the options allow.
        """
        seconds = self._options.timeout if timeout is None else min(timeout, self._options.timeout)
        try:
            return self._exchange(body, max(seconds, 0.001))
        except (requests.RequestException, urllib3.exceptions.HTTPError, OSError) as error:
            return Answer(Verdict.UNREACHABLE, self._told(error))
        except Exception as error:  # noqa: BLE001 - a fault below must not end the sender thread
            return Answer(Verdict.FAILED, self._told(error))

    def _exchange(self, body: bytes | bytearray, timeout: float) -> Answer:
        if self._options.compression == GZIP:
            body = gzip.compress(body, _GZIP_LEVEL, mtime=0)
        if self._way is None:
            self._way = self._find_way()
        pool, url = self._way
        response = pool.urlopen(
            "POST",
            url,
            cast(bytes, body),  # any buffer will do
            self._headers,
            retries=self._adapter.max_retries,  # none; False would leave errors of urllib3 1.26 in cycles
            redirect=False,
            assert_same_host=False,
            timeout=self._timeout if timeout == self._options.timeout else _timeout(timeout),
            preload_content=False,
            decode_content=False,
        )
        if len(body) >= _LARGE:
            let_others_run()
        answer: Response = response._original_response  # type: ignore[attr-defined]  # as requests takes it
        began = time.monotonic()
        text = self._without_key(_beginning(answer, response).decode("utf-8", "replace"))
        waited = answer.waited + time.monotonic() - began
        verdict, detail, retry_after, _ = classify(response.status, text, response.headers.get("Retry-After"))
        return Answer(verdict, self._without_key(detail), retry_after, waited)  # JSON can hide it behind escapes

    def _find_way(self) -> tuple[urllib3.HTTPConnectionPool, str]:
        options = self._options
        settings = self._session.merge_environment_settings(
            options.endpoint, dict(options.proxies), True, options.verify, options.cert
        )
        proxies = dict(settings["proxies"])
        return self._adapter.way(self._request, proxies, settings["verify"], settings["cert"])

    def _told(self, error: BaseException) -> str:
        return one_line(self._without_key(_cause(error)))[:_MAX_CAUSE]

    def _without_key(self, text: str) -> str:
        """Masks the key, also where the text breaks off within it."""
        key = self._options.api_key
        if not key or key[:_TELLING] not in text:
            return text
        text = text.replace(key, _MASK)
        cut = next((length for length in range(len(key) - 1, _TELLING - 1, -1) if text.endswith(key[:length])), 0)
        return text[:-cut] + _MASK if cut else text

    def close(self) -> None:
        """Closes the connection; the next `send` opens a new one."""
        self._way = None
        self._adapter.close()
        self._session.close()


def _beginning(answer: Response, response: urllib3.BaseHTTPResponse) -> bytes:
    """Reads an answer to a small bound, never inflated; only after the end of one the connection is used again."""
    is_at_end = False
    try:
        start = answer.read(_MAX_ANSWER_BYTES)  # as urllib3 would, without its ways for answers of any kind
        is_at_end = answer.isclosed() and not answer.length
    except (http.client.HTTPException, OSError, ValueError):  # the last of a length below zero
        return b""  # the status has been read, and says what became of the record
    else:
        return start
    finally:
        if not is_at_end:
            response.close()
        response.release_conn()


def _timeout(seconds: float) -> urllib3.Timeout:
    return urllib3.Timeout(connect=seconds, read=seconds)


def _cause(error: BaseException) -> str:
    """The reason at the bottom of the layers of requests, urllib3 and the standard library."""
    while True:
        below = getattr(error, "reason", None) or next((arg for arg in error.args if isinstance(arg, Exception)), None)
        if not isinstance(below, Exception):
            return f"{type(error).__name__}: {error}"
        error = below


def _headers(options: TransportOptions) -> dict[str, str]:
    headers = {
        "User-Agent": _USER_AGENT,
        "Accept-Encoding": "identity",
        **dict(options.headers),
        "Content-Type": "application/json",
    }
    if options.api_key:
        headers["Authorization"] = f"Bearer {options.api_key}"
    if options.compression:
        headers["Content-Encoding"] = options.compression
    return headers
