from __future__ import annotations

from typing import Any

import pytest
from provider_fixtures import PLAIN, Form, sdk

from helicone_logging.llm.messages import Choice, Message, read_messages
from helicone_logging.llm.providers.requests import read_request
from helicone_logging.llm.providers.responses import read_response

ANSWER: dict[str, Any] = {
    "type": "ai",
    "content": "One moment.",
    "id": "run-1",
    "tool_calls": [{"name": "get_weather", "args": {"city": "Paris"}, "id": "c1", "type": "tool_call"}],
    "response_metadata": {"model_name": "gpt-4o-2024-08-06", "finish_reason": "tool_calls", "model_provider": "openai"},
    "usage_metadata": {
        "input_tokens": 30,
        "output_tokens": 12,
        "total_tokens": 42,
        "input_token_details": {"cache_read": 10},
        "output_token_details": {"reasoning": 5},
    },
}
READ = {
    "operation": "chat",
    "provider": "openai",
    "model": "gpt-4o-2024-08-06",
    "response_id": "run-1",
    "completion": [Choice("assistant", 'One moment.\n[tool call] get_weather({"city":"Paris"})', "tool_calls")],
    "prompt_tokens": 30,
    "completion_tokens": 12,
    "total_tokens": 42,
    "cached_tokens": 10,
    "reasoning_tokens": 5,
}


def message(data: Any) -> Any:
    fields = {key: value for key, value in data.items() if key != "type"}
    return sdk("langchain_core.messages").AIMessage(**fields)


def dumped(data: Any) -> Any:
    return sdk("langchain_core.load").dumpd(message(data))


def result(data: Any) -> Any:
    outputs = sdk("langchain_core.outputs")
    generation = outputs.ChatGeneration(message=message(data))
    return outputs.LLMResult(generations=[[generation]], llm_output={"model_name": "gpt-4o"})


def result_as_dict(data: Any) -> Any:
    return {"generations": [[{"text": data["content"], "message": data}]], "llm_output": {"model_name": "gpt-4o"}}


@pytest.mark.parametrize("form", [*PLAIN, message, dumped, result, result_as_dict])
def test_an_answer_gives_what_its_metadata_says(form: Form) -> None:
    assert read_response(form(ANSWER)) == READ


def test_a_result_of_texts_gives_its_choices_and_its_usage() -> None:
    fields = read_response(
        {
            "generations": [[{"text": "Hello", "generation_info": {"finish_reason": "stop"}}]],
            "llm_output": {"model_name": "gpt-3.5", "token_usage": {"prompt_tokens": 3, "completion_tokens": 2}},
        }
    )
    assert fields == {
        "operation": "text_completion",
        "model": "gpt-3.5",
        "completion": [Choice("assistant", "Hello", "stop")],
        "prompt_tokens": 3,
        "completion_tokens": 2,
    }


CHUNKS: list[dict[str, Any]] = [
    {"type": "AIMessageChunk", "id": "run-1", "content": "One "},
    {
        "type": "AIMessageChunk",
        "content": "moment.",
        "tool_call_chunks": [{"name": "get_weather", "args": '{"city":', "id": "c1", "index": 0}],
    },
    {"type": "AIMessageChunk", "content": "", "tool_call_chunks": [{"name": None, "args": '"Paris"}', "index": 0}]},
    {
        "type": "AIMessageChunk",
        "content": "",
        "response_metadata": {"finish_reason": "tool_calls", "model_name": "gpt-4o"},
        "usage_metadata": {"input_tokens": 30, "output_tokens": 12, "total_tokens": 42},
    },
]


def chunks(data: Any) -> Any:
    kind = sdk("langchain_core.messages").AIMessageChunk
    return [kind(**{key: value for key, value in chunk.items() if key != "type"}) for chunk in data]


@pytest.mark.parametrize("form", [*PLAIN, chunks])
def test_the_chunks_of_a_stream_are_joined(form: Form) -> None:
    assert read_response(form(CHUNKS)) == {
        "operation": "chat",
        "model": "gpt-4o",
        "response_id": "run-1",
        "completion": [Choice("assistant", 'One moment.\n[tool call] get_weather({"city":"Paris"})', "tool_calls")],
        "prompt_tokens": 30,
        "completion_tokens": 12,
        "total_tokens": 42,
    }


def test_parts_that_go_on_in_the_next_chunk_are_one_text() -> None:
    parts = [
        {"type": "thinking", "thinking": "They ", "index": 0},
        {"type": "thinking", "thinking": "greet.", "index": 0},
        {"type": "text", "text": "Hel", "index": 1},
        {"type": "text", "text": "lo", "index": 1},
    ]
    fields = read_response([{"type": "AIMessageChunk", "content": [part]} for part in parts])
    assert fields is not None
    assert fields["completion"] == [Choice("assistant", "[thinking] They greet.\nHello", None)]


def test_messages_are_read_in_all_forms_in_which_langchain_has_them() -> None:
    said = [Message("system", "Be brief."), Message("user", "Hi")]
    as_dicts = [{"type": "system", "content": "Be brief."}, {"type": "human", "content": "Hi"}]
    saved = [{"type": entry["type"], "data": entry} for entry in as_dicts]
    serialized = [
        {"lc": 1, "type": "constructor", "id": ["langchain", "schema", "HumanMessage"], "kwargs": as_dicts[1]}
    ]
    assert read_messages(as_dicts) == read_messages([as_dicts]) == read_messages(saved) == said
    assert read_messages(serialized) == said[1:]


def test_its_own_classes_are_read_in_a_request() -> None:
    messages = sdk("langchain_core.messages")
    asked = [
        messages.SystemMessage("Be brief."),
        messages.HumanMessage("Weather?"),
        message(ANSWER),
        messages.ToolMessage("15 °C", tool_call_id="c1"),
    ]
    fields = read_request({"model": "gpt-4o", "messages": asked})
    assert fields is not None
    assert fields["messages"] == [
        Message("system", "Be brief."),
        Message("user", "Weather?"),
        Message("assistant", 'One moment.\n[tool call] get_weather({"city":"Paris"})'),
        Message("tool", "[tool result c1] 15 °C"),
    ]


def test_the_state_of_a_graph_shows_its_answer_and_the_tokens_of_all_calls_since_it_was_asked_last() -> None:
    usage = {"input_tokens": 45, "output_tokens": 3, "total_tokens": 48}
    state = {
        "messages": [
            {"type": "human", "content": "Hi."},
            {"type": "ai", "content": "Hello.", "usage_metadata": {"input_tokens": 1000, "output_tokens": 1000}},
            {"type": "human", "content": "Weather?"},
            ANSWER,
            {"type": "tool", "content": "21 °C", "tool_call_id": "c1"},
            {"type": "ai", "content": "Sunny.", "usage_metadata": usage, "response_metadata": {}},
        ]
    }
    fields = read_response(state)
    assert fields is not None
    assert fields["completion"] == [Choice("assistant", "Sunny.", None)]
    assert (fields["prompt_tokens"], fields["completion_tokens"], fields["model"]) == (75, 15, READ["model"])
    assert read_response({"messages": state["messages"][:3]}) is None
