"""Sends one body once over requests and says what happened; waiting and trying again are the workers'.

No redirect is followed, no netrc read, no cookie kept. Proxies are those of requests, but for an endpoint on this
machine, to which the key would travel through them in clear.

All that a request needs is loaded with this module, in the thread that makes a handler: at the end of an interpreter
nothing can be loaded any more, and a fork while a worker loads something leaves the child with half of it.
"""

from __future__ import annotations

import email.utils  # noqa: F401 - for `Retry-After`
import encodings.ascii
import encodings.idna
import encodings.latin_1  # noqa: F401 - what http.client loads where it first needs it
import gzip
import re
import sys
from typing import Any
from urllib.parse import urlsplit

import requests
import urllib3

from helicone_logging._version import __version__
from helicone_logging.core.secret import HiddenText, Secret
from helicone_logging.core.wire import Wire
from helicone_logging.delivery.deadline import DeadlineAdapter
from helicone_logging.delivery.endpoints import is_loopback
from helicone_logging.delivery.instrumentation import suppressed
from helicone_logging.delivery.options import TransportOptions, is_sensitive
from helicone_logging.delivery.outcomes import REFUSED_BY_PROXY, Kind, Outcome, one_line, outcome_of

GZIP = "gzip"

_USER_AGENT = f"helicone_logging/{__version__} {requests.utils.default_user_agent()}"
_MAX_ANSWER_BYTES = 65_536
_CONNECTION = re.compile(r"^\w+\(host='([^']*)', port=(\d+)\)")  # how urllib3 names a connection in its errors,
_OBJECT = re.compile(r"^<[\w.]+ object at 0x[0-9a-fA-F]+>: ")  # and before its version 2
_MAX_CAUSE = 300
_MASK = "[key]"
_TELLING = 8  # characters of the key, from which on its beginning is masked, too
_GZIP_LEVEL = 1  # a fifth of the time of the default level, for bodies 10 % larger


class Transport:
    """One connection's worth of sending, for one thread at a time."""

    def __init__(self, options: TransportOptions, wire: Wire) -> None:
        self._options = options
        self._wire = wire
        self._secrets = _secrets(options)
        self._adapter: DeadlineAdapter | None = None

    def _prepare(self) -> DeadlineAdapter:
        """Makes what sends; not before the first request, so that what goes wrong here is told as that one's fault."""
        options = self._options
        headers = _headers(options, self._wire.content_type)
        self._request = requests.Request("POST", options.endpoint, headers=headers).prepare()
        self._settings = environment_of(options)
        self._proxy = _address(requests.utils.select_proxy(options.endpoint, self._settings["proxies"]))
        self._adapter = DeadlineAdapter()
        return self._adapter

    def send(self, body: bytes, timeout: float | None = None) -> Outcome:
        """Sends a body and returns what came of it; it raises nothing.

        Args:
            body: as the wire makes it.
            timeout: seconds, if fewer than the options allow.
        """
        if getattr(sys, "meta_path", None) is None:  # urllib3 imports where it reads the answer: sent, it would be lost
            return Outcome(Kind.BROKEN, "Python is shutting down")
        seconds = self._options.timeout if timeout is None else min(timeout, self._options.timeout)
        try:
            with suppressed():
                return self._exchange(body, max(seconds, 0.001))
        except requests.exceptions.ProxyError as error:
            return self._refused_by_proxy(self._described(error))
        except (urllib3.exceptions.HTTPError, OSError) as error:  # all errors of requests are of the latter
            return Outcome(Kind.UNREACHABLE, self._described(error))
        except Exception as error:  # noqa: BLE001 - no memory, no module at exit: nothing the server has done
            return Outcome(Kind.BROKEN, self._described(error))

    def _exchange(self, body: bytes, timeout: float) -> Outcome:
        adapter = self._adapter or self._prepare()
        request = self._request
        request.body = gzip.compress(body, _GZIP_LEVEL, mtime=0) if self._options.compression == GZIP else body
        request.headers["Content-Length"] = str(len(request.body))
        try:
            response = adapter.send(request, stream=True, timeout=timeout, **self._settings)
        finally:
            request.body = None  # to be freed now
        status, text = response.status_code, self._without_key(_beginning(response.raw).decode("utf-8", "replace"))
        if status < 200:  # what follows is of another protocol
            self.close()
        remedy = "" if status < 300 else self._wire.remedy(status, text)
        outcome = outcome_of(status, text, response.headers.get("Retry-After"), remedy)
        detail = self._without_key(outcome.detail)  # JSON can hide it behind escapes
        if outcome.remedy and status in {404, 405, 415}:
            detail = f"{detail} at {self._options.endpoint.partition('?')[0]}"
        elif status == REFUSED_BY_PROXY and self._proxy:
            detail = f"{detail}; the proxy is {self._proxy}"
        return outcome._replace(detail=detail)

    def _refused_by_proxy(self, told: str) -> Outcome:
        detail = f"{told}; the proxy is {self._proxy}"
        refused = re.search(r"Tunnel connection failed: (407)", told)
        outcome = outcome_of(int(refused[1]), "") if refused else Outcome(Kind.UNREACHABLE, detail)
        return outcome._replace(detail=detail)

    def _described(self, error: BaseException) -> str:
        return one_line(self._without_key(_cause(error)))[:_MAX_CAUSE]

    def _without_key(self, text: str) -> str:
        """Masks the key and what secret headers hold, also where the text breaks off within it."""
        for secret in self._secrets:
            text = _without(text, secret.reveal())
        return text

    def close(self) -> None:
        """Closes the connection, if there is one; the next `send` opens a new one."""
        if self._adapter is not None:
            self._adapter.close()


def _secrets(options: TransportOptions) -> list[Secret]:
    """The key, and what headers hold that is secret, with the scheme before it and without."""
    found = [] if options.api_key is None else [options.api_key]
    for name, value in options.headers:
        if is_sensitive(name):
            found += [Secret(value), Secret(value.rpartition(" ")[2])]
    return found


def _without(text: str, key: str) -> str:
    if not key or key[:_TELLING] not in text:
        return text
    text = text.replace(key, _MASK)
    cut = next((length for length in range(len(key) - 1, _TELLING - 1, -1) if text.endswith(key[:length])), 0)
    return text[:-cut] + _MASK if cut else text


def environment_of(options: TransportOptions) -> dict[str, Any]:
    """Proxies and certificates, as requests merges options and environment."""
    with requests.Session() as session:
        settings = session.merge_environment_settings(
            options.endpoint, dict(options.proxies), True, options.verify, options.cert
        )
    is_local = is_loopback(urlsplit(options.endpoint).hostname or "")
    return {
        "proxies": {} if is_local else dict(settings["proxies"]),
        "verify": settings["verify"],
        "cert": settings["cert"],
    }


def _address(proxy: str | None) -> str:
    """Names a proxy, without user and password."""
    if not proxy:
        return ""
    parts = urlsplit(proxy if "://" in proxy else f"http://{proxy}")
    return parts.netloc.rpartition("@")[2]


def _beginning(raw: urllib3.BaseHTTPResponse) -> bytes:
    """Reads an answer to a small bound, never inflated; only after the end of one the connection is used again."""
    start, is_at_end = b"", False
    try:
        start = raw.read(_MAX_ANSWER_BYTES, decode_content=False)
        is_at_end = not raw.read(1, decode_content=False)
    except (urllib3.exceptions.HTTPError, OSError, ValueError):  # the last of a length below zero
        pass  # the status has been read, and says what became of the record
    if not is_at_end:
        raw.close()
    raw.release_conn()
    return start


def _cause(error: BaseException) -> str:
    """The reason at the bottom of the layers of requests, urllib3 and the standard library."""
    while True:
        below = getattr(error, "reason", None) or next((arg for arg in error.args if isinstance(arg, Exception)), None)
        if not isinstance(below, Exception):
            text = _OBJECT.sub("", _CONNECTION.sub(r"\1:\2", str(error)))
            return f"{type(error).__name__}: {text}"
        error = below


def _headers(options: TransportOptions, content_type: str) -> dict[str, str]:
    headers = {
        "User-Agent": _USER_AGENT,
        "Accept-Encoding": "identity",
        **dict(options.headers),
        "Content-Type": content_type,
    }
    if options.api_key:
        headers["Authorization"] = HiddenText(f"Bearer {options.api_key.reveal()}")
    if options.compression:
        headers["Content-Encoding"] = options.compression
    return headers
