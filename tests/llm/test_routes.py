"""LiteLLM's prefixes: what they tell of the provider, and models without them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from helicone_logging.llm.providers.names import COST_TABLES, canonical, provider_of_model, route_of, without_route


@pytest.mark.parametrize(
    ("model", "provider"),
    [
        ("groq/llama-3.3-70b-versatile", "groq"),
        ("azure/my-deployment", "azure"),
        ("azure_ai/Llama-3.3-70B-Instruct", "azure"),
        ("openrouter/anthropic/claude-sonnet-4.5", "openrouter"),
        ("bedrock/converse/us.anthropic.claude-sonnet-4-5-20250929-v1:0", "aws"),
        ("vertex_ai/claude-sonnet-4@20250514", "google"),
        ("vercel_ai_gateway/openai/gpt-4o", "vercel"),
        ("deepinfra/meta-llama/Llama-3.3-70B-Instruct", "deepinfra"),
    ],
)
def test_a_prefix_that_only_litellm_writes_tells_the_provider(model: str, provider: str) -> None:
    assert provider_of_model(model) == provider
    assert canonical(route_of(model) or "") == provider
    assert provider.upper() in COST_TABLES


@pytest.mark.parametrize(
    "model",
    [
        "anthropic/claude-sonnet-4-5", "deepseek/deepseek-chat", "xai/grok-4", "mistral/mistral-large", "openai/gpt-4o",
        "perplexity/sonar", "cohere/command-r", "meta-llama/Llama-3.3", "nvidia/llama-3.1", "groq", "/groq", "",
    ],
)  # fmt: skip
def test_a_maker_s_name_tells_no_provider(model: str) -> None:
    assert route_of(model) is None


@pytest.mark.parametrize(
    ("provider", "model", "name"),
    [
        ("perplexity", "perplexity/sonar", "sonar"),
        ("cerebras", "cerebras/llama3.1-8b", "llama3.1-8b"),
        ("novita", "novita/meta-llama/llama-3.3-70b-instruct", "meta-llama/llama-3.3-70b-instruct"),
        ("vercel", "vercel_ai_gateway/openai/gpt-4o", "openai/gpt-4o"),
        ("fireworks", "fireworks_ai/accounts/fireworks/models/llama-v3", "accounts/fireworks/models/llama-v3"),
        ("nvidia", "nvidia_nim/nvidia/llama-3.1", "nvidia/llama-3.1"),
        ("openrouter", "openrouter/anthropic/claude-sonnet-4.5", "anthropic/claude-sonnet-4.5"),
        ("openrouter", "openrouter/openrouter/auto", "openrouter/auto"),
        ("groq", "groq/groq/compound", "groq/compound"),
        ("groq", "groq/openai/gpt-oss-120b", "openai/gpt-oss-120b"),
        ("x", "xai/grok-4", "grok-4"),
        ("deepseek", "deepseek/deepseek-chat", "deepseek-chat"),
        ("cohere", "cohere/command-a", "command-a"),
        ("azure", "azure/o_series/my-deployment", "my-deployment"),
        ("azure", "azure/gpt5_series/my-deployment", "my-deployment"),
        ("aws", "bedrock/converse/us.amazon.nova-pro-v1:0", "us.amazon.nova-pro-v1:0"),
        ("moonshot", "moonshot/kimi-k2", "kimi-k2"),
        ("ollama", "ollama/llama3.2", "llama3.2"),
    ],
)
def test_a_prefix_that_repeats_the_provider_is_no_part_of_the_model(provider: str, model: str, name: str) -> None:
    assert without_route(provider, model) == name


@pytest.mark.parametrize(
    ("provider", "model"),
    [
        ("groq", "groq/compound"),
        ("groq", "groq/compound-mini"),
        ("openrouter", "openrouter/auto"),
        ("openrouter", "deepseek/deepseek-chat"),
        ("cohere", "cohere/command-r"),
        ("nvidia", "nvidia/llama-3.1"),
        ("together", "meta-llama/Llama-3.3-70B-Instruct-Turbo"),
        ("llama", "meta-llama/Llama-3.3"),
        ("my-gateway", "my-gateway/model"),
        ("", "groq/llama-3.3"),
        ("azure", "azure/"),
        ("azure", "azure"),
        ("azure", "groq/llama-3.3"),
    ],
)
def test_names_that_models_have_of_their_own_stay(provider: str, model: str) -> None:
    assert without_route(provider, model) == model


@given(st.text(), st.text())
def test_any_two_texts_may_be_a_provider_and_a_model(provider: str, model: str) -> None:
    assert model.endswith(without_route(provider, model))
    found = route_of(model)
    assert found is None or canonical(found).upper() in COST_TABLES
