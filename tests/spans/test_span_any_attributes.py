"""Whatever stands on a span: nothing raises, nothing blocks, and what is sent is valid."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from types import ModuleType
from typing import Any

import numpy
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.trace import Status, StatusCode
from payloads import attributes_of, checked

from helicone_logging import bind
from helicone_logging.llm.dialects import Kind, genai, kind_of, openinference, openllmetry
from helicone_logging.llm.dialects.spans import OPERATIONS, Events, SpanEvent
from helicone_logging.opentelemetry import HeliconeSpanProcessor
from helicone_logging.payload.wires.helicone import HeliconeWire

NAMES = (
    "gen_ai.operation.name", "gen_ai.request.model", "gen_ai.system", "gen_ai.input.messages", "gen_ai.output.messages",
    "gen_ai.system_instructions", "gen_ai.prompt.0.role", "gen_ai.prompt.0.content", "gen_ai.prompt.0",
    "gen_ai.completion.0.tool_calls.0.name", "gen_ai.completion.0.content", "gen_ai.usage.input_tokens",
    "gen_ai.response.finish_reasons", "gen_ai.conversation.id", "gen_ai.tool.name", "gen_ai.tool.call.arguments",
    "gen_ai.agent.name", "gen_ai.response.id", "llm.request.type", "traceloop.span.kind", "traceloop.entity.name",
    "traceloop.entity.path", "traceloop.workflow.name", "traceloop.entity.input",
    "traceloop.association.properties.session_id", "traceloop.association.properties.x", "openinference.span.kind",
    "llm.input_messages.0.message.role", "llm.input_messages.0.message.contents.0.message_content.text",
    "llm.input_messages.0.message.contents.0", "llm.output_messages.0.message.tool_calls.0.tool_call.function.name",
    "llm.invocation_parameters", "llm.model_name", "llm.token_count.prompt", "input.value", "output.value", "metadata",
    "tag.tags", "session.id", "user.id", "retrieval.documents.0.document.content",
    "embedding.embeddings.0.embedding.vector", "events", "pydantic_ai.all_messages", "final_result", "error.type",
    "model", "messages", "trace_id", "span_id", "session_path", "helicone", "llm_response", "otel_span",
    "otel_attributes", "status", "start_time", "duration", "properties", "db.system", "level", "logger", "name", "msg",
)  # fmt: skip
KINDS = ("chat", "execute_tool", "retrieval", "invoke_agent", "embeddings")
JSON = st.sampled_from((
    "[]", "{}", "null",
    '[{"role": "user", "parts": [{"type": "text"}]}]', '{"messages": 3}', '[{"event.name": 3}]', '[["',
    '{"args": 3, "kwargs": null}', "[" * 5_000, '{"temperature": "x", "user": 3}',
))  # fmt: skip
TEXT = st.one_of(st.text(max_size=20), JSON, st.sampled_from(KINDS), st.just("\ud800"), st.just("x" * 5_000))
SCALARS = st.one_of(TEXT, st.booleans(), st.integers(-(2**70), 2**70), st.floats())
VALUES = st.one_of(SCALARS, st.lists(TEXT, max_size=3), st.lists(st.floats(), max_size=3))
ATTRIBUTES = st.dictionaries(st.one_of(st.sampled_from(NAMES), st.text(min_size=1, max_size=12)), VALUES, max_size=14)
EVENTS = st.lists(
    st.tuples(
        st.sampled_from(("exception", "gen_ai.choice", "gen_ai.user.message", "gen_ai.content.prompt", "note")),
        st.dictionaries(
            st.sampled_from((
                "content", "message", "tool_calls", "gen_ai.event.content", "exception.type", "exception.stacktrace",
                "gen_ai.prompt",
            )),
            VALUES,
            max_size=4,
        ),
    ),
    max_size=3,
)  # fmt: skip


class Sent:
    """A processor whose spans are kept in the place of being sent."""

    def __init__(self, **options: Any) -> None:
        self.processor = HeliconeSpanProcessor(endpoint="http://127.0.0.1:9", **options)
        provider = TracerProvider(shutdown_on_exit=False)
        provider.add_span_processor(self.processor)
        self.tracer = provider.get_tracer("tests.scope")
        self._entries: list[Any] = []
        self.processor.handler._sender.submit = self._entries.append  # type: ignore[union-attr, method-assign]

    def span(self) -> dict[str, Any] | None:
        """The one that was sent, as the server takes it in; None where none was."""
        entries = self._entries.copy()
        self._entries.clear()
        return checked(HeliconeWire().body([entry.encode() for entry in entries])) if entries else None


@pytest.fixture(scope="module", params=[{}, {"redact": "secrets", "capture_content": False}], ids=["plain", "private"])
def sent(request: pytest.FixtureRequest) -> Iterator[Sent]:
    logging.getLogger("opentelemetry").setLevel(logging.CRITICAL)  # it warns of each value that it does not take
    yield Sent(**request.param)
    logging.getLogger("opentelemetry").setLevel(logging.NOTSET)


@pytest.mark.parametrize("dialect", [genai, openllmetry, openinference])
@settings(deadline=None, max_examples=300)
@given(attributes=ATTRIBUTES, events=EVENTS, kind=st.sampled_from([*OPERATIONS]))
def test_no_dialect_trips_over_anything(
    dialect: ModuleType, attributes: dict[str, Any], events: list[tuple[str, dict[str, Any]]], kind: Kind
) -> None:
    fields: dict[str, Any] = {}
    given_attributes = {name: tuple(value) if isinstance(value, list) else value for name, value in attributes.items()}
    dialect.read(given_attributes, Events(SpanEvent(name, said, 0.0) for name, said in events), kind, fields)
    assert all(isinstance(name, str) for name in fields)


@settings(deadline=None, max_examples=300)
@given(attributes=ATTRIBUTES, events=EVENTS, is_failed=st.booleans())
def test_any_attributes_are_sent_as_a_valid_span(
    sent: Sent, attributes: dict[str, Any], events: list[tuple[str, dict[str, Any]]], is_failed: bool
) -> None:
    call = sent.tracer.start_span("operation")
    call.set_attributes(attributes)
    for name, said in events:
        call.add_event(name, said)
    if is_failed:
        call.set_status(Status(StatusCode.ERROR, "why"))
    call.end()
    span = sent.span()
    assert (span is None) == (kind_of(dict(call.attributes)) is None)  # type: ignore[attr-defined]
    assert sent.processor.handler.stats().rejected == 0


def test_a_span_is_sent_though_what_is_bound_around_it_cannot_be_read(sent: Sent) -> None:
    class Unbound:
        """As a proxy is of a request that is over."""

        @property
        def __class__(self):  # type: ignore[no-untyped-def]
            raise RuntimeError

    with bind(completion_tokens=Unbound()):
        sent.tracer.start_span("operation", attributes={"gen_ai.operation.name": "chat"}).end()
    assert sent.span() is not None
    assert sent.processor.handler.stats().rejected == 0


@pytest.mark.parametrize("operation", KINDS)
def test_values_that_no_process_can_copy_are_read_at_once(sent: Sent, operation: str) -> None:
    class Word(str):
        pass

    class Number(float):
        pass

    call = sent.tracer.start_span(Word("operation"))
    call.set_attributes({"gen_ai.operation.name": operation, "word": Word("said"), "numbers": [Number(1.5)]})
    call.end()
    assert sent.span() is not None


@pytest.mark.parametrize("place", ["attribute", "event"])
def test_numbers_of_numpy_are_numbers(place: str) -> None:
    sent, score = Sent(), {"score": numpy.float64(0.5)}
    call = sent.tracer.start_span("operation", attributes={"gen_ai.operation.name": "chat"})
    if place == "attribute":
        call.set_attributes(score)
    else:
        call.add_event("note", score)
    call.end()
    span = sent.span()
    assert span is not None
    assert "0.5" in str(attributes_of(span))
