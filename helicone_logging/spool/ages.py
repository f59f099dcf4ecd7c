"""For how long the records on disk have been waiting; it needs the lock of the queue around it."""

from __future__ import annotations

import time

from helicone_logging.spool.file import TROUBLE, SpoolFile
from helicone_logging.spool.waiting import Waiting


class Ages:
    """Asks the file for the oldest record, and remembers what it said.

    Args:
        waiting: what is known without the file.
    """

    def __init__(self, waiting: Waiting) -> None:
        self._waiting = waiting
        self._oldest = ((0, 0), 0.0)  # the place in a claim, and when its record came

    def ready(self, file: SpoolFile | None) -> float:
        """Returns for how many seconds the oldest record that is ready has been waiting."""
        since = self._ready_at(file)
        return 0.0 if since is None else max(0.0, time.monotonic() - since)

    def oldest(self, file: SpoolFile | None) -> float:
        """Returns for how many seconds the oldest record that is not being sent has been waiting."""
        times = [at for at in (self._waiting.oldest_delayed_at(), self._ready_at(file)) if at is not None]
        return max(0.0, time.monotonic() - min(times)) if times else 0.0

    def _ready_at(self, file: SpoolFile | None) -> float | None:
        slip, fresh = self._waiting.oldest_ready_slip(), self._waiting.next_fresh()
        if slip is not None or fresh is None:
            return slip and slip.queued_at
        place = (fresh.claim, fresh.cursor)
        if self._oldest[0] != place and file is not None:
            try:
                oldest = file.oldest(*place)
            except TROUBLE:
                return None
            if oldest is None:
                return None
            self._oldest = place, time.monotonic() - time.time() + oldest[0] / 1e9
        return self._oldest[1] if self._oldest[0] == place else None
