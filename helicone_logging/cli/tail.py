"""`helicone-logging tail`: prints the spans that a running receiver takes, as they come."""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections import deque
from collections.abc import Iterator
from itertools import takewhile

from helicone_logging.cli.printing import number_from, write
from helicone_logging.cli.remote import Position, RemoteReceiver
from helicone_logging.errors import ConfigurationError
from helicone_logging.receiver import export
from helicone_logging.receiver.console import describe
from helicone_logging.receiver.entries import SpanEntry

_FORMS = {
    "human": describe,
    "json": lambda entry: json.dumps(export.as_json(entry)),
    "md": export.span_markdown,
}
_AGAIN_AFTER = 1.0  # seconds


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the arguments of the command."""
    parser.add_argument("--url", help="the receiver's (default: that of HELICONE_TRACE_ENDPOINT, else of `serve`)")
    parser.add_argument("--failed", action="store_true", help="failures only")
    parser.add_argument("--format", choices=list(_FORMS), default="human", help="default: %(default)s")
    parser.add_argument(
        "--lines", "-n", type=number_from(0), default=10, help="earlier spans first (default: %(default)s)"
    )


def run(args: argparse.Namespace) -> int:
    """Runs the command."""
    receiver = RemoteReceiver(args.url)
    arguments = {"failed": "1"} if args.failed else {}
    known = receiver.position()
    earlier = _between(receiver, Position(known.run, 0), known, arguments)
    has_reader = all(_print(entry, args.format) for entry in deque(earlier, args.lines))
    for latest in _news(receiver, known) if has_reader else ():
        if not all(_print(entry, args.format) for entry in _between(receiver, known, latest, arguments)):
            break
        known = latest
    return 0


def _between(
    receiver: RemoteReceiver, known: Position, latest: Position, arguments: dict[str, str]
) -> Iterator[SpanEntry]:
    """The spans after a position up to another, all of them where that is one of another run."""
    after = known.seq if known.run == latest.run else 0
    return takewhile(lambda entry: entry.seq <= latest.seq, receiver.entries(after, **arguments))


def _news(receiver: RemoteReceiver, known: Position) -> Iterator[Position]:
    """Yields where the receiver is each time that spans come, and waits for it when it has gone."""
    is_gone = False
    while True:
        for latest in receiver.news(known):
            is_gone = False
            known = latest
            yield latest
        time.sleep(_AGAIN_AFTER)
        try:
            latest = receiver.position()  # it may have no place for one more stream
        except ConfigurationError as error:
            if not is_gone:
                print(f"waiting: {error}", file=sys.stderr)
            is_gone = True
            continue
        if latest != known:
            known = latest
            yield known


def _print(entry: SpanEntry, form: str) -> bool:
    return write(_FORMS[form](entry) + "\n")
