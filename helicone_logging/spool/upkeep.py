"""What a queue on disk does every few seconds, in a thread of its own: its one wake-up while it is idle."""

from __future__ import annotations

import threading
import weakref
from typing import TYPE_CHECKING

from helicone_logging.core import lifecycle, uwsgi
from helicone_logging.spool import locks
from helicone_logging.spool.segment import Segment, UnknownSegmentError

if TYPE_CHECKING:
    from helicone_logging.spool.queue import Spool

EVERY = 5.0  # seconds; an orphan is taken over within two rounds
_MAX_RECOVERED = 64  # segments taken over at a time, each of which is an open file


class Upkeep:
    """Takes over orphans, and has a queue write what the disk did not take, and delete what is done."""

    def __init__(self, spool: Spool) -> None:
        self._spool = weakref.ref(spool)
        self._starting, self._taking_over = threading.RLock(), threading.Lock()
        self._stop: threading.Event | None = None
        self._left_alone: set[str] = set()

    def start(self) -> None:
        """Starts the thread, unless it runs or no thread may be started any more."""
        if self._stop is not None or lifecycle.is_exiting():
            return
        stop = threading.Event()
        with self._starting:
            self._stop = self._stop or stop
        if self._stop is not stop:  # another thread was here first
            return
        try:
            threading.Thread(target=self._run, args=(stop,), name="helicone-logging-spool", daemon=True).start()
        except RuntimeError:  # there are too many threads
            self._stop = None

    def stop(self) -> None:
        """Ends the thread; `start` starts another."""
        stop, self._stop = self._stop, None
        if stop is not None:
            stop.set()

    def _run(self, stop: threading.Event) -> None:
        uwsgi.wait_for_workers()
        while not stop.is_set() and self._look() and not uwsgi.is_master():  # its workers do the rest
            stop.wait(EVERY)

    def _look(self) -> bool:
        spool = self._spool()
        if spool is None:
            return False
        try:
            spool.tidy()
            self.take_over_orphans()
        except Exception as error:  # noqa: BLE001 - the next round may succeed
            spool.trouble.report("upkeep", f"{type(error).__name__}: {error}")
        return True

    def take_over_orphans(self) -> None:
        """Takes over the segments whose owner is gone, oldest first; the rest of many when these are sent."""
        spool = self._spool()
        if spool is None or not self._taking_over.acquire(blocking=False):
            return
        try:
            for file in spool.directory.files():
                own = spool.segments
                if sum(segment.is_recovered for segment in own) >= _MAX_RECOVERED:
                    return
                is_known = file.path in self._left_alone or any(segment.path == file.path for segment in own)
                if not is_known and not self._try(spool, file.path):
                    return
        finally:
            self._taking_over.release()

    def _try(self, spool: Spool, path: str) -> bool:
        """Takes over a segment if it is an orphan, and returns whether there is reason to go on with others."""
        try:
            found = Segment.take_over(spool.directory, path, spool.wire, unlocked=spool.is_drain)
            return found is None or spool.adopt(*found)
        except FileNotFoundError:
            pass  # another process has deleted it
        except locks.NoLocksError:
            spool.trouble.report_missing_locks()
            return False
        except (UnknownSegmentError, OSError) as error:
            if isinstance(error, UnknownSegmentError | PermissionError):
                self._left_alone.add(path)
            reason = getattr(error, "strerror", None) or error
            spool.trouble.report("unknown", f"the segment {path} is left alone: {reason}")
        return True
