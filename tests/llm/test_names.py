from __future__ import annotations

import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from helicone_logging.llm.providers.names import COST_TABLES, canonical, chosen, provider_of_model

WITHOUT_TABLE = {"ibm.watsonx.ai"}  # of OpenTelemetry's names: Helicone knows no costs of it


def test_every_name_of_opentelemetry_reaches_a_cost_table() -> None:
    attributes = pytest.importorskip("opentelemetry.semconv._incubating.attributes.gen_ai_attributes")
    kinds = ("GenAiSystemValues", "GenAiProviderNameValues")
    names = {member.value for kind in kinds for member in getattr(attributes, kind, ())}
    if not names:
        pytest.skip("this version of OpenTelemetry lists no providers any more")
    assert {name for name in names if canonical(name).upper() not in COST_TABLES} <= WITHOUT_TABLE


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("aws.bedrock", "aws"),
        ("bedrock", "aws"),
        ("gcp.gemini", "google"),
        ("gcp.vertex_ai", "google"),
        ("gcp.gen_ai", "google"),
        ("vertex_ai", "google"),
        ("google_genai", "google"),
        ("az.ai.openai", "azure"),
        ("az.ai.inference", "azure"),
        ("azure.ai.openai", "azure"),
        ("azure_openai", "azure"),
        ("azure_ai", "azure"),
        ("mistral_ai", "mistral"),
        ("mistralai", "mistral"),
        ("MistralAI", "mistral"),
        ("x_ai", "x"),
        ("xai", "x"),
        ("x-ai", "x"),
        ("grok", "x"),
        ("google-gla", "google"),
        ("google-cloud", "google"),
        ("google-vertex", "google"),
        ("google_anthropic_vertex", "google"),
        ("anthropic_bedrock", "aws"),
        ("bedrock-mantle", "aws"),
        ("openai-codex", "openai"),
        ("together_ai", "together"),
        ("fireworks_ai", "fireworks"),
        ("nvidia_nim", "nvidia"),
        ("meta_llama", "llama"),
        ("vercel_ai_gateway", "vercel"),
        ("text-completion-openai", "openai"),
        ("cohere_chat", "cohere"),
        ("perplexity", "perplexity"),
        ("Open Router", "openrouter"),
        ("  OpenAI\n", "openai"),
        ("ANTHROPIC", "anthropic"),
    ],
)
def test_a_provider_is_spelled_as_the_cost_tables_know_it(name: str, expected: str) -> None:
    assert canonical(name) == expected
    assert expected.upper() in COST_TABLES


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("openai.responses", "openai"),
        ("azure-openai.chat", "azure"),
        ("azure.responses", "azure"),
        ("anthropic.messages", "anthropic"),
        ("google.generative-ai", "google"),
        ("google.vertex.chat", "google"),
        ("vertex.anthropic.messages", "google"),
        ("bedrock.anthropic.messages", "aws"),
        ("amazon-bedrock", "aws"),
        ("mistral.embedding", "mistral"),
        ("cohere.textEmbedding", "cohere"),
        ("xai.chat", "x"),
        ("togetherai.completion", "together"),
        ("my-gateway.chat", "my-gateway.chat"),
        ("chat", "chat"),
    ],
)
def test_the_vercel_ai_sdk_s_names_are_known_whatever_kind_of_model_they_name(name: str, expected: str) -> None:
    assert canonical(name) == expected


@pytest.mark.parametrize("name", sorted(COST_TABLES - {"BEDROCK"}))
def test_the_names_of_the_cost_tables_stay(name: str) -> None:
    assert canonical(name) == name.lower()


@pytest.mark.parametrize(
    ("name", "expected"),
    [("ibm.watsonx.ai", "ibm.watsonx.ai"), (" My-Gateway ", "my-gateway"), ("custom", "custom"), ("", "")],
)
def test_an_unknown_provider_keeps_its_name(name: str, expected: str) -> None:
    assert canonical(name) == expected


@pytest.mark.parametrize(
    ("name", "overrides", "expected"),
    [
        ("anthropic", {"anthropic": "custom"}, "custom"),
        ("Anthropic", {"ANTHROPIC": "Custom"}, "custom"),
        ("gcp.gemini", {"google": "custom"}, "custom"),
        ("gcp.gemini", {"gcp.gemini": "openrouter", "google": "custom"}, "openrouter"),
        ("bedrock", {"bedrock": "bedrock"}, "bedrock"),
        ("my-gateway", {"My-Gateway": "openai"}, "openai"),
        ("openai", {"openai": "xai"}, "xai"),
        ("openai", {"anthropic": "custom"}, "openai"),
    ],
)
def test_the_user_s_names_win_over_everything(name: str, overrides: dict[str, str], expected: str) -> None:
    assert (chosen(name, overrides) or canonical(name)) == expected


@given(st.text(), st.dictionaries(st.text(), st.text(), max_size=3))
def test_any_name_becomes_lower_case_without_blanks_around_it(name: str, overrides: dict[str, str]) -> None:
    spelled = chosen(name, overrides) or canonical(name)
    assert spelled == spelled.strip().lower()
    if not overrides:
        assert canonical(spelled) == spelled


@pytest.mark.parametrize(
    ("model", "provider"),
    [
        ("gpt-4o-2024-08-06", "openai"),
        ("ft:gpt-4o-mini:acme::abc", "openai"),
        ("o3-mini", "openai"),
        ("o1", "openai"),
        ("chatgpt-4o-latest", "openai"),
        ("text-embedding-3-small", "openai"),
        ("text-embedding-ada-002", "openai"),
        ("claude-sonnet-4-5-20250929", "anthropic"),
        ("gemini-2.5-flash", "google"),
        ("models/gemini-2.5-flash", "google"),
        ("mistral-large-latest", "mistral"),
        ("ministral-8b-latest", "mistral"),
        ("codestral-latest", "mistral"),
        ("open-mixtral-8x7b", "mistral"),
        ("command-r-plus", "cohere"),
        ("embed-v4.0", "cohere"),
        ("deepseek-chat", "deepseek"),
        ("deepseek-v4-pro", "deepseek"),
        ("computer-use-preview", "openai"),
        ("grok-4", "x"),
        ("sonar-pro", "perplexity"),
        ("anthropic.claude-3-5-sonnet-20241022-v2:0", "aws"),
        ("us.amazon.nova-pro-v1:0", "aws"),
        ("arn:aws:bedrock:us-east-1:1:inference-profile/x", "aws"),
        ("accounts/fireworks/models/llama-v3p1-8b-instruct", "fireworks"),
        ("groq/llama-3.3-70b-versatile", "groq"),
        ("azure/my-deployment", "azure"),
        ("openrouter/anthropic/claude-3.5-sonnet", "openrouter"),
        ("vertex_ai/claude-sonnet-4@20250514", "google"),
        ("claude-3-5-sonnet@20240620", "google"),
        ("claude-3-5-sonnet-v2@20241022", "google"),
        ("publishers/anthropic/models/claude-opus-4-5@default", "google"),
    ],
)
def test_a_model_that_one_provider_has_tells_the_provider(model: str, provider: str) -> None:
    assert provider_of_model(model) == provider
    assert provider.upper() in COST_TABLES


@pytest.mark.parametrize(
    "model",
    [
        "",
        "my-deployment",
        "llama-3.3-70b-versatile",
        "gpt-oss-120b",
        "gpt-j-6b",
        "openai/gpt-4o",
        "anthropic/claude-3.5-sonnet",
        "deepseek-r1-distill-llama-70b",
        "DeepSeek-V4-Pro",
        "deepseek-r1:7b",
        "mistral:7b",
        "mistral-small:24b",
        "command-r:35b",
        "rerank-2.5",
        "mixtral-8x7b-32768",
        "meta-llama/Llama-3.3-70B-Instruct-Turbo",
        "text-embedding-004",
        "claude-3-5-sonnet@mine",
        "tool:search",
        "vector_db:docs",
    ],
)
def test_a_model_that_many_serve_tells_no_provider(model: str) -> None:
    assert provider_of_model(model) is None


@given(st.text())
def test_any_text_is_a_model_s_name(model: str) -> None:
    found = provider_of_model(model)
    assert found is None or found.upper() in COST_TABLES


DOCUMENTED = re.findall(
    r"^\| `([a-z]+)` \|([^|]*)\|", (Path(__file__).parents[2] / "docs/providers.md").read_text("utf-8"), re.MULTILINE
)


def test_the_documented_names_are_those_that_are_sent() -> None:
    for provider, also_known_as in DOCUMENTED:
        for name in [provider, *re.findall(r"`([^`]+)`", also_known_as)]:
            assert canonical(name) == provider
    assert {provider.upper() for provider, _ in DOCUMENTED} == COST_TABLES - {"BEDROCK"} | {"CUSTOM"}
