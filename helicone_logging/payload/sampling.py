"""Sampling: a share of the traces, each with all of its records, and every failure.

Whether a trace is among them depends on its id alone, so that all processes that write to it decide alike.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping

from helicone_logging.context.inherited import dict_message, inherited_by
from helicone_logging.core import ids
from helicone_logging.payload.record_data import attributes_of, names_of_trace

Chooses = Callable[[logging.LogRecord], bool]


def in_share(trace: object, rate: float) -> bool:
    """Returns whether a trace is among a share of all traces, which is 0.0 to 1.0."""
    return ids.share(ids.trace_id(trace) or ids.new_trace_id()) < rate


class Sampler:
    """Decides whether a record is exported where only a share of the traces is.

    Args:
        exports: decides it where all of them are.
        rate: the share, 0.0 to 1.0.
        is_failure: says whether a record tells of a failure, which is exported whatever becomes of its trace.
        rename_fields: the formatter's: a name that it turns into a field counts as that field.
    """

    def __init__(self, exports: Chooses, rate: float, is_failure: Chooses, rename_fields: Mapping[str, str]) -> None:
        self._exports = exports
        self._rate = rate
        self._is_failure = is_failure
        self._renamed = {old: new for old, new in rename_fields.items() if new in {"trace_id", "traceparent"}}

    def __call__(self, record: logging.LogRecord) -> bool:
        if not self._exports(record):
            return False
        try:
            return in_share(self._trace_of(record), self._rate) or self._is_failure(record)
        except Exception:  # noqa: BLE001 - an object raised where it was read; that is for the builder to mend
            return True

    def _trace_of(self, record: logging.LogRecord) -> str:
        """The trace of a record, as its span will name it; a new one for a record that names none."""
        inherited = inherited_by(record)
        attributes = attributes_of(record)
        own = names_of_trace(attributes, dict_message(attributes) or {})
        own.update({new: attributes[old] for old, new in self._renamed.items() if old in attributes})
        for fields in (own, inherited):
            incoming = ids.parse_traceparent(fields.get("traceparent"))
            trace = ids.trace_id(fields.get("trace_id")) or (incoming and incoming.trace_id)
            if trace:
                return trace
        return ids.new_trace_id()
