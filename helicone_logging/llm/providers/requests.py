"""Reads requests: the keyword arguments or request object that went to an SDK, or its JSON."""

from __future__ import annotations

from helicone_logging.core.safe_vars import Vars, is_absent, safe_vars
from helicone_logging.llm import safe_get
from helicone_logging.llm.json_text import parsed
from helicone_logging.llm.providers import (
    audio,
    bedrock,
    cohere,
    detect,
    embeddings,
    google_genai,
    images,
    names,
    ollama,
    openai_chat,
    openai_responses,
    rerank_and_moderation,
)
from helicone_logging.llm.providers.common import Fields, inner, known, name

# Google, Bedrock and Ollama keep them in an object of their own.
_SETTINGS = (
    "config", "generation_config", "generationConfig", "inferenceConfig", "textGenerationConfig", "options",
)  # fmt: skip
_PARAMETERS = {
    "max_tokens": (
        "max_completion_tokens", "max_tokens", "max_output_tokens", "maxOutputTokens", "maxTokens", "num_predict",
        "max_gen_len", "max_tokens_to_sample", "maxTokenCount", "max_new_tokens",
    ),
    "temperature": ("temperature",),
    "top_p": ("top_p", "topP", "p"),
    "top_k": ("top_k", "topK", "k"),
    "frequency_penalty": ("frequency_penalty", "frequencyPenalty"),
    "presence_penalty": ("presence_penalty", "presencePenalty"),
    "seed": ("seed", "random_seed"),
}  # fmt: skip
_PARAMETER_OF = [(key, parameter) for parameter, names in _PARAMETERS.items() for key in names]

# In this order: whoever knows an unmistakable name before those whose names many have.
_READERS = (
    bedrock.read_request,
    google_genai.read_request,
    openai_chat.read_request,
    cohere.read_request_v1,
    rerank_and_moderation.read_rerank_request,
    audio.read_request,
    rerank_and_moderation.read_moderation_request,
    embeddings.read_request,
    openai_responses.read_request,
    images.read_request,
    ollama.read_request,
    openai_chat.read_completion_request,
    bedrock.read_titan_request,
)


def read_request(request: object) -> Fields | None:
    """Returns what a request to a language model says, as `extra=` fields; it never raises.

    Args:
        request: the keyword arguments of a call, an SDK's request object, or their JSON text, of the APIs that
            docs/providers.md lists, and whoever speaks one of these.

    Returns:
        Those that the request holds of `model`, `provider`, `operation`, `messages`, `max_tokens`, `temperature`,
        `top_p`, `top_k`, `frequency_penalty`, `presence_penalty` and `seed`. `provider` only where no other could be
        meant. Of an unknown request that names a `model` that one, and the request itself as `llm_request`. None
        when it is no such request.
    """
    try:
        fields = safe_vars(parsed(request))
        return _read(fields, request) if fields else None
    except Exception:  # noqa: BLE001 - any object may come in `extra=`, and none may raise into the application
        return None


def _read(fields: Vars, request: object) -> Fields | None:
    fields = bedrock.unwrapped({key: value for key, value in fields.items() if not is_absent(type(value))})
    model = name(fields, "model", "modelId", "model_id")
    host = "aws" if "modelId" in fields else None
    for read in _READERS:
        found = read(fields)
        if found is not None:
            told = {"model": model, "provider": host or found.provider or _named(fields), "operation": found.operation}
            return known({**told, "messages": found.messages or None, **_parameters(fields)})
    return known({"model": model, "provider": host or _named(fields), "llm_request": request}) if model else None


def _named(fields: Vars) -> str | None:
    """The provider that LiteLLM is told, or whose URL a call goes to; the answer's model may tell less."""
    if name(fields, "azure_endpoint", "azure_deployment"):
        return "azure"
    url = name(fields, "base_url", "api_base")
    by_url = detect.provider_of_url(url) if url else None
    return name(fields, "custom_llm_provider") or by_url or names.route_of(name(fields, "model") or "")


def _parameters(fields: Vars) -> Fields:
    found: Fields = {}
    for source in filter(None, (fields, *(inner(fields, key) for key in _SETTINGS))):
        for key, parameter in _PARAMETER_OF:
            if key in source and parameter not in found and (number := safe_get.number(source.get(key))) is not None:
                found[parameter] = number
    return found
