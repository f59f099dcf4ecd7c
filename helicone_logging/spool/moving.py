"""Moves records between memory and the file; it needs the lock of the queue around it."""

from __future__ import annotations

from collections.abc import Sequence

from helicone_logging.delivery.memory import Item
from helicone_logging.spool.at_hand import AtHand
from helicone_logging.spool.disk import Disk
from helicone_logging.spool.file import MOST_ROWS

_BYTES = 1024 * 1024  # moved at once


def is_due(disk: Disk, at_hand: AtHand) -> bool:
    """Returns whether records are to be moved into the file: some are on no disk, or there are many in memory."""
    return not disk.is_barred and at_hand.memory.due_in() == 0 and (at_hand.is_exposed() or at_hand.is_much())


def move(disk: Disk, at_hand: AtHand) -> bool:
    """Moves the oldest records from memory into the file, where there is room; returns whether there may be more."""
    disk.report_cleared(at_hand.drop_cleared())
    if at_hand.memory.due_in() != 0 or disk.use(is_new_allowed=True) is None:
        return False
    items = at_hand.memory.take(MOST_ROWS, _BYTES)
    fitting = _fitting(items, disk, at_hand)
    if not disk.put_earlier(fitting):
        at_hand.memory.give_back(items)
        return False
    at_hand.leave(fitting, at_hand.memory.withdraw)
    at_hand.memory.give_back(items[len(fitting) :])
    return len(fitting) == len(items)


def _fitting(items: Sequence[Item], disk: Disk, at_hand: AtHand) -> Sequence[Item]:
    """Returns the first of some records, for which there is room on the disk; those in the journal have it."""
    size = 0
    for index, item in enumerate(items):
        exposed = at_hand.exposed_size(item)
        size += exposed
        if exposed and not disk.has_room(size):
            return items[:index]
    return items


def rescue(disk: Disk, at_hand: AtHand) -> None:
    """Reads what it can from a file that was removed or replaced while it was open."""
    while disk.waiting.due_in() == 0:
        items = disk.take(MOST_ROWS, _BYTES)
        if not items:
            break
        disk.waiting.forget(items)
        disk.emitted -= len(items)
        for item in items:
            at_hand.put_exposed(item.id, item.entry)
    disk.close()
