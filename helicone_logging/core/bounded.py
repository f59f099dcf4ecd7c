"""The reading budget of a record, as whoever logs it waits: values have any size, and mappings may be a database.

`…` stands for what is left out. What Python's own containers hold is in memory already, and is copied as a whole in one
go, as another thread may be changing it.
"""

from __future__ import annotations

import math
import threading
from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from itertools import islice
from typing import Any

MAX_ITEMS = 10_000
"""Of one value."""

MAX_OF_RECORD = 50_000
"""Of all values together."""

CUT = "…"

_FEW = 100  # items that nearly every object has: they are read whatever was read before, and count for nothing
_IN_MEMORY = frozenset(kind.__iter__ for kind in (list, tuple, set, frozenset, deque))


class _Left(threading.local):
    """What the record that this thread is reading may still have."""

    items: float = math.inf  # while it reads none


_left = _Left()


class RecordBudget:
    """Within it all values together have no more than `MAX_OF_RECORD`; a record within a record has its own.

    A class, as entering a generator takes a microsecond, for which whoever logs messages waits.
    """

    __slots__ = ("_outer",)

    def __enter__(self) -> None:
        self._outer, _left.items = _left.items, MAX_OF_RECORD

    def __exit__(self, *_: object) -> None:
        _left.items = self._outer


def left() -> float:
    """Returns how many items there are left; infinitely many while no record is read."""
    return _left.items


def spend(amount: int = 1) -> bool:
    """Takes some items, and returns whether there were as many left."""
    _left.items -= amount
    return _left.items >= 0


def copied(mapping: Mapping[Any, Any], most: int | None = None) -> dict[Any, Any]:
    """Returns what a mapping holds, as `dict()` does.

    Args:
        mapping: any mapping; it may raise whatever it likes.
        most: how many items of a foreign one are read; None for 10,000, and no more than `RecordBudget` leaves.
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
    """Returns how many items of one value may be read: 10,000, or what `RecordBudget` leaves, and a few always."""
    return int(max(_FEW, min(MAX_ITEMS, left())))


def _count(found: dict[Any, Any] | list[Any]) -> None:
    if len(found) > _FEW:
        spend(len(found))


def _first_pairs(pairs: Iterator[tuple[Any, Any]]) -> Iterator[tuple[Any, Any]]:
    yield from islice(pairs, MAX_ITEMS)
    if next(pairs, None) is not None:
        yield CUT, CUT
