"""`helicone-logging serve`: the local receiver, until it is interrupted."""

from __future__ import annotations

import argparse
import os
import sys

from helicone_logging.receiver import Receiver


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the arguments of the command."""
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (default: %(default)s)")
    parser.add_argument("--port", type=int, default=8585, help="port; 0 for a free one (default: %(default)s)")
    parser.add_argument("--keep", type=int, default=10_000, help="spans kept in memory (default: %(default)s)")
    parser.add_argument(
        "--require-key", action="store_true", help="answer 401 to requests without the key in HELICONE_API_KEY"
    )
    parser.add_argument("--allow-remote", action="store_true", help="listen on an address other machines can reach")


def run(args: argparse.Namespace) -> int:
    """Runs the command."""
    api_key = os.environ.get("HELICONE_API_KEY") if args.require_key else None
    if args.require_key and not api_key:
        print("--require-key needs the key in HELICONE_API_KEY", file=sys.stderr)
        return 2
    receiver = Receiver(
        args.host,
        args.port,
        api_key=api_key,
        keep=args.keep,
        on_span=_show,
        allow_remote=args.allow_remote,
    )
    receiver.serve_forever()
    return 0


def _show(lines: str) -> None:
    """In one piece, as several threads receive."""
    sys.stdout.write(lines + "\n")
    sys.stdout.flush()
