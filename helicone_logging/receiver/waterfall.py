"""A session as lines of a tree, each with its bar on a common axis."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from helicone_logging.receiver.entries import SpanEntry
from helicone_logging.receiver.rows import Node

AXIS = 1000
"""Length of the axis that bars are measured on."""

_SHORTEST = 12  # two pixels, about


@dataclass(frozen=True)
class Line:
    """A line of the tree.

    Args:
        name: the last part of the path.
        depth: 0 for what stands at the root.
        entry: the span; None for a folder that only its children name.
        has_children: whether lines below belong to it.
        tokens: its own and those of all below.
        bar_start: where its bar begins on the axis.
        bar_length: how long that is.
    """

    name: str
    depth: int
    entry: SpanEntry | None
    has_children: bool
    tokens: int
    bar_start: int
    bar_length: int


def lines_by_path(entries: Iterable[SpanEntry]) -> list[Line]:
    """Returns the tree by the path of the session, as Helicone shows it; equal paths are siblings."""
    ordered = _by_start(entries)
    root: Node[SpanEntry] = Node("")
    for entry in ordered:
        parts = entry.row.path_parts
        root.add(entry, [entry.name] if parts == [""] else parts)
    return _lines(root, _Axis.over(ordered))


def lines_by_parent(entries: Iterable[SpanEntry]) -> list[Line]:
    """Returns the tree by the ids of parents; who has none that is here stands at the root."""
    ordered = _by_start(entries)
    nodes = {entry.seq: Node(entry.name, [entry]) for entry in ordered}
    by_id = {entry.span_id: entry.seq for entry in reversed(ordered)}
    root: Node[SpanEntry] = Node("")
    for entry in ordered:
        parent = by_id.get(entry.parent_id) if entry.parent_id else None
        # A parent that starts later, or is the span itself, would close a circle.
        above = root if parent is None or parent == entry.seq else nodes[parent]
        above.children[str(entry.seq)] = nodes[entry.seq]
    hung = {entry.seq for node, _ in root.below() for entry in node.rows}
    for entry in ordered:  # those in a circle hang on nobody
        if entry.seq not in hung:
            root.children[str(entry.seq)] = Node(entry.name, [entry])
    return _lines(root, _Axis.over(ordered))


def _by_start(entries: Iterable[SpanEntry]) -> list[SpanEntry]:
    return sorted(entries, key=lambda entry: (entry.row.created_ns, len(entry.row.session_path), entry.seq))


def _lines(root: Node[SpanEntry], axis: _Axis) -> list[Line]:
    nodes = list(root.below())
    tokens: dict[int, int] = {}  # of each folder, with all below it
    for node, _ in reversed(nodes):  # children before what is above them
        own = sum(entry.row.total_tokens or 0 for entry in node.rows)
        tokens[id(node)] = own + sum(tokens[id(child)] for child in node.children.values())
    return [line for node, depth in nodes for line in _lines_of(node, depth, axis, tokens)]


def _lines_of(node: Node[SpanEntry], depth: int, axis: _Axis, tokens: Mapping[int, int]) -> Iterator[Line]:
    if not node.rows:
        yield Line(node.name, depth, None, True, tokens[id(node)], 0, 0)
    for number, entry in enumerate(node.rows):
        is_last = number == len(node.rows) - 1
        below = sum(tokens[id(child)] for child in node.children.values()) if is_last else 0
        start, length = axis.bar(entry)
        own = entry.row.total_tokens or 0
        yield Line(node.name, depth, entry, is_last and bool(node.children), own + below, start, length)


@dataclass(frozen=True)
class _Axis:
    start: float
    length: float

    @classmethod
    def over(cls, entries: Sequence[SpanEntry]) -> _Axis:
        if not entries:
            return cls(0.0, 1.0)
        start = entries[0].row.created_ns
        end = max(entry.row.created_ns + entry.row.latency_ms * 1e6 for entry in entries)
        return cls(start, max(end - start, 1.0))

    def bar(self, entry: SpanEntry) -> tuple[int, int]:
        """Start and length, at least as long as can be seen, and inside the axis."""
        start = int((entry.row.created_ns - self.start) / self.length * AXIS)
        length = int(entry.row.latency_ms * 1e6 / self.length * AXIS)
        start = min(max(start, 0), AXIS - _SHORTEST)
        return start, max(_SHORTEST, min(length, AXIS - start))
