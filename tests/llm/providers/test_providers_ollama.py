from __future__ import annotations

from typing import Any

import pytest
from provider_fixtures import PLAIN, Form, real

from helicone_logging.llm.messages import Choice, Message
from helicone_logging.llm.providers.requests import read_request
from helicone_logging.llm.providers.responses import read_response

CALL = {"function": {"name": "get_weather", "arguments": {"city": "Paris"}}}
CHAT = {
    "model": "qwen3",
    "created_at": "2026-03-01T10:00:00Z",
    "message": {
        "role": "assistant",
        "content": "One moment.",
        "thinking": "They ask for weather.",
        "tool_calls": [CALL],
    },
    "done": True,
    "done_reason": "stop",
    "total_duration": 5,
    "prompt_eval_count": 30,
    "eval_count": 12,
}
STREAM = [
    {"model": "qwen3", "message": {"role": "assistant", "content": "", "thinking": "They ask "}, "done": False},
    {"model": "qwen3", "message": {"role": "assistant", "content": "", "thinking": "for weather."}, "done": False},
    {"model": "qwen3", "message": {"role": "assistant", "content": "One "}, "done": False},
    {"model": "qwen3", "message": {"role": "assistant", "content": "moment.", "tool_calls": [CALL]}, "done": False},
    {**CHAT, "message": {"role": "assistant", "content": ""}},
]
GENERATED = {
    "model": "qwen3",
    "response": "Bonjour",
    "done": True,
    "done_reason": "length",
    "prompt_eval_count": 4,
    "eval_count": 2,
}
EMBEDDED = {"model": "nomic-embed-text", "embeddings": [[0.1, 0.2, 0.3]], "total_duration": 9, "prompt_eval_count": 6}


@pytest.mark.parametrize("form", [*PLAIN, real("ollama:ChatResponse")])
@pytest.mark.parametrize("answer", [CHAT, STREAM], ids=["whole", "stream"])
def test_a_chat_gives_thoughts_text_calls_and_tokens(form: Form, answer: Any) -> None:
    assert read_response(form(answer)) == {
        "operation": "chat",
        "provider": "ollama",
        "model": "qwen3",
        "completion": [
            Choice(
                "assistant",
                '[thinking] They ask for weather.\nOne moment.\n[tool call] get_weather({"city":"Paris"})',
                "stop",
            )
        ],
        "prompt_tokens": 30,
        "completion_tokens": 12,
    }


@pytest.mark.parametrize("form", [*PLAIN, real("ollama:GenerateResponse")])
def test_a_generated_text_gives_its_tokens_and_why_it_ended(form: Form) -> None:
    assert read_response(form(GENERATED)) == {
        "operation": "text_completion",
        "provider": "ollama",
        "model": "qwen3",
        "completion": [Choice("assistant", "Bonjour", "length")],
        "prompt_tokens": 4,
        "completion_tokens": 2,
    }


@pytest.mark.parametrize("form", [*PLAIN, real("ollama:EmbedResponse")])
def test_embeddings_are_counted_and_never_shown(form: Form) -> None:
    fields = read_response(form(EMBEDDED))
    assert fields == {
        "provider": "ollama",
        "operation": "embeddings",
        "model": "nomic-embed-text",
        "completion": [Choice("assistant", "[1 embedding, 3 dimensions]", None)],
        "prompt_tokens": 6,
    }


def test_the_lines_of_a_stream_may_be_one_text() -> None:
    first = '{"model":"m","response":"Bon","done":false}'
    fields = read_response(first + '\n{"model":"m","response":"jour","done":true,"done_reason":"stop"}\n')
    assert fields is not None
    assert fields["completion"] == [Choice("assistant", "Bonjour", "stop")]


def test_an_error_in_a_stream_stands_behind_what_was_said() -> None:
    fields = read_response([*STREAM[2:3], {"error": "out of memory"}])
    assert fields is not None
    assert fields["completion"] == [Choice("assistant", "One \n[error] out of memory", None)]
    assert fields["status"] == "error"


def test_a_request_has_its_options_and_the_system_s_text_first() -> None:
    assert read_request(
        {
            "model": "qwen3",
            "system": "Answer in French.",
            "prompt": "Hello",
            "options": {"num_predict": 20, "temperature": 0.1, "top_k": 5, "seed": 3},
        }
    ) == {
        "model": "qwen3",
        "operation": "text_completion",
        "messages": [Message("system", "Answer in French."), Message("user", "Hello")],
        "max_tokens": 20,
        "temperature": 0.1,
        "top_k": 5,
        "seed": 3,
    }
