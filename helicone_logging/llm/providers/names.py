"""The names of providers as Helicone's cost tables spell them.

OpenTelemetry's GenAI conventions, LiteLLM and the SDKs all have names of their own for the same providers. Under a
name that is in none of Helicone's tables a row keeps its tokens, but costs 0.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Mapping

from helicone_logging.llm.providers import routes

# Helicone's public server source, packages/cost: providers/mappings.ts, and the registry of models (July 2026).
COST_TABLES = frozenset(
    (
        "ANTHROPIC", "AVIAN", "AWS", "AZURE", "BASETEN", "BEDROCK", "CANOPYWAVE", "CEREBRAS", "CHUTES", "COHERE",
        "DEEPINFRA", "DEEPSEEK", "FIREWORKS", "GOOGLE", "GROQ", "LLAMA", "MISTRAL", "NEBIUS", "NOVITA", "NVIDIA",
        "OPENAI", "OPENROUTER", "PERPLEXITY", "QSTASH", "TOGETHER", "VERCEL", "X",
    )
)  # fmt: skip
"""The providers for which Helicone knows costs, in upper case."""

# Of names without their separators. From gen_ai.provider.name and gen_ai.system of OpenTelemetry's semantic
# conventions, custom_llm_provider of LiteLLM, LangChain's ls_provider and init_chat_model, OpenLLMetry, Pydantic AI,
# the Vercel AI SDK, and the names of the SDKs.
_ALIASES: Mapping[str, str] = {
    "openaichat": "openai",
    "openairesponses": "openai",
    "textcompletionopenai": "openai",
    "chatgpt": "openai",
    "openaichatgpt": "openai",
    "openaicodex": "openai",
    "anthropictext": "anthropic",
    "anthropicmessages": "anthropic",
    "claude": "anthropic",
    # Of Helicone's two tables for Bedrock; both count all tokens, and price the inference profiles of Claude.
    "bedrock": "aws",
    "bedrockconverse": "aws",
    "awsbedrock": "aws",
    "bedrockmantle": "aws",
    "bedrockanthropic": "aws",
    "amazonbedrockanthropic": "aws",
    "anthropicbedrock": "aws",
    "amazon": "aws",
    "amazonbedrock": "aws",
    "azopenai": "azure",
    "azaiopenai": "azure",
    "azaiinference": "azure",
    "azureai": "azure",
    "azureaiopenai": "azure",
    "azureaiinference": "azure",
    "azureopenai": "azure",
    "azuretext": "azure",
    "gemini": "google",
    "gcpgemini": "google",
    "gcpgenai": "google",
    "gcpvertexai": "google",
    "googleai": "google",
    "googleaistudio": "google",
    "googleanthropicvertex": "google",
    "googlecloud": "google",
    "googlegemini": "google",
    "googlegenai": "google",
    "googlegenerativeai": "google",
    "googlegla": "google",
    "googlevertex": "google",
    "googlevertexai": "google",
    "googlevertexanthropic": "google",
    "vertex": "google",
    "vertexanthropic": "google",
    "anthropicvertex": "google",
    "vertexai": "google",
    "vertexaibeta": "google",
    "mistralai": "mistral",
    "codestral": "mistral",
    "textcompletioncodestral": "mistral",
    "coherechat": "cohere",
    "xai": "x",
    "grok": "x",
    "togetherai": "together",
    "fireworksai": "fireworks",
    "perplexityai": "perplexity",
    "nvidianim": "nvidia",
    "nvidiaaiendpoints": "nvidia",
    "nebiusai": "nebius",
    "novitaai": "novita",
    "metallama": "llama",
    "llamaapi": "llama",
    "vercelaigateway": "vercel",
    **{table.lower(): table.lower() for table in COST_TABLES if table != "BEDROCK"},
}
# What frameworks write for the provider, who is another: of names without their separators.
_FRAMEWORKS = frozenset(
    (
        "agno", "autogen", "beeai", "crewai", "dspy", "gcpvertexagent", "haystack", "langchain", "langgraph",
        "llamaindex", "microsoftagentframework", "pydanticai", "semantickernel", "smolagents", "strands",
        "strandsagents",
    )
)  # fmt: skip
# What the values of `gen_ai.provider.name` are, where that is not the name in Helicone's tables.
# https://opentelemetry.io/docs/specs/semconv/registry/attributes/gen-ai/#gen-ai-provider-name
_CONVENTIONAL: Mapping[str, str] = {
    "aws": "aws.bedrock",
    "azure": "azure.ai.openai",
    "google": "gcp.gemini",
    "mistral": "mistral_ai",
    "x": "x_ai",
}
_WELL_KNOWN = frozenset(("azure.ai.inference", "gcp.gen_ai", "gcp.vertex_ai", *_CONVENTIONAL.values()))
_SEPARATORS = re.compile(r"[\s._\-/]+")
# What the Vercel AI SDK puts behind a provider's name: `xai.chat`, `vertex.anthropic.messages`.
_KIND_OF_MODEL = re.compile(
    r"[\s._\-/](?:chat|completion|embedding|embeddings|image|messages|responses|speech|textembedding|transcription)$"
)

# Names that only one provider gives to its models. Open models, which many serve, are not among them; a colon is
# the mark of Ollama's tags, an @ of Vertex AI's versions.
_MODEL = r"""
      (?P<aws> arn:aws[\w-]*:bedrock:
        | (?: [a-z]{2}(?:-gov)?\. | apac\. | global\. )?
          (?: ai21 | amazon | anthropic | cohere | deepseek | meta | mistral | openai | qwen | stability | writer )
          \.[a-z])
    | (?P<openai> (?:ft:)? (?: gpt-(?!oss|j\b|neo) | chatgpt- | o[1-9](?:-|$) | davinci-002 | babbage-002 )
        | text-embedding-(?:3|ada) | text-davinci | dall-e- | whisper-1 | tts-1 | omni-moderation | codex-mini
        | computer-use-preview)
    | (?P<anthropic> claude-[^@]*$)
    | (?P<google> (?: models/ | publishers/google/models/ )? gemini-
        | (?: publishers/anthropic/models/ )? claude-[\w.-]+@(?: \d{8} | default | latest )$)
    | (?P<mistral> ft:(?: open-mistral | mistral | ministral | codestral )-
        | (?: mistral-(?:tiny|small|medium|large|embed|ocr|moderation) | ministral- | codestral- | magistral-
            | pixtral- | devstral- | voxtral- | open-mi[sx]tral- )[^:]*$)
    | (?P<cohere> (?: command(?=-|$) | c4ai- | embed-english- | embed-multilingual- | embed-v
        | rerank-(?: v\d | english | multilingual ) )[^:]*$)
    | (?P<deepseek> deepseek-(?: chat | reasoner | coder | (?-i:v4-(?:flash|pro)) )(?!.*distill)[^:]*$)
    | (?P<x> grok-)
    | (?P<perplexity> sonar(?:-|$))
    | (?P<fireworks> accounts/fireworks/)
    | (?P<openrouter> openrouter/)
    """
_MAX_MODEL = 200


@functools.cache
def prepared() -> re.Pattern[str]:
    """Returns the pattern of the models' names; compiled once, by whoever builds spans, as that takes 2 ms."""
    return re.compile(_MODEL, re.IGNORECASE | re.ASCII | re.VERBOSE)


def canonical(name: str, overrides: Mapping[str, str]) -> str:
    """Returns a provider's name in lower case, as Helicone's cost tables spell it.

    Args:
        name: as OpenTelemetry, LiteLLM, an SDK or the user spells it; one that no table knows stays what it is.
        overrides: as in `chosen`; they win over everything.
    """
    spelled = name.strip().lower()
    return chosen(name, overrides) or _aliased(spelled) or _aliased(_KIND_OF_MODEL.sub("", spelled)) or spelled


def _aliased(spelled: str) -> str | None:
    return _ALIASES.get(_SEPARATORS.sub("", spelled))


def is_framework(name: object) -> bool:
    """Returns whether a provider's name is that of a framework, which asks somebody else's models."""
    return isinstance(name, str) and _SEPARATORS.sub("", name.strip().lower()) in _FRAMEWORKS


def chosen(name: str, overrides: Mapping[str, str]) -> str | None:
    """Returns the name that the user chose for a provider, in lower case; None where they chose none.

    Args:
        name: as in `canonical`.
        overrides: the user's names for providers, by name or canonical name in any case.
    """
    if not overrides:
        return None
    by_name = {key.strip().lower(): value.strip().lower() for key, value in overrides.items()}
    return by_name.get(name.strip().lower()) or by_name.get(canonical(name, {}))


def conventional(name: str) -> str:
    """Returns a provider's name as OpenTelemetry's conventions for generative AI spell it.

    Args:
        name: as in `canonical`; one that nobody knows stays what it is, in lower case.
    """
    spelled = name.strip().lower()
    if spelled in _WELL_KNOWN:
        return spelled
    known = canonical(spelled, {})
    return _CONVENTIONAL.get(known, known)


def provider_of_model(model: str) -> str | None:
    """Returns the canonical name of the only provider that names a model so; None when there are several.

    Args:
        model: a model's name, with LiteLLM's routing prefix or without.
    """
    return _provider_of_model(model.strip()[:_MAX_MODEL])


@functools.lru_cache(256)
def _provider_of_model(name: str) -> str | None:
    match = prepared().match(name)
    return routes.provider_of(name) or (match.lastgroup if match else None)
