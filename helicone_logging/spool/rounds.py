"""Looks every few seconds for what others left, and bounds the write-ahead log, over a connection of its own."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Iterable, Iterator

from helicone_logging.delivery.diagnostics import Diagnostics
from helicone_logging.spool.disk import Disk
from helicone_logging.spool.file import TROUBLE, Claim, SpoolFile, passing_trouble
from helicone_logging.spool.leftovers import Leftover, leftovers, take_in

EVERY = 5.0  # seconds between two looks for claims and journals of processes that are gone

_CHECKPOINT_BYTES, _LONGEST_LOG = 4 * 1024 * 1024, 64 * 1024 * 1024


class Rounds:
    """What is done away from those who log and those who send.

    Args:
        disk: what it is done for.
        lock: the lock of the queue, around what concerns the disk.
        diagnostics: where trouble is told.
    """

    def __init__(self, disk: Disk, lock: threading.RLock, diagnostics: Diagnostics) -> None:
        self.has_looked = False
        self.looked_at = self._tidied_at = 0.0
        self._disk = disk
        self._lock = lock
        self._diagnostics = diagnostics

    def is_checkpoint_due(self) -> bool:
        """Returns whether the write-ahead log has become long."""
        return self._disk.written >= _CHECKPOINT_BYTES

    def make(self) -> None:
        """Does what is due."""
        now = time.monotonic()
        is_look_due = now >= self.looked_at + EVERY or not self.has_looked
        is_checkpoint_due = self.is_checkpoint_due() or now >= self._tidied_at + EVERY
        if self._disk.file is None:
            self.has_looked = True
            return
        try:
            if is_look_due:
                self.looked_at = now
                self._look()
                self.has_looked = True
            if is_checkpoint_due and self._disk.written:
                self._tidied_at = now
                self._disk.written = 0
                with self._connection() as file:
                    self._checkpoint(file)
        except TROUBLE as error:
            self.has_looked = self.has_looked or passing_trouble(error) != "locked"

    @contextlib.contextmanager
    def _connection(self) -> Iterator[SpoolFile]:
        with self._disk.side:
            file = SpoolFile(self._disk.path, is_new_allowed=False)  # in the way of nobody who logs
            try:
                yield file
            finally:
                file.close()

    def _look(self) -> None:
        """Takes what others left: first what is in journals, as some of that may be in the file already."""
        for leftover in leftovers(self._disk.path):
            if leftover.is_free():
                with self._connection() as file, contextlib.suppress(OSError):
                    take_in(leftover, file, self._diagnostics)
        left = list(leftovers(self._disk.path))
        with self._connection() as file:
            claims = file.claims()
            taken_in = {claim.process.started for claim in claims if claim.process.pid == 0}
            is_pending = any(journal.is_free() and journal.path.name not in taken_in for journal in left)
            for claim in claims:
                is_free = claim.is_free() and not self._disk.is_own(claim)
                if is_free and not _is_held_back(claim, left, is_pending=is_pending):
                    self._adopt(claim, file)

    def _adopt(self, claim: Claim, file: SpoolFile) -> None:
        count, size, oldest = file.measure(claim.id)
        with self._lock:
            self._disk.adopt(claim, count, size, oldest, is_first=not self.has_looked)

    def _checkpoint(self, file: SpoolFile) -> None:
        """Bounds the write-ahead log; readers and writers go on meanwhile, unless it has become far too long."""
        is_complete = file.checkpoint()
        with self._lock:
            if not is_complete and file.log_size() > _LONGEST_LOG:
                is_complete = file.checkpoint()
            if is_complete:
                self._disk.renew()  # the first write to a log that begins anew waits for the disk; not in `put`, then


def _is_held_back(claim: Claim, journals: Iterable[Leftover], *, is_pending: bool) -> bool:
    """Whether records of a claim may be in a journal, too, which must have been taken in before they are sent."""
    if claim.process.pid == 0:  # what was in one journal; a process that is killed may have one record in two
        return is_pending or any(journal.path.name == claim.process.started for journal in journals)
    return claim.holder != 0 and any(journal.process == claim.process for journal in journals)
