"""Sends a batch and does with its records what the answer asks for: forget, split, try again, give up."""

from __future__ import annotations

import json
import random
import time
from collections.abc import Callable, Sequence
from typing import Protocol

from helicone_logging import otel
from helicone_logging.answers import Answer, Verdict
from helicone_logging.diagnostics import Diagnostics
from helicone_logging.gate import Gate
from helicone_logging.queues import Item, Queue
from helicone_logging.retry import RetryPolicy

RejectCallback = Callable[[otel.OTELTrace, str], object]
RequestCallback = Callable[[str, int, float], object]

_LEAST_PAUSE = 0.01  # seconds, as `max_backoff` may be 0 and the endpoint down for long
_TROUBLE_IS_TOLD_FROM = 2  # a server may close an idle connection at any time; the next try mends that


class Transport(Protocol):
    """Sends for one thread."""

    def send(self, body: bytes, timeout: float | None = None) -> Answer:
        """Sends a body once."""

    def close(self) -> None:
        """Closes the connection."""


class Delivery:
    """Does what an answer asks for.

    Args:
        queue: where the records come from, and go back to.
        gate: closed when the endpoint as a whole is in trouble.
        retry: when to try again.
        diagnostics: where success and trouble are told.
        on_reject: called with the payload and the reason for each record that is refused for good.
        on_request: called with outcome, number of records and seconds after each request.
    """

    def __init__(
        self,
        queue: Queue,
        gate: Gate,
        retry: RetryPolicy,
        diagnostics: Diagnostics,
        on_reject: RejectCallback | None,
        on_request: RequestCallback | None = None,
    ) -> None:
        self._queue = queue
        self._gate = gate
        self._retry = retry
        self._diagnostics = diagnostics
        self._on_reject = on_reject
        self._on_request = on_request
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
        sent_at = time.monotonic()
        answer = self._send(items, transport, None if deadline is None else max(0.0, deadline - sent_at))
        self._heed(answer, items, transport, sent_at, deadline)
        return answer.waited

    def _heed(
        self, answer: Answer, items: Sequence[Item], transport: Transport, sent_at: float, deadline: float | None
    ) -> None:
        if self._on_request is not None:
            self._call("on_request", self._on_request, answer.verdict.value, len(items), time.monotonic() - sent_at)
        if answer.verdict is Verdict.DELIVERED:
            self._gate.open(sent_at)
            self._diagnostics.succeeded()
            self._queue.delivered(items)
            return
        self._diagnostics.failed(answer.detail)
        if answer.verdict is Verdict.REJECTED:
            self._gate.open(sent_at)
            self._reject_or_split(items, answer.detail, transport, deadline)
        elif answer.verdict is Verdict.FAILED:
            self._gate.open(sent_at)
            self._try_again(items, answer.detail)
        else:
            self._wait_for_endpoint(items, answer, sent_at)

    def _send(self, items: Sequence[Item], transport: Transport, timeout: float | None) -> Answer:
        try:
            return transport.send(otel.body([item.entry for item in items]), timeout)
        except BaseException:  # Ctrl-C, or `sys.exit` in a signal handler, where the calling thread sends
            self._queue.give_back(items)
            raise

    def _reject_or_split(
        self, items: Sequence[Item], reason: str, transport: Transport, deadline: float | None
    ) -> None:
        if len(items) == 1:
            self._reject(items[0], reason)
            return
        middle = len(items) // 2
        for half in (items[:middle], items[middle:]):
            is_late = deadline is not None and time.monotonic() >= deadline
            if is_late or self._gate.opens_in() > 0:
                self._queue.give_back(half)
            else:
                self.deliver(half, transport, deadline)

    def _reject(self, item: Item, reason: str) -> None:
        self._diagnostics.report("rejected", f"a record was refused and is lost: {reason}")
        try:
            if self._on_reject is not None:
                self._call("on_reject", self._on_reject, json.loads(otel.body((item.entry,))), reason)
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
