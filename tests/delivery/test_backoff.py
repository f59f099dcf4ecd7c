"""When to send again: a record by backoff, a pure function; all of them by a circuit breaker."""

from __future__ import annotations

import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

from helicone_logging.core import clock
from helicone_logging.delivery.backoff import CircuitBreaker, RetryPolicy, retry_limit
from helicone_logging.delivery.outcomes import Kind, Outcome

POLICY = RetryPolicy(max_attempts=8, max_backoff=60.0)
LEAST = 0.01
chances = st.floats(0, 1)
attempts = st.integers(1, 10**6)
kinds = st.sampled_from([Kind.THROTTLED, Kind.UNREACHABLE])


@pytest.mark.parametrize(
    ("attempt", "longest"), [(1, 1), (2, 2), (3, 4), (4, 8), (5, 16), (6, 32), (7, 60), (8, 60), (10**9, 60)]
)
def test_the_longest_backoff_doubles_up_to_max_backoff(attempt, longest) -> None:
    assert POLICY.backoff(attempt, 1.0) == longest


@given(attempt=attempts, chance=chances)
def test_the_jitter_is_full_from_nothing_to_the_longest(attempt, chance) -> None:
    assert POLICY.backoff(attempt, 0.0) == 0.0
    assert POLICY.backoff(attempt, chance) == pytest.approx(chance * POLICY.backoff(attempt, 1.0))


@given(attempt=attempts, chance=chances, max_backoff=st.floats(0, 1e9))
def test_no_backoff_is_negative_or_longer_than_max_backoff(attempt, chance, max_backoff) -> None:
    assert 0 <= RetryPolicy(8, max_backoff).backoff(attempt, chance) <= max_backoff


@given(
    kind=kinds, wait=st.floats(0, allow_infinity=False), attempt=attempts, chance=chances, longest=st.floats(LEAST, 1e9)
)
def test_what_the_server_asks_for_is_obeyed_up_to_max_backoff(kind, wait, attempt, chance, longest) -> None:
    pause = RetryPolicy(8, longest).pause(Outcome(kind, "", wait), attempt, chance)
    assert LEAST <= pause <= longest
    if 0.1 <= wait <= longest:
        assert pause == wait


@pytest.mark.parametrize("retry_after", [None, 0.0, 0.09])
@given(kind=kinds, attempt=attempts, chance=chances)
def test_an_endpoint_in_trouble_that_asks_for_no_wait_is_left_alone_for_a_backoff(
    retry_after, kind, attempt, chance
) -> None:
    pause = POLICY.pause(Outcome(kind, "", retry_after), attempt, chance)
    assert pause == max(LEAST, POLICY.backoff(attempt, chance))


def test_a_refused_key_or_url_is_tried_again_every_30_seconds_or_sooner() -> None:
    assert POLICY.pause(Outcome(Kind.MISDIRECTED, ""), 5, 0.5) == 30
    assert RetryPolicy(8, 5.0).pause(Outcome(Kind.MISDIRECTED, ""), 1, 0.5) == 5


@pytest.mark.parametrize(("limit", "attempt", "last"), [(1, 1, True), (8, 7, False), (8, 8, True), (8, 9, True)])
def test_a_record_is_given_up_after_max_attempts(limit, attempt, last) -> None:
    assert RetryPolicy(limit, 1.0).is_last(attempt) is last


@pytest.mark.parametrize(("attempts", "limit"), [(0, 512), (1, 128), (2, 32), (3, 8), (4, 2), (5, 1), (9, 1)])
def test_records_that_failed_together_go_in_ever_smaller_batches(attempts, limit) -> None:
    assert retry_limit(512, attempts) == limit


# The circuit breaker


def test_it_is_closed_at_first() -> None:
    assert not CircuitBreaker().close(clock.monotonic())


def test_it_counts_troubles_in_a_row_and_a_success_ends_the_row() -> None:
    breaker = CircuitBreaker()
    assert [breaker.trip(clock.monotonic()) for _ in range(3)] == [1, 2, 3]
    assert breaker.close(clock.monotonic())
    assert not breaker.close(clock.monotonic())
    assert breaker.trip(clock.monotonic()) == 1


def test_what_was_on_its_way_when_it_opened_says_nothing_new() -> None:
    breaker = CircuitBreaker()
    sent_at = clock.monotonic() - 1
    breaker.trip(sent_at)
    assert breaker.trip(sent_at) is None
    assert not breaker.close(sent_at)
    assert breaker.close(clock.monotonic())


def test_many_workers_that_fail_at_once_open_it_once() -> None:
    breaker = CircuitBreaker()
    sent_at = clock.monotonic()
    start = threading.Barrier(8)
    counts: list[int | None] = []

    def fail() -> None:
        start.wait()
        counts.append(breaker.trip(sent_at))

    threads = [threading.Thread(target=fail) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(counts, key=str) == [1, *[None] * 7]
