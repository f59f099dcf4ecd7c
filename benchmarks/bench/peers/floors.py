"""What logging costs that sends nothing: nothing at all, the payload alone, and the hand-over to another thread."""

from __future__ import annotations

import json
import logging
import logging.handlers
import queue
import time
from typing import Any

from bench.peers.loggers import LoggingPeer
from bench.records import attributes


class _PayloadHandler(logging.Handler):
    """Builds the OTLP dictionary, encodes it, and throws it away."""

    def emit(self, record: logging.LogRecord) -> None:
        found = record.__dict__
        ended = int(record.created * 1e9)
        span = {
            "traceId": found["trace_id"],
            "spanId": found["span_id"],
            "name": record.getMessage(),
            "kind": 3,
            "startTimeUnixNano": str(ended - int(found["duration_ms"] * 1e6)),
            "endTimeUnixNano": str(ended),
            "attributes": [{"key": key, "value": _value(value)} for key, value in attributes(found).items()],
            "droppedAttributesCount": 0,
            "events": [],
            "links": [],
            "status": {"code": 1},
        }
        resource = {"attributes": [{"key": "service.name", "value": {"stringValue": "bench"}}]}
        scope = {"scope": {"name": "bench"}, "spans": [span]}
        json.dumps({"resourceSpans": [{"resource": resource, "scopeSpans": [scope]}]}).encode()


def _value(value: Any) -> dict[str, Any]:
    if isinstance(value, int):
        return {"intValue": value}
    return {"stringValue": value if isinstance(value, str) else str(value)}


class _QueuePeer(LoggingPeer):
    def __init__(self) -> None:
        records: queue.SimpleQueue[logging.LogRecord] = queue.SimpleQueue()
        super().__init__(logging.handlers.QueueHandler(records))
        self._records = records
        self._listener = logging.handlers.QueueListener(records, _PayloadHandler())
        self._listener.start()

    def warm_up(self) -> None:
        while not self._records.empty():
            time.sleep(0.001)

    def finish(self) -> None:
        self._listener.stop()


def make(endpoint: str, options: dict[str, Any]) -> LoggingPeer:
    del endpoint
    match options["handler"]:
        case "null":
            return LoggingPeer(logging.NullHandler())
        case "payload":
            return LoggingPeer(_PayloadHandler())
        case "queue":
            return _QueuePeer()
        case other:
            raise ValueError(other)
