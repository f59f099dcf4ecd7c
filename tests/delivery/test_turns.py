"""A thread with much to do hands the interpreter over in between, unless that would help nobody."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from helicone_logging.delivery import turns

SHORT, LONG = turns._TURN * 0.6, turns._TURN * 1.1


def handed_over(monkeypatch: pytest.MonkeyPatch, parts: Sequence[float], waits: Sequence[float]) -> list[int]:
    """After which parts of the work others ran, if the interpreter comes back after such waits."""
    now, waiting = 100.0, iter(waits)
    found: list[int] = []

    def let_others_run() -> None:
        nonlocal now
        now += next(waiting)
        found.append(number)

    monkeypatch.setattr(turns.time, "monotonic", lambda: now)
    monkeypatch.setattr(turns, "let_others_run", let_others_run)
    own = turns.Turns()
    for number, seconds in enumerate(parts):  # noqa: B007 - `let_others_run` notes it
        now += seconds
        own.pause()
    return found


def test_a_turn_ends_when_it_has_been_long_enough(monkeypatch: pytest.MonkeyPatch) -> None:
    assert handed_over(monkeypatch, [SHORT] * 4, [0.005] * 9) == [1, 3]
    assert handed_over(monkeypatch, [LONG] * 3, [0.005] * 9) == [0, 1, 2]


def test_turns_become_longer_while_nobody_makes_use_of_the_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    assert handed_over(monkeypatch, [LONG] * 7, [0.0001] * 9) == [0, 2, 6]
    assert handed_over(monkeypatch, [LONG] * 5, [0.0001, 0.005, 0.005, 0.005]) == [0, 2, 3, 4]


def test_nobody_else_is_let_in_where_many_threads_compute(monkeypatch: pytest.MonkeyPatch) -> None:
    assert handed_over(monkeypatch, [LONG] * 9, [0.005, 2 * turns._CROWDED]) == [0, 1]
