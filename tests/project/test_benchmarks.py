"""The benchmark and the soak test run; what they measure is not judged here."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from recording_server import PATIENCE

pytestmark = pytest.mark.servers

BENCHMARKS = Path(__file__).resolve().parents[2] / "benchmarks"

SHAPES = {"flat": {"ours_us": 26.4, "times": 3.61}}
PACED = {"flat": {"ours": 329.2, "null": 131.0, "otel": 219.0}, "sdk-json": {"ours": 831.0}}
SDK_CALLS = {"bare": 0.0, "ours": 497.0, "one": 400.0, "another": 325.0}


def run(script: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, str(BENCHMARKS / script), *arguments],
        env={**os.environ, "PYTHONWARNINGS": "error"},
        capture_output=True,
        text=True,
        timeout=2 * PATIENCE,
        check=False,
    )


def test_the_short_form_of_the_benchmark_runs_and_no_record_is_lost() -> None:
    done = run("run.py", "--quick")
    assert done.returncode == 0, done.stderr  # a part that fails or loses records is left out, and that ends with 1
    for part in ("one span a request", "each shape of a record", "every 20 ms", "SDK objects"):
        assert part in done.stdout
    rows = [line.split("|") for line in done.stdout.splitlines() if line.startswith("| **helicone_logging**, one span")]
    assert [row[6].strip() for row in rows] == ["0"]


def test_the_benchmark_of_spans_runs_and_no_span_is_lost() -> None:
    done = run("spans.py", "--repeat", "2")
    assert "0 records lost" in done.stdout, done.stderr


def test_the_soak_test_runs_and_its_account_is_exact(tmp_path: Path) -> None:
    done = run("soak.py", "--seconds", "2", "--plot", str(tmp_path / "soak.svg"))
    assert done.returncode == 0, done.stdout + done.stderr
    assert "exact" in done.stdout
    assert (tmp_path / "soak.svg").read_text(encoding="utf-8").startswith("<svg")


def test_what_a_record_costs_is_put_between_the_marks_of_the_docs(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    from bench import report

    page = tmp_path / "page.md"
    page.write_text("before\n<!-- costs -->\nold\n<!-- /costs -->\nafter\n", encoding="utf-8")
    report._replace_costs(page, report.three_costs(SHAPES, PACED, SDK_CALLS))
    written = page.read_text(encoding="utf-8")
    assert written.startswith("before\n<!-- costs -->\n- **26 µs** for a plain record")
    assert written.endswith("the cheapest instrumentation adds 325.\n<!-- /costs -->\nafter\n")
    assert written.count("\n- **") == 3
    assert "| a call in eleven plain fields" in report.all_costs(SHAPES, PACED, SDK_CALLS)
