"""Transcripts, speech, pictures and moderation: what was asked, what came of it, and never the bytes."""

from __future__ import annotations

import io
from typing import Any

import pytest
from provider_fixtures import PLAIN, Form, real, sdk

from helicone_logging.llm.messages import Choice, Message
from helicone_logging.llm.providers.requests import read_request
from helicone_logging.llm.providers.responses import read_response

USAGE = {
    "type": "tokens",
    "input_tokens": 14,
    "output_tokens": 45,
    "total_tokens": 59,
    "input_token_details": {"text_tokens": 0, "audio_tokens": 14},
}


@pytest.mark.parametrize("form", [*PLAIN, real("openai.types.audio:Transcription")])
def test_a_transcript_is_the_answer(form: Form) -> None:
    assert read_response(form({"text": "Good morning.", "usage": USAGE})) == {
        "operation": "transcription",
        "completion": [Choice("assistant", "Good morning.", None)],
        "prompt_tokens": 14,
        "completion_tokens": 45,
        "total_tokens": 59,
    }


@pytest.mark.parametrize(
    "answer",
    [
        {"text": "Good morning."},
        {"task": "transcribe", "language": "english", "duration": 1.5, "text": "Good morning.", "segments": []},
        [{"type": "transcript.text.delta", "delta": "Good "}, {"type": "transcript.text.delta", "delta": "morning."}],
        [
            {"type": "transcript.text.delta", "delta": "Good "},
            {"type": "transcript.text.done", "text": "Good morning.", "usage": USAGE},
        ],
    ],
)
def test_a_transcript_is_read_in_any_form(answer: Any) -> None:
    fields = read_response(answer)
    assert fields is not None
    assert (fields["operation"], fields["completion"]) == (
        "transcription",
        [Choice("assistant", "Good morning.", None)],
    )


class Recording(io.BytesIO):
    name = "/home/ann/morning.mp3"


@pytest.mark.parametrize(
    ("file", "shown"),
    [
        ("morning.mp3", "[audio morning.mp3]"),
        (r"C:\sounds\morning.mp3", "[audio morning.mp3]"),
        (Recording(b"ID3"), "[audio morning.mp3]"),
        (b"ID3abc", "[audio 6 bytes]"),
        (("morning.mp3", b"ID3abc"), "[audio morning.mp3, 6 bytes]"),
    ],
)
def test_the_file_to_transcribe_is_a_mark(file: object, shown: str) -> None:
    assert read_request({"model": "whisper-1", "file": file, "prompt": "Names: Ann."}) == {
        "model": "whisper-1",
        "operation": "transcription",
        "messages": [Message("user", f"{shown}\nNames: Ann.")],
    }


def test_speech_shows_its_text_and_the_size_of_its_sound() -> None:
    assert read_request({"model": "tts-1", "voice": "alloy", "input": "Good morning.", "instructions": "Softly."}) == {
        "model": "tts-1",
        "operation": "speech",
        "messages": [Message("system", "Softly."), Message("user", "Good morning.")],
    }
    assert read_response(b"ID3" + b"\0" * 97) == {
        "operation": "speech",
        "completion": [Choice("assistant", "[audio 100 bytes]", None)],
    }


PICTURES = {
    "created": 1,
    "data": [{"b64_json": "AAAA", "revised_prompt": "A small red house."}, {"url": "https://a.example/b.png"}],
    "usage": {
        "input_tokens": 5,
        "output_tokens": 7,
        "total_tokens": 12,
        "input_tokens_details": {"text_tokens": 5, "image_tokens": 0},
    },
}


@pytest.mark.parametrize("form", [*PLAIN, real("openai.types:ImagesResponse")])
def test_pictures_are_marks_with_the_prompt_that_made_them(form: Form) -> None:
    assert read_response(form(PICTURES)) == {
        "operation": "image_generation",
        "completion": [
            Choice("assistant", "[image 3 bytes] A small red house.\n[image https://a.example/b.png]", None)
        ],
        "prompt_tokens": 5,
        "completion_tokens": 7,
        "total_tokens": 12,
    }


def test_the_last_event_of_a_stream_of_pictures_has_it_whole() -> None:
    fields = read_response(
        [
            {"type": "image_generation.partial_image", "b64_json": "AAAA", "partial_image_index": 0},
            {"type": "image_generation.completed", "b64_json": "AAAAAAAA", "usage": PICTURES["usage"]},
        ]
    )
    assert fields is not None
    assert fields["completion"] == [Choice("assistant", "[image 6 bytes]", None)]
    assert fields["total_tokens"] == 12


@pytest.mark.parametrize(
    ("asked", "content"),
    [
        ({"model": "gpt-image-1", "prompt": "A house"}, "A house"),
        ({"model": "my-deployment", "prompt": "A house", "size": "1024x1024"}, "A house"),
        ({"model": "gpt-image-1", "prompt": "Make it red", "image": b"abc"}, "Make it red\n[image 3 bytes]"),
        ({"model": "gpt-image-1", "prompt": "Red", "image": [("a.png", b"abc")]}, "Red\n[image a.png, 3 bytes]"),
    ],
)
def test_what_a_picture_is_to_show_is_the_message(asked: dict[str, Any], content: str) -> None:
    fields = read_request(asked)
    assert fields is not None
    assert (fields["operation"], fields["messages"]) == ("image_generation", [Message("user", content)])


def test_google_s_pictures_are_marks() -> None:
    made = {
        "generated_images": [{"image": {"image_bytes": b"abc", "mime_type": "image/png"}, "enhanced_prompt": "Red."}]
    }
    fields = read_response(made)
    assert fields is not None
    assert (fields["provider"], fields["completion"]) == (
        "google",
        [Choice("assistant", "[image image/png, 3 bytes] Red.", None)],
    )


def test_a_picture_that_google_filtered_says_why() -> None:
    picture = {"image": {"image_bytes": b"abc", "mime_type": "image/png"}}
    fields = read_response({"generated_images": [{"image": None, "rai_filtered_reason": "Violence."}, picture]})
    said = "[refusal] Violence.\n[image image/png, 3 bytes]"
    assert (fields or {})["completion"] == [Choice("assistant", said, None)]


@pytest.mark.parametrize("form", PLAIN)
def test_moderation_says_what_is_flagged_as_what(form: Form) -> None:
    answer = {
        "id": "modr-1",
        "model": "omni-moderation-latest",
        "results": [
            {"flagged": True, "categories": {"violence": True, "hate": False}, "category_scores": {"violence": 0.9}},
            {"flagged": False, "categories": {"violence": False}, "category_scores": {"violence": 0.1}},
        ],
    }
    assert read_response(form(answer)) == {
        "operation": "moderation",
        "model": "omni-moderation-latest",
        "response_id": "modr-1",
        "completion": [Choice("assistant", "[moderation] flagged: violence\n[moderation] not flagged", None)],
    }
    assert read_request({"model": "omni-moderation-latest", "input": ["One", "Two"]}) == {
        "model": "omni-moderation-latest",
        "operation": "moderation",
        "messages": [Message("user", "One"), Message("user", "Two")],
    }


def test_openai_s_own_class_of_moderation_is_read() -> None:
    result = {"flagged": True, "categories": {"violence": True, "hate": None}, "category_scores": {}}
    answer = sdk("openai.types").ModerationCreateResponse.construct(id="modr-1", model="m", results=[result])
    fields = read_response(answer)
    assert fields is not None
    assert fields["completion"] == [Choice("assistant", "[moderation] flagged: violence", None)]
