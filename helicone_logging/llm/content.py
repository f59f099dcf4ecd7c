"""The content of one message as text: all that Helicone can show of text, tools, thoughts and pictures.

What is not text becomes a mark in square brackets. A mark never looks like JSON as a whole, since Helicone parses
the text of some models when it does, and never carries the bytes of a file.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import islice

from helicone_logging.core import bounded
from helicone_logging.core.bounded import CUT
from helicone_logging.core.coerce import text_of
from helicone_logging.core.held import Held, held, is_absent
from helicone_logging.llm import parts, safe_get
from helicone_logging.llm.citations import Sources
from helicone_logging.llm.marks import joined, json_text

MAX_DEPTH = 6
MAX_PARTS = 10_000


def content_text(content: object) -> str:
    """Returns the content of a message as text; it never raises.

    Args:
        content: text, one part or a list of parts, as any of the known SDKs have them. Parts are joined by line
            breaks, and the sources that they cite are listed behind them. An unknown one becomes JSON text.
    """
    return content if type(content) is str else _Renderer().whole(content)


def are_parts(entries: Sequence[object]) -> bool:
    """Returns whether a list is the content of one message: parts and texts, at least one part, no message."""
    has_part = False
    for entry in islice(entries, MAX_PARTS):
        if type(entry) is str:
            continue
        fields = held(entry)
        if not fields or fields.get("role") is not None or not parts.is_part_type(safe_get.text(fields.get("type"))):
            return False
        has_part = True
    return has_part


def are_output(entries: Sequence[object]) -> bool:
    """Returns whether a list is what one answer is made of: messages of OpenAI's Responses with calls beside them."""
    has_item = False
    for entry in islice(entries, MAX_PARTS):
        fields = held(entry)
        kind = safe_get.text(fields.get("type")) if fields else None
        if not kind or parts.handler_of(kind) is None:
            return False
        has_item = has_item or kind != "message"
    return has_item


def is_item(fields: Held) -> bool:
    """Returns whether something stands beside messages, without a role, and is no message itself."""
    kind = safe_get.text(fields.get("type"))
    return bool(kind) and fields.get("role") is None and parts.handler_of(kind or "") is not None


class _Renderer:
    """Renders the content of one message within a budget of parts and depth: it may contain itself."""

    __slots__ = ("_depth", "_parts_left", "_sources")

    def __init__(self) -> None:
        self._parts_left = MAX_PARTS
        self._depth = 0
        self._sources: Sources | None = None

    def whole(self, content: object) -> str:
        said = self(content)
        return said if self._sources is None else joined((said, self._sources.text()))

    def cite(self, citations: object) -> None:
        self._sources = self._sources or Sources()
        self._sources.add(citations)

    def __call__(self, content: object) -> str:
        if content is None or type(content) is str:
            return content or ""
        if self._depth >= MAX_DEPTH:
            return text_of(content)
        self._depth += 1
        try:
            entries = safe_get.items(content)
            if entries is None:
                return self._part(content)
            return joined([self._counted(part) for part in entries[: MAX_PARTS + 1]])
        finally:
            self._depth -= 1

    def _counted(self, part: object) -> str:
        self._parts_left -= 1
        if self._parts_left > 0:
            if bounded.spend():
                return self._part(part)
            self._parts_left = 0
        return "" if self._parts_left else CUT

    def _part(self, part: object) -> str:
        if part is None or type(part) is str:
            return part or ""
        if safe_get.items(part) is not None:
            return self(part)
        try:
            fields = held(part)
            rendered = parts.rendered(fields, self) if fields is not None else None
        except Exception:  # noqa: BLE001 - one odd part must not cost the others
            rendered = None
        if rendered is not None:
            return rendered
        if type(part) is dict:
            return text_of(part)
        return "" if is_absent(type(part)) else json_text(part)
