"""`invoke_model` as boto3 gives and takes it: bodies of JSON text or bytes, headers, events with bytes."""

from __future__ import annotations

import io
import json
from typing import Any

import pytest
from provider_fixtures import PLAIN, Form, sdk

from helicone_logging.llm.messages import Choice, Message
from helicone_logging.llm.providers.requests import read_request
from helicone_logging.llm.providers.responses import read_response


def as_text(body: Any) -> Any:
    return json.dumps(body)


def as_bytes(body: Any) -> Any:
    return json.dumps(body).encode()


def as_file(body: Any) -> Any:
    return io.BytesIO(json.dumps(body).encode())


REQUESTS: list[tuple[str, dict[str, Any], str, list[Message]]] = [
    (
        "anthropic.claude-3-haiku-20240307-v1:0",
        {
            "anthropic_version": "bedrock-2023-05-31",
            "system": "Be kind.",
            "messages": [{"role": "user", "content": "Hi"}],
        },
        "chat",
        [Message("system", "Be kind."), Message("user", "Hi")],
    ),
    (
        "amazon.nova-lite-v1:0",
        {"system": [{"text": "Be kind."}], "messages": [{"role": "user", "content": [{"text": "Hi"}]}]},
        "chat",
        [Message("system", "Be kind."), Message("user", "Hi")],
    ),
    ("amazon.titan-text-lite-v1", {"inputText": "Hi"}, "text_completion", [Message("user", "Hi")]),
    ("amazon.titan-embed-text-v2:0", {"inputText": "Hi"}, "embeddings", [Message("user", "Hi")]),
    ("meta.llama3-8b-instruct-v1:0", {"prompt": "Hi"}, "text_completion", [Message("user", "Hi")]),
    ("mistral.mistral-7b-instruct-v0:2", {"prompt": "Hi"}, "text_completion", [Message("user", "Hi")]),
    ("cohere.command-r-v1:0", {"message": "Hi", "chat_history": []}, "chat", [Message("user", "Hi")]),
    ("cohere.embed-english-v3", {"texts": ["Hi"], "input_type": "search_query"}, "embeddings", [Message("user", "Hi")]),
    ("ai21.jamba-1-5-mini-v1:0", {"messages": [{"role": "user", "content": "Hi"}]}, "chat", [Message("user", "Hi")]),
]


@pytest.mark.parametrize("form", [as_text, as_bytes, as_file])
@pytest.mark.parametrize(("model", "body", "operation", "messages"), REQUESTS)
def test_the_body_of_a_request_is_read(
    form: Form, model: str, body: dict[str, Any], operation: str, messages: list[Message]
) -> None:
    asked = {"modelId": model, "body": form(body), "contentType": "application/json"}
    assert read_request(asked) == {"model": model, "provider": "aws", "operation": operation, "messages": messages}


@pytest.mark.parametrize(
    ("settings", "read"),
    [
        ({"max_tokens": 9, "top_k": 5}, {"max_tokens": 9, "top_k": 5}),
        ({"max_gen_len": 9, "temperature": 0.5}, {"max_tokens": 9, "temperature": 0.5}),
        ({"inferenceConfig": {"maxTokens": 9, "topP": 0.5}}, {"max_tokens": 9, "top_p": 0.5}),
        ({"textGenerationConfig": {"maxTokenCount": 9}}, {"max_tokens": 9}),
        ({"max_tokens_to_sample": 9}, {"max_tokens": 9}),
    ],
)
def test_each_family_s_names_of_parameters_are_read(settings: dict[str, Any], read: dict[str, Any]) -> None:
    fields = read_request({"modelId": "m", "body": json.dumps({"prompt": "Hi", **settings})})
    assert fields is not None
    assert fields.items() >= read.items()


def test_an_unknown_body_leaves_the_request_as_it_is() -> None:
    asked = {"modelId": "brand.new-v1", "body": '{"picture": 5}'}
    assert read_request(asked) == {"model": "brand.new-v1", "provider": "aws", "llm_request": asked}


ANSWERS: list[tuple[dict[str, Any], str, str | None, tuple[int | None, int | None]]] = [
    (
        {"inputTextTokenCount": 4, "results": [{"tokenCount": 9, "outputText": "Hello", "completionReason": "FINISH"}]},
        "Hello",
        "FINISH",
        (4, 9),
    ),
    (
        {"generation": "Hello", "prompt_token_count": 4, "generation_token_count": 9, "stop_reason": "stop"},
        "Hello",
        "stop",
        (4, 9),
    ),
    ({"outputs": [{"text": "Hello", "stop_reason": "stop"}]}, "Hello", "stop", (None, None)),
    ({"generations": [{"text": "Hello", "finish_reason": "COMPLETE"}]}, "Hello", "COMPLETE", (None, None)),
]


@pytest.mark.parametrize("form", PLAIN)
@pytest.mark.parametrize(("body", "said", "reason", "tokens"), ANSWERS)
def test_the_body_of_an_answer_is_read(
    form: Form, body: dict[str, Any], said: str, reason: str | None, tokens: tuple[int | None, int | None]
) -> None:
    fields = read_response(form(body))
    assert fields is not None
    assert (fields["operation"], fields["provider"]) == ("text_completion", "aws")
    assert fields["completion"] == [Choice("assistant", said, reason)]
    assert (fields.get("prompt_tokens"), fields.get("completion_tokens")) == tokens


def test_what_nova_answers_has_what_the_cache_held_among_its_tokens() -> None:
    fields = read_response(
        {
            "output": {"message": {"role": "assistant", "content": [{"text": "Hello"}]}},
            "stopReason": "end_turn",
            "usage": {"inputTokens": 4, "outputTokens": 9, "cacheReadInputTokenCount": 10},
        }
    )
    assert fields is not None
    assert (fields["prompt_tokens"], fields["completion_tokens"], fields["cached_tokens"]) == (14, 9, 10)


def test_claude_s_own_name_gives_way_to_that_of_the_request() -> None:
    fields = read_response(
        {
            "id": "msg_bdrk_1",
            "type": "message",
            "role": "assistant",
            "model": "claude-3-haiku-20240307",
            "content": [{"type": "text", "text": "Hello"}],
            "stop_reason": "end_turn",
            "usage": {"input_tokens": 4, "output_tokens": 9},
        }
    )
    assert fields is not None
    assert "model" not in fields
    assert fields["fallback_model"] == "claude-3-haiku-20240307"


def boto3_answer(body: Any) -> dict[str, Any]:
    headers = {"x-amzn-bedrock-input-token-count": "4", "x-amzn-bedrock-output-token-count": "9"}
    return {"body": body, "ResponseMetadata": {"RequestId": "r-1", "HTTPHeaders": headers}}


def test_a_stream_of_a_body_is_left_alone_and_its_headers_are_read() -> None:
    body = sdk("botocore.response").StreamingBody(io.BytesIO(b'{"generation": "Hello"}'), 23)
    assert read_response(boto3_answer(body)) == {
        "prompt_tokens": 4,
        "completion_tokens": 9,
        "response_id": "r-1",
        "provider": "aws",
    }
    assert body.read() == b'{"generation": "Hello"}'


def test_a_body_that_was_put_back_is_read_with_the_tokens_of_the_headers() -> None:
    fields = read_response(boto3_answer(json.dumps({"outputs": [{"text": "Hello", "stop_reason": "stop"}]})))
    assert fields is not None
    assert fields["completion"] == [Choice("assistant", "Hello", "stop")]
    assert (fields["prompt_tokens"], fields["completion_tokens"]) == (4, 9)


def events(*bodies: dict[str, Any]) -> list[dict[str, Any]]:
    return [{"chunk": {"bytes": json.dumps(body).encode()}} for body in bodies]


COUNTED = {"amazon-bedrock-invocationMetrics": {"inputTokenCount": 4, "outputTokenCount": 9}}
START = {"type": "message", "role": "assistant", "model": "claude-3-haiku", "content": [], "usage": {"input_tokens": 4}}
STREAMS: list[tuple[list[dict[str, Any]], str | None]] = [
    (
        events(
            {"type": "message_start", "message": {"id": "msg_bdrk_1", **START}},
            {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "Hel"}},
            {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "lo"}},
            {"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": {"output_tokens": 9}},
        ),
        "end_turn",
    ),
    (
        events(
            {"messageStart": {"role": "assistant"}},
            {"contentBlockDelta": {"delta": {"text": "Hello"}, "contentBlockIndex": 0}},
            {"messageStop": {"stopReason": "end_turn"}},
            {"metadata": {"usage": {"inputTokens": 4, "outputTokens": 9}}},
        ),
        "end_turn",
    ),
    (
        events(
            {"outputText": "Hel", "index": 0, "inputTextTokenCount": 4, "completionReason": None},
            {"outputText": "lo", "totalOutputTextTokenCount": 9, "completionReason": "FINISH"},
        ),
        "FINISH",
    ),
    (
        events(
            {"generation": "Hel", "prompt_token_count": 4, "generation_token_count": 1, "stop_reason": None},
            {"generation": "lo", "generation_token_count": 9, "stop_reason": "stop"},
        ),
        "stop",
    ),
    (events({"outputs": [{"text": "Hel"}]}, {"outputs": [{"text": "lo", "stop_reason": "stop"}], **COUNTED}), "stop"),
    (
        events(
            {"event_type": "text-generation", "text": "Hel"},
            {"event_type": "text-generation", "text": "lo"},
            {
                "event_type": "stream-end",
                "finish_reason": "COMPLETE",
                "response": {"meta": {"billed_units": {"input_tokens": 4, "output_tokens": 9}}},
            },
        ),
        "COMPLETE",
    ),
    (
        events(
            {"choices": [{"index": 0, "delta": {"role": "assistant", "content": "Hello"}}]},
            {
                "choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}],
                "usage": {"prompt_tokens": 4, "completion_tokens": 9},
                **COUNTED,
            },
        ),
        "stop",
    ),
]


@pytest.mark.parametrize(("stream", "reason"), STREAMS)
def test_the_events_of_a_stream_are_joined(stream: list[dict[str, Any]], reason: str | None) -> None:
    fields = read_response(stream)
    assert fields is not None
    assert fields["completion"] == [Choice("assistant", "Hello", reason)]
    assert (fields["prompt_tokens"], fields["completion_tokens"]) == (4, 9)


def test_a_stream_that_is_throttled_says_so_behind_what_came() -> None:
    fields = read_response([*events({"generation": "Hel"}), {"throttlingException": {"message": "Slow down."}}])
    assert fields is not None
    assert fields["completion"] == [Choice("assistant", "Hel\n[error] Slow down.", None)]
    assert (fields["status"], fields["properties"]) == ("error", {"exception": "throttlingException"})
