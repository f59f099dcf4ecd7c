"""The prefixes by which LiteLLM routes: `groq/` of `groq/llama-3.3-70b-versatile` names the provider, not the model.

Streams come back without them, most whole answers with them. https://docs.litellm.ai/docs/providers
"""

from __future__ import annotations

import re
from collections.abc import Mapping

# The provider of each, as Helicone's cost tables spell it. Nobody else writes these before a slash.
_OF_LITELLM: Mapping[str, str] = {
    "anthropic_text": "anthropic",
    "azure": "azure",
    "azure_ai": "azure",
    "azure_text": "azure",
    "bedrock": "aws",
    "bedrock_converse": "aws",
    "bedrock_mantle": "aws",
    "codestral": "mistral",
    "cohere_chat": "cohere",
    "deepinfra": "deepinfra",
    "fireworks_ai": "fireworks",
    "gemini": "google",
    "groq": "groq",
    "meta_llama": "llama",
    "nebius": "nebius",
    "novita": "novita",
    "nvidia_nim": "nvidia",
    "openrouter": "openrouter",
    "text-completion-codestral": "mistral",
    "text-completion-openai": "openai",
    "together_ai": "together",
    "vercel_ai_gateway": "vercel",
    "vertex_ai": "google",
    "vertex_ai_beta": "google",
}
# With these OpenRouter, the Vercel AI Gateway and Hugging Face name the maker of a model that many serve, so they are
# prefixes only where the provider is known.
_ALSO_OF_OTHERS: Mapping[str, str] = {
    "anthropic": "anthropic",
    "baseten": "baseten",
    "cerebras": "cerebras",
    "chutes": "chutes",
    "cohere": "cohere",
    "deepseek": "deepseek",
    "mistral": "mistral",
    "openai": "openai",
    "perplexity": "perplexity",
    "xai": "x",
}
# Of providers without a cost table.
_UNPRICED = (
    "custom_openai", "dashscope", "databricks", "github", "hosted_vllm", "litellm_proxy", "lm_studio", "moonshot",
    "ollama", "ollama_chat", "sambanova",
)  # fmt: skip
_ALL: Mapping[str, str] = {**_OF_LITELLM, **_ALSO_OF_OTHERS, **{name: name for name in _UNPRICED}}
# Models whose own names begin so: of Groq, of OpenRouter, and the only one in Helicone's table of Cohere.
_OWN_NAME = re.compile(r"groq/compound(?:-mini)?|openrouter/[^/]*|cohere/command-r", re.IGNORECASE)
# Behind `azure/`, `bedrock/` and `openai/`: which of the provider's APIs to call.
_API = re.compile(r"^(?:converse|gpt5_series|invoke|o_series|responses)/(?=.)")


def route_of(model: str) -> str | None:
    """Returns the prefix of a model that tells for certain who serves it, as LiteLLM spells it; None when none does.

    Args:
        model: a model's name.
    """
    route, slash, _ = model.partition("/")
    route = route.strip().lower()
    return route if slash and route in _OF_LITELLM else None


def provider_of(model: str) -> str | None:
    """Returns the canonical name of the provider that `route_of` a model tells of; None when it tells of none."""
    route = route_of(model)
    return _OF_LITELLM[route] if route else None


def without_route(provider: str, model: str) -> str:
    """Returns a model's name without a prefix that says no more than who serves it.

    Args:
        provider: the canonical name of who serves it.
        model: the model's name, with such a prefix or without.
    """
    route, _, name = model.partition("/")
    if not name or _ALL.get(route.strip().lower()) != provider or _OWN_NAME.fullmatch(model):
        return model
    return _API.sub("", name)
