"""Reads requests: the keyword arguments or request object that went to an SDK, or its JSON."""

from __future__ import annotations

from typing import NamedTuple

from helicone_logging.llm import safe_get
from helicone_logging.llm.content import joined
from helicone_logging.llm.messages import Message, read_messages
from helicone_logging.llm.providers.common import Fields, known, name, parsed
from helicone_logging.llm.safe_get import first, get


class _Asked(NamedTuple):
    operation: str
    messages: list[Message]
    provider: str | None = None


# Google and Bedrock keep them in an object of their own.
_SETTINGS = ("config", "generation_config", "generationConfig", "inferenceConfig")
_PARAMETERS = {
    "max_tokens": ("max_completion_tokens", "max_tokens", "max_output_tokens", "maxOutputTokens", "maxTokens"),
    "temperature": ("temperature",),
    "top_p": ("top_p", "topP", "p"),
    "top_k": ("top_k", "topK", "k"),
    "frequency_penalty": ("frequency_penalty", "frequencyPenalty"),
    "presence_penalty": ("presence_penalty", "presencePenalty"),
    "seed": ("seed", "random_seed"),
}
# What only a request for embeddings, or only one of OpenAI's Responses, has beside `input`.
_EMBEDDING_OPTIONS = ("dimensions", "encoding_format", "input_type", "output_dimension", "output_dtype")
_RESPONSES_OPTIONS = ("instructions", "max_output_tokens", "previous_response_id", "tools", "reasoning", "text")


def read_request(request: object) -> Fields | None:
    """Returns what a request to a language model says, as `extra=` fields; it never raises.

    Args:
        request: the keyword arguments of a call, an SDK's request object, or their JSON text: OpenAI's Chat
            Completions, Responses, Completions and Embeddings, Anthropic's Messages, Google GenAI, Mistral, Cohere,
            Bedrock's Converse, LiteLLM, and whoever speaks one of these.

    Returns:
        Those that the request holds of `model`, `provider`, `operation`, `messages`, `max_tokens`, `temperature`,
        `top_p`, `top_k`, `frequency_penalty`, `presence_penalty` and `seed`. `provider` only where no other could be
        meant. None when it is no such request.
    """
    try:
        return _read(parsed(request))
    except Exception:  # noqa: BLE001 - any object may come in `extra=`, and none may raise into the application
        return None


def _read(request: object) -> Fields | None:
    if not safe_get.has_fields(request):
        return None
    asked = next((found for read in _READERS if (found := read(request)) is not None), None)
    if asked is None:
        return None
    return known(
        {
            "model": name(request, "model", "modelId"),
            "provider": asked.provider or name(request, "custom_llm_provider"),
            "operation": asked.operation,
            "messages": asked.messages or None,
            **_parameters(request),
        }
    )


def _parameters(request: object) -> Fields:
    sources = [request, *(get(request, key) for key in _SETTINGS)]
    return {parameter: _number(sources, names) for parameter, names in _PARAMETERS.items()}


def _number(sources: list[object], names: tuple[str, ...]) -> int | float | None:
    found = (safe_get.number(get(source, key)) for source in sources if source is not None for key in names)
    return next((value for value in found if value is not None), None)


def _bedrock(request: object) -> _Asked | None:
    messages = safe_get.items(get(request, "messages"))
    if messages is None or name(request, "modelId") is None:
        return None
    return _Asked("chat", _with_system(get(request, "system"), messages), "aws")


def _google(request: object) -> _Asked | None:
    contents = get(request, "contents")
    if contents is None or safe_get.number(contents) is not None:
        return None
    settings = get(request, "config")
    names = ("system_instruction", "systemInstruction")
    system = first(settings, *names) or first(request, *names)
    is_embedding = "embed" in (name(request, "model") or "")
    operation = "embeddings" if is_embedding else "generate_content"
    return _Asked(operation, _with_system(system, _one_message_of_parts(contents)), "google")


def _one_message_of_parts(contents: object) -> object:
    """Contents may also be the parts of a single one: texts, parts, files, pictures."""
    entries = safe_get.items(contents)
    if entries is None or any(get(entry, "parts") is not None for entry in entries):
        return contents
    return {"role": "user", "content": entries}


def _chat(request: object) -> _Asked | None:
    messages = safe_get.items(get(request, "messages"))
    if messages is None:
        return None
    return _Asked("chat", _with_system(get(request, "system"), messages))  # Anthropic has `system` beside them


def _responses_or_embeddings(request: object) -> _Asked | None:
    asked = get(request, "input")
    if asked is None or name(request, "model") is None:
        return _cohere_embeddings(request)
    if _asks_for_embeddings(request, asked):
        return _Asked("embeddings", _embedded(asked))
    return _Asked("responses", _with_system(get(request, "instructions"), asked))


def _cohere_embeddings(request: object) -> _Asked | None:
    texts = safe_get.items(get(request, "texts"))
    return None if texts is None else _Asked("embeddings", _embedded(texts))


def _asks_for_embeddings(request: object, asked: object) -> bool:
    entries = safe_get.items(asked)
    if entries is not None:  # that of a response is made of messages
        return not any(map(safe_get.has_fields, entries))
    if any(get(request, option) is not None for option in _RESPONSES_OPTIONS):
        return False
    is_embedding_model = "embed" in (name(request, "model") or "").lower()
    return is_embedding_model or any(get(request, option) is not None for option in _EMBEDDING_OPTIONS)


def _embedded(asked: object) -> list[Message]:
    """One message a text; of texts that are tokens already only how many."""
    entries = safe_get.items(asked)
    if entries is None:
        return read_messages(asked)
    if entries and all(type(entry) is int for entry in entries):
        return [_tokens(entries)]
    return [_embedded_entry(entry) for entry in entries]


def _embedded_entry(entry: object) -> Message:
    tokens = safe_get.items(entry)
    return Message("user", entry) if type(entry) is str else _tokens(tokens or [])


def _tokens(tokens: list[object]) -> Message:
    return Message("user", f"[{len(tokens):,} tokens]")


def _completion(request: object) -> _Asked | None:
    prompt = get(request, "prompt")
    texts = safe_get.items(prompt)
    if safe_get.text(prompt) is None and texts is None:
        return None
    return _Asked("text_completion", read_messages(prompt) if texts is None else _embedded(texts))


def _with_system(system: object, messages: object) -> list[Message]:
    """The system's instructions, which are text, parts or a message, as the first message."""
    instructions = joined(message.content for message in read_messages(system))
    return [*([Message("system", instructions)] if instructions else []), *read_messages(messages)]


_READERS = (_bedrock, _google, _chat, _responses_or_embeddings, _completion)
