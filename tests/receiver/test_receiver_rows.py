"""A row is what Helicone's pages show of a span, and says in words what they do not show."""

from __future__ import annotations

import pytest
from receiver_client import GOOD, PROPERTY, span

from helicone_logging.receiver.rows import Row, row_of

CLAUDE = "claude-sonnet-4-5-20250929"


def row(provider: str, model: str, answer: str = "On its way.") -> Row:
    named = {"gen_ai.system": provider, "gen_ai.response.model": model, "gen_ai.completion.0.content": answer}
    return row_of(span({**GOOD, **named}))


def answers(provider: str, model: str, answer: str) -> list[str]:
    return [choice.content for choice in row(provider, model, answer).shown_choices]


@pytest.mark.parametrize(
    ("provider", "model"),
    [
        ("google", "gemini-2.5-pro"), ("google", "models/Gemini-2.5"), ("google", "imagen-4"), ("", "gemini-2.5-pro"),
        ("azure", "gemini-2.5-pro"), ("openai", "text-embedding-3-small"), ("azure", "text-embedding-ada-002"),
        ("openai", "gpt-3.5-turbo-instruct"), ("openai", "dall-e-3"), ("azure", "gpt-image-1"),
        ("", "tool:get_weather"), ("", "data:chart"), ("", "vector_db"),
    ],
)  # fmt: skip
def test_these_rows_are_blank(provider: str, model: str) -> None:
    shown = row(provider, model)
    assert shown.hidden
    assert (shown.shown_messages, shown.shown_choices) == ((), ())
    assert shown.messages
    assert shown.choices


@pytest.mark.parametrize(
    ("provider", "model"),
    [("llama", "llama-4-scout"), ("azure", "Llama-3.3-70B-Instruct"), ("azure", "Meta-Llama-3.1-8B"), ("aws", "Llama")],
)
def test_these_answers_are_blank(provider: str, model: str) -> None:
    shown = row(provider, model)
    assert "Llama" in shown.hidden
    assert shown.shown_messages == shown.messages
    assert shown.shown_choices == ()


@pytest.mark.parametrize("provider", ["openrouter", "custom", "groq", "together", "nvidia", "vercel"])
@pytest.mark.parametrize("model", ["gemini-2.5-pro", "Llama-3.3-70B", "text-embedding-3-small", "dall-e-3", CLAUDE])
def test_providers_that_are_read_as_openai_show_every_model(provider: str, model: str) -> None:
    shown = row(provider, model, '["as", "it", "is"]')
    assert shown.hidden == ""
    assert shown.shown_messages == shown.messages
    assert shown.shown_choices == shown.choices


@pytest.mark.parametrize(
    ("provider", "model"),
    [
        ("openai", "gpt-4o"), ("openai", "gemini-2.5-pro"), ("google", CLAUDE), ("google", "anthropic/sonnet"),
        ("google", "deepseek-r1"), ("google", "gpt-4o"), ("google", "o1-mini"), ("google", "meta-llama/Llama-4"),
        ("azure", "meta-llama/Llama-3.3"), ("azure", "llama-3.3-70b"), ("azure", "deepseek-Llama-distill"),
        ("anthropic", CLAUDE), ("", "vector_db:handbook"), ("", "tools"), ("azure", "my-text-embedding"),
    ],
)  # fmt: skip
def test_these_rows_show_all(provider: str, model: str) -> None:
    shown = row(provider, model)
    assert shown.hidden == ""
    assert shown.shown_messages == shown.messages
    assert shown.shown_choices == shown.choices


@pytest.mark.parametrize(
    ("answer", "shown"),
    [
        ("On its way.", ["On its way."]),
        ("  undefined it is ", ["it is"]),
        ("[]", []),
        ('["one", "two"]', ["one", "two"]),
        ('{"type": "text", "text": "only this", "more": 1}', ["only this"]),
        ('{"type": "tool_use", "name": "get_weather", "input": {"city": "Paris"}}', ['get_weather({"city": "Paris"})']),
        ('{"city": "Paris"}', ['{\n  "city": "Paris"\n}']),
        ('"quoted"', ["quoted"]),
        ("5", ["5"]),
        ("null", ["null"]),
        ("[1, broken", ["[1, broken"]),
        ("[" * 100_000, ["[" * 100_000]),
    ],
)
def test_answers_of_claude_are_parsed_when_they_look_like_json(answer: str, shown: list[str]) -> None:
    for provider in ("anthropic", "aws", "google"):
        assert answers(provider, CLAUDE, answer) == shown
    assert answers("custom", CLAUDE, answer) == [answer.lstrip()]


def test_an_answer_of_claude_that_parses_to_nothing_is_hidden() -> None:
    assert row("aws", CLAUDE, "[]").hidden
    assert row("aws", CLAUDE, "").hidden == ""


def test_leading_blanks_of_an_answer_are_cut() -> None:
    assert answers("openai", "gpt-4o", "\n  indented") == ["indented"]


@pytest.mark.parametrize(
    ("provider", "model", "has_cost", "note"),
    [
        ("openai", "gpt-4o", True, ""),
        ("openai", "o3", False, "o3"),
        ("openai", "o3-2025-04-16", True, ""),
        ("openai", "text-embedding-3-small", True, ""),
        ("anthropic", CLAUDE, False, "read 0"),
        ("google", "gemini-2.5-pro", False, "read 0"),
        ("llama", "llama-4", False, "read 0"),
        ("aws", CLAUDE, True, ""),
        ("aws", "anthropic.claude-sonnet-4-5-20250929-v1:0", False, "registry"),
        ("bedrock", "anthropic.claude-opus-4-1-20250805-v1:0", False, "registry"),
        ("bedrock", "us.anthropic.claude-sonnet-4-5-20250929-v1:0", True, ""),
        ("aws", "us.anthropic.claude-haiku-4-5-20251001-v1:0", False, "no price"),
        ("aws", "claude-opus-4-5-20251101", True, "three times"),
        ("bedrock", "amazon.nova-lite-v1:0", False, "%3A"),
        ("bedrock", "amazon.nova-lite-v1%3A0", True, ""),
        ("x", "grok-4", True, "too low"),
        ("x", "grok-4-0709", True, ""),
        ("deepseek", "deepseek-chat", True, "too low"),
        ("mistral", "mistral-large-latest", True, "thousand"),
        ("mistral", "mistral-small-latest", True, ""),
        ("cohere", "command-a", False, "hardly any"),
        ("cohere", "cohere/command-r", True, ""),
        ("nvidia", "nemotron", False, "hardly any"),
        ("openrouter", "anthropic/claude-haiku-4.5", True, ""),
        ("openrouter", "anthropic/claude-haiku-4-5", False, "with a dot"),
        ("openrouter", "anthropic/claude-3-haiku", True, ""),
        ("openrouter", "anthropic/claude-sonnet-4", True, ""),
        ("openrouter", "google/gemini-2.5-pro", True, "1.7 times"),
        ("cerebras", "llama3.1-8b", True, ""),
        ("xai", "grok-4", False, "`x`"),
        ("custom", "gpt-4o", False, "no prices"),
        ("", "gpt-4o", False, "without a provider"),
        ("openai", "", False, "no call of a model"),
        ("", "vector_db:handbook", False, "no call of a model"),
    ],
)
def test_cost_is_what_the_servers_tables_give(provider: str, model: str, has_cost: bool, note: str) -> None:
    shown = row(provider, model)
    assert shown.has_cost == has_cost
    assert note in shown.cost_note
    assert bool(note) == bool(shown.cost_note)


@pytest.mark.parametrize(
    ("provider", "tokens"),
    [("anthropic", 0), ("google", 0), ("llama", 0), ("openai", 18), ("custom", 18), ("bedrock", 18), ("deepseek", 18)],
)
def test_tokens_read_zero_where_the_pages_read_them_elsewhere(provider: str, tokens: int) -> None:
    assert row(provider, "some-model").total_tokens == tokens


def test_the_pages_add_tokens_up_and_never_read_the_total() -> None:
    assert row_of(span({**GOOD, "llm.usage.total_tokens": 99})).total_tokens == 18
    assert row_of(span({"llm.usage.total_tokens": 99})).total_tokens == 0
    without = row_of(span({"gen_ai.system": "openai", "gen_ai.response.model": "gpt-4o"}))
    assert without.total_tokens is None
    assert "no tokens" in without.cost_note


def test_a_tools_step_under_its_own_name_is_no_call_of_a_model() -> None:
    step = row_of(span({"gen_ai.response.model": "get_weather", PROPERTY + "step": "tool"}))
    assert not step.is_model_call
    assert row_of(span({"gen_ai.response.model": "gpt-4o", PROPERTY + "step": "3 of 4"})).is_model_call
