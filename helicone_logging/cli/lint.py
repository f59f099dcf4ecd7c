"""`helicone-logging lint`: says what Helicone will not show, or show wrongly, of a payload in a file."""

from __future__ import annotations

import argparse
import sys

from helicone_logging.cli.payload_file import PayloadFile
from helicone_logging.errors import ConfigurationError
from helicone_logging.payload.wires import DEFAULT, WIRES
from helicone_logging.receiver.lint_rules import has_nothing, lint

_NOTHING = 2


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the arguments of the command."""
    parser.add_argument(
        "--wire", choices=list(WIRES), default=DEFAULT.name, help="what the payloads are of (default: %(default)s)"
    )
    parser.add_argument("file", help="a payload, or one a line as OTELTraceFormatter writes them; - for standard input")


def run(args: argparse.Namespace) -> int:
    """Runs the command.

    Returns:
        1 when something will be refused, lost or shown wrongly; 2 when there is nothing to look at.
    """
    try:
        file = PayloadFile.read(args.file)
    except ConfigurationError as error:
        print(error, file=sys.stderr)
        return _NOTHING
    if has_nothing(file.payloads):
        print(f"There is nothing in {'standard input' if args.file == '-' else args.file}.", file=sys.stderr)
        return _NOTHING
    findings = lint(file.payloads, file.place_of, is_otlp=args.wire != DEFAULT.name)
    for finding in findings:
        print(f"{finding.severity}: {finding.where}: {finding.message} [{finding.code}; set {finding.field}]")
    if not findings:
        print("Helicone will show all of it.")
    return int(any(finding.severity != "info" for finding in findings))
