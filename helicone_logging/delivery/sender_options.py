"""How records are sent: what the sender is told."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from helicone_logging.delivery.retry import RetryPolicy
from helicone_logging.payload.wires.helicone import OTELTrace

AUTO = "auto"

RejectCallback = Callable[[OTELTrace, str], object]
RequestCallback = Callable[[str, int, float], object]


class SenderOptions(NamedTuple):
    """How records are sent.

    Args:
        batch_size: records in one body, or `"auto"`: one while the queue keeps up, more while there is a backlog.
        batch_bytes: bytes of one body, unless a single record has more.
        flush_interval: seconds that a record waits for others to fill its body.
        max_connections: sender threads at the most.
        shutdown_timeout: seconds for `close` to deliver what is queued.
        retry: when to try again.
        on_reject: called with the payload and the reason for each record that is refused for good.
        on_request: called with outcome, number of records and seconds after each request.
    """

    batch_size: int | str
    batch_bytes: int
    flush_interval: float
    max_connections: int
    shutdown_timeout: float
    retry: RetryPolicy
    on_reject: RejectCallback | None = None
    on_request: RequestCallback | None = None
