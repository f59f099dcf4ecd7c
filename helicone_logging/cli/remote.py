"""How `tail` and `show` ask a receiver that runs."""

from __future__ import annotations

import json
import os
import urllib.error
import urllib.request
from collections.abc import Iterator
from http.client import HTTPException
from typing import Any, NamedTuple
from urllib.parse import urlencode, urlsplit

from helicone_logging.delivery.endpoints import is_loopback
from helicone_logging.errors import ConfigurationError
from helicone_logging.receiver.entries import SpanEntry, entry_of

DEFAULT_URL = "http://127.0.0.1:8585"
_TIMEOUT = 30.0  # seconds; a stream says every ten that it lives
_AT_ONCE = 1_000


class Position(NamedTuple):
    """Where a receiver is.

    Args:
        run: in which the spans are counted; another one after a restart without a database.
        seq: number of the latest span.
    """

    run: str
    seq: int


class RemoteReceiver:
    """A receiver that runs, as its API shows it.

    Args:
        url: of its page; None for the one that HELICONE_TRACE_ENDPOINT names where it is on this machine, else the
            default of `serve`.
    """

    def __init__(self, url: str | None) -> None:
        self._url = _origin(url)
        is_local = is_loopback(urlsplit(self._url).hostname or "")
        key = os.environ.get("HELICONE_API_KEY", "")
        # The key never travels in clear to another machine.
        self._headers = (
            {"Authorization": f"Bearer {key}"} if key and (is_local or self._url.startswith("https")) else {}
        )
        handlers = [urllib.request.ProxyHandler({})] if is_local else []
        self._opener = urllib.request.build_opener(*handlers)

    @property
    def url(self) -> str:
        """Where it is."""
        return self._url

    def entries(self, after: int = 0, **arguments: str) -> Iterator[SpanEntry]:
        """Yields spans that came after a number, the oldest first.

        Raises:
            ConfigurationError: it does not answer, or wants a key.
        """
        while True:
            page = self._json("/api/spans", after=str(after), limit=str(_AT_ONCE), **arguments)
            for item in page:
                after = item.pop("seq")
                received_at = item.pop("received_at")
                yield entry_of(json.dumps(item).encode(), after, received_at)
            if len(page) < _AT_ONCE:
                return

    def position(self) -> Position:
        """Returns where it is.

        Raises:
            ConfigurationError: it does not answer, or wants a key.
        """
        return _position(self._json("/api/stream", poll="1"))

    def news(self, known: Position) -> Iterator[Position]:
        """Yields where it is each time that spans come; ends when it does, or has no place for one more reader.

        Args:
            known: where it was.
        """
        try:
            with self._open("/api/stream", after=f"{known.run}-{known.seq}") as stream:
                for line in stream:
                    if line.startswith(b"data: "):
                        yield _position(json.loads(line[len(b"data: ") :]))
        except (OSError, HTTPException, ValueError):
            return

    def _json(self, path: str, **arguments: str) -> Any:
        try:
            with self._open(path, **arguments) as answer:
                return json.load(answer)
        except urllib.error.HTTPError as error:
            with error:
                hint = "; set HELICONE_API_KEY to its key" if error.code == 401 else ""
                raise ConfigurationError(f"{self._url} answers {error.code}{hint}") from error
        except (OSError, HTTPException, ValueError) as error:
            reason = getattr(error, "reason", error)
            raise ConfigurationError(
                f"no receiver answers on {self._url}: {reason}; start one with `helicone-logging serve`, or give --url"
            ) from error

    def _open(self, path: str, **arguments: str) -> Any:
        url = f"{self._url}{path}?{urlencode(arguments)}"
        request = urllib.request.Request(url, headers=self._headers)  # noqa: S310 - the user gives the receiver's URL
        return self._opener.open(request, timeout=_TIMEOUT)


def _position(news: Any) -> Position:
    return Position(str(news.get("run", "")), int(news["last"]))


def _origin(url: str | None) -> str:
    if url is None:
        named = os.environ.get("HELICONE_TRACE_ENDPOINT", "")
        url = named if is_loopback(_host(named)) else DEFAULT_URL
    if not _host(url) or urlsplit(url).scheme not in ("http", "https"):
        raise ConfigurationError(f"--url {url!r} is no URL; give one such as {DEFAULT_URL}")
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"


def _host(url: str) -> str:
    """The host of a URL; empty for what is none."""
    try:
        parts = urlsplit(url)
        return (parts.hostname or "") if parts.port is None or parts.port else ""
    except ValueError:  # half an IPv6 address, a port of letters
        return ""
