"""What spans say in each dialect becomes the fields of `extra=`; nobody else is touched."""

from __future__ import annotations

import json
from typing import Any

import pytest

from helicone_logging.llm.dialects import EndedSpan, kind_of, read_span

KINDS: list[tuple[dict[str, Any], str | None]] = [
    ({"gen_ai.operation.name": "chat"}, "model"),
    ({"gen_ai.operation.name": "text_completion", "gen_ai.request.model": "x"}, "model"),
    ({"gen_ai.operation.name": "something_new", "gen_ai.request.model": "x"}, "model"),
    ({"gen_ai.operation.name": "embeddings"}, "embedding"),
    ({"gen_ai.operation.name": "execute_tool"}, "tool"),
    ({"gen_ai.operation.name": "retrieval"}, "retrieval"),
    ({"gen_ai.operation.name": "create_agent"}, "agent"),
    ({"gen_ai.operation.name": "invoke_agent"}, "agent"),
    ({"gen_ai.operation.name": "invoke_workflow"}, None),
    ({"llm.request.type": "chat"}, "model"),
    ({"llm.request.type": "rerank"}, "retrieval"),
    ({"traceloop.span.kind": "workflow"}, None),
    ({"traceloop.span.kind": "task"}, None),
    ({"traceloop.span.kind": "agent"}, "agent"),
    ({"traceloop.span.kind": "tool"}, "tool"),
    ({"openinference.span.kind": "LLM"}, "model"),
    ({"openinference.span.kind": "EMBEDDING"}, "embedding"),
    ({"openinference.span.kind": "RETRIEVER"}, "retrieval"),
    ({"openinference.span.kind": "RERANKER"}, "retrieval"),
    ({"openinference.span.kind": "AGENT"}, "agent"),
    ({"openinference.span.kind": "CHAIN", "gen_ai.request.model": "x"}, None),
    ({"llm.system": "openai", "llm.input_messages.0.message.role": "user"}, "model"),
    ({"db.system": "pinecone", "db.operation": "query"}, "retrieval"),
    ({"db.system": "pinecone", "db.operation": "upsert"}, None),
    ({"db.system": "postgresql", "db.operation": "SELECT"}, None),
    ({"http.request.method": "GET"}, None),
    ({"gen_ai.operation.name": 7}, None),
    ({}, None),
]


@pytest.mark.parametrize(("attributes", "kind"), KINDS)
def test_what_a_span_is(attributes: dict[str, Any], kind: str | None) -> None:
    assert kind_of(attributes) == kind


def read(attributes: dict[str, Any], *events: tuple[str, dict[str, Any], float], holds_calls: bool = False) -> Any:
    kind = kind_of(attributes)
    assert kind is not None
    return read_span(tuple(EndedSpan(kind, attributes, events, holds_calls, None)))


CHAT = {"gen_ai.operation.name": "chat", "gen_ai.request.model": "gpt-4o"}
CALLS = [{"id": "call_1", "type": "function", "function": {"name": "search", "arguments": "{}"}}]


def test_messages_that_are_events_of_a_span() -> None:
    fields = read(
        CHAT,
        ("gen_ai.system.message", {"content": "Be brief."}, 0.0),
        ("gen_ai.user.message", {"content": "Hello"}, 0.0),
        ("gen_ai.assistant.message", {"tool_calls": json.dumps(CALLS)}, 0.0),
        ("gen_ai.tool.message", {"id": "call_1", "content": "found"}, 0.0),
        ("gen_ai.choice", {"index": 0, "finish_reason": "stop", "message": '{"content": "Hi."}'}, 1.0),
    )
    assert [(message["role"], message["content"]) for message in fields["messages"]] == [
        ("system", "Be brief."), ("user", "Hello"), ("assistant", ""), ("tool", "found"),
    ]  # fmt: skip
    assert fields["messages"][2]["tool_calls"] == CALLS
    assert fields["messages"][3]["tool_call_id"] == "call_1"
    (choice,) = fields["completion"]
    assert (choice["message"]["content"], choice["finish_reason"]) == ("Hi.", "stop")


def test_events_whose_body_is_json_text_as_azure_writes_them() -> None:
    body = {"message": {"content": "Hi."}, "finish_reason": "stop", "index": 0}
    fields = read(
        CHAT,
        ("gen_ai.user.message", {"gen_ai.event.content": '{"role": "user", "content": "Hello"}'}, 0.0),
        ("gen_ai.choice", {"gen_ai.event.content": json.dumps(body)}, 0.0),
    )
    assert fields["messages"][0]["content"] == "Hello"
    assert fields["completion"][0]["message"]["content"] == "Hi."


def test_the_first_form_of_all() -> None:
    fields = read(
        CHAT,
        ("gen_ai.content.prompt", {"gen_ai.prompt": '[{"role": "user", "content": "Hello"}]'}, 0.0),
        ("gen_ai.content.completion", {"gen_ai.completion": '[{"role": "assistant", "content": "Hi."}]'}, 0.0),
    )
    assert fields["messages"] == [{"role": "user", "content": "Hello"}]
    assert fields["completion"] == [{"role": "assistant", "content": "Hi."}]


def test_events_that_pydantic_ai_keeps_in_an_attribute() -> None:
    events = [
        {"event.name": "gen_ai.user.message", "content": "Hello", "role": "user"},
        {"event.name": "gen_ai.choice", "index": 0, "message": {"role": "assistant", "content": "Hi."}},
    ]
    fields = read({**CHAT, "events": json.dumps(events)})
    assert fields["messages"][0]["content"] == "Hello"
    assert fields["completion"][0]["message"]["content"] == "Hi."


def test_an_event_with_all_details_speaks_as_attributes_do() -> None:
    said = {"gen_ai.input.messages": '[{"role": "user", "parts": []}]', "gen_ai.request.model": "other"}
    fields = read(CHAT, ("gen_ai.client.inference.operation.details", said, 0.0))
    assert fields["gen_ai.input.messages"] == said["gen_ai.input.messages"]
    assert fields["gen_ai.request.model"] == "gpt-4o"


def test_the_first_chunk_of_a_stream_tells_its_time() -> None:
    chunk = "gen_ai.content.completion.chunk"
    assert read(CHAT, (chunk, {}, 0.25), (chunk, {}, 0.5))["gen_ai.response.time_to_first_chunk"] == 0.25


def test_other_events_are_kept_as_an_attribute() -> None:
    fields = read(CHAT, ("cache miss", {"key": "k"}, 0.0), ("exception", {"exception.type": "E"}, 0.0))
    assert fields["otel_attributes"]["events"] == [{"name": "cache miss", "key": "k"}]


def test_numbered_prompts_and_completions() -> None:
    fields = read(
        {
            "llm.request.type": "chat",
            "gen_ai.system": "OpenAI",
            "gen_ai.prompt.1.role": "user",
            "gen_ai.prompt.1.content": '[{"type": "text", "text": "Look"}]',
            "gen_ai.prompt.0.role": "system",
            "gen_ai.prompt.0.content": "Be brief.",
            "gen_ai.prompt.10.role": "tool",
            "gen_ai.prompt.10.content": "found",
            "gen_ai.completion.0.role": "assistant",
            "gen_ai.completion.0.finish_reason": "tool_calls",
            "gen_ai.completion.0.tool_calls.0.name": "search",
            "gen_ai.completion.0.tool_calls.0.arguments": "{}",
            "llm.usage.total_tokens": 17,
            "llm.top_k": 3,
            "llm.user": "ada",
            "gen_ai.usage.cache_read_input_tokens": 4,
        }
    )
    assert [message["role"] for message in fields["messages"]] == ["system", "user", "tool"]
    assert fields["messages"][1]["content"] == [{"type": "text", "text": "Look"}]
    assert fields["completion"][0]["tool_calls"] == [{"name": "search", "arguments": "{}"}]
    assert (fields["top_k"], fields["user_id"], fields["gen_ai.system"]) == (3, "ada", "OpenAI")
    assert fields["gen_ai.usage.cache_read.input_tokens"] == 4
    assert not [name for name in fields if name.startswith(("gen_ai.prompt", "gen_ai.completion"))]


def test_association_properties_are_sessions_users_and_properties() -> None:
    given = {
        "session_id": "s-1", "user_id": "ada", "tenant": "acme", "Helicone-Prompt-Id": "greeting",
        "Helicone-Session-Path": "/mine",
    }  # fmt: skip
    fields = read({**CHAT, **{f"traceloop.association.properties.{name}": value for name, value in given.items()}})
    assert (fields["session_id"], fields["user_id"], fields["prompt_id"]) == ("s-1", "ada", "greeting")
    assert fields["session_path"] == "/mine"
    assert fields["properties"] == {"tenant": "acme"}


@pytest.mark.parametrize(
    ("given", "asked"),
    [
        ('{"args": [], "kwargs": {"city": "Paris"}}', '{"city":"Paris"}'),
        ('{"args": ["Paris"], "kwargs": {}}', "Paris"),
        ('{"args": [1, 2], "kwargs": {}}', "[1,2]"),
        ('{"args": [], "kwargs": {}}', ""),
        ('{"city": "Paris"}', '{"city": "Paris"}'),
        ("plain", "plain"),
    ],
)
def test_what_a_decorated_tool_was_given_and_gave_back(given: str, asked: str) -> None:
    fields = read(
        {
            "traceloop.span.kind": "tool",
            "traceloop.entity.name": "get_weather",
            "traceloop.entity.input": given,
            "traceloop.entity.output": '"21 °C"',
            "traceloop.workflow.name": "answer",
        }
    )
    assert fields.get("gen_ai.tool.call.arguments", "").replace(", ", ",") == asked.replace(", ", ",")
    assert fields["gen_ai.tool.call.result"] == "21 °C"
    assert (fields["tool_name"], fields["operation"]) == ("get_weather", "execute_tool")
    assert not [name for name in fields if name.startswith("traceloop.")]


LANGCHAIN = [
    ({"input_str": "{'city': 'Paris'}", "tags": [], "metadata": {}, "inputs": {"city": "Paris"}, "kwargs": {}},
     '{"city":"Paris"}'),
    ({"output": "21 °C", "kwargs": {"tags": [], "name": "get_weather"}}, "21 °C"),
    ({"query": "sky", "tags": [], "metadata": {}, "kwargs": {"name": "R"}}, "sky"),
    ({"documents": [{"page_content": "blue"}], "count": 1}, '[{"page_content":"blue"}]'),
    ({"output": "its own", "metadata": {"page": 3}}, '{"output":"its own","metadata":{"page":3}}'),
    ({"kwargs": {}}, '{"kwargs":{}}'),
]  # fmt: skip


@pytest.mark.parametrize(("given", "told"), LANGCHAIN)
def test_what_the_instrumentation_of_langchain_puts_around_is_taken_off(given: dict[str, Any], told: str) -> None:
    text = json.dumps(given)
    fields = read({"traceloop.span.kind": "tool", "traceloop.entity.input": text, "traceloop.entity.output": text})
    assert fields["gen_ai.tool.call.arguments"].replace(": ", ":").replace(", ", ",") == told
    assert fields["gen_ai.tool.call.result"].replace(": ", ":").replace(", ", ",") == told


def test_messages_that_langchain_has_serialized_are_messages() -> None:
    message = {"lc": 1, "type": "constructor", "id": ["langchain", "AIMessage"], "kwargs": {"content": "Blue."}}
    fields = read(
        {
            "traceloop.span.kind": "agent",
            "traceloop.entity.input": '{"inputs": {"q": "Color?"}, "kwargs": {}}',
            "traceloop.entity.output": json.dumps({"outputs": {"messages": [message]}, "kwargs": {}}),
        }
    )
    assert fields["messages"].replace(": ", ":") == '{"q":"Color?"}'
    assert fields["completion"] == [message]


def test_results_of_a_vector_database_are_documents() -> None:
    said = {"db.query.result.id": "d1", "db.query.result.score": 0.5, "db.query.result.document": "text"}
    fields = read({"db.system": "chroma", "db.operation": "query"}, ("db.query.result", said, 0.0))
    assert fields["gen_ai.retrieval.documents"] == [{"id": "d1", "score": 0.5, "document": "text"}]
    assert fields["operation"] == "retrieval"


MESSAGE = "llm.input_messages.0.message"
ANSWER = "llm.output_messages.0.message"


def test_messages_of_openinference() -> None:
    fields = read(
        {
            "openinference.span.kind": "LLM",
            "llm.model_name": "gpt-4o-2024",
            "llm.system": "openai",
            "llm.provider": "azure",
            "llm.invocation_parameters": '{"temperature": 0.5, "max_completion_tokens": 9, "model": "gpt-4o"}',
            "llm.token_count.prompt": 12,
            "llm.token_count.completion": 5,
            "llm.token_count.prompt_details.cache_read": 4,
            f"{MESSAGE}.role": "user",
            f"{MESSAGE}.contents.0.message_content.type": "text",
            f"{MESSAGE}.contents.0.message_content.text": "Look",
            f"{MESSAGE}.contents.1.message_content.image.image.url": "https://x/y.png",
            f"{ANSWER}.role": "assistant",
            f"{ANSWER}.tool_calls.0.tool_call.id": "call_1",
            f"{ANSWER}.tool_calls.0.tool_call.function.name": "search",
            f"{ANSWER}.tool_calls.0.tool_call.function.arguments": "{}",
            "input.value": "the whole request",
            "output.value": "the whole answer",
            "input.mime_type": "application/json",
            "session.id": "s-1",
            "user.id": "ada",
            "metadata": '{"tenant": "acme"}',
            "tag.tags": ("a", "b"),
        }
    )
    assert fields["messages"] == [
        {
            "role": "user",
            "content": [
                {"type": "text", "text": "Look"},
                {"type": "image_url", "image_url": {"url": "https://x/y.png"}},
            ],
        }
    ]
    assert fields["completion"][0]["tool_calls"][0]["function"]["name"] == "search"
    assert (fields["model"], fields["gen_ai.request.model"], fields["provider"]) == ("gpt-4o-2024", "gpt-4o", "azure")
    assert (fields["temperature"], fields["max_tokens"]) == (0.5, 9)
    assert (fields["prompt_tokens"], fields["completion_tokens"]) == (12, 5)
    assert (fields["session_id"], fields["user_id"]) == ("s-1", "ada")
    assert fields["properties"] == {"tenant": "acme", "tags": "a, b"}
    assert "the whole" not in str(fields)


def test_a_call_of_openinference_without_messages_shows_its_values() -> None:
    fields = read({"openinference.span.kind": "LLM", "input.value": "Hello", "output.value": "Hi."})
    assert (fields["messages"], fields["completion"]) == ("Hello", "Hi.")
    request = '{"model": "m", "messages": [{"role": "user", "content": "Hello"}]}'
    assert read({"openinference.span.kind": "LLM", "input.value": request})["messages"] == [
        {"role": "user", "content": "Hello"}
    ]


def test_completions_of_openinference() -> None:
    fields = read(
        {"llm.model_name": "m", "llm.prompts.0.prompt.text": "Once", "llm.choices.0.completion.text": " upon"}
    )
    assert (fields["messages"], fields["completion"]) == (["Once"], [" upon"])


def test_retrieval_of_openinference() -> None:
    fields = read(
        {
            "openinference.span.kind": "RETRIEVER",
            "input.value": "query",
            "retrieval.documents.0.document.id": "d1",
            "retrieval.documents.0.document.content": "text",
            "retrieval.documents.0.document.metadata": '{"page": 3}',
        }
    )
    assert fields["gen_ai.retrieval.query.text"] == "query"
    assert fields["gen_ai.retrieval.documents"] == [{"id": "d1", "content": "text", "metadata": {"page": 3}}]


def test_embeddings_are_counted_and_their_vectors_left_out() -> None:
    fields = read(
        {
            "openinference.span.kind": "EMBEDDING",
            "embedding.model_name": "m",
            "embedding.embeddings.0.embedding.text": "hello",
            "embedding.embeddings.0.embedding.vector": (0.25, 0.5),
            "output.value": "[[0.25, 0.5]]",
        }
    )
    assert (fields["messages"], fields["completion"]) == (["hello"], "[1 embedding, 2 dimensions]")
    assert "0.25" not in str(fields)


def test_attributes_of_the_users_own_stay_and_technical_ones_are_no_properties() -> None:
    fields = read({**CHAT, "customer": "acme", "server.address": "api.openai.com", "http.response.status_code": 200})
    assert fields["customer"] == "acme"
    assert fields["otel_attributes"] == {"server.address": "api.openai.com", "http.response.status_code": 200}


@pytest.mark.parametrize(
    "value", [None, "text", 7, {}, [], ("model",), ("nobody", {}, (), False, None), [1, 2, 3, 4, 5]]
)
def test_what_is_no_span_is_left_as_it_is(value: object) -> None:
    assert read_span(value) is None


def test_names_that_contradict_each_other_do_no_harm() -> None:
    fields = read(
        {
            **CHAT,
            "gen_ai.prompt.0": "text",
            "gen_ai.prompt.0.role": "user",
            "gen_ai.prompt.x.role": "user",
            "llm.input_messages.0": 3,
            "llm.input_messages.99999999999999999999.message.role": "user",
            "gen_ai.prompt." + "0." * 50: "deep",
        }
    )
    assert fields["gen_ai.request.model"] == "gpt-4o"


def test_the_first_form_as_attributes_of_the_span() -> None:
    fields = read({**CHAT, "gen_ai.prompt": '[{"role": "user", "content": "Hello"}]', "gen_ai.completion": "Hi."})
    assert (fields["messages"], fields["completion"]) == ([{"role": "user", "content": "Hello"}], "Hi.")


def test_all_that_an_agent_of_pydantic_ai_said_is_what_was_asked_and_answered() -> None:
    said = [{"role": "user", "content": "Hello"}, {"role": "assistant", "content": "Hi."}]
    agent = {"gen_ai.operation.name": "invoke_agent", "pydantic_ai.all_messages": json.dumps(said)}
    fields = read(agent)
    assert (fields["messages"], fields["completion"]) == (said[:1], said[1:])
    fields = read({**agent, "final_result": "42"})
    assert (fields["messages"], fields["completion"]) == (said[:1], "42")


def test_calls_of_openinference_show_in_each_of_its_forms() -> None:
    part = "llm.output_messages.1.message.contents.0"
    fields = read(
        {
            "openinference.span.kind": "LLM",
            "llm.invocation_parameters": '{"user": "ada"}',
            f"{ANSWER}.function_call_name": "search",
            f"{ANSWER}.function_call_arguments_json": "{}",
            f"{part}.message_content.type": "tool_use",
            f"{part}.tool_call.id": "call_1",
            f"{part}.tool_call.function.name": "search",
        }
    )
    old, new = fields["completion"]
    assert old["function_call"] == {"name": "search", "arguments": "{}"}
    assert new["content"] == [{"type": "tool_call", "name": "search", "id": "call_1"}]
    assert fields["user_id"] == "ada"
