"""Objects of SDKs as plain values: what they hold now, to be read later.

Nearly all SDKs return models of pydantic, and what a model holds, its `__dict__` has. A copy of that into dicts costs
the caller a tenth of reading it; nothing can change it afterwards, and its readers see no difference.
"""

from __future__ import annotations

from typing import Any

from helicone_logging.core.safe_vars import is_absent, is_model, safe_vars
from helicone_logging.llm import safe_get
from helicone_logging.llm.providers import detect

_SCALARS = frozenset((str, int, float, bool, type(None), bytes))
_MOST = 2_000  # objects, dicts and lists that are copied, as whoever logs waits for it
_MEMBERS = 100  # of one list that cost as much as an object
_DEEPEST = 50


class NotPlainError(Exception):
    """A value holds something that no copy can stand for, such as a stream."""


def snapshot(value: object) -> object:
    """Returns a value with dicts in the place of models; what holds none is not copied.

    Args:
        value: what an SDK returned or was given, or a list of all chunks of a stream.

    Raises:
        NotPlainError: it holds objects of other kinds, or too many.
    """
    found = _Copy().of(value, 0)
    first, copied = (value[0], found[0]) if type(value) is list and value else (value, found)
    if type(first) is not dict and type(copied) is dict and (provider := detect.known_by_class(first)):
        copied[detect.PROVIDER] = provider
    return found


class _Copy:
    def __init__(self) -> None:
        self._left = _MOST

    def of(self, value: Any, depth: int) -> Any:
        kind = type(value)
        if kind in _SCALARS:
            return value
        self._left -= 1 + (len(value) // _MEMBERS if kind is list or kind is tuple else 0)
        if self._left < 0 or depth > _DEEPEST:
            raise NotPlainError
        if kind is dict:
            if not _SCALARS.issuperset(map(type, value)):
                raise NotPlainError
            return self._members(value, depth)
        if kind is list or kind is tuple:
            return kind([item if _is_flat(item) else self.of(item, depth + 1) for item in value])
        if is_model(kind):
            return self._members(safe_vars(value) or {}, depth)
        text = safe_get.text(value)  # of an enum's member
        if text is None:
            raise NotPlainError
        return text

    def _members(self, fields: dict[str, Any], depth: int) -> dict[str, Any]:
        found = dict(fields)
        for name, member in list(found.items()):
            if type(member) in _SCALARS:
                continue
            if is_absent(type(member)):
                del found[name]
            else:
                found[name] = self.of(member, depth + 1)
        return found


def _is_flat(value: Any) -> bool:
    """Whether it is a text, a number or the like, or a dict of such."""
    kind = type(value)
    return kind in _SCALARS or (
        kind is dict and _SCALARS.issuperset(map(type, value)) and _SCALARS.issuperset(map(type, value.values()))
    )
