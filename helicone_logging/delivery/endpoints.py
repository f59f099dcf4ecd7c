"""URLs of endpoints, Helicone's own by the key's region, and what must not travel together."""

from __future__ import annotations

import ipaddress
import re
from urllib.parse import SplitResult, urlsplit, urlunsplit

from helicone_logging.core.check import refuse
from helicone_logging.core.secret import Secret
from helicone_logging.errors import ConfigurationError

HELICONE = "https://api.helicone.ai"
HELICONE_EU = "https://eu.api.helicone.ai"

_LABEL = r"[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?"
_HOST = re.compile(rf"({_LABEL}\.)*{_LABEL}\.?", re.IGNORECASE)
_EU_KEYS = ("sk-helicone-eu-", "pk-helicone-eu-")
_KEYS_OF_OTHERS = {
    "OpenAI": ("sk-proj-", "sk-svcacct-", "sk-admin-"),
    "Anthropic": ("sk-ant-",),
}
_QUOTES = ("'", '"')
_HELICONES = "give one from Helicone's settings, which begins with sk-helicone-"


class MissingKeyError(ConfigurationError):
    """There is no key, and where records go is not on this machine."""

    def __init__(self, url: str) -> None:
        super().__init__(
            f"api_key is missing, and {url} is not on this machine: set `api_key` or HELICONE_API_KEY, or set"
            " enabled=False to log nothing; to try it here, run `helicone-logging serve` and set"
            " HELICONE_TRACE_ENDPOINT=http://127.0.0.1:8585"
        )
        self.of_command = (
            f"there is no API key, and {url} is not on this machine: set HELICONE_API_KEY; to try it here, run"
            " `helicone-logging serve` and give --endpoint http://127.0.0.1:8585"
        )
        """The same in the words of a command line."""


def checked_key(api_key: object, option: str = "api_key") -> Secret | None:
    """Returns an API key without the blanks around it; None for none.

    Args:
        api_key: as text, or held already; text is in the locals of whoever calls this with it.
        option: what it was set by.

    Raises:
        ConfigurationError: it is no key of Helicone's, or cannot stand in a header; neither the error nor the locals of
            this function show it.
    """
    if isinstance(api_key, str):
        api_key = Secret(api_key)
    if api_key is None:
        return None
    if not isinstance(api_key, Secret):
        raise ConfigurationError(f"{option} is a {type(api_key).__name__}; give the key as text")
    if api_key.reveal() == "":
        return None
    trouble = _trouble_with(api_key)
    if trouble:
        raise ConfigurationError(f"{option} {trouble}")
    return Secret(api_key.reveal().strip())


def _trouble_with(secret: Secret) -> str:
    """What is wrong with a key, and the remedy; nothing of the key itself."""
    key = secret.reveal().strip()
    if key[:1] in _QUOTES or key[-1:] in _QUOTES:
        return "has quotes around the key; leave them out"
    if len(key.split()) > 1:
        return "has blanks or line breaks inside; copy the key again from Helicone's settings"
    if not key or not key.isascii() or not key.isprintable():
        return "has characters that no key has; copy it again from Helicone's settings"
    if key.endswith("..."):
        return f"is the placeholder of the documentation; {_HELICONES}"
    owner = next((owner for owner, prefixes in _KEYS_OF_OTHERS.items() if key.startswith(prefixes)), None)
    return f"is a key of {owner}'s, which would be sent to Helicone; {_HELICONES}" if owner else ""


def endpoint_for(endpoint: object, api_key: Secret | None, path: str, *, allow_insecure: bool) -> str:
    """Returns Helicone's URL to send to, by the region of the key, or that of whoever takes what it takes.

    Raises:
        ConfigurationError: the URL cannot be used, or not with this key.
    """
    if endpoint is None or endpoint == "":
        url = (HELICONE_EU if api_key and api_key.reveal().startswith(_EU_KEYS) else HELICONE) + path
    else:
        url = checked_url(endpoint, path)
    parts = urlsplit(url)
    is_local = is_loopback(parts.hostname or "")
    if api_key is None and not is_local:
        raise MissingKeyError(url)
    if api_key and parts.scheme == "http" and not is_local and not allow_insecure:
        refuse("endpoint", url, "the API key would travel unencrypted; use https, or set allow_insecure=True")
    return url


def checked_url(
    endpoint: object, path: str, *, option: str = "endpoint", example: str = HELICONE, keys_in: str = "api_key"
) -> str:
    """Returns a URL to send to: the one that is given, with a path where that is an origin.

    Raises:
        ConfigurationError: nothing can be sent to it.
    """
    remedy = f'give a URL such as "{example}"'
    if not isinstance(endpoint, str):
        refuse(option, endpoint, remedy)
    url = endpoint.strip()
    if "@" in url.partition("?")[0]:  # before anything that shows the URL
        raise ConfigurationError(f"{option} holds a user name or password; give the key as `{keys_in}` instead")
    if not (url.isascii() and url.isprintable()) or " " in url or "\\" in url:
        refuse(option, endpoint, remedy)
    try:
        parts = urlsplit(url)
    except ValueError:
        refuse(option, endpoint, remedy)
    if parts.scheme not in {"http", "https"} or not _is_host(parts):
        refuse(option, endpoint, remedy)
    if not _is_port(parts):
        refuse(option, endpoint, "the port behind the host has to be a number from 1 to 65535, or left out")
    if parts.fragment:
        refuse(option, endpoint, "leave out the fragment behind #")
    return urlunsplit((parts.scheme, parts.netloc, parts.path if parts.path.strip("/") else path, parts.query, ""))


def _is_host(parts: SplitResult) -> bool:
    host = parts.hostname or ""
    if "[" in parts.netloc:  # which Python 3.10 takes off without a look at what they hold
        return ":" in host and _is_address(host)
    return _HOST.fullmatch(host) is not None


def _is_port(parts: SplitResult) -> bool:
    try:
        return parts.port != 0
    except ValueError:
        return False


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def is_loopback(host: str) -> bool:
    """Returns whether a host is this machine."""
    if host == "localhost" or host.endswith(".localhost"):  # https://www.rfc-editor.org/rfc/rfc6761#section-6.3
        return True
    return _is_address(host) and ipaddress.ip_address(host).is_loopback
