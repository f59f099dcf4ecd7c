"""`helicone-logging lint`: says what Helicone will not show, or show wrongly, of a payload in a file."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import NamedTuple

from helicone_logging.payload.wires import DEFAULT, WIRES
from helicone_logging.receiver import validation
from helicone_logging.receiver.lint_rules import has_nothing, lint

_NOTHING = 2


class _File(NamedTuple):
    """The payloads of a file: one JSON document, a list of payloads, or one a line, and where each stands."""

    payloads: list[object]
    line_numbers: list[int]
    lines: list[str]

    @classmethod
    def parse(cls, text: str) -> _File:
        lines = text.split("\n")  # JSON may hold what `splitlines` takes for an end
        try:
            document = validation.parse(text)
        except validation.NotJSONError:
            numbers = [number for number, line in enumerate(lines, 1) if line.strip()]
            return cls([lines[number - 1] for number in numbers], numbers, lines)
        return cls(document if isinstance(document, list) else [document], [], lines)

    def place_of(self, number: int, span_id: str) -> str:
        """The line of a payload where each has one, else the line that names the span."""
        if self.line_numbers:
            return f"line {self.line_numbers[number]}"
        found = (line_number for line_number, line in enumerate(self.lines, 1) if span_id and span_id in line)
        return f"line {next(found, 1)}"


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
        data = _stdin() if args.file == "-" else Path(args.file).read_bytes()
        text = data.decode("utf-8-sig")  # whatever the encoding of the console is, and with the mark that editors add
    except (OSError, UnicodeDecodeError) as error:
        print(f"{args.file} cannot be read: {error}", file=sys.stderr)
        return _NOTHING
    file = _File.parse(text)
    if has_nothing(file.payloads):
        print(f"There is nothing in {'standard input' if args.file == '-' else args.file}.", file=sys.stderr)
        return _NOTHING
    findings = lint(file.payloads, file.place_of, is_otlp=args.wire != DEFAULT.name)
    for finding in findings:
        print(f"{finding.severity}: {finding.where}: {finding.message} [{finding.code}; set {finding.field}]")
    if not findings:
        print("Helicone will show all of it.")
    return int(any(finding.severity != "info" for finding in findings))


def _stdin() -> bytes:
    """All of standard input; nothing where it is closed."""
    return b"" if sys.stdin is None else sys.stdin.buffer.read()
