"""Which records are exported: explicit context exports a record, ambient context only enriches it.

Otherwise one middleware, or OpenTelemetry's logging instrumentation, would send every line of every library.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping

from helicone_logging.context.binding import INJECTED_MARK
from helicone_logging.context.inherited import dict_message, inherited_by
from helicone_logging.payload.fields import CONTEXT_FIELDS, MODEL_FIELDS, is_given, says_something

EXPORTS = ("explicit", "context", "all")


class ExportPolicy:
    """Decides whether a record is exported.

    Args:
        export: `"explicit"`, `"context"` for every record inside a bound context too, or `"all"`.
        rename_fields: the formatter's: a name that it turns into a field counts as that field.
    """

    def __init__(self, export: str, rename_fields: Mapping[str, str]) -> None:
        self._exports_all = export == "all"
        self._exports_bound = export == "context"
        self._context_names = _with_renamed(CONTEXT_FIELDS, rename_fields)
        self._model_names = _with_renamed(MODEL_FIELDS, rename_fields)
        self._model_fields = frozenset(name for name, _ in self._model_names)

    def __call__(self, record: logging.LogRecord) -> bool:
        if self._exports_all:
            return True
        data = record.__dict__
        for name, field in self._context_names:  # a loop of its own, as every foreign record waits for it
            if name in data and _names_something(field, data[name]) and name not in data.get(INJECTED_MARK, ()):
                return True
        around = _mappings(data)
        if around and any(_carries(each, self._context_names) for each in around):
            return True
        of_model = data.keys() & self._model_fields  # none, of nearly every foreign record
        if not (of_model or around or self._exports_bound) or not inherited_by(record):
            return False
        if self._exports_bound:
            return True
        injected = data.get(INJECTED_MARK, ())
        if any(is_given(data[name]) and name not in injected for name in of_model):
            return True
        return any(_carries(each, self._model_names) for each in around)


def _mappings(data: Mapping[str, object]) -> tuple[Mapping[str, object], ...]:
    """What holds fields beside a record's attributes: a dict message, and loguru's `extra`."""
    logged, extra = dict_message(data), data.get("extra")
    if logged is None and extra is None:  # as nearly always
        return ()
    return tuple(each for each in (logged, extra) if isinstance(each, Mapping))


def _carries(logged: Mapping[str, object], names: Iterable[tuple[str, str]]) -> bool:
    return any(name in logged and _names_something(field, logged[name]) for name, field in names)


def _names_something(field: str, value: object) -> bool:
    """Whether a field exports a record, by the rules by which it is read; an empty `helicone` mapping does."""
    return value is not False and says_something(field, value)


def _with_renamed(names: tuple[str, ...], rename_fields: Mapping[str, str]) -> tuple[tuple[str, str], ...]:
    """Names of records' attributes, and the fields that they are."""
    renamed = tuple((old, new) for old, new in rename_fields.items() if new in names)
    return tuple((name, name) for name in names) + renamed
