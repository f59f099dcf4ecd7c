"""Which records are exported: explicit context exports a record, ambient context only enriches it.

Otherwise one middleware, or OpenTelemetry's logging instrumentation, would send every line of every library.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping

from helicone_logging.context.binding import INJECTED_MARK
from helicone_logging.context.inherited import inherited_by
from helicone_logging.payload.fields import CONTEXT_FIELDS, MODEL_FIELDS, is_given

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

    def __call__(self, record: logging.LogRecord) -> bool:
        if self._exports_all:
            return True
        data = record.__dict__
        for name in self._context_names:  # a loop of its own, as every foreign record waits for it
            if name in data and is_given(data[name]) and name not in data.get(INJECTED_MARK, ()):
                return True
        logged = data["msg"]
        is_mapping = type(logged) is not str and issubclass(type(logged), dict)
        if is_mapping and _carries(logged, self._context_names):
            return True
        if not inherited_by(record):
            return False
        if self._exports_bound:
            return True
        for name in self._model_names:
            if name in data and is_given(data[name]) and name not in data.get(INJECTED_MARK, ()):
                return True
        return is_mapping and _carries(logged, self._model_names)


def _carries(logged: Mapping[str, object], names: tuple[str, ...]) -> bool:
    return any(name in logged and is_given(logged[name]) for name in names)


def _with_renamed(names: tuple[str, ...], rename_fields: Mapping[str, str]) -> tuple[str, ...]:
    return names + tuple(old for old, new in rename_fields.items() if new in names)
