"""The command `helicone-logging`: one file a subcommand."""

from helicone_logging.cli.entry import main

__all__ = ["main"]
