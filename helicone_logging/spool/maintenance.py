"""Maintenance of queues on disk, every few seconds, in one thread for all of a process: its one wake-up while idle."""

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


class Maintenance:
    """Takes over orphans, and has a queue write what the disk did not take, and delete what is done."""

    def __init__(self, spool: Spool) -> None:
        self._spool = weakref.ref(spool)
        self.is_started = False
        self._taking_over = threading.Lock()
        self._left_alone: set[str] = set()

    def start(self) -> None:
        """Has the queue looked after, at once and from then on, unless no thread may be started any more."""
        if not (self.is_started or lifecycle.is_exiting()):
            self.is_started = True  # first, or the thread may end for want of it
            _thread.add(self)

    def stop(self) -> None:
        """Leaves the queue alone until the next `start`."""
        self.is_started = False

    def run(self) -> None:
        """Does what is overdue."""
        spool = self._spool()
        if spool is None:
            return
        try:
            self.take_over_orphans()
            spool.tidy()
        except Exception as error:  # noqa: BLE001 - the next round may succeed
            spool.reports.report("maintenance", f"{type(error).__name__}: {error}")

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
            return found is None or spool.recover(*found)
        except FileNotFoundError:
            pass  # another process has deleted it
        except locks.NoLocksError:
            spool.reports.report_missing_locks()
            return False
        except (UnknownSegmentError, OSError) as error:
            if isinstance(error, UnknownSegmentError | PermissionError):
                self._left_alone.add(path)
            reason = getattr(error, "strerror", None) or error
            spool.reports.report("unknown", f"the segment {path} is left alone: {reason}")
        return True


class _MaintenanceThread:
    """The thread that goes round the queues on disk, while any is looked after."""

    def __init__(self) -> None:
        self.after_fork_in_child()
        lifecycle.watch_forks(self)

    def after_fork_in_child(self) -> None:
        self._changed = threading.Condition(threading.RLock())  # reentrant, for signal handlers and finalisers that log
        self._all = weakref.WeakSet[Maintenance]()
        self._is_one_more = self._is_running = False

    def add(self, maintenance: Maintenance) -> None:
        """Has the thread look after one more, now."""
        with self._changed:
            self._all.add(maintenance)
            self._is_one_more = True
            self._changed.notify()
            if self._is_running:
                return
            self._is_running = True
        try:
            threading.Thread(target=self._run, name="helicone-logging-spool", daemon=True).start()
        except RuntimeError:  # there are too many threads; the next record tries again
            self._is_running = maintenance.is_started = False

    def _run(self) -> None:
        uwsgi.wait_for_workers()
        while self._go():
            with self._changed:
                self._changed.wait_for(lambda: self._is_one_more, EVERY)

    def _go(self) -> bool:
        self._is_one_more = False
        for maintenance in self._started():
            maintenance.run()
        with self._changed:
            self._is_running = bool(self._started()) and not uwsgi.is_master()  # its workers do the rest
            return self._is_running

    def _started(self) -> list[Maintenance]:
        return [maintenance for maintenance in lifecycle.living(self._all) if maintenance.is_started]


_thread = _MaintenanceThread()
