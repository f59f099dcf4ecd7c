"""What the readers of all families of APIs share: the fields they make, and text that may be JSON."""

from __future__ import annotations

import json
from collections.abc import Mapping

from helicone_logging.llm import safe_get
from helicone_logging.llm.safe_get import get

Fields = dict[str, object]
"""`extra=` fields by name."""

_MAX_JSON = 4 * 1024 * 1024  # characters; what is longer is no answer that anybody wants parsed while they wait


def known(fields: Mapping[str, object]) -> Fields:
    """Returns the fields that have a value."""
    return {name: value for name, value in fields.items() if value is not None}


def name(source: object, *names: str) -> str | None:
    """Returns the first text that is not empty under some names."""
    for candidate in names:
        found = safe_get.text(get(source, candidate))
        if found:
            return found
    return None


def tokens(source: object, *names: str) -> int | None:
    """Returns the sum of the counts under some names; None when there is none of them."""
    found = [amount for key in names if (amount := safe_get.count(get(source, key))) is not None]
    return sum(found) if found else None


def parsed(value: object) -> object:
    """Returns what JSON text says; any other value as it is."""
    if not isinstance(value, str | bytes) or len(value) > _MAX_JSON:
        return value
    if value[:64].lstrip()[:1] not in ("{", "[", b"{", b"["):
        return value
    try:
        decoded: object = json.loads(value)
    except ValueError:
        return value
    return decoded
