"""Runs scripts in processes of their own."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import textwrap
from pathlib import Path

from recording_server import PATIENCE


def write(path: Path, source: str) -> Path:
    """Writes the source of a script, without its indentation."""
    path.write_text(textwrap.dedent(source), encoding="utf-8")
    return path


def environment(endpoint: str, **more: str) -> dict[str, str]:
    """What a script needs to log to an endpoint."""
    return {**os.environ, "HELICONE_TRACE_ENDPOINT": endpoint, "PYTHONUNBUFFERED": "1", **more}


def run(path: Path, endpoint: str, *arguments: str, **more: str) -> subprocess.CompletedProcess[str]:
    """Runs a script to its end, and fails if it hangs."""
    return subprocess.run(
        [sys.executable, str(path), *arguments],
        env=environment(endpoint, **more),
        cwd=path.parent,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )


def losses(stderr: str) -> tuple[int, int]:
    """Returns how many records a process has told to be lost at the least, and at the most.

    On a busy machine some of them are on their way when the time is over; of those it tells that they may have arrived,
    and once more if they come back.
    """
    lost = sum(map(int, re.findall(r"(\d+) records? (?:is|are) lost", stderr)))
    return lost, lost + sum(map(int, re.findall(r"(\d+) records? (?:was|were) not acknowledged", stderr)))
