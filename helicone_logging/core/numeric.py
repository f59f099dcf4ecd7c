"""Numbers of any make: NumPy's scalars as Python's values, and what counts something as an int."""

from __future__ import annotations

import numbers
import operator
from decimal import Decimal
from typing import Any

_MOST_DIGITS = 30


def native(value: object) -> object:
    """Returns a NumPy scalar, or an array of no dimensions, as Python's own value; everything else as it is.

    Args:
        value: any object. Floats get the digits that they show (`np.float32(0.7)` is 0.7), times the microseconds that
            Python has; as with a naive datetime, they are local.
    """
    kind: type = type(value)
    if kind.__module__ != "numpy" or getattr(value, "ndim", None) != 0:
        return value
    scalar: Any = value
    form = scalar.dtype.kind
    if form == "f":
        return float(str(scalar))
    if form in "mM":
        scalar = scalar.astype(f"{form}8[us]")
    return scalar.item()


def is_vast(value: Decimal) -> bool:
    """Returns whether a Decimal is too large to count or time anything: to make an int of `1e1000000` takes minutes."""
    return value.adjusted() > _MOST_DIGITS


def whole(value: object) -> int | None:
    """Returns a real number of any make as an int where it is whole; None for everything else, bool included."""
    try:
        value = native(value)
        if isinstance(value, bool) or (isinstance(value, Decimal) and is_vast(value)):
            return None
        if isinstance(value, numbers.Real | Decimal):
            number = int(value)  # type: ignore[arg-type]  # every real number has `__trunc__`
            return number if number == value else None
        return operator.index(value)  # type: ignore[arg-type]  # what is no number has no index
    except Exception:  # noqa: BLE001 - NaN, or a foreign class that may raise anything
        return None
