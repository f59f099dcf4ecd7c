"""Sends a batch and does with its records what the outcome asks for: forget, split, try again, give up."""

from __future__ import annotations

import math
import random
import threading
import time
from collections.abc import Callable, Sequence
from typing import Protocol

from helicone_logging.core import clock, lifecycle, notices
from helicone_logging.core.wire import Wire
from helicone_logging.delivery.backoff import CircuitBreaker, is_wait_asked
from helicone_logging.delivery.diagnostics import Diagnostics, counted
from helicone_logging.delivery.options import DeliveryOptions
from helicone_logging.delivery.outcomes import Kind, Outcome, reason_of
from helicone_logging.delivery.queue import Item, Queue

_TROUBLE_IS_REPORTED_FROM = 2  # a server may close an idle connection at any time; the next try mends that
_MANY = 64  # records whose handling others notice
_PAUSE = 0.0001  # seconds in which a thread wakes up; after less, this one would have the GIL back first
_LEAST_DELAY = 1e-9  # seconds; none at all would put a record in front of those that never failed
_OURS = (ImportError, MemoryError)  # no fault of the record that is encoded


class Transport(Protocol):
    """Sends for one thread."""

    def send(self, body: bytes, timeout: float | None = None) -> Outcome:
        """Sends a body once."""

    def close(self) -> None:
        """Closes the connection."""


class Dispatcher:
    """Does what an outcome asks for."""

    def __init__(self, queue: Queue, wire: Wire, options: DeliveryOptions, diagnostics: Diagnostics) -> None:
        self._queue = queue
        self._wire = wire
        self._frame = len(wire.body(()))  # bytes of a body beside those of its records
        self._encoding = threading.RLock()  # one body at a time, or those who log wait for several GIL-bound threads
        self._breaker = CircuitBreaker()
        self._firm_until = 0.0  # as the server asked for
        self._options = options
        self._diagnostics = diagnostics
        self._random = random.Random()  # noqa: S311 - jitter is no secret

    def deliver(self, items: Sequence[Item], transport: Transport, deadline: float = math.inf) -> None:
        """Sends records in one body, and a refused body in halves until the offending record is alone.

        Args:
            items: records taken from the queue; all of them have gone back or left when this returns or raises.
            transport: what sends them.
            deadline: when to end, on the monotonic clock.
        """
        parts: list[Sequence[Item]] = [items]  # the next one last
        try:
            while parts:
                self._deliver_next(parts, transport, deadline)
                if clock.monotonic() >= deadline:
                    self._requeue(parts)
        except Exception as error:  # noqa: BLE001 - a fault of ours must neither end the thread nor lose the records
            self._requeue(parts)
            self._hold_back(Outcome(Kind.BROKEN, f"{type(error).__name__}: {error}"), clock.monotonic())
        except BaseException:  # Ctrl-C, or `sys.exit` in a signal handler, where the calling thread sends
            self._requeue(parts)
            raise

    def _deliver_next(self, parts: list[Sequence[Item]], transport: Transport, deadline: float) -> None:
        with self._encoding:
            encoded = self._encode(parts)
            body, count = self._wire.body(encoded), len(encoded)
        if not encoded:
            return
        encoded.clear()  # its memory is for the request now
        sent_at = clock.monotonic()
        outcome = transport.send(body, None if math.isinf(deadline) else max(0.0, deadline - sent_at))
        del body  # to be freed before what the outcome asks for; that is done, whatever a callback raises
        items = parts[-1]
        if count >= _MANY:
            yield_gil()
        try:
            if self._options.on_request is not None and outcome.kind is not Kind.BROKEN:
                seconds = clock.monotonic() - sent_at
                self._call("on_request", self._options.on_request, outcome.kind.value, count, seconds)
        finally:
            self._apply(outcome, items, parts, sent_at)

    # Bodies

    def _encode(self, parts: list[Sequence[Item]]) -> list[bytes]:
        """The bytes of the next records, as many as a body holds; the rest of them goes back into the queue."""
        items, turns, size = parts[-1], _GilTurns(), self._frame
        encoded: list[bytes] = []
        for position, item in enumerate(items):
            data = self._encode_one(item)
            if data is None:
                self._leave_out(parts, position)
                return []
            size += len(data) + 1  # a comma
            if encoded and size - 1 > self._options.batch_bytes:  # larger than their sizes said
                parts[-1] = items[:position]
                self._report_lost(self._queue.requeue(items[position:]))
                break
            encoded.append(data)
            turns.pause()
        return encoded

    def _encode_one(self, item: Item) -> bytes | None:
        try:
            return item.entry.encode()
        except _OURS:
            raise
        except Exception as error:  # noqa: BLE001 - of the record
            self._diagnostics.report("unencodable", f"a record cannot be encoded and is lost: {type(error).__name__}")
            return None

    def _leave_out(self, parts: list[Sequence[Item]], position: int) -> None:
        items = parts.pop()
        rest = [*items[:position], *items[position + 1 :]]
        if rest:
            parts.append(rest)
        self._queue.done((items[position],), is_rejected=True)

    # Outcomes

    def _apply(self, outcome: Outcome, items: Sequence[Item], parts: list[Sequence[Item]], sent_at: float) -> None:
        if outcome.kind is Kind.DELIVERED:
            self._close_breaker(sent_at)
            self._diagnostics.succeeded()
            self._acknowledge(items, outcome)
            parts.pop()
            return
        if outcome.kind is Kind.REJECTED:
            self._close_breaker(sent_at)
            self._split(items, parts, outcome.detail)
        elif outcome.kind is Kind.FAILED:
            self._close_breaker(sent_at)
            parts.pop()
            self._try_again(items, outcome.detail)
        else:
            self._hold_back(outcome, sent_at)  # first, or another worker would take them at once
            self._requeue(parts)
        self._diagnostics.failed(outcome.detail)

    def _acknowledge(self, items: Sequence[Item], outcome: Outcome) -> None:
        refusal = self._wire.refusal(outcome.answer)
        count = 0 if refusal is None else min(refusal.records, len(items))
        if refusal is not None and count:  # which ones it were is not said
            reason = reason_of(refusal.reason)
            self._diagnostics.failed(reason)
            self._diagnostics.report(
                "rejected",
                f"{counted(count, 'record was refused and is', 'records were refused and are')} lost: {reason}",
            )
            self._queue.done(items[:count], is_rejected=True)
        if count < len(items):
            self._queue.done(items[count:])

    def _split(self, items: Sequence[Item], parts: list[Sequence[Item]], reason: str) -> None:
        if len(items) == 1:
            parts.pop()
            self._reject(items, reason)
        else:
            middle = len(items) // 2
            parts[-1:] = (items[middle:], items[:middle])

    def _reject(self, items: Sequence[Item], reason: str) -> None:
        """Gives records up; they leave the queue last, so that `flush` waits for the callback, and whatever it does."""
        self._diagnostics.report("rejected", f"a record was refused and is lost: {reason}")
        try:
            if self._options.on_reject is not None:
                for item in items:
                    payload = dict(self._wire.payload(item.entry.encode()))
                    self._call("on_reject", self._options.on_reject, payload, reason)
        finally:
            self._queue.done(items, is_rejected=True)

    def _call(self, option: str, callback: Callable[..., object], *args: object) -> None:
        try:
            callback(*args)
        except KeyboardInterrupt:
            raise  # of the user's own thread, which closes the handler
        except BaseException as error:  # noqa: BLE001 - the callback is the user's; `sys.exit` would end the worker
            self._diagnostics.report(option, f"{option} raised {type(error).__name__}")

    def _try_again(self, items: Sequence[Item], reason: str) -> None:
        retry = self._options.retry
        failed = [item._replace(attempts=item.attempts + 1) for item in items]
        again = [item for item in failed if not retry.is_last(item.attempts)]
        if again:
            self._diagnostics.report("failed", f"the server failed on a request, which is tried again: {reason}")
            delay = retry.backoff(again[0].attempts, self._random.random())
            self._report_lost(self._queue.requeue(again, max(delay, _LEAST_DELAY)))
        given_up = [item for item in failed if retry.is_last(item.attempts)]
        if given_up:
            self._reject(given_up, f"given up after {given_up[0].attempts} attempts: {reason}")

    def _requeue(self, parts: list[Sequence[Item]]) -> None:
        while parts:
            self._report_lost(self._queue.requeue(parts[0]))  # the last in front of all others
            del parts[0]

    def _report_lost(self, count: int) -> None:
        if count:  # they came back after `close`, and nobody is left to send them
            within = f"within shutdown_timeout={self._options.shutdown_timeout:g} seconds"
            notices.report(f"{counted(count, 'record is', 'records are')} lost, not sent {within}")

    # The circuit breaker

    def is_held_back(self, deadline: float) -> bool:
        """Returns whether the server asked to be left alone beyond a moment."""
        return self._firm_until > deadline

    def _close_breaker(self, sent_at: float) -> None:
        if self._breaker.close(sent_at):
            self._firm_until = 0.0
            self._queue.pause(0.0)

    def _hold_back(self, outcome: Outcome, sent_at: float) -> None:
        failures = self._breaker.trip(sent_at)
        if failures is None:
            return
        if outcome.kind is Kind.BROKEN and lifecycle.is_exiting():  # it will not get better any more
            until, is_firm = math.inf, True
        else:
            pause = self._options.retry.pause(outcome, failures, self._random.random())
            until = clock.monotonic() + pause
            is_firm = outcome.kind is Kind.THROTTLED or is_wait_asked(outcome)
        self._firm_until = until if is_firm else 0.0
        self._queue.pause(until, firm=is_firm)
        if failures >= _TROUBLE_IS_REPORTED_FROM or outcome.kind in {Kind.MISDIRECTED, Kind.BROKEN}:
            self._report(outcome)

    def _report(self, outcome: Outcome) -> None:
        what = {
            Kind.MISDIRECTED: outcome.remedy,
            Kind.THROTTLED: "the endpoint asks to wait",
            Kind.BROKEN: "sending failed here",
        }.get(outcome.kind, "the endpoint cannot be reached")
        kept = f"{counted(self._queue.stats().queued, 'record is', 'records are')} kept"
        remedy = f"; {_look_at(self._wire)}" if outcome.kind is Kind.UNREACHABLE else ""
        self._diagnostics.report(outcome.kind.value, f"{what}: {outcome.detail}; {kept}{remedy}")


def _look_at(wire: Wire) -> str:
    """What to do where nothing answers."""
    if wire.wants_key:
        return "if it lasts, check `endpoint` or HELICONE_TRACE_ENDPOINT, or run `helicone-logging check`"
    check = f"helicone-logging check --wire {wire.name}"
    return f"if it lasts, check `endpoint` or OTEL_EXPORTER_OTLP_ENDPOINT, or run `{check}`"


def yield_gil() -> None:
    """Lets a thread that waits for the GIL go on."""
    time.sleep(_PAUSE)


class _GilTurns:
    """Hands over the GIL between the parts of large work, which would be one piece for the threads that wait.

    Python makes a running thread hand over after 5 ms; a worker that encodes hundreds of records in less than that
    holds a caller of `emit` up for as long as it takes. Where many threads compute, it is short beside their own turns.
    """

    _TURN = 0.00008  # seconds for which a thread goes on, and longer if nobody made use of its pause
    _UNUSED, _CROWDED = 0.0005, 0.015  # seconds after which it has the GIL back: nobody waited, several did

    def __init__(self) -> None:
        self._turn = self._TURN
        self._ends_at = clock.monotonic() + self._turn

    def pause(self) -> None:
        """Lets others run if this turn has been long enough."""
        now = clock.monotonic()
        if now < self._ends_at:
            return
        yield_gil()
        back_at = clock.monotonic()
        self._turn = 2 * self._turn if back_at - now < self._UNUSED else self._TURN
        self._ends_at = math.inf if back_at - now > self._CROWDED else back_at + self._turn
