"""Reports of trouble with the disk; what is noted while the queue's lock is held is told when that has ended."""

from __future__ import annotations

import errno

from helicone_logging.delivery.diagnostics import Diagnostics, counted
from helicone_logging.spool.directory import Directory

_SLOW = 0.1  # seconds


class DiskReports:
    """Reports what is wrong with the disk that a directory is on."""

    def __init__(self, directory: Directory, diagnostics: Diagnostics) -> None:
        self._directory = directory
        self._diagnostics = diagnostics
        self.noted: tuple[str, str] | None = None

    def report(self, kind: str, text: str) -> None:
        """Tells of something, at most once a minute of its kind."""
        self._diagnostics.report(f"spool-{kind}", f"spool_path {self._directory.path}: {text}")

    def report_damage(self, path: str, lost: int) -> None:
        """Tells how many records are lost."""
        self.report("damage", f"{path} is damaged; {counted(lost, 'record in it is', 'records in it are')} lost")

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
