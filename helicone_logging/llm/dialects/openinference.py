"""OpenInference's dialect, in which Arize's instrumentations speak: `llm.input_messages.0.message.role`.

https://github.com/Arize-ai/openinference/blob/main/spec/semantic_conventions.md
"""

from __future__ import annotations

from typing import Any

from helicone_logging.llm.dialects.common import (
    Fields,
    add_properties,
    content_of,
    put,
    put_step,
    take_list,
    take_named,
)
from helicone_logging.llm.dialects.spans import Attributes, Events, Kind
from helicone_logging.llm.json_text import parsed
from helicone_logging.llm.placeholders import embeddings

_KIND = "openinference.span.kind"
_MARKS = ("llm.", "openinference.", "input.", "output.", "embedding.", "retrieval.", "reranker.", "tool.", "session.")
_NAMES = {
    **dict.fromkeys(
        ("llm.response.model_name", "llm.model_name", "embedding.model_name", "reranker.model_name"), "model"
    ),
    "llm.request.model_name": "gen_ai.request.model",
    **dict.fromkeys(("llm.provider", "llm.system"), "provider"),
    "llm.token_count.prompt": "prompt_tokens",
    "llm.token_count.completion": "completion_tokens",
    "llm.token_count.total": "total_tokens",
    "llm.token_count.prompt_details.cache_read": "gen_ai.usage.cache_read.input_tokens",
    "llm.token_count.prompt_details.cache_write": "gen_ai.usage.cache_creation.input_tokens",
    "llm.token_count.completion_details.reasoning": "gen_ai.usage.reasoning.output_tokens",
    "llm.finish_reason": "finish_reason",
    "session.id": "session_id",
    "user.id": "user_id",
    "tool.name": "tool_name",
    "agent.name": "gen_ai.agent.name",
    "prompt.id": "prompt_id",
}
_SETTINGS = ("temperature", "top_p", "top_k", "frequency_penalty", "presence_penalty", "seed", "max_tokens")
_PARAMETERS = {name: name for name in _SETTINGS} | {
    "max_completion_tokens": "max_tokens",
    "model": "gen_ai.request.model",
}
_TOKENS = ("prompt_tokens", "completion_tokens")
_INVOCATION = ("llm.invocation_parameters", "embedding.invocation_parameters")
_ROLES = {"tool-call": "assistant", "tool-response": "tool", "model": "assistant"}  # smolagents', and Google's
_SAID = (_KIND, "input.mime_type", "output.mime_type")


def read(attributes: Attributes, _: Events, kind: Kind, fields: Fields) -> None:
    """Reads what a span says in this dialect, as every `reading.Dialect` does."""
    if not any(name.startswith(_MARKS) for name in attributes):
        return
    take_named(attributes, _NAMES, fields)
    for name in _INVOCATION:
        _read_parameters(parsed(attributes.pop(name, None)), fields)
    add_properties(fields, _properties(attributes))
    if kind in ("model", "embedding"):
        _read_usage(attributes.get("output.value"), fields)
    _read_messages(attributes, fields)
    _read_documents(attributes, kind, fields)
    asked, answered = attributes.pop("input.value", None), attributes.pop("output.value", None)
    asked = attributes.get("reranker.query", asked)  # which is a whole request else
    put_step(fields, kind, asked, answered)
    for name in _SAID:
        attributes.pop(name, None)


def _read_usage(answered: object, fields: Fields) -> None:
    """The tokens that the whole answer tells, where no attribute does, as with embeddings of Haystack."""
    if any(name in fields for name in _TOKENS) or not isinstance(answered, str) or '"usage"' not in answered:
        return
    told = parsed(answered)
    holders = [told, *(told.get(name) for name in ("meta", "data"))] if isinstance(told, dict) else []
    usage = next((_within(holder, "usage") for holder in holders if _within(holder, "usage")), {})
    for name in _TOKENS:
        if type(usage.get(name)) is int:
            fields[name] = usage[name]


def _read_parameters(parameters: object, fields: Fields) -> None:
    if not isinstance(parameters, dict):
        return
    for name, field in _PARAMETERS.items():
        put(fields, field, parameters.get(name))
    if isinstance(parameters.get("user"), str):
        fields.setdefault("user_id", parameters["user"])


def _properties(attributes: Attributes) -> dict[str, object]:
    found: dict[str, object] = {}
    if "metadata" in attributes:
        metadata = attributes.pop("metadata")
        told = parsed(metadata)
        found.update(told if isinstance(told, dict) else {"metadata": metadata})
    tags = attributes.pop("tag.tags", None)
    if tags:
        found["tags"] = ", ".join(map(str, tags)) if isinstance(tags, list | tuple) else tags
    return found


def _read_messages(attributes: Attributes, fields: Fields) -> None:
    for prefix, field in (("llm.input_messages.", "messages"), ("llm.output_messages.", "completion")):
        put(fields, field, [_message(entry) for entry in take_list(attributes, prefix)])
    for prefix, within, field in (("llm.prompts.", "prompt", "messages"), ("llm.choices.", "completion", "completion")):
        texts = [_within(entry, within).get("text") for entry in take_list(attributes, prefix)]
        put(fields, field, [text for text in texts if text is not None])


def _within(entry: Any, name: str) -> Attributes:
    """What stands in an entry under the name that it has in every list: `0.message.role`."""
    within = entry.get(name) if isinstance(entry, dict) else None
    return within if isinstance(within, dict) else {}


def _message(entry: Any) -> dict[str, Any]:
    message = dict(_within(entry, "message"))
    parts = message.pop("contents", None)
    calls = message.pop("tool_calls", None)
    if isinstance(calls, list):
        message["tool_calls"] = [_within(call, "tool_call") for call in calls]
    if isinstance(parts, list):
        # Of a call that is both a part and one of the list, the list is shown.
        message["content"] = [part for each in parts if (part := _part(each, has_calls=isinstance(calls, list)))]
    else:
        message["content"] = content_of(message.get("content"))
    message["role"] = _ROLES.get(message.get("role") or "", message.get("role"))
    _read_results(entry, message)
    name, arguments = message.pop("function_call_name", None), message.pop("function_call_arguments_json", None)
    if name:
        message["function_call"] = {"name": name, "arguments": arguments}
    return message


def _read_results(entry: Any, message: dict[str, Any]) -> None:
    """The results of tools that the instrumentation of AutoGen has beside the message."""
    results = entry.get("function") if isinstance(entry, dict) else None
    told = [parsed(each) for each in results] if isinstance(results, list) else []
    parts = [{"type": "tool_result", **each} for each in told if isinstance(each, dict)]
    if parts and not message.get("content"):
        message["content"] = parts


def _part(entry: Any, *, has_calls: bool) -> Any:
    if not isinstance(entry, dict):
        return entry
    content = _within(entry, "message_content")
    if isinstance(content.get("image"), dict):
        url = _within(content["image"], "image").get("url")
        return {"type": "image_url", "image_url": {"url": url}}
    if content.get("type") == "tool_use" or "tool_call" in entry:
        call = _within(entry, "tool_call")
        return None if has_calls else {"type": "tool_call", **_within(call, "function"), "id": call.get("id")}
    return content or None


def _read_documents(attributes: Attributes, kind: Kind, fields: Fields) -> None:
    """What was found or sorted, and what was embedded: how many vectors, never the vectors."""
    documents: list[Any] = []
    for prefix in ("retrieval.documents.", "reranker.output_documents."):
        documents += [_within(entry, "document") for entry in take_list(attributes, prefix)]
    take_list(attributes, "reranker.input_documents.")
    put(fields, "gen_ai.retrieval.documents", [_document(document) for document in documents])
    embedded = [_within(entry, "embedding") for entry in take_list(attributes, "embedding.embeddings.")]
    put(fields, "messages", [entry["text"] for entry in embedded if "text" in entry])
    if kind == "embedding" and embedded:
        attributes.pop("output.value", None)
        fields.setdefault("completion", embeddings(len(embedded), embedded[0].get("vector")))


def _document(document: Attributes) -> Attributes:
    return {name: parsed(value) if name == "metadata" else value for name, value in document.items()}
