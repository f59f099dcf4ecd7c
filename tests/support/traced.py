"""A provider of OpenTelemetry's SDK with our processor, and what arrives of its spans."""

from __future__ import annotations

from typing import Any

from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.trace import Tracer
from payloads import attributes_of

from helicone_logging.opentelemetry import HeliconeSpanProcessor
from helicone_logging.receiver import Receiver
from helicone_logging.receiver.rows import Row

CALL = {
    "gen_ai.operation.name": "chat",
    "gen_ai.provider.name": "openai",
    "gen_ai.request.model": "gpt-4o",
    "gen_ai.input.messages": '[{"role": "user", "parts": [{"type": "text", "content": "Hello"}]}]',
    "gen_ai.output.messages": '[{"role": "assistant", "parts": [{"type": "text", "content": "Hi."}]}]',
    "gen_ai.usage.input_tokens": 3,
    "gen_ai.usage.output_tokens": 2,
}
AGENT = {"gen_ai.operation.name": "invoke_agent", "gen_ai.agent.name": "planner"}
TOOL = {"gen_ai.operation.name": "execute_tool", "gen_ai.tool.name": "search"}


class Traced:
    """A provider with the processor, and what arrives of its spans.

    Args:
        receiver: where it arrives.
        **options: of the processor.
    """

    def __init__(self, receiver: Receiver, **options: Any) -> None:
        self.processor = HeliconeSpanProcessor(endpoint=receiver.url, **options)
        self.provider = TracerProvider(shutdown_on_exit=False)
        self.provider.add_span_processor(self.processor)
        self.tracer: Tracer = self.provider.get_tracer("tests.scope")
        self._receiver = receiver

    def rows(self) -> list[Row]:
        """What arrived so far, as Helicone shows it, in the order in which it began."""
        assert self.processor.force_flush()
        return sorted(self._receiver.rows(), key=lambda row: row.created_ns)

    def spans(self) -> list[dict[str, Any]]:
        """The attributes of what arrived, in the order in which it began."""
        assert self.processor.force_flush()
        arrived = sorted(self._receiver.spans(), key=lambda stored: int(stored.span["startTimeUnixNano"]))
        return [attributes_of(stored.span) for stored in arrived]

    def row(self, attributes: dict[str, Any], *events: tuple[str, dict[str, Any]]) -> Row:
        """The row of a span of these attributes and events."""
        before = len(self.rows())
        span = self.tracer.start_span("operation")
        span.set_attributes(attributes)
        for name, said in events:
            span.add_event(name, said)
        span.end()
        (row,) = self.rows()[before:]
        return row
