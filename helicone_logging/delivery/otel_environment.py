"""What OpenTelemetry's environment variables say of a Collector; those for traces win over those for everything.

https://opentelemetry.io/docs/specs/otel/protocol/exporter/#configuration-options
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import NamedTuple
from urllib.parse import unquote

from helicone_logging.core import check
from helicone_logging.core.secret import Secret
from helicone_logging.delivery.endpoints import checked_url
from helicone_logging.delivery.options import existing_file, hidden

DEFAULT = "http://localhost:4318"
_FOR_TRACES, _FOR_ALL = "OTEL_EXPORTER_OTLP_TRACES_", "OTEL_EXPORTER_OTLP_"
_OTHER_PROTOCOLS = frozenset({"grpc", "http/protobuf"})


class Collector(NamedTuple):
    """Where a Collector is, and how it is talked to; None and nothing where nobody has said.

    Args:
        endpoint: the whole URL.
        headers: names and values.
        compression: `"gzip"` or None.
        timeout: seconds.
        verify: path of a CA bundle.
        cert: path of a client certificate, or of that and its key.
    """

    endpoint: str | None = None
    headers: Mapping[str, str] = {}
    compression: str | None = None
    timeout: float | None = None
    verify: str | None = None
    cert: str | tuple[str, str] | None = None


def read(path: str) -> Collector:
    """Returns what the environment says; an endpoint that is not for traces alone gets a path.

    Raises:
        ConfigurationError: it says something that cannot work; it names the variable.
    """
    _refuse_other_protocols()
    name, milliseconds = _find("TIMEOUT")
    timeout = check.integer(name, milliseconds, least=1) / 1000 if milliseconds else None
    name, compression = _find("COMPRESSION")
    if compression:
        check.choice(name, compression, ("gzip", "none"))
    return Collector(
        endpoint=_endpoint(path),
        headers=_headers(),
        compression="gzip" if compression == "gzip" else None,
        timeout=timeout,
        verify=_file("CERTIFICATE"),
        cert=_client_certificate(),
    )


def _find(what: str) -> tuple[str, str]:
    """The variable that counts, and what it says; nothing where it is not set."""
    for prefix in (_FOR_TRACES, _FOR_ALL):
        value = os.environ.get(prefix + what, "").strip()
        if value:
            return prefix + what, value
    return _FOR_ALL + what, ""


def _refuse_other_protocols() -> None:
    name, protocol = _find("PROTOCOL")
    if protocol in _OTHER_PROTOCOLS:
        check.refuse(name, protocol, 'give the HTTP port (4318); JSON is sent, which is "http/json"')


def _endpoint(path: str) -> str | None:
    name, url = _find("ENDPOINT")
    if not url:
        return None
    if name.startswith(_FOR_TRACES):
        return checked_url(url, "/", option=name, example=DEFAULT + path, keys_in="headers")
    whole = checked_url(url, path, option=name, example=DEFAULT, keys_in="headers")
    before, mark, query = whole.partition("?")
    return before + mark + query if before.endswith(path) else before.rstrip("/") + path + mark + query


def _headers() -> Mapping[str, str]:
    text = Secret(_find("HEADERS")[1])
    pairs = (pair.partition("=") for pair in text.reveal().split(","))
    found = {unquote(name.strip()): unquote(value.strip()) for name, equals, value in pairs if equals}
    headers: Mapping[str, str] = hidden(found)
    return headers


def _file(what: str) -> str | None:
    name, path = _find(what)
    return existing_file(name, path) if path else None


def _client_certificate() -> str | tuple[str, str] | None:
    certificate, key = _file("CLIENT_CERTIFICATE"), _file("CLIENT_KEY")
    return (certificate, key) if certificate and key else certificate
