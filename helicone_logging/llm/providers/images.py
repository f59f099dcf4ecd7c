"""Pictures that are made, by OpenAI, who speaks like it, and Google's Imagen: placeholders, never the bytes."""

from __future__ import annotations

from collections.abc import Sequence

from helicone_logging.core.safe_vars import Vars, safe_vars
from helicone_logging.llm import media, safe_get
from helicone_logging.llm.messages import Message
from helicone_logging.llm.placeholders import joined, joined_some, refusal
from helicone_logging.llm.providers.common import Fields, Request, answer, entries, inner, name
from helicone_logging.llm.providers.openai_chat import usage_of

_MODELS = ("dall-e", "gpt-image", "chatgpt-image", "imagen", "flux", "stability", "stable-diffusion", "image")
_OPTIONS = (
    "textToImageParams", "size", "quality", "style", "background", "output_format", "aspect_ratio", "image", "mask",
)  # fmt: skip
_DATA = ("b64_json", "url")
_FILTERED = ("rai_filtered_reason", "raiFilteredReason")  # Google's, in the place of a picture


def read_request(request: Vars) -> Request | None:
    """Returns what a request for pictures asks for; None when it is none."""
    prompt = safe_get.text(request.get("prompt")) or name(inner(request, "textToImageParams"), "text")
    model = (name(request, "model", "modelId") or "").lower()
    is_image = any(word in model for word in _MODELS) or any(request.get(key) is not None for key in _OPTIONS)
    if prompt is None or not is_image:
        return None
    given = safe_get.items(request.get("image")) or (request.get("image"),)
    pictures = joined_some([picture for picture in given if picture is not None], _pictured)
    return Request("image_generation", [Message("user", joined((prompt, pictures)))])


def _pictured(picture: object) -> str:
    """A picture to be changed: bytes, an open file, or a file's name and bytes."""
    pair = picture if type(picture) is tuple else None
    if pair and len(pair) > 1:
        return media.placeholder({"type": "image", "filename": pair[0], "data": pair[1]})
    return media.placeholder({"type": "image", "filename": safe_get.first(picture, "name"), "data": picture})


def read(response: Vars) -> Fields | None:
    """Returns the fields of a response; None when it is none of these."""
    data = entries(response, "data")
    if not data or not any(data[0].get(key) is not None for key in _DATA):
        data = entries(response, "generated_images", "generatedImages")
        if data and safe_vars(data[0].get("image")) is None and name(data[0], *_FILTERED) is None:
            return None
        data = data or _of_bedrock(response)
        if not data:
            return None
    provider = "google" if "generated_images" in response or "generatedImages" in response else None
    usage = usage_of(inner(response, "usage"))
    return answer("image_generation", joined_some(data, _shown), usage, response, provider)


def _of_bedrock(response: Vars) -> list[Vars]:
    """Of Titan, Nova Canvas and Stability: base64 texts, and nothing that tells them from others but their name."""
    pictures = safe_get.items(response.get("images")) or []
    return [{"b64_json": picture} for picture in pictures] if all(map(safe_get.text, pictures)) else []


def _shown(picture: Vars) -> str:
    filtered = name(picture, *_FILTERED)
    if filtered:
        return refusal(filtered)
    prompt = name(picture, "revised_prompt", "enhanced_prompt", "enhancedPrompt") or ""
    return f"{media.placeholder({**picture, 'title': None}, 'image')} {prompt}".rstrip()


def join(events: Sequence[Vars]) -> Fields | None:
    """Returns the fields of the pictures whose stream had these events; None when they are no such events."""
    made = [event for event in events if (name(event, "type") or "").startswith(("image_generation.", "image_edit."))]
    if not made:
        return None
    whole = made[-1]  # those before it are partial ones
    return read({"data": [whole], "usage": whole.get("usage")})
