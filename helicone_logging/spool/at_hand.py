"""The records at hand: those in memory, which are in the journal as well as long as the disk takes them.

What is in the journal is in memory, too, or on its way; nobody else changes the one without the other.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from helicone_logging.delivery.memory import BoundedQueue, Item
from helicone_logging.payload.wires.helicone import Entry, entry_size
from helicone_logging.spool.journal import Journal

_FULL = 0.5  # of the memory; the rest is for what the disk does not take
_MUCH = 0.25  # of the memory; what is more is moved into the file


class AtHand:
    """A queue in memory and its journal; ids are negative in the queue.

    Args:
        memory: the queue.
        path: of the file that the journal is beside.
    """

    def __init__(self, memory: BoundedQueue, path: str) -> None:
        self.memory = memory
        self.journal = Journal(path, memory.lock)
        memory.on_drop = self._left_later

    def _left_later(self, item: Item) -> None:
        self.journal.leave_later(-item.id)

    # Records come

    def put(self, record: int, entry: bytes, room: int) -> bool:
        """Puts a record into the journal and into memory, or into neither; returns whether that worked.

        Args:
            record: its id.
            entry: its bytes.
            room: bytes that the journal may have.
        """
        try:
            if self.memory.fill >= _FULL or not self.journal.write(record, entry, room):
                return False
            with self.memory.lock:
                is_put = self.memory.has_room(len(entry)) and not self.memory.put(entry, -record)
        except BaseException:  # of a signal handler
            self.journal.leave((record,))
            raise
        if not is_put:
            self.journal.leave((record,))
        return is_put

    def put_exposed(self, record: int, entry: Entry) -> int:
        """Puts a record into memory only, and returns how many were dropped for it, itself included."""
        dropped = self.memory.put(entry, -record)
        if dropped:
            self.journal.leave(())
        return dropped

    def is_much(self) -> bool:
        """Returns whether there are so many that they are to be moved into the file."""
        return self.memory.fill > _MUCH

    def is_exposed(self) -> bool:
        """Returns whether there are records that are on no disk."""
        return self.memory.account().queued > self.journal.count

    def exposed_size(self, item: Item) -> int:
        """Returns the bytes of a record that is on no disk; 0 for another one."""
        return 0 if self.journal.holds(-item.id) else entry_size(item.entry)

    # Records go

    def leave(self, items: Sequence[Item], land: Callable[[Sequence[Item]], None]) -> None:
        """Lets records go that were taken, for good.

        Args:
            items: they.
            land: the method of the queue in memory that says what became of them.
        """
        land(items)
        self.journal.leave([-item.id for item in items])

    def drop_oldest(self) -> bool:
        """Drops the oldest record that is not being sent, and returns whether there was one."""
        is_dropped = self.memory.drop_oldest()
        self.journal.leave(())
        return is_dropped

    def drop_exposed(self) -> int:
        """Drops the records that are not being sent and on no disk; returns how many."""
        return self.memory.drop_waiting(lambda record: not self.journal.holds(-record))

    def drop_cleared(self) -> int:
        """Drops the records that another process has deleted; returns how many."""
        cleared = self.journal.cleared()
        return self.memory.drop_waiting(lambda record: -record in cleared) if cleared else 0
