"""Placeholders for pictures, sounds and files: where they are or how large they are, never their bytes."""

from __future__ import annotations

from helicone_logging.core.safe_vars import Vars, safe_vars
from helicone_logging.llm import safe_get

_MAX_DETAIL = 500
_SCHEME = 20  # characters within which a URL shows its `://`; base64 has no colon

_KINDS = ("image", "audio", "video", "document")
_WRAPPERS = (
    "source", "image_url", "image_file", "video_url", "input_audio", "file", "image", "audio", "video", "document",
    "s3Location",
)  # fmt: skip
_SOURCES = (
    "url", "uri", "file_uri", "fileUri", "file_url", "image_url", "audio_url", "video_url", "document_url",
    "data", "bytes", "base64", "file_data", "b64_json", "image", "audio", "video", "input_audio", "image_bytes",
    "imageBytes", "gcs_uri", "gcsUri",
)  # fmt: skip
_MEDIA_TYPES = ("media_type", "mime_type", "mimeType", "format")
_NAMES = ("filename", "file_name", "title", "name", "display_name", "displayName")


def placeholder(part: object, kind: str = "") -> str:
    """Returns the placeholder of a part that holds or points to a medium.

    Args:
        part: as OpenAI, Anthropic, Google, Mistral, Cohere, Bedrock or LangChain have it.
        kind: what it is; empty to tell it from the part's type or media type.

    Returns:
        Such as `[image https://example.com/a.png]`, `[image image/png, 12,345 bytes]` or `[file file-123]`; after it
        the transcript of a sound that has one.
    """
    levels = _levels(part)
    media_type = _text_under(levels, _MEDIA_TYPES)
    place, media_type, size = _place_and_size(_under(levels, _SOURCES), media_type)
    details = [_text_under(levels, _NAMES)]
    details += [place] if place else [media_type, size or _text_under(levels, ("file_id", "fileId"))]
    label = kind or _kind(safe_get.text(safe_get.first(part, "type")) or media_type)
    shown = ", ".join(detail[:_MAX_DETAIL] for detail in details if detail)
    transcript = _text_under(levels, ("transcript",))
    return f"[{label}{shown and ' '}{shown}]{transcript and ' '}{transcript}"


def _levels(part: object) -> list[Vars]:
    """The part and what it wraps: Anthropic and Bedrock have a `source`, OpenAI an object named after the type."""
    levels: list[Vars] = []
    fields = safe_vars(part)
    while fields is not None and len(levels) < 4:
        levels.append(fields)
        fields = safe_vars(safe_get.first(fields, *_WRAPPERS))
    return levels


def _under(levels: list[Vars], names: tuple[str, ...]) -> str | bytes | None:
    for fields in levels:
        for name in names:
            value = fields.get(name)
            if value is not None and (found := value if type(value) is bytes else safe_get.text(value)):
                return found
    return None


def _text_under(levels: list[Vars], names: tuple[str, ...]) -> str:
    found = _under(levels, names)
    return found if isinstance(found, str) else ""


def _place_and_size(source: str | bytes | None, media_type: str) -> tuple[str, str, str]:
    if source is None:
        return "", media_type, ""
    if isinstance(source, bytes):
        return "", media_type, _bytes(len(source))
    if source.startswith("data:"):
        head, _, payload = source.partition(",")
        found = head.removeprefix("data:").partition(";")[0]
        size = _base64_size(payload) if head.endswith(";base64") else len(payload)
        return "", found or media_type, _bytes(size)
    if "://" in source[:_SCHEME]:
        return source, media_type, ""
    return "", media_type, _bytes(_base64_size(source))


def _base64_size(payload: str) -> int:
    return len(payload) * 3 // 4 - payload[-2:].count("=")


def _bytes(size: int) -> str:
    return f"{size:,} bytes"


def _kind(described: str) -> str:
    return next((kind for kind in _KINDS if kind in described), "file")
