"""What a server's answer means for the records of a request: a table, as HTTP means it and Helicone's server does.

What is wrong with a key or a URL, the wire says.
"""

from __future__ import annotations

import datetime
import enum
import json
import math
from typing import NamedTuple

from helicone_logging.core import clock

REFUSED_BY_PROXY = 407
_FAILED = frozenset({500, 408, 425})  # perhaps the record's fault
_THROTTLED = 429
_UNAVAILABLE = 503
_MAX_DETAIL = 300
_MAX_PLAIN_DETAIL = 100


class Kind(enum.Enum):
    """What happened to a body; the values are what `on_request` is told."""

    DELIVERED = "delivered"
    REJECTED = "rejected"
    MISDIRECTED = "unauthorised"
    THROTTLED = "throttled"
    FAILED = "failed"
    UNREACHABLE = "unreachable"
    BROKEN = "broken"  # by a fault on this side, such as no memory; nothing is said about the server


class Outcome(NamedTuple):
    """What came of sending a body.

    Args:
        kind: what it means.
        detail: the reason in words; it never holds the key.
        retry_after: seconds that the server asked to wait, or None.
        remedy: what to set right, where it is the key, the URL or the proxy.
        answer: the beginning of the answer's body.
    """

    kind: Kind
    detail: str
    retry_after: float | None = None
    remedy: str = ""
    answer: str = ""


def outcome_of(status: int, text: str, retry_after: str | None = None, remedy: str = "") -> Outcome:
    """Returns what an answer means; where the wire knows a remedy, it is about key or URL."""
    if 200 <= status < 300:
        return Outcome(Kind.DELIVERED, f"HTTP {status}", answer=text)
    wait, detail = _seconds(retry_after), _detail(status, text)
    if status == REFUSED_BY_PROXY:
        remedy = "the proxy refused; check user and password in `proxies` or HTTPS_PROXY"
    if remedy:
        return Outcome(Kind.MISDIRECTED, detail, wait, remedy)
    if status == _THROTTLED or (status == _UNAVAILABLE and wait is not None):
        return Outcome(Kind.THROTTLED, detail, wait)
    if status in _FAILED:
        return Outcome(Kind.FAILED, detail, wait)
    if 300 <= status < 500:
        return Outcome(Kind.REJECTED, detail, wait)
    return Outcome(Kind.UNREACHABLE, detail, wait)  # a proxy or CDN answers for a server that is down


def one_line(text: str) -> str:
    """Returns text of a server's as one line that no terminal or log takes for anything else."""
    return "".join(character if character.isprintable() else "?" for character in " ".join(text.split()))


def reason_of(text: str) -> str:
    """Returns a server's own reason as one short line."""
    return one_line(text[:_MAX_DETAIL])


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
    return max(0.0, moment.timestamp() - clock.time())
