"""Every command works where the console has a code page, as on Windows: `cp1252` has neither emoji nor most scripts."""

from __future__ import annotations

import json
import logging
import os
import subprocess
import sys
from pathlib import Path

import pytest
from receiver_client import GOOD, SESSION, payload, post, span

from helicone_logging import HeliconeHandler
from helicone_logging.cli import entry
from helicone_logging.receiver import Receiver

TEXT = "日本語 👩‍👩‍👧 ű"
FOREIGN = {
    **GOOD,
    "gen_ai.response.model": "gemini-模型",
    "gen_ai.prompt.0.content": TEXT,
    SESSION + "Id": TEXT,
    "gen_ai.system": "google",
}
COMMAND = [sys.executable, "-m", "helicone_logging"]
ENVIRONMENT = {**os.environ, "PYTHONIOENCODING": "cp1252", "PYTHONUTF8": "0"}
PATIENCE = 60


def run(*arguments: str, stdin: bytes = b"") -> str:
    """Runs a command and returns what it says, in the code page; it may find something, but not break."""
    ended = subprocess.run(
        [*COMMAND, *arguments], input=stdin, capture_output=True, timeout=PATIENCE, check=False, env=ENVIRONMENT
    )
    said = ended.stderr.decode("cp1252")
    assert "Traceback" not in said
    assert "codec" not in said
    return ended.stdout.decode("cp1252") + said


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "日本.jsonl"
    path.write_text(json.dumps(payload(span(FOREIGN)), ensure_ascii=False), encoding="utf-8-sig")  # as Notepad does
    return path


def test_demo() -> None:
    assert "5 of 5 records arrived." in run("demo")


def test_lint(file: Path) -> None:
    findings = run("lint", str(file))
    assert "the row of gemini-\\u6a21\\u578b" in findings
    assert run("lint", "-", stdin=file.read_bytes()) == findings


def test_serve(file: Path) -> None:
    served = subprocess.Popen([*COMMAND, "serve", "--port", "0", str(file)], stdout=subprocess.PIPE, env=ENVIRONMENT)
    try:
        assert served.stdout is not None
        assert served.stdout.readline().startswith(b"Listening on http://127.0.0.1:")
    finally:
        served.kill()
        served.communicate(timeout=PATIENCE)


def test_show_and_tail(receiver: Receiver) -> None:
    post(receiver, payload(span(FOREIGN)))
    for form in ("human", "json", "md"):
        assert "\\u" in run("show", TEXT, "--url", receiver.url, "--format", form)
    tail = subprocess.Popen([*COMMAND, "tail", "--url", receiver.url], stdout=subprocess.PIPE, env=ENVIRONMENT)
    try:
        assert tail.stdout is not None
        assert "\\u6a21" in tail.stdout.readline().decode("cp1252")
    finally:
        tail.kill()
        tail.communicate(timeout=PATIENCE)


def test_check(receiver: Receiver, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(ENVIRONMENT, "HELICONE_TRACE_ENDPOINT", receiver.endpoint)
    assert "schema" in run("check")


def test_spool(tmp_path: Path, dead_endpoint: str) -> None:
    path = tmp_path / "日本"
    handler = HeliconeHandler(endpoint=dead_endpoint, spool_path=path, shutdown_timeout=0)
    handler.handle(logging.makeLogRecord({"msg": TEXT, "trace_id": TEXT}))
    handler.close()
    assert "1" in run("spool", "status", str(path))
    assert run("spool", "clear", str(path), "--yes")


def test_all_commands_are_tested_here() -> None:
    source = Path(__file__).read_text(encoding="utf-8")
    assert [name for name in entry._COMMANDS if f'"{name}"' not in source] == []
