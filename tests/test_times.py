"""Two times that a program measured as floats show as the milliseconds between them."""

from __future__ import annotations

import math

from hypothesis import given
from hypothesis import strategies as st

from helicone_logging.times import Times, take_times

DAY_MS = 86_400_000


def shown_ms(times: Times) -> int:
    """The server's arithmetic, on doubles."""
    return math.trunc((float(times.end) - float(times.start)) / 1e6)


@given(st.floats(1.7e9, 2.1e9), st.integers(0, DAY_MS))
def test_the_difference_of_two_floats_in_seconds_shows_as_it_was_meant(start: float, ms: int) -> None:
    assert shown_ms(take_times({"start_time": start, "end_time": start + ms / 1000}, created=0.0)) == ms


@given(st.integers(1_700_000_000 * 10**9, 2_100_000_000 * 10**9), st.integers(0, DAY_MS * 10**6))
def test_the_difference_of_two_ints_in_nanoseconds_shows_whole_milliseconds(start: int, ns: int) -> None:
    assert shown_ms(take_times({"start_time": start, "end_time": start + ns}, created=0.0)) == ns // 10**6
