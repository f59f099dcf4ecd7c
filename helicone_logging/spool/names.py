"""The file of a queue on disk and its companions, by their names: made, recognised, put out of the way."""

from __future__ import annotations

import contextlib
import os
import time
from pathlib import Path

COMPANIONS = ("", "-wal", "-shm")  # of SQLite


def create_private(path: str) -> None:
    """Makes a file and its directory for their owner only.

    Raises:
        OSError: it cannot be made.
    """
    # Never opens a file that exists: closing it would release all locks that SQLite holds on it in this process
    # (https://www.sqlite.org/howtocorrupt.html#_posix_advisory_locks_canceled_by_a_separate_thread_doing_close_).
    file = Path(path)
    file.parent.mkdir(0o700, parents=True, exist_ok=True)
    with contextlib.suppress(FileExistsError):
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))
        return
    with contextlib.suppress(OSError):  # another user's; SQLite gives its companions the same mode
        if file.stat().st_mode & 0o077:
            file.chmod(0o600)


def set_aside(path: str) -> str:
    """Renames a file and its companions, and returns the new name of the file.

    Raises:
        OSError: it cannot be renamed.
    """
    target = f"{path}.unusable-{time.time_ns()}"
    Path(path).rename(target)
    for companion in COMPANIONS[1:]:
        with contextlib.suppress(OSError):
            Path(path + companion).rename(target + companion)
    return target


def inode_of(path: str) -> int | None:
    """Returns which file is at a path now, or None for none."""
    try:
        return Path(path).stat().st_ino
    except OSError:
        return None
