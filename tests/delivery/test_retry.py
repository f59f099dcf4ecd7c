"""When a record is sent again: a pure function of outcome, attempt and chance."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from helicone_logging.delivery.retry import RetryPolicy

POLICY = RetryPolicy(max_attempts=8, max_backoff=60.0)
chances = st.floats(0, 1)
attempts = st.integers(1, 10**6)


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


@given(retry_after=st.floats(allow_nan=False), attempt=attempts, chance=chances, max_backoff=st.floats(0, 1e9))
def test_what_the_server_asks_for_is_obeyed_up_to_max_backoff(retry_after, attempt, chance, max_backoff) -> None:
    wait = RetryPolicy(8, max_backoff).throttle(retry_after, attempt, chance)
    assert 0 <= wait <= max_backoff
    if 0.1 <= retry_after <= max_backoff:
        assert wait == retry_after
    assert math.isfinite(wait)


@pytest.mark.parametrize("retry_after", [None, 0.0, 0.09, -5.0])
@given(attempt=attempts, chance=chances)
def test_throttling_without_a_wait_backs_off(retry_after, attempt, chance) -> None:
    assert POLICY.throttle(retry_after, attempt, chance) == POLICY.backoff(attempt, chance)


def test_a_refused_key_is_tried_again_every_30_seconds_or_sooner() -> None:
    assert POLICY.unauthorised() == 30
    assert RetryPolicy(8, 5.0).unauthorised() == 5


@pytest.mark.parametrize(("limit", "attempt", "last"), [(1, 1, True), (8, 7, False), (8, 8, True), (8, 9, True)])
def test_a_record_is_given_up_after_max_attempts(limit, attempt, last) -> None:
    assert RetryPolicy(limit, 1.0).is_last(attempt) is last
