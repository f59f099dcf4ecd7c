"""A call of which two spans tell, one directly inside the other, is one row: the one that says more."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from opentelemetry.trace import Tracer
from traced import Traced

LLM = {"openinference.span.kind": "LLM", "llm.model_name": "gpt-4o-mini"}
TOKENS = {"llm.token_count.prompt": 12, "llm.token_count.completion": 5, "output.value": "Sunny."}
TOOL = {"gen_ai.operation.name": "execute_tool", "gen_ai.tool.name": "search"}
EMBEDDING = {"openinference.span.kind": "EMBEDDING", "embedding.model_name": "text-embedding-3-small"}
RETRIEVAL = {"openinference.span.kind": "RETRIEVER"}
AGENT = {"gen_ai.operation.name": "invoke_agent", "gen_ai.agent.name": "weather"}
ASKED = {"input.value": "Weather?"}


def nested(tracer: Tracer, outer: dict[str, Any], inner: dict[str, Any], late: dict[str, Any] | None = None) -> None:
    with tracer.start_as_current_span("outer", attributes=outer) as around:
        with tracer.start_as_current_span("inner", attributes=inner):
            pass
        around.set_attributes(late or {})


def names(traced: Traced) -> list[str]:
    return [row.session_path for row in traced.rows()]


@pytest.mark.parametrize("call", [LLM, EMBEDDING])
def test_the_outer_call_of_a_model_is_sent_where_it_is_known_for_one(traced: Traced, call: dict[str, Any]) -> None:
    nested(traced.tracer, call, {**call, **TOKENS})
    assert names(traced) == ["/outer"]
    assert traced.processor.handler.stats().rejected == 0


def test_the_inner_one_is_sent_where_the_outer_says_at_its_end_what_it_is(traced: Traced) -> None:
    """As LlamaIndex's `predict` around `chat`."""
    nested(traced.tracer, {}, {**LLM, **TOKENS}, {**LLM, **ASKED})
    (row,) = traced.rows()
    assert (row.session_path, row.total_tokens) == ("/outer/inner", 17)


def test_the_inner_one_is_sent_where_neither_has_content(traced: Traced) -> None:
    nested(traced.tracer, {}, LLM, LLM)
    assert names(traced) == ["/outer/inner"]


def test_content_may_stand_on_events(traced: Traced) -> None:
    with traced.tracer.start_as_current_span("outer") as outer:
        with traced.tracer.start_as_current_span("inner", attributes=LLM) as inner:
            inner.add_event("gen_ai.user.message", {"content": "Weather?"})
        outer.set_attributes({**LLM, **ASKED})
    assert names(traced) == ["/outer/inner"]


def test_both_are_sent_where_the_outer_alone_has_content(traced: Traced) -> None:
    nested(traced.tracer, {}, LLM, {**LLM, **ASKED})
    assert names(traced) == ["/outer", "/outer/inner"]


def test_the_outer_one_is_sent_where_a_filter_keeps_the_inner_one_back(traced: Traced) -> None:
    traced.processor.handler.addFilter(lambda record: "inner" not in record.getMessage())
    nested(traced.tracer, {}, {**LLM, **TOKENS}, {**LLM, **ASKED})
    assert names(traced) == ["/outer"]


def test_a_call_is_one_row_for_each_of_two_processors(make_traced: Callable[..., Traced]) -> None:
    traced, other = make_traced(service_name="one"), make_traced(service_name="other")
    traced.provider.add_span_processor(other.processor)
    nested(traced.tracer, {}, {**LLM, **TOKENS}, {**LLM, **ASKED})
    assert other.processor.force_flush()
    assert sorted((row.session_name, row.session_path) for row in traced.rows()) == [
        ("one", "/outer/inner"),
        ("other", "/outer/inner"),
    ]


def test_a_tool_within_a_tool_of_the_same_name_is_the_same(traced: Traced) -> None:
    nested(traced.tracer, {"openinference.span.kind": "TOOL", "tool.name": "search", **ASKED}, TOOL)
    nested(traced.tracer, {**TOOL, **ASKED}, {**TOOL, "gen_ai.tool.name": "other"})
    assert names(traced) == ["/outer", "/outer", "/outer/inner"]


def test_of_an_agent_told_twice_the_one_with_content_is_sent(traced: Traced) -> None:
    nested(traced.tracer, AGENT, {**AGENT, **ASKED})
    nested(traced.tracer, {**AGENT, **ASKED}, AGENT)
    nested(traced.tracer, {**AGENT, **ASKED}, {**AGENT, **ASKED})
    nested(traced.tracer, AGENT, {**AGENT, "gen_ai.agent.name": "other"})
    assert names(traced) == ["/outer/inner", "/outer", "/outer", "/outer", "/outer/inner"]


def test_retrieval_within_retrieval_is_two_rows(traced: Traced) -> None:
    nested(traced.tracer, RETRIEVAL, RETRIEVAL)
    assert names(traced) == ["/outer", "/outer/inner"]


def test_what_private_methods_of_llama_index_tell_is_a_step_of_the_path(traced: Traced) -> None:
    tracer = traced.provider.get_tracer("openinference.instrumentation.llama_index")
    with (
        tracer.start_as_current_span("Embedding.get", attributes={"openinference.span.kind": "EMBEDDING"}),
        tracer.start_as_current_span("Embedding._get", attributes={**LLM, **ASKED}),
        tracer.start_as_current_span("OpenAI.chat", attributes={**LLM, **TOKENS}),
    ):
        pass
    assert names(traced) == ["/Embedding.get", "/Embedding.get/Embedding._get/OpenAI.chat"]


@pytest.mark.parametrize("middle", [LLM, {**LLM, **ASKED}])
def test_a_call_told_three_times_is_one_row(traced: Traced, middle: dict[str, Any]) -> None:
    with traced.tracer.start_as_current_span("outermost") as outermost:
        nested(traced.tracer, {}, {**LLM, **TOKENS}, middle)
        outermost.set_attributes({**LLM, **ASKED})
    assert names(traced) == ["/outermost/outer/inner"]


@pytest.mark.parametrize(
    "scopes",
    [
        ("mistralai_sdk_tracer", "openinference.instrumentation.mistralai"),
        ("com.anthropic.sdk.python", "openinference.instrumentation.anthropic"),
    ],
)
def test_what_an_sdk_tells_beside_an_instrumentation_is_said_and_can_be_left_out(
    scopes: tuple[str, str], traced: Traced, capfd: pytest.CaptureFixture[str]
) -> None:
    call = {"gen_ai.request.model": "a-model", "gen_ai.usage.prompt_tokens": 12, **ASKED}
    for scope in scopes:
        traced.provider.get_tracer(scope).start_span(scope, attributes=call).end()
    assert len(names(traced)) == 2
    assert "tell of the same calls, and each is two rows" in capfd.readouterr().err
    traced.processor.handler.addFilter(lambda record: record.name != scopes[0])
    for scope in scopes:
        traced.provider.get_tracer(scope).start_span(scope, attributes=call).end()
    assert len(names(traced)) == 3


def test_an_sdk_beside_what_instruments_another_tells_nothing_twice(
    traced: Traced, capfd: pytest.CaptureFixture[str]
) -> None:
    call = {"gen_ai.request.model": "a-model", **ASKED}
    for scope in ("openinference.instrumentation.anthropic", "mistralai_sdk_tracer"):
        traced.provider.get_tracer(scope).start_span(scope, attributes=call).end()
    assert len(names(traced)) == 2
    assert "tell of the same calls" not in capfd.readouterr().err
