"""A context ends wherever its end comes: at the recursion limit, in another task, where the garbage collector runs."""

from __future__ import annotations

import asyncio
import contextvars
import gc
import sys
import threading

import pytest

from helicone_logging.context import stack
from helicone_logging.context.binding import begin, bind, current
from helicone_logging.context.tracing import span


def now():
    return dict(current())


def depth_of_stack():
    return len(stack._frames(stack.current()))


async def settle():
    """Lets the event loop close what was abandoned."""
    gc.collect()
    for _ in range(5):
        await asyncio.sleep(0)


# The recursion limit


def descend_spans(n):
    with span("deep", n=n):
        descend_spans(n + 1)


def descend_bindings(n):
    with bind(user_id="u", n=n):
        descend_bindings(n + 1)


@span("deep")
def descend_decorated(n):
    descend_decorated(n + 1)


@pytest.mark.parametrize("descend", [descend_spans, descend_bindings, descend_decorated])
@pytest.mark.parametrize("room", range(60, 100, 3))
def test_nothing_stays_bound_after_the_recursion_limit(log, descend, room):
    limit, depth = sys.getrecursionlimit(), stack_depth()
    sys.setrecursionlimit(depth + room)
    try:
        with pytest.raises(RecursionError):
            descend(0)
    finally:
        sys.setrecursionlimit(limit)
    assert now() == {}
    assert depth_of_stack() == 0


def stack_depth():
    frame, depth = sys._getframe(), 0
    while frame is not None:
        frame, depth = frame.f_back, depth + 1
    return depth


def test_what_ends_a_block_passes_on_though_its_record_cannot_be_logged(monkeypatch, log):
    def no_room(*_):
        raise RecursionError

    log.addFilter(no_room)
    monkeypatch.setattr("traceback.print_exc", no_room)
    with pytest.raises(KeyError), span("work"):
        raise KeyError
    assert now() == {}


# Async generators left by `break`


async def bound_stream(number):
    with bind(user_id=f"u{number}", properties={"tenant": number}):
        for item in range(5):
            yield item


async def span_stream(number):
    async with span(f"stream {number}", trace_id=f"t{number}", user_id=f"u{number}"):
        for item in range(5):
            yield item


@pytest.mark.parametrize("stream", [bound_stream, span_stream])
def test_nothing_of_an_async_generator_left_by_break_stays_with_its_consumer(log, stream):
    async def main():
        for number in range(20):
            async for _ in stream(number):
                break
            await settle()
            assert now() == {}
        return depth_of_stack()

    assert asyncio.run(main()) == 0


@pytest.mark.parametrize("stream", [bound_stream, span_stream])
def test_the_consumers_own_bindings_hold_on_when_a_generator_inside_is_left(log, stream):
    async def main():
        with bind(session_id="s"):
            async for _ in stream(1):
                break
            with bind(inner=1):
                await settle()
                assert now() == {"session_id": "s", "inner": 1}
            assert now() == {"session_id": "s"}
        return now()

    assert asyncio.run(main()) == {}


def test_a_task_that_was_started_inside_keeps_its_context_when_the_generator_is_left():
    async def main():
        is_over = asyncio.Event()

        async def work():
            before = now()
            await is_over.wait()
            with bind(more=1):
                inside = now()
            return before, inside, now()

        async def stream():
            with bind(user_id="u"):
                task = asyncio.create_task(work())
                await asyncio.sleep(0)
                yield task
                yield task

        left = stream()
        started = await anext(left)
        del left
        await settle()
        assert now() == {}
        is_over.set()
        return await started

    user = {"user_id": "u"}
    assert asyncio.run(main()) == (user, {**user, "more": 1}, user)


def test_a_generator_closed_in_another_task_is_over_where_it_was_begun():
    async def main():
        stream = bound_stream(1)

        async def begin():
            await anext(stream)
            is_begun.set()
            assert now()["user_id"] == "u1"
            await is_closed.wait()
            return now()

        is_begun, is_closed = asyncio.Event(), asyncio.Event()
        task = asyncio.create_task(begin())
        await is_begun.wait()
        with bind(user_id="another"):
            await stream.aclose()
            assert now() == {"user_id": "another"}
        is_closed.set()
        return await task, now()

    assert asyncio.run(main()) == ({}, {})


def test_a_generator_that_the_garbage_collector_closes_in_another_thread_is_over_in_its_own():
    def stream():
        with bind(user_id="u"):
            yield

    generator = stream()
    next(generator)
    assert now() == {"user_id": "u"}
    closer = threading.Thread(target=generator.close)
    closer.start()
    closer.join()
    assert now() == {}


def test_many_left_generators_leave_no_frames():
    async def main():
        for number in range(300):
            async for _ in span_stream(number):
                break
            async for _ in bound_stream(number):
                break
        await settle()
        return depth_of_stack()

    assert asyncio.run(main()) == 0


def test_a_binding_left_elsewhere_and_once_more_at_home_ends_once():
    binding = bind(user_id="u")
    with bind(session_id="s"):
        binding.__enter__()
        contextvars.copy_context().run(binding.__exit__)
        assert now() == {"session_id": "s"}
        binding.__exit__()
        assert now() == {"session_id": "s"}


def test_a_binding_of_a_request_that_is_left_elsewhere_takes_nothing_else_along():
    with begin(trace_id="t"):
        binding = bind(user_id="u")
        binding.__enter__()
        with bind(tenant="x"):
            contextvars.copy_context().run(binding.__exit__)
            for _ in range(2):
                assert now() == {"trace_id": "t", "tenant": "x"}
        assert now() == {"trace_id": "t"}


def test_of_one_binding_in_many_tasks_each_leaves_its_own():
    shared = bind(kind="shared")

    async def work(number, both):
        with bind(number=number), shared:
            await both.wait()
            inside = now()
        return inside, now()

    async def main():
        both = asyncio.Event()
        tasks = [asyncio.create_task(work(number, both)) for number in range(3)]
        await asyncio.sleep(0)
        both.set()
        return await asyncio.gather(*tasks), now()

    found, after = asyncio.run(main())
    assert found == [({"number": number, "kind": "shared"}, {}) for number in range(3)]
    assert after == {}
