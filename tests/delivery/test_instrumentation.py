"""Tools that trace the application's requests see nothing of ours, and add nothing to them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import requests
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from recording_server import PATIENCE, RecordingServer

from helicone_logging.delivery import instrumentation

TRACE = {"trace_id": "t-1"}
FOREIGN_HEADERS = {"traceparent", "tracestate", "sentry-trace", "baggage"}


@pytest.fixture(params=["urllib3", "requests"])
def opentelemetry(request) -> Iterator[tuple[TracerProvider, InMemorySpanExporter]]:
    """OpenTelemetry's instrumentation of a library, and what it records."""
    module = pytest.importorskip(f"opentelemetry.instrumentation.{request.param}")
    name = {"urllib3": "URLLib3Instrumentor", "requests": "RequestsInstrumentor"}[request.param]
    instrumentor = getattr(module, name)()
    recorded, provider = InMemorySpanExporter(), TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(recorded))
    instrumentor.instrument(tracer_provider=provider)
    try:
        yield provider, recorded
    finally:
        instrumentor.uninstrument()
        provider.shutdown()


@pytest.fixture
def sentry() -> Iterator[list[dict[str, Any]]]:
    """Sentry with tracing on, and the transactions it would send."""
    sdk = pytest.importorskip("sentry_sdk")
    sent: list[dict[str, Any]] = []

    class Kept(sdk.Transport):
        def capture_envelope(self, envelope: Any) -> None:
            sent.extend(item.get_transaction_event() for item in envelope.items if item.get_transaction_event())

    client = sdk.Client(
        "http://key@127.0.0.1:9/1", transport=Kept, traces_sample_rate=1.0, auto_enabling_integrations=False
    )
    with sdk.isolation_scope():
        before = sdk.get_global_scope().client
        sdk.get_global_scope().set_client(client)
        try:
            yield sent
        finally:
            sdk.get_global_scope().set_client(before)
            client.close(timeout=0)


def foreign_headers(server: RecordingServer) -> set[str]:
    return {name.lower() for request in server.requests for name in request.headers} & FOREIGN_HEADERS


def test_opentelemetry_traces_none_of_our_requests(opentelemetry, server, handler, logger) -> None:
    provider, recorded = opentelemetry
    with provider.get_tracer("shop").start_as_current_span("request of a user"):
        for _ in range(3):
            logger.info("asked", extra=TRACE)
        assert handler.flush(PATIENCE)
    assert [span.name for span in recorded.get_finished_spans()] == ["request of a user"]
    assert foreign_headers(server) == set()


def test_opentelemetry_goes_on_to_trace_the_requests_of_the_application(opentelemetry, server, handler, logger) -> None:
    provider, recorded = opentelemetry
    logger.info("asked", extra=TRACE)
    assert handler.flush(PATIENCE)
    with provider.get_tracer("shop").start_as_current_span("request of a user"):
        requests.post(f"{server.url}/v1/trace/log", data=b"{}", timeout=PATIENCE)
    server.refusals.clear()  # it is no payload
    assert [span.name for span in recorded.get_finished_spans()] == ["POST", "request of a user"]
    assert foreign_headers(server) == {"traceparent"}


def test_sentry_traces_none_of_our_requests(sentry, server, handler, logger) -> None:
    import sentry_sdk

    instrumentation._silent.clear()  # as in a process that has not sent anything yet
    with sentry_sdk.start_transaction(name="request of a user"):
        for _ in range(3):
            logger.info("asked", extra=TRACE)
        assert handler.flush(PATIENCE)
    (transaction,) = sentry
    assert transaction["spans"] == []
    assert foreign_headers(server) == set()


def test_sentry_goes_on_to_trace_the_requests_of_the_application(sentry, server, handler, logger) -> None:
    import sentry_sdk

    with sentry_sdk.start_transaction(name="request of a user"):
        logger.info("asked", extra=TRACE)
        assert handler.flush(PATIENCE)
        requests.post(f"{server.url}/v1/trace/log", data=b"{}", timeout=PATIENCE)
    server.refusals.clear()
    (transaction,) = sentry
    assert [span["op"] for span in transaction["spans"]] == ["http.client"]
    assert foreign_headers(server) == {"sentry-trace", "baggage"}


def test_where_the_calling_thread_sends_it_is_not_traced_either(opentelemetry, sentry, server, handler, logger) -> None:
    provider, recorded = opentelemetry
    import sentry_sdk

    with provider.get_tracer("shop").start_as_current_span("request"), sentry_sdk.start_transaction(name="request"):
        logger.info("asked", extra=TRACE)
        handler._sender._drain(handler._sender._queue.checkpoint(), float("inf"))
    assert server.names() == ["asked"]
    assert [span.name for span in recorded.get_finished_spans()] == ["request"]
    assert [transaction["spans"] for transaction in sentry] == [[]]
    assert foreign_headers(server) == set()
