"""The command `helicone-logging`: finds the subcommand and lets it do the work.

Only the module of the subcommand that is called is imported, as each needs other parts, some of them optional.
"""

from __future__ import annotations

import argparse
import importlib
import io
import os
import sys
from collections.abc import Sequence

from helicone_logging._version import __version__
from helicone_logging.errors import HeliconeLoggingError

_COMMANDS = {
    "demo": "log a session of an agent to a local receiver and show what arrived",
    "serve": "run the local receiver and its page",
    "tail": "print what a running receiver takes, as it comes",
    "show": "print a session of a running receiver",
    "check": "find out whether records can reach Helicone from here",
    "lint": "say what Helicone will not show of a payload",
    "spool": "look at, send or clear a queue on disk",
}


def main(argv: Sequence[str] | None = None) -> int:
    """Runs a command.

    Args:
        argv: its arguments; None for those of the process.

    Returns:
        The exit status: 0 when all went well, 1 when it did not, 2 when the command could not be understood.
    """
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")  # Windows' code pages have neither emoji nor most scripts
    try:
        return _run(list(sys.argv[1:] if argv is None else argv))
    except HeliconeLoggingError as error:
        print(f"helicone-logging: {_told(error)}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    except OSError as error:
        if not _is_stdout_lost():
            raise
        if not isinstance(error, BrokenPipeError):  # `| head` has all that it wants
            print(f"helicone-logging: the output cannot be written: {error}", file=sys.stderr)
        return 1


def _run(arguments: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(prog="helicone-logging", description="Language model calls for Helicone.")
    parser.add_argument("--version", action="version", version=__version__)
    subparsers = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for name, purpose in _COMMANDS.items():
        subparser = subparsers.add_parser(name, help=purpose, description=purpose[:1].upper() + purpose[1:] + ".")
        if name in arguments[:1]:
            module = importlib.import_module(f"helicone_logging.cli.{name}")
            module.add_arguments(subparser)
            subparser.set_defaults(run=module.run)
    parsed = parser.parse_args(arguments)
    status = int(parsed.run(parsed))
    if sys.stdout is not None:
        sys.stdout.flush()  # here, where it is known what to say if it fails
    return status


def _is_stdout_lost() -> bool:
    """Whether stdout takes no more; what it still holds is then thrown away.

    Python would complain of it at its exit, see https://docs.python.org/3/library/signal.html#note-on-sigpipe.
    """
    if sys.stdout is None:
        return False
    try:
        print(flush=True)  # flushing is not enough, as what failed may not be in the buffer any more
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return True
    return False


def _told(error: HeliconeLoggingError) -> str:
    """An error in the words of a command line."""
    from helicone_logging.delivery.endpoints import MissingKeyError  # loads slowly

    return error.of_command if isinstance(error, MissingKeyError) else str(error)
