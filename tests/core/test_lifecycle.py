"""Waits at the end of a process, and of an application in it, add up to one."""

from __future__ import annotations

import threading
import weakref
from collections.abc import Iterator

import pytest

from helicone_logging.core import clock, lifecycle


class Slow:
    """What takes three seconds to close, of ten that it would wait.

    Args:
        now: a list with the time.
    """

    def __init__(self, now: list[float]) -> None:
        self._clock = now
        self.remaining = 0.0

    def close(self, timeout: float = 10) -> None:
        with lifecycle.deadline(timeout) as end:
            self.remaining = end - self._clock[0]
            self._clock[0] += 3

    close_at_exit = close

    def report_losses(self) -> None:
        raise AssertionError("nobody asks for them here")


@pytest.fixture
def slow(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[Slow]]:
    now = [1000.0]
    monkeypatch.setattr(clock, "monotonic", lambda: now[0])
    monkeypatch.setattr(lifecycle, "_closed_at_exit", weakref.WeakSet())
    watched = [Slow(now) for _ in range(5)]
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


def test_waits_within_a_wait_at_exit_add_nothing_to_it(slow: list[Slow], monkeypatch: pytest.MonkeyPatch) -> None:
    """A record that is logged while the last ones are delivered waits in the midst of that wait."""
    monkeypatch.setattr(lifecycle._Process, "is_exiting", True)
    monkeypatch.setattr(lifecycle._Process, "waited", 0.0)
    with lifecycle.deadline(10) as end:
        for one in slow[:3]:
            one.close()
        assert [one.remaining for one in slow[:3]] == [10, 7, 4]
        assert end == clock.monotonic() + 1
    slow[3].close()
    assert slow[3].remaining == 1


def test_a_wait_of_another_thread_that_began_before_the_exit_takes_nothing_from_it(
    slow: list[Slow], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lifecycle._Process, "waited", 0.0)
    with lifecycle.deadline(60):
        slow[0].close(20)
        monkeypatch.setattr(lifecycle._Process, "is_exiting", True)
    slow[0].close()
    assert slow[0].remaining == 10


class Renewed:
    """What a child must not inherit."""

    def __init__(self) -> None:
        self.times = 0

    def after_fork_in_child(self) -> None:
        self.times += 1


def test_a_fork_without_pythons_hooks_is_noticed_once_by_whoever_asks(monkeypatch: pytest.MonkeyPatch) -> None:
    renewed = Renewed()
    monkeypatch.setattr(lifecycle, "_renewed_after_fork", weakref.WeakSet([renewed]))
    lifecycle.check_fork()
    assert renewed.times == 0
    monkeypatch.setattr(lifecycle._Process, "pid", -1)  # the parent's, as in a worker of uWSGI
    lifecycle.check_fork()
    lifecycle.check_fork()
    assert renewed.times == 1


def test_many_threads_that_notice_a_fork_at_once_wait_until_all_is_renewed(monkeypatch: pytest.MonkeyPatch) -> None:
    is_going_on, may_go_on, passed = threading.Event(), threading.Event(), []

    class Slowly(Renewed):
        def after_fork_in_child(self) -> None:
            is_going_on.set()
            assert may_go_on.wait(60)
            super().after_fork_in_child()

    renewed = Slowly()
    monkeypatch.setattr(lifecycle, "_renewed_after_fork", weakref.WeakSet([renewed]))
    monkeypatch.setattr(lifecycle._Process, "pid", -1)

    def ask() -> None:
        lifecycle.check_fork()
        passed.append(renewed.times)

    threads = [threading.Thread(target=ask) for _ in range(4)]
    for thread in threads:
        thread.start()
    assert is_going_on.wait(60)
    assert passed == []
    may_go_on.set()
    for thread in threads:
        thread.join()
    assert passed == [1] * 4


def test_a_set_that_grows_while_it_is_read_is_read_again() -> None:
    class Growing(weakref.WeakSet[Slow]):
        looks = 0

        def __iter__(self) -> Iterator[Slow]:
            self.looks += 1
            for one in super().__iter__():
                yield one
                if self.looks == 1:
                    raise RuntimeError("Set changed size during iteration")

    watched = [Slow([0.0]), Slow([0.0])]
    assert set(lifecycle.living(Growing(watched))) == set(watched)
