"""Speech to text and text to speech, of OpenAI and who speaks like it."""

from __future__ import annotations

from collections.abc import Sequence

from helicone_logging.core.safe_vars import EMPTY, Vars, safe_vars
from helicone_logging.llm import media, safe_get
from helicone_logging.llm.messages import Message
from helicone_logging.llm.placeholders import joined
from helicone_logging.llm.providers.common import Fields, Request, answer, first_name, inner, last, name, with_system
from helicone_logging.llm.providers.openai_chat import usage_of

# How the bytes of a sound begin: MP3 with and without a tag, WAV, Ogg, FLAC, AAC.
_SOUNDS = (b"ID3", b"\xff\xfb", b"\xff\xf3", b"\xff\xf2", b"RIFF", b"OggS", b"fLaC", b"\xff\xf1")
_TRANSCRIPT = ("duration", "language", "segments", "words", "logprobs", "task")


def read_request(request: Vars) -> Request | None:
    """Returns what a request for a transcript or for speech asks for; None when it is neither."""
    model = name(request, "model")
    if model is None:
        return None
    if request.get("file") is not None:
        said = joined((_file_placeholder(request["file"]), name(request, "prompt") or ""))
        return Request("transcription", [Message("user", said)])
    text = safe_get.text(request.get("input"))
    if text is None or request.get("voice") is None:
        return None
    return Request("speech", with_system(name(request, "instructions"), text))


def _file_placeholder(file: object) -> str:
    """A file by its name: given as a path, an open file, or a tuple of its name and its bytes."""
    if type(file) is tuple and file:
        return media.placeholder({"type": "audio", "filename": file[0], "data": file[1] if len(file) > 1 else None})
    if isinstance(file, bytes):
        return media.placeholder({"type": "audio", "data": file})
    called = safe_get.text(file) or safe_get.text(getattr(file, "name", None)) or ""
    return f"[audio{called and ' '}{called.replace(chr(92), '/').rpartition('/')[2][:200]}]"


def read(response: Vars) -> Fields | None:
    """Returns the fields of a transcript; None when it is none."""
    text = safe_get.text(response.get("text"))
    if text is None or ("type" in response and response["type"] is not None) or "role" in response:
        return None
    usage = inner(response, "usage")
    told = {key for key, value in response.items() if value is not None}
    if not usage and told != {"text"} and told.isdisjoint(_TRANSCRIPT):
        return None
    return answer("transcription", text, usage_of(usage))


def join(events: Sequence[Vars]) -> Fields | None:
    """Returns the fields of the transcript whose stream had these events; None when they are no such events."""
    told = [event for event in events if (name(event, "type") or "").startswith("transcript.text.")]
    if not told:
        return None
    done = [event for event in told if event.get("type") == "transcript.text.done"]
    text = first_name(done, "text") or "".join(name(event, "delta") or "" for event in told)
    return answer("transcription", text, usage_of(safe_vars(last(told, "usage")) or EMPTY))


def read_speech(value: object) -> Fields | None:
    """Returns the fields of speech, which comes as bytes; None when these are no sound."""
    if not isinstance(value, bytes | bytearray) or not value.startswith(_SOUNDS):
        return None
    return answer("speech", media.placeholder({"type": "audio", "data": value}), EMPTY)
