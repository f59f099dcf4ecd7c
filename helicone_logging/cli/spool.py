"""`helicone-logging spool`: shows, sends or clears a queue on disk."""

from __future__ import annotations

import argparse
import sqlite3
import sys
import time
from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path
from typing import NamedTuple

from helicone_logging.core import check
from helicone_logging.handler import HeliconeHandler
from helicone_logging.spool.file import SpoolFile
from helicone_logging.spool.leftovers import leftovers
from helicone_logging.spool.process import ProcessId

_OK, _INCOMPLETE, _UNREADABLE = 0, 1, 2
_PATIENCE = 10.0  # seconds for which a command waits for other processes


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the arguments of the command."""
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    status = actions.add_parser("status", help="say how much waits, since when, and whose it is")
    send = actions.add_parser("send", help="send what no running process has claimed")
    send.add_argument("--endpoint", help="URL or origin (default: HELICONE_TRACE_ENDPOINT, else Helicone's)")
    send.add_argument("--timeout", default="60", help="seconds to do it in (default: %(default)s)")
    clear = actions.add_parser("clear", help="delete what no running process has claimed")
    clear.add_argument("--yes", action="store_true", help="really delete")
    clear.add_argument("--all", action="store_true", help="delete also what running processes have claimed")
    for action in (status, send, clear):
        action.add_argument("path", help="the file that `spool_path` names")


def run(args: argparse.Namespace) -> int:
    """Runs the command; the exit status is 2 when the file is missing or cannot be read."""
    path = check.path("path", args.path)
    try:
        if not Path(path).is_file():
            raise FileNotFoundError("no such file")
        return {"status": _status, "send": _send, "clear": _clear}[args.action](path, args)
    except (sqlite3.Error, OSError, TypeError, ValueError) as error:
        print(f"{path} cannot be read: {error}", file=sys.stderr)
        return _UNREADABLE


def _open(path: str) -> SpoolFile:
    return SpoolFile(path, is_new_allowed=False, patience=_PATIENCE)


class _Part(NamedTuple):
    """Records that belong together.

    Args:
        records: how many.
        size: bytes of them.
        oldest: id of the oldest.
        owner: whose they are; None for nobody's.
        is_free: whether the next process takes them.
        delete: deletes them, and returns how many there were.
    """

    records: int
    size: int
    oldest: int
    owner: ProcessId | None
    is_free: bool
    delete: Callable[[], int]


def _parts(file: SpoolFile) -> list[_Part]:
    """Returns what is in a file and in the journals beside it."""
    parts = []
    claims = {claim.id: claim for claim in file.claims()}
    for claim_id, total in file.totals().items():
        claim = claims.get(claim_id)
        owner = claim.process if claim and claim.holder else None
        parts.append(_Part(*total, owner, claim is None or claim.is_free(), partial(file.clear, (claim_id,))))
    for leftover in leftovers(file.path):
        records = leftover.records()
        if records:
            size = sum(map(len, records.values()))
            free = leftover.is_free()
            parts.append(_Part(len(records), size, min(records), leftover.process, free, leftover.clear))
    return parts


def _count(parts: Iterable[_Part]) -> int:
    return sum(part.records for part in parts)


def _status(path: str, _args: argparse.Namespace) -> int:
    file = _open(path)
    try:
        parts = _parts(file)
    finally:
        file.close()
    disk_size = Path(path).stat().st_size + sum(leftover.size for leftover in leftovers(path))
    print(f"{_count(parts):,} records, {sum(part.size for part in parts):,} bytes; the files have {disk_size:,}")
    if parts:
        print(f"the oldest has been waiting for {_age(min(part.oldest for part in parts))}")
    for owner in dict.fromkeys(map(_owner, parts)):
        own = [part for part in parts if _owner(part) == owner]
        print(f"{_count(own):,} records, {sum(part.size for part in own):,} bytes: {owner}")
    return _OK


def _owner(part: _Part) -> str:
    if part.owner is None:
        return "free for the next process"
    state = "which is gone, so free for the next process" if part.is_free else "which is running"
    return f"claimed by process {part.owner.pid} on {part.owner.host.split()[0]}, {state}"


def _age(record: int) -> str:
    seconds = max(0, int(time.time() - record / 1e9))
    return f"{seconds // 3600}:{seconds // 60 % 60:02}:{seconds % 60:02} hours"


def _send(path: str, args: argparse.Namespace) -> int:
    timeout = check.seconds("--timeout", args.timeout)
    _open(path).close()  # one that cannot be read is left where it is
    handler = HeliconeHandler(
        endpoint=args.endpoint, enabled=True, spool_path=path, batch_size="auto", shutdown_timeout=0
    )
    handler.flush(timeout)
    stats = handler.stats()
    handler.close()
    file = _open(path)
    try:
        left = _count(_parts(file))
    finally:
        file.close()
    print(f"{stats.delivered:,} records were sent, {stats.rejected:,} were refused; {left:,} are left")
    if left and stats.last_error:
        print(f"the last request failed: {stats.last_error}")
    return _INCOMPLETE if left else _OK


def _clear(path: str, args: argparse.Namespace) -> int:
    file = _open(path)
    try:
        parts = _parts(file)
        chosen = [part for part in parts if args.all or part.is_free]
        kept = _count(parts) - _count(chosen)
        if not args.yes:
            print(
                f"{_count(chosen):,} records would be deleted, {kept:,} kept for running processes; add --yes to do it"
            )
            return _INCOMPLETE
        deleted = sum(part.delete() for part in chosen)
        file.shrink()
    finally:
        file.close()
    print(f"{deleted:,} records were deleted, {kept:,} are kept for running processes")
    return _OK
