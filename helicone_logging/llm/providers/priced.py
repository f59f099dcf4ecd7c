"""The names under which Helicone shows tokens and a cost of models whose own provider shows neither.

Its rows of ANTHROPIC and GOOGLE read tokens from where traces never have them. Under the names below the same model
shows both. Measured with the server's own code (July 2026): the cost of 1,000 + 500 tokens under every name that its
tables match, of which the one nearest to the list price stands here; docs/providers.md has the figures.
"""

from __future__ import annotations

import re
from typing import NamedTuple

SHOWN_AS_ZERO = frozenset(("anthropic", "google"))
"""Providers whose tokens and cost Helicone shows as 0."""


class Name(NamedTuple):
    """What a call is sent as.

    Args:
        provider: its canonical name.
        model: the model's name in that provider's table.
    """

    provider: str
    model: str


# Where a name comes from: a path of Vertex AI or of Google's own API, or a prefix of LiteLLM and OpenRouter.
_PREFIX = re.compile(r"^(?:(?:publishers/\w+/)?models/|(?:anthropic|google|gemini|vertex_ai)/)*")
_CLAUDE = re.compile(r"claude-(.+?)(?:-v\d+)?(?:[-@](?:latest|default|\d{8}))?")
_GEMINI = re.compile(r"(gemini-[\d.]+-(?:pro|flash|flash-lite))-0\d\d")
_GEMINI_PREVIEW = re.compile(r"(gemini-2\.5-(?:pro|flash-lite))-preview-[\d-]+")  # others had other prices

# The table of AWS matches parts of names, so these keep theirs.
_CLAUDE_OF_AWS = frozenset(("3-5-haiku", "3-5-sonnet", "opus-4", "opus-4-1", "sonnet-4", "sonnet-4-5", "sonnet-4-6"))
# The table of OpenRouter matches whole names, with a dot in their versions.
_CLAUDE_OF_OPENROUTER = {
    "3-haiku": "claude-3-haiku",
    "3-opus": "claude-3-opus",
    "3-7-sonnet": "claude-3.7-sonnet",
    "haiku-4-5": "claude-haiku-4.5",
    "opus-4-5": "claude-opus-4.5",
    "opus-4-6": "claude-opus-4.6",
}
_GEMINI_OF_OPENROUTER = {
    "gemini-2.0-flash": "gemini-2.0-flash-001",
    **{name: name for name in (
        "gemini-2.5-flash", "gemini-2.5-flash-lite", "gemini-2.5-flash-preview-09-2025", "gemini-2.5-pro",
        "gemini-3-flash-preview", "gemini-3-pro-preview", "gemini-3.1-pro-preview",
    )},
}  # fmt: skip
_MAX_MODEL = 200


def priced(model: str) -> Name:
    """Returns what a model of Anthropic or Google is sent as, so that its tokens show, and its cost where there is one.

    Args:
        model: its name, dated or not, as Anthropic, Google, Vertex AI, LiteLLM or OpenRouter spell it.

    Returns:
        A name whose price is known to be the nearest to the list price; provider `custom`, which keeps the tokens and
        has no prices, for any other model.
    """
    name = _PREFIX.sub("", model[:_MAX_MODEL].lower())
    return _priced_claude(name) or _priced_gemini(name) or Name("custom", model)


def _priced_claude(name: str) -> Name | None:
    spelled = name.replace(".", "-")
    found = _CLAUDE.fullmatch(spelled)
    family = found[1].removesuffix("-0") if found else ""
    if family in _CLAUDE_OF_AWS:
        return Name("aws", spelled)
    known = _CLAUDE_OF_OPENROUTER.get(family)
    return Name("openrouter", f"anthropic/{known}") if known else None


def _priced_gemini(name: str) -> Name | None:
    found = None if name in _GEMINI_OF_OPENROUTER else _GEMINI.fullmatch(name) or _GEMINI_PREVIEW.fullmatch(name)
    known = _GEMINI_OF_OPENROUTER.get(found[1] if found else name)
    return Name("openrouter", f"google/{known}") if known else None
