"""Where and how bodies are sent, by a handler's options, the environment, and whether Helicone's key goes along."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from helicone_logging.core import check
from helicone_logging.core.secret import Secret
from helicone_logging.core.wire import Wire
from helicone_logging.delivery import options, otel_environment
from helicone_logging.delivery.endpoints import checked_key, checked_url, endpoint_for, is_loopback
from helicone_logging.delivery.options import TransportOptions
from helicone_logging.delivery.otel_environment import Collector
from helicone_logging.errors import ConfigurationError

_DEFAULT_TIMEOUT = 10.0  # seconds
_VARIABLE = "HELICONE_API_KEY"
_OF_HELICONE = "/v1/trace/"


class GivenOptions(NamedTuple):
    """The options of a handler that say where and how bodies are sent, as they were given."""

    endpoint: Any = None
    api_key: Any = None  # a `Secret`, which may be empty
    allow_insecure: Any = False
    timeout: Any = None
    compression: Any = None
    headers: Any = None
    proxies: Any = None
    verify: Any = True
    cert: Any = None


def transport_options(given: GivenOptions, wire: Wire, *, is_wire_explicit: bool) -> TransportOptions:
    """Returns where and how bodies are sent.

    Args:
        given: the handler's options.
        wire: what the bodies are.
        is_wire_explicit: whether the user has named it, and not only a URL.

    Raises:
        ConfigurationError: an option cannot work, or not with the others.
    """
    if wire.wants_key:
        return _to_helicone(given, wire)
    collector = otel_environment.read(wire.path) if is_wire_explicit and not given.endpoint else Collector()
    return _to_collector(given, wire, collector)


def _to_helicone(given: GivenOptions, wire: Wire) -> TransportOptions:
    key = checked_key(given.api_key) or checked_key(Secret(os.environ.get(_VARIABLE) or ""), _VARIABLE)
    url = endpoint_for(_named(given), key, wire.path, allow_insecure=_is_insecure_allowed(given))
    return _options(given, url, options.checked_headers(given.headers), Collector(), key)


def _to_collector(given: GivenOptions, wire: Wire, collector: Collector) -> TransportOptions:
    if checked_key(given.api_key) is not None:
        raise ConfigurationError(
            f"api_key cannot work with wire={wire.name!r}: a Collector is never sent Helicone's key; leave it out, and"
            " give what the Collector asks for as `headers`"
        )
    example = otel_environment.DEFAULT
    url = collector.endpoint or checked_url(_named(given) or example, wire.path, example=example, keys_in="headers")
    parts = urlsplit(url)
    if _OF_HELICONE in parts.path:
        remedy = f"what listens there takes no OTLP as JSON; give a Collector's URL, or leave out wire={wire.name!r}"
        check.refuse("endpoint", url, remedy)
    headers = _merged(collector.headers, given.headers)
    is_safe = _is_insecure_allowed(given) or parts.scheme == "https" or is_loopback(parts.hostname or "")
    secret = next((name for name, _ in headers if options.is_sensitive(name)), None)
    if secret is not None and not is_safe:
        remedy = f"the header {secret} would travel unencrypted; use https, or set allow_insecure=True"
        check.refuse("endpoint", url, remedy)
    return _options(given, url, headers, collector, None)


def _merged(of_environment: Mapping[str, str], own: Any) -> tuple[tuple[str, str], ...]:
    checked = options.checked_headers(own, may_authorize=True)
    names = {name.lower() for name, _ in checked}
    others = {name: value for name, value in of_environment.items() if name.lower() not in names}
    return (*options.checked_headers(others, may_authorize=True), *checked)


def _named(given: GivenOptions) -> object:
    return given.endpoint or os.environ.get("HELICONE_TRACE_ENDPOINT")


def _is_insecure_allowed(given: GivenOptions) -> bool:
    return check.truth("allow_insecure", given.allow_insecure)


def _options(
    given: GivenOptions, url: str, headers: tuple[tuple[str, str], ...], collector: Collector, key: Secret | None
) -> TransportOptions:
    """The options given, and where there are none, those of the environment."""
    timeout, compression = given.timeout, given.compression
    if timeout is None:
        timeout = collector.timeout or _DEFAULT_TIMEOUT
    if compression is None:
        compression = collector.compression
    verify = options.checked_verify(given.verify)
    return TransportOptions(
        endpoint=url,
        api_key=key,
        timeout=check.seconds("timeout", timeout, zero=False),
        compression=None
        if compression is None
        else check.choice("compression", compression, ("gzip",), words="None or "),
        headers=headers,
        proxies=options.checked_proxies(given.proxies),
        verify=collector.verify if verify is True and collector.verify else verify,
        cert=options.checked_cert(given.cert) or collector.cert,
    )
