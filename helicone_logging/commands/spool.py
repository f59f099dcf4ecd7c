"""`helicone-logging spool`: shows, sends or clears a queue on disk."""

from __future__ import annotations

import argparse
import sqlite3
import sys
import time
from pathlib import Path

from helicone_logging import options as check
from helicone_logging.handler import HeliconeHandler
from helicone_logging.spool.file import Claim, SpoolFile

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


def _status(path: str, _args: argparse.Namespace) -> int:
    file = _open(path)
    try:
        claims, totals = {claim.id: claim for claim in file.claims()}, file.totals()
    finally:
        file.close()
    count, size = sum(total[0] for total in totals.values()), sum(total[1] for total in totals.values())
    print(f"{count:,} records, {size:,} bytes; the file has {Path(path).stat().st_size:,}")
    if totals:
        print(f"the oldest has been waiting for {_age(min(total[2] for total in totals.values()))}")
    for claim_id, (records, bytes_, _) in totals.items():
        print(f"{records:,} records, {bytes_:,} bytes: {_owner(claims.get(claim_id))}")
    return _OK


def _owner(claim: Claim | None) -> str:
    if claim is None or claim.holder == 0:
        return "free for the next process"
    state = "which is gone, so free for the next process" if claim.is_free() else "which is running"
    return f"claimed by process {claim.process.pid} on {claim.process.host.split()[0]}, {state}"


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
        left = sum(total[0] for total in file.totals().values())
    finally:
        file.close()
    print(f"{stats.delivered:,} records were sent, {stats.rejected:,} were refused; {left:,} are left")
    if left and stats.last_error:
        print(f"the last request failed: {stats.last_error}")
    return _INCOMPLETE if left else _OK


def _clear(path: str, args: argparse.Namespace) -> int:
    file = _open(path)
    try:
        totals = file.totals()
        claimed = {claim.id for claim in file.claims() if not claim.is_free()}
        chosen = [claim for claim in totals if args.all or claim not in claimed]
        count = sum(totals[claim][0] for claim in chosen)
        kept = sum(total[0] for total in totals.values()) - count
        if not args.yes:
            print(f"{count:,} records would be deleted, {kept:,} kept for running processes; add --yes to do it")
            return _INCOMPLETE
        deleted = file.clear(chosen)
        file.shrink()
    finally:
        file.close()
    print(f"{deleted:,} records were deleted, {kept:,} are kept for running processes")
    return _OK
