"""Tells who served an answer whose shape does not: many speak the language of OpenAI's Chat Completions."""

from __future__ import annotations

from collections.abc import Sequence

from helicone_logging.llm import safe_get
from helicone_logging.llm.providers.common import name
from helicone_logging.llm.safe_get import get

# The package of the answer's class. Not `openai`: with another base URL it talks to any of them.
_PACKAGES = {
    "cerebras": "cerebras",
    "fireworks": "fireworks",
    "groq": "groq",
    "mistralai": "mistral",
    "together": "together",
}
# What only one of them puts into its answers.
_MARKS = {
    "x_groq": "groq",
    "prompt_filter_results": "azure",
}
_USAGE_MARKS = {"prompt_cache_hit_tokens": "deepseek"}


def provider_of(answers: Sequence[object]) -> str | None:
    """Returns the provider's name, or None when nothing tells it for certain.

    Args:
        answers: a response, or the chunks of one.
    """
    return _package_of(answers[0]) or next((host for answer in answers if (host := _marked(answer))), None)


def _package_of(answer: object) -> str | None:
    package = safe_get.text(get(type(answer), "__module__")) or ""
    return _PACKAGES.get(package.partition(".")[0])


def _marked(answer: object) -> str | None:
    hidden = name(get(answer, "_hidden_params"), "custom_llm_provider")  # LiteLLM
    if hidden:
        return hidden
    if name(answer, "provider") and (name(answer, "id") or "").startswith("gen-"):
        return "openrouter"
    found = (host for mark, host in _MARKS.items() if get(answer, mark) is not None)
    usage = get(answer, "usage")
    of_usage = (host for mark, host in _USAGE_MARKS.items() if get(usage, mark) is not None)
    return next(found, None) or next(of_usage, None)
