"""Options of delivery, and checks of those of a request; apart from the transport, as requests loads slowly."""

from __future__ import annotations

import importlib.util
import os
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple, NoReturn

from helicone_logging.core import check
from helicone_logging.core.secret import HiddenText, Secret
from helicone_logging.delivery.backoff import RetryPolicy
from helicone_logging.errors import ConfigurationError

AUTO = "auto"
_MAX_AUTO_BATCH = 1024

_NAME = r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+"  # https://www.rfc-editor.org/rfc/rfc9110#section-5.6.2
_VALUE = r"[\x21-\x7e\xa0-\xff]([\x20-\x7e\xa0-\xff\t]*[\x21-\x7e\xa0-\xff])?"
_PROXIED = r"(https?|all)(://[^/@\s]+)?"  # https://requests.readthedocs.io/en/latest/user/advanced/#proxies
_PROXY = "http://proxy.example.com:3128"
_PROXY_SCHEMES = {"http", "https", "socks4", "socks4a", "socks5", "socks5h"}
_OWN_HEADERS = {"authorization", "connection", "content-encoding", "content-length", "content-type", "host"}
_OWN_HEADERS |= {"accept-encoding", "expect", "te", "trailer", "transfer-encoding", "upgrade"}
_SENSITIVE = r"(proxy-)?authorization|(x-)?api-key|cookie|x-.*-token"


RejectCallback = Callable[[Any, str], object]  # of the payload: a dict, or `payload.wires.helicone.OTELTrace`
RequestCallback = Callable[[str, int, float], object]


class DeliveryOptions(NamedTuple):
    """How records are sent.

    Args:
        batch_size: records in one body, or `"auto"`: one while nothing is on its way, else what came meanwhile.
        batch_bytes: bytes of one body, unless a single record has more.
        flush_interval: seconds that a record waits for others to fill its body.
        max_connections: workers at the most.
        shutdown_timeout: seconds for `close` to deliver what is queued.
        retry: when to try again.
        on_reject: called with the payload and the reason for each record that is refused for good.
        on_request: called with outcome, number of records and seconds after each request.
    """

    batch_size: int | str
    batch_bytes: int
    flush_interval: float
    max_connections: int
    shutdown_timeout: float
    retry: RetryPolicy
    on_reject: RejectCallback | None = None
    on_request: RequestCallback | None = None

    @property
    def batch_limit(self) -> int:
        """How many records go into one body at the most."""
        return self.batch_size if isinstance(self.batch_size, int) else _MAX_AUTO_BATCH

    @property
    def linger(self) -> float:
        """For how many seconds a record waits for others."""
        return 0.0 if self.batch_size == 1 else self.flush_interval


@dataclass(frozen=True)
class TransportOptions:
    """Where and how bodies are sent.

    Args:
        endpoint: the whole URL.
        api_key: sent as bearer token; None to send none.
        timeout: seconds to connect in, and again for the whole answer.
        compression: `"gzip"` or None.
        headers: names and values of more headers.
        proxies: scheme and URL, over those of the environment.
        verify: as in requests.
        cert: as in requests.
    """

    endpoint: str
    api_key: Secret | None = None
    timeout: float = 10.0
    compression: str | None = None
    headers: tuple[tuple[str, str], ...] = field(default=(), repr=False)
    proxies: tuple[tuple[str, str], ...] = field(default=(), repr=False)
    verify: bool | str = True
    cert: str | tuple[str, str] | None = None


def checked_batch_size(value: object) -> int | str:
    """Returns the number of records in one body, or `AUTO`."""
    if value == AUTO:
        return AUTO
    return check.integer("batch_size", value, least=1, words=f'"{AUTO}", ')


def is_sensitive(name: str) -> bool:
    """Returns whether what stands in a header of this name is nobody else's business."""
    return re.fullmatch(_SENSITIVE, name, re.IGNORECASE) is not None


def hidden(headers: Any) -> Any:
    """Returns headers whose secret values hide themselves; what are no headers is returned as it is."""
    if not isinstance(headers, Mapping):
        return headers
    return {
        name: HiddenText(value) if type(value) is str and type(name) is str and is_sensitive(name) else value
        for name, value in headers.items()
    }


def checked_headers(headers: Mapping[str, str] | None, *, may_authorize: bool = False) -> tuple[tuple[str, str], ...]:
    """Returns headers that may be sent beside the handler's own.

    Args:
        headers: names and values.
        may_authorize: whether `Authorization` is among them, as no key is sent.
    """
    for name, value in _mapping("headers", headers, '{"X-Team": "search"}').items():
        if not re.fullmatch(_NAME, name):
            _refuse_entry("headers", name, 'write the name as HTTP has it, such as "X-Team"')
        if name.lower() in _OWN_HEADERS and not (may_authorize and name.lower() == "authorization"):
            _refuse_entry("headers", name, "leave it out; the handler sets it by itself")
        if not isinstance(value, str) or not re.fullmatch(_VALUE, value):
            _refuse_entry("headers", name, "give it a value of one line of text, without blanks around it")
    return tuple((headers or {}).items())


def checked_proxies(proxies: Mapping[str, str] | None) -> tuple[tuple[str, str], ...]:
    """Returns proxies by what goes through them, such as `{"https": "http://proxy:3128"}`; "" is none.

    The errors show no URL, as it may hold a password.
    """
    for scheme, url in _mapping("proxies", proxies, f'{{"https": "{_PROXY}"}}').items():
        if not re.fullmatch(_PROXIED, scheme):
            remedy = 'name what goes through it: "https", "http" or "all", alone or as in "https://api.helicone.ai"'
            _refuse_entry("proxies", scheme, remedy)
        if url != "" and not _is_proxy(url):
            _refuse_entry("proxies", scheme, f'give it the URL of a proxy, such as "{_PROXY}"')
        if url.startswith("socks") and importlib.util.find_spec("socks") is None:
            _refuse_entry("proxies", scheme, 'a SOCKS proxy needs PySocks: pip install "requests[socks]"')
    return tuple((proxies or {}).items())


def _is_proxy(url: object) -> bool:
    if not isinstance(url, str) or not url.isprintable() or " " in url:
        return False
    from urllib.parse import urlsplit  # loads slowly, and few need it

    try:
        parts = urlsplit(url if "://" in url else f"http://{url}")
        return parts.scheme in _PROXY_SCHEMES and bool(parts.hostname) and parts.port != 0
    except ValueError:  # of the port, or of brackets
        return False


def checked_verify(verify: bool | str) -> bool | str:
    """Returns True, False, or the path of a CA bundle that is there."""
    if isinstance(verify, str) and verify.strip().lower() not in {"true", "false", "yes", "no", "on", "off", "1", "0"}:
        return existing_file("verify", verify)
    return check.truth("verify", verify)


def checked_cert(cert: str | tuple[str, str] | None) -> str | tuple[str, str] | None:
    """Returns the path of a client certificate, or the pair of certificate and key, that is there."""
    if cert is None:
        return None
    if isinstance(cert, list | tuple) and len(cert) == 2:
        return existing_file("cert", cert[0]), existing_file("cert", cert[1])
    return existing_file("cert", cert)


def _mapping(option: str, value: object, example: str) -> dict[str, Any]:
    """As `check.mapping`, but the error shows no value: headers and proxies hold secrets."""
    if value is None:
        return {}
    if not isinstance(value, Mapping):
        raise ConfigurationError(
            f"{option} of the type {type(value).__name__} cannot work: give a mapping such as {example}"
        )
    strange = next((type(key).__name__ for key in value if not isinstance(key, str)), None)
    if strange is not None:
        raise ConfigurationError(
            f"{option} with a key of the type {strange} cannot work: give a mapping such as {example}"
        )
    return dict(value)


def _refuse_entry(option: str, name: str, remedy: str) -> NoReturn:
    """As `check.refuse`, of one entry of such a mapping; of its name, which may be a URL, the beginning is shown."""
    raise ConfigurationError(f"{option}={{{name.partition(':')[0][:100]!r}: …}} cannot work: {remedy}")


def existing_file(option: str, path: object) -> str:
    """Returns an option that is the path of a file, or of a directory of them, that is there."""
    if not isinstance(path, str) or not os.path.exists(path):  # noqa: PTH110 - Path's own raises
        check.refuse(option, path, "give the path of a file that exists")
    return path
