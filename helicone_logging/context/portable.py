"""The bound context as plain JSON values, for another process: a job queue, a message broker, a spawned child."""

from __future__ import annotations

import datetime
import itertools
import math
import uuid
from collections.abc import Iterator, Mapping
from decimal import Decimal

from helicone_logging.context import binding
from helicone_logging.core import bounded, proxies

MAX_FIELDS = 50
MAX_NAME = 100
MAX_TEXT = 2000
_MAX_BITS = 3 * MAX_TEXT  # of an int; one that is much longer has no decimal text, and so no JSON


def current_context() -> dict[str, object]:
    """Returns what is bound now, for `bind(**context)` in another process.

    Send it along with a job or a message. The tree goes on there: what is logged inside belongs to the same trace,
    under the same span, for the same user and session.

    Returns:
        Plain JSON values: `trace_id`, `parent_span_id`, `parent_path`, and all else that is bound and is text, a
        number, a UUID or a date, and `properties` of these. At most 50 fields and 50 properties, names of at most
        100 and printable texts of at most 2,000 characters; what is more, or of another kind, stays here. Empty
        outside every context.

    .. versionadded:: 0.2
    """
    return portable(binding.current())


def portable(fields: object) -> dict[str, object]:
    """Returns what of a mapping may travel, as its sender asks, and again who receives it; of anything else nothing."""
    result = _scalars(fields)
    properties = _scalars(fields.get("properties")) if isinstance(fields, Mapping) else {}
    return {**result, "properties": properties} if properties else result


def _scalars(fields: object) -> dict[str, object]:
    return dict(itertools.islice(_plain_items(fields), MAX_FIELDS)) if isinstance(fields, Mapping) else {}


def _plain_items(fields: Mapping[object, object]) -> Iterator[tuple[str, object]]:
    for name, value in bounded.items(fields):
        plain = _readable(value)
        if plain is not None and isinstance(name, str) and len(name) <= MAX_NAME:
            yield name, plain


def _readable(value: object) -> str | int | float | None:
    try:
        return _plain(proxies.resolved(value))
    except Exception:  # noqa: BLE001 - such as a proxy of the request, outside of it
        return None


def _plain(value: object) -> str | int | float | None:
    if isinstance(value, uuid.UUID | datetime.date | Decimal):
        value = str(value)
    if isinstance(value, str):
        return str.__str__(value) if len(value) <= MAX_TEXT and value.isprintable() else None
    if isinstance(value, float):
        return float(value) if math.isfinite(value) else None
    if isinstance(value, bool):
        return value
    return int(value) if isinstance(value, int) and value.bit_length() <= _MAX_BITS else None
