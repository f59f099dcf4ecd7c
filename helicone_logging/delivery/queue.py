"""The interface of a queue between `emit` and the workers; `memory` and the spool implement it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, Protocol

from helicone_logging.core.wire import Entry


class Item(NamedTuple):
    """A record in a queue; it is immutable, and goes back by `requeue` with what has changed (`item._replace`).

    Args:
        entry: the record: a size, and bytes when asked; a queue on disk hands out one of its own.
        size: `entry.size` when it was put, so that the sums of bytes are right whatever an entry says later.
        attempts: how often the server failed on it; 0 for a record that was never sent. Workers count it, queues keep
            it, and hand out delayed records together only where they failed equally often (`backoff.retry_limit`).
        queued_at: when it was put or recovered, on the monotonic clock, in seconds; it never changes.
        checkpoint: the number of checkpoints drawn before it; set by the queue.
    """

    entry: Entry
    size: int
    attempts: int = 0
    queued_at: float = 0.0
    checkpoint: int = 0


class QueueStats(NamedTuple):
    """What became of the records, at one moment: emitted + recovered = delivered + rejected + dropped + queued.

    The queue counts all of it, under its lock; workers only say what happened (`done`, `requeue`).

    Args:
        emitted: records that `put` was called with, those it refused included.
        delivered: those of `done`.
        rejected: those of `done` that were refused for good.
        dropped: those lost for want of room or time: refused by `put`, pushed out by `"drop_oldest"`, damaged
            on disk, or discarded.
        queued: those that wait or were taken and have not come back yet.
        queued_bytes: their sizes, in bytes.
        oldest_age: for how many seconds the oldest that waits has been in the queue; 0.0 when none does.
        recovered: records of an earlier or ended process that this queue took over from disk and may hand out; 0 in
            memory. A record that this process itself put and reads back is not one of them. Records that a queue on
            disk keeps for the next process at its end leave `emitted` (or `recovered`): they will be counted there.
    """

    emitted: int = 0
    delivered: int = 0
    rejected: int = 0
    dropped: int = 0
    queued: int = 0
    queued_bytes: int = 0
    oldest_age: float = 0.0
    recovered: int = 0


class Queue(Protocol):
    """Where records wait to be sent; producers put, workers take, and whoever flushes joins.

    All of it is safe to call from any thread and from signal handlers (so locks are reentrant), and nothing raises
    but what a signal handler raises. No code of the application and no encoding runs under a lock; a queue on disk
    encodes before it locks. Moments (`deadline`, `until`) are on `core.clock.monotonic`.

    A record is *ready* (waits to be taken now), *delayed* (waits for its next try), or *taken* (being sent). Only
    `done` and `requeue` end its being taken, one of them exactly once for each item of a `take`.

    Wake-ups: an idle process has none. `put` wakes one waiting taker, and none while a taker that lingers still wants
    more records, or while no taker waits; a taker that leaves ready records behind wakes the next one.

    The queue is *open* until `close`; the next `put` opens it again.
    """

    def put(self, entry: Entry) -> int:
        """Takes a record in, at the back, and returns how many were dropped for it, itself included.

        It returns in microseconds (a queue on disk: once the record is written), but for `overflow="block"`, which
        waits up to `block_timeout` for room, and no longer than until `close`.
        """

    def take(
        self, limit: int, max_bytes: int, linger: float = 0.0, *, eager: bool = False, deadline: float | None = None
    ) -> list[Item]:
        """Waits for records and hands them out: delayed ones that are due first, else ready ones, oldest first.

        Args:
            limit: how many at the most; of records that failed before, `retry_limit` of it.
            max_bytes: of their sizes together, unless the first alone has more.
            linger: seconds for which the oldest ready record may wait, counted from `queued_at`, for others to make up
                `limit` or `max_bytes`. Nobody lingers while a `join` waits, after `close`, or once a delayed record is
                due. Records that came back by `requeue` without a delay do not linger again, as they are old.
            eager: True not to linger either while no record is taken (`batch_size="auto"`).
            deadline: when to return with nothing; None to wait for as long as it takes.

        Returns:
            At least one item; none at the deadline and, after `close`, without a deadline or where it discards. A
            worker that gets none ends.
        """

    def requeue(self, items: Sequence[Item], delay: float = 0.0) -> int:
        """Puts taken records back, and returns how many of them were dropped instead.

        Args:
            items: as they were taken, or with more `attempts`.
            delay: 0.0 to put them in front of all ready ones, in their order; else in how many seconds they are due.

        Returns:
            0, but while the queue is discarded: then they are lost and counted as dropped, or kept on disk.
        """

    def done(self, items: Sequence[Item], *, is_rejected: bool = False) -> None:
        """Forgets taken records (on disk: writes their tombstones).

        Args:
            items: as they were taken.
            is_rejected: False for those that the server has, to be counted as delivered; True for those that it, or
                somebody before it, refused for good.
        """

    def pause(self, until: float, *, firm: bool = False) -> None:
        """Hands out nothing before a moment: the circuit breaker is open; a moment that is past ends the pause.

        Args:
            until: the moment; it replaces that of an earlier pause.
            firm: the server itself asked for it, so that nobody who waits for the records ends it.
        """

    def checkpoint(self, *, is_urgent: bool = False) -> int:
        """Draws a line behind every record that is in the queue now, taken ones included, and returns its number.

        As somebody will wait for them, it ends a pause that is not firm.

        Args:
            is_urgent: True to make delayed records due now, too, in the order in which they would have been.
        """

    def join(self, checkpoint: int, deadline: float) -> bool:
        """Waits until every record before a checkpoint has left, and says whether all have.

        It is woken by what leaves, not by the clock, and returns early, with False, when a firm pause lasts beyond
        the deadline. A deadline that is past makes it a look without a wait.
        """

    def stats(self) -> QueueStats:
        """Returns what became of the records."""

    def close(self, *, discard: bool = False) -> int:
        """Ends the waits of workers and producers: takers without a deadline get nothing, `put` waits for no room.

        Args:
            discard: False where records stay for takers that give a deadline (who empties a closed queue), backoff and
                pause heeded. True at the end of every delivery, also when nothing is left: takers get nothing any
                more, what waits is dropped, and what comes back is, too. A queue on disk loses only what it could not
                write, keeps the rest for the next process, and lets go of its files as soon as no record is taken.

        Returns:
            How many records were lost.
        """

    def after_fork_in_child(self) -> None:
        """Begins anew, empty and with new locks, as the records, threads and files stay the parent's.

        Called in a forked child before anything else of the queue, with Python's fork hooks or without; its locks may
        be held by threads that do not exist here, so none of them may be touched.
        """
