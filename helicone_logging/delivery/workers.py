"""The pool of worker threads that wait on the queue and send; and what `flush` and `close` do about it.

A worker starts when a record waits and all others are busy, up to `max_connections`, and then waits in the queue.
Where no thread can be started (at exit, since Python 3.12), the thread that closes sends by itself.
"""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable
from contextlib import closing

from helicone_logging.core import clock, lifecycle, notices, reentrancy, uwsgi
from helicone_logging.core.wire import Entry, Wire
from helicone_logging.delivery import replaced
from helicone_logging.delivery.diagnostics import Diagnostics, counted
from helicone_logging.delivery.dispatch import Dispatcher, Transport
from helicone_logging.delivery.options import AUTO, DeliveryOptions
from helicone_logging.delivery.queue import Queue, QueueStats

THREAD_NAME = "helicone-logging-sender"
_LOOK_AGAIN = 0.5  # seconds for workers that are about to begin, if they ever do
_LOOK_SOON = 0.05  # seconds after which a thread that sends by itself looks what is due
_AFTER_FAULT = 1.0  # seconds until another worker begins after one that could not work


class Sender:
    """Delivers what is submitted, from the background."""

    def __init__(
        self,
        settings: object,
        options: DeliveryOptions,
        queue: Queue,
        wire: Wire,
        make_transport: Callable[[], Transport],
        diagnostics: Diagnostics,
    ) -> None:
        self.settings = settings  # senders of equal ones can take each other's place
        self.owner: object = None  # whose `close` counts
        self.diagnostics = diagnostics
        self._options = options
        self._queue = queue
        self._wire = wire
        self._make_transport = make_transport
        self._is_put_away = False  # logging.shutdown knows no handler of this sender any more, in children either
        self._begin()
        lifecycle.watch_forks(self)
        lifecycle.watch_exit(self)

    def after_fork_in_child(self) -> None:
        """Begins anew: what was queued stays the parent's, and so do its threads and connections."""
        self._queue.after_fork_in_child()
        self._begin()

    def _begin(self) -> None:
        self._dispatcher = Dispatcher(self._queue, self._wire, self._options, self.diagnostics)
        # A Condition, as with a plain lock a thread would stop a process that gevent patches after this; and reentrant,
        # for signal handlers.
        self._ended = threading.Condition(threading.RLock())
        self._threads: set[threading.Thread] = set()
        self._running = 0  # of these, those that have begun; under uWSGI without --enable-threads they never do
        self._idle = 0  # workers that wait in the queue, or are on their way there
        self._submitted = 0  # records, about: it tells a worker that ends whether something came meanwhile
        self._dropped = self._drops_reported = 0  # records, as the queue was full
        self._refusals_reported = 1  # records; the first one is told at once
        self._is_closed = False  # nobody has submitted anything since `close`
        self._is_replaced = False  # it has no workers of its own any more
        self._kept = self._make_transport()  # of the thread that serves it then

    def submit(self, entry: Entry) -> None:
        """Takes a record in and returns at once."""
        dropped = self._queue.put(entry)
        self._submitted += 1  # before the look at who is idle: a worker that ends looks at it after that
        try:
            if dropped:
                self._report_drops(dropped)
            if self._is_closed:
                self._reopen()
            if self._is_replaced or (not self._idle and len(self._threads) < self._options.max_connections):
                self.start_worker()
        except Exception as error:  # noqa: BLE001 - the record is queued, whatever becomes of the worker
            self.diagnostics.report("fault", f"no worker could be started: {type(error).__name__}: {error}")

    def _reopen(self) -> None:
        with self._ended:
            self._is_closed = False
            self._ended.notify_all()

    def stats(self) -> QueueStats:
        """Returns what became of the records."""
        lifecycle.check_fork()
        return self._queue.stats()

    def _report_drops(self, dropped: int) -> None:
        with self._ended:
            self._dropped += dropped
        if not self.diagnostics.has_reported("dropped"):  # while the queue is full, nearly every record comes here
            self.diagnostics.report("dropped", self._drops())

    def report_losses(self) -> None:
        """Tells the totals, in the end, as a report of their kind is written once a minute."""
        if self._dropped > self._drops_reported:
            notices.report(self._drops())
        refused = self._queue.stats().rejected
        if refused > self._refusals_reported:
            self._refusals_reported = refused
            notices.report(f"{refused:,} records in all were refused, or could not be encoded, and are lost")

    def _drops(self) -> str:
        self._drops_reported = self._dropped
        return (
            f"{counted(self._dropped, 'record is', 'records are')} lost, as the queue is full; "
            "raise `queue_size`, `queue_bytes` or `spool_bytes`"
        )

    # Workers

    def start_worker(self) -> None:
        """Starts one more worker, if there may be one; at exit there may be none, and others hang."""
        if lifecycle.is_exiting():
            if not self._threads:
                self.close_at_exit()  # the last word of a process that has closed its handlers
            return
        lifecycle.watch_end_of_child()  # also where no thread can be started, as what closes there sends
        if self._is_replaced:
            self._leave()  # again, or a worker that has not heard of it yet would wait for good
            return
        try:
            thread = threading.Thread(target=self._run, name=THREAD_NAME, daemon=True)
        except RuntimeError as error:  # of a sub-interpreter that has no daemon threads
            self._report_no_thread(error)
            return
        with self._ended:
            if self._idle or len(self._threads) >= self._options.max_connections:
                return
            self._threads.add(thread)
            self._idle += 1
        try:
            thread.start()  # without any lock: with gevent it may come to its end in here
        except BaseException as error:
            self._has_ended(thread)
            if not isinstance(error, Exception):  # of a signal handler
                raise
            self._report_no_thread(error)
            return
        self.diagnostics.warn_of_missing_threads()

    def _report_no_thread(self, error: Exception) -> None:
        if not self._threads and "shutdown" not in str(error):  # of the interpreter, where what closes sends soon
            what = f"no thread can be started, so records wait for `flush`, `close` or the next record: {error!r}"
            self.diagnostics.report("threads", what)

    def _run(self) -> None:
        uwsgi.wait_for_workers()
        is_done, seen = False, self._submitted
        with self._ended:
            self._running += 1
        try:
            with reentrancy.sending(), closing(self._make_transport()) as transport:
                while self._work(transport):
                    seen = self._submitted
                is_done = True
        except Exception as error:  # noqa: BLE001 - such as no memory; what is queued is to be sent all the same
            self.diagnostics.report("fault", f"a worker could not work: {type(error).__name__}: {error}")
            time.sleep(_AFTER_FAULT)  # whatever it is may last, and nobody is served by threads that come and go
        finally:
            with self._ended:
                self._running -= 1
            self._has_ended(threading.current_thread())
            is_needed = not is_done or self._submitted != seen  # it was ended from outside, or what came counted on it
            if is_needed and self._queue.stats().queued:
                self.start_worker()

    def _work(self, transport: Transport) -> bool:
        """Waits for a batch and delivers it; returns whether to go on."""
        options = self._options
        items = self._queue.take(
            options.batch_limit, options.batch_bytes, options.linger, eager=options.batch_size == AUTO
        )
        if not items:
            return False
        with self._ended:
            self._idle -= 1
        try:
            self._start_another(len(items))
            self._dispatcher.deliver(items, transport)
        finally:
            items.clear()  # to be freed now, and not when the next ones have been taken
            with self._ended:
                self._idle += 1
        return True

    def _start_another(self, taken: int) -> None:
        """Starts another worker where records are left that nobody waits for."""
        if self._idle or len(self._threads) >= self._options.max_connections:
            return
        if self._queue.stats().queued > taken:
            self.start_worker()

    def _has_ended(self, thread: threading.Thread) -> None:
        with self._ended:
            self._threads.discard(thread)
            self._idle -= 1
            self._ended.notify_all()

    # Waiting for the records

    def flush(self, timeout: float | None = None) -> bool:
        """Waits until what is queued now has left the queue.

        Args:
            timeout: seconds at the most; None for `shutdown_timeout`.

        Returns:
            Whether all of it was delivered, or refused for good, in time.
        """
        lifecycle.check_fork()
        if reentrancy.is_sending():  # a callback in a worker would wait for itself
            return False
        with lifecycle.deadline(self._patience(timeout)) as deadline:
            return self._wait(deadline)

    def close(self, timeout: float | None = None) -> None:
        """Delivers what is queued, ends the workers, and reports the number of what could not be sent.

        A record that is submitted later, or by another thread meanwhile, begins anew.

        Args:
            timeout: seconds at the most; None for `shutdown_timeout`.
        """
        lifecycle.check_fork()
        self._is_put_away = True
        if reentrancy.is_sending():
            return
        with lifecycle.deadline(self._patience(timeout)) as deadline:
            is_sent = self._wait(deadline, is_urgent=True)
            self._is_closed = True
            self.report_losses()
            if is_sent and not lifecycle.is_exiting() and self._queue.stats().queued:
                self._leave()  # others log on
                return
            lost = self._queue.close(discard=True)
            self._report_unsent(lost, is_sent=is_sent)
            with self._ended:
                remaining = max(0.0, deadline - clock.monotonic())
                self._ended.wait_for(lambda: not (self._running and self._is_closed), remaining)

    def retire(self) -> None:
        """Leaves what is queued to the threads that serve all replaced senders; nobody waits."""
        self._is_put_away = self._is_replaced = True
        self.report_losses()  # nobody may close it any more
        self._leave()

    def _leave(self) -> None:
        self._queue.close()
        if self._queue.stats().queued:
            replaced.serve(self)

    def resume(self) -> None:
        """Goes on after `retire`, for a handler that takes the place of the one that was put away."""
        self._is_put_away = self._is_replaced = False

    def serve(self) -> bool:
        """Delivers one batch for a sender without workers, if one is due; returns whether one was."""
        has_sent = self._deliver_due(self._kept)
        if not self._queue.stats().queued:
            self._kept.close()
        return has_sent

    def close_at_exit(self) -> None:
        """Closes at the end of the process, unless `logging.shutdown` will do that."""
        if self._is_put_away:
            self.close()

    def _patience(self, timeout: float | None) -> float:
        return self._options.shutdown_timeout if timeout is None else timeout

    def _report_unsent(self, dropped: int, *, is_sent: bool) -> None:
        within = f"within shutdown_timeout={self._options.shutdown_timeout:g} seconds"
        if dropped:
            why = "logged by other threads at the end" if is_sent else f"not sent {within}"
            notices.report(f"{counted(dropped, 'record is', 'records are')} lost, {why}")
        sent = self._queue.stats().queued  # and on their way, whoever sent them, as nothing waits any more
        if sent and not is_sent:
            what = f"{counted(sent, 'record was', 'records were')} not acknowledged {within}, and may have arrived"
            self.diagnostics.report("unsure", what)

    def _wait(self, deadline: float, *, is_urgent: bool = False) -> bool:
        checkpoint = self._queue.checkpoint(is_urgent=is_urgent)
        if self._queue.join(checkpoint, clock.monotonic()):
            return True
        if self._threads and not self._running:  # they are about to begin, if they ever do
            self._queue.join(checkpoint, min(deadline, clock.monotonic() + _LOOK_AGAIN))
        if self._running:
            return self._queue.join(checkpoint, deadline)
        return self._drain(checkpoint, deadline)

    def _drain(self, checkpoint: int, deadline: float) -> bool:
        """Sends from the calling thread while there is no worker."""
        with reentrancy.sending(), closing(self._make_transport()) as transport:
            while not self._queue.join(checkpoint, clock.monotonic()):
                now = clock.monotonic()
                if now >= deadline or self._dispatcher.is_held_back(deadline):
                    return False
                if not self._deliver_due(transport, deadline):  # they are on their way elsewhere, or not due
                    self._queue.join(checkpoint, min(deadline, now + _LOOK_SOON))
        return True

    def _deliver_due(self, transport: Transport, deadline: float = math.inf) -> bool:
        """Delivers a batch without waiting for one, and returns whether there was one."""
        options = self._options
        items = self._queue.take(options.batch_limit, options.batch_bytes, deadline=clock.monotonic())
        if items:
            self._dispatcher.deliver(items, transport, deadline)
        return bool(items)
