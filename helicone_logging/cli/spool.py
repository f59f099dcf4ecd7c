"""`helicone-logging spool`: shows, sends or clears a queue on disk."""

from __future__ import annotations

import argparse
import math
import os
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from helicone_logging.core import check
from helicone_logging.delivery.diagnostics import HandlerStats
from helicone_logging.errors import ConfigurationError
from helicone_logging.handler import HeliconeHandler
from helicone_logging.payload.wires import DEFAULT, WIRES, taken_by
from helicone_logging.spool import locks
from helicone_logging.spool.directory import Directory, File
from helicone_logging.spool.segment import UnknownSegmentError, examine

_OK, _INCOMPLETE, _UNREADABLE = 0, 1, 2
_LOOK_AGAIN = 0.05  # seconds


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the arguments of the command."""
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    status = actions.add_parser("status", help="say how much waits, since when, and whose it is")
    send = actions.add_parser("send", help="send what no running process owns")
    send.add_argument("--endpoint", help="URL or origin (default: as of a handler of the wire that they are for)")
    send.add_argument("--timeout", default="60", help="seconds to do it in (default: %(default)s)")
    clear = actions.add_parser("clear", help="delete what no running process owns")
    clear.add_argument("--yes", action="store_true", help="really delete")
    clear.add_argument("--all", action="store_true", help="delete also what running processes own")
    for action in (status, send, clear):
        action.add_argument("path", help="the directory that `spool_path` names")


def run(args: argparse.Namespace) -> int:
    """Runs the command; the exit status is 2 where there is no spool, or it cannot be read."""
    path = check.path("path", args.path)
    try:
        directory = Directory(path, any_owner=True)
        if not directory.exists():
            print(f"{path} is no spool: there is no such directory", file=sys.stderr)
            return _UNREADABLE
        parts = _parts(directory)
        if not parts and _others(directory):
            print(f"{path} is no spool: there are only other files in it", file=sys.stderr)
            return _UNREADABLE
    except ConfigurationError as error:
        print(f"{path} is no spool: {str(error).partition(': ')[2]}", file=sys.stderr)
        return _UNREADABLE
    except OSError as error:
        print(f"{path} cannot be read: {error.strerror}", file=sys.stderr)
        return _UNREADABLE
    return {"status": _status, "send": _send, "clear": _clear}[args.action](directory, parts, args)


class _Part(NamedTuple):
    """A segment.

    Args:
        file: where it is, how large, and which process made it.
        is_owned: whether a running process has its lock; None where that cannot be known.
        trouble: why it is left alone.
        records: how many wait in it.
        size: their bytes.
        oldest: when the oldest was written, in seconds since the epoch.
        wire: in which they are to be sent.
    """

    file: File
    is_owned: bool | None
    reports: str = ""
    records: int = 0
    size: int = 0
    oldest: float = math.inf
    wire: str = DEFAULT.name

    @property
    def is_free(self) -> bool:
        return not (self.is_owned or self.reports)

    @property
    def owner(self) -> str:
        if self.reports:
            return self.reports
        if self.is_owned is None:
            return "files have no locks here, so nobody knows whether their process runs"
        if self.is_owned:
            return f"owned by process {self.file.pid}, which is running"
        return f"of process {self.file.pid}, which is gone, so free for the next process"


def _parts(directory: Directory) -> list[_Part]:
    return [part for file in directory.files() if (part := _part(directory, file)) is not None]


def _part(directory: Directory, file: File) -> _Part | None:
    try:
        is_owned = _is_owned(directory, file.path)
        content = examine(file.path, file.size)
    except FileNotFoundError:
        return None  # it was sent meanwhile
    except UnknownSegmentError as error:
        return _Part(file, None, f"left alone, as {error}")
    except OSError as error:
        return _Part(file, None, f"cannot be read: {error.strerror}")
    sizes = [record.size for record in content.live.values()]
    oldest = min((record.at for record in content.live.values()), default=math.inf)
    wire = content.wire or DEFAULT.name
    reports = "" if wire in WIRES else f"for the wire {wire!r}, which this version cannot send"
    return _Part(file, is_owned, reports, len(sizes), sum(sizes), oldest, wire)


def _others(directory: Directory) -> int:
    """How many files are in it that are no segments, but for those that volumes and repositories have."""
    names = os.listdir(directory.path)  # noqa: PTH208 - the directory is known by its text
    return sum(not name.endswith(".segment") and name[0] != "." and name != "lost+found" for name in names)


def _is_owned(directory: Directory, path: str) -> bool | None:
    descriptor = directory.open(path)
    try:
        is_free = locks.acquire(descriptor)
    except locks.NoLocksError:
        locks.abandon(descriptor)
        return None
    (locks.release if is_free else locks.abandon)(descriptor)
    return not is_free


def _count(parts: Sequence[_Part]) -> str:
    records = sum(part.records for part in parts)
    return f"{records:,} record{'' if records == 1 else 's'}"


def _status(directory: Directory, parts: Sequence[_Part], _args: argparse.Namespace) -> int:
    files = sum(part.file.size for part in parts)
    print(f"{_count(parts)}, {sum(part.size for part in parts):,} bytes; the files have {files:,}")
    oldest = min((part.oldest for part in parts), default=math.inf)
    if oldest < math.inf:
        print(f"the oldest has been waiting for {_age(time.time() - oldest)}")
    for owner in dict.fromkeys(part.owner for part in parts if part.records or part.reports):
        own = [part for part in parts if part.owner == owner]
        print(f"{_count(own)}, {sum(part.size for part in own):,} bytes: {owner}")
    others = _others(directory)
    if others:
        print(f"{others:,} other files in it are not of a spool, and are left alone")
    return _OK


def _age(seconds: float) -> str:
    """A length of time in plain words, such as "2 hours"."""
    for unit, length in (("day", 86_400), ("hour", 3600), ("minute", 60)):
        if seconds >= 2 * length:
            return f"{int(seconds // length):,} {unit}s"
    whole = max(0, int(seconds))
    return f"{whole} second{'' if whole == 1 else 's'}"


class _Drain(HeliconeHandler):
    _is_drain = True


def _send(directory: Directory, _parts_before: Sequence[_Part], args: argparse.Namespace) -> int:
    deadline = time.monotonic() + check.seconds("--timeout", args.timeout)
    found = dict.fromkeys(part.wire for part in _parts(directory) if part.is_free) or {DEFAULT.name: None}
    taken = taken_by(args.endpoint)
    others = [wire for wire in found if taken is not None and taken.name != wire]
    stats = [_send_in(wire, directory, args.endpoint, deadline) for wire in found if wire not in others]
    left = _parts(directory)
    delivered, rejected = sum(one.delivered for one in stats), sum(one.rejected for one in stats)
    print(f"{delivered:,} records were sent, {rejected:,} were refused; {_count(left)} left")
    for error in {one.last_error for one in stats if one.last_error}:
        if any(part.records for part in left):
            print(f"the last request failed: {error}")
    for wire in others:
        print(f"what is for the wire {wire!r} was not sent, as this endpoint does not take it")
    return _INCOMPLETE if any(part.records or part.reports for part in left) else _OK


def _send_in(wire: str, directory: Directory, endpoint: str | None, deadline: float) -> HandlerStats:
    """Sends what is for a wire, and returns what became of it."""
    handler = _Drain(
        endpoint=endpoint, wire=wire, enabled=True, spool_path=directory.path, batch_size="auto", shutdown_timeout=0
    )
    while handler.flush(max(0.0, deadline - time.monotonic())) and time.monotonic() < deadline:
        if not any(part.records and part.is_free and part.wire == wire for part in _parts(directory)):
            break
        time.sleep(_LOOK_AGAIN)  # there are more than are taken over at a time
    stats = handler.stats()
    handler.close()
    return stats


def _clear(_directory: Directory, parts: Sequence[_Part], args: argparse.Namespace) -> int:
    chosen = [part for part in parts if args.all or part.is_free]
    kept = [part for part in parts if part not in chosen]
    if not args.yes:
        print(f"{_count(chosen)} would be deleted, {_count(kept)} kept for running processes; add --yes to do it")
        return _INCOMPLETE
    deleted = [part for part in chosen if _delete(part)]
    print(f"{_count(deleted)} deleted, {_count(kept)} kept for running processes")
    return _OK if deleted == chosen else _INCOMPLETE


def _delete(part: _Part) -> bool:
    """Deletes a segment, and returns whether that could be done: Windows deletes none that a process has open."""
    try:
        Path(part.file.path).unlink(missing_ok=True)
    except OSError as error:
        print(f"{_count([part])} cannot be deleted: {error.strerror}: {part.file.path}", file=sys.stderr)
        return False
    return True
