from __future__ import annotations

from typing import Any

import pytest
from provider_fixtures import PLAIN, Form, real, sdk

from helicone_logging.llm.messages import Choice, Message
from helicone_logging.llm.providers.requests import read_request
from helicone_logging.llm.providers.responses import read_response

CHAT: dict[str, Any] = {
    "text": "Cats purr.",
    "generation_id": "g-1",
    "response_id": "r-1",
    "finish_reason": "COMPLETE",
    "chat_history": [{"role": "USER", "message": "Why cats?"}],
    "citations": [{"start": 0, "end": 4, "text": "Cats", "document_ids": ["doc-0"]}],
    "documents": [{"id": "doc-0", "title": "On cats", "url": "https://a.example/cats"}],
    "meta": {"billed_units": {"input_tokens": 4, "output_tokens": 3}, "tokens": {"input_tokens": 90}},
}
STREAM: list[dict[str, Any]] = [
    {"event_type": "stream-start", "generation_id": "g-1", "is_finished": False},
    {"event_type": "text-generation", "text": "Cats ", "is_finished": False},
    {"event_type": "text-generation", "text": "purr.", "is_finished": False},
    {"event_type": "stream-end", "finish_reason": "COMPLETE", "is_finished": True, "response": CHAT},
]


def events(data: Any) -> Any:
    construct = sdk("cohere.core.unchecked_base_model").construct_type
    return [construct(type_=sdk("cohere.types").StreamedChatResponse, object_=event) for event in data]


CHATS = [(form, CHAT) for form in (*PLAIN, real("cohere.types:NonStreamedChatResponse"))]
STREAMS = [(form, STREAM) for form in (*PLAIN, events)]


@pytest.mark.parametrize(("form", "answer"), [*CHATS, *STREAMS])
def test_a_chat_gives_its_text_its_sources_and_what_was_billed(form: Form, answer: Any) -> None:
    assert read_response(form(answer)) == {
        "operation": "chat",
        "provider": "cohere",
        "response_id": "r-1",
        "completion": [Choice("assistant", "Cats purr.\n[source 1] On cats, https://a.example/cats", "COMPLETE")],
        "prompt_tokens": 4,
        "completion_tokens": 3,
    }


def test_a_tool_call_is_in_the_text() -> None:
    calls = [{"name": "get_weather", "parameters": {"city": "Paris"}}]
    fields = read_response(
        {"text": "I will look.", "generation_id": "g", "tool_calls": calls, "finish_reason": "COMPLETE"}
    )
    assert fields is not None
    assert fields["completion"] == [
        Choice("assistant", 'I will look.\n[tool call] get_weather({"city":"Paris"})', "COMPLETE")
    ]


def test_preamble_history_message_and_results_are_the_messages() -> None:
    result = {"call": {"name": "get_weather", "parameters": {}}, "outputs": [{"temperature": "15"}]}
    assert read_request(
        {
            "model": "command-r",
            "preamble": "Be brief.",
            "chat_history": [{"role": "USER", "message": "Hi"}, {"role": "CHATBOT", "message": "Hello"}],
            "message": "Weather?",
            "tool_results": [result],
            "max_tokens": 5,
            "p": 0.5,
            "k": 3,
        }
    ) == {
        "model": "command-r",
        "operation": "chat",
        "messages": [
            Message("system", "Be brief."),
            Message("user", "Hi"),
            Message("assistant", "Hello"),
            Message("user", "Weather?"),
            Message("tool", '[tool result get_weather] {"temperature":"15"}'),
        ],
        "max_tokens": 5,
        "top_p": 0.5,
        "top_k": 3,
    }


def test_a_generated_text_is_read() -> None:
    fields = read_response(
        {
            "id": "g-1",
            "prompt": "Hi",
            "generations": [{"id": "g", "text": "Hello", "finish_reason": "COMPLETE"}],
            "meta": {"billed_units": {"input_tokens": 1, "output_tokens": 2}},
        }
    )
    assert fields == {
        "operation": "text_completion",
        "provider": "cohere",
        "response_id": "g-1",
        "completion": [Choice("assistant", "Hello", "COMPLETE")],
        "prompt_tokens": 1,
        "completion_tokens": 2,
    }
