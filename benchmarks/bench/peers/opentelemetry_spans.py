"""OpenTelemetry's tracing SDK: `BatchSpanProcessor` and the OTLP/HTTP exporter, with the attributes of the record."""

from __future__ import annotations

from typing import Any

from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor

from bench.records import MESSAGE, attributes


class _Spans:
    def __init__(self, provider: TracerProvider) -> None:
        self._provider = provider
        self._start_span = provider.get_tracer("bench").start_span

    def log(self, fields: dict[str, Any]) -> None:
        self._start_span(MESSAGE, attributes=attributes(fields)).end()

    def finish(self) -> None:
        self._provider.force_flush()

    def figures(self) -> dict[str, Any]:
        return {}


def make(endpoint: str, options: dict[str, Any]) -> _Spans:
    exporter = OTLPSpanExporter(endpoint=f"{endpoint}/v1/traces")
    provider = TracerProvider(resource=Resource({"service.name": "bench"}), shutdown_on_exit=False)
    size = options["queue_size"]
    provider.add_span_processor(BatchSpanProcessor(exporter, max_queue_size=size, max_export_batch_size=512))
    return _Spans(provider)
