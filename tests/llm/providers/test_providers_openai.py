from __future__ import annotations

from typing import Any

import pytest
from provider_fixtures import PLAIN, Form, as_dict, load, real

from helicone_logging.llm.messages import Choice
from helicone_logging.llm.providers.responses import read_response

CHAT = [*PLAIN, real("openai.types.chat:ChatCompletion")]
CHUNKS = [*PLAIN, real("openai.types.chat:ChatCompletionChunk")]
RESPONSE = [*PLAIN, real("openai.types.responses:Response")]
EVENTS = [*PLAIN, real("openai.types.responses:ResponseStreamEvent")]
COMPLETION = [*PLAIN, real("openai.types:Completion")]
EMBEDDINGS = [*PLAIN, real("openai.types:CreateEmbeddingResponse")]


@pytest.mark.parametrize("form", CHAT)
def test_a_chat_completion_gives_all_choices_refusals_and_tokens(form: Form) -> None:
    assert read_response(form(load("openai_chat"))) == {
        "operation": "chat",
        "model": "gpt-4o-2024-08-06",
        "response_id": "chatcmpl-B9MHDbslfkBeAs8l4bebGdFOJ6PeG",
        "completion": [
            Choice("assistant", "Paris.", "stop"),
            Choice("assistant", "[refusal] I can't help with that.", "content_filter"),
        ],
        "prompt_tokens": 1117,
        "completion_tokens": 46,
        "total_tokens": 1163,
        "cached_tokens": 1024,
        "reasoning_tokens": 12,
    }


@pytest.mark.parametrize("form", CHAT)
def test_tool_calls_of_a_chat_completion_are_in_its_content(form: Form) -> None:
    fields = read_response(form(load("openai_chat_tools")))
    assert fields is not None
    assert fields["completion"] == [
        Choice(
            "assistant",
            'Let me look.\n[tool call] get_current_weather({"location": "Boston, MA"})\n[tool call] run_sql(SELECT 1)',
            "tool_calls",
        )
    ]


@pytest.mark.parametrize("form", CHUNKS)
def test_the_chunks_of_a_chat_completion_are_joined(form: Form) -> None:
    assert read_response(form(load("openai_chat_stream"))) == {
        "operation": "chat",
        "model": "gpt-4o-mini",
        "response_id": "chatcmpl-123",
        "completion": [
            Choice(
                "assistant",
                'Checking the weather.\n[tool call] get_weather({"city": "Paris"})\n[tool call] get_time({})',
                "tool_calls",
            ),
            Choice("assistant", "Second answer.", "stop"),
        ],
        "prompt_tokens": 82,
        "completion_tokens": 17,
        "total_tokens": 99,
        "cached_tokens": 8,
    }


@pytest.mark.parametrize("form", CHUNKS)
def test_a_broken_off_stream_shows_what_came(form: Form) -> None:
    fields = read_response(form(load("openai_chat_stream")[:2]))
    assert fields is not None
    assert fields["completion"] == [Choice("assistant", "Checking ", None)]
    assert "prompt_tokens" not in fields


def test_a_single_chunk_is_read_like_a_stream_of_one() -> None:
    fields = read_response(load("openai_chat_stream")[1])
    assert fields is not None
    assert fields["completion"] == [Choice("assistant", "Checking ", None)]


def test_the_events_of_the_stream_helper_are_joined_too() -> None:
    events = [{"type": "chunk", "chunk": chunk, "snapshot": {}} for chunk in load("openai_chat_stream")]
    events.append({"type": "content.done", "content": "Checking the weather."})
    assert read_response(events) == read_response(load("openai_chat_stream"))


@pytest.mark.parametrize("form", COMPLETION)
def test_a_completion_gives_its_text(form: Form) -> None:
    assert read_response(form(load("openai_completion"))) == {
        "operation": "text_completion",
        "model": "gpt-3.5-turbo-instruct",
        "response_id": "cmpl-uqkvlQyYK7bGYrRHQ0eXlWi7",
        "completion": [Choice("assistant", "\n\nThis is indeed a test", "length")],
        "prompt_tokens": 5,
        "completion_tokens": 7,
        "total_tokens": 12,
    }


def test_the_chunks_of_a_completion_are_joined() -> None:
    start = {"object": "text_completion", "model": "m", "choices": [{"index": 0, "text": "a ", "finish_reason": None}]}
    end = {**start, "choices": [{"index": 0, "text": "b", "finish_reason": "stop"}]}
    fields = read_response([start, end])
    assert fields == {
        "operation": "text_completion",
        "model": "m",
        "completion": [Choice("assistant", "a b", "stop")],
    }


@pytest.mark.parametrize("form", RESPONSE)
def test_a_response_gives_thoughts_text_refusal_and_calls_as_one_choice(form: Form) -> None:
    fields = read_response(form(load("openai_responses")))
    assert fields is not None
    (choice,) = _choices(fields)
    assert choice.finish_reason == "completed"
    lines = choice.content.splitlines()
    assert lines[0] == "[thinking] The user wants the weather."
    assert lines[1].startswith("[tool call] web_search(")
    assert "weather Paris" in lines[1]
    assert lines[2:] == [
        "Let me see.",
        "[refusal] Not that part.",
        '[tool call] get_weather({"city":"Paris"})',
    ]
    del fields["completion"]
    assert fields == {
        "operation": "responses",
        "model": "gpt-5.1-2025-11-13",
        "response_id": "resp_67ccd2bed1ec8190b14f964abc0542670bb6a6b452d3795b",
        "prompt_tokens": 328,
        "completion_tokens": 52,
        "total_tokens": 380,
        "cached_tokens": 64,
        "reasoning_tokens": 20,
    }


@pytest.mark.parametrize("form", EVENTS)
def test_the_events_of_a_response_are_joined(form: Form) -> None:
    fields = read_response(form(load("openai_responses_stream")))
    assert fields is not None
    assert fields["completion"] == [Choice("assistant", "Hello there", "completed")]
    assert fields["total_tokens"] == 380


@pytest.mark.parametrize("form", EVENTS)
@pytest.mark.parametrize(("seen", "said"), [(5, "Hello "), (8, "Hello there")])
def test_a_response_that_broke_off_shows_what_came(form: Form, seen: int, said: str) -> None:
    fields = read_response(form(load("openai_responses_stream")[:seen]))
    assert fields is not None
    assert fields["completion"] == [Choice("assistant", said, "in_progress")]


@pytest.mark.parametrize("form", RESPONSE)
def test_a_failed_response_says_why(form: Form) -> None:
    failed = {
        **load("openai_responses"),
        "status": "failed",
        "output": [],
        "error": {"code": "server_error", "message": "The model crashed."},
        "usage": None,
    }
    fields = read_response(form(failed))
    assert fields is not None
    assert fields["completion"] == [Choice("assistant", "[error] The model crashed.", "failed")]


def test_a_response_that_was_cut_says_why() -> None:
    cut = {**load("openai_responses"), "status": "incomplete", "incomplete_details": {"reason": "max_output_tokens"}}
    fields = read_response(cut)
    assert fields is not None
    assert _choices(fields)[0].finish_reason == "max_output_tokens"


@pytest.mark.parametrize("form", EMBEDDINGS)
def test_embeddings_are_counted_and_never_shown(form: Form) -> None:
    assert read_response(form(load("openai_embeddings"))) == {
        "operation": "embeddings",
        "model": "text-embedding-3-small",
        "completion": [Choice("assistant", "[2 embeddings, 3 dimensions]", None)],
        "prompt_tokens": 8,
        "total_tokens": 8,
    }


def test_an_embedding_in_base64_is_counted_and_never_shown() -> None:
    data = load("openai_embeddings")
    data["data"] = [{"object": "embedding", "index": 0, "embedding": "AAAAAA=="}]
    fields = read_response(data)
    assert fields is not None
    assert fields["completion"] == [Choice("assistant", "[1 embedding]", None)]


MARKS: list[tuple[dict[str, Any], str]] = [
    ({"x_groq": {"id": "req_01"}}, "groq"),
    ({"prompt_filter_results": [{"prompt_index": 0}]}, "azure"),
    ({"content_filters": [{"blocked": False}]}, "azure"),
    ({"id": "gen-1741", "provider": "Anthropic"}, "openrouter"),
    ({"usage": {"prompt_tokens": 1, "prompt_cache_hit_tokens": 1, "prompt_cache_miss_tokens": 0}}, "deepseek"),
]


@pytest.mark.parametrize("form", [as_dict, real("openai.types.chat:ChatCompletion")])
@pytest.mark.parametrize(("mark", "provider"), MARKS)
def test_a_provider_that_speaks_like_openai_is_known_by_its_marks(
    form: Form, mark: dict[str, Any], provider: str
) -> None:
    data = {**load("openai_chat"), **mark}
    if form is not as_dict:
        data["usage"] = {**load("openai_chat")["usage"], **data["usage"]}
    fields = read_response(form(data))
    assert fields is not None
    assert fields["provider"] == provider


@pytest.mark.parametrize("form", CHAT)
def test_azure_is_known_by_the_filters_of_its_choices(form: Form) -> None:
    data = load("openai_chat")
    data["choices"] = [
        {**choice, "content_filter_results": {"hate": {"filtered": False}}} for choice in data["choices"]
    ]
    fields = read_response(form(data))
    assert fields is not None
    assert fields["provider"] == "azure"


@pytest.mark.parametrize("form", CHAT)
@pytest.mark.parametrize(
    ("usage", "tokens"),
    [
        ({"prompt_tokens": 10, "completion_tokens": 2, "total_tokens": 212}, (10, 202, 212)),
        (
            {
                "prompt_tokens": 10,
                "completion_tokens": 2,
                "total_tokens": 212,
                "completion_tokens_details": {"reasoning_tokens": 200},
            },
            (10, 202, 212),
        ),
        ({"prompt_tokens": 10, "completion_tokens": 202, "total_tokens": 212}, (10, 202, 212)),
    ],
)
def test_tokens_that_only_the_total_counts_were_answered(
    form: Form, usage: dict[str, Any], tokens: tuple[int, int, int]
) -> None:
    fields = read_response(form({**load("openai_chat"), "usage": usage}))
    assert fields is not None
    assert (fields["prompt_tokens"], fields["completion_tokens"], fields["total_tokens"]) == tokens


def test_a_usage_with_nothing_but_a_total_is_what_was_asked() -> None:
    fields = read_response({**load("openai_chat"), "usage": {"total_tokens": 12}})
    assert fields is not None
    assert (fields["prompt_tokens"], fields.get("completion_tokens"), fields["total_tokens"]) == (12, None, 12)


@pytest.mark.parametrize("form", CHAT)
def test_openai_is_never_claimed_for_a_model_of_somebody_else(form: Form) -> None:
    fields = read_response(form({**load("openai_chat"), "model": "llama-3.3-70b-versatile"}))
    assert fields is not None
    assert "provider" not in fields


def _choices(fields: dict[str, object]) -> list[Choice]:
    choices = fields["completion"]
    assert isinstance(choices, list)
    return choices
