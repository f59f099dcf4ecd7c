"""The kinds of parts that a message's content is made of, and how each shows as text."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Protocol

from helicone_logging.core.held import Held, held
from helicone_logging.llm import media, safe_get, tools
from helicone_logging.llm.marks import OPAQUE, joined
from helicone_logging.llm.safe_get import first


class Renderer(Protocol):
    """Renders what a part contains."""

    def __call__(self, content: object, /) -> str:
        """Returns content within a part as text."""
        ...

    def cite(self, citations: object) -> None:
        """Adds to the sources that are listed behind the whole content."""
        ...


Handler = Callable[[Held, Renderer], str | None]

_MAX_KIND = 100  # characters; no type of a part is longer


def handler_of(kind: str) -> Handler | None:
    """Returns how a part of a type shows; None when no handler knows the type."""
    return _handler_of(kind) if len(kind) <= _MAX_KIND else None


@functools.lru_cache(512)
def _handler_of(kind: str) -> Handler | None:
    handler = _BY_TYPE.get(kind)
    if handler is None:
        handler = next((found for suffix, found in _BY_SUFFIX if kind.endswith(suffix)), None)
    if handler is None and not _MEDIA_WORDS.isdisjoint(kind.split("_")):
        handler = _media
    return handler


def is_part_type(kind: str | None) -> bool:
    """Returns whether something of this type can be nothing but a part of a message."""
    return kind in _PART_TYPES


def rendered(part: Held, render: Renderer) -> str | None:
    """Returns a part as text; None when it is of no known kind."""
    kind = safe_get.text(part.get("type"))
    if kind is not None:
        handler = handler_of(kind)
        said = _text(part, render) if handler is None else handler(part, render)
        return _opaque(part, kind) if said is None else said
    if part.get("text") is not None:
        return _text(part, render)
    for name, value in part.items():
        handler = _BY_NAME.get(name) if value is not None else None
        if handler is not None:
            return handler(held(value) or {"content": value}, render)
    return _opaque(part, "")


def _opaque(part: Held, kind: str) -> str | None:
    """What holds nothing that anybody could read does not show as JSON."""
    told = [name for name, value in part.items() if value is not None and name not in _SAYS_NOTHING]
    if told or not any(part.get(name) is not None for name in OPAQUE):
        return None
    return f"[{kind}]" if kind else ""


def _text(part: Held, render: Renderer) -> str | None:
    value = part.get("text")
    text = safe_get.text(value)
    if text is None:
        inner = held(value)
        text = render(inner.get("value")) if inner is not None else None  # OpenAI Assistants
        if text is None and part.get("type") == "text":
            text = safe_get.text(part.get("content"))  # OpenTelemetry
    for name in ("annotations", "citations"):
        if part.get(name):
            render.cite(part[name])
    return f"[thinking] {text}" if text and part.get("thought") is True else text


def _refusal(part: Held, _: Renderer) -> str | None:
    text = safe_get.text(part.get("refusal"))
    return text and f"[refusal] {text}"


def _thinking(part: Held, render: Renderer) -> str:
    """OpenAI and Anthropic encrypt some thoughts; those of OpenAI come by the dozen and say nothing."""
    text = joined(render(value) for name in _THOUGHTS if (value := part.get(name)) is not None)
    if not text and (part.get("type") == "redacted_thinking" or part.get("redactedContent") is not None):
        text = "(redacted)"
    return text and f"[thinking] {text}"


def _search_hit(part: Held, render: Renderer) -> str:
    """Without `encrypted_content`, which is long and means nothing to a reader."""
    source = safe_get.text(first(part, "url", "source")) or ""
    return joined((safe_get.text(part.get("title")) or "", source, render(part.get("content"))))


def _document(part: Held, render: Renderer) -> str | None:
    source = first(part, "source", "document")
    fields = held(source) or {}
    title = safe_get.text(first(part, "title", "name")) or safe_get.text(fields.get("id")) or ""
    body = render(first(fields, "text", "content"))
    if not body and (fields.get("type") == "text" or part.get("document") is not None):  # Anthropic, Cohere
        body = render(fields.get("data"))
    return f"[document{title and ' '}{title}] {body}" if body else media.mark(part, "document")


def _nested(part: Held, render: Renderer) -> str:
    if part.get("citations"):
        render.cite(part["citations"])
    return render(first(part, "content", "text"))


def _media(part: Held, _: Renderer) -> str:
    return media.mark(part, safe_get.text(part.get("modality")) or "")


def _screenshot(part: Held, _: Renderer) -> str:
    return media.mark(part, "image")


def _blob(part: Held, _: Renderer) -> str:
    """Its type says nothing of what it is."""
    return _media({**part, "type": None, "data": first(part, "data", "content")}, _)


def _code(part: Held, _: Renderer) -> str:
    language = (safe_get.text(part.get("language")) or "").lower()
    return f"[code{language and ' '}{language}]\n{safe_get.text(part.get('code')) or ''}"


def _compaction(part: Held, render: Renderer) -> str:
    """What a long conversation was shortened to; OpenAI encrypts it."""
    said = render(part.get("content"))
    return f"[compaction] {said}" if said else "[compaction]"


def _nothing(_part: Held, _: Renderer) -> str:
    return ""


_THOUGHTS = ("thinking", "summary", "content", "reasoning", "reasoningText", "reasoning_content", "text")
_SAYS_NOTHING = frozenset((*OPAQUE, "type", "id", "status", "index", "thought"))
_PART_HANDLERS: dict[str, Handler] = {
    **dict.fromkeys(("text", "input_text", "output_text", "summary_text", "reasoning_text"), _text),
    **dict.fromkeys(("image", "image_url", "input_image", "image_file"), _media),
    **dict.fromkeys(("audio", "input_audio", "audio_url", "video", "video_url", "input_video"), _media),
    **dict.fromkeys(("file", "input_file", "document_url", "container_upload"), _media),
    **dict.fromkeys(("thinking", "redacted_thinking"), _thinking),
    "document": _document,
    "refusal": _refusal,
    "tool_use": tools.tool_call,
    "server_tool_use": tools.tool_call,
    "tool_result": tools.tool_result,
    # OpenTelemetry's, https://opentelemetry.io/docs/specs/semconv/gen-ai/gen-ai-events/
    "tool_call_response": tools.tool_result,
    "server_tool_call_response": tools.tool_result,
    "blob": _blob,
    "uri": _media,
}
_PART_TYPES = frozenset(_PART_HANDLERS)
# Also what stands beside messages in OpenAI's Responses, and inside of other parts.
_BY_TYPE: dict[str, Handler] = {
    **_PART_HANDLERS,
    **dict.fromkeys(("reasoning", "reasoning_content"), _thinking),
    **dict.fromkeys(("web_search_result", "search_result"), _search_hit),
    **dict.fromkeys(("mcp_list_tools", "tool_search_output"), tools.tool_list),
    **dict.fromkeys(("mcp_approval_request", "mcp_approval_response"), tools.approval),
    "image_generation_call": tools.generated_image,
    "computer_screenshot": _screenshot,
    "compaction": _compaction,
    "message": _nested,
}
_BY_SUFFIX: tuple[tuple[str, Handler], ...] = (
    ("_tool_result", tools.tool_result),
    ("_output", tools.tool_result),
    ("_use", tools.tool_call),
    ("_call", tools.tool_call),
)
_MEDIA_WORDS = frozenset(("image", "audio", "video", "file"))
# Google and Bedrock tell a part's kind by the name of its only field.
_BY_NAME: dict[str, Handler] = {
    **dict.fromkeys(("inline_data", "inlineData", "file_data", "fileData"), _media),
    **dict.fromkeys(("function_call", "functionCall", "toolUse", "tool_call", "toolCall"), tools.tool_call),
    **dict.fromkeys(
        ("function_response", "functionResponse", "toolResult", "tool_response", "toolResponse"), tools.tool_result
    ),
    **dict.fromkeys(("executable_code", "executableCode"), _code),
    **dict.fromkeys(("code_execution_result", "codeExecutionResult"), tools.tool_result),
    "image": lambda value, _: media.mark(value, "image"),
    "audio": lambda value, _: media.mark(value, "audio"),
    "video": lambda value, _: media.mark(value, "video"),
    "document": _document,
    "reasoningContent": _thinking,
    "searchResult": _search_hit,
    "citationsContent": _nested,
    "guardContent": _nested,
    "cachePoint": _nothing,
}
