"""The interface of a queue between `emit` and the workers; `memory` and the spool implement it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, Protocol

from helicone_logging.core.wire import Entry


class Item(NamedTuple):
    """A record in a queue; it is immutable, and goes back by `requeue` with what has changed (`item._replace`).

    Args:
        entry: the record: a size, and bytes when asked. A queue on disk hands out `core.wire.Encoded` or, of what it
            still has in memory, the entry that was put.
        size: `entry.size` when it was put, so that the sums of bytes are right whatever an entry says later.
        attempts: how often the server failed on it; 0 for a record that was never sent. Workers count it, queues keep
            it, and hand out delayed records together only where they failed equally often (`backoff.retry_limit`).
        queued_at: when it was put or recovered, on the monotonic clock, in seconds; it never changes.
        checkpoint: the number of checkpoints drawn before it; set by the queue.
        id: by which a queue finds the record again, such as its place on disk; meaningless to others.
    """

    entry: Entry
    size: int
    attempts: int = 0
    queued_at: float = 0.0
    checkpoint: int = 0
    id: int = 0


class QueueStats(NamedTuple):
    """What became of the records, at one moment: emitted + recovered = delivered + rejected + dropped + queued.

    The queue counts all of it, under its lock; workers only say what happened (`done`, `reject`, `requeue`).

    Args:
        emitted: records that `put` was called with, those it refused included.
        delivered: those of `done`.
        rejected: those of `reject`.
        dropped: those lost for want of room or time: refused by `put`, pushed out by `"drop_oldest"`, or lost at
            `discard`.
        queued: those that wait or were taken and have not come back yet.
        queued_bytes: their sizes, in bytes.
        oldest_age: for how many seconds the oldest that waits has been in the queue; 0.0 when none does.
        recovered: records of an earlier or ended process that this queue took over from disk and may hand out; 0 in
            memory. A record that this process itself put and reads back is not one of them. Records that a queue on
            disk keeps for the next process at `discard` leave `emitted` (or `recovered`): they will be counted there.
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
    `done`, `reject`, `requeue` end its being taken, one of them exactly once for each item of a `take`.

    Wake-ups: an idle process has none. `put` wakes one waiting taker, and none while a taker that lingers still wants
    more records, or while no taker waits; a taker that leaves ready records behind wakes the next one.
    """

    def put(self, entry: Entry) -> int:
        """Takes a record in, at the back, and returns how many were dropped for it, itself included.

        It returns in microseconds (a queue on disk: once the record is written), but for `overflow="block"`, which
        waits up to `block_timeout` for room, and no longer than until `close`. It reopens a queue that was closed or
        discarded.
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
            At least one item; none at the deadline, after `discard`, and without a deadline also after `close`. A
            worker that gets none ends.
        """

    def requeue(self, items: Sequence[Item], delay: float = 0.0) -> int:
        """Puts taken records back, and returns how many of them were dropped instead.

        Args:
            items: as they were taken, or with more `attempts`.
            delay: 0.0 to put them in front of all ready ones, in their order; else in how many seconds they are due.

        Returns:
            0, but after `discard` (until the next `put`): then they are lost and counted as dropped, or kept on disk.
        """

    def done(self, items: Sequence[Item]) -> None:
        """Forgets taken records that the server has: counts them as delivered (on disk: writes their tombstones)."""

    def reject(self, items: Sequence[Item]) -> None:
        """Forgets taken records that were refused for good: counts them as rejected (on disk: tombstones, too)."""

    def pause(self, until: float, *, firm: bool = False) -> None:
        """Hands out nothing before a moment: the circuit breaker is open; a moment that is past ends the pause.

        Args:
            until: the moment; it replaces that of an earlier pause.
            firm: the server itself asked for it, so that `expedite` does not end it.
        """

    def expedite(self, *, delayed: bool = False) -> None:
        """Ends a pause that is not firm, as somebody waits for the records.

        Args:
            delayed: True to make delayed records due now, too, in the order in which they would have been.
        """

    def checkpoint(self) -> int:
        """Draws a line behind every record that is in the queue now, taken ones included, and returns its number."""

    def join(self, checkpoint: int, deadline: float) -> bool:
        """Waits until every record before a checkpoint has left, and says whether all have.

        It is woken by what leaves, not by the clock, and returns early, with False, when a firm pause lasts beyond
        the deadline. A deadline that is past makes it a look without a wait.
        """

    def stats(self) -> QueueStats:
        """Returns what became of the records."""

    def close(self) -> None:
        """Ends the waits of workers and producers: takers without a deadline get nothing, `put` waits for no room.

        Records stay, for takers that give a deadline (who empties a closed queue), backoff and pause heeded. A queue on
        disk in which nothing is left lets go of its files. The next `put` reopens the queue.
        """

    def discard(self) -> int:
        """Ends at once: takers get nothing any more, and what waits is dropped; returns how many were lost.

        A queue on disk loses only what it could not write, keeps the rest for the next process, and lets go of its
        files as soon as no record is taken. Comes after `close`, at the end of every delivery, also when nothing is
        left. The next `put` begins anew.
        """

    def after_fork_in_child(self) -> None:
        """Begins anew, empty and with new locks, as the records, threads and files stay the parent's.

        Called in a forked child before anything else of the queue, with Python's fork hooks or without; its locks may
        be held by threads that do not exist here, so none of them may be touched.
        """
