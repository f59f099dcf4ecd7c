"""OpenTelemetry's logging SDK: `LoggingHandler`, `BatchLogRecordProcessor` and the OTLP/HTTP exporter."""

from __future__ import annotations

import warnings
from typing import Any

from opentelemetry.exporter.otlp.proto.http._log_exporter import OTLPLogExporter
from opentelemetry.sdk._logs import LoggerProvider, LoggingHandler
from opentelemetry.sdk._logs.export import BatchLogRecordProcessor
from opentelemetry.sdk.resources import Resource

from bench.peers.loggers import LoggingPeer


class _Logs(LoggingPeer):
    def __init__(self, handler: LoggingHandler, provider: LoggerProvider) -> None:
        super().__init__(handler)
        self._provider = provider

    def finish(self) -> None:
        self._provider.force_flush()


def make(endpoint: str, options: dict[str, Any]) -> LoggingPeer:
    exporter = OTLPLogExporter(endpoint=f"{endpoint}/v1/logs")
    provider = LoggerProvider(resource=Resource({"service.name": "bench"}), shutdown_on_exit=False)
    size = options["queue_size"]
    provider.add_log_record_processor(BatchLogRecordProcessor(exporter, max_queue_size=size, max_export_batch_size=512))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # it moved to an instrumentation package, unchanged
        return _Logs(LoggingHandler(logger_provider=provider), provider)
