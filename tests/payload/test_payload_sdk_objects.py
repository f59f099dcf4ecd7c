"""What SDK objects say together: request and response of one call, in one row."""

from __future__ import annotations

import json
from typing import Any

import pytest
from payloads import row, traced

from helicone_logging.receiver.rows import Choice


def test_an_answer_that_is_plain_text_shows_as_it_is() -> None:
    request = {"model": "whisper-1", "file": "a.mp3", "response_format": "text"}
    shown = row(traced(llm_request=request, llm_response="Hello there."))
    assert shown.choices == (Choice("assistant", "Hello there.", None),)
    assert "llm_response" not in shown.properties
    assert row(traced(llm_response='{"unknown": 1}')).choices == ()


def test_what_bedrock_serves_is_bedrocks_in_whose_words_it_may_answer() -> None:
    request = {"modelId": "cohere.command-r-v1:0", "body": '{"message": "Hi", "chat_history": []}'}
    response = {"text": "Hello", "finish_reason": "COMPLETE", "generation_id": "g", "response_id": "r"}
    shown = row(traced(llm_request=request, llm_response=response))
    assert (shown.provider, shown.model) == ("AWS", "cohere.command-r-v1:0")
    assert shown.choices == (Choice("assistant", "Hello", "COMPLETE"),)


def test_pictures_of_bedrock_show_as_marks() -> None:
    request = {"modelId": "stability.sd3-large-v1:0", "body": '{"prompt": "A house."}'}
    shown = row(traced(llm_request=request, llm_response={"images": ["AAAA"], "finish_reasons": [None]}))
    assert shown.choices == (Choice("assistant", "[image 3 bytes]", None),)


def answer(model: str, **fields: object) -> dict[str, Any]:
    """An answer of LiteLLM as JSON, which does not name the provider."""
    message = {"role": "assistant", "content": "Here.", "tool_calls": None, "function_call": None}
    choices = [{"index": 0, "finish_reason": "stop", "message": message, "provider_specific_fields": {}}]
    usage = {"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 5}
    return {
        "id": "chatcmpl-1",
        "object": "chat.completion",
        "model": model,
        "choices": choices,
        "usage": usage,
        **fields,
    }


@pytest.mark.parametrize(
    ("asked_for", "answered", "shown_as"),
    [
        ("azure/my-deployment", "gpt-4o-2024-08-06", ("AZURE", "gpt-4o-2024-08-06")),
        ("groq/llama-3.3-70b-versatile", "llama-3.3-70b-versatile", ("GROQ", "llama-3.3-70b-versatile")),
        ("openrouter/qwen/qwen3-32b", "qwen/qwen3-32b", ("OPENROUTER", "qwen/qwen3-32b")),
        ("nebius/meta-llama/Llama-3.3", "nebius/meta-llama/Llama-3.3", ("NEBIUS", "meta-llama/Llama-3.3")),
        ("bedrock/converse/us.amazon.nova-pro-v1:0", "us.amazon.nova-pro-v1:0", ("AWS", "us.amazon.nova-pro-v1:0")),
    ],
)
def test_the_route_of_a_request_names_the_provider_that_the_answer_does_not(
    asked_for: str, answered: str, shown_as: tuple[str, str]
) -> None:
    request = {"model": asked_for, "messages": [{"role": "user", "content": "Where?"}]}
    shown = row(traced(llm_request=request, llm_response=answer(answered)))
    assert (shown.provider, shown.model) == shown_as


def test_an_answer_that_shows_its_provider_was_not_served_by_the_request_s() -> None:
    request = {"model": "bedrock/us.amazon.nova-pro-v1:0", "messages": "Where?", "fallbacks": ["groq/llama-3.3"]}
    shown = row(traced(llm_request=request, llm_response=answer("llama-3.3", x_groq={"id": "req"})))
    assert (shown.provider, shown.model) == ("GROQ", "llama-3.3")


@pytest.mark.parametrize("around", [{}, {"helicone": {"user_id": "ada"}}, {"prompt_tokens": 30}])
def test_a_response_that_was_logged_as_the_completion_is_read_as_one(around: dict[str, Any]) -> None:
    shown = row(traced(prompt="Where?", completion=answer("gpt-4o", provider="azure"), **around))
    assert shown.choices == (Choice("assistant", "Here.", "stop"),)
    assert (shown.prompt_tokens, shown.completion_tokens) == (around.get("prompt_tokens", 3), 2)
    assert shown.model == "gpt-4o"


def test_a_completion_beside_a_response_is_the_answer() -> None:
    shown = row(traced(completion={"message": answer("gpt-4o")["choices"][0]["message"]}, llm_response=answer("o3")))
    assert shown.choices[0].content == "Here."
    assert (shown.model, shown.prompt_tokens) == ("o3", 3)


@pytest.mark.parametrize(
    "data", [{"usage": "often", "text": "x"}, {"usage": {"prompt_tokens": 3}, "answer": 4}, {"eval_count": 3}]
)
def test_data_is_no_response_for_a_name_that_responses_have_too(data: dict[str, Any]) -> None:
    shown = row(traced(completion=data))
    assert [json.loads(choice.content) for choice in shown.choices] == [data]
    assert not shown.prompt_tokens
