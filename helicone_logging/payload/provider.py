"""Under which provider and model a call is sent: as Helicone's tables spell them, and so that its page shows it."""

from __future__ import annotations

import functools
import re
from collections.abc import Mapping
from typing import NamedTuple

from helicone_logging.core import notices
from helicone_logging.llm.providers import names
from helicone_logging.payload.fields import MODEL, PROPERTY, PROVIDER, SYSTEM
from helicone_logging.payload.span import Value

_ZEROS = "zeros"
_REMEMBERED = 512  # pairs of a provider and a model
_MAX_REMEMBERED = 400  # characters of both
_LLAMA = "Llama"  # Helicone looks for answers of models so called in the shape of Llama's own API; case counts
# Tables with hardly any price, and Azure's, which has none of these models: another spelling loses nothing.
_WITHOUT_PRICE_OF_LLAMA = frozenset(("aws", "azure", "cohere", "fireworks", "nebius"))
_OF_META = re.compile("meta-llama/", re.IGNORECASE)


# Providers whose tokens and cost Helicone shows as 0: it reads their tokens from where traces never have them.
_SHOWN_AS_ZERO = frozenset(("anthropic", "google"))


class Name(NamedTuple):
    """What a call is sent as.

    Args:
        provider: its canonical name.
        model: the model's name in that provider's table.
    """

    provider: str
    model: str


class ProviderNaming:
    """Names the provider and the model of calls.

    Args:
        overrides: the user's names for providers; they win over everything, also over what would show more.
        show_cost: True to send calls of Anthropic and Google as what shows their tokens and cost.
        is_for_helicone: False for spans that others read too: they have OpenTelemetry's name of the true provider
            beside Helicone's, and nobody is told what Helicone would show.
    """

    def __init__(self, overrides: Mapping[str, str], *, show_cost: bool, is_for_helicone: bool) -> None:
        names.prepared()
        self._is_for_helicone = is_for_helicone
        self._overrides = overrides
        self._show_cost = show_cost
        self._remembered = functools.lru_cache(_REMEMBERED)(self._written)

    def write(self, attributes: dict[str, Value]) -> None:
        """Writes the provider, and the model where another name shows more; then properties tell the true ones."""
        model, provider = attributes.get(MODEL), attributes.get(SYSTEM)
        if (model is None and provider is None) or (type(provider) is str and len(provider) > _MAX_REMEMBERED):
            return  # what is so long names nobody, and takes a second to be looked up
        given = None if provider is None else str(provider), None if model is None else str(model)
        is_short = len(given[0] or "") + len(given[1] or "") <= _MAX_REMEMBERED
        attributes.update((self._remembered if is_short else self._written)(*given))

    def _written(self, provider: str | None, model: str | None) -> dict[str, Value]:
        """What is written of a provider and a model, of which a process knows few."""
        if provider is None and model is not None:
            provider = names.provider_of_model(model)
        known = "" if provider is None else names.canonical(provider)
        chosen = None if provider is None else names.chosen(provider, self._overrides)
        written: dict[str, Value] = {}
        if chosen or known:
            written[SYSTEM] = chosen or known
            if not self._is_for_helicone:
                written[PROVIDER] = names.conventional(str(provider))
        if model is None or chosen is not None:
            return written
        true = Name(known, names.without_route(known, model))
        sent = self._shown(true)
        if sent.model != model:
            written[MODEL] = sent.model
        if sent != true:
            written[PROPERTY + "model"] = true.model
            if known:
                written[SYSTEM], written[PROPERTY + "provider"] = sent.provider, known
        return written

    def _shown(self, true: Name) -> Name:
        """What a call is sent as, so that nothing of its row is hidden without any gain."""
        provider, model = true
        if provider in _SHOWN_AS_ZERO:
            if self._show_cost:
                return _priced(model)
            if self._is_for_helicone:
                _warn_of_zeros(provider)
        elif provider == "llama":  # without answers, tokens and cost under its own name
            return Name("custom", model)
        elif _LLAMA in model and _hides_llama(provider, model):
            return Name(provider, model.lower())
        return true


def _hides_llama(provider: str, model: str) -> bool:
    """Whether an answer of a model so called is hidden, where no table has a price for it either."""
    is_priced = provider.upper() in names.COST_TABLES and provider not in _WITHOUT_PRICE_OF_LLAMA
    return not is_priced and provider != "custom" and "deepseek" not in model and not _OF_META.match(model)


def _warn_of_zeros(provider: str) -> None:
    notices.report_once(
        _ZEROS,
        f"Helicone will show 0 tokens and no cost of calls under the provider {provider!r}. "
        "Set show_cost=True to send them under names that it prices, or "
        f'provider_overrides={{"{provider}": "custom"}} for the tokens alone; '
        f'{{"{provider}": "{provider}"}} leaves it so. This is told once',
    )


# ---- The names under which Helicone shows tokens and a cost of models whose own provider shows neither ----
# Measured with the server's own code (July 2026): the cost of 1,000 + 500 tokens under every name that its tables know,
# of which the one nearest to the list price stands here; docs/providers.md has the figures.

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


def _priced(model: str) -> Name:
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
