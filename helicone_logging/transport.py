"""Sends one body once over requests and says what happened; waiting and trying again are the sender's.

Requests follows no redirect here, reads no netrc and takes no longer than told: its adapter is used directly, with
the settings of the environment merged once.
"""

from __future__ import annotations

import gzip
from typing import Any

import requests
import urllib3.exceptions

from helicone_logging._version import __version__
from helicone_logging.answers import Answer, Verdict, classify, one_line
from helicone_logging.deadlines import DeadlineAdapter
from helicone_logging.requesting import TransportOptions

GZIP = "gzip"

_USER_AGENT = f"helicone_logging/{__version__} {requests.utils.default_user_agent()}"
_MAX_ANSWER_BYTES = 65_536
_MAX_CAUSE = 300
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
        settings = self._session.merge_environment_settings(
            options.endpoint, dict(options.proxies), True, options.verify, options.cert
        )
        self._settings: dict[str, Any] = {name: settings[name] for name in ("proxies", "stream", "verify", "cert")}
        self._request = requests.Request("POST", options.endpoint, headers=_headers(options)).prepare()

    def send(self, body: bytes, timeout: float | None = None) -> Answer:
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

    def _exchange(self, body: bytes, timeout: float) -> Answer:
        if self._options.compression == GZIP:
            body = gzip.compress(body, _GZIP_LEVEL, mtime=0)
        self._request.body = body
        self._request.headers["Content-Length"] = str(len(body))
        try:
            response = self._adapter.send(self._request, timeout=timeout, **self._settings)
        finally:
            self._request.body = None
        text = self._without_key(_beginning(response).decode("utf-8", "replace"))
        answer = classify(response.status_code, text, response.headers.get("Retry-After"))
        return answer._replace(detail=self._without_key(answer.detail))  # JSON can hide it behind escapes

    def _told(self, error: BaseException) -> str:
        return one_line(self._without_key(_cause(error)))[:_MAX_CAUSE]

    def _without_key(self, text: str) -> str:
        key = self._options.api_key
        return text.replace(key, "[key]") if key else text

    def close(self) -> None:
        """Closes the connection; the next `send` opens a new one."""
        self._adapter.close()
        self._session.close()


def _beginning(response: requests.Response) -> bytes:
    """Reads an answer to a small bound, never inflated; the connection of a longer one is not used again."""
    try:
        start: bytes = response.raw.read(_MAX_ANSWER_BYTES, decode_content=False)
    except (urllib3.exceptions.HTTPError, OSError):
        response.raw.close()
        return b""  # the status has been read, and says what became of the record
    if len(start) == _MAX_ANSWER_BYTES:
        response.raw.close()
    response.raw.release_conn()
    return start


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
        "Accept": "application/json",
        "Accept-Encoding": "identity",
        **dict(options.headers),
        "Content-Type": "application/json",
    }
    if options.api_key:
        headers["Authorization"] = f"Bearer {options.api_key}"
    if options.compression:
        headers["Content-Encoding"] = options.compression
    return headers
