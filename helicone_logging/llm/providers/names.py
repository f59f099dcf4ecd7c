"""The names of providers as Helicone's cost tables spell them.

OpenTelemetry's GenAI conventions, LiteLLM and the SDKs all have names of their own for the same providers. Under a
name that is in none of Helicone's tables a row keeps its tokens, but costs 0.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Mapping

# Helicone's public server source, packages/cost: providers/mappings.ts, and the registry of models (July 2026).
COST_TABLES = frozenset(
    (
        "ANTHROPIC", "AVIAN", "AWS", "AZURE", "BASETEN", "BEDROCK", "CANOPYWAVE", "CEREBRAS", "CHUTES", "COHERE",
        "DEEPINFRA", "DEEPSEEK", "FIREWORKS", "GOOGLE", "GROQ", "LLAMA", "MISTRAL", "NEBIUS", "NOVITA", "NVIDIA",
        "OPENAI", "OPENROUTER", "PERPLEXITY", "QSTASH", "TOGETHER", "VERCEL", "X",
    )
)  # fmt: skip
"""The providers for which Helicone knows costs, in upper case."""

# Other names of each, without their separators. From gen_ai.provider.name and gen_ai.system of OpenTelemetry's semantic
# conventions, custom_llm_provider of LiteLLM, LangChain's ls_provider and init_chat_model, OpenLLMetry, Pydantic AI,
# the Vercel AI SDK, and the names of the SDKs.
_OTHER_NAMES: Mapping[str, str] = {
    "openai": "chatgpt openaichat openaichatgpt openaicodex openairesponses textcompletionopenai",
    "anthropic": "anthropicmessages anthropictext claude",
    # Of Helicone's two tables for Bedrock; both count all tokens, and price the inference profiles of Claude.
    "aws": "amazon amazonbedrock amazonbedrockanthropic anthropicbedrock awsbedrock bedrock bedrockanthropic "
    "bedrockconverse bedrockmantle",
    "azure": "azaiinference azaiopenai azopenai azureai azureaiinference azureaiopenai azureopenai azuretext",
    "google": "anthropicvertex gcpgemini gcpgenai gcpvertexai gemini googleai googleaistudio googleanthropicvertex "
    "googlecloud googlegemini googlegenai googlegenerativeai googlegla googlevertex googlevertexai "
    "googlevertexanthropic vertex vertexai vertexaibeta vertexanthropic",
    "mistral": "codestral mistralai textcompletioncodestral",
    "cohere": "coherechat",
    "x": "grok xai",
    "together": "togetherai",
    "fireworks": "fireworksai",
    "perplexity": "perplexityai",
    "nvidia": "nvidiaaiendpoints nvidianim",
    "nebius": "nebiusai",
    "novita": "novitaai",
    "llama": "llamaapi metallama",
    "vercel": "vercelaigateway",
}
_ALIASES: Mapping[str, str] = {
    **{table.lower(): table.lower() for table in COST_TABLES if table != "BEDROCK"},
    **{other: provider for provider, others in _OTHER_NAMES.items() for other in others.split()},
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


def canonical(name: str) -> str:
    """Returns a provider's name in lower case, as Helicone's cost tables spell it.

    Args:
        name: as OpenTelemetry, LiteLLM, an SDK or the user spells it; one that no table knows stays what it is.
    """
    spelled = name.strip().lower()
    return _aliased(spelled) or _aliased(_KIND_OF_MODEL.sub("", spelled)) or spelled


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
    return by_name.get(name.strip().lower()) or by_name.get(canonical(name))


def conventional(name: str) -> str:
    """Returns a provider's name as OpenTelemetry's conventions for generative AI spell it.

    Args:
        name: as in `canonical`; one that nobody knows stays what it is, in lower case.
    """
    spelled = name.strip().lower()
    if spelled in _WELL_KNOWN:
        return spelled
    known = canonical(spelled)
    return _CONVENTIONAL.get(known, known)


def provider_of_model(model: str) -> str | None:
    """Returns the canonical name of the only provider that names a model so; None when there are several.

    Args:
        model: a model's name, with LiteLLM's routing prefix or without.
    """
    return _provider_of_model(model.strip()[:_MAX_MODEL])


@functools.lru_cache(256)
def _provider_of_model(name: str) -> str | None:
    route = route_of(name)
    if route:
        return canonical(route)
    match = prepared().match(name)
    return match.lastgroup if match else None


# LiteLLM's prefixes: `groq/` of `groq/llama-3.3-70b-versatile` names the provider, not the model. Streams come back
# without them, most whole answers with them. https://docs.litellm.ai/docs/providers
# Nobody else writes these before a slash.
_ROUTES = frozenset(
    (
        "anthropic_text", "azure", "azure_ai", "azure_text", "bedrock", "bedrock_converse", "bedrock_mantle",
        "codestral", "cohere_chat", "deepinfra", "fireworks_ai", "gemini", "groq", "meta_llama", "nebius", "novita",
        "nvidia_nim", "openrouter", "text-completion-codestral", "text-completion-openai", "together_ai",
        "vercel_ai_gateway", "vertex_ai", "vertex_ai_beta",
    )
)  # fmt: skip
# With the first of these OpenRouter, the Vercel AI Gateway and Hugging Face name the maker of a model that many serve,
# so they are prefixes only where the provider is known. The others are of providers without a cost table.
_ALSO_ROUTES = frozenset(
    (
        "anthropic", "baseten", "cerebras", "chutes", "cohere", "deepseek", "mistral", "openai", "perplexity", "xai",
        "custom_openai", "dashscope", "databricks", "github", "hosted_vllm", "litellm_proxy", "lm_studio", "moonshot",
        "ollama", "ollama_chat", "sambanova",
    )
)  # fmt: skip
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
    return route if slash and route in _ROUTES else None


def without_route(provider: str, model: str) -> str:
    """Returns a model's name without a prefix that says no more than who serves it.

    Args:
        provider: the canonical name of who serves it.
        model: the model's name, with such a prefix or without.
    """
    route, _, name = model.partition("/")
    route = route.strip().lower()
    is_route = route in _ROUTES or route in _ALSO_ROUTES
    if not name or not is_route or canonical(route) != provider or _OWN_NAME.fullmatch(model):
        return model
    return _API.sub("", name)
