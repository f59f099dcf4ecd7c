"""Tables in Markdown, and how a script that compares several tells what it has found."""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from typing import Any

from bench.targets import Target


def markdown(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Returns a table."""
    lines = ["| " + " | ".join(heads) + " |", "|---" + "|---:" * (len(heads) - 1) + "|"]
    return "\n".join(lines + ["| " + " | ".join(row) + " |" for row in rows])


def met(is_met: bool) -> str:
    """Returns the word for a target that is reached or not."""
    return "yes" if is_met else "**no**"


def show(figures: dict[str, Any], lost: int, table: str, targets: Sequence[Target], *, as_json: bool) -> int:
    """Prints what was found.

    Args:
        figures: what was measured.
        lost: how many records were.
        table: for people.
        targets: what was to be reached.
        as_json: for `run.py`.

    Returns:
        The status to exit with; not zero if a record was lost.
    """
    if as_json:
        found = {"figures": figures, "lost": lost, "table": table, "targets": [target._asdict() for target in targets]}
        print(json.dumps(found))
    else:
        print(f"{table}\n\n{lost} records lost")
    return 1 if lost else 0


def options(described: str | None, repeat: int, of_what: str) -> argparse.ArgumentParser:
    """Returns the parser of the options that these scripts have in common."""
    parser = argparse.ArgumentParser(description=described, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeat", type=int, default=repeat, metavar="N", help=f"{of_what} ({repeat})")
    parser.add_argument("--json", action="store_true", help="print figures, table and targets as JSON")
    return parser
