"""How much is read of mappings and sequences of foreign classes: they may be a database, or have no end.

`…` stands for what is left out. What Python's own containers hold is in memory already, and is copied as a whole in one
go, as another thread may be changing it.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from itertools import islice
from typing import Any

from helicone_logging.core import budget

MAX_ITEMS = 10_000
CUT = "…"

_FEW = 100  # items that nearly every object has: they are read whatever was read before, and count for nothing
_IN_MEMORY = frozenset(kind.__iter__ for kind in (list, tuple, set, frozenset, deque))


def copied(mapping: Mapping[Any, Any], most: int | None = None) -> dict[Any, Any]:
    """Returns what a mapping holds, as `dict()` does.

    Args:
        mapping: any mapping; it may raise whatever it likes.
        most: how many items of a foreign one are read; None for 10,000, and no more than `budget.OneRecord` leaves.
    """
    if getattr(type(mapping), "__iter__", None) is dict.__iter__:
        return dict(mapping)
    limit = allowed() if most is None else most
    names = listed(mapping.keys(), limit)
    found = {name: mapping[name] for name in names[:limit]}
    if len(names) > limit:
        found[CUT] = CUT
    if most is None:
        _count(found)
    return found


def items(mapping: Mapping[Any, Any]) -> Iterable[tuple[Any, Any]]:
    """Returns the names and values of a mapping, as its `items()` does; of a foreign one the first 10,000."""
    return mapping.items() if type(mapping) is dict else _first_pairs(iter(mapping.items()))


def listed(values: Iterable[Any], most: int | None = None) -> list[Any]:
    """Returns values as a list of its own; where there are more than may be read, its last item is `…`.

    Args:
        values: any iterable, but no iterator that somebody else wants to use.
        most: as in `copied`.
    """
    if getattr(type(values), "__iter__", None) in _IN_MEMORY:
        return list(values)
    limit = allowed() if most is None else most
    found = list(islice(values, limit + 1))
    if len(found) > limit:
        found[limit] = CUT
    if most is None:
        _count(found)
    return found


def allowed() -> int:
    """Returns how many items of one value may be read: 10,000, or what `budget.OneRecord` leaves, and a few always."""
    return int(max(_FEW, min(MAX_ITEMS, budget.left())))


def _count(found: dict[Any, Any] | list[Any]) -> None:
    if len(found) > _FEW:
        budget.spend(len(found))


def _first_pairs(pairs: Iterator[tuple[Any, Any]]) -> Iterator[tuple[Any, Any]]:
    yield from islice(pairs, MAX_ITEMS)
    if next(pairs, None) is not None:
        yield CUT, CUT
