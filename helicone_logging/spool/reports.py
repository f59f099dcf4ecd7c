"""Reports of trouble with the disk; what is noted while the queue's lock is held is told when that has ended."""

from __future__ import annotations

import errno
from collections.abc import Iterable

from helicone_logging.core import notices
from helicone_logging.delivery.diagnostics import Diagnostics, counted
from helicone_logging.spool.directory import Directory
from helicone_logging.spool.segment import DamagedError

_SLOW = 0.1  # seconds


class DiskReports:
    """Reports what is wrong with the disk that a directory is on."""

    def __init__(self, directory: Directory, diagnostics: Diagnostics) -> None:
        self._directory = directory
        self._diagnostics = diagnostics
        self.noted: tuple[str, str] | None = None
        self._damaged = self._damage_reported = 0  # records

    def report(self, kind: str, text: str) -> None:
        """Tells of something, at most once a minute of its kind."""
        self._diagnostics.report(f"spool-{kind}", f"spool_path {self._directory.path}: {text}")

    def report_damage(self, path: str, lost: int) -> None:
        """Tells how many records are lost."""
        self._damaged += lost
        if not self._diagnostics.has_reported("spool-damage"):
            self._damage_reported = self._damaged
        self.report("damage", f"{path} is damaged; {counted(lost, 'record in it is', 'records in it are')} lost")

    def report_all_damage(self) -> None:
        """Tells in the end of what was found since the last report."""
        if self._damaged > self._damage_reported:
            self._damage_reported = self._damaged
            text = f"{self._damaged:,} records in all were damaged, and are lost"
            notices.report(f"spool_path {self._directory.path}: {text}")

    def report_reads(self, errors: Iterable[OSError]) -> None:
        """Tells why records could not be read, and what becomes of them."""
        damaged = 0
        for error in errors:
            if isinstance(error, DamagedError):
                damaged += 1
            else:
                self.report_unread(self._directory.path, error)
        if damaged:
            self.report_damage(self._directory.path, damaged)

    def report_unread(self, path: str, error: Exception) -> None:
        """Tells that something stays where it is, as it cannot be read now."""
        self.report("read", f"{path} cannot be read, and is left alone: {error}")

    def report_missing_locks(self) -> None:
        """Tells that nobody can know which process is gone."""
        send = f"`helicone-logging spool send {self._directory.path}`"
        self.report("locks", f"files have no locks there; what a killed process leaves is sent by {send} only")

    # Under the lock

    def note_failure(self, error: OSError) -> None:
        """Notes that the disk does not take something."""
        remedy = "; make it, or give it to the user that runs this" if error.errno == errno.EACCES else ""
        self.noted = "disk", f"{error.strerror}; records are kept in memory until it takes them{remedy}"

    def note_write(self, seconds: float) -> None:
        """Notes a write if it took long."""
        if seconds > _SLOW:
            self.noted = "slow", f"a write took {seconds:.1f} seconds"

    def report_noted(self) -> None:
        """Tells of what was noted last."""
        noted, self.noted = self.noted, None
        if noted is not None:
            self.report(*noted)
