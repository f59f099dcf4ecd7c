"""Errors in place of an answer, and answers within the HTTP response that carried them."""

from __future__ import annotations

import json
from collections.abc import Callable
from types import ModuleType
from typing import Any

import httpx
import openai
import pytest
import requests
from provider_fixtures import PLAIN, Form, load, sdk

from helicone_logging.llm.messages import Choice
from helicone_logging.llm.providers.responses import read_response

LIMIT = {"message": "Rate limit reached.", "type": "requests", "param": None, "code": "rate_limit_exceeded"}


@pytest.mark.parametrize("form", PLAIN)
@pytest.mark.parametrize(
    ("body", "message", "kind"),
    [
        ({"error": LIMIT}, "Rate limit reached.", "rate_limit_exceeded"),
        ({"type": "error", "error": {"type": "overloaded_error", "message": "Busy"}}, "Busy", "overloaded_error"),
        ({"error": {"code": 429, "message": "Quota", "status": "RESOURCE_EXHAUSTED"}}, "Quota", "RESOURCE_EXHAUSTED"),
        ([{"error": {"code": 429, "message": "Quota", "status": "RESOURCE_EXHAUSTED"}}], "Quota", "RESOURCE_EXHAUSTED"),
        ({"error": {"code": 502, "message": "Provider down"}}, "Provider down", "502"),
        ({"object": "error", "message": "No such model", "type": "invalid_model"}, "No such model", "invalid_model"),
        ({"type": "error", "code": "server_error", "message": "Try again"}, "Try again", "server_error"),
        ({"throttlingException": {"message": "Slow down"}}, "Slow down", "throttlingException"),
        ({"error": "model 'x' not found"}, "model 'x' not found", None),
    ],
)
def test_the_message_of_an_error_s_body_is_the_answer(form: Form, body: Any, message: str, kind: str | None) -> None:
    fields = read_response(form(body))
    assert fields is not None
    assert fields["completion"] == [Choice("assistant", f"[error] {message}", None)]
    assert fields["status"] == "error"
    assert fields.get("properties") == ({"exception": kind} if kind else None)


def test_no_error_is_none() -> None:
    assert read_response({"error": None}) is None
    fields = read_response({**load("openai_responses"), "error": None})
    assert fields is not None
    assert "status" not in fields


def http_of(package: str) -> ModuleType:
    """The HTTP library of an SDK, which is httpx or its successor."""
    modules = (base.__module__.partition(".")[0] for base in sdk(package).DefaultHttpxClient.__mro__)
    return sdk(next(module for module in modules if module.startswith("httpx")))


def openai_error(url: str) -> BaseException:
    transport = http_of("openai")
    answer = transport.Response(429, request=transport.Request("POST", url), json={"error": LIMIT})
    return openai.RateLimitError("Error code: 429", response=answer, body=LIMIT)


@pytest.mark.parametrize(
    ("url", "provider"),
    [
        ("https://api.openai.com/v1/chat/completions", "openai"),
        ("https://me.openai.azure.com/openai/deployments/a/chat/completions", "azure"),
        ("https://api.groq.com/openai/v1/chat/completions", "groq"),
        ("https://openrouter.ai/api/v1/chat/completions", "openrouter"),
        ("https://bedrock-runtime.eu-west-1.amazonaws.com/model/a/invoke", "aws"),
        ("http://127.0.0.1:11434/v1/chat/completions", "ollama"),
        ("https://notopenai.com/v1/chat/completions", None),
    ],
)
def test_an_exception_says_what_the_api_said_and_whose_api_it_was(url: str, provider: str | None) -> None:
    fields = read_response(openai_error(url))
    assert fields is not None
    assert fields["completion"] == [Choice("assistant", "[error] Rate limit reached.", None)]
    assert (fields["status"], fields["properties"]) == ("error", {"exception": "RateLimitError"})
    assert fields.get("provider") == provider


def test_an_exception_of_boto3_says_what_the_api_said() -> None:
    details = {"Error": {"Code": "ThrottlingException", "Message": "Too many requests"}}
    fields = read_response(sdk("botocore.exceptions").ClientError(details, "Converse"))
    assert fields is not None
    assert fields["completion"] == [Choice("assistant", "[error] Too many requests", None)]
    assert (fields["provider"], fields["properties"]) == ("aws", {"exception": "ClientError"})


def google_error() -> BaseException:
    body = {"error": {"code": 429, "message": "Rate limit reached.", "status": "RESOURCE_EXHAUSTED"}}
    error: BaseException = sdk("google.genai.errors").ClientError(429, body)
    return error


def cohere_error() -> BaseException:
    body = {"message": "Rate limit reached."}
    error: BaseException = sdk("cohere.core.api_error").ApiError(status_code=429, body=body)
    return error


def mistral_like_error() -> BaseException:
    error = RuntimeError("API error occurred: Status 429")
    error.body = '{"object":"error","message":"Rate limit reached."}'  # type: ignore[attr-defined]
    return error


def cohere_text_error() -> BaseException:
    error: BaseException = sdk("cohere.core.api_error").ApiError(status_code=429, body="Rate limit reached.")
    return error


@pytest.mark.parametrize(
    ("make", "provider"),
    [(google_error, "google"), (cohere_error, "cohere"), (cohere_text_error, "cohere"), (mistral_like_error, None)],
)
def test_exceptions_of_other_sdks_say_what_the_api_said(
    make: Callable[[], BaseException], provider: str | None
) -> None:
    fields = read_response(make())
    assert fields is not None
    assert fields["completion"] == [Choice("assistant", "[error] Rate limit reached.", None)]
    assert fields.get("provider") == provider


class MuteError(Exception):
    def __str__(self) -> str:
        raise RuntimeError


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (TimeoutError("timed out"), "timed out"),
        (TimeoutError(), "TimeoutError"),
        (MuteError(), "MuteError"),
        (ValueError("long" * 9_999), "long" * 9_999),
    ],
)
def test_any_exception_is_an_error(error: BaseException, message: str) -> None:
    assert read_response(error) == {
        "completion": [Choice("assistant", f"[error] {message}", None)],
        "status": "error",
        "properties": {"exception": type(error).__name__},
    }


def served(package: str, body: bytes) -> Any:
    """A client's transport that answers every request with the same body."""
    transport = http_of(package)
    return sdk(package).DefaultHttpxClient(
        transport=transport.MockTransport(lambda _: transport.Response(200, content=body))
    )


def openai_client(body: bytes) -> openai.OpenAI:
    return openai.OpenAI(api_key="none", http_client=served("openai", body))


def test_openai_s_raw_response_is_read_before_and_after_it_is_parsed() -> None:
    client = openai_client(json.dumps(load("openai_chat")).encode())
    raw = client.chat.completions.with_raw_response.create(model="gpt-4o", messages=[])
    expected = {**(read_response(load("openai_chat")) or {}), "provider": "openai"}
    assert read_response(raw) == expected
    raw.parse()
    assert read_response(raw) == expected


def test_anthropic_s_raw_response_is_read() -> None:
    anthropic = sdk("anthropic")
    client = anthropic.Anthropic(
        api_key="none", http_client=served("anthropic", json.dumps(load("anthropic_message")).encode())
    )
    raw = client.messages.with_raw_response.create(model="claude-newest", max_tokens=9, messages=[])
    assert read_response(raw) == read_response(load("anthropic_message"))


def test_speech_from_openai_is_a_mark() -> None:
    spoken = openai_client(b"ID3" + b"\0" * 97).audio.speech.create(model="tts-1", voice="alloy", input="Hi")
    fields = read_response(spoken)
    assert fields is not None
    assert fields["completion"] == [Choice("assistant", "[audio 100 bytes]", None)]


def test_a_response_whose_body_still_streams_is_left_alone() -> None:
    client = openai_client(b'data: {"object": "chat.completion.chunk", "choices": []}\n\ndata: [DONE]\n\n')
    stream = client.chat.completions.create(model="gpt-4o", messages=[], stream=True)
    assert read_response(stream) is None
    assert len(list(stream)) == 1


def test_the_responses_of_httpx_and_requests_are_read() -> None:
    by_httpx = httpx.Response(200, json=load("openai_chat"), request=httpx.Request("POST", "https://api.groq.com/v1"))
    by_requests = requests.Response()
    by_requests._content = json.dumps(load("openai_chat")).encode()
    by_requests.url = "https://api.groq.com/v1"
    expected = {**(read_response(load("openai_chat")) or {}), "provider": "groq"}
    assert read_response(by_httpx) == read_response(by_requests) == expected


@pytest.mark.parametrize(
    ("body", "said", "kind"),
    [
        ({"message": "invalid api token"}, "invalid api token", None),  # Cohere
        ({"detail": "Not found"}, "Not found", None),  # FastAPI, and who is built on it
        ({"id": "x", "message": "too many tokens"}, "too many tokens", None),
        (
            {"Error": {"Message": "Too many requests", "Code": "ThrottlingException"}, "ResponseMetadata": {}},
            "Too many requests",
            "ThrottlingException",
        ),
    ],
)
def test_a_body_that_holds_nothing_but_a_message_is_an_error(body: dict[str, Any], said: str, kind: str | None) -> None:
    fields = read_response(body)
    assert fields is not None
    assert fields["completion"] == [Choice("assistant", f"[error] {said}", None)]
    assert (fields["status"], fields.get("properties")) == ("error", kind and {"exception": kind})
    assert fields.get("provider") == ("aws" if "Error" in body else None)


@pytest.mark.parametrize("body", [{"message": {"a": 1}}, {"message": "x", "conversation": 1}, {"id": "x"}])
def test_a_message_with_anything_else_beside_it_is_no_error(body: dict[str, Any]) -> None:
    assert read_response(body) is None


def test_the_error_of_a_choice_is_behind_its_text_and_makes_the_answer_a_failure() -> None:
    fields = read_response({"choices": [{"message": {"content": "Hi"}, "error": {"code": 502, "message": "Down"}}]})
    assert fields is not None
    assert (fields["completion"], fields["status"]) == ([Choice("assistant", "Hi\n[error] Down", None)], "error")
