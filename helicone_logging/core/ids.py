"""Trace and span ids: read what the user has, derive what has another form, generate what is missing.

The forms on the wire are those of W3C Trace Context: 32 and 16 hexadecimal digits, never all zero.
"""

from __future__ import annotations

import functools
import random
import re
import uuid
from typing import NamedTuple

from helicone_logging.core import bounded, coerce, lifecycle
from helicone_logging.core.proxies import name_of_unfetched
from helicone_logging.core.safe_vars import is_text

try:  # hashlib takes it from there, and loads OpenSSL beside it, which takes 4 ms
    from _blake2 import blake2b
except ImportError:  # of another Python
    from hashlib import blake2b

_TRACE_DIGITS = 32
_SPAN_DIGITS = 16
_SPAN_BITS = (1 << 4 * _SPAN_DIGITS) - 1
_SHARE_BYTES = 6  # which a float holds exactly
_MAX_REMEMBERED = 128  # characters of a text whose id is remembered
_read_hex = bytes.fromhex  # a third of the time of a pattern; it skips blanks, so what it has read is measured
# Patterns are compiled, and kept by `re`, when one is asked for: they take 1 ms of the import of this package.
_UUID = r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}"
# https://www.w3.org/TR/trace-context/#traceparent-header: lower case; a version above 00 may carry more parts.
_TRACEPARENT = r"([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-[0-9a-f]{2}(-.*)?"


class TraceParent(NamedTuple):
    """The ids that a W3C `traceparent` carries.

    Args:
        trace_id: 32 lower-case hexadecimal digits.
        span_id: 16 lower-case hexadecimal digits: the caller's span, so the parent of what happens here.
    """

    trace_id: str
    span_id: str


class _Source(random.Random):
    """Random ids from a generator of our own.

    The application's `random.seed(42)` must not make ids repeat, nor may a fork; and `os.urandom` for every
    record would release the interpreter lock so often that it starves the sender threads.
    """

    def __init__(self) -> None:
        super().__init__()
        lifecycle.watch_forks(self)

    def after_fork_in_child(self) -> None:
        self.seed()


_source = _Source()


def new_bits() -> int:
    """Returns random bits for a trace id and a span id, to be written when one is wanted.

    Whoever asks for them has seen to it that this is no forked child with the bits of its parent (`check_fork`).
    """
    return _source.getrandbits(4 * (_TRACE_DIGITS + _SPAN_DIGITS))


def trace_id_of(bits: int) -> str:
    """Returns the trace id, 32 hexadecimal digits, that `new_bits` were drawn for."""
    return f"{bits >> 4 * _SPAN_DIGITS or 1:032x}"


def span_id_of(bits: int) -> str:
    """Returns the span id, 16 hexadecimal digits, that `new_bits` were drawn for."""
    return f"{bits & _SPAN_BITS or 1:016x}"


def new_trace_id() -> str:
    """Returns a random trace id of 32 hexadecimal digits."""
    lifecycle.check_fork()
    return trace_id_of(new_bits())


def new_span_id() -> str:
    """Returns a random span id of 16 hexadecimal digits."""
    lifecycle.check_fork()
    return span_id_of(new_bits())


def trace_id(value: object) -> str | None:
    """Returns the trace id that a value stands for: the same for equal values, in every process.

    Args:
        value: 32 hexadecimal digits are taken as they are, a UUID (object or text), a positive int below 2^128
            and 16 bytes in their hexadecimal form; anything else is hashed as text.

    Returns:
        32 hexadecimal digits; None for a value that names nothing: None, False, blank text, zeros.
    """
    return _identify(value, _TRACE_DIGITS)


def span_id(value: object) -> str | None:
    """Returns the span id that a value stands for, as `trace_id` does.

    Args:
        value: 16 hexadecimal digits are taken as they are, a positive int below 2^64 and 8 bytes in their
            hexadecimal form; anything else is hashed as text.

    Returns:
        16 hexadecimal digits; None for a value that names nothing: None, False, blank text, zeros.
    """
    return _identify(value, _SPAN_DIGITS)


def _identify(value: object, digits: int) -> str | None:
    if type(value) is str:
        if _is_id(value, digits):  # as most of them are
            return value if value.strip("0") else None
        return (_from_short_text if len(value) <= _MAX_REMEMBERED else _from_text)(value, digits)
    if value is None:
        return None
    try:
        return _from_any(value, digits)
    except Exception:  # noqa: BLE001 - any object may come in `extra=`, and none may raise into the application
        return None


def _from_any(value: object, digits: int) -> str | None:
    if isinstance(value, str):
        return _from_text(value, digits)
    if isinstance(value, uuid.UUID):  # as below, in half the time
        return _from_text(str(value), digits)
    if value is False:
        return None
    if isinstance(value, int) and not isinstance(value, bool):
        return _from_int(value, digits)
    if isinstance(value, bytes) and (len(value) * 2 == digits or not value.strip(b"\0")):
        return _from_text(value.hex(), digits)
    return None if name_of_unfetched(value) else _from_text(_text_of(value), digits)


def _text_of(value: object) -> str:
    """The same in every record, however much was read of it before."""
    with bounded.RecordBudget():
        return coerce.printed(value)


def _from_text(text: str, digits: int) -> str | None:
    text = text.strip()
    if not text.strip("0-"):  # "0" and all zeros are how others say that there is none (opentelemetry-python #3828)
        return None
    if _is_id(text, digits):
        return text
    if digits == _TRACE_DIGITS and re.fullmatch(_UUID, text):
        return _from_text(text.replace("-", ""), digits)
    return _derive(text, digits) if text else None


_from_short_text = functools.lru_cache(4096)(_from_text)  # the records of one trace come one after the other


def _is_id(text: str, digits: int) -> bool:
    try:
        return len(text) == digits == 2 * len(_read_hex(text))
    except ValueError:
        return False


def _from_int(value: int, digits: int) -> str | None:
    if value == 0:
        return None
    if 0 < value < 1 << (4 * digits):
        return f"{value:0{digits}x}"
    return _derive(hex(value), digits)  # hex, as very long ints refuse decimal text


def _derive(text: str, digits: int) -> str:
    return blake2b(text.encode("utf-8", "surrogatepass"), digest_size=digits // 2).hexdigest()


def share(trace: str) -> float:
    """Returns where a trace stands from 0.0 up to 1.0: evenly spread, however ids are chosen, and always the same."""
    digest = blake2b(trace.lower().encode(), digest_size=_SHARE_BYTES).digest()
    return int.from_bytes(digest, "big") / (1 << 8 * _SHARE_BYTES)


def is_named(name: str, value: object) -> bool:
    """Returns whether the value of a field of ids names something: blanks, False, zeros and empty text do not.

    Args:
        name: `trace_id`, `span_id`, `parent_span_id`, `traceparent`, `session_id` or `user_id`; `"0"` may be a user.
        value: as it was logged or bound.
    """
    if type(value) is str:
        said = value.strip()
        if name == "traceparent" and said.count("-") >= 3:  # a malformed one is a value
            said = "-".join(said.split("-")[1:3])
        return bool(said if name == "user_id" else said.strip("0-"))
    if value is None or value is False or (type(value) is bytes and not value.strip(b"\0")):
        return False
    if name in ("session_id", "user_id", "traceparent"):
        return name == "user_id" or type(value) is not int or value != 0
    return trace_id(value) is not None


def parse_traceparent(value: object) -> TraceParent | None:
    """Reads a W3C `traceparent`.

    Returns:
        Its ids; None when it is no text, malformed, of the invalid version ff, or has an all-zero id.
    """
    match = re.fullmatch(_TRACEPARENT, value.strip()) if is_text(value) else None
    if match is None:
        return None
    version, trace, span, rest = match.groups()
    if version == "ff" or (version == "00" and rest) or not trace.strip("0") or not span.strip("0"):
        return None
    return TraceParent(trace, span)


def format_traceparent(trace: str, span: str) -> str:
    """Returns the W3C `traceparent` of version 00 for a trace id and a span id, with the sampled flag set."""
    return f"00-{trace.lower()}-{span.lower()}-01"
