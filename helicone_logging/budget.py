"""How many items of lists and mappings are read for one record: whoever logs waits for it, and values have any size."""

from __future__ import annotations

import contextlib
import math
import threading
from collections.abc import Iterator

MAX_ITEMS = 50_000


class _Left(threading.local):
    """What the record that this thread is reading may still have."""

    items: float = math.inf  # while it reads none


_left = _Left()


@contextlib.contextmanager
def one_record() -> Iterator[None]:
    """Within it all values together have no more than `MAX_ITEMS`; a record within a record has its own."""
    outer, _left.items = _left.items, MAX_ITEMS
    try:
        yield
    finally:
        _left.items = outer


def spend() -> bool:
    """Takes one item, and returns whether there was one left."""
    _left.items -= 1
    return _left.items >= 0


def is_spent() -> bool:
    """Returns whether there is none left."""
    return _left.items <= 0
