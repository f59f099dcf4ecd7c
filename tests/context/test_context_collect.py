"""`work.collect(stream)` passes a stream on as it comes, and the record of the span has it."""

from __future__ import annotations

import asyncio
import gc
import inspect

import pytest

from helicone_logging.context import streams
from helicone_logging.context.binding import bind
from helicone_logging.context.tracing import span
from helicone_logging.core import notices
from helicone_logging.testing import capture_spans

CHUNKS = [{"n": 1}, {"n": 2}, {"n": 3}]


class Stream:
    """A stream as the SDKs have them: an iterator that can be closed."""

    def __init__(self, chunks=CHUNKS, error=None):
        self._chunks = iter(chunks)
        self._error = error
        self.is_closed = False

    def __iter__(self):
        return self

    def __next__(self):
        try:
            return next(self._chunks)
        except StopIteration:
            if self._error:
                raise self._error from None
            raise

    def close(self):
        self.is_closed = True


class AsyncStream(Stream):
    __iter__ = None

    def __aiter__(self):
        return self

    async def __anext__(self):
        await asyncio.sleep(0)
        try:
            return Stream.__next__(self)
        except StopIteration:
            raise StopAsyncIteration from None

    async def close(self):
        await asyncio.sleep(0)
        self.is_closed = True


class Text(str):
    """As LangChain's parser yields."""

    __slots__ = ()


def answer(log):
    return log["work"].span.get("llm_response")


def test_each_chunk_is_passed_on_as_it_comes_and_the_record_has_all(log):
    came = []

    def source():
        for chunk in CHUNKS:
            came.append(chunk)
            yield chunk

    with span("work") as work:
        collected = work.collect(source())
        assert inspect.isgenerator(collected)
        assert (next(collected), came) == (CHUNKS[0], CHUNKS[:1])
        assert list(collected) == CHUNKS[1:]
    assert answer(log) == CHUNKS


def test_an_async_stream_is_passed_on_as_well(log):
    async def main():
        async with span("work") as work:
            return [chunk async for chunk in work.collect(AsyncStream())]

    assert asyncio.run(main()) == CHUNKS
    assert answer(log) == CHUNKS


def test_of_a_stream_that_breaks_off_the_record_has_what_came(log):
    with pytest.raises(ConnectionError), span("work") as work:
        list(work.collect(Stream(error=ConnectionError("reset"))))
    assert answer(log) == CHUNKS
    assert log["work"].record.levelname == "ERROR"


def test_of_a_stream_that_is_left_the_record_has_what_came_and_the_stream_is_closed(log):
    stream = Stream()
    with span("work") as work:
        for chunk in work.collect(stream):
            if chunk == CHUNKS[1]:
                break
    assert answer(log) == CHUNKS[:2]
    assert stream.is_closed


def test_of_an_async_stream_that_is_closed_the_record_has_what_came_and_it_is_closed(log):
    stream = AsyncStream()

    async def main():
        async with span("work") as work:
            collected = work.collect(stream)
            assert await anext(collected) == CHUNKS[0]
            await collected.aclose()

    asyncio.run(main())
    assert answer(log) == CHUNKS[:1]
    assert stream.is_closed


def test_what_is_set_while_a_stream_is_read_after_the_block_is_in_the_record(log, monkeypatch, capsys):
    monkeypatch.setattr(notices, "_reported", set())
    with span("work") as work:
        collected = work.collect(iter(CHUNKS))
    for _ in collected:
        work.set(user_id="ada")
    assert log["work"].span["user_id"] == "ada"
    assert capsys.readouterr().err == ""


def test_a_list_that_is_left_needs_no_closing(log):
    with span("work") as work:
        collected = work.collect(iter(CHUNKS))
        next(collected)
        collected.close()
    assert answer(log) == CHUNKS[:1]


class Closable:
    """An async iterator of which `close` may be any function, or none."""

    def __init__(self, **methods):
        self.__dict__.update(methods)

    def __aiter__(self):
        return self

    async def __anext__(self):
        return CHUNKS[0]


def test_an_async_stream_is_closed_in_whatever_way_it_can_be(log):
    closed = []

    async def generator():
        try:
            yield CHUNKS[0]
        finally:
            closed.append("generator")

    async def leave(stream):
        async with span("work") as work:
            collected = work.collect(stream)
            await anext(collected)
            await collected.aclose()
            return list(closed)

    stream = generator()
    assert asyncio.run(leave(stream)) == ["generator"]
    for methods in ({"close": lambda: closed.append("plain")}, {}, {"close": "no function"}):
        asyncio.run(leave(Closable(**methods)))
    assert closed == ["generator", "plain"]


def test_a_decorated_generator_may_stream_what_it_collects(log):
    def stream():
        with span("work") as work:
            yield from work.collect(Stream())

    assert list(stream()) == CHUNKS
    assert answer(log) == CHUNKS


def test_the_answer_that_is_set_by_hand_wins_and_of_two_streams_the_last(log):
    with span("work") as work:
        list(work.collect(Stream()))
        list(work.collect(Stream(CHUNKS[1:])))
    assert answer(log) == CHUNKS[1:]
    log.seen.clear()
    with span("work") as work:
        list(work.collect(Stream()))
        work.set(llm_response={"by": "hand"})
    assert answer(log) == {"by": "hand"}


@pytest.mark.parametrize("nothing", [[], [""], [None, ""]])
def test_an_empty_stream_is_no_answer_and_outside_of_a_span_it_is_only_passed_on(log, nothing):
    with span("work") as work:
        assert list(work.collect(nothing)) == nothing
    assert answer(log) is None
    assert list(work.collect("ab")) == ["a", "b"]
    assert list(span("never entered").collect("ab")) == ["a", "b"]


def test_what_is_kept_is_bounded_and_all_is_passed_on(log, monkeypatch):
    monkeypatch.setattr(streams, "MAX_CHUNKS", 100)
    with span("work") as work:
        assert sum(1 for _ in work.collect(range(1000))) == 1000
    assert answer(log) == [*range(100), *range(1000 - streams.LAST_CHUNKS, 1000)]
    log.seen.clear()
    monkeypatch.setattr(streams, "MAX_TEXT", 1000)
    with span("work") as work:
        for _ in work.collect(b"x" * 300 for _ in range(50)):
            pass
    assert len(answer(log)) == 3 + streams.LAST_CHUNKS
    log.seen.clear()
    with span("work") as work:
        for _ in work.collect("x" * 300 for _ in range(50)):
            pass
    assert answer(log) == "x" * 900 + "…" + "x" * 300 * streams.LAST_CHUNKS


@pytest.mark.parametrize("texts", [["On its", " way", "."], ["On its", None, " way.", None], ["", Text("On its way.")]])
def test_texts_that_were_taken_out_of_chunks_are_the_answer(texts):
    with capture_spans() as spans, span("work", model="gpt-4o") as work:
        assert list(work.collect(iter(texts))) == texts
    assert spans.one().completion == "On its way."


@pytest.mark.parametrize("form", ["{}", '{{"mail": "{}"}}', "[{}]"])
def test_a_redactor_finds_what_stands_in_more_than_one_chunk(form):
    with capture_spans(redact="secrets") as spans, span("work", model="gpt-4o") as work:
        list(work.collect(form.format("ada@example.com")))
    assert "[redacted]" in str(spans.one().payload)


@pytest.mark.parametrize("lines", [['{"n": 1}', '{"n": 2}'], ["data: 1", "", "data: [DONE]"], [": wait", "data: 1"]])
def test_texts_that_a_provider_sends_stay_chunks(log, lines):
    with span("work") as work:
        list(work.collect(iter(lines)))
    assert answer(log) == [line for line in lines if line]


def test_a_stream_that_is_read_after_the_block_is_logged_when_it_is_over(log):
    """As `StreamingResponse(work.collect(stream))` does, which returns before anything is read."""
    with span("work", user_id="ada") as work:
        collected = work.collect(Stream())
    assert log.seen == []
    with bind(user_id="another"):
        assert list(collected) == CHUNKS
    assert answer(log) == CHUNKS
    assert log["work"].inherited["user_id"] == "ada"
    assert len(log.seen) == 1


def test_an_async_stream_that_is_read_after_the_block_is_logged_when_it_is_over(log):
    async def view():
        async with span("work") as work:
            return work.collect(AsyncStream())

    async def main():
        return [chunk async for chunk in await view()]

    assert asyncio.run(main()) == CHUNKS
    assert answer(log) == CHUNKS


def test_a_stream_that_breaks_off_after_the_block_is_a_failure(log):
    with span("work") as work:
        collected = work.collect(Stream(error=ConnectionError("reset")))
    with pytest.raises(ConnectionError):
        list(collected)
    assert log["work"].record.levelname == "ERROR"
    assert answer(log) == CHUNKS


def test_an_async_stream_that_breaks_off_after_the_block_is_a_failure(log):
    async def broken():
        yield CHUNKS[0]
        raise ConnectionError("reset")

    async def view():
        async with span("work") as work:
            return work.collect(broken())

    async def main():
        with pytest.raises(ConnectionError):
            [chunk async for chunk in await view()]

    asyncio.run(main())
    assert log["work"].record.levelname == "ERROR"
    assert answer(log) == CHUNKS[:1]


def test_a_stream_that_is_half_read_in_the_block_is_logged_with_what_came(log):
    with span("work") as work:
        collected = work.collect(Stream())
        assert next(collected) == CHUNKS[0]
    assert answer(log) == CHUNKS[:1]
    assert list(collected) == CHUNKS[1:]
    assert len(log.seen) == 1


def test_an_async_stream_that_is_half_read_in_the_block_is_logged_with_what_came(log):
    async def main():
        async with span("work") as work:
            collected = work.collect(AsyncStream())
            assert await anext(collected) == CHUNKS[0]
        assert answer(log) == CHUNKS[:1]
        assert [chunk async for chunk in collected] == CHUNKS[1:]

    asyncio.run(main())
    assert len(log.seen) == 1


def test_a_stream_that_is_forgotten_in_the_block_is_not_waited_for(log):
    with span("work") as work:
        work.collect(Stream())
        gc.collect()
    assert len(log.seen) == 1


def test_a_stream_that_nobody_reads_is_logged_when_it_is_forgotten(log):
    with span("work") as work:
        collected = work.collect(Stream())
    assert log.seen == []
    del collected
    gc.collect()
    assert answer(log) is None
    assert log["work"].record.levelname == "INFO"


def test_a_block_that_fails_is_logged_at_once_whatever_is_to_be_read(log):
    collected = []

    def fail(work):
        collected.append(work.collect(Stream()))
        raise KeyError

    with pytest.raises(KeyError), span("work") as work:
        fail(work)
    assert log["work"].record.levelname == "ERROR"
    assert list(collected[0]) == CHUNKS
    assert len(log.seen) == 1
