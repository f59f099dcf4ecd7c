"""Moves records between memory and the file; it needs the lock of the queue around it."""

from __future__ import annotations

from collections.abc import Sequence

from helicone_logging.otel import entry_size
from helicone_logging.queues import BoundedQueue, Item
from helicone_logging.spool.disk import Disk
from helicone_logging.spool.file import MOST_ROWS

_BYTES = 1024 * 1024  # moved at once


def is_due(disk: Disk, memory: BoundedQueue) -> bool:
    """Returns whether records are in memory only, or many are in memory."""
    if disk.is_barred:
        return False
    is_exposed = memory.account().queued > disk.journal.count
    return is_exposed or disk.journal.is_half_full() or memory.is_half_full()


def move(disk: Disk, memory: BoundedQueue) -> bool:
    """Moves the oldest records from memory into the file, where there is room; returns whether there may be more."""
    if memory.due_in() != 0 or disk.use(is_new_allowed=True) is None:
        return False
    items = memory.take(MOST_ROWS, _BYTES)
    fitting = _fitting(items, disk)
    if not disk.put_earlier(fitting):
        memory.give_back(items)
        return False
    memory.withdraw(fitting)
    disk.journal.leave(-item.id for item in fitting)
    memory.give_back(items[len(fitting) :])
    return len(fitting) == len(items)


def _fitting(items: Sequence[Item], disk: Disk) -> Sequence[Item]:
    """Returns the first of some records, for which there is room on the disk; those in the journal have it."""
    size = 0
    for index, item in enumerate(items):
        if not disk.journal.holds(-item.id):
            size += entry_size(item.entry)
            if not disk.has_room(size):
                return items[:index]
    return items


def rescue(disk: Disk, memory: BoundedQueue) -> None:
    """Reads what it can from a file that was removed or replaced while it was open."""
    while disk.waiting.due_in() == 0:
        items = disk.take(MOST_ROWS, _BYTES)
        if not items:
            break
        disk.waiting.forget(items)
        disk.emitted -= len(items)
        for item in items:
            memory.put(item.entry, -item.id)
    disk.close()
