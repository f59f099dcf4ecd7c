"""Keeps the tracing of others away from our own requests, which are no part of what the application does.

OpenTelemetry's instrumentations of urllib3, and Sentry's of `http.client`, would add a span for each of them to the
users' traces, and headers for Helicone to see (opencensus-python #289).
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

_OPENTELEMETRY = "opentelemetry.instrumentation.utils"  # loaded with any instrumentation of its
_SENTRY = "sentry_sdk"
_SILENCE = {
    "dsn": "",
    "default_integrations": False,
    "auto_enabling_integrations": False,
    "release": "none",  # or it asks git for one, in a process of its own
    "server_name": "none",
}
_silent: list[Any] = []  # a client of Sentry's that records nothing, once there is one


@contextmanager
def suppressed() -> Iterator[None]:
    """Suppresses instrumentation that is loaded, in the running thread; costs nothing where none is."""
    opentelemetry, sentry = sys.modules.get(_OPENTELEMETRY), sys.modules.get(_SENTRY)
    if opentelemetry is None and sentry is None:
        yield
        return
    with ExitStack() as stack:
        suppress = getattr(opentelemetry, "suppress_instrumentation", None)
        if suppress is not None:
            stack.enter_context(suppress())
        if hasattr(sentry, "new_scope"):  # since version 2
            stack.enter_context(_silent_scope(sentry))
        yield


@contextmanager
def _silent_scope(sentry: Any) -> Iterator[None]:
    if not _silent:
        _silent.append(sentry.Client(**_SILENCE))
    with sentry.new_scope() as scope:
        scope.set_client(_silent[0])
        yield
