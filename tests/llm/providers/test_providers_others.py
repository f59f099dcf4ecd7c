"""Google, Mistral, Cohere, Bedrock and LiteLLM: in their documented JSON always, as real classes with [sdks]."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from provider_fixtures import PLAIN, Form, load, real, sdk

from helicone_logging.llm.messages import Choice
from helicone_logging.llm.providers.responses import read_response

# LiteLLM's own types, when pydantic builds them on first use.
pytestmark = pytest.mark.filterwarnings("ignore:.*using the `ReadOnly` qualifier:UserWarning")

GOOGLE = [*PLAIN, real("google.genai.types:GenerateContentResponse")]
GOOGLE_EMBEDDINGS = [*PLAIN, real("google.genai.types:EmbedContentResponse")]


def mistral(name: str) -> Form:
    return real(f"mistralai.client.models:{name}", f"mistralai.models:{name}")


MISTRAL = [*PLAIN, mistral("ChatCompletionResponse")]
MISTRAL_EVENTS = [*PLAIN, mistral("CompletionEvent")]
MISTRAL_EMBEDDINGS = [*PLAIN, mistral("EmbeddingResponse")]


def cohere_chat(data: Any) -> Any:
    sdk("cohere")
    v2 = sdk("cohere.v2.types")
    kind = getattr(v2, "V2ChatResponse", None) or sdk("cohere.types").ChatResponse
    return kind.model_validate(data)


def cohere_events(data: Any) -> Any:
    sdk("cohere")
    v2 = sdk("cohere.v2.types")
    kind = getattr(v2, "V2ChatStreamResponse", None) or sdk("cohere.types").StreamedChatResponseV2
    construct = sdk("cohere.core.unchecked_base_model").construct_type
    return [construct(type_=kind, object_=event) for event in data]


COHERE = [*PLAIN, cohere_chat]
COHERE_EVENTS = [*PLAIN, cohere_events]
COHERE_EMBEDDINGS = [*PLAIN, real("cohere.types:EmbedByTypeResponse")]


def litellm_chat(data: Any) -> Any:
    response = sdk("litellm.types.utils").ModelResponse(**data)
    response._hidden_params = {"custom_llm_provider": "vertex_ai"}
    return response


def litellm_chunks(data: Any) -> Any:
    stream = sdk("litellm.types.utils").ModelResponseStream
    chunks = [stream(**chunk) for chunk in data]
    for chunk in chunks:
        chunk._hidden_params = {"custom_llm_provider": "groq"}
    return chunks


def litellm_like(data: Any) -> Any:
    return SimpleNamespace(**data, _hidden_params={"custom_llm_provider": "vertex_ai"})


@pytest.mark.parametrize("form", GOOGLE)
def test_google_s_candidates_thoughts_and_tools_are_read(form: Form) -> None:
    assert read_response(form(load("google_generate"))) == {
        "operation": "generate_content",
        "provider": "google",
        "model": "gemini-2.5-flash",
        "response_id": "mAitaLmkHPPlz7IPvtfUqQ4",
        "completion": [
            Choice(
                "assistant",
                "[thinking] Let me think.\nIt is sunny.\n"
                '[tool call] get_forecast({"days":3})\n'
                "[code python]\nprint(1)\n[tool result] 1\n"
                "[image image/png, 8 bytes]",
                "STOP",
            ),
            Choice("assistant", "Second.", "MAX_TOKENS"),
        ],
        "prompt_tokens": 105,
        "completion_tokens": 50,
        "total_tokens": 155,
        "cached_tokens": 40,
        "reasoning_tokens": 30,
    }


@pytest.mark.parametrize("form", GOOGLE)
def test_google_s_chunks_are_joined(form: Form) -> None:
    assert read_response(form(load("google_stream"))) == {
        "operation": "generate_content",
        "provider": "google",
        "model": "gemini-2.5-flash",
        "response_id": "r1",
        "completion": [Choice("assistant", "[thinking] Hmm, a greeting.\nHello there\n[tool call] wave({})", "STOP")],
        "prompt_tokens": 4,
        "completion_tokens": 9,
        "total_tokens": 13,
        "reasoning_tokens": 6,
    }


@pytest.mark.parametrize("form", GOOGLE)
def test_a_prompt_that_google_blocked_says_so(form: Form) -> None:
    fields = read_response(form(load("google_blocked")))
    assert fields is not None
    assert fields["completion"] == [Choice("assistant", "[refusal] PROHIBITED_CONTENT", "PROHIBITED_CONTENT")]
    assert fields["prompt_tokens"] == 9


@pytest.mark.parametrize("form", GOOGLE)
def test_a_candidate_without_content_says_why_it_has_none(form: Form) -> None:
    empty = {"candidates": [{"finishReason": "SAFETY", "finishMessage": "Blocked."}, {"finishReason": "MAX_TOKENS"}]}
    fields = read_response(form(empty))
    assert fields is not None
    assert fields["completion"] == [
        Choice("assistant", "[refusal] Blocked.", "SAFETY"),
        Choice("assistant", "", "MAX_TOKENS"),
    ]


@pytest.mark.parametrize("form", MISTRAL)
def test_mistral_s_thoughts_and_tools_are_read(form: Form) -> None:
    fields = read_response(form(load("mistral_chat")))
    assert fields is not None
    assert fields["completion"] == [
        Choice(
            "assistant",
            '[thinking] Which tool?\nOne moment.\n[tool call] get_status({"id": "T1001"})',
            "tool_calls",
        )
    ]
    assert (fields["prompt_tokens"], fields["completion_tokens"], fields["total_tokens"]) == (16, 34, 50)
    assert fields.get("provider") == (None if form in PLAIN else "mistral")


@pytest.mark.parametrize("form", MISTRAL_EVENTS)
def test_mistral_s_events_are_joined(form: Form) -> None:
    fields = read_response(form(load("mistral_stream")))
    assert fields is not None
    assert fields["completion"] == [
        Choice("assistant", '[thinking] Hm, easy.\n42\n[tool call] check({"n": 42})\n[tool call] save({})', "stop")
    ]
    assert fields["model"] == "magistral-small-latest"
    assert (fields["prompt_tokens"], fields["completion_tokens"]) == (16, 9)


@pytest.mark.parametrize("form", COHERE)
def test_cohere_s_plan_tools_and_billed_tokens_are_read(form: Form) -> None:
    assert read_response(form(load("cohere_chat"))) == {
        "operation": "chat",
        "provider": "cohere",
        "response_id": "c14c80c3-18eb-4519-9460-6c92edd8cfb4",
        "completion": [
            Choice(
                "assistant",
                "[thinking] I will look up the sales.\nOne moment.\n"
                '[tool call] query_daily_sales({"day":"2023-09-29"})',
                "TOOL_CALL",
            )
        ],
        "prompt_tokens": 127,
        "completion_tokens": 32,
        "cached_tokens": 64,
    }


@pytest.mark.parametrize("form", COHERE_EVENTS)
def test_cohere_s_events_are_joined(form: Form) -> None:
    assert read_response(form(load("cohere_stream"))) == {
        "operation": "chat",
        "provider": "cohere",
        "response_id": "29f14a5a",
        "completion": [
            Choice("assistant", '[thinking] I will search.\nCats purr.\n[tool call] search({"q": "cats"})', "COMPLETE")
        ],
        "prompt_tokens": 3,
        "completion_tokens": 4,
    }


def test_cohere_without_billed_units_shows_the_tokens_used() -> None:
    data = load("cohere_chat")
    del data["usage"]["billed_units"]
    fields = read_response(data)
    assert fields is not None
    assert (fields["prompt_tokens"], fields["completion_tokens"]) == (1061, 85)


@pytest.mark.parametrize("form", PLAIN)
def test_bedrock_s_converse_is_read_with_what_the_cache_held(form: Form) -> None:
    assert read_response(form(load("bedrock_converse"))) == {
        "operation": "chat",
        "provider": "aws",
        "response_id": "6bd2f1b4-0000",
        "completion": [
            Choice(
                "assistant",
                '[thinking] Top song?\nI will look it up.\n[tool call] top_song({"sign":"WZPZ"})',
                "tool_use",
            )
        ],
        "prompt_tokens": 160,
        "completion_tokens": 628,
        "cached_tokens": 100,
    }


@pytest.mark.parametrize("form", PLAIN)
def test_bedrock_s_events_are_joined(form: Form) -> None:
    assert read_response(form(load("bedrock_stream"))) == {
        "operation": "chat",
        "provider": "aws",
        "completion": [
            Choice("assistant", '[thinking] Hm.\nHere you go.\n[tool call] top_song({"sign": "WZPZ"})', "tool_use")
        ],
        "prompt_tokens": 12,
        "completion_tokens": 5,
    }


@pytest.mark.parametrize("form", [*PLAIN, litellm_like, litellm_chat])
def test_litellm_s_response_is_read_with_the_provider_it_knows(form: Form) -> None:
    fields = read_response(form(load("litellm_chat")))
    assert fields is not None
    assert fields["completion"] == [Choice("assistant", "[thinking] Greet.\nHi.", "stop")]
    assert (fields["prompt_tokens"], fields["completion_tokens"], fields["total_tokens"]) == (13, 9, 22)
    assert fields.get("provider") == (None if form in PLAIN else "vertex_ai")


@pytest.mark.parametrize("form", [litellm_like, litellm_chat])
@pytest.mark.parametrize(
    ("asked_for", "provider"),
    [
        ("groq/llama-3.3-70b-versatile", "groq"),
        # With custom_llm_provider="groq" beside it, which LiteLLM forgets: Groq's name of the model.
        ("openai/gpt-oss-120b", None),
        ("gpt-4o", None),
    ],
)
def test_litellm_s_response_without_its_provider_has_that_of_the_model_it_was_asked_for(
    form: Form, asked_for: str, provider: str | None
) -> None:
    response = form(load("litellm_chat"))
    response._hidden_params = {"litellm_model_name": asked_for, "response_cost": None}
    fields = read_response(response)
    assert fields is not None
    assert fields.get("provider") == provider


def test_litellm_s_chunks_are_joined_with_the_provider_they_know() -> None:
    fields = read_response(litellm_chunks(load("openai_chat_stream")))
    plain = read_response(load("openai_chat_stream"))
    assert fields is not None
    assert plain is not None
    assert fields["completion"] == plain["completion"]
    assert fields["total_tokens"] == 99
    assert fields["provider"] == "groq"


@pytest.mark.parametrize(
    ("fixture", "form", "shown"),
    [
        *(("google_embeddings", form, "[1 embedding, 4 dimensions]") for form in GOOGLE_EMBEDDINGS),
        *(("mistral_embeddings", form, "[1 embedding, 2 dimensions]") for form in MISTRAL_EMBEDDINGS),
        *(("cohere_embeddings", form, "[1 embedding, 3 dimensions]") for form in COHERE_EMBEDDINGS),
    ],
)
def test_embeddings_are_counted_and_never_shown(fixture: str, form: Form, shown: str) -> None:
    fields = read_response(form(load(fixture)))
    assert fields is not None
    assert fields["operation"] == "embeddings"
    assert fields["completion"] == [Choice("assistant", shown, None)]
    assert "0.1" not in str(fields)


@pytest.mark.parametrize("form", GOOGLE_EMBEDDINGS)
def test_vertex_counts_the_tokens_of_each_embedding(form: Form) -> None:
    counted = [{"values": [0.5], "statistics": {"token_count": amount, "truncated": False}} for amount in (4, 3)]
    fields = read_response(form({"embeddings": counted}))
    assert fields is not None
    assert fields["prompt_tokens"] == 7


@pytest.mark.parametrize("form", COHERE_EMBEDDINGS)
def test_cohere_s_embeddings_have_their_billed_tokens(form: Form) -> None:
    fields = read_response(form(load("cohere_embeddings")))
    assert fields is not None
    assert (fields["provider"], fields["prompt_tokens"]) == ("cohere", 2)


@pytest.mark.parametrize(("counted", "provider"), [({"inputTextTokenCount": 3}, "aws"), ({}, None)])
def test_a_single_embedding_is_counted(counted: dict[str, int], provider: str | None) -> None:
    fields = read_response({"embedding": [0.1, 0.2], **counted})
    assert fields is not None
    assert fields["completion"] == [Choice("assistant", "[1 embedding, 2 dimensions]", None)]
    assert (fields.get("provider"), fields.get("prompt_tokens")) == (provider, counted.get("inputTextTokenCount"))


@pytest.mark.parametrize("other", [{"object": "response"}, {"text": "Hi", "more": 1}, {"generated_images": [{}]}])
def test_what_only_looks_like_an_answer_is_none(other: dict[str, object]) -> None:
    assert read_response(other) is None
