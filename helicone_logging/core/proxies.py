"""Transparent proxies, which stand for other objects, and lazy ones, which would ask a database when they are read.

werkzeug's `LocalProxy` (Flask's `g`, `current_user`), Django's `SimpleLazyObject` (`request.user`) and lazy texts, the
proxies of wrapt say that they are of another class. What they stand for depends on when and where they are asked, so
they are resolved at the call. Whoever logs a QuerySet must not wait for a query
(https://github.com/getsentry/sentry-python/issues/5414): such objects are named instead.
"""

from __future__ import annotations

import functools
import operator
from collections.abc import Callable, Collection
from typing import Any

_Resolver = Callable[[Any], object]
_Namer = Callable[[Any], str | None]

_MAX_CLASSES = 2_000  # whose resolver, and namer, is remembered
_MAX_MEMBERS = 20_000  # that are looked at, as whoever logs waits for it
_MOST_IN_TURN = 5  # proxies of proxies
_PLAIN: frozenset[type] = frozenset((str, int, float, bool, type(None), bytes))
_COPIED = (str, int, float, bytes, list, tuple, dict, set, frozenset)


def resolved(value: object) -> object:
    """Returns what a proxy stands for; of everything else, and of a proxy that stands for nothing now, itself."""
    try:
        for _ in range(_MOST_IN_TURN):
            resolver = _resolver_of(type(value))  # type: ignore[arg-type]  # mypy takes classes for unhashable
            if resolver is None:
                break
            value = resolver(value)
    except Exception:  # noqa: BLE001 - outside a request, for instance
        return value
    return value


def all_resolved(value: object) -> object:
    """Returns a value, or a copy with what the proxies in its lists and dicts stand for."""
    return value if type(value) in _PLAIN else _Walk().resolve(value)


class _Walk:
    """Looks at each list and dict once, and at no more than some thousand members."""

    def __init__(self) -> None:
        self._left = _MAX_MEMBERS
        self._seen: set[int] = set()

    def resolve(self, value: object) -> object:
        kind = type(value)
        if kind is not dict and kind is not list and kind is not tuple:
            value = resolved(value)
            kind = type(value)
        if kind is dict:
            found = self._members(value, value.values())  # type: ignore[attr-defined]
            return value if found is None else dict(zip(value, found, strict=False))  # type: ignore[call-overload]
        if kind is list or kind is tuple:
            found = self._members(value, value)  # type: ignore[arg-type]
            return value if found is None else kind(found)
        return value

    def _members(self, owner: object, members: Collection[object]) -> list[object] | None:
        """The members, if any of them is another than before."""
        if _PLAIN.issuperset(map(type, members)) or id(owner) in self._seen:
            return None
        self._seen.add(id(owner))
        self._left -= len(members)
        if self._left < 0:
            return None
        before = list(members)
        found = [member if type(member) in _PLAIN else self.resolve(member) for member in before]
        is_same = all(map(operator.is_, found, before))
        return None if is_same else found


@functools.lru_cache(_MAX_CLASSES)
def _resolver_of(kind: type) -> _Resolver | None:
    """Looks at the class alone, as a proxy passes on what it is asked itself, and a mock has every attribute."""
    bases = kind.__mro__[:-1]
    if any(base.__name__ == "Promise" and base.__module__ == "django.utils.functional" for base in bases):
        return str
    if not any("__class__" in base.__dict__ for base in bases):
        return None
    if hasattr(kind, "_get_current_object"):
        return operator.methodcaller("_get_current_object")
    if hasattr(kind, "_setup") and hasattr(kind, "_wrapped"):
        return _of_django
    return operator.attrgetter("__wrapped__") if hasattr(kind, "__wrapped__") else _copied


def _of_django(proxy: Any) -> object:
    proxy.__class__  # noqa: B018 - sets it up
    return object.__getattribute__(proxy, "__dict__")["_wrapped"]


def _copied(proxy: Any) -> object:
    """Of a proxy of another make, where it stands for a value of a built-in type."""
    kind = proxy.__class__
    return kind(proxy) if kind in _COPIED else proxy


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
