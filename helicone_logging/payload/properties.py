"""Helicone's custom properties: names of any script, which stay different where signs are taken out of them."""

from __future__ import annotations

import functools
import re
import zlib
from collections.abc import Iterable, Mapping

from helicone_logging.core import bounded
from helicone_logging.core.coerce import text_of
from helicone_logging.payload.fields import is_given

_MAX_NAME = 100
_PREFIX = "helicone-property-"
# Letters, marks and digits of all scripts stay, and emoji; of ASCII what names are made of. Lone surrogates, controls
# and separators of lines go.
_SIGNS = re.compile(r"[\x00-\x1f!-,/:-@\[-^`{-\x9f\u2028\u2029\ud800-\udfff]+")


def given_properties(value: object) -> dict[str, object]:
    """Returns the properties of a mapping that have a value, by the names that the user gave them.

    Args:
        value: a mapping; anything else has no properties. The prefix of Helicone's headers is left out of the names.
    """
    if value is None or not isinstance(value, Mapping):
        return {}
    given = {text_of(name): item for name, item in bounded.copied(value).items() if is_given(item)}
    found: dict[str, object] = {}
    for name, item in given.items():
        short = _without_prefix(name)
        found[name if short is not name and (short in given or short in found) else short] = item
    return found


def properties_of(value: object) -> dict[str, str]:
    """Returns a mapping as Helicone's properties: names that can be sent, all of them different, values as text."""
    given = given_properties(value)
    names = sent_names(given)
    return {names[name]: text_of(item) for name, item in given.items()}


def sent_names(given: Iterable[str]) -> dict[str, str]:
    """Returns under which name each property is sent.

    Args:
        given: names as the user wrote them. One that can be sent as it is keeps it; of others that would be sent alike,
            the first keeps the name, and the rest get a hash of their own behind it.
    """
    names = {name: _clean(name) for name in given}
    if len(set(names.values())) == len(names):  # as nearly always
        return names
    taken = {name for name, sent in names.items() if name == sent}
    for name, sent in names.items():
        if name != sent:
            names[name] = sent if sent not in taken else marked(name, sent, _MAX_NAME)
            taken.add(names[name])
    return names


def _without_prefix(name: str) -> str:
    return name[len(_PREFIX) :] or name if name.lower().startswith(_PREFIX) else name


@functools.lru_cache(4096)
def _clean(name: str) -> str:
    return _SIGNS.sub("_", _without_prefix(name.strip()))[:_MAX_NAME] or "_"


def marked(name: str, sent: str, most: int) -> str:
    """Returns under which name of `most` characters something is sent that would be sent as something else is."""
    mark = f"-{zlib.crc32(name.encode('utf-8', 'surrogatepass')):08x}"
    return sent[: most - len(mark)] + mark
