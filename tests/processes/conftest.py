from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from subprocess import CompletedProcess

import pytest
import scripts
from recording_server import RecordingServer

_HEAD = """\
import logging, os, sys, threading, time
from helicone_logging import HeliconeHandler

TRACE = {"trace_id": "t-1"}

def set_up(**options):
    handler = HeliconeHandler(**options)
    log = logging.getLogger("app")
    log.setLevel(logging.DEBUG)
    log.addHandler(handler)
    return handler, log

def once_main_waits(function):
    # Python forgets a signal that comes in the instant in which the main thread begins to wait.
    def look():
        seen, looks = None, 0
        while looks < 50:
            frame = sys._current_frames()[threading.main_thread().ident]
            place = frame.f_code, frame.f_lasti
            seen, looks = place, looks + 1 if place == seen else 0
            time.sleep(0.001)
        function()
    threading.Thread(target=look, daemon=True).start()
"""


@pytest.fixture
def write_script(tmp_path: Path) -> Callable[[str], Path]:
    """Writes a script that has `set_up(**options) -> (handler, logger)`, `TRACE` and `once_main_waits(function)`."""

    def write(source: str) -> Path:
        path = tmp_path / "script.py"
        scripts.write(path, source)
        path.write_text(_HEAD + path.read_text("utf-8"), encoding="utf-8")
        return path

    return write


@pytest.fixture
def run_script(server: RecordingServer, write_script: Callable[[str], Path]) -> Callable[..., CompletedProcess[str]]:
    """Runs such a script to its end; its handlers log to `server` unless told otherwise."""

    def run(source: str, *arguments: str, **environment: str) -> CompletedProcess[str]:
        return scripts.run(write_script(source), environment.pop("endpoint", server.url), *arguments, **environment)

    return run
