"""Journals as others see them: what is in those of running processes, and what those left that are gone."""

from __future__ import annotations

import contextlib
import glob
import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from helicone_logging.delivery.diagnostics import Diagnostics
from helicone_logging.spool.file import SpoolFile
from helicone_logging.spool.process import LEASE, ProcessId, is_gone
from helicone_logging.spool.segment import INFIX, departure, owner, parse


class Leftover(NamedTuple):
    """A journal that another process writes or wrote, or another queue of this one.

    Args:
        path: of it.
        process: whose it is; None if that cannot be read.
        written_at: when its process last showed that it lives, in seconds since the epoch.
        size: bytes of the file.
    """

    path: Path
    process: ProcessId | None
    written_at: float
    size: int

    def is_free(self) -> bool:
        """Returns whether it may be taken: its process is known to be gone, or has shown no life for long."""
        gone = None if self.process is None else is_gone(self.process)
        return self.written_at < time.time() - LEASE if gone is None else gone

    def records(self) -> dict[int, bytes]:
        """Returns what is in it, which is nothing if it is gone meanwhile."""
        with contextlib.suppress(FileNotFoundError):
            return parse(self.path.read_bytes())[0]
        return {}

    def clear(self) -> int:
        """Deletes what is in it, which its process will notice if it runs; returns how many records that were."""
        records = self.records()
        with contextlib.suppress(FileNotFoundError):
            if self.is_free():
                self.path.unlink()
            else:
                _append(self.path, departure(records))
        return len(records)


def _append(path: Path, data: bytes) -> None:
    file = os.open(path, os.O_WRONLY | os.O_APPEND | getattr(os, "O_BINARY", 0))  # not one that is gone meanwhile
    try:
        os.write(file, data)
    finally:
        os.close(file)


def leftovers(path: str) -> Iterator[Leftover]:
    """Yields the journals beside a queue's file."""
    for journal in sorted(Path(path).parent.glob(glob.escape(Path(path).name + INFIX) + "*")):
        with contextlib.suppress(OSError), journal.open("rb") as file:  # it may be gone meanwhile
            stat = os.fstat(file.fileno())
            yield Leftover(journal, owner(file.readline(4096)), stat.st_mtime, stat.st_size)


def take_in(leftover: Leftover, file: SpoolFile, diagnostics: Diagnostics) -> None:
    """Moves what a process left in a journal that is gone into the queue's file, for anybody to claim.

    Raises:
        sqlite3.Error: the file cannot be used now; nothing is lost.
        OSError: the journal cannot be read or removed; then nobody may claim what is in the file of it.
    """
    records, damaged = parse(leftover.path.read_bytes())
    if records:
        file.take_in(leftover.path.name, records, leftover.path.exists)
    if not damaged:
        leftover.path.unlink()
        return
    aside = leftover.path.rename(f"{file.path}.unusable-{time.time_ns()}")
    diagnostics.report(
        "spool-damaged", f"{damaged:,} records of a process that is gone cannot be read; they were set aside as {aside}"
    )
