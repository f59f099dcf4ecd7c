"""Amazon Bedrock's `invoke_model`: each model family has its own request and response, in a body of JSON text."""

from __future__ import annotations

import io
from collections.abc import Sequence

from helicone_logging.core.held import EMPTY, Held, held
from helicone_logging.llm import safe_get
from helicone_logging.llm.json_text import parsed
from helicone_logging.llm.messages import Choice, read_messages, some_choices
from helicone_logging.llm.providers.bedrock_converse import error_of
from helicone_logging.llm.providers.common import (
    Asked,
    Fields,
    either,
    entries,
    first_name,
    inner,
    known,
    name,
    with_error,
)

_METRICS = "amazon-bedrock-invocationMetrics"
_HEADER = "x-amzn-bedrock-"
_PROMPT = ("prompt_token_count", "inputTextTokenCount", "inputTokenCount")
_COMPLETION = ("generation_token_count", "tokenCount", "totalOutputTextTokenCount", "outputTokenCount")
_REASONS = ("stop_reason", "completionReason", "finish_reason", "stopReason")


def unwrapped(request: Held) -> Held:
    """Returns a request of `invoke_model` with what its body says; any other request as it is."""
    if "modelId" not in request or request.get("body") is None:
        return request
    body = held(_content(request["body"]))
    return request if body is None else {**body, "modelId": request["modelId"]}


def asked(request: Held) -> Asked | None:
    """Returns what a request to Titan asks for; None when it is none of these."""
    text = name(request, "inputText")
    if text is None:
        return None
    is_embedding = "embed" in (name(request, "modelId") or "")
    return Asked("embeddings" if is_embedding else "text_completion", read_messages(text), "aws")


def read(response: Held) -> Fields | None:
    """Returns the fields of a response; None when it is none of these.

    Args:
        response: the body of Titan, Llama, Mistral, Cohere's and AI21's older models, or of Claude's text completions.
    """
    choices = _choices(response)
    if not choices:
        return None
    result = (entries(response, "results") or [EMPTY])[0]
    answered = _tokens_of_ai21(inner((entries(response, "completions") or [EMPTY])[0], "data"))
    return known(
        {
            "operation": "text_completion",
            "provider": None if "completion" in response else "aws",
            "response_id": name(response, "id"),
            "completion": choices,
            "prompt_tokens": either(response, *_PROMPT) or _tokens_of_ai21(inner(response, "prompt")),
            "completion_tokens": either(response, *_COMPLETION) or either(result, *_COMPLETION) or answered,
        }
    )


def _choices(response: Held) -> list[Choice]:
    for key in ("outputText", "generation", "completion"):  # of Titan's stream, Llama, Claude
        text = safe_get.text(response.get(key))
        if text is not None and any(reason in response for reason in _REASONS):
            return [_choice(text, response)]
    found = []
    for key, text_key in (
        ("results", "outputText"),
        ("outputs", "text"),
        ("generations", "text"),
        ("completions", "data"),
    ):
        for entry in entries(response, key):
            text = safe_get.text(entry.get(text_key)) or safe_get.text(inner(entry, text_key).get("text"))
            if text is not None:
                found.append((text, entry))
    return some_choices(found, lambda said: _choice(*said))


def _choice(text: str, entry: Held) -> Choice:
    reason = name(entry, *_REASONS) or name(inner(entry, "finishReason"), "reason")
    return Choice("assistant", text, reason)


def _tokens_of_ai21(text: Held) -> int | None:
    counted = safe_get.items(text.get("tokens"))
    return len(counted) if counted else None


def carried(response: Held) -> tuple[object, Fields] | None:
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


def _header_count(headers: Held, of: str) -> int | None:
    text = name(headers, f"{_HEADER}{of}-token-count") or ""
    return int(text) if text.isdecimal() and len(text) < 16 else None


def _content(body: object) -> object:
    """What a body says, without reading a stream that the application still wants to read."""
    if type(body) is io.BytesIO:
        return parsed(body.getvalue())
    return parsed(body)


def chunk_of(event: Held) -> Held:
    """Returns what an event of Bedrock's stream carries in `chunk.bytes`; any other event as it is."""
    carried = inner(event, "chunk").get("bytes")
    return event if carried is None else held(parsed(carried)) or event


def join(chunks: Sequence[Held]) -> Fields | None:
    """Returns the fields of the response whose stream had these chunks; None when they are no such chunks."""
    texts, reason, usage, error = [], None, EMPTY, None
    for chunk in chunks:
        for entry in (chunk, *entries(chunk, "outputs", "generations")):
            text = safe_get.text(safe_get.first(entry, "outputText", "generation", "completion", "text"))
            texts += [] if text is None else [text]
            reason = name(entry, *_REASONS) or reason
        usage = {**usage, **_counted(chunk)}
        error = error_of(chunk) or error
    is_bedrock = error is not None or any(_METRICS in chunk or "generation" in chunk for chunk in chunks)
    is_titan = any("outputText" in chunk or "outputs" in chunk for chunk in chunks)
    if not (is_bedrock or is_titan) or not (texts or error):
        return None
    fields = known(
        {
            "operation": "text_completion",
            "provider": "aws",
            "model": first_name(chunks, "model"),
            "completion": [Choice("assistant", "".join(texts), reason)],
            "prompt_tokens": either(usage, *_PROMPT),
            "completion_tokens": either(usage, *_COMPLETION),
        }
    )
    return with_error(fields, error)


def _counted(chunk: Held) -> Held:
    """The counts of a chunk, which are totals; those of Bedrock itself are in the last one."""
    counts = {key: chunk[key] for key in (*_PROMPT, *_COMPLETION) if chunk.get(key) is not None}
    metrics = inner(chunk, _METRICS)
    return {**counts, **{key: metrics[key] for key in (*_PROMPT, *_COMPLETION) if metrics.get(key) is not None}}
