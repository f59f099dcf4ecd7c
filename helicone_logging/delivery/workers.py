"""Sender threads: they wait for records, take them in turn, and end when there is nothing left to do.

One thread at a time leads: it waits for work, takes a batch, makes way for the next one, and goes to send. `emit`
wakes the leader only when it waits for what came, so that a busy producer pays for no switch of threads.
"""

from __future__ import annotations

import math
import sys
import threading
import time
from collections.abc import Callable

from helicone_logging.core import lifecycle, reentrancy
from helicone_logging.delivery.diagnostics import Diagnostics
from helicone_logging.delivery.dispatch import Delivery, Transport
from helicone_logging.delivery.gate import Gate
from helicone_logging.delivery.leading import Lead
from helicone_logging.delivery.memory import Account, Item, Queue
from helicone_logging.delivery.sender_options import AUTO, SenderOptions
from helicone_logging.delivery.settling import Settling
from helicone_logging.delivery.turns import let_others_run
from helicone_logging.payload.wires.helicone import Entry

_MAX_AUTO_BATCH = 1024
_NEVER = sys.maxsize
_MANY = 64  # records whose handling others notice
_LOOK_SOON = 0.01  # seconds, where a queue on disk could not be read just now
_LOOK_AGAIN = 0.5  # seconds after which a waiting `flush` looks whether sender threads are still there


class Sender:
    """Delivers what is submitted, from the background.

    Args:
        settings: what it was made from; senders of equal settings can take each other's place.
        options: how it sends.
        queue: where records wait.
        make_transport: makes a transport for one thread.
        diagnostics: where trouble is told.
    """

    def __init__(
        self,
        settings: object,
        options: SenderOptions,
        queue: Queue,
        make_transport: Callable[[], Transport],
        diagnostics: Diagnostics,
    ) -> None:
        self.settings = settings
        self.owner: object = None  # whose `close` counts
        self.diagnostics = diagnostics
        self._options = options
        self._queue = queue
        self._make_transport = make_transport
        self._begin()
        queue.listen(self.wake)
        lifecycle.watch_forks(self)
        lifecycle.watch_exit(self)

    def after_fork_in_child(self) -> None:
        """Begins anew: what was queued stays the parent's, and so do its threads and connections."""
        self._queue.after_fork_in_child()
        self._begin()

    def _begin(self) -> None:
        self._gate = Gate()
        self._delivery = Delivery(self._queue, self._gate, self._options, self.diagnostics)
        # Conditions only: with a plain lock a thread would stop a process that gevent patches after this.
        self._lock = (
            threading.RLock()
        )  # reentrant, for signal handlers; entered itself, as one may raise in a Condition
        self._work = threading.Condition(self._lock)  # the leader waits here
        self._lead = Lead(self._lock)
        self._settling = Settling()
        self._threads: set[threading.Thread] = set()
        self._sending = 0  # batches on their way
        self._running = 0  # threads that have begun: under uWSGI without --enable-threads they never do
        self._flushing = 0
        self._wants(1)  # how much must be ready for `submit` to act; 1 also while there is no thread
        self._is_closing = False  # threads end when the queue is empty
        self._is_stopped = False  # threads end now
        self._is_put_away = False  # logging.shutdown knows no handler of this sender any more

    def submit(self, entry: Entry) -> None:
        """Takes a record in and returns at once.

        Args:
            entry: its `resourceSpans` entry.
        """
        if self._queue.put(entry):
            self._report_drops()
        self._look()

    def _look(self) -> None:
        queue = self._queue
        if queue.ready_count < self._wanted and queue.ready_bytes < self._wanted_bytes:
            return
        # Inside the queue's lock this is a signal handler, and the leader may wait for that lock with its own.
        if not queue.is_locked_here():
            self._rouse()

    def wake(self) -> None:
        """Has the queue looked at, for records that nobody submitted here."""
        if self._queue.due_in() is not None:
            self._rouse()
        self._settling.tell()

    def account(self) -> Account:
        """Returns what became of the records."""
        try:
            return self._queue.account()
        finally:
            self._look()

    def _report_drops(self) -> None:
        if self.diagnostics.is_told("dropped"):
            return  # while the queue is full, nearly every record comes here
        dropped = self._queue.account().dropped
        self.diagnostics.report(
            "dropped",
            f"{dropped:,} records are lost, as the queue is full; raise `queue_size`, `queue_bytes` or `spool_bytes`",
        )

    # Threads

    def _rouse(self) -> None:
        """Sees to it that somebody takes what is ready: the waiting leader, or one more thread."""
        with self._lock:
            self._is_stopped = False
            if self._lead.is_taken:
                self._wants(_NEVER)
                self._work.notify()
                return
            if not self._threads:
                self._is_closing = False
            thread = self._new_thread()
        if thread is not None:
            self._start(thread)
        if not self._threads and lifecycle.is_exiting():
            self.close_at_exit()  # the last word of a process that has closed its handlers

    def _new_thread(self) -> threading.Thread | None:
        """Makes one more thread, if there may be one: none at exit, where Python 3.12 refuses and others hang."""
        if len(self._threads) >= self._options.max_connections:
            self._wants(_NEVER)
            return None
        if lifecycle.is_exiting():
            return None
        thread = threading.Thread(target=self._run, name="helicone-logging-sender", daemon=True)
        self._threads.add(thread)
        self._lead.following += 1
        self._wants(_NEVER)
        return thread

    def _start(self, thread: threading.Thread) -> None:
        """Starts a thread, without any lock: with gevent it may come to its end in here."""
        try:
            thread.start()
        except RuntimeError:
            with self._lock:
                self._threads.discard(thread)
                self._lead.following -= 1
                self._wants(1)
            return
        lifecycle.watch_end_of_child()
        self.diagnostics.warn_of_missing_threads()

    def _run(self) -> None:
        with self._lock:
            self._running += 1
        with reentrancy.sending():
            transport = self._make_transport()
            is_new = True
            while items := self._next_batch(is_new=is_new):
                count = len(items)
                self._deliver(items, transport)
                items.clear()  # to be freed now, and not when the next ones have been taken
                if count >= _MANY:
                    let_others_run()
                is_new = False
            transport.close()
        with self._lock:
            self._running -= 1
        self._settling.tell()

    def _next_batch(self, *, is_new: bool) -> list[Item]:
        """Waits to lead, then for a batch; an empty one ends the thread."""
        follower = None
        with self._lock:
            self._lead.take(is_counted=is_new)
            items = self._wait_for_batch()
            if not items:
                self._lead.make_way()
                self._threads.discard(threading.current_thread())
                return items
            self._sending += 1
            self._lead.goes_to_send()
            if self._queue.ready_count and not self._lead.following:
                follower = self._new_thread()
        if follower is not None:
            self._start(follower)
        return items

    def _wait_for_batch(self) -> list[Item]:
        while not self._is_stopped:
            wait = self._look_for_batch()
            if wait == 0:
                items = self._queue.take(self._batch_limit(), self._options.batch_bytes)
                if items:
                    self._wants(1)
                    return items
                wait = _LOOK_SOON
            elif wait is None and self._is_closing:
                break
            self._work.wait(wait)
        self._wants(1)
        return []

    def _look_for_batch(self) -> float | None:
        """As `_time_to_batch`, and what comes while this looks is not overlooked.

        Where records wait for others already, one more is no reason to wake anybody.
        """
        if self._queue.due_in() == 0 and not self._gate.opens_in():
            self._wants(self._batch_limit(), self._options.batch_bytes)
            return self._time_to_linger()
        self._wants(1)
        return self._time_to_batch()

    def _time_to_batch(self) -> float | None:
        """In how many seconds to take a batch: 0 for now, None when nothing waits."""
        closed_for = self._gate.opens_in()
        if closed_for > 0:
            self._wants(_NEVER)
            return closed_for
        due_in = self._queue.due_in()
        return self._time_to_linger() if due_in == 0 else due_in

    def _time_to_linger(self) -> float:
        """In how many seconds the records that wait for others to fill their body go without them."""
        size, limit, retry_in = self._options.batch_size, self._batch_limit(), self._queue.retry_in()
        if retry_in == 0:
            return 0
        if size == 1 or (size == AUTO and not self._sending) or self._flushing or self._is_closing:
            return 0
        if self._queue.ready_count >= limit or self._queue.ready_bytes >= self._options.batch_bytes:
            return 0
        self._wants(limit, self._options.batch_bytes)
        linger = max(0, self._options.flush_interval - self._queue.ready_age())
        return linger if retry_in is None else min(linger, retry_in)

    def _batch_limit(self) -> int:
        size = self._options.batch_size
        return size if isinstance(size, int) else _MAX_AUTO_BATCH

    def _wants(self, records: int, size: int = _NEVER) -> None:
        self._wanted, self._wanted_bytes = records, size

    def _deliver(self, items: list[Item], transport: Transport, deadline: float | None = None) -> None:
        waited = math.inf
        try:
            waited = self._delivery.deliver(items, transport, deadline)
        finally:
            with self._lock:
                self._sending -= 1
                self._lead.has_waited(waited)
                self._work.notify()  # the leader may be waiting for this to come back
                is_stopped = self._is_stopped
            if is_stopped:  # what came back after `close` has nobody left to send it
                self._report_unsent(self._queue.drop_waiting())
            self._settling.tell()

    # Waiting for the records

    def flush(self, timeout: float | None = None) -> bool:
        """Waits until what is queued now has left the queue.

        Args:
            timeout: seconds at the most; None for `shutdown_timeout`.

        Returns:
            Whether all of it was delivered, or refused for good, in time.
        """
        if self._is_in_the_way():
            return False
        mark = self._queue.mark()
        with lifecycle.deadline(self._patience(timeout)) as deadline:
            return self._wait_until(lambda: self._queue.is_done(mark), deadline)

    def close(self, timeout: float | None = None) -> None:
        """Delivers what is queued, ends the threads, and reports the number of what could not be sent.

        A record that is submitted later begins anew.

        Args:
            timeout: seconds at the most; None for `shutdown_timeout`.
        """
        self.retire()
        if self._is_in_the_way():
            return
        with lifecycle.deadline(self._patience(timeout)) as deadline:
            self._queue.hurry()
            if not self._wait_until(self._is_empty, deadline):
                with self._lock:
                    self._is_stopped = True
                    self._lead.relieve()
                    self._wants(1)  # a record that comes now begins anew
                    self._work.notify()
                self._report_unsent(self._queue.drop_waiting())
            remaining = max(0.0, deadline - time.monotonic())
            self._settling.wait_for(lambda: not (self._is_closing and self._running), remaining)
        self._queue.close()

    def retire(self) -> None:
        """Goes on in the background until the queue is empty, and then ends; nobody waits."""
        self._is_closing = self._is_put_away = True
        if not self._queue.is_locked_here():
            with self._lock:
                self._work.notify()

    def _is_in_the_way(self) -> bool:
        """Whether the running thread would wait for itself.

        A callback in a sender thread would, and a signal handler in the middle of a record's way into the queue, whose
        lock the sender threads need.
        """
        return reentrancy.is_sending() or self._queue.is_locked_here()

    def resume(self) -> None:
        """Goes on after `retire`, for a handler that takes the place of the one that was put away."""
        with self._lock:
            self._is_closing = self._is_put_away = False

    def close_at_exit(self) -> None:
        """Closes at the end of the process, unless `logging.shutdown` will do that."""
        if self._is_put_away:
            self.close()

    def _patience(self, timeout: float | None) -> float:
        return self._options.shutdown_timeout if timeout is None else timeout

    def _is_empty(self) -> bool:
        with self._lock:
            return not self._sending and self._queue.due_in() is None

    def _report_unsent(self, dropped: int) -> None:
        within = f"within shutdown_timeout={self._options.shutdown_timeout:g} seconds"
        if dropped:
            self.diagnostics.report("unsent", f"{dropped:,} records are lost, as they could not be sent {within}")
        if self._sending:
            self.diagnostics.report("unsure", f"{self._sending:,} requests were not answered {within}")

    def _wait_until(self, is_done: Callable[[], bool], deadline: float) -> bool:
        with self._lock:
            self._flushing += 1  # nobody lingers now
            self._gate.hurry()
            self._work.notify()
        try:
            while not is_done():
                remaining = deadline - time.monotonic()
                if remaining <= 0 or (self._gate.is_asked() and self._gate.opens_in() > remaining):
                    return False
                if self._running:
                    self._settling.wait_for(lambda: is_done() or not self._running, min(remaining, _LOOK_AGAIN))
                else:
                    self._work_here(is_done, deadline)
            return True
        finally:
            with self._lock:
                self._flushing -= 1
            self._look()

    def _work_here(self, is_done: Callable[[], bool], deadline: float) -> None:
        """Sends from the calling thread while no sender thread runs."""
        with reentrancy.sending():
            transport = self._make_transport()
            while not self._running and not is_done() and time.monotonic() < deadline:
                items, wait = self._take_here()
                if items:
                    self._deliver(items, transport, deadline)
                else:
                    wait = min(wait, max(0.0, deadline - time.monotonic()))
                    self._settling.wait_for(lambda: is_done() or self._running > 0, wait)
            transport.close()
        with self._lock:
            self._wants(1)  # also while there is no thread

    def _take_here(self) -> tuple[list[Item], float]:
        """A batch if one is due now, else none and for how many seconds to wait."""
        with self._lock:
            wait = self._time_to_batch()
            items = self._queue.take(self._batch_limit(), self._options.batch_bytes) if wait == 0 else []
            self._sending += bool(items)
            return items, _LOOK_AGAIN if wait is None else wait
