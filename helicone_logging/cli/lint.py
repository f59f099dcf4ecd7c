"""`helicone-logging lint`: says what Helicone will not show, or show wrongly, of a payload in a file."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from helicone_logging.receiver import validation
from helicone_logging.receiver.lint_rules import lint


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the arguments of the command."""
    parser.add_argument("file", help="a payload, or one a line as OTELTraceFormatter writes them; - for standard input")


def run(args: argparse.Namespace) -> int:
    """Runs the command; the exit status is 1 when something will be refused, lost or shown wrongly."""
    try:
        text = sys.stdin.read() if args.file == "-" else Path(args.file).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        print(f"{args.file} cannot be read: {error}", file=sys.stderr)
        return 2
    findings = lint(_payloads(text))
    for finding in findings:
        print(f"{finding.severity}: {finding.where}: {finding.message} [{finding.code}; set {finding.field}]")
    if not findings:
        print("Helicone will show all of it.")
    return int(any(finding.severity != "info" for finding in findings))


def _payloads(text: str) -> list[object]:
    """One JSON document, a list of payloads, or one a line."""
    try:
        document = validation.parse(text)
    except validation.NotJSONError:
        return [line for line in text.split("\n") if line.strip()]  # JSON may hold what `splitlines` takes for an end
    return document if isinstance(document, list) else [document]
