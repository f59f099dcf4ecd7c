"""What a handler tells of itself, and how often."""

from __future__ import annotations

import tracemalloc

import pytest

from helicone_logging.core import clock
from helicone_logging.delivery.diagnostics import Diagnostics


def test_trouble_that_lasts_is_told_once_a_minute_and_kind(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    now = [5.0]  # a machine that has just been started
    monkeypatch.setattr(clock, "monotonic", lambda: now[0])
    diagnostics = Diagnostics()
    for now[0] in (5.0, 64.0, 65.0, 66.0):
        for kind in ("failed", "dropped"):
            diagnostics.report(kind, f"{kind} at {now[0]:g}")
    told = capfd.readouterr().err.splitlines()
    assert told == [f"helicone_logging: {kind} at {at}" for at in (5, 65) for kind in ("failed", "dropped")]


def test_kinds_without_end_are_reported_in_bounded_memory(capfd: pytest.CaptureFixture[str]) -> None:
    diagnostics = Diagnostics()
    tracemalloc.start()
    try:
        diagnostics.report("first", "first")
        before, _ = tracemalloc.get_traced_memory()
        for number in range(2_000):
            diagnostics.report(f"{number:01000}", "another")
        after, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert after - before < 500_000  # of 2 MB
    assert capfd.readouterr().err.count("another") == 2_000
