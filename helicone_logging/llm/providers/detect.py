"""Tells who served an answer whose shape does not: many speak the language of OpenAI's Chat Completions."""

from __future__ import annotations

from collections.abc import Sequence

from helicone_logging.core.safe_vars import EMPTY, Vars, safe_vars
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
# By the end of the host's name, with a dot before it.
_HOSTS = {
    "openai": (".api.openai.com",),
    "azure": (".openai.azure.com", ".services.ai.azure.com", ".models.ai.azure.com", ".cognitiveservices.azure.com"),
    "anthropic": (".api.anthropic.com",),
    "google": (".generativelanguage.googleapis.com", ".aiplatform.googleapis.com"),
    "aws": (".amazonaws.com",),
    "cerebras": (".api.cerebras.ai",),
    "cohere": (".api.cohere.com", ".api.cohere.ai"),
    "deepseek": (".api.deepseek.com",),
    "fireworks": (".api.fireworks.ai",),
    "groq": (".api.groq.com",),
    "mistral": (".api.mistral.ai",),
    "nebius": (".nebius.com",),
    "novita": (".novita.ai",),
    "nvidia": (".api.nvidia.com",),
    "openrouter": (".openrouter.ai",),
    "perplexity": (".api.perplexity.ai",),
    "together": (".api.together.xyz", ".api.together.ai"),
    "voyage": (".api.voyageai.com",),
    "x": (".api.x.ai",),
}
_OLLAMA_PORT = 11434

PROVIDER = "helicone_logging.provider"
"""Where the copy of an answer says what its class did."""


def provider_of(response: object, answers: Sequence[Vars]) -> str | None:
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
    from urllib.parse import urlsplit  # loads slowly; who has a handler has loaded it with requests

    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        return None
    if port == _OLLAMA_PORT:
        return "ollama"
    return next((provider for provider, ends in _HOSTS.items() if f".{host}".endswith(ends)), None)


def url_of(response: Vars) -> str:
    """Returns the URL that an HTTP response, or an exception of an SDK, came from; empty when it does not say."""
    request = inner(response, "_request", "request")
    return str(request.get("url") or response.get("url") or "")[:2_000]


def provider_of_exception(error: BaseException, fields: Vars) -> str | None:
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
    private = getattr(response, "__pydantic_private__", None) or safe_vars(response) or EMPTY
    hidden = inner(private, "_hidden_params") if type(private) is dict else EMPTY
    if not hidden:
        return None
    asked_for = name(hidden, "litellm_model_name")  # all that answers of Groq have
    return name(hidden, "custom_llm_provider") or (names.route_of(asked_for) if asked_for else None)


def _marked(answer: Vars) -> str | None:
    if name(answer, "provider") and (name(answer, "id") or "").startswith("gen-"):
        return "openrouter"
    choices = answer.get("choices")
    first = safe_vars(choices[0]) if type(choices) is list and choices else None
    for fields, marks in ((answer, _MARKS), (inner(answer, "usage"), _USAGE_MARKS), (first or EMPTY, _CHOICE_MARKS)):
        for mark, host in marks.items():
            if fields.get(mark) is not None:
                return host
    return None
