"""Speech to text and text to speech, of OpenAI and who speaks like it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeGuard

from helicone_logging.core.held import Held
from helicone_logging.llm import media, safe_get
from helicone_logging.llm.marks import joined
from helicone_logging.llm.messages import Choice, Message, read_messages
from helicone_logging.llm.providers.common import Asked, Fields, first_name, inner, known, last, name
from helicone_logging.llm.providers.openai_chat import usage_of

# How the bytes of a sound begin: MP3 with and without a tag, WAV, Ogg, FLAC, AAC.
_SOUNDS = (b"ID3", b"\xff\xfb", b"\xff\xf3", b"\xff\xf2", b"RIFF", b"OggS", b"fLaC", b"\xff\xf1")
_TRANSCRIPT = ("duration", "language", "segments", "words", "logprobs", "task")


def asked(request: Held) -> Asked | None:
    """Returns what a request for a transcript or for speech asks for; None when it is neither."""
    model = name(request, "model")
    if model is None:
        return None
    if request.get("file") is not None:
        return Asked("transcription", _to_transcribe(request))
    text = safe_get.text(request.get("input"))
    if text is None or request.get("voice") is None:
        return None
    instructions = name(request, "instructions")
    return Asked("speech", [*([Message("system", instructions)] if instructions else []), *read_messages(text)])


def _to_transcribe(request: Held) -> list[Message]:
    file = request["file"]
    prompt = name(request, "prompt")
    return [Message("user", joined((_file_mark(file), prompt or "")))]


def _file_mark(file: object) -> str:
    """A file by its name: given as a path, an open file, or a tuple of its name and its bytes."""
    if type(file) is tuple and file:
        return media.mark({"type": "audio", "filename": file[0], "data": file[1] if len(file) > 1 else None})
    if isinstance(file, bytes):
        return media.mark({"type": "audio", "data": file})
    called = safe_get.text(file) or safe_get.text(getattr(file, "name", None)) or ""
    return f"[audio{called and ' '}{called.replace(chr(92), '/').rpartition('/')[2][:200]}]"


def read(response: Held) -> Fields | None:
    """Returns the fields of a transcript; None when it is none."""
    text = safe_get.text(response.get("text"))
    if text is None or ("type" in response and response["type"] is not None) or "role" in response:
        return None
    usage = inner(response, "usage")
    told = {key for key, value in response.items() if value is not None}
    if not usage and told != {"text"} and told.isdisjoint(_TRANSCRIPT):
        return None
    return _fields(text, usage)


def _fields(text: str, usage: Held) -> Fields:
    said = Choice("assistant", text, None)
    return known({"operation": "transcription", "completion": [said], **usage_of(usage)})


def join(events: Sequence[Held]) -> Fields | None:
    """Returns the fields of the transcript whose stream had these events; None when they are no such events."""
    told = [event for event in events if (name(event, "type") or "").startswith("transcript.text.")]
    if not told:
        return None
    done = [event for event in told if event.get("type") == "transcript.text.done"]
    whole = first_name(done, "text")
    deltas = "".join(name(event, "delta") or "" for event in told)
    usage = last(told, "usage")
    return _fields(whole or deltas, {} if usage is None else inner({"usage": usage}, "usage"))


def is_sound(value: object) -> TypeGuard[bytes | bytearray]:
    """Returns whether bytes are a sound, as a request for speech returns."""
    return isinstance(value, bytes | bytearray) and value.startswith(_SOUNDS)


def sound(value: bytes | bytearray) -> Fields:
    """Returns the fields of speech.

    Args:
        value: its bytes.
    """
    return {
        "operation": "speech",
        "completion": [Choice("assistant", media.mark({"type": "audio", "data": value}), None)],
    }
