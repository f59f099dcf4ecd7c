"""A session as lines of a tree, each with its bar on a common axis."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from helicone_logging.receiver.entries import Entry
from helicone_logging.receiver.rows import MAX_DEPTH

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
    entry: Entry | None
    has_children: bool
    tokens: int
    bar_start: int
    bar_length: int


@dataclass
class _Branch:
    name: str
    entries: list[Entry] = field(default_factory=list)
    children: dict[str, _Branch] = field(default_factory=dict)
    tokens: int = 0


def lines_by_path(entries: Iterable[Entry]) -> list[Line]:
    """Returns the tree by the path of the session, as Helicone shows it; equal paths are siblings."""
    ordered = _by_start(entries)
    root = _Branch("")
    for entry in ordered:
        branch = root
        for part in _parts(entry):
            branch = branch.children.setdefault(part, _Branch(part))
        branch.entries.append(entry)
    return _lines(root, _Axis.over(ordered))


def lines_by_parent(entries: Iterable[Entry]) -> list[Line]:
    """Returns the tree by the ids of parents; who has none that is here stands at the root."""
    ordered = _by_start(entries)
    branches = {entry.seq: _Branch(entry.name, [entry]) for entry in ordered}
    by_id = {entry.span_id: entry.seq for entry in reversed(ordered)}
    root = _Branch("")
    for entry in ordered:
        parent = by_id.get(entry.parent_id) if entry.parent_id else None
        # A parent that starts later, or is the span itself, would close a circle.
        above = root if parent is None or parent == entry.seq else branches[parent]
        above.children[str(entry.seq)] = branches[entry.seq]
    lines = _lines(root, _Axis.over(ordered))
    seen = {line.entry.seq for line in lines if line.entry is not None}
    for entry in ordered:  # those in a circle hang on nobody
        if entry.seq not in seen:
            root.children[str(entry.seq)] = _Branch(entry.name, [entry])
    return lines if len(seen) == len(ordered) else _lines(root, _Axis.over(ordered))


def _by_start(entries: Iterable[Entry]) -> list[Entry]:
    return sorted(entries, key=lambda entry: (entry.row.created_ns, len(entry.row.session_path), entry.seq))


def _parts(entry: Entry) -> list[str]:
    path = entry.row.session_path.removeprefix("/")
    return path.split("/", MAX_DEPTH) if path else [entry.name]


def _lines(root: _Branch, axis: _Axis) -> list[Line]:
    walked = list(_walk(root))
    for branch, _ in reversed(walked):  # children before what is above them
        own = sum(entry.row.total_tokens or 0 for entry in branch.entries)
        branch.tokens = own + sum(child.tokens for child in branch.children.values())
    return [line for branch, depth in walked for line in _lines_of(branch, depth, axis)]


def _walk(root: _Branch) -> Iterator[tuple[_Branch, int]]:
    waiting = [(child, 0) for child in reversed(root.children.values())]
    while waiting:
        branch, depth = waiting.pop()
        yield branch, depth
        waiting += [(child, depth + 1) for child in reversed(branch.children.values())]


def _lines_of(branch: _Branch, depth: int, axis: _Axis) -> Iterator[Line]:
    if not branch.entries:
        yield Line(branch.name, depth, None, True, branch.tokens, 0, 0)
    for number, entry in enumerate(branch.entries):
        is_last = number == len(branch.entries) - 1
        below = sum(child.tokens for child in branch.children.values()) if is_last else 0
        start, length = axis.bar(entry)
        own = entry.row.total_tokens or 0
        yield Line(branch.name, depth, entry, is_last and bool(branch.children), own + below, start, length)


@dataclass(frozen=True)
class _Axis:
    start: float
    length: float

    @classmethod
    def over(cls, entries: Sequence[Entry]) -> _Axis:
        if not entries:
            return cls(0.0, 1.0)
        start = entries[0].row.created_ns
        end = max(entry.row.created_ns + entry.row.latency_ms * 1e6 for entry in entries)
        return cls(start, max(end - start, 1.0))

    def bar(self, entry: Entry) -> tuple[int, int]:
        """Start and length, at least as long as can be seen, and inside the axis."""
        start = int((entry.row.created_ns - self.start) / self.length * AXIS)
        length = int(entry.row.latency_ms * 1e6 / self.length * AXIS)
        start = min(max(start, 0), AXIS - _SHORTEST)
        return start, max(_SHORTEST, min(length, AXIS - start))
