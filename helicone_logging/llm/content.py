"""The content of one message as text: all that Helicone can show of text, tools, thoughts and pictures.

What is not text becomes a placeholder in square brackets. That never looks like JSON as a whole, since Helicone parses
the text of some models when it does, and never carries the bytes of a file.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from itertools import islice

from helicone_logging.core import bounded
from helicone_logging.core.bounded import CUT
from helicone_logging.core.coerce import text_of
from helicone_logging.core.safe_vars import Vars, is_absent, safe_vars
from helicone_logging.llm import media, safe_get, tools
from helicone_logging.llm.citations import Sources
from helicone_logging.llm.placeholders import OPAQUE, joined, json_text
from helicone_logging.llm.safe_get import first

_MAX_DEPTH = 6
_MAX_PARTS = 10_000
_MAX_KIND = 100  # characters; no type of a part is longer


def content_text(content: object) -> str:
    """Returns the content of a message as text; it never raises.

    Args:
        content: text, one part or a list of parts, as any of the known SDKs have them. Parts are joined by line
            breaks, and the sources that they cite are listed behind them. An unknown one becomes JSON text.
    """
    return content if type(content) is str else _Renderer().whole(content)


def are_parts(entries: Sequence[object]) -> bool:
    """Returns whether a list is the content of one message: parts and texts, at least one part, no message."""
    has_part = False
    for entry in islice(entries, _MAX_PARTS):
        if type(entry) is str:
            continue
        fields = safe_vars(entry)
        if not fields or fields.get("role") is not None or safe_get.text(fields.get("type")) not in _PART_HANDLERS:
            return False
        has_part = True
    return has_part


def are_output(entries: Sequence[object]) -> bool:
    """Returns whether a list is what one answer is made of: messages of OpenAI's Responses with calls beside them."""
    has_item = False
    for entry in islice(entries, _MAX_PARTS):
        fields = safe_vars(entry)
        kind = safe_get.text(fields.get("type")) if fields else None
        if not kind or _handler_of(kind) is None:
            return False
        has_item = has_item or kind != "message"
    return has_item


def is_item(fields: Vars) -> bool:
    """Returns whether something stands beside messages, without a role, and is no message itself."""
    kind = safe_get.text(fields.get("type"))
    return bool(kind) and fields.get("role") is None and _handler_of(kind or "") is not None


class _Renderer:
    """Renders the content of one message within a budget of parts and depth: it may contain itself."""

    __slots__ = ("_depth", "_parts_left", "_sources")

    def __init__(self) -> None:
        self._parts_left = _MAX_PARTS
        self._depth = 0
        self._sources: Sources | None = None

    def whole(self, content: object) -> str:
        said = self(content)
        return said if self._sources is None else joined((said, self._sources.text()))

    def cite(self, citations: object) -> None:
        self._sources = self._sources or Sources()
        self._sources.add(citations)

    def __call__(self, content: object) -> str:
        if content is None or type(content) is str:
            return content or ""
        if self._depth >= _MAX_DEPTH:
            return text_of(content)
        self._depth += 1
        try:
            entries = safe_get.items(content)
            if entries is None:
                return self._part(content)
            return joined([self._counted(part) for part in entries[: _MAX_PARTS + 1]])
        finally:
            self._depth -= 1

    def _counted(self, part: object) -> str:
        self._parts_left -= 1
        if self._parts_left > 0:
            if bounded.spend():
                return self._part(part)
            self._parts_left = 0
        return "" if self._parts_left else CUT

    def _part(self, part: object) -> str:
        if part is None or type(part) is str:
            return part or ""
        if safe_get.items(part) is not None:
            return self(part)
        try:
            fields = safe_vars(part)
            rendered = _rendered(fields, self) if fields is not None else None
        except Exception:  # noqa: BLE001 - one odd part must not cost the others
            rendered = None
        if rendered is not None:
            return rendered
        if type(part) is dict:
            return text_of(part)
        return "" if is_absent(type(part)) else json_text(part)


_Handler = Callable[[Vars, _Renderer], str | None]


def _rendered(part: Vars, render: _Renderer) -> str | None:
    """A part as text; None when it is of no known kind."""
    kind = safe_get.text(part.get("type") or first(part, *_KINDS))
    if kind is not None:
        handler = _handler_of(kind)
        said = _text(part, render) if handler is None else handler(part, render)
        return _opaque(part, kind) if said is None else said
    if part.get("text") is not None:
        return _text(part, render)
    if "is_error" in part and part.keys() <= _UNTYPED_RESULT:
        return tools.tool_result(part, render)
    if ("arguments" in part or "input" in part) and part.keys() <= _UNTYPED_CALL:
        return tools.tool_call(part, render)
    for name, value in part.items():
        handler = _BY_NAME.get(name) if value is not None else None
        if handler is not None:
            return handler(safe_vars(value) or {"content": value}, render)
    return _opaque(part, "")


def _opaque(part: Vars, kind: str) -> str | None:
    """What holds nothing that anybody could read does not show as JSON."""
    told = [name for name, value in part.items() if value is not None and name not in _SAYS_NOTHING]
    if told or not any(part.get(name) is not None for name in OPAQUE):
        return None
    return f"[{kind}]" if kind else ""


def _text(part: Vars, render: _Renderer) -> str | None:
    value = part.get("text")
    text = safe_get.text(value)
    if text is None:
        inner = safe_vars(value)
        text = render(inner.get("value")) if inner is not None else None  # OpenAI Assistants
        if text is None and "text" in (part.get("type"), first(part, *_KINDS)):
            text = safe_get.text(part.get("content"))  # OpenTelemetry, Pydantic AI
    for name in ("annotations", "citations"):
        if part.get(name):
            render.cite(part[name])
    return f"[thinking] {text}" if text and part.get("thought") is True else text


def _refusal(part: Vars, _: _Renderer) -> str | None:
    text = safe_get.text(part.get("refusal"))
    return text and f"[refusal] {text}"


def _thinking(part: Vars, render: _Renderer) -> str:
    """OpenAI and Anthropic encrypt some thoughts; those of OpenAI come by the dozen and say nothing."""
    text = joined(render(value) for name in _THOUGHTS if (value := part.get(name)) is not None)
    if not text and (part.get("type") == "redacted_thinking" or part.get("redactedContent") is not None):
        text = "(redacted)"
    return text and f"[thinking] {text}"


def _search_hit(part: Vars, render: _Renderer) -> str:
    """Without `encrypted_content`, which is long and means nothing to a reader."""
    source = safe_get.text(first(part, "url", "source")) or ""
    return joined((safe_get.text(part.get("title")) or "", source, render(part.get("content"))))


def _document(part: Vars, render: _Renderer) -> str | None:
    source = first(part, "source", "document")
    fields = safe_vars(source) or {}
    title = safe_get.text(first(part, "title", "name")) or safe_get.text(fields.get("id")) or ""
    body = render(first(fields, "text", "content"))
    if not body and (fields.get("type") == "text" or part.get("document") is not None):  # Anthropic, Cohere
        body = render(fields.get("data"))
    return f"[document{title and ' '}{title}] {body}" if body else media.placeholder(part, "document")


def _nested(part: Vars, render: _Renderer) -> str:
    if part.get("citations"):
        render.cite(part["citations"])
    return render(first(part, "content", "text"))


def _reference(part: Vars, render: _Renderer) -> str:
    """What Mistral's tools found, which stands between the texts."""
    render.cite(part)
    return ""


def _media(part: Vars, _: _Renderer) -> str:
    return media.placeholder(part, safe_get.text(part.get("modality")) or "")


def _blob(part: Vars, _: _Renderer) -> str:
    """Its type says nothing of what it is."""
    return _media({**part, "type": None, "data": first(part, "data", "content")}, _)


def _code(part: Vars, _: _Renderer) -> str:
    language = (safe_get.text(part.get("language")) or "").lower()
    return f"[code{language and ' '}{language}]\n{safe_get.text(part.get('code')) or ''}"


def _compaction(part: Vars, render: _Renderer) -> str:
    """What a long conversation was shortened to; OpenAI encrypts it."""
    said = render(part.get("content"))
    return f"[compaction] {said}" if said else "[compaction]"


def _result(part: Vars, render: _Renderer) -> str | None:
    """Of Google's Interactions and Mistral's Conversations; within one of Anthropic's, what a command printed."""
    if first(part, "call_id", "tool_call_id") is not None:
        return tools.tool_result(part, render)
    return tools.built_in_entry(part, render) if "stdout" in part else None


_KINDS = ("part_kind", "block_type", "content_type")  # Pydantic AI, LlamaIndex, Semantic Kernel
# Of Haystack, AutoGen and Claude's Agent SDK: these and no others, as results of tools may hold anything.
_UNTYPED_CALL = frozenset(("id", "name", "tool_name", "arguments", "input", "extra"))
_UNTYPED_RESULT = frozenset(("tool_use_id", "call_id", "content", "name", "is_error"))
_SPELLED = str.maketrans("-.", "__")  # Pydantic AI's `tool-call`, Mistral's `function.call`
_THOUGHTS = ("thinking", "summary", "content", "reasoning", "reasoningText", "reasoning_content", "text")
_SAYS_NOTHING = frozenset((*OPAQUE, "type", "id", "status", "index", "thought"))
_PART_HANDLERS: dict[str, _Handler] = {
    **dict.fromkeys(("text", "input_text", "output_text", "summary_text", "reasoning_text"), _text),
    **dict.fromkeys(("image", "image_url", "input_image", "image_file"), _media),
    **dict.fromkeys(("audio", "input_audio", "audio_url", "video", "video_url", "input_video"), _media),
    **dict.fromkeys(("file", "input_file", "document_url", "container_upload"), _media),
    **dict.fromkeys(("thinking", "redacted_thinking"), _thinking),
    "document": _document,
    "tool_reference": _reference,
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
# Also what stands beside messages in OpenAI's Responses, and inside of other parts.
_BY_TYPE: dict[str, _Handler] = {
    **_PART_HANDLERS,
    **dict.fromkeys(("reasoning", "reasoning_content"), _thinking),
    **dict.fromkeys(("web_search_result", "search_result"), _search_hit),
    **dict.fromkeys(("mcp_list_tools", "tool_search_output"), tools.tool_list),
    **dict.fromkeys(("mcp_approval_request", "mcp_approval_response"), tools.approval),
    "image_generation_call": tools.generated_image,
    "computer_screenshot": lambda part, _: media.placeholder(part, "image"),
    "compaction": _compaction,
    **dict.fromkeys(("message", "message_output", "message_input", "model_output", "user_input"), _nested),
    **dict.fromkeys(("user_prompt", "system_prompt"), _nested),
    "thought": _thinking,
    **dict.fromkeys(("tool_return", "retry_prompt"), tools.tool_result),  # Pydantic AI
    **dict.fromkeys(("program", "tool_execution"), tools.tool_call),  # OpenAI, where code calls tools; Mistral
    "additional_tools": tools.tool_list,
    "mcp_tool_listing": tools.tool_list,
}
_BY_SUFFIX: tuple[tuple[str, _Handler], ...] = (
    ("_tool_result", tools.tool_result),
    ("_output", tools.tool_result),
    ("_result", _result),
    ("_use", tools.tool_call),
    ("_call", tools.tool_call),
)
_MEDIA_WORDS = frozenset(("image", "audio", "video", "file"))
# Google and Bedrock tell a part's kind by the name of its only field.
_BY_NAME: dict[str, _Handler] = {
    **dict.fromkeys(("inline_data", "inlineData", "file_data", "fileData"), _media),
    **dict.fromkeys(("function_call", "functionCall", "toolUse", "tool_call", "toolCall"), tools.tool_call),
    **dict.fromkeys(
        ("function_response", "functionResponse", "toolResult", "tool_response", "toolResponse"), tools.tool_result
    ),
    **dict.fromkeys(("executable_code", "executableCode"), _code),
    **dict.fromkeys(("code_execution_result", "codeExecutionResult"), tools.tool_result),
    "image": lambda value, _: media.placeholder(value, "image"),
    "audio": lambda value, _: media.placeholder(value, "audio"),
    "video": lambda value, _: media.placeholder(value, "video"),
    "document": _document,
    **dict.fromkeys(("reasoningContent", "thinking", "reasoning_text"), _thinking),
    "searchResult": _search_hit,
    "citationsContent": _nested,
    "guardContent": _nested,
    "cachePoint": lambda _part, _: "",
}


def _handler_of(kind: str) -> _Handler | None:
    """How a part of a type shows; None when nobody knows the type."""
    return _found_handler(kind) if len(kind) <= _MAX_KIND else None


@functools.lru_cache(512)
def _found_handler(kind: str) -> _Handler | None:
    kind = kind.translate(_SPELLED)
    handler = _BY_TYPE.get(kind) or next((found for suffix, found in _BY_SUFFIX if kind.endswith(suffix)), None)
    return handler or (None if _MEDIA_WORDS.isdisjoint(kind.split("_")) else _media)
