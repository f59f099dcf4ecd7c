"""`helicone-logging serve`: the local receiver and its page, until it is interrupted."""

from __future__ import annotations

import argparse
import contextlib
import errno
import os
import socket
import sys
import webbrowser
from collections.abc import Callable

from helicone_logging.cli.payload_file import PayloadFile
from helicone_logging.cli.printing import Printer, number_from
from helicone_logging.core.findings import Finding
from helicone_logging.delivery.endpoints import is_loopback
from helicone_logging.errors import ConfigurationError
from helicone_logging.payload.wires import DEFAULT, WIRES
from helicone_logging.receiver import Receiver, lint_rules


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the arguments of the command."""
    parser.add_argument("file", nargs="*", help="payloads to look at, as OTELTraceFormatter writes them")
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (default: %(default)s)")
    parser.add_argument("--port", type=_port, default=8585, help="port; 0 for a free one (default: %(default)s)")
    parser.add_argument("--keep", type=number_from(1), default=10_000, help="spans to keep (default: %(default)s)")
    parser.add_argument(
        "--keep-bytes", type=number_from(1), default=256 * 1024 * 1024,
        help="bytes they may take in memory, about (default: %(default)s)",
    )  # fmt: skip
    parser.add_argument(
        "--wire", choices=list(WIRES), default=DEFAULT.name, help="what the files are of (default: %(default)s)"
    )
    parser.add_argument("--db", metavar="PATH", help="keep the spans in this SQLite file too, so that they survive")
    parser.add_argument("--open", action="store_true", help="open the page in a browser")
    parser.add_argument(
        "--require-key", action="store_true", help="answer 401 to whoever has not the key in HELICONE_API_KEY"
    )
    parser.add_argument(
        "--allow-remote", action="store_true", help="listen on an address other machines reach; implies --require-key"
    )


def run(args: argparse.Namespace) -> int:
    """Runs the command."""
    is_guarded = args.require_key or args.allow_remote
    api_key = os.environ.get("HELICONE_API_KEY") if is_guarded else None
    if is_guarded and not api_key:
        flag = "--require-key" if args.require_key else "--allow-remote"
        print(f"{flag} needs the key in HELICONE_API_KEY", file=sys.stderr)
        return 2
    if not args.allow_remote and not is_loopback(args.host):
        print(f"--host {args.host!r} would be reached by other machines; add --allow-remote", file=sys.stderr)
        return 1
    with Printer() as printer:
        receiver = _receiver(args, api_key, printer.print)
        for path in args.file:
            _load(receiver, path, is_otlp=args.wire != DEFAULT.name)
        try:
            _serve(receiver, printer, must_open=args.open)
        except ConfigurationError as error:
            if not isinstance(error.__cause__, OSError):
                raise
            print(_not_listening(args, error.__cause__), file=sys.stderr)
            return 1
    return 0


def _not_listening(args: argparse.Namespace, error: OSError) -> str:
    is_address = isinstance(error, socket.gaierror) or error.errno == errno.EADDRNOTAVAIL
    remedy = "choose an address of this machine" if is_address else "choose another port, or 0 for a free one"
    return f"--host={args.host} --port={args.port} cannot be listened on: {error.strerror}; {remedy}"


def _receiver(args: argparse.Namespace, api_key: str | None, on_span: Callable[[str], object]) -> Receiver:
    return Receiver(
        args.host,
        args.port,
        api_key=api_key,
        keep=args.keep,
        keep_bytes=args.keep_bytes,
        db=args.db,
        on_span=on_span,
        allow_remote=args.allow_remote,
    )


def _serve(receiver: Receiver, printer: Printer, *, must_open: bool) -> None:
    with contextlib.suppress(KeyboardInterrupt), receiver:
        printer.print(f"Listening on {receiver.url}; set HELICONE_TRACE_ENDPOINT={receiver.url}")
        if receiver.page_url != receiver.url:
            printer.print(f"Look at {receiver.page_url} (the link works once)")
        elif sys.stdout is not None and sys.stdout.isatty():
            printer.print(f"Look at {receiver.url}")
        if must_open:
            webbrowser.open(receiver.page_url)
        receiver.wait()


def _load(receiver: Receiver, path: str, *, is_otlp: bool) -> None:
    """Takes the payloads of a file, and says which of them are refused.

    Raises:
        ConfigurationError: it cannot be read, or holds nothing that can be looked at.
    """
    file = PayloadFile.read(path)
    refused = []
    for number, payload in enumerate(file.payloads):
        found = lint_rules.checked(payload, file.place_of(number), is_otlp=is_otlp)
        if not isinstance(found, Finding):
            receiver.store.add(found)
            continue
        as_otlp = lint_rules.checked(payload, "", is_otlp=True)
        is_other = not isinstance(as_otlp, Finding) and as_otlp["resourceSpans"]
        refused.append(f"{found.where}: {found.message}{'; if it is OTLP, add --wire otlp' if is_other else ''}")
    if refused and len(refused) == len(file.payloads):
        raise ConfigurationError(f"{path} cannot be looked at: {refused[0]}")
    if refused:
        more = f", and {len(refused) - 1:,} more" if refused[1:] else ""
        print(f"{path}: {refused[0]}{more}; the rest is on the page", file=sys.stderr)


def _port(text: str) -> int:
    if not text.isascii() or not text.isdecimal() or int(text) > 65_535:
        raise argparse.ArgumentTypeError(f"{text!r} is no port: give one up to 65535, or 0 for a free one")
    return int(text)
