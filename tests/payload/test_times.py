"""Two times that a program measured as floats show as the milliseconds between them."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from helicone_logging.payload.times import Times, times_of

DAY_MS = 86_400_000


def shown_ms(times: Times) -> int:
    """The server's arithmetic, on doubles."""
    return math.trunc((float(times.end) - float(times.start)) / 1e6)


@given(st.floats(1.7e9, 2.1e9), st.integers(0, DAY_MS))
def test_the_difference_of_two_floats_in_seconds_shows_as_it_was_meant(start: float, ms: int) -> None:
    assert shown_ms(times_of({"start_time": start, "end_time": start + ms / 1000}, 0.0, {})) == ms


@given(st.integers(1_700_000_000 * 10**9, 2_100_000_000 * 10**9), st.integers(0, DAY_MS * 10**6))
def test_the_difference_of_two_ints_in_nanoseconds_shows_whole_milliseconds(start: int, ns: int) -> None:
    assert shown_ms(times_of({"start_time": start, "end_time": start + ns}, 0.0, {})) == ns // 10**6


@given(st.integers(10**17, 2**62), st.integers(0, 2**61), st.integers(-3, 3))
def test_the_difference_of_any_two_times_shows_whole_milliseconds(start: int, length: int, near: int) -> None:
    ns = max(0, length // 10**6 * 10**6 + near)
    assert shown_ms(times_of({"start_time": start, "end_time": start + ns}, 0.0, {})) == ns // 10**6


@given(st.floats(1e-3, 2**63 / 1e9 - 1e6), st.floats(0, DAY_MS))
def test_a_duration_shows_whole_milliseconds_whenever_a_record_was_made(created: float, ms: float) -> None:
    times = times_of({"duration_ms": ms}, created, {})
    assert shown_ms(times) == (times.end - times.start) // 10**6


@pytest.mark.parametrize("created", [1e300, 1e200, 1e12])
def test_a_record_from_beyond_all_clocks_ends_with_them(created: float) -> None:
    assert times_of({"duration_ms": 812.5}, created, {}).end == pytest.approx(2**63, abs=10_000)
