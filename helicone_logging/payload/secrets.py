"""Finds secrets by their form: `redact="secrets"`. Loaded only by those who ask for it.

A text is searched for what can start a secret, with one pattern that begins with a rare character and with
`bytes.find`; only there the slower patterns are tried. What one of these reads is bounded, or is not read again, so
the work grows with the length of the text and with nothing else.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import lru_cache

from helicone_logging.payload import secret_assignments, secret_forms
from helicone_logging.payload.redaction import MASK
from helicone_logging.payload.secret_assignments import names_a_secret
from helicone_logging.payload.secret_forms import LEAST_CARD_DIGITS, Finder, Span, cards, tokens

_FINDERS = [
    (signs, (*secret_forms.FINDERS.get(signs, ()), *secret_assignments.FINDERS.get(signs, ())))
    for signs in secret_forms.FINDERS | secret_assignments.FINDERS
]

_SHORTEST = 6  # characters of the shortest secret that has a form: a@b.de
_SHORTEST_TOKEN = 15
_SHORT = 24  # characters; so short a text has no secret without one of these
_SHORT_SIGN = re.compile(r"[\d:=@%>\-\\\"']")
_ONE_WORD = re.compile(r"[A-Za-z0-9_./\-]{1,64}")
_HEX_ID = re.compile(r"[0-9a-f]{32}|[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_IDS = ("Session-Id", "User-Id")  # one of digits only, which may happen to be those of a card, tells whose a row is


def _shape_of(characters: bytes) -> bytes:
    """A table that makes an x of some characters and of `?`, which stands for all that is not ASCII."""
    return bytes(ord("x") if byte in characters + b"?" else ord(" ") for byte in range(256))


_WORDS = _shape_of(b"abcdefghijklmnopqrstuvwxyz0123456789-_.:/")
_LONG_WORD = b"x" * _SHORTEST_TOKEN
_NUMBERS = _shape_of(b"0123456789 \t.-")
_LONG_NUMBER = b"x" * LEAST_CARD_DIGITS


def mask_secrets(key: str, value: object) -> str:
    """Masks what has the form of a secret: the redactor of `redact="secrets"`.

    Args:
        key: the attribute's name; one that names a secret (`password`, `api_key`, ...) has its whole value masked.
        value: its text.

    Returns:
        The value itself where there is nothing to mask.
    """
    if _key_names_a_secret(key):
        return MASK
    text = str(value)
    return text if key.endswith(_IDS) and text.isdecimal() else _masked(text)


_key_names_a_secret = lru_cache(maxsize=1024)(names_a_secret)


def _masked(text: str) -> str:
    size = len(text)
    if size < _SHORTEST or (size < _SHORT and not _SHORT_SIGN.search(text)):
        return text
    spans = _in_one_word(text) if _ONE_WORD.fullmatch(text) else _in_text(text)
    return _with_masks(text, spans) if spans else text


def _in_one_word(text: str) -> list[Span]:
    """The name of a model, an id: only the forms that are one word have to be looked for."""
    if len(text) < LEAST_CARD_DIGITS or _HEX_ID.fullmatch(text):
        return []
    return tokens(text) + cards(text)


def _in_text(text: str) -> list[Span]:
    raw = text.encode("ascii", "replace").lower()
    plain = raw.decode("ascii")  # as long as the text: places are the same in both
    spans: list[Span] = []
    if raw.translate(_WORDS).find(_LONG_WORD) >= 0:
        spans += tokens(text)
    for signs, finders in _FINDERS:
        for sign in signs:
            if sign in plain:
                _find_all(finders, text, plain, spans)
                break
    if raw.translate(_NUMBERS).find(_LONG_NUMBER) >= 0:
        spans += cards(text)
    return spans


def _find_all(finders: Iterable[tuple[str, Finder]], text: str, plain: str, spans: list[Span]) -> None:
    for start, find in finders:
        at = plain.find(start)
        while at >= 0:
            span = find(text, at)
            next_at = at + len(start)
            if span is not None:
                spans.append(span)
                next_at = max(next_at, span[1])
            at = plain.find(start, next_at)


def _with_masks(text: str, spans: list[Span]) -> str:
    parts: list[str] = []
    done = 0
    for start, end in sorted(spans):
        if start >= done:
            parts += (text[done:start], MASK)
        done = max(done, end)
    return "".join([*parts, text[done:]])
