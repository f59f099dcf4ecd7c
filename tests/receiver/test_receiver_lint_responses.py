"""The linter says what to give in place of what is no response, and how to tell of an exception."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest

from helicone_logging import Finding, OTELTraceFormatter, lint

MESSAGE = {"role": "assistant", "content": "Here."}
CHOICE = {"index": 0, "finish_reason": "stop", "message": MESSAGE}


def found(level: int = logging.INFO, exc_info: Any = None, /, **extra: Any) -> list[Finding]:
    """What is found of the call of a model, but that it belongs to no user."""
    fields = {"trace_id": "order-1234", "model": "gpt-4o", "prompt": "Where?", **extra}
    logger = logging.getLogger("shop")
    record = logger.makeRecord("shop", level, "a.py", 1, "ask", (), exc_info, "ask", fields)
    return [one for one in lint(OTELTraceFormatter().format(record)) if one.code != "no-user"]


class EventStream:
    """As some libraries call what they yield an answer by."""

    def __iter__(self) -> Iterator[str]:
        return iter(())


def generator() -> Iterator[str]:
    yield "Here."


async def async_generator() -> AsyncIterator[str]:
    yield "Here."


STREAMS = {
    "stream": EventStream,
    "generator": generator,
    "async generator": async_generator,
    "iterator": lambda: iter([MESSAGE]),
}


@pytest.mark.parametrize("kind", STREAMS)
def test_a_stream_is_to_be_collected(kind: str) -> None:
    (finding,) = found(llm_response=STREAMS[kind]())
    assert (finding.code, finding.field) == ("not-understood", "llm_response by work.collect(stream)")
    assert "a stream" in finding.message


def test_a_coroutine_is_to_be_awaited() -> None:
    with contextlib.closing(asyncio.sleep(0)) as coroutine:
        (finding,) = found(llm_response=coroutine)
    assert "not awaited" in finding.message
    assert "`await`" in finding.field


@pytest.mark.parametrize("part", [CHOICE, [CHOICE], MESSAGE, {"type": "text", "text": "Here."}, {"delta": MESSAGE}])
def test_of_a_part_the_whole_response_is_wanted(part: object) -> None:
    (finding,) = found(llm_response=part)
    assert (finding.code, finding.field) == ("not-understood", "llm_response to the whole response")


def test_of_another_response_the_completion_is_wanted() -> None:
    (finding,) = found(llm_response={"id": "x", "out": "Here."})
    assert (finding.code, finding.field) == ("not-understood", "completion")


def test_a_stream_that_is_given_as_the_completion_is_told() -> None:
    codes = {one.code: one.message for one in found(completion=generator(), prompt_tokens=1, completion_tokens=1)}
    assert codes == {"not-understood": "completion is a stream, which is not read here"}


@pytest.mark.parametrize(
    "answer", ['{"role": "admin"}', "<generator object x at 0x12> is a generator", "<stream>", "a stream at 0x12>"]
)
def test_an_answer_that_looks_like_it_is_no_mistake(answer: str) -> None:
    assert found(completion=answer, prompt_tokens=1, completion_tokens=1) == []


@pytest.mark.parametrize("name", ["error", "exception", "exc", "err"])
def test_an_exception_is_to_be_passed_as_exc_info(name: str) -> None:
    (finding,) = found(logging.ERROR, **{name: ValueError("no such order")})
    assert (finding.code, finding.severity) == ("no-exc-info", "info")
    assert finding.field.startswith("exc_info")


def test_an_exception_beside_exc_info_or_as_text_is_right() -> None:
    error = ValueError("no such order")
    assert found(logging.ERROR, (ValueError, error, None), error=error) == []
    assert found(logging.WARNING, completion="x", prompt_tokens=1, completion_tokens=1, error="ValueError: no") == []
