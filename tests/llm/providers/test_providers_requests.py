from __future__ import annotations

import json
from typing import Any

import openai
import pytest
from provider_fixtures import Form, load, real, sdk

from helicone_logging.llm.messages import Message
from helicone_logging.llm.providers.requests import read_request

CHAT = {
    "model": "gpt-4o",
    "messages": [{"role": "developer", "content": "Be brief."}, {"role": "user", "content": "Hi"}],
    "max_completion_tokens": 100,
    "temperature": 0.5,
    "top_p": 0.9,
    "frequency_penalty": 0.1,
    "presence_penalty": 0.2,
    "seed": 7,
    "stream": True,
}


def as_keywords(data: Any) -> Any:
    return data


def as_json(data: Any) -> Any:
    return json.dumps(data)


@pytest.mark.parametrize("form", [as_keywords, as_json])
def test_a_chat_request_gives_model_messages_and_parameters(form: Form) -> None:
    assert read_request(form(CHAT)) == {
        "model": "gpt-4o",
        "operation": "chat",
        "messages": [Message("developer", "Be brief."), Message("user", "Hi")],
        "max_tokens": 100,
        "temperature": 0.5,
        "top_p": 0.9,
        "frequency_penalty": 0.1,
        "presence_penalty": 0.2,
        "seed": 7,
    }


@pytest.mark.parametrize("system", ["Be brief.", [{"type": "text", "text": "Be brief."}]])
def test_anthropic_s_system_is_the_first_message(system: object) -> None:
    fields = read_request(
        {
            "model": "claude-sonnet-4-5",
            "max_tokens": 64,
            "system": system,
            "messages": [{"role": "user", "content": "Hi"}],
        }
    )
    assert fields == {
        "model": "claude-sonnet-4-5",
        "operation": "chat",
        "messages": [Message("system", "Be brief."), Message("user", "Hi")],
        "max_tokens": 64,
    }


def test_what_anthropic_answered_can_be_sent_back_as_it_is() -> None:
    answer = real("anthropic.types:Message")(load("anthropic_message"))
    result = {"type": "tool_result", "tool_use_id": "toolu_1", "content": [{"type": "text", "text": "15 °C"}]}
    fields = read_request(
        {
            "model": "claude-sonnet-4-5",
            "messages": [
                {"role": "assistant", "content": answer.content},
                {"role": "user", "content": [result, {"type": "text", "text": "And now?"}]},
            ],
        }
    )
    assert fields is not None
    assert "get_weather(" in _messages(fields)[0].content
    assert _messages(fields)[1] == Message("user", "[tool result toolu_1] 15 °C\nAnd now?")


def test_instructions_of_a_response_are_the_first_message() -> None:
    assert read_request({"model": "gpt-5", "instructions": "Be brief.", "input": "Hi", "max_output_tokens": 50}) == {
        "model": "gpt-5",
        "operation": "responses",
        "messages": [Message("system", "Be brief."), Message("user", "Hi")],
        "max_tokens": 50,
    }


@pytest.mark.parametrize("form", [as_keywords, real("openai.types.responses:ResponseInputItem")])
def test_the_items_of_a_response_s_input_are_messages(form: Form) -> None:
    items = [
        {"role": "user", "content": [{"type": "input_text", "text": "Weather?"}], "type": "message"},
        {"type": "function_call", "call_id": "c1", "name": "get_weather", "arguments": '{"city":"Paris"}'},
        {"type": "function_call_output", "call_id": "c1", "output": "15 °C"},
    ]
    fields = read_request({"model": "gpt-5", "input": form(items)})
    assert fields is not None
    assert fields["operation"] == "responses"
    assert _messages(fields) == [
        Message("user", "Weather?"),
        Message("assistant", '[tool call] get_weather({"city":"Paris"})'),
        Message("tool", "[tool result c1] 15 °C"),
    ]


@pytest.mark.parametrize(
    "instruction",
    [
        "Be brief.",
        {"parts": [{"text": "Be brief."}]},
        {"role": "user", "parts": [{"text": "Be brief."}]},
        ["Be brief."],
    ],
)
@pytest.mark.parametrize("place", ["config", "systemInstruction"])
def test_google_s_system_instruction_is_the_first_message(instruction: object, place: str) -> None:
    request: dict[str, object] = {
        "model": "gemini-2.5-flash",
        "contents": [
            {"role": "user", "parts": [{"text": "Hi"}]},
            {"role": "model", "parts": [{"text": "Hello"}]},
        ],
    }
    if place == "config":
        request["config"] = {"system_instruction": instruction, "max_output_tokens": 9, "top_k": 40}
    else:
        request |= {place: instruction, "generationConfig": {"maxOutputTokens": 9, "topK": 40}}
    assert read_request(request) == {
        "model": "gemini-2.5-flash",
        "provider": "google",
        "operation": "generate_content",
        "messages": [Message("system", "Be brief."), Message("user", "Hi"), Message("assistant", "Hello")],
        "max_tokens": 9,
        "top_k": 40,
    }


def test_the_parts_of_google_s_contents_are_one_message() -> None:
    picture = {"inline_data": {"mime_type": "image/png", "data": b"abc"}}
    fields = read_request({"model": "gemini-2.5-flash", "contents": ["Describe this.", picture]})
    assert fields is not None
    assert _messages(fields) == [Message("user", "Describe this.\n[image image/png, 3 bytes]")]


def test_google_s_own_classes_are_read() -> None:
    types = sdk("google.genai.types")
    fields = read_request(
        {
            "model": "gemini-2.5-flash",
            "contents": ["Describe this.", types.Part.from_bytes(data=b"abc", mime_type="image/png")],
            "config": types.GenerateContentConfig(system_instruction="Be brief.", temperature=0.5),
        }
    )
    assert fields is not None
    assert fields["temperature"] == 0.5
    assert _messages(fields) == [
        Message("system", "Be brief."),
        Message("user", "Describe this.\n[image image/png, 3 bytes]"),
    ]


def test_mistral_s_own_classes_are_read() -> None:
    request = real("mistralai.client.models:ChatCompletionRequest", "mistralai.models:ChatCompletionRequest")(
        {"model": "mistral-small-latest", "messages": [{"role": "user", "content": "Hi"}], "max_tokens": 5}
    )
    assert read_request(request) == {
        "model": "mistral-small-latest",
        "operation": "chat",
        "messages": [Message("user", "Hi")],
        "max_tokens": 5,
    }


def test_bedrock_s_converse_is_read() -> None:
    assert read_request(
        {
            "modelId": "us.amazon.nova-pro-v1:0",
            "system": [{"text": "Be brief."}],
            "messages": [
                {"role": "user", "content": [{"text": "Hi"}, {"image": {"format": "png", "source": {"bytes": b"abc"}}}]}
            ],
            "inferenceConfig": {"maxTokens": 10, "temperature": 0.5, "topP": 0.9},
        }
    ) == {
        "model": "us.amazon.nova-pro-v1:0",
        "provider": "aws",
        "operation": "chat",
        "messages": [Message("system", "Be brief."), Message("user", "Hi\n[image png, 3 bytes]")],
        "max_tokens": 10,
        "temperature": 0.5,
        "top_p": 0.9,
    }


def test_litellm_may_name_the_provider() -> None:
    fields = read_request({**CHAT, "model": "llama-3.3-70b-versatile", "custom_llm_provider": "groq"})
    assert fields is not None
    assert fields["provider"] == "groq"


@pytest.mark.parametrize(
    ("fields", "provider"),
    [
        ({"model": "groq/llama-3.3-70b-versatile"}, "groq"),
        ({"model": "azure/my-deployment"}, "azure"),
        ({"model": "openrouter/anthropic/claude-sonnet-4.5"}, "openrouter"),
        ({"model": "groq/llama-3.3-70b-versatile", "api_base": "https://openrouter.ai/api/v1"}, "openrouter"),
        ({"model": "groq/llama-3.3-70b-versatile", "custom_llm_provider": "litellm_proxy"}, "litellm_proxy"),
        ({"model": "anthropic/claude-sonnet-4-5"}, None),
        ({"model": "openai/gpt-4o"}, None),
        ({"model": "gpt-4o"}, None),
    ],
)
def test_a_request_whose_model_is_routed_by_litellm_tells_the_provider(
    fields: dict[str, str], provider: str | None
) -> None:
    read = read_request({**CHAT, **fields})
    assert read is not None
    assert (read.get("provider"), read["model"]) == (provider, fields["model"])


@pytest.mark.parametrize(
    ("prompt", "messages"),
    [
        ("Once upon", [Message("user", "Once upon")]),
        (["One", "Two"], [Message("user", "One"), Message("user", "Two")]),
        ([1, 2, 3], [Message("user", "[3 tokens]")]),
    ],
)
def test_a_completion_s_prompt_is_its_messages(prompt: object, messages: list[Message]) -> None:
    assert read_request({"model": "gpt-3.5-turbo-instruct", "prompt": prompt, "max_tokens": 7}) == {
        "model": "gpt-3.5-turbo-instruct",
        "operation": "text_completion",
        "messages": messages,
        "max_tokens": 7,
    }


@pytest.mark.parametrize(
    ("request_", "messages"),
    [
        ({"model": "text-embedding-3-small", "input": "One"}, [Message("user", "One")]),
        ({"model": "mistral-embed", "input": ["One", "Two"]}, [Message("user", "One"), Message("user", "Two")]),
        ({"model": "my-deployment", "input": "One", "encoding_format": "float"}, [Message("user", "One")]),
        (
            {"model": "text-embedding-3-small", "input": [[1, 2], [3]]},
            [Message("user", "[2 tokens]"), Message("user", "[1 tokens]")],
        ),
        ({"model": "embed-v4.0", "texts": ["One"], "input_type": "search_query"}, [Message("user", "One")]),
        ({"model": "gemini-embedding-001", "contents": "One"}, [Message("user", "One")]),
    ],
)
def test_what_is_to_be_embedded_is_the_messages(request_: dict[str, object], messages: list[Message]) -> None:
    fields = read_request(request_)
    assert fields is not None
    assert (fields["operation"], fields["messages"]) == ("embeddings", messages)


def test_arguments_that_are_not_given_are_absent() -> None:
    fields = read_request({**CHAT, "temperature": openai.NOT_GIVEN, "system": openai.omit, "seed": None})
    assert fields is not None
    assert "temperature" not in fields
    assert "seed" not in fields
    assert [message.role for message in _messages(fields)] == ["developer", "user"]
    asked = {"model": "my-deployment", "input": "Hi", "dimensions": openai.omit}
    assert (read_request(asked) or {})["operation"] == "responses"


@pytest.mark.parametrize(
    "other",
    [
        {},
        {"messages": "two"},
        {"input": "x"},
        {"prompt": 5},
        [],
        "Hi",
        '{"a": 1}',
        "{",
        5,
        None,
        object(),
    ],
)
def test_what_is_no_request_is_none(other: object) -> None:
    assert read_request(other) is None


@pytest.mark.parametrize("form", [as_keywords, as_json])
def test_an_unknown_request_gives_its_model_and_stays_as_it_is(form: Form) -> None:
    request = form({"model": "newest-1", "brand_new": {"a": 1}})
    assert read_request(request) == {"model": "newest-1", "llm_request": request}


def _messages(fields: dict[str, object]) -> list[Message]:
    messages = fields["messages"]
    assert isinstance(messages, list)
    return messages


@pytest.mark.parametrize(
    ("fields", "provider"),
    [
        ({"api_base": "https://my-team.openai.azure.com"}, "azure"),
        ({"base_url": "https://api.groq.com/openai/v1"}, "groq"),
        ({"azure_endpoint": "https://gateway.example.com"}, "azure"),
        ({"base_url": "https://gateway.example.com"}, None),
        ({"base_url": 5}, None),
    ],
)
def test_the_url_that_a_call_goes_to_tells_who_serves_it(fields: dict[str, Any], provider: str | None) -> None:
    for known in ({"messages": [{"role": "user", "content": "Hi"}]}, {"unknown": 1}):
        read = read_request({"model": "gpt-4o", **known, **fields})
        assert read is not None
        assert read.get("provider") == provider


def test_a_request_for_a_picture_of_titan_gives_what_it_is_to_show() -> None:
    body = {"taskType": "TEXT_IMAGE", "textToImageParams": {"text": "A house."}}
    fields = read_request({"modelId": "amazon.titan-image-generator-v2:0", "body": json.dumps(body)})
    assert fields is not None
    assert (fields["messages"], fields["operation"]) == ([Message("user", "A house.")], "image_generation")


def test_a_url_that_nobody_can_read_costs_nothing_else() -> None:
    assert read_request({**CHAT, "base_url": "http://[nobody"}) == read_request(CHAT)
