"""`helicone-logging tail`: prints the spans that a running receiver takes, as they come."""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections import deque

from helicone_logging.cli.printing import number_from, write
from helicone_logging.cli.remote import RemoteReceiver
from helicone_logging.receiver import export
from helicone_logging.receiver.console import describe
from helicone_logging.receiver.entries import Entry

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
    last = receiver.last_seq()
    for entry in deque(receiver.entries(0, **arguments), args.lines):
        if not _print(entry, args.format):
            return 0
    while True:
        for latest in receiver.news(last):
            for entry in receiver.entries(last, **arguments):
                if not _print(entry, args.format):
                    return 0
            last = latest
        print(f"{receiver.url} is gone; waiting for it", file=sys.stderr)
        time.sleep(_AGAIN_AFTER)
        last = min(last, receiver.last_seq())  # a receiver that was started anew counts from 1


def _print(entry: Entry, form: str) -> bool:
    return write(_FORMS[form](entry) + "\n")
