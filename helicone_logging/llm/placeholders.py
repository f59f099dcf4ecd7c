"""Placeholders, as `[error] ...`, and JSON where it is short and meant to be read: what is no text, within text."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Sequence
from typing import TypeVar

from helicone_logging.core.bounded import CUT
from helicone_logging.core.coerce import Plain, plain_of, text_of

MAX_SHOWN = 1_000

_Entry = TypeVar("_Entry")

# What only the provider can read: it is long, and means nothing to whoever reads the row.
OPAQUE = frozenset(
    (
        "encrypted_content", "encrypted_index", "redactedContent", "search_suggestions", "signature",
        "thoughtSignature", "thought_signature", "vector",
    )
)  # fmt: skip


def joined(texts: Iterable[str]) -> str:
    """Returns the texts that are not empty, joined by line breaks."""
    return "\n".join(filter(None, texts))


def joined_some(entries: Sequence[_Entry], shown: Callable[[_Entry], str]) -> str:
    """Returns the texts of no more than `MAX_SHOWN` entries, joined by line breaks; `…` stands for the rest.

    Args:
        entries: any number of them.
        shown: makes a text of one.
    """
    return joined([*map(shown, entries[:MAX_SHOWN]), CUT if len(entries) > MAX_SHOWN else ""])


def error(message: str | None) -> str:
    """Returns the placeholder of an error; empty where there is none."""
    return f"[error] {message}" if message else ""


def refusal(why: str | None) -> str:
    """Returns the placeholder of a refusal; empty where there is none."""
    return f"[refusal] {why}" if why else ""


def embeddings(count: int, vector: object) -> str:
    """Returns the placeholder of embeddings: how many, never a vector.

    Args:
        count: how many there are.
        vector: the first of them, or what stands for it.
    """
    size = f", {len(vector):,} dimensions" if isinstance(vector, list | tuple) and vector else ""
    return f"[1 embedding{size}]" if count == 1 else f"[{count:,} embeddings{size}]"


def json_text(value: object) -> str:
    """Returns a value as text, like `text_of`, without what has no value and what nobody can read."""
    if type(value) is str:
        return value
    plain = _without_opaque(plain_of(value))
    if isinstance(plain, str):
        return plain
    return "" if plain is None else json.dumps(plain, ensure_ascii=False, separators=(",", ":"))


def arguments_text(value: object) -> str:
    """Returns the arguments of a call as text; those of a dict are what the model said, `null` included."""
    return text_of(value) if type(value) in (str, dict) else json_text(value)


def _without_opaque(plain: Plain) -> Plain:
    if isinstance(plain, dict):
        return {
            name: _without_opaque(value) for name, value in plain.items() if value is not None and name not in OPAQUE
        }
    return [_without_opaque(value) for value in plain] if isinstance(plain, list) else plain
