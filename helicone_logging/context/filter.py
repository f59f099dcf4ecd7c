"""`TraceContextFilter`: injects the bound context into records, for handlers and threads that cannot see it."""

from __future__ import annotations

import datetime
import logging
import traceback
import uuid
from collections.abc import Iterable, Mapping
from decimal import Decimal

from helicone_logging.context.binding import INHERITED_MARK, INJECTED_MARK, MESSAGE_MARK, current
from helicone_logging.core import bounded, check
from helicone_logging.core.coerce import plain_of
from helicone_logging.core.exc_info import exception_in

# By a record of logging's own, as the application's record factory may do anything.
RESERVED = frozenset((*vars(logging.LogRecord("", 0, "", 0, "", (), None)), "message", "asctime", "taskName"))
"""Names of a record's own attributes, those among them that `logging.Formatter` sets later, over what stood there."""

_NOT_FOR_PEOPLE = "parent_path"
_SCALARS = (str, int, float, Decimal, uuid.UUID, datetime.date)
_PLAIN = frozenset((str, int, float, bool, Decimal, uuid.UUID, datetime.date))  # these exactly, as they can be pickled


class TraceContextFilter(logging.Filter):
    """Writes the bound fields on every record, so that any formatter can show them; it lets all records pass.

    On a logger, or on a handler that delays records or makes text of them (`QueueHandler`, `MemoryHandler`,
    `SocketHandler`), it also keeps the context and the dict message for `HeliconeHandler` behind it. What it writes
    can be pickled: text, numbers, UUIDs and dates, lists and dicts of these; of any other object its text. An
    attribute that a record has already is left as it is, and of two filters the first one decides.

    Args:
        fields: names of the fields to write; None for `trace_id` and all that hold text, a number, a UUID or a date.
        defaults: what to write for a field that is not bound, so that `"%(trace_id)s"` works outside a context too;
            every name in `fields`, and `trace_id` without `fields`, is `""` if not given here.

    Raises:
        ConfigurationError: `fields` is no list of names, or `defaults` no mapping.

    .. versionadded:: 0.1
    """

    def __init__(self, fields: Iterable[str] | None = None, defaults: Mapping[str, object] | None = None) -> None:
        super().__init__()
        if isinstance(fields, Iterable) and not isinstance(fields, str):
            fields = tuple(fields)
        self._fields = None if fields is None else check.names("fields", fields)
        named = ["trace_id"] if self._fields is None else self._fields
        self._defaults = {**dict.fromkeys(named, ""), **check.mapping("defaults", defaults)}

    def filter(self, record: logging.LogRecord) -> bool:
        """Injects the context into a record.

        Returns:
            True.
        """
        data = record.__dict__
        if INHERITED_MARK not in data:
            bound = {name: _plain(value) for name, value in current().items()}
            shown = {
                name: value
                for name, value in {**self._defaults, **self._shown(bound)}.items()
                if name not in data and name not in RESERVED
            }
            data.update(shown)
            data[INJECTED_MARK] = tuple(shown)
            data[INHERITED_MARK] = bound
            logged: object = record.msg
            if type(logged) is not str and isinstance(logged, Mapping):
                data[MESSAGE_MARK] = _plain(_with_traceback(logged))
        return True

    def _shown(self, bound: Mapping[str, object]) -> dict[str, object]:
        if self._fields is not None:
            return {name: bound[name] for name in self._fields if name in bound}
        return {name: value for name, value in bound.items() if name != _NOT_FOR_PEOPLE and isinstance(value, _SCALARS)}


def _plain(value: object) -> object:
    try:
        return value if type(value) in _PLAIN else plain_of(value)
    except Exception:  # noqa: BLE001 - of a class that has no hash, as its metaclass compares
        return plain_of(value)


def _with_traceback(logged: Mapping[str, object]) -> Mapping[str, object]:
    """A dict message with the text of its exception, as structlog's `format_exc_info` writes it."""
    error = exception_in(logged.get("exc_info"))
    if error is None:
        return logged
    printed = "".join(traceback.format_exception(error)).rstrip("\n")
    return {"exception": printed, **{name: value for name, value in bounded.items(logged) if name != "exc_info"}}
