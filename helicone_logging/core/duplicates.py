"""Notices a record that comes again to where it has been sent already.

That happens where a handler is added again, as by a notebook's cell that is run again, or to a logger and to one above
it; then each call has two rows.
"""

from __future__ import annotations

import logging
import weakref
from collections.abc import Callable, Hashable


class LastRecord:
    """The last record that went to one destination, from whichever handler; it is not kept alive."""

    def __init__(self) -> None:
        self._record: Callable[[], object] = lambda: None  # as a weak reference whose object is gone
        self.is_reported = False

    def is_again(self, record: logging.LogRecord) -> bool:
        """Returns whether a record is the one that came before it; by identity, as loops log equal ones."""
        if self._record() is record:
            return True
        self._record = weakref.ref(record)
        return False


_by_destination: weakref.WeakValueDictionary[Hashable, LastRecord] = weakref.WeakValueDictionary()


def last_record_to(destination: Hashable) -> LastRecord:
    """Returns what all handlers share that send to the same place."""
    return _by_destination.setdefault(destination, LastRecord())
