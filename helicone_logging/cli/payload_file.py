"""A file of payloads: one JSON document, a list of payloads, or one a line."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import NamedTuple

from helicone_logging.errors import ConfigurationError
from helicone_logging.receiver import validation


class PayloadFile(NamedTuple):
    """The payloads of a file, and where each stands.

    Args:
        payloads: what they hold, or, of one a line, their text.
        line_numbers: of those that have a line each.
        lines: all of the file.
    """

    payloads: list[object]
    line_numbers: list[int]
    lines: list[str]

    @classmethod
    def read(cls, path: str) -> PayloadFile:
        """Reads a file, or standard input for `-`.

        Raises:
            ConfigurationError: it cannot be read.
        """
        try:
            data = _stdin() if path == "-" else Path(path).read_bytes()
            text = data.decode("utf-8-sig")  # whatever the console's encoding is, and with the mark that editors add
        except (OSError, UnicodeDecodeError) as error:
            raise ConfigurationError(f"{path} cannot be read: {error}") from error
        lines = text.split("\n")  # JSON may hold what `splitlines` takes for an end
        try:
            document = validation.parse(text)
        except validation.NotJSONError:
            numbers = [number for number, line in enumerate(lines, 1) if line.strip()]
            return cls([lines[number - 1] for number in numbers], numbers, lines)
        return cls(document if isinstance(document, list) else [document], [], lines)

    def place_of(self, number: int, span_id: str = "") -> str:
        """The line of a payload where each has one, else the line that names the span."""
        if self.line_numbers:
            return f"line {self.line_numbers[number]}"
        found = (line_number for line_number, line in enumerate(self.lines, 1) if span_id and span_id in line)
        return f"line {next(found, 1)}"


def _stdin() -> bytes:
    """All of standard input; nothing where it is closed."""
    return b"" if sys.stdin is None else sys.stdin.buffer.read()
