"""How many items of lists and mappings are read for one record: whoever logs waits for it, and values have any size."""

from __future__ import annotations

import math
import threading

MAX_ITEMS = 50_000


class _Left(threading.local):
    """What the record that this thread is reading may still have."""

    items: float = math.inf  # while it reads none


_left = _Left()


class OneRecord:
    """Within it all values together have no more than `MAX_ITEMS`; a record within a record has its own.

    A class, as entering a generator takes a microsecond, for which whoever logs messages waits.
    """

    __slots__ = ("_outer",)

    def __enter__(self) -> None:
        self._outer, _left.items = _left.items, MAX_ITEMS

    def __exit__(self, *_: object) -> None:
        _left.items = self._outer


def left() -> float:
    """Returns how many items there are left; infinitely many while no record is read."""
    return _left.items


def spend(amount: int = 1) -> bool:
    """Takes some items, and returns whether there were as many left."""
    _left.items -= amount
    return _left.items >= 0
