"""File locks: whoever has that of a segment owns it; it ends with the process, whatever kills that.

POSIX: `flock` belongs to the open file, which a forked child shares, so the child must close without unlocking.
Windows: `msvcrt` locks bytes that then nobody else can read, so this locks one far beyond the end of any segment.
"""

from __future__ import annotations

import contextlib
import errno
import os
import sys

_HELD = {errno.EAGAIN, errno.EACCES, errno.EDEADLK, errno.EWOULDBLOCK}
_BEYOND_THE_END = 0x7FFF_FFFE


class NoLocksError(OSError):
    """The file system has no locks, as some network file systems."""


def acquire(descriptor: int) -> bool:
    """Takes the lock of an open file without waiting, and returns whether it could be had; or raises `NoLocksError`."""
    try:
        _lock(descriptor)
    except OSError as error:
        if error.errno in _HELD:
            return False
        raise NoLocksError(*error.args) from error
    return True


def release(descriptor: int) -> None:
    """Unlocks and closes, as the owner."""
    with contextlib.suppress(OSError):
        _unlock(descriptor)
    abandon(descriptor)


def abandon(descriptor: int) -> None:
    """Closes without unlocking, as a child that inherited what is its parent's."""
    with contextlib.suppress(OSError):
        os.close(descriptor)


if sys.platform == "win32":
    import msvcrt

    def _lock(descriptor: int) -> None:
        os.lseek(descriptor, _BEYOND_THE_END, os.SEEK_SET)
        msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)

    def _unlock(descriptor: int) -> None:
        os.lseek(descriptor, _BEYOND_THE_END, os.SEEK_SET)
        msvcrt.locking(descriptor, msvcrt.LK_UNLCK, 1)

else:
    import fcntl

    def _lock(descriptor: int) -> None:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)

    def _unlock(descriptor: int) -> None:
        fcntl.flock(descriptor, fcntl.LOCK_UN)
