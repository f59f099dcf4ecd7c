"""Waits at the end of a process, and of an application in it, add up to one."""

from __future__ import annotations

import weakref
from collections.abc import Iterator
from types import SimpleNamespace

import pytest

from helicone_logging.core import lifecycle


class Slow:
    """What takes three seconds to close, of ten that it would wait.

    Args:
        clock: a list with the time.
    """

    def __init__(self, clock: list[float]) -> None:
        self._clock = clock
        self.remaining = 0.0

    def close(self, timeout: float = 10) -> None:
        with lifecycle.deadline(timeout) as end:
            self.remaining = end - self._clock[0]
            self._clock[0] += 3

    close_at_exit = close


@pytest.fixture
def slow(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[Slow]]:
    clock = [1000.0]
    monkeypatch.setattr(lifecycle, "time", SimpleNamespace(monotonic=lambda: clock[0]))
    monkeypatch.setattr(lifecycle, "_closed_at_exit", weakref.WeakSet())
    watched = [Slow(clock) for _ in range(5)]
    for one in watched:
        lifecycle.watch_exit(one)
    yield watched
    lifecycle._closed_at_exit.clear()


def test_all_that_is_closed_at_once_waits_once_and_again_the_next_time(slow: list[Slow]) -> None:
    for _ in range(2):
        lifecycle.close_all()
        assert sorted(one.remaining for one in slow) == [0, 1, 4, 7, 10]
    slow[0].close()
    assert slow[0].remaining == 10


def test_waits_are_shared_no_longer_after_one_that_was_interrupted(slow: list[Slow]) -> None:
    class Interrupted(Slow):
        def close(self, timeout: float = 10) -> None:
            super().close(timeout)
            raise KeyboardInterrupt

    slow.append(Interrupted([1000.0]))
    lifecycle.watch_exit(slow[-1])
    with pytest.raises(KeyboardInterrupt):
        lifecycle.close_all()
    for _ in range(2):
        slow[0].close()
        assert slow[0].remaining == 10
