"""The gate holds all senders back together, and opens for good news only."""

from __future__ import annotations

import threading
import time

import pytest

from helicone_logging.delivery.gate import Gate

LONG = 1000.0


@pytest.fixture
def gate() -> Gate:
    return Gate()


def close(gate: Gate, seconds: float = LONG, *, sent_at: float | None = None, is_asked: bool = False) -> int:
    return gate.close(time.monotonic() if sent_at is None else sent_at, lambda count: seconds, is_asked=is_asked)


def test_it_is_open_at_first(gate) -> None:
    assert gate.opens_in() == 0
    assert not gate.is_asked()


def test_it_closes_for_the_time_it_is_told(gate) -> None:
    close(gate)
    assert LONG - 100 < gate.opens_in() <= LONG


def test_it_opens_when_the_time_is_over(gate) -> None:
    close(gate, 0.0)
    assert gate.opens_in() == 0


def test_the_wait_is_a_function_of_how_often_it_closed_in_a_row(gate) -> None:
    counts: list[int] = []

    def seconds(count: int) -> float:
        counts.append(count)
        return 0.0

    told = [gate.close(time.monotonic(), seconds, is_asked=False) for _ in range(3)]
    gate.open(time.monotonic())
    told.append(gate.close(time.monotonic(), seconds, is_asked=False))
    assert counts == told == [1, 2, 3, 1]


def test_what_was_on_its_way_when_it_closed_says_nothing_new(gate) -> None:
    sent_at = time.monotonic() - 1
    close(gate)
    opens_in = gate.opens_in()
    assert close(gate, 10 * LONG, sent_at=sent_at, is_asked=True) == 1
    assert gate.opens_in() <= opens_in
    assert not gate.is_asked()


def test_success_opens_it(gate) -> None:
    close(gate)
    gate.open(time.monotonic())
    assert gate.opens_in() == 0


def test_success_of_what_was_sent_before_the_trouble_does_not_open_it(gate) -> None:
    sent_at = time.monotonic() - 1
    close(gate)
    gate.open(sent_at)
    assert gate.opens_in() > 0


def test_whoever_waits_for_records_may_end_a_backoff(gate) -> None:
    close(gate)
    gate.hurry()
    assert gate.opens_in() == 0


def test_nobody_may_end_a_wait_that_the_server_asked_for(gate) -> None:
    close(gate, is_asked=True)
    gate.hurry()
    assert gate.is_asked()
    assert gate.opens_in() > 0


def test_a_wait_that_is_over_is_not_asked_for_any_more(gate) -> None:
    close(gate, 0.0, is_asked=True)
    assert not gate.is_asked()


def test_after_a_wait_that_was_asked_for_a_backoff_may_be_ended_again(gate) -> None:
    close(gate, 0.0, is_asked=True)
    close(gate)
    gate.hurry()
    assert gate.opens_in() == 0


def test_many_senders_that_fail_at_once_close_it_once(gate) -> None:
    sent_at = time.monotonic()
    start = threading.Barrier(8)
    counts: list[int] = []

    def fail() -> None:
        start.wait()
        counts.append(close(gate, sent_at=sent_at))

    threads = [threading.Thread(target=fail) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert counts == [1] * 8
