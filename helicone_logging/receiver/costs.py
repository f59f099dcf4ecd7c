"""What Helicone's server makes of tokens and cost, by provider and model.

Source: Helicone's public server, `packages/cost` (the registry of models, which is asked first, and the older tables
by provider) and `ResponseBodyHandler.ts` (July 2026), tried with 1,000 + 500 tokens as this endpoint stores them. To
renew the list, go through the sets of names and `_RULES`; the first rule that applies decides.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import NamedTuple

from helicone_logging.core.findings import INFO, WARNING

COST_TABLES = frozenset((
    "OPENAI", "ANTHROPIC", "AZURE", "LLAMA", "NVIDIA", "NEBIUS", "X", "TOGETHER", "FIREWORKS", "PERPLEXITY", "GOOGLE",
    "OPENROUTER", "GROQ", "COHERE", "MISTRAL", "AWS", "BEDROCK", "DEEPSEEK", "AVIAN", "NOVITA", "VERCEL", "QSTASH",
    "CEREBRAS", "DEEPINFRA", "BASETEN", "CHUTES", "CANOPYWAVE",
))  # fmt: skip
"""Providers whose cost Helicone knows, as its server spells them; the last five by its registry."""

READS_OTHER_TOKENS = frozenset({"ANTHROPIC", "GOOGLE", "LLAMA"})
"""Providers whose rows read tokens from where this endpoint never writes them."""

# What OpenTelemetry and the SDKs call providers that have a cost table under another name.
_SPELLINGS = {
    "XAI": "x",
    "X_AI": "x",
    "MISTRAL_AI": "mistral",
    "AWS.BEDROCK": "aws",
    "GCP.GEMINI": "google",
    "GCP.VERTEX_AI": "google",
    "GCP.GEN_AI": "google",
    "AZ.AI.OPENAI": "azure",
    "AZ.AI.INFERENCE": "azure",
    "AZURE.AI.OPENAI": "azure",
    "AZURE.AI.INFERENCE": "azure",
}
# Tables that hold prices of hardly any model.
_NEARLY_EMPTY = frozenset({"NVIDIA", "COHERE", "NEBIUS", "FIREWORKS", "AWS"})
_PRICED_THERE = frozenset({"cohere/command-r"})
# Ids of the registry: it prices what its own gateway writes, so of these rows only a part or nothing.
_REGISTRY_BEDROCK = re.compile(
    r"anthropic\.claude-(3-haiku|3-5-haiku|3-5-sonnet-20241022|3-7-sonnet|(opus|sonnet|haiku)-[45])"
)
_REGISTRY_X = frozenset((
    "grok-3", "grok-3-mini", "grok-4", "grok-4-fast-reasoning", "grok-4-fast-non-reasoning", "grok-4-1-fast-reasoning",
    "grok-4-1-fast-non-reasoning", "grok-code-fast-1",
))  # fmt: skip
_DASHED_VERSION = re.compile(r"anthropic/claude-(?:\w+-)?\d-\d(?:-\w+)*")
# Prices by a thousand tokens that are multiplied with tokens.
_THOUSANDFOLD = frozenset((
    "mistral-large", "mistral-large-latest", "mixtral-8x22b", "mixtral-8x22b-instruct", "mistral-medium-3",
    "magistral-medium", "codestral", "devstral-medium", "mistral-saba", "pixtral-large", "mistral-small-3.2",
))  # fmt: skip


class CostNote(NamedTuple):
    """Why the cost of a call is none or off.

    Args:
        code: the kind, as `lint` calls it.
        severity: as of a finding; empty where it is as it was asked for.
        is_none: whether the cost is 0.
        why: in plain words.
        remedy: what to set instead.
    """

    code: str
    severity: str
    is_none: bool
    why: str
    remedy: str


_Rule = Callable[[str, str], CostNote | None]


def cost_note(provider: str, model: str) -> CostNote | None:
    """Returns why the cost of a model's call is none or off, None where it is as in the price list.

    Args:
        provider: in capitals; empty for none.
        model: as it was sent.
    """
    for rule in _RULES:
        note = rule(provider, model)
        if note is not None:
            return note
    return None


def _provider(provider: str, _model: str) -> CostNote | None:
    if not provider:
        return CostNote("no-provider", WARNING, True, "a model without a provider has no cost", "provider")
    if provider == "CUSTOM":
        return CostNote("custom", "", True, "provider CUSTOM keeps the tokens and has no prices", "provider")
    if provider not in COST_TABLES:
        hint = f"; Helicone calls it `{_SPELLINGS[provider]}`" if provider in _SPELLINGS else ""
        why = f"Helicone has no cost table for provider {provider}, so the cost is 0{hint}"
        return CostNote("unknown-provider", WARNING, True, why, "provider")
    return None


def _other_tokens(provider: str, _model: str) -> CostNote | None:
    if provider not in READS_OTHER_TOKENS:
        return None
    name = provider.lower()
    remedy = f'provider_overrides={{"{name}": "custom"}} for the tokens'
    if name != "llama":
        remedy = f"show_cost=True for tokens and cost, or {remedy} alone"
    return CostNote("tokens-read-zero", WARNING, True, f"tokens and cost read 0 under provider {provider}", remedy)


def _bedrock(provider: str, model: str) -> CostNote | None:
    if provider not in ("AWS", "BEDROCK"):
        return None
    if _REGISTRY_BEDROCK.match(model):
        why = f"{model} costs 0 under provider {provider}, as the registry knows it without its tokens"
        return CostNote("no-cost", WARNING, True, why, f'the inference profile, model="us.{model}"')
    if "haiku-4-5" in model:
        why = f"{model} has no price under provider {provider}"
        return CostNote("no-cost", WARNING, True, why, 'provider="openrouter", model="anthropic/claude-haiku-4.5"')
    if provider == "AWS" and re.search("claude-opus-4-[56]", model):
        why = f"{model} is priced as Opus 4 under provider AWS, three times too high"
        other = "4.5" if "4-5" in model else "4.6"
        return CostNote(
            "wrong-cost", WARNING, False, why, f'provider="openrouter", model="anthropic/claude-opus-{other}"'
        )
    if model.startswith("amazon.nova") and model.endswith(":0"):
        why = f"{model} costs 0 under provider {provider}, whose table spells its colon %3A"
        return CostNote("no-cost", WARNING, True, why, f'provider="bedrock", model="{model[:-2]}%3A0"')
    return None


def _registry(provider: str, model: str) -> CostNote | None:
    if provider == "X" and model in _REGISTRY_X:
        remedy = 'model="grok-4-0709"' if model == "grok-4" else "the dated name of the model, where there is one"
        return _undercounted(provider, model, remedy)
    if provider == "DEEPSEEK":
        return _undercounted(provider, model, 'provider_overrides={"deepseek": "openrouter"}')
    if provider == "OPENAI" and model == "o3":
        return CostNote("no-cost", WARNING, True, "o3 costs 0 under this name", 'model="o3-2025-04-16"')
    if provider == "MISTRAL" and model in _THOUSANDFOLD:
        why = f"Helicone's price of {model} is a thousand times too high"
        return CostNote("wrong-cost", WARNING, False, why, 'provider_overrides={"mistral": "custom"} to have no cost')
    return None


def _undercounted(provider: str, model: str, remedy: str) -> CostNote:
    why = f"the input of {model or 'any model'} costs 0 under provider {provider}, so the cost is too low"
    return CostNote("undercounted-input", INFO, False, why, remedy)


def _openrouter(provider: str, model: str) -> CostNote | None:
    """Its table matches whole names, which have a dot in their versions."""
    if provider != "OPENROUTER":
        return None
    if _DASHED_VERSION.fullmatch(model):
        dotted = re.sub(r"(\d)-(\d)", r"\1.\2", model, count=1)
        why = f"{model} is in no table of provider OPENROUTER, which knows versions with a dot"
        return CostNote("no-cost", WARNING, True, why, f'model="{dotted}", or show_cost=True')
    if model == "google/gemini-2.5-pro":
        why = f"the price of {model} under provider OPENROUTER is 1.7 times Google's own"
        return CostNote("wrong-cost", INFO, False, why, 'provider_overrides={"google": "custom"} to have no cost')
    return None


def _few_prices(provider: str, model: str) -> CostNote | None:
    if provider not in _NEARLY_EMPTY or model in _PRICED_THERE or (provider == "AWS" and "claude" in model):
        return None
    why = f"Helicone's table of {provider} has prices of hardly any model, so the cost is most likely 0"
    return CostNote("few-prices", INFO, True, why, "provider")


_RULES: tuple[_Rule, ...] = (_provider, _other_tokens, _bedrock, _registry, _openrouter, _few_prices)
