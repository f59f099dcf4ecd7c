from __future__ import annotations

import dataclasses
import enum
import json
from collections import deque
from types import SimpleNamespace
from typing import Any

import pytest
from pydantic import BaseModel

from helicone_logging.llm.json_text import parsed
from helicone_logging.llm.messages import Choice, Message, read_choices, read_messages


class Role(enum.Enum):
    USER = "user"


@dataclasses.dataclass
class Said:
    role: str
    content: object


class Model(BaseModel):
    role: str
    content: str


class Shouted(str):
    def __str__(self) -> str:
        return self.upper()


ONE = [Message("user", "Hi")]


@pytest.mark.parametrize(
    "value",
    [
        "Hi",
        ["Hi"],
        ("Hi",),
        deque(["Hi"]),
        {"role": "user", "content": "Hi"},
        [{"role": "user", "content": "Hi"}],
        {"content": "Hi"},
        {"role": "", "content": "Hi"},
        {"role": None, "content": "Hi"},
        Said("user", "Hi"),
        [Said("user", "Hi")],
        Model(role="user", content="Hi"),
        SimpleNamespace(role="user", content="Hi"),
        {"role": Role.USER, "content": "Hi"},
        Message("user", "Hi"),
        ONE,
        [("user", "Hi")],
        [("human", "Hi")],
        SimpleNamespace(type="human", content="Hi"),
        {"role": "human", "content": "Hi"},
        {"role": "user", "parts": [{"text": "Hi"}]},
        {"role": "user", "content": [{"type": "text", "text": "Hi"}]},
        {"role": "user", "content": [{"text": "Hi"}]},
        {"role": "USER", "message": "Hi"},
        {"role": "user", "content": "Hi", "name": "Ann"},
        [{"type": "text", "text": "Hi"}],
        {"type": "text", "text": "Hi"},
        [Shouted("Hi")],
    ],
    ids=repr,
)
def test_one_message_is_read_in_any_form(value: object) -> None:
    assert read_messages(value) == ONE


@pytest.mark.parametrize("value", [None, "", [], ()])
def test_nothing_is_no_message(value: object) -> None:
    assert read_messages(value) == []
    assert read_choices(value) == []


def test_messages_and_texts_may_be_mixed() -> None:
    assert read_messages(["Hi", {"role": "assistant", "content": "Hello"}, Said("user", "Bye")], "system") == [
        Message("system", "Hi"),
        Message("assistant", "Hello"),
        Message("user", "Bye"),
    ]


def test_the_parts_of_one_message_are_one_message() -> None:
    parts = [{"type": "text", "text": "See:"}, {"type": "image_url", "image_url": {"url": "https://a.io/b.png"}}]
    assert read_messages(["Look.", *parts]) == [Message("user", "Look.\nSee:\n[image https://a.io/b.png]")]
    assert read_choices(parts) == [Choice("assistant", "See:\n[image https://a.io/b.png]", None)]


def test_reading_again_changes_nothing() -> None:
    once = read_messages([{"role": "tool", "tool_call_id": "c1", "content": "15"}, "Hi"])
    assert read_messages(once) == once
    choices = read_choices([{"message": {"role": "assistant", "content": "Hi"}, "finish_reason": "stop"}])
    assert read_choices(choices) == choices


@pytest.mark.parametrize(
    ("role", "shown"),
    [
        ("model", "assistant"),
        ("ai", "assistant"),
        ("CHATBOT", "assistant"),
        ("developer", "developer"),
        ("critic", "critic"),
    ],
)
def test_roles_are_those_that_the_page_knows(role: str, shown: str) -> None:
    assert read_messages([{"role": role, "content": "Hi"}])[0].role == shown
    assert read_messages([{"role": role, "content": "Hi", "name": "x"}])[0].role == shown


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("Hi", [Choice("assistant", "Hi", None)]),
        ({"role": "assistant", "content": "Hi"}, [Choice("assistant", "Hi", None)]),
        (
            {"message": {"role": "assistant", "content": "Hi"}, "finish_reason": "stop"},
            [Choice("assistant", "Hi", "stop")],
        ),
        ([{"text": "Hi", "finish_reason": "length"}], [Choice("assistant", "Hi", "length")]),
        (["Hi", "Ho"], [Choice("assistant", "Hi", None), Choice("assistant", "Ho", None)]),
        (
            [{"content": {"role": "model", "parts": [{"text": "Hi"}]}, "finishReason": "STOP"}],
            [Choice("assistant", "Hi", "STOP")],
        ),
        ([{"content": {"role": "model"}, "finish_reason": "MAX_TOKENS"}], [Choice("assistant", "", "MAX_TOKENS")]),
        (
            {"role": "assistant", "content": [{"type": "text", "text": "Hi"}], "stop_reason": "end_turn"},
            [Choice("assistant", "Hi", "end_turn")],
        ),
        ([Choice("assistant", "Hi", "stop")], [Choice("assistant", "Hi", "stop")]),
        ([Message("assistant", "Hi")], [Choice("assistant", "Hi", None)]),
        ({"message": "Hi"}, [Choice("assistant", "Hi", None)]),
        (5, [Choice("assistant", "5", None)]),
    ],
)
def test_choices_are_read_in_any_form(value: Any, expected: list[Choice]) -> None:
    assert read_choices(value) == expected


def test_the_output_of_a_response_is_one_choice() -> None:
    output = [
        {"type": "reasoning", "summary": [{"type": "summary_text", "text": "Greet."}]},
        {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "Hi"}]},
        {"type": "function_call", "name": "wave", "arguments": "{}"},
    ]
    assert read_choices(output) == [Choice("assistant", "[thinking] Greet.\nHi\n[tool call] wave({})", None)]


def test_the_application_s_messages_stay_as_they_are() -> None:
    messages: list[dict[str, Any]] = [
        {"role": "assistant", "content": None, "tool_calls": [{"function": {"name": "f"}}]}
    ]
    read = read_messages(messages)
    messages[0]["content"] = "changed"
    messages.append({"role": "user", "content": "later"})
    assert read == [Message("assistant", "[tool call] f()")]


PARTS: list[tuple[dict[str, Any], str]] = [
    ({"type": "text", "content": "Hi"}, "Hi"),
    ({"type": "reasoning", "content": "They greet."}, "[thinking] They greet."),
    ({"type": "tool_call", "id": "c1", "name": "f", "arguments": {"a": 1}}, '[tool call] f({"a":1})'),
    ({"type": "tool_call_response", "id": "c1", "response": "15"}, "[tool result c1] 15"),
    ({"type": "blob", "modality": "image", "mime_type": "image/png", "content": "AAAA"}, "[image image/png, 3 bytes]"),
    ({"type": "blob", "modality": "audio", "mime_type": "audio/wav", "content": b"abc"}, "[audio audio/wav, 3 bytes]"),
    ({"type": "uri", "modality": "video", "uri": "gs://b/c.mp4"}, "[video gs://b/c.mp4]"),
    ({"type": "file", "modality": "image", "file_id": "f1"}, "[image f1]"),
    (
        {"type": "server_tool_call", "id": "s1", "name": "code", "server_tool_call": {"type": "code", "code": "1"}},
        '[tool call] code({"type":"code","code":"1"})',
    ),
]


@pytest.mark.parametrize(("part", "shown"), PARTS, ids=[part["type"] for part, _ in PARTS])
def test_the_parts_of_opentelemetry_s_messages_are_read(part: dict[str, Any], shown: str) -> None:
    assert read_messages([{"role": "user", "parts": [part]}]) == [Message("user", shown)]
    said = {"role": "assistant", "parts": [SimpleNamespace(**part)], "finish_reason": "stop"}
    assert read_choices([said]) == [Choice("assistant", shown, "stop")]
    as_text = json.dumps([{"role": "user", "parts": [part]}], default=str)
    assert "content" not in part or type(part["content"]) is bytes or read_messages(parsed(as_text))[0].content == shown


def test_opentelemetry_s_system_instructions_are_one_message() -> None:
    assert read_messages(parsed('[{"type":"text","content":"Be brief."}]'), "system") == [
        Message("system", "Be brief.")
    ]


@pytest.mark.parametrize(
    "message",
    [
        {"role": "assistant", "content": "Hi", "function_call": {}, "tool_calls": [{}]},
        {"role": "assistant", "content": "Hi", "function_call": {"name": None, "arguments": None}},
        {"role": "assistant", "content": "Hi", "function_call": {"name": "", "arguments": ""}},
        {"role": "model", "parts": [{"text": "Hi"}, {"thoughtSignature": "Et" * 500}]},
        {"role": "model", "parts": [{"text": "Hi", "thoughtSignature": "Et" * 500}]},
        {"role": "assistant", "content": [{"type": "text", "text": "Hi"}, {"thought_signature": b"x", "text": None}]},
    ],
)
def test_noise_is_not_shown(message: dict[str, Any]) -> None:
    assert read_messages([message]) == [Message("assistant", "Hi")]


def test_a_choice_without_a_message_is_empty_and_says_why() -> None:
    filtered = {"index": 0, "finish_reason": "content_filter", "content_filter_results": {"hate": {"filtered": True}}}
    assert read_choices([filtered]) == [Choice("assistant", "", "content_filter")]


def test_a_batch_of_one_conversation_as_langchain_hands_it_to_callbacks_is_that_conversation() -> None:
    conversation = [{"type": "human", "content": "Hi"}, {"type": "ai", "content": "Hello"}]
    assert read_messages([conversation]) == [Message("user", "Hi"), Message("assistant", "Hello")]


def test_texts_between_the_parts_of_a_message_belong_to_it() -> None:
    assert read_messages(["Look:", {"type": "text", "text": "here"}]) == [Message("user", "Look:\nhere")]


def test_the_items_of_an_answer_are_one_choice_in_any_order() -> None:
    call = {"type": "function_call", "name": "search", "arguments": "{}"}
    said = {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "Hi"}]}
    for items in ([call, said], [said, call]):
        (choice,) = read_choices(items)
        assert set(choice.content.split("\n")) == {"[tool call] search({})", "Hi"}
