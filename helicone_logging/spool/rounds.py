"""Looks every few seconds for what others left, and bounds the write-ahead log, over a connection of its own."""

from __future__ import annotations

import contextlib
import threading
import time

from helicone_logging.diagnostics import Diagnostics
from helicone_logging.spool.disk import Disk
from helicone_logging.spool.file import TROUBLE, SpoolFile
from helicone_logging.spool.leftovers import take_in

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
        self.side = threading.Lock()  # around the connection
        self.has_looked = False
        self.looked_at = self._tidied_at = 0.0
        self._disk = disk
        self._lock = lock
        self._diagnostics = diagnostics

    def is_checkpoint_due(self) -> bool:
        """Returns whether the write-ahead log has become long."""
        return self._disk.written >= _CHECKPOINT_BYTES

    def make(self) -> int:
        """Does what is due, and returns how many records were found."""
        now = time.monotonic()
        is_look_due = now >= self.looked_at + EVERY or not self.has_looked
        is_checkpoint_due = self.is_checkpoint_due() or now >= self._tidied_at + EVERY
        found = 0
        if self._disk.file is None or not (is_look_due or is_checkpoint_due):
            return found
        with self.side, contextlib.suppress(*TROUBLE):
            file = SpoolFile(self._disk.path, is_new_allowed=False)  # in the way of nobody who logs
            try:
                if is_look_due:
                    self.looked_at = now
                    found = self._look(file)
                if is_checkpoint_due and self._disk.written:
                    self._tidied_at = now
                    self._disk.written = 0
                    self._checkpoint(file)
            finally:
                file.close()
        return found

    def _look(self, file: SpoolFile) -> int:
        found = 0
        take_in(file, self._diagnostics)
        for claim in file.claims():
            if self._disk.is_own(claim) or not claim.is_free():
                continue
            count, size, oldest = file.measure(claim.id)
            with self._lock:
                if self._disk.adopt(claim, count, size, oldest, is_first=not self.has_looked):
                    found += count
        return found

    def _checkpoint(self, file: SpoolFile) -> None:
        """Bounds the write-ahead log; readers and writers go on meanwhile, unless it has become far too long."""
        is_complete = file.checkpoint()
        with self._lock:
            if not is_complete and file.log_size() > _LONGEST_LOG:
                is_complete = file.checkpoint()
            if is_complete:
                self._disk.renew()  # the first write to a log that begins anew waits for the disk; not in `put`, then
