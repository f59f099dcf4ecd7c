"""Session paths as Helicone's tree reads them: a leading slash, parts between slashes, no part empty.

Helicone splits a path on `/` and makes a folder without a name of every empty part.
"""

from __future__ import annotations

import functools
import re

MAX_PART_LENGTH = 100
MAX_PARTS = 64

_UNNAMED = "unnamed"
_BLANK_OR_CONTROL = re.compile(r"[\s\x00-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]+")


def clean_part(name: str) -> str:
    """Returns a name as one part of a path: slashes become `_`, blanks and control characters one space.

    Args:
        name: any text; what is longer than 100 characters is cut and ends in `…`, and an empty name is `unnamed`.
    """
    return _clean(name[: 4 * MAX_PART_LENGTH])


@functools.lru_cache(1024)
def _clean(name: str) -> str:
    """Names are few, as they are written in the code; those that are not push each other out."""
    text = _BLANK_OR_CONTROL.sub(" ", name.replace("/", "_")).strip()
    if len(text) > MAX_PART_LENGTH:
        text = text[: MAX_PART_LENGTH - 1] + "…"
    return text or _UNNAMED


def clean_path(path: str) -> str:
    """Returns a path with a leading slash, every part cleaned and the empty ones left out.

    Args:
        path: parts between slashes; of more than 64 the first ones are kept.
    """
    return _clean_path(path[: 8 * MAX_PARTS * MAX_PART_LENGTH])


@functools.lru_cache(256)
def _clean_path(path: str) -> str:
    """The records inside one `span()` come with the same path."""
    parts = [clean_part(part) for part in path.split("/", 10 * MAX_PARTS) if part.strip()]
    return "/" + "/".join(parts[:MAX_PARTS])


def join(parent: str, name: str) -> str:
    """Returns the path of a step below another.

    Args:
        parent: a clean path; empty or `/` for the root. One that is 64 parts deep already gets no deeper.
        name: the step's own name, cleaned here.
    """
    return _join(parent, name[: 4 * MAX_PART_LENGTH])


@functools.lru_cache(256)
def _join(parent: str, name: str) -> str:
    """The records of a call site come one after the other."""
    if parent.count("/") >= MAX_PARTS:
        return parent
    return parent.rstrip("/") + "/" + clean_part(name)
