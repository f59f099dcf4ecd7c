"""What the server's answers mean for a record: a table, as measured on Helicone's server."""

from __future__ import annotations

import datetime
import enum
import json
import math
from typing import NamedTuple

_UNAUTHORISED = frozenset({401, 403, 407})  # 407: the proxy refuses the credentials, the record is innocent
_FAILED = frozenset({408, 425})
_THROTTLED = 429
_UNAVAILABLE = 503
_BAD_REQUEST = 400
_INVALID_TOKEN = "invalid token"  # noqa: S105 - what a fault inside the server's key check says, with status 400
_MAX_DETAIL = 300
_MAX_PLAIN_DETAIL = 100


class Verdict(enum.Enum):
    """What happened to a body."""

    DELIVERED = "delivered"
    REJECTED = "rejected"
    UNAUTHORISED = "unauthorised"
    THROTTLED = "throttled"
    FAILED = "failed"
    UNREACHABLE = "unreachable"


class Answer(NamedTuple):
    """What came of sending a body.

    Args:
        verdict: what it means.
        detail: the reason in words; it never holds the key.
        retry_after: seconds that the server asked to wait, or None.
        waited: seconds for which the answer let itself be waited for, to its end; infinite where none came.
    """

    verdict: Verdict
    detail: str
    retry_after: float | None = None
    waited: float = math.inf


def classify(status: int, text: str, retry_after: str | None) -> Answer:
    """Returns what an answer means.

    Args:
        status: the HTTP status.
        text: the beginning of the body.
        retry_after: the header of that name, as seconds or as a date.
    """
    if 200 <= status < 300:
        return Answer(Verdict.DELIVERED, f"HTTP {status}")
    wait = _seconds(retry_after)
    return Answer(_verdict(status, text, has_wait=wait is not None), _detail(status, text), wait)


def one_line(text: str) -> str:
    """Returns text of a server's as one line that no terminal or log takes for anything else."""
    return "".join(character if character.isprintable() else "?" for character in " ".join(text.split()))


def _verdict(status: int, text: str, *, has_wait: bool) -> Verdict:
    if status in _UNAUTHORISED or (status == _BAD_REQUEST and _INVALID_TOKEN in text.lower()):
        return Verdict.UNAUTHORISED
    if status == _THROTTLED or (status == _UNAVAILABLE and has_wait):
        return Verdict.THROTTLED
    if status in _FAILED or not 300 <= status < 500:
        return Verdict.FAILED
    return Verdict.REJECTED


def _detail(status: int, text: str) -> str:
    return f"HTTP {status} {one_line(_reason(text))}".strip()


def _reason(text: str) -> str:
    """The server's own words only: its details repeat the values it refused, and those are private."""
    try:
        return _words_of(json.loads(text))
    except (ValueError, RecursionError):  # the latter from `[[[[...`, which must not make a success a failure
        return text[:_MAX_PLAIN_DETAIL]


def _words_of(answer: object) -> str:
    if not isinstance(answer, dict):
        return ""
    words = [str(answer[name]) for name in ("message", "error") if name in answer]
    details = answer.get("details")
    if isinstance(details, dict):
        words += [f"{key}: {_words(detail)}" for key, detail in details.items()]
    return "; ".join(words)[:_MAX_DETAIL]


def _words(detail: object) -> str:
    return str(detail.get("message", "")) if isinstance(detail, dict) else ""


def _seconds(retry_after: str | None) -> float | None:
    if retry_after is None:
        return None
    try:
        seconds = float(retry_after)
    except ValueError:
        return _until(retry_after)
    return max(0.0, seconds) if math.isfinite(seconds) else None


def _until(date: str) -> float | None:
    import email.utils  # loads slowly, and is hardly ever needed

    try:
        moment = email.utils.parsedate_to_datetime(date)
    except (ValueError, TypeError, OverflowError):
        return None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=datetime.timezone.utc)
    return max(0.0, (moment - datetime.datetime.now(datetime.timezone.utc)).total_seconds())
