"""Rules about fields that were logged and not understood: misspelt names, and values of another type."""

from __future__ import annotations

import difflib
import functools
import re
from collections.abc import Iterator
from typing import Any, NamedTuple

from helicone_logging.core import ids
from helicone_logging.core.findings import INFO, Finding
from helicone_logging.receiver.subject import Subject
from helicone_logging.receiver.visible import one_line
from helicone_logging.receiver.vocabulary import FIELDS, OPENTELEMETRY, Field

_SHORT = 40  # characters of a value, which may be a prompt, or of a name
_LEAST = 5  # letters of a name that may be misspelt: `seed` and `speed` are words of their own
_CUTOFF = 0.88  # a letter more or less of five, another one of nine
_ORDINARY = frozenset({"stats"})  # near a field, and a word of its own
_IN_NO_TYPO = re.compile(r"[^a-z0-9]")
_OF_SPANS = ("trace_id", "span_id")

_BY_NAME = {name: field for field in FIELDS for name in (field.name, *field.aliases)}
_BY_LETTERS = {_IN_NO_TYPO.sub("", name): name for name in _BY_NAME}
_MISSPELLABLE = [letters for letters in _BY_LETTERS if len(letters) >= _LEAST]


class _Meant(NamedTuple):
    """What somebody meant who wrote another name.

    Args:
        set: what to set instead.
        fields: those of which a span lacks each.
        severity: of the finding.
        is_of_calls: whether the name means that in calls of models only.
        is_slip: whether the other name is a slip of the pen.
    """

    set: str
    fields: tuple[str, ...]
    severity: str = INFO
    is_of_calls: bool = False
    is_slip: bool = False


_COMPLETION = _Meant("completion, or llm_response for what an SDK returned", ("completion",), is_of_calls=True)
_PROMPT = _Meant("prompt, or messages", ("messages",), is_of_calls=True)
_TOKENS = _Meant("prompt_tokens and completion_tokens", ("prompt_tokens", "completion_tokens", "total_tokens"))
_USAGE = _TOKENS._replace(set="llm_response, or prompt_tokens and completion_tokens")
_MODEL = _Meant("model", ("model",))
_MILLISECONDS, _SECONDS = _Meant("duration_ms", ("duration_ms",)), _Meant("duration", ("duration",))
# Other names that are in use for what has a field: by an application perhaps for something else, so this is advice.
_OTHER_NAMES = {
    "user": _Meant("user_id", ("user_id",)),
    "session": _Meant("session_id", ("session_id",)),
    "model_name": _MODEL,
    "model_id": _MODEL,
    **dict.fromkeys(("response", "answer", "output", "reply", "completions"), _COMPLETION),
    **dict.fromkeys(("question", "input", "prompts"), _PROMPT),
    "tokens": _TOKENS._replace(set=f"{_TOKENS.set}, or total_tokens"),
    "usage": _USAGE,
    "token_usage": _USAGE,
    **dict.fromkeys(("latency", "elapsed_ms", "duration_millis"), _MILLISECONDS),
    **dict.fromkeys(("elapsed", "elapsed_s", "latency_s", "duration_s", "duration_seconds"), _SECONDS),
}


def misspelt(subject: Subject) -> Iterator[Finding]:
    """Finds attributes whose names are near to a field that the span lacks."""
    if not _is_of_this_package(subject):
        return
    for name, value in subject.all_attributes.items():
        meant = _meant_by(name)
        if meant is None or not _is_lacking(meant, subject) or _says_the_same(meant, value, subject):
            continue
        text = f"`{one_line(name, _SHORT)}` is no field and shows in no column, as {meant.set} would"
        yield Finding("misspelt" if meant.is_slip else "other-name", meant.severity, text, meant.set, subject.where)


def wrong_types(subject: Subject) -> Iterator[Finding]:
    """Finds values that their field does not take, which are left under its own name."""
    if not _is_of_this_package(subject):
        return
    attributes = subject.all_attributes
    refused = [field for field in FIELDS if field.takes and field.name in attributes]
    refused += [field for field in OPENTELEMETRY if field.name in attributes and not field.is_said(subject)]
    for field in refused:
        yield Finding("wrong-type", field.severity, _refusal(field, attributes[field.name]), field.name, subject.where)


def _refusal(field: Field, value: object) -> str:
    shown = one_line(value if isinstance(value, str) else repr(value), _SHORT)
    return f"{field.name}={shown!r} was not understood: it takes {field.takes}"


def _is_of_this_package(subject: Subject) -> bool:
    """Whether a record was logged: who else makes spans means something else by the same names."""
    return "logger" in subject.row.properties


@functools.lru_cache(4096)
def _meant_by(name: str) -> _Meant | None:
    if name in _BY_NAME or "." in name:
        return None
    known = _OTHER_NAMES.get(name.lower())
    if known is not None:
        return known
    near = _nearest(name.lower())
    return None if near is None else _Meant(near, (_BY_NAME[near].name,), _BY_NAME[near].severity, is_slip=True)


def _nearest(name: str) -> str | None:
    """The field that a name is a slip of the pen for; None for a word of its own."""
    letters = _IN_NO_TYPO.sub("", name)
    if letters in _BY_LETTERS or letters in _ORDINARY or not letters:
        return _BY_LETTERS.get(letters)
    if "_" in name and letters + "s" in _BY_LETTERS:
        return _BY_LETTERS[letters + "s"]
    for near in _MISSPELLABLE:
        field = _BY_LETTERS[near]
        if letters[0] == near[0] and name.count("_") == field.count("_") and _is_slip(letters, near):
            return field
    return None


def _is_slip(letters: str, near: str) -> bool:
    """Whether letters are in another order, or, but for the last one (`mode`, `models`), are missing or wrong."""
    if sorted(letters) == sorted(near):
        return True
    return letters[-1] == near[-1] and bool(difflib.get_close_matches(letters, [near], cutoff=_CUTOFF))


def _is_lacking(meant: _Meant, subject: Subject) -> bool:
    if meant.is_of_calls and not subject.row.model:
        return False
    return not any(_BY_NAME[name].is_said(subject) for name in meant.fields)


def _says_the_same(meant: _Meant, value: Any, subject: Subject) -> bool:
    """Whether an id stands there that the span has anyway."""
    if meant.set not in _OF_SPANS:
        return False
    read, own = (ids.trace_id, "traceId") if meant.set == "trace_id" else (ids.span_id, "spanId")
    return bool((read(value) or "").lower() == subject.span[own].lower())
