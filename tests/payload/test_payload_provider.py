"""Under which provider and model a call is sent, and what Helicone then shows of it."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator
from typing import Any

import pytest
from payloads import row, sent, span_of, traced

from helicone_logging import OTELTraceFormatter, lint
from helicone_logging.core import notices
from helicone_logging.receiver.rows import Row

PRICED = OTELTraceFormatter(show_cost=True)

# What the server's own code gave for 1,000 + 500 tokens (July 2026), in dollars: the table of AWS matches parts of
# names, that of OpenRouter whole ones.
AWS = {
    "claude-sonnet-4": 0.0105, "claude-3-5-sonnet": 0.0105, "claude-3-5-haiku": 0.0028, "claude-opus-4": 0.0525,
}  # fmt: skip
OPENROUTER = {
    "anthropic/claude-sonnet-4": 0.0182, "anthropic/claude-sonnet-4.5": 0.0182, "anthropic/claude-3.5-haiku": 0.00295,
    "anthropic/claude-haiku-4.5": 0.00369, "anthropic/claude-opus-4": 0.0554, "anthropic/claude-opus-4.1": 0.0554,
    "anthropic/claude-opus-4.5": 0.01846, "anthropic/claude-opus-4.6": 0.01846, "google/gemini-2.5-flash": 0.00164,
    "google/gemini-2.5-pro": 0.01055, "google/gemini-2.5-flash-lite": 0.00032, "google/gemini-2.0-flash-001": 0.0003,
    "google/gemini-2.5-flash-preview-09-2025": 0.00155, "google/gemini-3-pro-preview": 0.00844,
    "google/gemini-3.1-pro-preview": 0.00844, "google/gemini-3-flash-preview": 0.00211,
}  # fmt: skip
LIST_PRICES = {
    "claude-sonnet-4": 0.0105, "claude-sonnet-4-0": 0.0105, "claude-sonnet-4-20250514": 0.0105,
    "claude-sonnet-4-5": 0.0105, "claude-sonnet-4-5-20250929": 0.0105, "claude-sonnet-4.5": 0.0105,
    "claude-sonnet-4-6": 0.0105, "claude-sonnet-4-5@20250929": 0.0105, "claude-3-5-sonnet-20241022": 0.0105,
    "claude-3-5-sonnet-v2@20241022": 0.0105, "claude-3-5-haiku-latest": 0.0028, "claude-3.5-haiku": 0.0028,
    "claude-haiku-4-5": 0.0035, "claude-haiku-4-5-20251001": 0.0035, "claude-opus-4-20250514": 0.0525,
    "claude-opus-4-1": 0.0525, "claude-opus-4-5-20251101": 0.0175, "claude-opus-4-6": 0.0175,
    "gemini-2.5-flash": 0.00155, "models/gemini-2.5-flash": 0.00155, "gemini-2.5-flash-001": 0.00155,
    "gemini-2.5-pro": 0.00625, "gemini-2.5-pro-preview-06-05": 0.00625, "gemini-2.5-flash-lite": 0.0003,
    "gemini-2.0-flash": 0.0003, "gemini-2.0-flash-001": 0.0003, "gemini-2.5-flash-preview-09-2025": 0.00155,
    "publishers/google/models/gemini-3-pro-preview": 0.008, "gemini-3.1-pro-preview": 0.008,
    "gemini-3-flash-preview": 0.002,
}  # fmt: skip


@pytest.fixture(autouse=True)
def _nothing_told(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(notices, "_reported", set())
    return


def call(model: str, served_by: str | None = None, **fields: Any) -> logging.LogRecord:
    tokens = {"prompt_tokens": 1_000, "completion_tokens": 500, "user_id": "ada"}
    return traced(model=model, provider=served_by, messages="Where?", completion="Here.", **tokens, **fields)


def cost_of(shown: Row) -> float | None:
    """What the server's tables say."""
    if shown.provider == "OPENROUTER":
        return OPENROUTER.get(shown.model)
    assert shown.provider == "AWS"
    if "haiku-4-5" in shown.model:
        return None
    return next(cost for part, cost in AWS.items() if part in shown.model)


@pytest.mark.parametrize("model", LIST_PRICES)
def test_with_show_cost_a_call_shows_its_tokens_and_the_cost_nearest_to_the_list_price(model: str) -> None:
    shown = row(call(model, "gcp.vertex_ai" if "@" in model else None), PRICED)
    assert (shown.prompt_tokens, shown.completion_tokens, shown.total_tokens) == (1_000, 500, 1_500)
    assert shown.has_cost
    assert shown.hidden == ""
    assert [choice.content for choice in shown.shown_choices] == ["Here."]
    cost = cost_of(shown)
    assert cost is not None
    assert abs(cost - LIST_PRICES[model]) == min(abs(other - LIST_PRICES[model]) for other in costs_of_the_same(model))


def costs_of_the_same(model: str) -> list[float]:
    """What the model costs under all names that the tables know it by."""
    dashed = re.sub(r"^.*/|[-@]\d{8}|-latest|-v2|-preview-06-05|-001$|-0$", "", model).replace(".", "-")
    aws = [cost for part, cost in AWS.items() if part in dashed]
    same = (name for name in OPENROUTER if name.partition("/")[2].removesuffix("-001").replace(".", "-") == dashed)
    return aws + [OPENROUTER[name] for name in same]


def test_a_version_of_vertex_ai_tells_the_provider() -> None:
    assert row(call("claude-sonnet-4-5@20250929")).provider == "GOOGLE"
    shown = row(call("claude-sonnet-4-5@20250929"), PRICED)
    assert (shown.provider, shown.model, cost_of(shown)) == ("AWS", "claude-sonnet-4-5@20250929", 0.0105)
    assert shown.properties["provider"] == "google"


@pytest.mark.parametrize("model", LIST_PRICES)
def test_with_show_cost_the_true_provider_and_model_are_properties(model: str) -> None:
    made = call(model)
    true = "google" if "gemini" in model or "@" in model else "anthropic"
    made.provider = {"google": "gcp.vertex_ai", "anthropic": "anthropic"}[true]
    shown = row(made, PRICED)
    assert (shown.properties["provider"], shown.properties["model"]) == (true, model)
    assert sent(made, PRICED)["gen_ai.request.model"] == model
    assert span_of(made, PRICED)["kind"] == 3


@pytest.mark.parametrize("model", ["claude-opus-4-9", "claude-2.1", "gemini-2.0-flash-lite", "imagen-4", "x" * 5_000])
def test_with_show_cost_a_model_without_a_known_price_keeps_its_tokens(model: str) -> None:
    shown = row(call(model, "google"), PRICED)
    assert (shown.provider, shown.model) == ("CUSTOM", model)
    assert (shown.total_tokens, shown.has_cost, shown.hidden) == (1_500, False, "")
    assert shown.properties["provider"] == "google"


def test_with_show_cost_lint_finds_nothing_that_could_be_better() -> None:
    for model in ("claude-sonnet-4-5", "claude-haiku-4-5", "gemini-2.5-flash"):
        assert lint(PRICED.format(call(model))) == []


def test_show_cost_changes_no_other_call_and_an_override_wins() -> None:
    for model in ("gpt-4o", "us.anthropic.claude-sonnet-4-5-20250929-v1:0", "grok-4"):
        assert row(call(model), PRICED) == row(call(model))
    kept = OTELTraceFormatter(show_cost=True, provider_overrides={"anthropic": "anthropic"})
    assert (row(call("claude-sonnet-4"), kept).provider, row(call("gemini-2.5-pro"), kept).provider) == (
        "ANTHROPIC",
        "OPENROUTER",
    )
    named = row(call("claude-sonnet-4", properties={"model": "mine"}), PRICED)
    assert named.properties["model"] == "mine"


@pytest.mark.parametrize(("model", "name"), [("claude-sonnet-4", "anthropic"), ("gemini-2.5-pro", "google")])
def test_that_tokens_show_as_zero_is_told_once_with_the_remedies(
    model: str, name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    formatter = OTELTraceFormatter()
    for _ in range(3):
        formatter.format(call(model))
    OTELTraceFormatter().format(call("claude-opus-4"))
    told = capsys.readouterr().err
    assert told.count("\n") == told.count("helicone_logging: ") == 1
    for part in ("0 tokens", "show_cost=True", f'{{"{name}": "custom"}}', f'{{"{name}": "{name}"}}'):
        assert part in told


def test_that_tokens_show_as_zero_is_not_told_to_those_who_chose(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("anthropic", "custom"):
        OTELTraceFormatter(provider_overrides={"anthropic": name}).format(call("claude-sonnet-4"))
    PRICED.format(call("claude-sonnet-4"))
    OTELTraceFormatter().format(call("gpt-4o"))
    OTELTraceFormatter().format(traced(provider="anthropic"))
    OTELTraceFormatter(wire="otlp").format(call("claude-sonnet-4"))  # whoever reads that, Helicone need not be
    monkeypatch.setattr(logging, "raiseExceptions", False)
    OTELTraceFormatter().format(call("claude-sonnet-4"))
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize(
    ("served_by", "model", "sent_as"),
    [
        ("llama", "Llama-4-Scout", ("CUSTOM", "Llama-4-Scout")),
        ("meta_llama", "llama-4", ("CUSTOM", "llama-4")),
        ("azure", "Llama-3.3-70B-Instruct", ("AZURE", "llama-3.3-70b-instruct")),
        ("azure.ai.inference", "Meta-Llama-3.1-8B", ("AZURE", "meta-llama-3.1-8b")),
        ("sambanova", "Meta-Llama-3.3-70B", ("SAMBANOVA", "meta-llama-3.3-70b")),
        ("nebius", "nvidia/Llama-3_1-Nemotron-Ultra-253B-v1", ("NEBIUS", "nvidia/llama-3_1-nemotron-ultra-253b-v1")),
        ("fireworks", "Llama-3.3-70B", ("FIREWORKS", "llama-3.3-70b")),
        (None, "Llama3", ("", "llama3")),
    ],
)
def test_names_that_would_hide_the_answer_without_any_gain_are_sent_so_that_it_shows(
    served_by: str | None, model: str, sent_as: tuple[str, str]
) -> None:
    shown = row(call(model, served_by))
    assert (shown.provider, shown.model) == sent_as
    assert (shown.hidden, shown.total_tokens) == ("", 1_500)
    if shown.model != model:
        assert shown.properties["model"] == model


@pytest.mark.parametrize(
    ("served_by", "model"),
    [
        ("azure", "meta-llama/Llama-3.3"), ("azure", "deepseek-Llama-distill"), ("groq", "Llama-3.3-70B"),
        ("together", "Llama-3.3"), ("custom", "Llama-3.3"), ("azure", "gpt-4o"), ("avian", "Meta-Llama-3.1-405B"),
    ],
)  # fmt: skip
def test_names_that_show_or_that_have_a_price_stay_as_they_are(served_by: str, model: str) -> None:
    shown = row(call(model, served_by))
    assert (shown.provider, shown.model) == (served_by.upper(), model)
    assert "model" not in shown.properties


@pytest.mark.parametrize(
    ("served_by", "model", "sent_as"),
    [
        (None, "groq/llama-3.3-70b-versatile", ("GROQ", "llama-3.3-70b-versatile")),
        (None, "azure/gpt-4o", ("AZURE", "gpt-4o")),
        (None, "openrouter/anthropic/claude-sonnet-4.5", ("OPENROUTER", "anthropic/claude-sonnet-4.5")),
        ("perplexity", "perplexity/sonar", ("PERPLEXITY", "sonar")),
        ("fireworks_ai", "fireworks_ai/accounts/fireworks/models/a", ("FIREWORKS", "accounts/fireworks/models/a")),
        ("nebius", "nebius/meta-llama/Llama-3.3-70B", ("NEBIUS", "meta-llama/Llama-3.3-70B")),
        ("xai", "xai/grok-4-0709", ("X", "grok-4-0709")),
        ("openrouter", "deepseek/deepseek-chat", ("OPENROUTER", "deepseek/deepseek-chat")),
        ("cohere", "cohere/command-r", ("COHERE", "cohere/command-r")),
        (None, "anthropic/claude-sonnet-4.5", ("", "anthropic/claude-sonnet-4.5")),
    ],
)
def test_a_prefix_by_which_litellm_routes_names_the_provider_and_is_no_part_of_the_model(
    served_by: str | None, model: str, sent_as: tuple[str, str]
) -> None:
    shown = row(call(model, served_by))
    assert (shown.provider, shown.model, shown.hidden) == (*sent_as, "")
    assert not shown.properties.keys() & {"provider", "model"}


def test_a_routed_model_has_its_price_and_an_override_leaves_its_name() -> None:
    shown = row(call("vertex_ai/claude-sonnet-4-5@20250929"), PRICED)
    assert (shown.provider, shown.model) == ("AWS", "claude-sonnet-4-5@20250929")
    assert shown.properties["model"] == "claude-sonnet-4-5@20250929"
    other = OTELTraceFormatter(provider_overrides={"deepseek": "openrouter"})
    assert row(call("deepseek/deepseek-chat", "deepseek"), other).model == "deepseek/deepseek-chat"


def test_an_override_leaves_names_of_llama_as_they_are() -> None:
    kept = OTELTraceFormatter(provider_overrides={"llama": "llama"})
    assert row(call("Llama-4", "llama"), kept).provider == "LLAMA"


@pytest.mark.parametrize("model", ["text-embedding-3-small", "dall-e-3", "gpt-image-1"])
@pytest.mark.parametrize("served_by", ["openai", "azure"])
def test_embeddings_and_pictures_keep_provider_and_cost_and_lint_says_how_to_have_the_text(
    served_by: str, model: str
) -> None:
    made = call(model, served_by)
    shown = row(made)
    assert (shown.provider, shown.has_cost, bool(shown.hidden)) == (served_by.upper(), True, True)
    (finding,) = lint(OTELTraceFormatter().format(made))
    assert 'provider="custom"' in finding.field
    assert "cost is lost" in finding.field
    assert row(call(model, "custom")).hidden == ""


@pytest.mark.parametrize("value", ["yes", 1, "true", True])
def test_show_cost_may_be_text(value: Any) -> None:
    assert row(call("claude-haiku-4-5"), OTELTraceFormatter(show_cost=value)).provider == "OPENROUTER"


def test_a_text_in_the_place_of_a_provider_is_sent_as_it_is() -> None:
    """To look it up among the names of providers would take a second of whoever logs it."""
    text = "Some Text. " * 100_000
    assert sent(traced(provider=text, model="gpt-4o-mini"))["gen_ai.system"].startswith(text[:1_000])
