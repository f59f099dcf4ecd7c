"""Who a process is, so that another one can tell whether it is gone: for the claims of a queue on disk."""

from __future__ import annotations

import contextlib
import os
import socket
import sys
from pathlib import Path
from typing import NamedTuple

LEASE = 60.0  # seconds for which one that shows no life is left alone, unless it is known to be gone

_PROC = Path("/proc")
_ENDED = {"Z", "X"}  # a killed child that its parent has not waited for sends nothing any more


class ProcessId(NamedTuple):
    """A process among all those that may share a file.

    Args:
        host: where its number counts: the machine since it was started, and the container's own numbering; a shared
            volume brings processes of several together.
        pid: its number there.
        started: when it began, in the system's own count, as numbers are used again; empty where nobody can tell.
    """

    host: str
    pid: int
    started: str


def this_process() -> ProcessId:
    """Returns who this process is; a forked child is another one."""
    return ProcessId(_host(), os.getpid(), _started(os.getpid()) or "")


def is_gone(process: ProcessId) -> bool | None:
    """Returns whether a process has ended, or None if that cannot be told from here."""
    if process.host != _host() or sys.platform == "win32":  # signal 0 is none there, but ends the process
        return None
    try:
        os.kill(process.pid, 0)
    except ProcessLookupError:
        return True
    except (OSError, OverflowError):
        pass  # somebody else's, so it exists
    started = _started(process.pid)
    if not process.started or started is None:
        return None
    return started != process.started


def _host() -> str:
    parts = [socket.gethostname()]
    with contextlib.suppress(OSError):
        parts.append((_PROC / "sys/kernel/random/boot_id").read_text(encoding="ascii").strip())
        parts.append(os.readlink(_PROC / "self/ns/pid"))  # noqa: PTH115 - not a path, but "pid:[4026531836]"
    return " ".join(parts)


def _started(pid: int) -> str | None:
    """The ticks between the start of the machine and of the process; "" for one that has ended."""
    try:
        text = (_PROC / str(pid) / "stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return None
    fields = text.rpartition(")")[2].split()  # the name in front may hold blanks: man 5 proc
    return "" if fields[0] in _ENDED else fields[19]
