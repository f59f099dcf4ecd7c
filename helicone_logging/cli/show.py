"""`helicone-logging show SESSION`: prints a session of a running receiver, for people and for coding agents."""

from __future__ import annotations

import argparse
import json
import sys
from collections import Counter
from collections.abc import Iterator

from helicone_logging.cli.printing import write
from helicone_logging.cli.remote import RemoteReceiver
from helicone_logging.core.findings import INFO, Finding
from helicone_logging.receiver import export
from helicone_logging.receiver.console import session_lines
from helicone_logging.receiver.entries import SpanEntry
from helicone_logging.receiver.visible import one_line, visible

_NAMED = 10
_TOLD = 3
_WIDTH = 80


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the arguments of the command."""
    parser.add_argument("session", help="its id")
    parser.add_argument("--url", help="the receiver's (default: that of HELICONE_TRACE_ENDPOINT, else of `serve`)")
    parser.add_argument("--format", choices=["human", "json", "md"], default="human", help="default: %(default)s")


def run(args: argparse.Namespace) -> int:
    """Runs the command; the exit status is 1 when there is no such session."""
    receiver = RemoteReceiver(args.url)
    entries = list(receiver.entries(session=args.session))
    if not entries:
        ids = dict.fromkeys(entry.key.id for entry in receiver.entries() if entry.key.id)
        known = ", ".join(one_line(one, _WIDTH) for one in list(ids)[-_NAMED:]) or "none"
        print(
            f"{receiver.url} has no session {one_line(args.session, _WIDTH)!r}; the last are: {known}", file=sys.stderr
        )
        return 1
    write(_text(entries, args.format))
    return 0


def _text(entries: list[SpanEntry], form: str) -> str:
    if form == "json":
        key = entries[0].key
        spans = [export.as_json(entry) for entry in entries]
        return json.dumps({"id": key.id, "name": key.name, "spans": spans}, indent=2) + "\n"
    if form == "md":
        return export.markdown(entries)
    lines = [*session_lines(entry.row for entry in entries), *_problems(entries), *_advice(entries)]
    return "\n".join(lines) + "\n"


def _problems(entries: list[SpanEntry]) -> Iterator[str]:
    """What is shown wrongly, once however many spans it is said of, with the names of the first ones."""
    told: dict[str, dict[str, None]] = {}
    for entry in entries:
        for finding in entry.problems:
            told.setdefault(_told(finding), {})[one_line(entry.name, _WIDTH)] = None
    for text, names in told.items():
        others = f" and {len(names) - _TOLD:,} more" if len(names) > _TOLD else ""
        yield f"  ! {', '.join(list(names)[:_TOLD])}{others}: {text}"


def _advice(entries: list[SpanEntry]) -> Iterator[str]:
    """What could be shown and is not, once however many spans it is said of."""
    told = Counter(_told(finding) for entry in entries for finding in entry.findings if finding.severity == INFO)
    for text, count in told.items():
        yield f"  advice: {text}" + (f" ({count:,} times)" if count > 1 else "")


def _told(finding: Finding) -> str:
    return visible(f"{finding.message}: set {finding.field}")
