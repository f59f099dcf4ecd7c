"""Whatever comes in `extra=`: nothing raises, nothing is changed, nothing is taken for what it is not."""

from __future__ import annotations

import copy
import gc
import json
import weakref
from collections.abc import Callable, Iterator
from typing import Any
from unittest.mock import MagicMock, Mock, create_autospec

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from openai.types.chat import ChatCompletion
from provider_fixtures import load, real

from helicone_logging.core.bounded import CUT
from helicone_logging.llm.messages import Choice, Message, OmittedMessages, read_choices, read_messages
from helicone_logging.llm.providers.requests import read_request
from helicone_logging.llm.providers.responses import read_response

READERS: list[Callable[[object], object]] = [read_request, read_response]

NAMES = """
    role content type text messages message choices delta finish_reason index usage prompt_tokens output object input
    system contents parts candidates usageMetadata modelId config tool_calls function name arguments data embedding
    embeddings prompt model instructions source image_url url inline_data toolUse toolResult messageStart tool_use
    refusal thinking summary response output_index stop_reason content_block event item id status
    error annotations citations sources lc kwargs generations message done results documents query body chunk bytes
    outputs logs outcome audio images transcript document location title generation outputText event_type file voice
    type modality tools approve http_response _content categories relevance_score usage_metadata response_metadata
""".split()  # noqa: SIM905 - easier to read
WORDS = """
    message text tool_use tool_result image_url user assistant response message_start content_block_start stop
    content_block_delta message-start response.created response.output_item.done chat.completion
    data:image/png;base64,AA https://a.io/b.png ai human error compaction mcp_list_tools shell_call_output
    code_interpreter_call blob uri response.output_text.delta AIMessageChunk transcript.text.delta text-generation
""".split()  # noqa: SIM905 - easier to read

scalars = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8) | st.sampled_from(WORDS)
names = st.sampled_from(NAMES) | st.text(max_size=4)
json_like = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(names, inner, max_size=6), max_leaves=30
)


@settings(max_examples=400, deadline=None)
@given(json_like)
def test_any_json_is_read_without_raising_or_changing_it(value: Any) -> None:
    before = repr(value)
    for read in READERS:
        fields = read(value)
        assert fields is None or isinstance(fields, dict)
    for message in read_messages(value):
        assert message.role
        assert type(message) is Message
        assert type(message.content) is str
    for choice in read_choices(value):
        assert choice.role
        assert type(choice) is Choice
        assert type(choice.content) is str
        assert choice.finish_reason is None or type(choice.finish_reason) is str
    assert repr(value) == before


FIXTURES = [
    "openai_chat",
    "openai_chat_stream",
    "openai_responses_stream",
    "anthropic_message",
    "anthropic_stream",
    "google_stream",
    "mistral_stream",
    "cohere_chat",
    "cohere_stream",
    "bedrock_stream",
]


@settings(max_examples=300, deadline=None)
@given(st.sampled_from(FIXTURES), st.data())
def test_a_damaged_response_is_read_without_raising_or_changing_it(fixture: str, data: st.DataObject) -> None:
    response = load(fixture)
    _damage(response, data)
    before = copy.deepcopy(response)
    fields = read_response(response)
    assert json.dumps(response) == json.dumps(before)
    for choice in (fields or {}).get("completion", []):
        assert type(choice) is Choice
        assert choice.role


def _damage(value: Any, data: st.DataObject) -> None:
    """Puts something else in the place of one thing, somewhere inside."""
    while True:
        keys = list(value) if isinstance(value, dict) else list(range(len(value)))
        key = data.draw(st.sampled_from(keys))
        inner = value[key]
        if not isinstance(inner, dict | list) or not inner or data.draw(st.booleans()):
            value[key] = data.draw(json_like)
            return
        value = inner


@pytest.mark.parametrize("read", READERS)
@pytest.mark.parametrize(
    "mock",
    [
        MagicMock(),
        Mock(),
        MagicMock(spec=ChatCompletion),
        create_autospec(ChatCompletion),
        [MagicMock()],
        {"choices": MagicMock()},
        {"messages": MagicMock()},
        {"choices": [MagicMock()]},
        MagicMock(choices=[MagicMock()], messages=[]),
    ],
)
def test_a_mock_is_taken_for_nothing(read: Callable[[object], object], mock: object) -> None:
    assert read(mock) is None


def test_a_mock_among_messages_is_one_text() -> None:
    messages = read_messages([{"role": "user", "content": "Hi"}, MagicMock(name="odd")])
    assert messages[0] == Message("user", "Hi")
    assert (len(messages), messages[1].role) == (2, "user")
    assert "odd" in messages[1].content


class Hostile:
    """Fails at whatever it is asked."""

    def __getattribute__(self, name: str) -> Any:
        raise RuntimeError(name)

    def __str__(self) -> str:
        raise RuntimeError

    __repr__ = __str__

    def __bool__(self) -> bool:
        raise RuntimeError

    def __eq__(self, other: object) -> bool:
        raise RuntimeError

    __hash__ = None

    def __len__(self) -> int:
        raise RuntimeError

    def __iter__(self) -> Iterator[object]:
        raise RuntimeError


class Veil(type):
    def __getattribute__(cls, name: str) -> Any:
        if name == "__dict__":
            raise RuntimeError
        return super().__getattribute__(name)


class Veiled(metaclass=Veil):
    """Fails when its class is looked at."""


class HostileList(list[object]):
    def __iter__(self) -> Iterator[object]:
        raise RuntimeError


class HostileDict(dict[str, object]):
    def get(self, *_: object) -> object:
        raise RuntimeError

    __getitem__ = __iter__ = keys = items = get


class Endless(list[object]):
    def __iter__(self) -> Iterator[object]:
        while True:
            yield {"role": "user", "content": "again"}


@pytest.mark.parametrize("kind", [Hostile, Veiled, HostileList, HostileDict])
def test_a_hostile_object_costs_only_itself(kind: type) -> None:
    odd = kind()
    assert read_request(odd) is None
    assert read_response(odd) is None
    for place in (
        [odd, {"role": "user", "content": "Hi"}],
        [{"role": "user", "content": odd, "tool_calls": odd}, {"role": "user", "content": "Hi"}],
        [
            {"role": odd, "content": [odd, {"type": odd}, {"type": "text", "text": odd}]},
            {"role": "user", "content": "Hi"},
        ],
    ):
        messages = read_messages(place)
        assert messages[1] == Message("user", "Hi")
        assert len(messages) == 2
        assert messages[0].role == "user"
        assert len(read_choices(place)) == 2
    response = load("openai_chat")
    response["choices"][0]["message"]["content"] = odd
    response["usage"] = odd
    fields = read_response(response)
    assert fields is not None
    assert fields["model"] == "gpt-4o-2024-08-06"
    assert "prompt_tokens" not in fields


def test_an_endless_list_ends() -> None:
    messages = read_messages(Endless([1]))
    assert messages[0] == Message("user", "again")
    assert messages[-1] == Message("user", CUT)
    assert any(isinstance(message, OmittedMessages) for message in messages)


@pytest.mark.parametrize("name", ["error", "annotations", "citations", "sources", "tool_calls", "message", "kwargs"])
def test_what_contains_itself_under_any_name_is_read_to_an_end(name: str) -> None:
    message: dict[str, object] = {"role": "assistant", "content": "Hi", "lc": 1, "type": "ai"}
    message[name] = [message] if name in ("annotations", "citations", "tool_calls") else message
    message["sources"] = [message]
    for value in ([message], {"choices": [message]}, message):
        assert [found.role for found in read_messages([message])] == ["assistant"]
        assert len(read_choices([message])) == 1
        assert read_response(value) is None or read_response(value)
        assert read_request(value) is None or read_request(value)


def test_what_contains_itself_is_still_a_list_of_messages() -> None:
    message: dict[str, object] = {"role": "user"}
    parts: list[object] = [{"type": "text", "text": "Hi"}, message]
    parts.extend([parts] * 10)
    message["content"] = parts
    messages = read_messages([message, message])
    assert [found.role for found in messages] == ["user", "user"]
    assert messages[0].content.startswith("Hi")
    assert len(messages[0].content) < 1_000_000

    response = load("openai_chat")
    response["choices"][0]["message"]["tool_calls"] = [response]
    response["choices"].append(response)
    fields = read_response(response)
    assert fields is not None
    assert len(fields["completion"]) == 3


@pytest.mark.parametrize("key", ["content", "parts", "tool_calls"])
def test_content_ten_thousand_levels_deep_is_still_a_message(key: str) -> None:
    deep: object = "bottom"
    for _ in range(10_000):
        deep = [deep]
    wide: object = "bottom"
    for _ in range(10_000):
        wide = {"type": "tool_result", "content": wide}
    for value in (deep, wide):
        assert [message.role for message in read_messages([{"role": "user", key: value}])] == ["user"]
        assert [message.role for message in read_messages(value)] == ["user"]
        assert read_response(value) is None


def test_a_stream_is_never_used_up() -> None:
    class Events:  # as Bedrock's: to be iterated, once
        def __init__(self) -> None:
            self.left = [1, 2]

        def __iter__(self) -> Iterator[int]:
            while self.left:
                yield self.left.pop()

    events = Events()
    stream = iter(load("openai_chat_stream"))
    mapped = map(str, [1, 2])
    for value in (events, stream, mapped):
        assert read_request(value) is None
        assert read_response(value) is None
        assert [message.role for message in read_messages(value)] == ["user"]
        assert len(read_choices(value)) == 1
    assert read_response({"stream": events, "ResponseMetadata": {}}) is None
    assert (len(events.left), len(list(stream)), list(mapped)) == (2, 12, ["1", "2"])


@pytest.mark.parametrize(
    "other",
    [
        {},
        [],
        "",
        "plain text",
        "{not json",
        b"\xff\xfe",
        5,
        None,
        object(),
        {"choices": ["a", "b"]},
        {"choices": []},
        {"data": [1, 2]},
        {"output": [1], "status": "done"},
        {"content": [], "type": "message"},
        {"message": {"a": 1}},
        {"embeddings": []},
        [{"a": 1}],
        ["a", "b"],
        [[1]],
        {"usage_metadata": {"input_tokens": 1}, "content": "Hi"},
        load("openai_chat")["choices"][0],
    ],
)
def test_what_is_no_response_is_none(other: object) -> None:
    assert read_response(other) is None


def test_nothing_keeps_the_objects_alive() -> None:
    response = real("openai.types.chat:ChatCompletion")(load("openai_chat"))
    watched = weakref.ref(response)
    assert read_response(response) is not None
    del response
    gc.collect()
    assert watched() is None
