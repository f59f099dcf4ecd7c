"""`helicone-logging check`: finds out, step by step, whether records can reach Helicone from here, and if not, why."""

from __future__ import annotations

import argparse
import dataclasses
import errno
import logging
import os
import socket
import ssl
import time
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import requests

from helicone_logging.core import check
from helicone_logging.delivery.destinations import GivenOptions, transport_options
from helicone_logging.delivery.endpoints import is_loopback
from helicone_logging.delivery.options import TransportOptions
from helicone_logging.delivery.outcomes import Kind, Outcome
from helicone_logging.delivery.transport import Transport, environment_of
from helicone_logging.errors import HeliconeLoggingError
from helicone_logging.formatter import OTELTraceFormatter
from helicone_logging.payload.wires import WIRES, SpanWire, chosen

_SPAN_NAME = "helicone-logging check"
_PORTS = {"http": 80, "https": 443}
_SOCKS_PORT = 1080
_CERTIFICATE_REMEDY = (
    "if a proxy or firewall of your company opens TLS, give the path of its CA certificate as `verify`, or in"
    " REQUESTS_CA_BUNDLE; else set this machine's clock and update certifi"
)


class _StepError(HeliconeLoggingError):
    """A step that failed: what is wrong, and what to do about it."""

    def __init__(self, problem: str, remedy: str) -> None:
        super().__init__(problem)
        self.remedy = remedy


@dataclass(frozen=True)
class _Target:
    """Where the span goes, and what the first connection is made to."""

    wire: SpanWire
    options: TransportOptions
    proxy: str | None

    @property
    def address(self) -> tuple[str, int]:
        url = self.options.endpoint if self.proxy is None else self.proxy
        parts = urlsplit(url if "://" in url else f"http://{url}")
        return parts.hostname or "", parts.port or _PORTS.get(parts.scheme, _SOCKS_PORT)

    @property
    def place(self) -> str:
        """Where what was sent shows up."""
        parts = urlsplit(self.options.endpoint)
        return f"on {parts.scheme}://{parts.netloc}" if is_loopback(parts.hostname or "") else "in Helicone"

    @property
    def speaks_tls(self) -> bool:
        return self.options.endpoint.startswith("https:")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the arguments of the command."""
    parser.add_argument("--endpoint", metavar="URL", help="default: HELICONE_TRACE_ENDPOINT, else by the key's region")
    parser.add_argument(
        "--wire", choices=list(WIRES), help="what is sent (default: what the path of the endpoint is of)"
    )
    parser.add_argument("--timeout", metavar="S", default="10", help="seconds for each step (default: %(default)s)")


def run(args: argparse.Namespace) -> int:
    """Runs the command; the exit status is 0 only if a marked span was accepted."""
    target = _target(args.endpoint, args.wire, check.seconds("--timeout", args.timeout, zero=False))
    _say("endpoint", target.options.endpoint)
    mark = f"check-{uuid.uuid4().hex[:12]}"
    try:
        for step, finding in _steps(target, mark):
            _say(step, f"ok: {finding}")
    except _StepError as error:
        _say("WRONG", str(error))
        _say("remedy", error.remedy)
        return 1
    if target.wire.wants_key:
        print(f"\nAll is well. Look for the session {mark} {target.place}; it holds a span from this command.")
    else:
        print(f"\nThe Collector took it; what becomes of it is up to its exporters. Look for the session {mark} there.")
    if check.truth("HELICONE_LOGGING_DISABLED", os.environ.get("HELICONE_LOGGING_DISABLED", "")):
        print("But HELICONE_LOGGING_DISABLED is set here, so handlers send nothing unless enabled=True.")
    return 0


def _say(step: str, text: str) -> None:
    print(f"{step:<9} {text}", flush=True)


def _target(endpoint: str | None, wire_name: str | None, timeout: float) -> _Target:
    wire = chosen(wire_name, endpoint or os.environ.get("HELICONE_TRACE_ENDPOINT"))
    given = GivenOptions(endpoint=endpoint, timeout=timeout)
    options = transport_options(given, wire, is_wire_explicit=wire_name is not None)
    settings = environment_of(options)
    proxy = requests.utils.select_proxy(options.endpoint, settings["proxies"])
    verify = True if settings["verify"] is None else settings["verify"]
    return _Target(wire, dataclasses.replace(options, verify=verify), proxy)


def _steps(target: _Target, mark: str) -> Iterator[tuple[str, str]]:
    """What each step found; it stops with an error at the first that fails."""
    if target.speaks_tls:
        _look_for_bundle(target.options.verify)
    host, port = target.address
    through = "" if target.proxy is None else "the proxy "
    yield "dns", f"{through}{host} is {', '.join(_resolve(host, port, through))}"
    with _connect(host, port, target.options.timeout, through) as sock:
        yield "tcp", f"{through}{host} listens on port {port}"
        if target.speaks_tls and target.proxy is None:
            yield "tls", _shake_hands(sock, host, target.options.verify)
    began = time.monotonic()
    answer = _send(target, mark)
    finding = f"{answer.detail} after {(time.monotonic() - began) * 1000:,.0f} ms"
    _judge(answer, target)
    if target.wire.wants_key:
        yield "key", "the server took it" if target.options.api_key else "none is set, and none was asked for"
        yield "schema", f"the server took the span: {finding}"
    else:
        yield "schema", f"the Collector took the span: {finding}"


def _look_for_bundle(verify: bool | str) -> None:
    if isinstance(verify, str) and not Path(verify).exists():
        raise _StepError(
            f"tls: the CA certificates are looked for in {verify}, which does not exist",
            "set REQUESTS_CA_BUNDLE or CURL_CA_BUNDLE to the path of a file that exists, or unset it",
        )


def _resolve(host: str, port: int, through: str) -> list[str]:
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except OSError as error:
        raise _StepError(
            f"dns: the name of {through}{host} does not resolve: {error}",
            "look for a mistake in the name, and whether this machine has a network and a DNS server",
        ) from error
    return list(dict.fromkeys(str(address[0]) for *_, address in found))


def _connect(host: str, port: int, timeout: float, through: str) -> socket.socket:
    try:
        return socket.create_connection((host, port), timeout)
    except OSError as error:
        reason = "nothing answered in time" if isinstance(error, TimeoutError) else str(error)
        remedy = (
            "nothing listens there; look for a mistake in the port, and whether the server runs"
            if error.errno == errno.ECONNREFUSED
            else "a firewall may be in the way; ask for this host and port, or set HTTPS_PROXY to the proxy to use"
        )
        raise _StepError(f"tcp: no connection to {through}{host} on port {port}: {reason}", remedy) from error


def _shake_hands(sock: socket.socket, host: str, verify: bool | str) -> str:
    bundle = requests.utils.DEFAULT_CA_BUNDLE_PATH if verify is True else str(verify)
    try:
        is_folder = Path(bundle).is_dir()
        context = ssl.create_default_context(cafile=None if is_folder else bundle, capath=bundle if is_folder else None)
        with context.wrap_socket(sock, server_hostname=host) as secure:
            return f"{secure.version()}, and the certificate is {host}'s"
    except ssl.SSLCertVerificationError as error:
        raise _StepError(
            f"tls: the certificate of {host} is not trusted: {error.verify_message}", _CERTIFICATE_REMEDY
        ) from error
    except OSError as error:
        raise _StepError(
            f"tls: no encrypted connection to {host}: {error}",
            "the port may speak plain http, which is for this machine only, or something in between cuts connections",
        ) from error


def _send(target: _Target, mark: str) -> Outcome:
    record = logging.makeLogRecord(
        {
            "name": "helicone_logging.check",
            "levelno": logging.INFO,
            "levelname": "INFO",
            "msg": "Can records reach Helicone from here?",
            "trace_id": mark,
            "span_name": _SPAN_NAME,
            "completion": "Yes.",
            "properties": {"check": "helicone-logging"},
        }
    )
    transport = Transport(target.options, target.wire)
    try:
        return transport.send(OTELTraceFormatter(wire=target.wire.name).format(record).encode())
    finally:
        transport.close()


def _judge(outcome: Outcome, target: _Target) -> None:
    """Says what an answer means for whoever set this up."""
    detail = outcome.detail
    if outcome.kind is Kind.MISDIRECTED and "endpoint" in outcome.remedy:
        raise _StepError(f"path: the server knows no such path: {detail}", f"the path is usually {target.wire.path}")
    if outcome.kind is Kind.MISDIRECTED and "proxy" in outcome.remedy:
        raise _StepError(f"proxy: it refused: {detail}", outcome.remedy)
    if outcome.kind is Kind.MISDIRECTED:
        what = "key: it was" if target.wire.wants_key else "headers: they were"
        raise _StepError(f"{what} refused: {detail}", _key_remedy(target) if target.wire.wants_key else outcome.remedy)
    if outcome.kind is Kind.THROTTLED:
        raise _StepError(
            f"rate: the server asks to wait: {detail}",
            "try again later; if it lasts, set `batch_size`, as the server counts requests and not records",
        )
    if outcome.kind is Kind.UNREACHABLE:
        raise _StepError(
            f"send: no whole answer came: {detail}",
            f"what runs there may not speak HTTP, or take longer than {target.options.timeout:g} seconds: see --timeout"
            + ("" if target.proxy is None else "; the proxy may refuse to lead there"),
        )
    if outcome.kind in {Kind.FAILED, Kind.BROKEN}:
        raise _StepError(
            f"server: it failed: {detail}", "this is the server's fault; try again later, or look into its log"
        )
    if outcome.kind is Kind.REJECTED:
        raise _rejection(detail)


def _rejection(detail: str) -> _StepError:
    status = detail.split()[1]
    if status.startswith("3"):
        return _StepError(
            f"send: the server leads elsewhere: {detail}", "set the endpoint it leads to; no redirect is followed"
        )
    return _StepError(
        f"schema: the span was refused: {detail}",
        "server and package may be of different times; update both, and report it if that does not help",
    )


def _key_remedy(target: _Target) -> str:
    if target.options.api_key is None:
        return "set HELICONE_API_KEY to a key from Helicone's settings"
    kind = (
        ", and one that begins with sk-, as some servers take no pk- key"
        if target.options.api_key.reveal().startswith("pk-")
        else ""
    )
    return (
        f"set HELICONE_API_KEY to a key that is valid{kind}; a key of the EU region (sk-helicone-eu-...) belongs to"
        " https://eu.api.helicone.ai, any other to https://api.helicone.ai"
    )
