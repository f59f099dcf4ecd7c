"""Where nothing is sent: OpenTelemetry's spans are counted and thrown away, ours wait for an answer."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

from bench.sink import Sink
from helicone_logging import HeliconeHandler

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import ReadableSpan, TracerProvider

_PATIENCE = 120.0
_BATCH = 8
_UNANSWERED = {"batch_size": _BATCH, "max_connections": 1, "timeout": 600, "shutdown_timeout": _PATIENCE}
_ROOM = {"queue_size": 1_000_000, "queue_bytes": 2**30}
_TAKEN = 0.05  # seconds until the sender thread has a batch on its way


@contextlib.contextmanager
def held(sink: Sink, options: dict[str, Any], log: Callable[[HeliconeHandler, int], None]) -> Iterator[HeliconeHandler]:
    """A handler whose sender thread waits for an answer that does not come before the end.

    Args:
        sink: the endpoint.
        options: of the handler.
        log: logs a record of this number, to warm up.
    """
    handler = HeliconeHandler(endpoint=sink.url, **_UNANSWERED, **_ROOM, **options)
    sink.set(hold=True)
    try:
        for number in range(4 * _BATCH):
            log(handler, number)
        time.sleep(_TAKEN)
        yield handler
    finally:
        sink.set(hold=False)
        handler.close()


class Spans:
    """A tracer provider with the batch processor that applications use, and an exporter that counts.

    Args:
        content: a text that the attributes of each span should contain.
    """

    def __init__(self, content: str = "") -> None:
        self.count = self.with_content = 0
        self._content = content
        self.provider = self._provider()

    def _provider(self) -> TracerProvider:
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult

        spans = self

        class Exporter(SpanExporter):
            def export(self, batch: Sequence[ReadableSpan]) -> SpanExportResult:
                spans.count += len(batch)
                spans.with_content += any(spans._content in str(span.attributes) for span in batch[:1])
                return SpanExportResult.SUCCESS

        provider = TracerProvider(shutdown_on_exit=False)
        provider.add_span_processor(BatchSpanProcessor(Exporter(), max_queue_size=32_768))
        return provider

    def finish(self) -> None:
        self.provider.force_flush()
