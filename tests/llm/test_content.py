from __future__ import annotations

from types import SimpleNamespace

import pytest
from openai.types.chat import ChatCompletionMessage

from helicone_logging.llm.content import content_text
from helicone_logging.llm.messages import Message, read_choices, read_messages

CALL = '[tool call] get_weather({"city":"Paris"})'
ARGUMENTS = '{"city":"Paris"}'


@pytest.mark.parametrize(
    "message",
    [
        {
            "role": "assistant",
            "content": None,
            "tool_calls": [
                {"id": "c1", "type": "function", "function": {"name": "get_weather", "arguments": ARGUMENTS}}
            ],
        },
        {
            "role": "assistant",
            "content": "",
            "tool_calls": [{"name": "get_weather", "args": {"city": "Paris"}, "id": "c1", "type": "tool_call"}],
        },
        {"role": "assistant", "content": None, "function_call": {"name": "get_weather", "arguments": ARGUMENTS}},
        {
            "role": "assistant",
            "content": [{"type": "tool_use", "id": "c1", "name": "get_weather", "input": {"city": "Paris"}}],
        },
        {"role": "model", "parts": [{"functionCall": {"name": "get_weather", "args": {"city": "Paris"}}}]},
        {"role": "model", "parts": [{"function_call": {"name": "get_weather", "args": {"city": "Paris"}}}]},
        {
            "role": "assistant",
            "content": [{"toolUse": {"toolUseId": "c1", "name": "get_weather", "input": {"city": "Paris"}}}],
        },
        {"type": "function_call", "call_id": "c1", "name": "get_weather", "arguments": ARGUMENTS},
        ChatCompletionMessage.model_validate(
            {
                "role": "assistant",
                "tool_calls": [
                    {"id": "c1", "type": "function", "function": {"name": "get_weather", "arguments": ARGUMENTS}}
                ],
            }
        ),
        # LangChain has Anthropic's calls twice.
        SimpleNamespace(
            type="ai",
            content=[{"type": "tool_use", "name": "get_weather", "input": {"city": "Paris"}}],
            tool_calls=[{"name": "get_weather", "args": {"city": "Paris"}}],
        ),
    ],
)
def test_a_tool_call_is_text_with_name_and_arguments(message: object) -> None:
    assert read_messages([message]) == [Message("assistant", CALL)]
    assert [choice.content for choice in read_choices([message])] == [CALL]


@pytest.mark.parametrize(
    ("message", "role"),
    [
        ({"role": "tool", "tool_call_id": "c1", "content": "15 °C"}, "tool"),
        ({"role": "tool", "tool_call_id": "c1", "content": [{"type": "text", "text": "15 °C"}]}, "tool"),
        ({"role": "user", "content": [{"type": "tool_result", "tool_use_id": "c1", "content": "15 °C"}]}, "user"),
        (
            {
                "role": "user",
                "content": [
                    {"type": "tool_result", "tool_use_id": "c1", "content": [{"type": "text", "text": "15 °C"}]}
                ],
            },
            "user",
        ),
        ({"role": "user", "content": [{"toolResult": {"toolUseId": "c1", "content": [{"text": "15 °C"}]}}]}, "user"),
        ({"role": "user", "parts": [{"functionResponse": {"id": "c1", "name": "f", "response": "15 °C"}}]}, "user"),
        ({"type": "function_call_output", "call_id": "c1", "output": "15 °C"}, "tool"),
        (
            {"type": "function_call_output", "call_id": "c1", "output": [{"type": "input_text", "text": "15 °C"}]},
            "tool",
        ),
        (SimpleNamespace(type="tool", tool_call_id="c1", content="15 °C"), "tool"),
    ],
)
def test_a_tool_result_names_its_call(message: object, role: str) -> None:
    assert read_messages([message]) == [Message(role, "[tool result c1] 15 °C")]


def test_a_failed_tool_is_marked() -> None:
    part = {"type": "tool_result", "tool_use_id": "c1", "is_error": True, "content": "no such city"}
    assert content_text([part]) == "[tool result c1] (error) no such city"


BASE64 = "iVBORw0KGgoAAAANSUhEUg=="
PNG = "[image image/png, 16 bytes]"


@pytest.mark.parametrize(
    ("part", "shown"),
    [
        (
            {"type": "image_url", "image_url": {"url": "https://a.io/b.png", "detail": "low"}},
            "[image https://a.io/b.png]",
        ),
        ({"type": "image_url", "image_url": "https://a.io/b.png"}, "[image https://a.io/b.png]"),
        ({"type": "image_url", "image_url": {"url": f"data:image/png;base64,{BASE64}"}}, PNG),
        ({"type": "input_image", "image_url": f"data:image/png;base64,{BASE64}"}, PNG),
        ({"type": "input_image", "file_id": "file-1"}, "[image file-1]"),
        ({"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": BASE64}}, PNG),
        ({"type": "image", "source": {"type": "url", "url": "https://a.io/b.png"}}, "[image https://a.io/b.png]"),
        ({"type": "image", "source": {"type": "file", "file_id": "file_1"}}, "[image file_1]"),
        ({"type": "image", "source_type": "base64", "mime_type": "image/png", "data": BASE64}, PNG),
        ({"type": "image", "base64": BASE64, "mime_type": "image/png"}, PNG),
        ({"inline_data": {"mime_type": "image/png", "data": b"x" * 16}}, PNG),
        ({"inlineData": {"mimeType": "image/png", "data": BASE64}}, PNG),
        ({"fileData": {"mimeType": "video/mp4", "fileUri": "gs://b/c.mp4"}}, "[video gs://b/c.mp4]"),
        ({"inlineData": {"mimeType": "application/pdf", "data": BASE64}}, "[file application/pdf, 16 bytes]"),
        ({"image": {"format": "png", "source": {"bytes": b"x" * 16}}}, "[image png, 16 bytes]"),
        ({"video": {"format": "mp4", "source": {"s3Location": {"uri": "s3://b/c.mp4"}}}}, "[video s3://b/c.mp4]"),
        ({"type": "input_audio", "input_audio": {"data": BASE64, "format": "wav"}}, "[audio wav, 16 bytes]"),
        ({"type": "input_audio", "input_audio": BASE64}, "[audio 16 bytes]"),
        (
            {"type": "file", "file": {"filename": "a.pdf", "file_data": f"data:application/pdf;base64,{BASE64}"}},
            "[file a.pdf, application/pdf, 16 bytes]",
        ),
        ({"type": "file", "file": {"file_id": "file-1"}}, "[file file-1]"),
        (
            {"type": "input_file", "filename": "a.pdf", "file_url": "https://a.io/a.pdf"},
            "[file a.pdf, https://a.io/a.pdf]",
        ),
        ({"type": "document_url", "document_url": "https://a.io/a.pdf"}, "[document https://a.io/a.pdf]"),
        (
            {
                "type": "document",
                "title": "Report",
                "source": {"type": "base64", "media_type": "application/pdf", "data": BASE64},
            },
            "[document Report, application/pdf, 16 bytes]",
        ),
        (
            {"document": {"format": "pdf", "name": "Report", "source": {"bytes": b"x" * 16}}},
            "[document Report, pdf, 16 bytes]",
        ),
        (
            {"type": "document", "title": "Note", "source": {"type": "text", "media_type": "text/plain", "data": "Hi"}},
            "[document Note] Hi",
        ),
        (
            {"type": "document", "source": {"type": "content", "content": [{"type": "text", "text": "Hi"}]}},
            "[document] Hi",
        ),
        ({"type": "document", "document": {"id": "d1", "data": "Hi"}}, "[document d1] Hi"),
        ({"type": "image_generation_call", "id": "ig_1", "result": BASE64}, "[image 16 bytes]"),
        ({"type": "image"}, "[image]"),
        ({"type": "brand_new_image", "data": BASE64, "mime_type": "image/png"}, PNG),
    ],
)
def test_a_medium_is_a_short_mark_and_never_its_bytes(part: object, shown: str) -> None:
    assert content_text([part]) == shown
    assert BASE64 not in content_text({"type": "tool_result", "content": [part]})


def test_a_medium_that_wraps_itself_is_still_a_mark() -> None:
    part: dict[str, object] = {"type": "image"}
    part["source"] = part
    assert content_text([part]) == "[image]"


def test_pictures_and_sound_beside_the_content_are_marked() -> None:
    message = {
        "role": "assistant",
        "content": "Here.",
        "images": [BASE64, {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{BASE64}"}}],
        "audio": {"id": "audio_1", "data": BASE64, "transcript": "Hello."},
    }
    assert read_messages(message)[0].content == f"Here.\n[audio 16 bytes] Hello.\n[image 16 bytes]\n{PNG}"


@pytest.mark.parametrize(
    ("message", "shown"),
    [
        ({"role": "assistant", "content": "Hi", "reasoning_content": "Greet."}, "[thinking] Greet.\nHi"),
        ({"role": "assistant", "content": "Hi", "reasoning": "Greet."}, "[thinking] Greet.\nHi"),
        (
            {
                "role": "assistant",
                "content": [{"type": "thinking", "thinking": "Greet."}, {"type": "text", "text": "Hi"}],
            },
            "[thinking] Greet.\nHi",
        ),
        (
            {
                "role": "assistant",
                "content": [{"type": "thinking", "thinking": [{"type": "text", "text": "Greet."}]}, "Hi"],
            },
            "[thinking] Greet.\nHi",
        ),
        (
            {
                "role": "assistant",
                "content": [{"reasoningContent": {"reasoningText": {"text": "Greet."}}}, {"text": "Hi"}],
            },
            "[thinking] Greet.\nHi",
        ),
        (
            {"role": "assistant", "content": [{"reasoningContent": {"redactedContent": b"x"}}, {"text": "Hi"}]},
            "[thinking] (redacted)\nHi",
        ),
        ({"role": "model", "parts": [{"text": "Greet.", "thought": True}, {"text": "Hi"}]}, "[thinking] Greet.\nHi"),
        (
            {
                "role": "assistant",
                "content": [{"type": "reasoning", "summary": [], "encrypted_content": "gAAAA"}, "Hi"],
            },
            "Hi",
        ),
        ({"role": "assistant", "content": None, "refusal": "No."}, "[refusal] No."),
        ({"role": "assistant", "content": [{"type": "refusal", "refusal": "No."}]}, "[refusal] No."),
    ],
)
def test_thoughts_and_refusals_are_marked(message: object, shown: str) -> None:
    assert read_messages(message) == [Message("assistant", shown)]


def test_our_marks_are_never_taken_for_json() -> None:
    call = {"type": "tool_use", "name": "f", "input": {"a": [1]}}
    result = {"type": "tool_result", "tool_use_id": "c1", "content": '{"a": 1}'}
    for text in (content_text([call]), content_text([result]), content_text([call, call])):
        assert text.startswith("[tool ")
        assert not text.endswith("]")


@pytest.mark.parametrize(
    ("part", "shown"),
    [
        ({"type": "brand_new", "text": "Hi"}, "Hi"),
        ({"type": "profile", "text": "Hi"}, "Hi"),
        ({"type": "brand_new", "value": [1, 2]}, '{"type":"brand_new","value":[1,2]}'),
        ({"anything": 1}, '{"anything":1}'),
        (5, "5"),
        (True, "true"),
        (None, ""),
        (b"abc", "abc"),
    ],
)
def test_what_is_unknown_is_shown_as_text(part: object, shown: str) -> None:
    assert content_text([part]) == shown


class Incomparable:
    def __eq__(self, other: object) -> bool:
        raise RuntimeError

    __hash__ = object.__hash__


def test_one_odd_part_does_not_cost_the_others() -> None:
    odd = {"type": "tool_result", "content": "15 °C", "status": Incomparable()}
    lines = content_text(["Before", odd, "After"]).splitlines()
    assert (lines[0], lines[-1]) == ("Before", "After")
    assert "15 °C" in lines[1]


@pytest.mark.parametrize(
    ("parts", "shown"),
    [
        ([{"type": "text", "text": {"value": "Hi", "annotations": []}}], "Hi"),
        ([{"text": "Hi"}, {"cachePoint": {"type": "default"}}], "Hi"),
        ([{"guardContent": {"text": {"text": "Hi"}}}], "Hi"),
        ([{"citationsContent": {"content": [{"text": "Hi"}], "citations": []}}], "Hi"),
        ([["Hi", ["there"]]], "Hi\nthere"),
        ([{"executableCode": {"language": "PYTHON", "code": "print(1)"}}], "[code python]\nprint(1)"),
        (
            [{"type": "mcp_call", "name": "roll", "arguments": "{}", "output": "4"}],
            "[tool call] roll({})\n[tool result] 4",
        ),
        ([{"type": "code_interpreter_call", "code": "1 + 1"}], "[tool call] code_interpreter(1 + 1)"),
        (
            [
                {
                    "type": "search_result",
                    "title": "T",
                    "source": "https://a.io",
                    "content": [{"type": "text", "text": "Hi"}],
                }
            ],
            "T\nhttps://a.io\nHi",
        ),
    ],
)
def test_the_parts_of_all_kinds_are_read(parts: object, shown: str) -> None:
    assert content_text(parts) == shown


def test_a_flood_of_parts_is_cut() -> None:
    text = content_text([{"type": "text", "text": "x"}] * 20_000)
    assert text.count("x") == 9_999
    assert text.endswith("…")


def test_a_tool_call_of_unknown_form_is_shown_as_text() -> None:
    assert read_messages({"role": "assistant", "tool_calls": "search(cats)"})[0].content == "[tool call] search(cats)"
