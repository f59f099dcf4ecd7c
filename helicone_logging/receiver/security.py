"""Who may talk to the receiver: it answers this machine's own pages and programs, and nobody else's web pages.

A local receiver is a web server: a name that is bound to 127.0.0.1 anew reads it (DNS rebinding), a form on any page
writes to it. So the name of the host, the origin of writes and their type are checked on every route, and reading wants
the key or the token where intake wants the key.
"""

from __future__ import annotations

import hmac
import ipaddress
import secrets
import socket
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from helicone_logging.receiver.endpoints import CONTENT_TYPES, JSON

if TYPE_CHECKING:
    from flask import Request, Response

_LOOPBACK_NAMES = frozenset({"localhost", "127.0.0.1", "::1"})
_SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
_OWN_SITES = frozenset({"same-origin", "none"})
_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; base-uri 'none'; "
    "form-action 'self'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'"
)
HEADERS = {
    "Content-Security-Policy": _POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}
NO_STORE = "no-store"


@dataclass(frozen=True)
class Guard:
    """Decides who may do what.

    Args:
        host: the address that is listened on.
        api_key: what the bearer token must be; None to take every request.
        is_reading_guarded: whether reading wants the key, the token or the cookie.
    """

    host: str
    api_key: str | None = field(default=None, repr=False)
    is_reading_guarded: bool = False
    token: str = field(default_factory=lambda: secrets.token_urlsafe(24), repr=False)
    _cookie: str = field(default_factory=lambda: secrets.token_urlsafe(24), repr=False)
    _spent: list[str] = field(default_factory=list, repr=False)

    def refusal(self, request: Request) -> tuple[int, str] | None:
        """Returns with which status a request is refused, whoever sends it, and why; None for one that may go on."""
        if not self._is_own_host(request.host):
            return 421, f"this receiver does not answer for {request.host[:100]!r}; start it with --host and that name"
        if request.method in _SAFE_METHODS:
            return None if _is_own_reader(request) else (403, "another web site's page may not read here")
        if not _is_own_origin(request):
            return 403, "another web site's page may not write here"
        is_taken_here = request.routing_exception is None and request.method != "DELETE"
        types = CONTENT_TYPES.get(request.path, (JSON,))
        if is_taken_here and request.mimetype not in types:
            return 415, f"the body must be {' or '.join(types)}"
        return None

    def may_write(self, request: Request) -> bool:
        """Returns whether a request may send spans."""
        return self.api_key is None or _is_bearer(request, self.api_key)

    def may_read(self, request: Request) -> bool:
        """Returns whether a request may see what has arrived."""
        if not self.is_reading_guarded:
            return True
        if _is_same(request.cookies.get(_cookie_name(request), ""), self._cookie):
            return True
        return _is_bearer(request, self.api_key if self.api_key is not None else self.token)

    def exchange(self, token: str, request: Request, response: Response) -> bool:
        """Gives a cookie for the token of this run, once.

        Returns:
            Whether the token was right, and had not been used.
        """
        if self._spent or not _is_same(token, self.token):
            return False
        self._spent.append(token)
        name = _cookie_name(request)
        response.set_cookie(name, self._cookie, httponly=True, samesite="Strict", path="/", secure=request.is_secure)
        return True

    def _is_own_host(self, given: str) -> bool:
        name = _host_name(given)
        if not name:
            return False
        if name in _LOOPBACK_NAMES or name == self.host.lower():
            return True
        if self.host in ("", "0.0.0.0", "::"):  # noqa: S104 - every address; no name of a stranger's is one
            return _is_address(name) or name == socket.gethostname().lower()
        return False


def _host_name(host: str) -> str:
    """The name in a `Host` header, without its port."""
    try:
        return (urlsplit(f"//{host}").hostname or "").lower()
    except ValueError:
        return ""


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True


def _is_own_reader(request: Request) -> bool:
    """Whether no page of another site has this loaded; a link there may lead here, as to any site.

    It could not read the answer, but see how long a search takes, and keep streams busy.
    See https://web.dev/articles/fetch-metadata.
    """
    is_own = request.headers.get("Sec-Fetch-Site", "none") in _OWN_SITES
    return is_own or request.headers.get("Sec-Fetch-Dest") == "document"


def _is_own_origin(request: Request) -> bool:
    """Browsers tell who sends; programs tell nothing."""
    if request.headers.get("Sec-Fetch-Site", "none") not in _OWN_SITES:
        return False
    origin = request.headers.get("Origin")
    return origin is None or origin == f"{request.scheme}://{request.host}"


def _is_bearer(request: Request, key: str) -> bool:
    return _is_same(request.headers.get("Authorization", ""), f"Bearer {key}")


def _is_same(given: str, expected: str) -> bool:
    return hmac.compare_digest(given.encode("utf-8", "replace"), expected.encode())


def _cookie_name(request: Request) -> str:
    """Cookies are the host's, whatever its port, so the name tells the port."""
    return f"helicone_logging_{request.host.rpartition(':')[2] or '80'}"
