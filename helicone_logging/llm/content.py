"""The content of one message as text: all that Helicone can show of text, tools, thoughts and pictures.

What is not text becomes a mark in square brackets. A mark never looks like JSON as a whole, since Helicone parses
the text of some models when it does, and never carries the bytes of a file.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from helicone_logging.core import budget
from helicone_logging.core.coerce import CUT, text_of
from helicone_logging.llm import media, safe_get
from helicone_logging.llm.safe_get import first, get

MAX_DEPTH = 6
MAX_PARTS = 10_000

Render = Callable[[object], str]
_Handler = Callable[[object, Render], str | None]


def content_text(content: object) -> str:
    """Returns the content of a message as text; it never raises.

    Args:
        content: text, one part or a list of parts, as any of the known SDKs have them. Parts are joined by line
            breaks. An unknown one becomes the text of `values.text_of`.
    """
    return content if type(content) is str else _Renderer().content(content)


def are_parts(entries: Sequence[object]) -> bool:
    """Returns whether a list is the content of one message: parts and texts, at least one part, no message."""
    return all(type(entry) is str or _is_part(entry) for entry in entries) and any(map(_is_part, entries))


def are_output(entries: Sequence[object]) -> bool:
    """Returns whether a list is what one answer is made of: messages of OpenAI's Responses with calls beside them."""
    kinds = [safe_get.text(get(entry, "type")) if safe_get.has_fields(entry) else None for entry in entries]
    return all(kind and _handler_of(kind) for kind in kinds) and any(kind != "message" for kind in kinds)


def is_item(entry: object) -> bool:
    """Returns whether something stands beside messages, without a role, and is no message itself."""
    kind = safe_get.text(get(entry, "type"))
    return bool(kind and _handler_of(kind)) and get(entry, "role") is None


def tool_call_text(call: object) -> str:
    """Returns a tool call as text, with its name and arguments.

    Args:
        call: as OpenAI, Anthropic, Google, Mistral, Cohere, Bedrock or LangChain have it.
    """
    if not safe_get.has_fields(call):
        return f"[tool call] {text_of(call)}"
    inner = first(call, "function", "custom")
    called = inner if safe_get.has_fields(inner) else call
    kind = safe_get.text(get(call, "type")) or ""
    name = safe_get.text(get(called, "name")) or kind.removesuffix("_call").removesuffix("_use") or "tool"
    arguments = first(called, "arguments", "input", "args", "parameters", "action", "queries", "code")
    return f"[tool call] {name}({text_of(arguments)})"


def joined(texts: Iterable[str]) -> str:
    """Returns the texts that are not empty, joined by line breaks."""
    return "\n".join(filter(None, texts))


class _Renderer:
    """Renders the content of one message within a budget of parts and depth: it may contain itself."""

    def __init__(self) -> None:
        self._parts_left = MAX_PARTS
        self._depth = 0

    def content(self, content: object) -> str:
        if content is None or type(content) is str:
            return content or ""
        if self._depth >= MAX_DEPTH:
            return text_of(content)
        self._depth += 1
        try:
            parts = safe_get.items(content)
            return self._part(content) if parts is None else joined(map(self._counted, parts[: MAX_PARTS + 1]))
        finally:
            self._depth -= 1

    def _counted(self, part: object) -> str:
        self._parts_left -= 1
        if self._parts_left > 0:
            if budget.spend():
                return self._part(part)
            self._parts_left = 0
        return "" if self._parts_left else CUT

    def _part(self, part: object) -> str:
        if part is None or type(part) is str:
            return part or ""
        if safe_get.items(part) is not None:
            return self.content(part)
        try:
            rendered = _rendered(part, self.content)
        except Exception:  # noqa: BLE001 - one odd part must not cost the others
            rendered = None
        return text_of(part) if rendered is None else rendered


def _rendered(part: object, inner: Render) -> str | None:
    if not safe_get.has_fields(part):
        return None
    kind = safe_get.text(get(part, "type"))
    if kind is not None:
        handler = _handler_of(kind)
        return _text(part, inner) if handler is None else handler(part, inner)
    for name, handler in _BY_NAME.items():
        value = get(part, name)
        if value is not None:
            return _text(part, inner) if name == "text" else handler(value, inner)
    return None


def _is_part(entry: object) -> bool:
    """Whether an entry of a list can be nothing but a part of a message."""
    if not safe_get.has_fields(entry) or get(entry, "role") is not None:
        return False
    return safe_get.text(get(entry, "type")) in _PART_TYPES


def _handler_of(kind: str) -> _Handler | None:
    handler = _BY_TYPE.get(kind)
    if handler is None:
        handler = next((found for suffix, found in _BY_SUFFIX if kind.endswith(suffix)), None)
    if handler is None and not _MEDIA_WORDS.isdisjoint(kind.split("_")):
        handler = _media
    return handler


def _text(part: object, inner: Render) -> str | None:
    value = get(part, "text")
    text = safe_get.text(value)
    if text is None:
        text = inner(get(value, "value")) if safe_get.has_fields(value) else None  # OpenAI Assistants
    return f"[thinking] {text}" if text and get(part, "thought") is True else text


def _refusal(part: object, _: Render) -> str | None:
    text = safe_get.text(get(part, "refusal"))
    return text and f"[refusal] {text}"


def _thinking(part: object, inner: Render) -> str:
    """OpenAI and Anthropic encrypt some thoughts; those of OpenAI come by the dozen and say nothing."""
    names = ("thinking", "summary", "content", "reasoning", "reasoningText", "reasoning_content", "text")
    text = joined(inner(value) for name in names if (value := get(part, name)) is not None)
    if not text and (get(part, "type") == "redacted_thinking" or get(part, "redactedContent") is not None):
        text = "(redacted)"
    return text and f"[thinking] {text}"


def _tool_call(part: object, _: Render) -> str:
    output = safe_get.text(get(part, "output"))  # OpenAI's calls of MCP servers carry their own result
    return joined((tool_call_text(part), f"[tool result] {output}" if output else ""))


def _tool_result(part: object, inner: Render) -> str:
    call = safe_get.text(first(part, "tool_use_id", "toolUseId", "call_id", "tool_call_id", "id", "name")) or ""
    failed = get(part, "is_error") is True or get(part, "status") == "error"
    body = inner(first(part, "content", "output", "response", "result", "json"))
    return f"[tool result{call and ' '}{call}] {'(error) ' if failed else ''}{body}"


def _search_hit(part: object, inner: Render) -> str:
    """Without `encrypted_content`, which is long and means nothing to a reader."""
    source = first(part, "url", "source")
    return joined((safe_get.text(get(part, "title")) or "", safe_get.text(source) or "", inner(get(part, "content"))))


def _document(part: object, inner: Render) -> str | None:
    source = first(part, "source", "document")
    title = safe_get.text(first(part, "title", "name")) or safe_get.text(get(source, "id")) or ""
    body = inner(first(source, "text", "content"))
    if not body and (get(source, "type") == "text" or get(part, "document") is not None):  # Anthropic, Cohere
        body = inner(get(source, "data"))
    return f"[document{title and ' '}{title}] {body}" if body else media.mark(part, "document")


def _nested(part: object, inner: Render) -> str:
    return inner(first(part, "content", "text"))


def _media(part: object, _: Render) -> str:
    return media.mark(part)


def _generated_image(part: object, _: Render) -> str:
    return media.mark({"type": "image", "data": get(part, "result")})


def _code(part: object, _: Render) -> str:
    language = (safe_get.text(get(part, "language")) or "").lower()
    return f"[code{language and ' '}{language}]\n{safe_get.text(get(part, 'code')) or ''}"


def _nothing(_part: object, _: Render) -> str:
    return ""


_PART_HANDLERS: dict[str, _Handler] = {
    **dict.fromkeys(("text", "input_text", "output_text", "summary_text", "reasoning_text"), _text),
    **dict.fromkeys(("image", "image_url", "input_image", "image_file"), _media),
    **dict.fromkeys(("audio", "input_audio", "audio_url", "video", "video_url", "input_video"), _media),
    **dict.fromkeys(("file", "input_file", "document_url", "container_upload"), _media),
    **dict.fromkeys(("thinking", "redacted_thinking"), _thinking),
    "document": _document,
    "refusal": _refusal,
    "tool_use": _tool_call,
    "server_tool_use": _tool_call,
    "tool_result": _tool_result,
}
_PART_TYPES = frozenset(_PART_HANDLERS)
# Also what stands beside messages in OpenAI's Responses, and inside of other parts.
_BY_TYPE: dict[str, _Handler] = {
    **_PART_HANDLERS,
    **dict.fromkeys(("reasoning", "reasoning_content"), _thinking),
    **dict.fromkeys(("web_search_result", "search_result"), _search_hit),
    "image_generation_call": _generated_image,
    "message": _nested,
}
_BY_SUFFIX: tuple[tuple[str, _Handler], ...] = (
    ("_tool_result", _tool_result),
    ("_output", _tool_result),
    ("_use", _tool_call),
    ("_call", _tool_call),
)
_MEDIA_WORDS = frozenset(("image", "audio", "video", "file"))
# Google and Bedrock tell a part's kind by the name of its only field.
_BY_NAME: dict[str, _Handler] = {
    "text": _text,
    **dict.fromkeys(("inline_data", "inlineData", "file_data", "fileData"), _media),
    **dict.fromkeys(("function_call", "functionCall", "toolUse"), _tool_call),
    **dict.fromkeys(("function_response", "functionResponse", "toolResult"), _tool_result),
    **dict.fromkeys(("executable_code", "executableCode"), _code),
    **dict.fromkeys(("code_execution_result", "codeExecutionResult"), _tool_result),
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
