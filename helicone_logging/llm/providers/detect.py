"""Tells who served an answer whose shape does not: many speak the language of OpenAI's Chat Completions."""

from __future__ import annotations

from collections.abc import Sequence
from urllib.parse import urlsplit

from helicone_logging.core.held import EMPTY, Held, held
from helicone_logging.llm import safe_get
from helicone_logging.llm.providers import names
from helicone_logging.llm.providers.common import inner, name

# The package of the answer's class. Not `openai`: with another base URL it talks to any of them.
_PACKAGES = {
    "cerebras": "cerebras",
    "fireworks": "fireworks",
    "groq": "groq",
    "mistralai": "mistral",
    "ollama": "ollama",
    "together": "together",
    "voyageai": "voyage",
}
_EXCEPTION_PACKAGES = {"anthropic": "anthropic", "botocore": "aws", "cohere": "cohere", "google": "google"}
# What only one of them puts into its answers.
_MARKS = {
    "x_groq": "groq",
    "prompt_filter_results": "azure",
    "content_filters": "azure",
    "amazon-bedrock-invocationMetrics": "aws",
}
_CHOICE_MARKS = {"content_filter_results": "azure", "content_filter_offsets": "azure"}
_USAGE_MARKS = {"prompt_cache_hit_tokens": "deepseek"}
# By the end of the host's name.
_HOSTS = {
    "api.openai.com": "openai",
    "openai.azure.com": "azure",
    "services.ai.azure.com": "azure",
    "models.ai.azure.com": "azure",
    "cognitiveservices.azure.com": "azure",
    "api.anthropic.com": "anthropic",
    "generativelanguage.googleapis.com": "google",
    "aiplatform.googleapis.com": "google",
    "amazonaws.com": "aws",
    "api.cerebras.ai": "cerebras",
    "api.cohere.com": "cohere",
    "api.cohere.ai": "cohere",
    "api.deepseek.com": "deepseek",
    "api.fireworks.ai": "fireworks",
    "api.groq.com": "groq",
    "api.mistral.ai": "mistral",
    "nebius.com": "nebius",
    "novita.ai": "novita",
    "api.nvidia.com": "nvidia",
    "openrouter.ai": "openrouter",
    "api.perplexity.ai": "perplexity",
    "api.together.xyz": "together",
    "api.together.ai": "together",
    "api.voyageai.com": "voyage",
    "api.x.ai": "x",
}
_OLLAMA_PORT = 11434

PROVIDER = "helicone_logging.provider"
"""Where the copy of an answer says what its class did."""


def provider_of(response: object, answers: Sequence[Held]) -> str | None:
    """Returns the provider's name, or None when nothing tells it for certain.

    Args:
        response: an answer, or one chunk of it.
        answers: what the answer, or each chunk of it, holds.
    """
    told = response.get(PROVIDER) if type(response) is dict else known_by_class(response)
    if told:
        return safe_get.text(told)
    return next((host for answer in answers if (host := _marked(answer))), None)


def known_by_class(response: object) -> str | None:
    """Returns the provider's name where the class of an answer tells it, or LiteLLM does."""
    package = (safe_get.text(getattr(type(response), "__module__", None)) or "").partition(".")[0]
    return _PACKAGES.get(package) or _hidden(response)


def provider_of_url(url: str) -> str | None:
    """Returns the name of the provider whose API has this URL; None when it is none of those known."""
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        return None
    if port == _OLLAMA_PORT:
        return "ollama"
    return next((provider for end, provider in _HOSTS.items() if host == end or host.endswith("." + end)), None)


def url_of(response: Held) -> str:
    """Returns the URL that an HTTP response, or an exception of an SDK, came from; empty when it does not say."""
    request = inner(response, "_request", "request")
    try:
        return str(request.get("url") or response.get("url") or "")[:2_000]
    except Exception:  # noqa: BLE001 - the `__str__` of a foreign class
        return ""


def provider_of_exception(error: BaseException, fields: Held) -> str | None:
    """Returns the provider whose API an SDK's exception tells of, by the URL of the request or the SDK's package.

    Args:
        error: the exception.
        fields: what it holds.
    """
    found = provider_of_url(url_of(fields) or url_of(inner(fields, "response")))
    package = (safe_get.text(getattr(type(error), "__module__", None)) or "").partition(".")[0]
    by_package = _PACKAGES.get(package) or _EXCEPTION_PACKAGES.get(package)
    return found or by_package or name(fields, "llm_provider")  # LiteLLM's


def _hidden(response: object) -> str | None:
    """What LiteLLM knows of the provider."""
    private = getattr(response, "__pydantic_private__", None) or held(response) or EMPTY
    hidden = inner(private, "_hidden_params") if type(private) is dict else EMPTY
    if not hidden:
        return None
    asked_for = name(hidden, "litellm_model_name")  # all that answers of Groq have
    return name(hidden, "custom_llm_provider") or (names.route_of(asked_for) if asked_for else None)


def _marked(answer: Held) -> str | None:
    for mark, host in _MARKS.items():
        if answer.get(mark) is not None:
            return host
    if "provider" in answer and name(answer, "provider") and (name(answer, "id") or "").startswith("gen-"):
        return "openrouter"
    usage = answer.get("usage")
    if usage is not None:
        fields = held(usage) or EMPTY
        for mark, host in _USAGE_MARKS.items():
            if fields.get(mark) is not None:
                return host
    choices = answer.get("choices")
    first = held(choices[0]) if type(choices) is list and choices else None
    if first:
        return next((host for mark, host in _CHOICE_MARKS.items() if first.get(mark) is not None), None)
    return None
