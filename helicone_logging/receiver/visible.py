"""Text as it may be shown: what would be obeyed, or would not be seen, becomes a visible mark."""

from __future__ import annotations

import re

# Control characters but tab and line feed; soft hyphen; marks of direction; what has no width; separators that only
# some take for the end of a line; tags; surrogates. A joiner between two pictures makes one of them, and stays.
_OBEYED = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u00ad\u061c\u115f\u1160\u180e\u200b\u200c\u200e\u200f\u2028-\u202e\u2060-\u206f\u3164"
    "\ufeff\uffa0\ufff0-\ufffb\ud800-\udfff\U000e0000-\U000e0fff]"
    "|(?<![\u2600-\u27bf\ufe0f\U0001f000-\U0001faff])\u200d"
)


def visible(text: str) -> str:
    """Returns a text in which nothing is obeyed by a terminal or a browser, nor hidden from the eye."""
    return _OBEYED.sub(_mark, text.replace("\r\n", "\n"))


def one_line(text: str, width: int) -> str:
    """Returns a text in one line, cut to a width, with marks for what cannot be seen.

    Args:
        text: any.
        width: in characters.
    """
    line = visible(" ".join(text[: 4 * width].split()))
    return line if len(line) <= width and len(text) <= 4 * width else line[: width - 1] + "…"


def encodable(text: str, encoding: str | None) -> str:
    """Returns a text that a stream of an encoding takes, with escapes for what it has not, as Windows' code pages."""
    encoding = encoding or "utf-8"
    return text.encode(encoding, "backslashreplace").decode(encoding, "replace")


def _mark(found: re.Match[str]) -> str:
    return f"⟨U+{ord(found[0]):04X}⟩"
