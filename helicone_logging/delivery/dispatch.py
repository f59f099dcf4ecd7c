"""Sends a batch and does with its records what the answer asks for: forget, split, try again, give up."""

from __future__ import annotations

import json
import math
import random
import threading
import time
from collections.abc import Callable, Sequence
from typing import Protocol

from helicone_logging.delivery.diagnostics import Diagnostics
from helicone_logging.delivery.gate import Gate
from helicone_logging.delivery.memory import Item, Queue
from helicone_logging.delivery.outcomes import Answer, Verdict
from helicone_logging.delivery.sender_options import SenderOptions
from helicone_logging.delivery.turns import Turns
from helicone_logging.payload.wires import helicone

_LEAST_PAUSE = 0.01  # seconds, as `max_backoff` may be 0 and the endpoint down for long
_TROUBLE_IS_TOLD_FROM = 2  # a server may close an idle connection at any time; the next try mends that


class Transport(Protocol):
    """Sends for one thread."""

    def send(self, body: bytes | bytearray, timeout: float | None = None) -> Answer:
        """Sends a body once."""

    def close(self) -> None:
        """Closes the connection."""


class Delivery:
    """Does what an answer asks for.

    Args:
        queue: where the records come from, and go back to.
        gate: closed when the endpoint as a whole is in trouble.
        options: how much goes into a body, when to try again, and whom to tell.
        diagnostics: where success and trouble are told.
    """

    def __init__(self, queue: Queue, gate: Gate, options: SenderOptions, diagnostics: Diagnostics) -> None:
        self._queue = queue
        self._building = threading.RLock()  # one body at a time, as none of the threads gets far alone
        self._gate = gate
        self._options = options
        self._retry = options.retry
        self._diagnostics = diagnostics
        self._random = random.Random()  # noqa: S311 - jitter is no secret

    def deliver(self, items: Sequence[Item], transport: Transport, deadline: float | None = None) -> float:
        """Sends records in one body, and a refused body in halves until the guilty record is alone.

        Args:
            items: records taken from the queue.
            transport: sends them.
            deadline: when to end, on the monotonic clock; None for never.

        Returns:
            For how many seconds the endpoint let its answer be waited for.
        """
        waited = 0.0
        parts: list[Sequence[Item]] = [items]  # the next one last
        try:
            while parts:
                waited = max(waited, self._deliver_next(parts, transport, deadline))
                if parts:
                    self._give_back_if_late(parts, deadline)
        except Exception as error:  # noqa: BLE001 - a fault of ours must neither end the thread nor lose the records
            self._diagnostics.report("fault", f"sending failed on {type(error).__name__}: {error}")
            for part in parts:
                self._queue.retry(part, self._retry.max_backoff)
            return math.inf
        except BaseException:  # Ctrl-C, or `sys.exit` in a signal handler, where the calling thread sends
            self._give_back(parts)
            raise
        return waited

    def _deliver_next(self, parts: list[Sequence[Item]], transport: Transport, deadline: float | None) -> float:
        items = parts[-1]
        body, count = self._body_of(items)
        if count < len(items):  # they are larger than they were thought to be
            items, rest = items[:count], items[count:]
            parts[-1] = items
            self._queue.give_back(rest)
        sent_at = time.monotonic()
        answer = transport.send(body, None if deadline is None else max(0.0, deadline - sent_at))
        del body, parts[-1]  # to be freed before what the answer asks for; that is done, whatever a callback raises
        try:
            self._tell_request(answer, len(items), sent_at)
        finally:
            self._settle(parts, answer, items, sent_at)
        return answer.waited

    def _body_of(self, items: Sequence[Item]) -> tuple[bytes | bytearray, int]:
        if len(items) == 1:
            return helicone.body(items[0].entry), 1
        with self._building:
            entries = (item.entry for item in items)
            return helicone.body_within(entries, self._options.batch_bytes, Turns().pause)

    def _settle(self, parts: list[Sequence[Item]], answer: Answer, items: Sequence[Item], sent_at: float) -> None:
        try:
            self._heed(answer, items, parts, sent_at)
        except Exception:  # before they were forgotten
            parts.append(items)
            raise

    def _tell_request(self, answer: Answer, records: int, sent_at: float) -> None:
        on_request = self._options.on_request
        if on_request is not None:
            self._call("on_request", on_request, answer.verdict.value, records, time.monotonic() - sent_at)

    def _heed(self, answer: Answer, items: Sequence[Item], parts: list[Sequence[Item]], sent_at: float) -> None:
        if answer.verdict is Verdict.DELIVERED:
            self._gate.open(sent_at)
            self._diagnostics.succeeded()
            self._queue.delivered(items)
            return
        self._diagnostics.failed(answer.detail)
        if answer.verdict is Verdict.REJECTED:
            self._gate.open(sent_at)
            if len(items) == 1:
                self._reject(items[0], answer.detail)
            else:
                middle = len(items) // 2
                parts += (items[middle:], items[:middle])
        elif answer.verdict is Verdict.FAILED:
            self._gate.open(sent_at)
            self._try_again(items, answer.detail)
        else:
            self._give_back(parts)  # behind these
            self._wait_for_endpoint(items, answer, sent_at)

    def _give_back_if_late(self, parts: list[Sequence[Item]], deadline: float | None) -> None:
        is_late = deadline is not None and time.monotonic() >= deadline
        if is_late or self._gate.opens_in() > 0:
            self._give_back(parts)

    def _give_back(self, parts: list[Sequence[Item]]) -> None:
        while parts:
            self._queue.give_back(parts[0])  # the last in front of all others
            del parts[0]

    def _reject(self, item: Item, reason: str) -> None:
        self._diagnostics.report("rejected", f"a record was refused and is lost: {reason}")
        try:
            if self._options.on_reject is not None:
                self._call("on_reject", self._options.on_reject, json.loads(helicone.body(item.entry)), reason)
        finally:
            self._queue.rejected((item,))  # last, so that `flush` waits for the callback

    def _call(self, option: str, callback: Callable[..., object], *args: object) -> None:
        try:
            callback(*args)
        except KeyboardInterrupt:
            raise  # of the user's own thread, which closes the handler
        except BaseException as error:  # noqa: BLE001 - the callback is the user's; `sys.exit` would end the sender
            self._diagnostics.report(option, f"{option} raised {type(error).__name__}")

    def _try_again(self, items: Sequence[Item], reason: str) -> None:
        for item in items:
            if self._retry.is_last(item.attempts + 1):
                self._reject(item, f"given up after {item.attempts + 1} attempts: {reason}")
        again = [item for item in items if not self._retry.is_last(item.attempts + 1)]
        if again:
            self._diagnostics.report("failed", f"the server failed on a request, which is tried again: {reason}")
            self._queue.retry(again, self._retry.backoff(again[0].attempts + 1, self._random.random()))

    def _wait_for_endpoint(self, items: Sequence[Item], answer: Answer, sent_at: float) -> None:
        self._queue.give_back(items)
        failures = self._gate.close(
            sent_at,
            lambda count: self._pause(answer, count),
            is_asked=answer.verdict is Verdict.THROTTLED,
        )
        if answer.verdict is Verdict.UNAUTHORISED:
            self._tell(answer, "the API key was refused; check `api_key` or HELICONE_API_KEY")
        elif failures >= _TROUBLE_IS_TOLD_FROM:
            throttled = answer.verdict is Verdict.THROTTLED
            self._tell(answer, "the endpoint asks to wait" if throttled else "the endpoint cannot be reached")

    def _pause(self, answer: Answer, failures: int) -> float:
        return max(_LEAST_PAUSE, self._wanted_pause(answer, failures))

    def _wanted_pause(self, answer: Answer, failures: int) -> float:
        if answer.verdict is Verdict.UNAUTHORISED:
            return self._retry.unauthorised()
        if answer.verdict is Verdict.THROTTLED:
            return self._retry.throttle(answer.retry_after, failures, self._random.random())
        return self._retry.backoff(failures, self._random.random())

    def _tell(self, answer: Answer, what: str) -> None:
        waiting = self._queue.account().queued
        self._diagnostics.report(answer.verdict.value, f"{what}: {answer.detail}; {waiting:,} records are kept")
