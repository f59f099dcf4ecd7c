"""Objects of databases that would have to be fetched to be shown: they are named instead.

Whoever logs such an object must not wait for a query (https://github.com/getsentry/sentry-python/issues/5414).
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

_Namer = Callable[[Any], str | None]

_MAX_CLASSES = 2_000  # whose namer is remembered


def name_of_unfetched(value: object) -> str | None:
    """Returns a name for an object whose text would be a query; None for all others."""
    namer = _namer_of(type(value))  # type: ignore[arg-type]  # mypy takes classes for unhashable
    return None if namer is None else namer(value)


@functools.lru_cache(_MAX_CLASSES)
def _namer_of(kind: type) -> _Namer | None:
    if any(base.__name__ == "QuerySet" and base.__module__ == "django.db.models.query" for base in kind.__mro__):
        return _of_query_set
    return _of_expired if hasattr(kind, "_sa_class_manager") else None


def _of_query_set(value: Any) -> str | None:
    """Of a Django QuerySet that was not evaluated before."""
    held = vars(value)
    if held.get("_result_cache") is not None:
        return None
    return f"<{type(value).__name__} of {held['model'].__name__}, not evaluated>"


def _of_expired(value: Any) -> str | None:
    """Of an object of SQLAlchemy that was committed, or of which columns were deferred: it would ask for them again."""
    state = vars(value)["_sa_instance_state"]
    if not state.expired_attributes:
        return None
    key = state.identity_key or ("", ("",))
    identity = ", ".join(map(str, key[1]))
    return f"<{type(value).__name__} {identity}, expired>"
