"""Copies of SDK objects; that they say what the objects say is held wherever `provider_fixtures.real` makes one."""

from __future__ import annotations

import enum
import io
from typing import Any

import openai
import pydantic
import pytest
from provider_fixtures import load, real

from helicone_logging.llm.providers.requests import read_request
from helicone_logging.llm.providers.responses import read_response
from helicone_logging.llm.providers.snapshots import NotPlainError, snapshot


class Colour(enum.Enum):
    RED = "red"


class Model(pydantic.BaseModel):
    model_config = pydantic.ConfigDict(extra="allow")

    name: str
    inner: Any = None


def test_what_changes_after_the_call_does_not_show() -> None:
    response = real("openai.types.chat:ChatCompletion")(load("openai_chat"))
    copied, before = snapshot(response), read_response(response)
    response.choices[0].message.content = "changed"
    response.choices.clear()
    assert read_response(copied) == before


def test_what_holds_no_object_is_not_copied() -> None:
    text = "x" * 1_000
    assert snapshot(text) is text
    assert snapshot({"a": [{"b": text}]}) == {"a": [{"b": text}]}


def test_a_model_is_what_it_holds_with_what_its_class_does_not_declare() -> None:
    model = Model(name="a", inner=[Model(name="b"), Colour.RED, (1, {"c": Model(name="d")})], more=2)
    assert snapshot(model) == {
        "name": "a",
        "inner": [{"name": "b", "inner": None}, "red", (1, {"c": {"name": "d", "inner": None}})],
        "more": 2,
    }


def test_what_was_not_given_is_left_out() -> None:
    request = {"model": "gpt-4o", "temperature": openai.omit, "stop": openai.not_given, "messages": []}
    assert snapshot(request) == {"model": "gpt-4o", "messages": []}
    assert read_request(snapshot(request)) == read_request(request)


@pytest.mark.parametrize(
    "value",
    [
        iter("chunks"),
        object(),
        ValueError("in vain"),
        {"body": io.BytesIO(b"{}")},
        {Colour.RED: 1},
        Model(name="a", inner={1, 2}),
        [Model(name="a") for _ in range(2_001)],
    ],
)
def test_what_no_copy_can_stand_for_is_read_at_the_call(value) -> None:
    with pytest.raises(NotPlainError):
        snapshot(value)


def test_what_holds_itself_is_read_at_the_call() -> None:
    model = Model(name="a")
    model.inner = [model]
    with pytest.raises(NotPlainError):
        snapshot(model)


def test_the_provider_that_a_class_tells_stays_known() -> None:
    class Answer(pydantic.BaseModel):
        model_config = pydantic.ConfigDict(extra="allow")

    Answer.__module__ = "groq.types.chat"
    for response in (Answer(**load("openai_chat")), [Answer(**chunk) for chunk in load("openai_chat_stream")]):
        said = read_response(snapshot(response))
        assert said == read_response(response)
        assert said is not None
        assert said["provider"] == "groq"
