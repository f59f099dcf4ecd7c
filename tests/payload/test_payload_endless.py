"""Of lazily loaded mappings and lists, and of those without end, a beginning is read; a mark stands for the rest."""

from __future__ import annotations

import collections
import itertools
from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Any

import pytest
from payloads import PROPERTY, raw_of, record, row, sent, span_of, traced

from helicone_logging import OTELTraceFormatter, TraceContextFilter, bind
from helicone_logging.context.portable import portable
from helicone_logging.core import ids
from helicone_logging.core.bounded import CUT, MAX_ITEMS, MAX_OF_RECORD
from helicone_logging.llm.messages import MAX_MESSAGES

PLACES = (
    "thing", "properties", "helicone", "messages", "completion", "llm_request", "llm_response", "extra", "tool_calls",
    "finish_reason", "otel_span", "otel_attributes", "gen_ai.input.messages", "session_id", "user_id", "traceparent",
    "span_id", "parent_span_id",
)  # fmt: skip
MANY = 20_000


class Endless(Mapping[Any, Any]):
    """A mapping that loads each item when it is asked for, and always has another one."""

    def __init__(self) -> None:
        self.reads = 0

    def __getitem__(self, key: object) -> object:
        return f"value {key}"

    def __len__(self) -> int:
        return 3

    def __iter__(self) -> Iterator[object]:
        for number in itertools.count():
            self.reads += 1
            yield f"key {number}"


class EndlessList(list[object]):
    """A list that always has another item."""

    reads = 0

    def __iter__(self) -> Iterator[object]:
        while True:
            EndlessList.reads += 1
            yield {"role": "user", "content": "again"}


class CountedMessage(Mapping[str, object]):
    """A message that counts how often one of its kind was looked into."""

    reads = 0

    def __init__(self, content: str) -> None:
        self._fields = {"role": "user", "content": content}

    def __getitem__(self, key: str) -> object:
        return self._fields[key]

    def __len__(self) -> int:
        return len(self._fields)

    def __iter__(self) -> Iterator[str]:
        CountedMessage.reads += 1
        return iter(self._fields)


def counted(amount: int) -> list[CountedMessage]:
    CountedMessage.reads = 0
    return [CountedMessage(str(number)) for number in range(amount)]


@pytest.mark.parametrize("name", PLACES)
def test_of_a_mapping_without_end_a_beginning_is_read(name: str) -> None:
    endless = Endless()
    raw_of(traced("ask", extra={name: endless}))
    assert endless.reads <= 2 * MAX_OF_RECORD


def test_a_trace_id_without_end_is_an_id() -> None:
    assert ids.trace_id(Endless()) == ids.trace_id(Endless()) is not None
    assert len(span_of(record("ask", trace_id=Endless()))["traceId"]) == 32


@pytest.mark.parametrize("name", ["messages", "completion", "llm_request", "llm_response"])
def test_mappings_without_end_in_a_list_share_what_may_be_read(name: str) -> None:
    endless = [Endless() for _ in range(300)]
    raw_of(traced("ask", extra={name: endless}))
    assert sum(each.reads for each in endless) < 5 * MAX_OF_RECORD


@pytest.mark.parametrize("exc_info", [False, True])
def test_of_a_dict_message_without_end_a_beginning_is_read(exc_info: bool) -> None:
    endless = Endless()
    made = traced(endless)
    TraceContextFilter().filter(made)
    raw_of(made)
    assert endless.reads <= 5 * MAX_ITEMS


@pytest.mark.parametrize("name", ["thing", "properties"])
def test_of_what_is_bound_without_end_a_beginning_is_read(name: str) -> None:
    endless = Endless()
    with bind(trace_id="t", **{name: endless}):
        raw_of(record("ask", model="m"))
    assert endless.reads <= 2 * MAX_ITEMS
    assert portable(endless)["key 0"] == "value key 0"


def test_what_is_left_out_is_marked() -> None:
    found = sent(traced("ask", thing=Endless(), properties=Endless()), OTELTraceFormatter(max_attributes=30_000))
    assert found["thing"].endswith(f',"{CUT}":"{CUT}"}}')
    assert found[PROPERTY + "key 0"] == "value key 0"
    assert found[PROPERTY + CUT] == CUT


@pytest.mark.parametrize("name", ["thing", "messages", "completion", "llm_request", "llm_response", "properties"])
def test_of_a_list_without_end_a_beginning_is_read(name: str) -> None:
    EndlessList.reads = 0
    made = traced("ask", extra={name: EndlessList([1])})
    assert CUT in raw_of(made).decode()
    assert EndlessList.reads <= 10 * MAX_ITEMS


@pytest.mark.parametrize(
    "kind", [dict, collections.OrderedDict, collections.UserDict, collections.ChainMap, MappingProxyType]
)
@pytest.mark.parametrize("name", ["properties", "helicone", "extra", "thing", "msg"])
def test_a_mapping_of_any_class_is_read_as_a_dict_is(kind: Any, name: str) -> None:
    given = {f"key {number}": f"value {number}" for number in range(150)}
    formatter = OTELTraceFormatter(max_attributes=1_000)

    def found(value: object) -> dict[str, Any]:
        made = traced(value) if name == "msg" else traced("ask", extra={name: value})
        return sent(made, formatter)

    assert found(kind(given)) == found(given)


@pytest.mark.parametrize("name", ["messages", "gen_ai.input.messages", "llm_request", "helicone"])
def test_of_messages_only_those_are_read_that_are_sent(name: str) -> None:
    messages = counted(MANY)
    system = "be brief"
    value: object = messages
    if name == "llm_request":
        value = {"model": "m", "system": system, "messages": messages}
    elif name == "helicone":
        value = {"messages": messages}
    shown = [message.content for message in row(traced("ask", extra={name: value})).messages]
    before = [system] if name == "llm_request" else []
    left_out = MANY + len(before) - MAX_MESSAGES + 1
    expected = [*before, *map(str, range(MAX_MESSAGES // 2 - len(before))), f"[… {left_out} messages left out …]"]
    assert shown[: len(expected)] == expected
    assert shown[len(expected) :] == list(map(str, range(MANY - MAX_MESSAGES // 2 + 1, MANY)))
    assert 0 < CountedMessage.reads < 10 * MAX_MESSAGES


@pytest.mark.parametrize(
    "value",
    [
        {"completion": counted(MANY)},
        {"llm_response": {"object": "chat.completion", "choices": [{"message": each} for each in counted(MANY)]}},
        {"helicone": {"completion": counted(MANY)}},
    ],
)
def test_of_choices_only_those_are_read_that_are_sent_and_a_mark_stands_for_the_rest(value: Any) -> None:
    CountedMessage.reads = 0
    shown = [choice.content for choice in row(traced("ask", extra=value)).choices]
    mark = f"[… {MANY - MAX_MESSAGES + 1} choices left out …]"
    assert shown == [*map(str, range(MAX_MESSAGES - 1)), mark]
    assert 0 < CountedMessage.reads < 15 * MAX_MESSAGES


def test_of_a_stream_with_too_many_chunks_the_beginning_and_the_end_are_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("helicone_logging.llm.providers.responses._MAX_CHUNKS", 100)
    monkeypatch.setattr("helicone_logging.llm.providers.responses._LAST_CHUNKS", 10)
    chunks: list[object] = [{"choices": [{"index": 0, "delta": {"content": f"{number} "}}]} for number in range(1_000)]
    chunks.append({"choices": [], "usage": {"prompt_tokens": 3, "completion_tokens": 1_000}})
    made = row(traced("ask", llm_response=chunks))
    said = " ".join(map(str, [*range(90), *range(991, 1_000)]))
    assert [choice.content for choice in made.choices] == [f"{said} \n[… 901 chunks left out …]"]
    assert made.completion_tokens == 1_000


def test_of_calls_beside_a_message_a_mark_stands_for_the_rest() -> None:
    calls = [{"name": f"f{number}", "arguments": "{}"} for number in range(2_000)]
    (choice,) = row(traced("ask", tool_calls=calls)).choices
    assert choice.content.count("[tool call]") == 1_001
    assert choice.content.endswith(CUT)
