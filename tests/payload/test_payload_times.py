"""What the user meant in milliseconds is what the server's arithmetic on doubles shows."""

from __future__ import annotations

import datetime
import math
from decimal import Decimal
from typing import Any

import pytest
from hostile_values import zones
from hypothesis import given, settings
from hypothesis import strategies as st
from payloads import CREATED, CREATED_NS, record, row, span_of, traced

from helicone_logging.payload.times import Times, nanoseconds, times_of

DAY_MS = 86_400_000
NS = 10**9
UTC = datetime.timezone.utc

epoch_seconds = st.integers(1_600_000_000, 2_200_000_000)
epoch_ms = st.integers(1_600_000_000_000, 2_200_000_000_000)
epoch_ns = st.integers(1_600_000_000 * NS, 2_200_000_000 * NS)
durations = st.integers(0, DAY_MS)
thorough = settings(deadline=None, max_examples=500)


def shown_ms(times: Times) -> int:
    """The server's arithmetic: both times parsed as doubles, the difference truncated."""
    return math.trunc((float(str(times.end)) - float(str(times.start))) / 1e6)


def times(**fields: object) -> Times:
    rest: dict[str, object] = {}
    found = times_of(fields, CREATED, rest)
    assert rest == {}
    return found


@given(epoch_ns, durations)
@thorough
def test_start_in_nanoseconds(start: int, ms: int) -> None:
    assert shown_ms(times(start_time=start, end_time=start + ms * 10**6)) == ms
    assert shown_ms(times(start_time=start, duration_ms=ms)) == ms
    assert shown_ms(times(end_time=start, duration_ms=ms)) == ms


@given(epoch_ms, durations)
@thorough
def test_start_in_milliseconds(start: int, ms: int) -> None:
    assert shown_ms(times(start_time=start, end_time=start + ms)) == ms
    assert shown_ms(times(start_time=float(start), end_time=float(start + ms))) == ms
    assert shown_ms(times(start_time=str(start), duration_ms=str(ms))) == ms
    assert times(start_time=start, duration_ms=ms).start == start * 10**6


@given(epoch_seconds, durations)
@thorough
def test_start_in_seconds(start: int, ms: int) -> None:
    assert shown_ms(times(start_time=start, duration_ms=ms)) == ms
    assert shown_ms(times(start_time=float(start), duration_ms=float(ms))) == ms
    assert shown_ms(times(start_time=start + 0.5, end_time=start + 0.5 + ms / 1000)) == ms
    assert shown_ms(times(start_time=Decimal(start), end_time=Decimal(start) + Decimal(ms) / 1000)) == ms


@given(epoch_seconds, durations)
@thorough
def test_length_in_seconds_or_as_a_timedelta(start: int, ms: int) -> None:
    assert shown_ms(times(start_time=start, duration=ms / 1000)) == ms
    assert shown_ms(times(start_time=start, duration=Decimal(ms) / 1000)) == ms
    assert shown_ms(times(start_time=start, duration=datetime.timedelta(milliseconds=ms))) == ms
    assert shown_ms(times(start_time=start, duration_ms=datetime.timedelta(milliseconds=ms))) == ms


@given(
    st.datetimes(datetime.datetime(2020, 1, 1), datetime.datetime(2039, 1, 1), timezones=zones | st.none()), durations
)
@thorough
def test_start_as_a_datetime(start: datetime.datetime, ms: int) -> None:
    aware = start.astimezone(UTC)
    end = aware + datetime.timedelta(milliseconds=ms)
    assert shown_ms(times(start_time=start, duration_ms=ms)) == ms
    assert shown_ms(times(start_time=aware, end_time=end)) == ms
    assert shown_ms(times(start_time=aware.isoformat(), end_time=end.isoformat())) == ms


@given(st.floats(1.6e9, 2.2e9), durations)
@thorough
def test_the_record_s_own_time_and_a_length(created: float, ms: int) -> None:
    assert shown_ms(times_of({"duration_ms": ms}, created, {})) == ms
    assert shown_ms(times_of({"duration_ms": float(ms)}, created, {})) == ms


@given(st.floats(1.6e9, 2.2e9), durations)
def test_the_whole_row_shows_it(created: float, ms: int) -> None:
    assert row(record(created=created, trace_id="t", duration_ms=ms)).latency_ms == ms


@given(epoch_ns, st.floats(0, DAY_MS))
@thorough
def test_a_fraction_of_a_millisecond_is_never_shown_as_one_more(start: int, ms: float) -> None:
    assert shown_ms(times(start_time=start, duration_ms=ms)) in (math.trunc(ms), math.trunc(ms + 0.001))


@given(epoch_ns, st.integers(0, DAY_MS * 10**6))
@thorough
def test_what_is_sent_is_within_a_microsecond_of_what_was_given(start: int, length: int) -> None:
    taken = times(start_time=start, end_time=start + length)
    assert taken.start == start
    assert abs(taken.end - start - length) <= 500


@pytest.mark.parametrize(
    ("value", "ns"),
    [
        (1_760_000_000, 1_760_000_000 * NS),
        (1_760_000_000_123, 1_760_000_000_123 * 10**6),
        (1_760_000_000_123_456, 1_760_000_000_123_456 * 10**3),
        (1_760_000_000_123_456_789, 1_760_000_000_123_456_789),
        ("1760000000123", 1_760_000_000_123 * 10**6),
        (1_760_000_000.123456, 1_760_000_000_123_456_000),
        ("2025-10-09T08:53:20Z", 1_760_000_000 * NS),
        ("2025-10-09T08:53:20.123456789Z", 1_760_000_000_123_456_000),
        ("2025-10-09 08:53:20,5+00:00", 1_760_000_000 * NS + NS // 2),
        (" 2025-10-09T10:53:20.5+02:00 ", 1_760_000_000 * NS + NS // 2),
        (datetime.datetime(2025, 10, 9, 8, 53, 20, tzinfo=UTC), 1_760_000_000 * NS),
        (0, 0),
        (Decimal("1760000000.000001"), 1_760_000_000_000_001_000),
    ],
)
def test_a_number_is_taken_by_its_size(value: object, ns: int) -> None:
    assert nanoseconds(value) == ns


def test_a_naive_datetime_is_local_time() -> None:
    naive = datetime.datetime(2025, 7, 1, 12)
    assert nanoseconds(naive) == round(naive.timestamp()) * NS


@pytest.mark.parametrize(
    "value",
    [
        None,
        True,
        -1,
        float("nan"),
        float("inf"),
        10**30,
        "soon",
        "",
        b"1",
        [],
        datetime.date(2025, 1, 1),
        datetime.time(1),
        datetime.datetime.min,
        datetime.datetime.max.replace(tzinfo=UTC),
        datetime.datetime(1969, 12, 31, tzinfo=UTC),
        1j,
        "1e999",
        "9" * 5_000,
    ],
)
def test_a_time_that_cannot_be_read_is_kept_as_an_attribute(value: object) -> None:
    rest: dict[str, object] = {}
    assert times_of({"start_time": value}, CREATED, rest) == Times(CREATED_NS, CREATED_NS)
    assert rest == ({} if value is None else {"start_time": value})
    span_of(traced(start_time=value, end_time=value))


@pytest.mark.parametrize(
    "value", [-1, float("nan"), float("inf"), "soon", True, None, 10**15, datetime.timedelta(-1), [], 1j]
)
def test_a_length_that_cannot_be_read_is_kept_as_an_attribute(value: object) -> None:
    rest: dict[str, object] = {}
    assert times_of({"duration_ms": value, "duration": value}, CREATED, rest) == Times(CREATED_NS, CREATED_NS)
    assert rest == ({} if value is None else {"duration_ms": value, "duration": value})


def test_an_end_before_its_start_makes_a_span_that_is_zero_long() -> None:
    for start in (2_000_000_000, 1_500_000_000):  # after and before the record's own time
        assert times(start_time=start, end_time=start - 1) == Times(start * NS, start * NS)
    assert row(traced(start_time=2_000_000_000, end_time=1_900_000_000)).latency_ms == 0


def test_start_and_end_win_over_a_length_and_of_two_the_third_follows() -> None:
    second = 1_700_000_000

    def lasted(**fields: Any) -> tuple[float, float]:
        taken = times(**fields)
        return taken.start / NS - second, taken.end / NS - second

    assert lasted(start_time=second, end_time=second + 3, duration=7) == (0, 3)
    assert lasted(start_time=second, duration=7) == (0, 7)
    assert lasted(end_time=second + 9, duration=7) == (2, 9)
    assert lasted(start_time=second, end_time=second - 5, duration=7) == (0, 7)
    assert lasted(duration=7, duration_ms=2_000, end_time=second) == (-2, 0)


def test_one_of_the_times_alone_is_measured_to_the_record_s_own() -> None:
    assert times(start_time=CREATED_NS - 2 * NS) == Times(CREATED_NS - 2 * NS, CREATED_NS)
    assert times(end_time=CREATED_NS + 2 * NS) == Times(CREATED_NS + 2 * NS, CREATED_NS + 2 * NS)
    assert times(duration_ms=1_000) == Times(CREATED_NS - NS, CREATED_NS)
    assert times(start_time=CREATED_NS + NS) == Times(CREATED_NS + NS, CREATED_NS + NS)


def test_a_length_from_before_the_epoch_begins_with_it() -> None:
    assert times_of({"duration": 10}, 5.0, {}).start == 0
