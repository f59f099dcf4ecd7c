from __future__ import annotations

import pytest
from provider_fixtures import PLAIN, Form, load, real

from helicone_logging.llm.content import content_text
from helicone_logging.llm.messages import Choice
from helicone_logging.llm.providers.responses import read_response

MESSAGE = [*PLAIN, real("anthropic.types:Message")]
EVENTS = [*PLAIN, real("anthropic.types:RawMessageStreamEvent")]


@pytest.mark.parametrize("form", MESSAGE)
def test_a_message_gives_thoughts_text_tools_and_the_whole_prompt_s_tokens(form: Form) -> None:
    assert read_response(form(load("anthropic_message"))) == {
        "operation": "chat",
        "provider": "anthropic",
        "model": "claude-sonnet-4-5-20250929",
        "response_id": "msg_013Zva2CMHLNnXjNJJKqJ2EF",
        "completion": [
            Choice(
                "assistant",
                "[thinking] I should look it up.\n"
                "[thinking] (redacted)\n"
                "Let me check the weather.\n"
                '[tool call] get_weather({"location":"San Francisco, CA"})\n'
                '[tool call] web_search({"query":"weather"})\n'
                "[tool result srvtoolu_01] Weather\nhttps://example.com/w",
                "tool_use",
            )
        ],
        "prompt_tokens": 2095 + 100 + 1000,
        "completion_tokens": 503,
        "cached_tokens": 1000,
    }


@pytest.mark.parametrize("form", EVENTS)
def test_the_events_of_a_message_are_joined(form: Form) -> None:
    assert read_response(form(load("anthropic_stream"))) == {
        "operation": "chat",
        "provider": "anthropic",
        "model": "claude-opus-4-1-20250805",
        "response_id": "msg_01",
        "completion": [
            Choice(
                "assistant",
                "[thinking] Hm, weather.\nOkay, let's check\n"
                '[tool call] get_weather({"location": "San Francisco"})\n[tool call] get_time({})',
                "tool_use",
            )
        ],
        "prompt_tokens": 472 + 8 + 20,
        "completion_tokens": 89,
        "cached_tokens": 20,
    }


@pytest.mark.parametrize("form", EVENTS)
def test_a_message_that_broke_off_shows_what_came(form: Form) -> None:
    fields = read_response(form(load("anthropic_stream")[:9]))
    assert fields is not None
    assert fields["completion"] == [Choice("assistant", "[thinking] Hm, weather.\nOkay, let's check", None)]


@pytest.mark.parametrize("form", MESSAGE)
@pytest.mark.parametrize(
    ("message_id", "provider"), [("msg_bdrk_01", "aws"), ("msg_vrtx_01", "google"), ("msg_01", "anthropic")]
)
def test_the_cloud_that_served_claude_is_known_by_the_id(form: Form, message_id: str, provider: str) -> None:
    fields = read_response(form({**load("anthropic_message"), "id": message_id}))
    assert fields is not None
    assert fields["provider"] == provider


def test_anthropic_is_not_claimed_for_a_model_of_somebody_else() -> None:
    fields = read_response({**load("anthropic_message"), "model": "kimi-k2"})
    assert fields is not None
    assert "provider" not in fields


def test_a_refused_message_says_why() -> None:
    refused = {
        **load("anthropic_message"),
        "content": [],
        "stop_reason": "refusal",
        "stop_details": {"type": "refusal", "explanation": "Not this.", "category": None},
    }
    fields = read_response(refused)
    assert fields is not None
    assert fields["completion"] == [Choice("assistant", "[refusal] Not this.", "refusal")]


def test_what_a_command_printed_shows_as_text_and_its_exit_code_where_it_failed() -> None:
    def shown(code: int) -> str:
        ran = {"type": "bash_code_execution_result", "stdout": "a.txt\n", "stderr": "", "return_code": code}
        return content_text([{"type": "bash_code_execution_tool_result", "tool_use_id": "1", "content": ran}])

    assert shown(0) == "[tool result 1] a.txt"
    assert shown(2) == "[tool result 1] a.txt\n(exit code 2)"


def test_a_listing_of_tools_names_them() -> None:
    listing = {"type": "mcp_tool_listing", "mcp_server_name": "wiki", "tools": [{"name": "ask"}, {"name": "read"}]}
    assert content_text([listing]) == "[tools wiki] ask, read"
