"""What frameworks give in the place of an SDK's answer: each case has the fields that one of them was seen to have."""

from __future__ import annotations

import dataclasses
import enum
import json
from types import SimpleNamespace
from typing import Any

import pytest
from provider_fixtures import load

from helicone_logging.llm.messages import read_messages
from helicone_logging.llm.providers.responses import read_response

CHAT = load("openai_chat_tools")
COUNTED = {"prompt_tokens": 12, "completion_tokens": 5}
CLAUDE_COUNTED = {"input_tokens": 8, "cache_creation_input_tokens": 0, "cache_read_input_tokens": 4, "output_tokens": 5}


class Role(str, enum.Enum):
    ASSISTANT = "assistant"


def held(**fields: Any) -> SimpleNamespace:
    return SimpleNamespace(**fields)


def read(response: object) -> dict[str, Any]:
    fields = read_response(response)
    assert fields is not None
    return fields


WRAPPED = {
    "LlamaIndex": held(message=held(role=Role.ASSISTANT, blocks=[]), raw=CHAT, delta=None, logprobs=None),
    "smolagents": held(role=Role.ASSISTANT, content="…", tool_calls=None, raw=CHAT, token_usage=None),
    "LangChain's include_raw": {"raw": CHAT, "parsed": held(city="Paris"), "parsing_error": None},
    "Semantic Kernel": [held(inner_content=CHAT, ai_model_id="gpt-4o", role=Role.ASSISTANT, items=[])],
    "Agent Framework": held(messages=[], response_id="x", raw_representation=CHAT),
    "Instructor": held(city="Paris", _raw_response=CHAT),
    "a batch of OpenAI": {"custom_id": "1", "response": {"status_code": 200, "body": CHAT}, "error": None},
    "DashScope": {"status_code": 200, "message": "", "output": {"choices": CHAT["choices"]}, "usage": CHAT["usage"]},
}


@pytest.mark.parametrize("framework", WRAPPED)
def test_what_an_sdk_gave_to_a_framework_that_keeps_it_is_read(framework: str) -> None:
    straight, wrapped = read(CHAT), read(WRAPPED[framework])
    for key in ("completion", "prompt_tokens", "completion_tokens", "cached_tokens"):
        assert wrapped.get(key) == straight.get(key), key


def test_results_of_batches_of_anthropic_and_google_are_read() -> None:
    message, answer = load("anthropic_message"), load("google_generate")
    succeeded = {"custom_id": "1", "result": {"type": "succeeded", "message": message}}
    assert read(succeeded)["completion"] == read(message)["completion"]
    assert read({"key": "1", "response": answer})["completion"] == read(answer)["completion"]
    failed = read({"custom_id": "1", "result": {"type": "errored", "error": {"type": "error", "message": "Too long."}}})
    assert (failed["completion"][0].content, failed["status"]) == ("[error] Too long.", "error")


def test_a_message_within_something_else_is_no_error_and_what_wraps_itself_is_read_to_an_end() -> None:
    assert read_response({"body": {"message": "Hi."}}) is None
    circle: dict[str, Any] = {}
    circle["raw"] = circle["result"] = circle
    assert read_response(circle) is None


def test_a_stream_of_llama_index_shows_the_call_once_though_its_first_chunk_was_changed() -> None:
    def chunk(arguments: str, whole: list[dict[str, Any]]) -> SimpleNamespace:
        call = {"index": 0, "id": "call_1", "function": {"name": "get_weather", "arguments": arguments}}
        raw = {"model": "gpt-4o", "choices": [{"index": 0, "delta": {"tool_calls": [call]}}], "usage": None}
        return held(raw=raw, delta="", message=held(role=Role.ASSISTANT, blocks=whole))

    call = {"block_type": "tool_call", "tool_name": "get_weather", "tool_kwargs": '{"city": "Paris"}'}
    fields = read([chunk('{"city": "Paris"}', []), chunk(' "Paris"}', [call])])
    assert fields["completion"][0].content == '[tool call] get_weather({"city": "Paris"})'
    assert fields["model"] == "gpt-4o"


@dataclasses.dataclass
class Block:
    """A part without a type, as of Claude's Agent SDK."""

    text: str


SAYING: dict[str, tuple[object, str]] = {
    "Pydantic AI": (
        held(
            parts=[
                held(content="hmm", part_kind="thinking", signature=None),
                held(content="Sunny.", part_kind="text"),
                held(tool_name="get_weather", args={"city": "Paris"}, tool_call_id="1", part_kind="tool-call"),
            ],
            usage=held(input_tokens=12, output_tokens=5, cache_read_tokens=4),
            model_name="gpt-4o",
            provider_name="openai",
            finish_reason="stop",
        ),
        '[thinking] hmm\nSunny.\n[tool call] get_weather({"city":"Paris"})',
    ),
    "a run of Pydantic AI": (
        held(output="Sunny.", _state=held(usage=held(input_tokens=12, output_tokens=5), message_history=[])),
        "Sunny.",
    ),
    "AutoGen": (
        held(
            finish_reason="function_calls",
            content=[held(id="1", arguments='{"city":"Paris"}', name="get_weather")],
            usage=held(**COUNTED),
            thought="hmm",
        ),
        '[thinking] hmm\n[tool call] get_weather({"city":"Paris"})',
    ),
    "Haystack": (
        {
            "replies": [
                held(
                    _role=Role.ASSISTANT,
                    _content=[
                        held(reasoning_text="hmm", extra={}),
                        held(text="Sunny."),
                        held(tool_name="get_weather", arguments={"city": "Paris"}, id="1"),
                    ],
                    _meta={"model": "gpt-4o", "finish_reason": "stop", "usage": COUNTED},
                )
            ]
        },
        '[thinking] hmm\nSunny.\n[tool call] get_weather({"city":"Paris"})',
    ),
    "OpenAI's Agents": (
        held(
            output=[{"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "Sunny."}]}],
            usage=held(requests=1, input_tokens=12, output_tokens=5, total_tokens=17),
            response_id="resp_1",
        ),
        "Sunny.",
    ),
    "a run of OpenAI's Agents": (
        held(final_output="Sunny.", context_wrapper=held(usage=held(input_tokens=12, output_tokens=5))),
        "Sunny.",
    ),
    "Strands": (
        held(
            stop_reason="end_turn",
            message={"role": "assistant", "content": [{"text": "Sunny."}]},
            metrics=held(cycle_count=1, accumulated_usage={"inputTokens": 12, "outputTokens": 5, "totalTokens": 17}),
        ),
        "Sunny.",
    ),
    "a run of Microsoft's Agent Framework": (
        held(
            messages=[held(role=Role.ASSISTANT, contents=[held(type="text", text="Sunny.")])],
            usage_details={"input_token_count": 12, "output_token_count": 5},
            raw_representation=held(raw_representation=None),
        ),
        "Sunny.",
    ),
    "Agno": (held(content="Sunny.", model="gpt-4o", metrics=held(input_tokens=12, output_tokens=5)), "Sunny."),
    "Claude's Agent SDK": (
        held(
            content=[
                held(thinking="hmm", signature="…"),
                Block("Sunny."),
                held(id="1", name="get_weather", input={"city": "Paris"}),
                held(tool_use_id="1", content="21 °C", is_error=False),
            ],
            model="claude-sonnet-4-5",
            usage=CLAUDE_COUNTED,
        ),
        '[thinking] hmm\nSunny.\n[tool call] get_weather({"city":"Paris"})\n[tool result 1] 21 °C',
    ),
    "a run of Claude's Agent SDK": (
        [
            held(content=[Block("Let me look.")], model="claude-sonnet-4-5", usage={"output_tokens": 1}),
            held(subtype="success", result="Sunny.", total_cost_usd=0.01, usage=CLAUDE_COUNTED),
        ],
        "Sunny.",
    ),
    "Mistral's Conversations": (
        {
            "object": "conversation.response",
            "conversation_id": "conv_1",
            "outputs": [
                {"type": "tool.execution", "name": "web_search", "arguments": '{"query": "weather"}'},
                {
                    "type": "message.output",
                    "role": "assistant",
                    "content": [
                        {"type": "text", "text": "Sunny."},
                        {"type": "tool_reference", "tool": "web_search", "title": "A", "url": "https://a.example"},
                    ],
                },
                {"type": "function.call", "tool_call_id": "1", "name": "get_weather", "arguments": "{}"},
            ],
            "usage": COUNTED,
        },
        '[tool call] web_search({"query": "weather"})\nSunny.\n[tool call] get_weather({})\n[source 1] A, https://a.example',
    ),
    "Google's ADK": (
        held(
            author="weather",
            content=held(role="model", parts=[held(text="Sunny.")]),
            usage_metadata=held(prompt_token_count=12, candidates_token_count=5),
        ),
        "Sunny.",
    ),
}


@pytest.mark.parametrize("framework", SAYING)
def test_a_message_that_has_its_usage_beside_it_is_an_answer(framework: str) -> None:
    response, said = SAYING[framework]
    fields = read(response)
    assert [choice.content for choice in fields["completion"]] == [said]
    assert {key: fields[key] for key in COUNTED} == COUNTED


def test_a_stream_whose_chunks_come_in_lists_is_read() -> None:
    """As those of Semantic Kernel."""
    chunks = [
        {"model": "gpt-4o", "choices": [{"index": 0, "delta": {"content": text}, "finish_reason": None}]}
        for text in ("Sun", "ny.")
    ]
    fields = read([[held(inner_content=chunk, content=None)] for chunk in chunks])
    assert [choice.content for choice in fields["completion"]] == ["Sunny."]


def test_vectors_of_dashscope_are_counted_and_never_shown() -> None:
    vectors = {"output": {"embeddings": [{"text_index": 0, "embedding": [0.5, 0.25]}]}, "usage": {"total_tokens": 3}}
    fields = read(vectors)
    assert (fields["completion"][0].content, fields["prompt_tokens"]) == ("[1 embedding, 2 dimensions]", 3)


def test_messages_of_frameworks_keep_their_roles() -> None:
    messages = [
        held(content="Be brief.", type="SystemMessage"),
        held(content="Weather?", source="user", type="UserMessage"),
        held(content=[held(call_id="1", content="21 °C", is_error=False)], type="FunctionExecutionResultMessage"),
        held(_role=Role.ASSISTANT, _content=[held(text="Sunny.")], _meta={}),
        held(role=Role.ASSISTANT, items=[held(content_type="text", text="Sunny.")], inner_content=None),
        held(role=Role.ASSISTANT, contents=[held(type="text", text="Sunny.")], message_id=None),
        {"type": "function.call", "name": "f", "arguments": "{}"},
        {"type": "function.result", "tool_call_id": "1", "result": "21 °C"},
        held(kind="request", parts=[held(part_kind="user-prompt", content="And Rome?")]),
        held(kind="response", parts=[held(part_kind="text", content="Rainy.")]),
    ]
    assert read_messages(messages) == [
        ("system", "Be brief."),
        ("user", "Weather?"),
        ("tool", "[tool result 1] 21 °C"),
        ("assistant", "Sunny."),
        ("assistant", "Sunny."),
        ("assistant", "Sunny."),
        ("assistant", "[tool call] f({})"),
        ("tool", "[tool result 1] 21 °C"),
        ("user", "And Rome?"),
        ("assistant", "Rainy."),
    ]


@pytest.mark.parametrize(
    "gave",
    [
        {"call_id": "1", "duration": 5},
        {"name": "Alice", "input": "card", "amount": 3},
        {"content_type": "application/pdf", "pages": 2},
        {"filename": "a.txt", "size": 3},
        {"text": "Sunny.", "score": 0.5},
        {"image": "https://a.example/b.png", "caption": "Rain"},
        {"return_code": 0, "stdout": "a.txt", "cwd": "/tmp"},
    ],
)
def test_what_a_tool_gave_back_is_shown_whole_though_its_fields_have_names_of_a_framework(gave: dict[str, Any]) -> None:
    (message,) = read_messages([{"type": "function_result", "call_id": "c1", "result": gave}])
    assert json.loads(message.content.removeprefix("[tool result c1] ")) == gave
