"""Ollama's own API: chat, generate and embeddings."""

from __future__ import annotations

from collections.abc import Sequence

from helicone_logging.core.safe_vars import Vars, safe_vars
from helicone_logging.llm import safe_get
from helicone_logging.llm.messages import Choice, Message, read_choices
from helicone_logging.llm.providers.common import Fields, Request, answer, inner, name, tokens, with_error


def read_request(request: Vars) -> Request | None:
    """Returns what a request to generate asks for; None when it is none of Ollama's."""
    prompt, system = safe_get.text(request.get("prompt")), name(request, "system")
    if prompt is None or (system is None and "images" not in request):
        return None
    messages = [Message("system", system)] if system else []
    asks = read_choices({"role": "user", "content": prompt, "images": request.get("images")})
    return Request("text_completion", [*messages, *(Message(ask.role, ask.content) for ask in asks)])


def read(response: Vars) -> Fields | None:
    """Returns the fields of a response; None when it is none of these."""
    if "done" not in response:
        return None
    return join([response])


def join(chunks: Sequence[Vars]) -> Fields | None:
    """Returns the fields of the response whose stream had these chunks; None when they are no such chunks."""
    told = [chunk for chunk in chunks if "done" in chunk and ("message" in chunk or "response" in chunk)]
    if not told:
        return None
    is_chat = any(safe_vars(chunk.get("message")) is not None for chunk in told)
    said: dict[str, list[str]] = {}
    calls: list[object] = []
    images: list[object] = []
    for chunk in told:
        message = inner(chunk, "message") if is_chat else chunk
        for key in ("content", "response", "thinking"):
            text = name(message, key)
            if text:
                said.setdefault(key, []).append(text)
        calls += safe_get.items(message.get("tool_calls")) or ()
        images += safe_get.items(message.get("images")) or ()
    texts = {key: "".join(found) for key, found in said.items()}
    content = texts.get("content" if is_chat else "response", "")
    whole = {"role": "assistant", "content": content, "thinking": texts.get("thinking")}
    (choice,) = read_choices([{**whole, "tool_calls": calls, "images": images}])
    return _fields(chunks, choice, is_chat=is_chat)


def _fields(chunks: Sequence[Vars], choice: Choice, *, is_chat: bool) -> Fields:
    end = next((chunk for chunk in reversed(chunks) if "done" in chunk), chunks[-1])
    counted = {"prompt_tokens": tokens(end, "prompt_eval_count"), "completion_tokens": tokens(end, "eval_count")}
    said = [choice._replace(finish_reason=name(end, "done_reason"))]
    fields = answer("chat" if is_chat else "text_completion", said, counted, end, "ollama")
    errors = (chunk["error"] for chunk in chunks if chunk.get("error") is not None)
    return with_error(fields, next(errors, None))
