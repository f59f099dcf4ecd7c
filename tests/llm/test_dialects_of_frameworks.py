"""What the instrumentations of frameworks were seen to write is read: each case is what one of them wrote."""

from __future__ import annotations

import json
from typing import Any

import pytest

from helicone_logging.llm.dialects import EndedSpan, call_of, is_helper, kind_of, read_span
from helicone_logging.llm.messages import read_messages

Event = tuple[str, dict[str, Any], float]


def read(attributes: dict[str, Any], *events: Event, holds_calls: bool = False) -> dict[str, Any]:
    kind = kind_of(attributes)
    assert kind is not None
    fields = read_span(tuple(EndedSpan(kind, attributes, events, holds_calls, None)))
    assert fields is not None
    return fields


def shown(messages: Any) -> list[tuple[str, str]]:
    return [(message.role, message.content) for message in read_messages(messages)]


TOOL = {"openinference.span.kind": "TOOL"}
OF_LANGCHAIN = {"content": "21 °C", "type": "tool", "name": "get_weather", "tool_call_id": "call_1"}
OF_LLAMA_INDEX = {"blocks": [{"text": "21 °C"}], "tool_name": "get_weather", "raw_output": "21 °C", "is_error": False}
STEPS = {
    "langchain by openinference": (
        {**TOOL, "tool.name": "get_weather", "input.value": "Paris"},
        {"output.value": json.dumps({"type": "tool", "data": OF_LANGCHAIN})},
        "Paris",
    ),
    "langchain by openllmetry": (
        {
            "traceloop.span.kind": "tool",
            "gen_ai.tool.call.arguments": json.dumps({"input_str": "x", "inputs": {"city": "Paris"}, "kwargs": {}}),
        },
        {
            "gen_ai.tool.call.result": json.dumps(
                {"output": {"lc": 1, "type": "constructor", "kwargs": OF_LANGCHAIN}, "kwargs": {"name": "get_weather"}}
            )
        },
        '{"city":"Paris"}',
    ),
    "llama_index by openinference": (
        {**TOOL, "input.value": '{"kwargs": {"city": "Paris"}}'},
        {"output.value": json.dumps(OF_LLAMA_INDEX)},
        '{"city":"Paris"}',
    ),
    "smolagents by openinference": (
        {**TOOL, "input.value": '{"args": [], "sanitize_inputs_outputs": true, "kwargs": {"city": "Paris"}}'},
        {"output.value": "21 °C"},
        '{"city":"Paris"}',
    ),
    "dspy by openinference": (
        {**TOOL, "input.value": '{"kwargs": {"city": "Paris"}}'},
        {"output.value": '"21 °C"'},
        '{"city":"Paris"}',
    ),
    "google_adk by openinference": (
        {**TOOL, "input.value": '{"city": "Paris"}'},
        {"output.value": '{"id": "adk-1", "name": "get_weather", "response": "21 °C"}'},
        '{"city": "Paris"}',
    ),
    "mcp by openllmetry": (
        {
            "traceloop.span.kind": "tool",
            "traceloop.entity.input": '{"tool_name": "get_weather", "arguments": {"city": "Paris"}}',
        },
        {"traceloop.entity.output": "21 °C"},
        '{"city":"Paris"}',
    ),
    "strands with its newer names": (
        {
            "gen_ai.operation.name": "execute_tool",
            "gen_ai.provider.name": "strands-agents",
            "gen_ai.tool.call.arguments": '{"city":"Paris"}',
            "gen_ai.input.messages": '[{"role": "tool", "parts": [{"type": "tool_call", "name": "get_weather"}]}]',
        },
        {"gen_ai.tool.call.result": '[{"text": "21 °C"}]'},
        '{"city":"Paris"}',
    ),
}


@pytest.mark.parametrize("seen", STEPS)
def test_a_tool_shows_its_arguments_and_its_result_without_what_a_framework_puts_around(seen: str) -> None:
    given, answered, arguments = STEPS[seen]
    fields = read({**given, **answered})
    assert fields["gen_ai.tool.call.arguments"] == arguments
    assert fields["gen_ai.tool.call.result"] == "21 °C"
    assert "gen_ai.input.messages" not in fields


@pytest.mark.parametrize(
    "value",
    ['{"blocks": 3}', '{"type": "tool", "data": 3}', '{"lc": 1}', '"broken', '"', "[]", '[{"x": 2}]'],
)
def test_a_result_that_only_looks_like_that_of_a_framework_stays_as_it_is(value: str) -> None:
    assert read({**TOOL, "output.value": value})["gen_ai.tool.call.result"] == value


def test_events_of_strands_hold_parts_of_messages_and_those_of_a_tool_its_arguments() -> None:
    call = {"toolUse": {"toolUseId": "call_1", "name": "get_weather", "input": {"city": "Paris"}}}
    result = {"toolResult": {"toolUseId": "call_1", "status": "success", "content": [{"text": "21 °C"}]}}
    fields = read(
        {"gen_ai.operation.name": "chat", "gen_ai.system": "strands-agents", "gen_ai.request.model": "gpt-4o-mini"},
        ("gen_ai.system.message", {"content": '[{"text": "Be brief."}]'}, 0.0),
        ("gen_ai.assistant.message", {"content": json.dumps([call])}, 0.0),
        ("gen_ai.tool.message", {"content": json.dumps([result])}, 0.0),
        ("gen_ai.choice", {"finish_reason": "end_turn", "message": '[{"text": "Sunny."}]'}, 0.0),
    )
    assert shown(fields["messages"]) == [
        ("system", "Be brief."),
        ("assistant", '[tool call] get_weather({"city":"Paris"})'),
        ("tool", "[tool result call_1] 21 °C"),
    ]
    assert "gen_ai.system" not in fields  # a framework serves no models: the model tells who does
    tool = read(
        {"gen_ai.operation.name": "execute_tool", "gen_ai.tool.name": "get_weather"},
        ("gen_ai.tool.message", {"role": "tool", "content": '{"city": "Paris"}', "id": "call_1"}, 0.0),
        ("gen_ai.choice", {"message": '[{"text": "21 °C"}]', "id": "call_1"}, 0.0),
    )
    assert (tool["gen_ai.tool.call.arguments"], tool["gen_ai.tool.call.result"]) == ('{"city": "Paris"}', "21 °C")


@pytest.mark.parametrize("name", ["strands-agents", "crewai", "AutoGen", "pydantic_ai", "gcp.vertex.agent"])
def test_the_name_of_a_framework_is_no_provider_where_the_model_tells_one(name: str) -> None:
    said = {"gen_ai.operation.name": "chat", "gen_ai.provider.name": name}
    assert "gen_ai.provider.name" not in read({**said, "gen_ai.request.model": "gpt-4o-mini"})
    assert read({**said, "gen_ai.request.model": "our-own"})["gen_ai.provider.name"] == name


def test_an_agent_that_names_a_model_and_no_tokens_is_a_step() -> None:
    agent = {"traceloop.span.kind": "agent", "gen_ai.system": "agno", "gen_ai.agent.name": "weather"}
    named = {**agent, "gen_ai.request.model": "gpt-4o-mini", "gen_ai.usage.input_tokens": 0}
    assert "gen_ai.request.model" not in read(named)
    assert read(named)["properties"] == {"model": "gpt-4o-mini"}
    assert read({**named, "gen_ai.usage.input_tokens": 24})["gen_ai.request.model"] == "gpt-4o-mini"


def test_an_end_of_an_answer_that_no_span_tells_is_no_field() -> None:
    said = {"gen_ai.operation.name": "chat", "gen_ai.response.finish_reasons": ("stop",)}
    assert read(said)["otel_attributes"] == {"gen_ai.response.finish_reasons": ("stop",)}
    of_semantic_kernel = {"gen_ai.operation.name": "chat", "gen_ai.response.finish_reason": "FinishReason.STOP"}
    assert read(of_semantic_kernel)["otel_attributes"] == {"gen_ai.response.finish_reasons": "FinishReason.STOP"}
    answer = '[{"role": "assistant", "parts": []}]'
    assert read({**said, "gen_ai.output.messages": answer})["gen_ai.response.finish_reasons"] == ("stop",)


def test_only_graphs_are_agents_of_those_workflows_and_tasks_that_openllmetry_calls_so() -> None:
    said = {"traceloop.span.kind": "workflow", "gen_ai.operation.name": "invoke_agent"}
    assert kind_of({**said, "gen_ai.provider.name": "langgraph"}) == "agent"
    assert kind_of({**said, "gen_ai.provider.name": "langchain"}) is None
    assert kind_of({**said, "gen_ai.provider.name": "crewai", "traceloop.span.kind": "task"}) is None


def test_vectors_of_llama_index_are_counted_and_never_shown() -> None:
    said = {"traceloop.span.kind": "workflow", "gen_ai.operation.name": "embeddings"}
    given = {"traceloop.entity.input": '{"texts": ["blue", "green"], "show_progress": false}'}
    fields = read({**said, **given, "traceloop.entity.output": "[[0.5, 0.25], [0.5, 0.25]]"})
    assert (fields["messages"], fields["completion"]) == (["blue", "green"], "[2 embeddings, 2 dimensions]")
    given = {"traceloop.entity.input": '{"query": "sky"}', "traceloop.entity.output": "[0.5, 0.25]"}
    fields = read({**said, **given})
    assert (fields["messages"], fields["completion"]) == ("sky", "[1 embedding, 2 dimensions]")


def test_tokens_that_only_the_whole_answer_tells_are_counted() -> None:
    """As of embeddings of Haystack."""
    usage = {"prompt_tokens": 3, "total_tokens": 3, "completion_tokens": 0}
    said = {"openinference.span.kind": "EMBEDDING", "embedding.model_name": "text-embedding-3-small"}
    given = {"embedding.embeddings.0.embedding.text": "hello"}
    assert read({**said, **given, "output.value": json.dumps({"meta": {"usage": usage}})})["prompt_tokens"] == 3
    counted = {**said, "llm.token_count.prompt": 4, "output.value": json.dumps({"usage": usage})}
    assert read(counted)["prompt_tokens"] == 4


def test_roles_and_results_that_are_spelled_differently() -> None:
    message = "llm.input_messages.{}.message.{}"
    fields = read(
        {
            "openinference.span.kind": "LLM",
            message.format(0, "role"): "tool-call",
            message.format(0, "content"): "Calling tools:",
            message.format(1, "role"): "tool-response",
            message.format(1, "content"): "Observation:",
            message.format(2, "role"): "function",
            "llm.input_messages.2.function.0": '{"name": "get_weather", "content": "21 °C", "call_id": "call_1"}',
            "message.tool_calls.0.tool_call.function.name": "get_weather",
        }
    )
    assert shown(fields["messages"]) == [
        ("assistant", "Calling tools:"),
        ("tool", "Observation:"),
        ("function", "[tool result call_1] 21 °C"),
    ]
    assert "message.tool_calls.0.tool_call.function.name" in fields["otel_attributes"]
    answer = '[{"role": "unknown", "parts": [{"type": "text", "content": "Sunny."}]}]'
    fields = read({"gen_ai.operation.name": "chat", "gen_ai.output.messages": answer})
    assert shown(json.loads(fields["gen_ai.output.messages"])) == [("assistant", "Sunny.")]


def test_a_crew_shows_its_result_and_keeps_the_rest_out_of_the_properties() -> None:
    fields = read(
        {"gen_ai.operation.name": "invoke_agent", "crewai.crew.result": "Sunny.", "crewai.crew.verbose": "False"}
    )
    assert fields["completion"] == "Sunny."
    assert fields["otel_attributes"] == {"crewai.crew.verbose": "False"}


def test_which_spans_may_tell_of_the_same_call() -> None:
    named = [{"tool.name": "search"}, {"gen_ai.tool.name": "search"}]
    assert [call_of("tool", said) for said in named] == [("tool", "search")] * 2
    assert call_of("model", {"llm.model_name": "x"}) == ("model", None)
    assert call_of("tool", {}) is call_of("retrieval", {}) is call_of(None, {}) is None
    scope = "openinference.instrumentation.llama_index"
    assert is_helper(scope, "VectorIndexRetriever._retrieve")
    assert not is_helper(scope, "DefaultRefineProgram.__call__")
    assert not is_helper("openinference.instrumentation.crewai", "weatherman._execute_core")
