"""Journals as others see them: what is in those of running processes, and what those left that are gone."""

from __future__ import annotations

import contextlib
import glob
import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from helicone_logging.diagnostics import Diagnostics
from helicone_logging.spool.file import SpoolFile
from helicone_logging.spool.journal import INFIX, departure, owner, parse
from helicone_logging.spool.process import ProcessId, is_gone

_LEASE = 60.0  # seconds; as for claims, only processes on other hosts have to wait for its end


class Leftover(NamedTuple):
    """A journal that another process wrote, or another queue of this one.

    Args:
        path: of it.
        process: whose it is; None if that cannot be read.
        written_at: when its process last showed that it lives, in seconds since the epoch.
    """

    path: Path
    process: ProcessId | None
    written_at: float

    def is_free(self) -> bool:
        """Returns whether it may be taken: its process is known to be gone, or has shown no life for long."""
        gone = None if self.process is None else is_gone(self.process)
        return self.written_at < time.time() - _LEASE if gone is None else gone

    def records(self) -> dict[int, bytes]:
        """Returns what is in it, which is nothing if it is gone meanwhile."""
        with contextlib.suppress(FileNotFoundError):
            return parse(self.path.read_bytes())[0]
        return {}

    def clear(self) -> int:
        """Deletes what is in it, which its process will notice if it runs; returns how many records that were."""
        records = self.records()
        if self.is_free():
            self.path.unlink()
        else:
            with self.path.open("ab", buffering=0) as file:
                file.write(departure(records))
        return len(records)


def leftovers(path: str) -> Iterator[Leftover]:
    """Yields the journals beside a queue's file."""
    for journal in sorted(Path(path).parent.glob(glob.escape(Path(path).name + INFIX) + "*")):
        with contextlib.suppress(OSError), journal.open("rb") as file:  # it may be gone meanwhile
            yield Leftover(journal, owner(file.readline(4096)), os.fstat(file.fileno()).st_mtime)


def take_in(file: SpoolFile, diagnostics: Diagnostics) -> None:
    """Moves what processes left in their journals that are gone into the queue's file, for anybody to claim.

    Raises:
        sqlite3.Error: the file cannot be used now; nothing is lost.
    """
    for leftover in leftovers(file.path):
        if leftover.is_free():
            with contextlib.suppress(OSError):  # another process was faster, or has it open after all
                mine = leftover.path.rename(f"{file.path}{INFIX}{time.time_ns()}")
                _move(mine, file, diagnostics)


def _move(journal: Path, file: SpoolFile, diagnostics: Diagnostics) -> None:
    records, damaged = parse(journal.read_bytes())
    if records:
        file.take_in(records, journal.exists)
    if not damaged:
        journal.unlink()
        return
    aside = journal.rename(f"{file.path}.unusable-{time.time_ns()}")
    diagnostics.report(
        "spool-damaged", f"{damaged:,} records of a process that is gone cannot be read; they were set aside as {aside}"
    )
