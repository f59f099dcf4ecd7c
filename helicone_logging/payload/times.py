"""Start and end of a span, in nanoseconds since the epoch, from whatever the user measured.

A number is taken by its size: below 1e11 it counts seconds, below 1e14 milliseconds, below 1e17 microseconds, else
nanoseconds (1e11 seconds is the year 5138, 1e11 milliseconds was 1973). A naive datetime is local time, as
everywhere in Python.
"""

from __future__ import annotations

import datetime
import math
import numbers
import re
from collections.abc import Callable
from decimal import Decimal
from functools import partial
from typing import NamedTuple

from helicone_logging.core.coerce import is_vast, native
from helicone_logging.payload.fields import Rest, Special, read_in

_EPOCH = datetime.datetime(1970, 1, 1, tzinfo=datetime.timezone.utc)
_Number = int | float | Decimal
_MICROSECOND = datetime.timedelta(microseconds=1)
_LATEST = 2**63 - 1  # what OpenTelemetry's own fixed64 times hold, and Python's datetime does not reach
_LONGEST = 10 * 366 * 86_400 * 10**9
_FRACTION = re.compile(r"(?<=:[0-9]{2})[.,][0-9]+")
_NS_PER_UNIT = ((1e11, 10**9), (1e14, 10**6), (1e17, 10**3))


class Times(NamedTuple):
    """When a span began and ended, in nanoseconds since the epoch; the end is never before the start."""

    start: int
    end: int


def times_of(special: Special, created: float, rest: Rest) -> Times:
    """Returns when a span began and ended, by `start_time`, `end_time`, `duration_ms` and `duration`.

    Start and end win over a duration; of two, the third follows; one alone is measured to, or from, the record's
    own time. An end before its start makes a span that is zero long.

    Args:
        special: the record's fields.
        created: the record's own time, in seconds.
        rest: where fields go that cannot be read.
    """
    own = min(max(0, round(created * 1e6) * 1000), _LATEST)
    duration = read_in(special, "duration_ms", rest, _milliseconds)
    in_seconds = read_in(special, "duration", rest, _seconds)
    if duration is None:
        duration = in_seconds
    if "start_time" not in special and "end_time" not in special:
        return _as_shown(own - duration if duration < own else 0, own) if duration else Times(own, own)
    start, end = read_in(special, "start_time", rest, nanoseconds), read_in(special, "end_time", rest, nanoseconds)
    if start is None:
        end = own if end is None else end
        start = max(0, end - (duration or 0))
    elif end is None or (end < start and duration is not None):
        end = max(own, start) if duration is None else start + duration
    elif isinstance(special["start_time"], float) and isinstance(special["end_time"], float):
        end = start + _without_rounding(end - start)
    return _as_shown(start, max(start, end))


def _without_rounding(length: int) -> int:
    """What two floats were meant to be apart: each of them is a microsecond off at the worst."""
    whole = (length + 1_000) // 1_000_000 * 1_000_000
    return max(length, whole)


def _as_shown(start: int, end: int) -> Times:
    """Moves the end by half a microsecond where the server's double arithmetic would show another millisecond.

    It parses both times as doubles, which stand 256 ns apart at present-day epochs, and more later, and truncates the
    difference.
    """
    meant, shown = (end - start) // 1_000_000, int((float(end) - float(start)) / 1e6)
    if shown != meant:
        step = 500 * max(1, int(math.ulp(float(end))) // 256)
        end += step if shown < meant else -step
    return Times(start, end)


def nanoseconds(value: object) -> int | None:
    """Returns a point in time as nanoseconds since the epoch.

    Args:
        value: a datetime, a number (see above for its unit), or either as text (ISO 8601 for a datetime).

    Returns:
        None for what is none of these, before 1970 or beyond the year 2262.
    """
    return _within(_LATEST, _point, value)


def _within(most: int, read: Callable[[object], int], value: object) -> int | None:
    try:
        result = read(value)
    except Exception:  # noqa: BLE001 - year 1, NaN, text that is no number, foreign number types: all "cannot be read"
        return None
    return result if 0 <= result <= most else None


def _point(value: object) -> int:
    value = _parse(value) if isinstance(value, str) else native(value)
    if isinstance(value, datetime.datetime):
        return (value.astimezone() - _EPOCH) // _MICROSECOND * 1000
    number = _number(value)
    return _scaled(number, next((factor for bound, factor in _NS_PER_UNIT if -bound < number < bound), 1))


def _parse(text: str) -> object:
    try:
        return int(text)
    except ValueError:
        pass
    try:
        return float(text)
    except ValueError:
        text = _FRACTION.sub(_microseconds, text.strip())
        return datetime.datetime.fromisoformat(text[:-1] + "+00:00" if text[-1:] in "zZ" else text)


def _microseconds(fraction: re.Match[str]) -> str:
    """Python 3.10 reads three digits or six, and nothing else."""
    return f".{fraction[0][1:7]:0<6}"


def _length(unit: int, value: object) -> int:
    value = float(value) if isinstance(value, str) else native(value)
    if isinstance(value, datetime.timedelta):
        return value // _MICROSECOND * 1000
    return _scaled(_number(value), unit)


_milliseconds, _seconds = (partial(_within, _LONGEST, partial(_length, unit)) for unit in (10**6, 10**9))


def _number(value: object) -> _Number:
    if type(value) is int or type(value) is float:  # before the others, which ask abstract base classes
        return value
    if isinstance(value, Decimal) and not is_vast(value):
        return value
    if not isinstance(value, bool) and isinstance(value, numbers.Real):
        return int(value) if isinstance(value, numbers.Integral) else float(value)
    raise TypeError


def _scaled(number: _Number, unit: int) -> int:
    """Ints exactly; fractions to the microsecond, as finer digits of a float are noise at present-day epochs."""
    if isinstance(number, int) or unit < 1000:
        return int(number) * unit
    return round(number * (unit // 1000)) * 1000
