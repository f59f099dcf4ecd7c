"""What a handler tells of itself: counters, and reports on stderr at a bounded rate. It never logs."""

from __future__ import annotations

import math
import threading
from dataclasses import dataclass

from helicone_logging.core import clock, lifecycle, notices, uwsgi
from helicone_logging.delivery.queue import QueueStats

_REPORT_EVERY = 60.0  # seconds
_MAX_KINDS = 64  # that are remembered


@dataclass(frozen=True)
class HandlerStats:
    """The account of a handler: emitted + recovered = delivered + rejected + dropped + queued.

    Args:
        emitted: records that were to be exported.
        delivered: those that the server took.
        rejected: those that were refused for good, by the server or because they could not be encoded.
        dropped: those lost for want of room or time.
        queued: those waiting or being sent.
        queued_bytes: their size.
        oldest_age: for how many seconds the oldest has been waiting; 0.0 when none is.
        recovered: those found in a spool that another process left.
        skipped: records that were not to be exported; they are not part of the account.
        cut_values: values that were longer than allowed.
        malformed: values of `traceparent` that could not be read.
        last_error: why the last send did not succeed; None if none ever failed.
        last_error_at: when that was, in seconds since the epoch.
        last_success_at: when the server last took something, in seconds since the epoch.

    .. versionadded:: 0.1
    """

    emitted: int = 0
    delivered: int = 0
    rejected: int = 0
    dropped: int = 0
    queued: int = 0
    queued_bytes: int = 0
    oldest_age: float = 0.0
    recovered: int = 0
    skipped: int = 0
    cut_values: int = 0
    malformed: int = 0
    last_error: str | None = None
    last_error_at: float | None = None
    last_success_at: float | None = None


def counted(number: int, one: str, many: str) -> str:
    """Returns a number with the words for one or for many, as `1 record is` or `2,000 records are`."""
    return f"{number:,} {one if number == 1 else many}"


class Diagnostics:
    """Counts what the queue does not, and reports trouble once a minute and kind at the most."""

    def __init__(self) -> None:
        self.after_fork_in_child()
        lifecycle.watch_forks(self)

    def after_fork_in_child(self) -> None:
        self._lock = threading.RLock()  # reentrant: a signal handler may log while this thread is inside
        self._reported: dict[str, float] = {}  # when, by kind
        self.skipped = 0
        self.cut_values = 0
        self.malformed = 0
        self.unencodable = 0
        self.last_error: str | None = None
        self.last_error_at: float | None = None
        self.last_success_at: float | None = None

    def skip(self) -> None:
        """Counts a record that is not exported."""
        with self._lock:
            self.skipped += 1

    def count(self, *, cut_values: int = 0, malformed: int = 0, unencodable: int = 0) -> None:
        """Adds to the other counters."""
        with self._lock:
            self.cut_values += cut_values
            self.malformed += malformed
            self.unencodable += unencodable

    def lost(self, what: str, error: Exception) -> None:
        """Counts something that cannot be encoded, and tells of it in words that say nothing of its content."""
        self.count(unencodable=1)
        self.report("unencodable", f"{what} cannot be encoded and is lost: {type(error).__name__}")

    def stats(self, counted: QueueStats) -> HandlerStats:
        """Returns these counters beside those of a queue; what could not be encoded counts as rejected."""
        with self._lock:
            fields = counted._asdict()
            fields["emitted"] += self.unencodable
            fields["rejected"] += self.unencodable
            return HandlerStats(
                **fields,
                skipped=self.skipped,
                cut_values=self.cut_values,
                malformed=self.malformed,
                last_error=self.last_error,
                last_error_at=self.last_error_at,
                last_success_at=self.last_success_at,
            )

    def succeeded(self) -> None:
        """Notes that the server took something now."""
        self.last_success_at = clock.time()

    def failed(self, detail: str) -> None:
        """Notes why a send did not succeed."""
        with self._lock:
            self.last_error, self.last_error_at = detail, clock.time()

    def has_reported(self, kind: str) -> bool:
        """Returns whether a report of a kind would not be written now."""
        return clock.monotonic() - self._reported.get(kind, -math.inf) < _REPORT_EVERY

    def report(self, kind: str, text: str) -> None:
        """Writes a line to stderr, unless one of its kind was written in the last minute.

        Nothing is written when `logging.raiseExceptions` is false, as for every handler of the standard library.

        Args:
            kind: what repeated reports have in common.
            text: what happened, with the numbers and the remedy; never a key or a prompt.
        """
        with self._lock:
            if self.has_reported(kind):
                return
            if len(self._reported) >= _MAX_KINDS:
                self._reported.clear()
            self._reported[kind] = clock.monotonic()
        notices.report(text)

    def warn_of_missing_threads(self) -> None:
        """Reports if the process is one of uWSGI's in which no thread of the application ever runs."""
        if uwsgi.is_without_threads():
            self.report("uwsgi", "uWSGI runs without threads, so records wait for `close`; set `enable-threads`")
