"""Amazon Bedrock: Converse and ConverseStream, and `invoke_model`.

The body of that is JSON text in the words of each family of models; those that Bedrock alone speaks are read here.
"""

from __future__ import annotations

import io
from collections.abc import Sequence

from helicone_logging.core.safe_vars import EMPTY, Vars, safe_vars
from helicone_logging.llm import safe_get
from helicone_logging.llm.json_text import parsed
from helicone_logging.llm.messages import Choice, read_choices, read_messages
from helicone_logging.llm.providers.anthropic_messages import Block
from helicone_logging.llm.providers.common import (
    Fields,
    Request,
    answer,
    entries,
    first_count,
    first_name,
    inner,
    known,
    name,
    tokens,
    with_error,
    with_system,
)


def read_request(request: Vars) -> Request | None:
    """Returns what a request to converse asks for; None when it is none."""
    if name(request, "modelId") is None:
        return None
    messages = safe_get.items(request.get("messages"))
    return None if messages is None else Request("chat", with_system(request.get("system"), messages), "aws")


def read(response: Vars) -> Fields | None:
    """Returns the fields of a response of Converse, or of a model that answers so; None when it is none of these."""
    message = inner(inner(response, "output"), "message")
    if safe_get.items(message.get("content")) is None:
        return None
    role, said = read_messages(message, "assistant")[0]
    told = {
        "model": name(inner(inner(response, "trace"), "promptRouter"), "invokedModelId"),
        "response_id": name(inner(response, "ResponseMetadata"), "RequestId"),
        **usage_of(inner(response, "usage")),
    }
    return answer("chat", [Choice(role, said, name(response, "stopReason"))], told, provider="aws")


def usage_of(usage: Vars) -> Fields:
    """Returns the token fields of a usage.

    As with Anthropic: what the cache holds was part of the prompt, but `inputTokens` leaves it out.

    Converse says `cacheReadInputTokens`, and `cacheReadInputTokenCount` those that invoke Nova.
    """
    cached = first_count(usage, "cacheReadInputTokens", "cacheReadInputTokenCount")
    written = first_count(usage, "cacheWriteInputTokens", "cacheWriteInputTokenCount")
    asked = {"new": usage.get("inputTokens"), "cached": cached, "written": written}
    return {
        "prompt_tokens": tokens(asked, *asked),
        "completion_tokens": tokens(usage, "outputTokens"),
        "cached_tokens": cached,
    }


def join(events: Sequence[Vars]) -> Fields | None:
    """Returns the fields of the response whose stream had these events; None when they are no such events."""
    if not any(safe_vars(event.get("messageStart")) for event in events):
        return None
    blocks: dict[object, Block] = {}
    reason, usage, error = None, EMPTY, None
    for event in events:
        block = inner(event, "contentBlockStart", "contentBlockDelta")
        if block:
            start, delta = inner(inner(block, "start"), "toolUse"), _as_of_anthropic(inner(block, "delta"))
            kind = "tool_use" if start or delta.get("partial_json") else "thinking" if delta.get("thinking") else "text"
            index = safe_get.number(block.get("contentBlockIndex"))
            blocks.setdefault(index, Block({**start, "type": kind})).add(delta)
        reason = name(inner(event, "messageStop"), "stopReason") or reason
        usage = inner(inner(event, "metadata"), "usage") or usage
        error = error_of(event) or error
    message = {"role": "assistant", "content": [block.whole() for block in blocks.values()]}
    fields = read({"output": {"message": message}, "stopReason": reason, "usage": usage})
    return fields and with_error(fields, error)


def _as_of_anthropic(delta: Vars) -> Vars:
    thought, given = inner(delta, "reasoningContent"), inner(delta, "toolUse")
    said = {"text": delta.get("text"), "thinking": thought.get("text"), "partial_json": given.get("input")}
    return {**said, "citation": delta.get("citation")}


def error_of(event: Vars) -> Vars | None:
    """Returns the exception with which a stream of Bedrock ends, such as `throttlingException`."""
    for key, value in event.items():
        if key.endswith("Exception") and (found := safe_vars(value)):
            return {"code": key, **found}
    return None


# ---- invoke_model ----

_METRICS = "amazon-bedrock-invocationMetrics"
_HEADER = "x-amzn-bedrock-"
_PROMPT = ("prompt_token_count", "inputTextTokenCount", "inputTokenCount")
_COMPLETION = ("generation_token_count", "tokenCount", "totalOutputTextTokenCount", "outputTokenCount")
_REASONS = ("stop_reason", "completionReason", "finish_reason", "stopReason")


def unwrapped(request: Vars) -> Vars:
    """Returns a request of `invoke_model` with what its body says; any other request as it is."""
    if "modelId" not in request or request.get("body") is None:
        return request
    body = safe_vars(_content(request["body"]))
    return request if body is None else {**body, "modelId": request["modelId"]}


def read_titan_request(request: Vars) -> Request | None:
    """Returns what a request to Titan asks for; None when it is none of these."""
    text = name(request, "inputText")
    if text is None:
        return None
    is_embedding = "embed" in (name(request, "modelId") or "")
    return Request("embeddings" if is_embedding else "text_completion", read_messages(text), "aws")


def read_body(response: Vars) -> Fields | None:
    """Returns the fields of a body of Titan, Llama, Mistral, Cohere, or Claude's text completions; None of others."""
    choices = _choices(response)
    if not choices:
        return None
    result = (entries(response, "results") or [EMPTY])[0]
    told = {
        "prompt_tokens": first_count(response, *_PROMPT),
        "completion_tokens": first_count(response, *_COMPLETION) or first_count(result, *_COMPLETION),
    }
    return answer("text_completion", choices, told, response, None if "completion" in response else "aws")


def _choices(response: Vars) -> list[Choice]:
    for key in ("outputText", "generation", "completion"):  # of Titan's stream, Llama, Claude
        text = safe_get.text(response.get(key))
        if text is not None and any(reason in response for reason in _REASONS):
            return [Choice("assistant", text, name(response, *_REASONS))]
    found = [
        Choice("assistant", text, name(entry, *_REASONS))
        for key, text_key in (("results", "outputText"), ("outputs", "text"), ("generations", "text"))
        for entry in entries(response, key)
        if (text := safe_get.text(entry.get(text_key))) is not None
    ]
    return read_choices(found)


def carried(response: Vars) -> tuple[object, Fields] | None:
    """Returns the body of what boto3 returned, and the fields that are in its headers; None when it is no such thing.

    A stream of a body is left alone; once the application has read it, it may put the text in its place.
    """
    if "body" not in response or "ResponseMetadata" not in response:
        return None
    metadata = inner(response, "ResponseMetadata")
    headers = inner(metadata, "HTTPHeaders")
    told = {
        "prompt_tokens": _header_count(headers, "input"),
        "completion_tokens": _header_count(headers, "output"),
        "response_id": name(metadata, "RequestId"),
        "provider": "aws",
    }
    return _content(response["body"]), known(told)


def _header_count(headers: Vars, of: str) -> int | None:
    text = name(headers, f"{_HEADER}{of}-token-count") or ""
    return int(text) if text.isdecimal() and len(text) < 16 else None


def _content(body: object) -> object:
    """What a body says, without reading a stream that the application still wants to read."""
    return parsed(body.getvalue() if type(body) is io.BytesIO else body)


def chunk_of(event: Vars) -> Vars:
    """Returns what an event of Bedrock's stream carries in `chunk.bytes`; any other event as it is."""
    carried = inner(event, "chunk").get("bytes")
    return event if carried is None else safe_vars(parsed(carried)) or event


def join_chunks(chunks: Sequence[Vars]) -> Fields | None:
    """Returns the fields of the response whose stream had these chunks; None when they are no such chunks."""
    texts, reason, counts, error = [], None, EMPTY, None
    for chunk in chunks:
        for entry in (chunk, *entries(chunk, "outputs", "generations")):
            text = safe_get.text(safe_get.first(entry, "outputText", "generation", "completion", "text"))
            texts += [] if text is None else [text]
            reason = name(entry, *_REASONS) or reason
        counts = {**counts, **known(_counted(chunk)), **known(_counted(inner(chunk, _METRICS)))}
        error = error_of(chunk) or error
    is_bedrock = error is not None or any(_METRICS in chunk or "generation" in chunk for chunk in chunks)
    is_titan = any("outputText" in chunk or "outputs" in chunk for chunk in chunks)
    if not (is_bedrock or is_titan) or not (texts or error):
        return None
    told = {"model": first_name(chunks, "model"), **counts}
    fields = answer("text_completion", [Choice("assistant", "".join(texts), reason)], told, provider="aws")
    return with_error(fields, error)


def _counted(chunk: Vars) -> Fields:
    """The counts of a chunk, which are totals; those of Bedrock itself are in the last one, and win."""
    return {"prompt_tokens": first_count(chunk, *_PROMPT), "completion_tokens": first_count(chunk, *_COMPLETION)}
