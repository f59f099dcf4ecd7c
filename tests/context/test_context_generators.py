from __future__ import annotations

import asyncio
import contextvars
import gc
import inspect
from contextlib import suppress

import pytest

from helicone_logging.context.binding import bind, current


def now():
    return dict(current())


@bind(inside=True)
def echo():
    """Yields what is bound, and what it was sent or thrown before."""
    sent = None
    while sent != "stop":
        with suppress(KeyError):
            sent = yield sent, now()
            continue
        sent = "caught"
    return "returned"


@bind(inside=True)
async def async_echo():
    sent = None
    while sent != "stop":
        with suppress(KeyError):
            await asyncio.sleep(0)
            sent = yield sent, now()
            continue
        sent = "caught"


def test_decorated_generators_stay_what_they_are():
    assert inspect.isgeneratorfunction(echo)
    assert inspect.isasyncgenfunction(async_echo)


def test_decorated_functions_of_all_kinds_take_their_arguments():
    @bind()
    def plain(one, *, other):
        return one, other

    @bind()
    async def coroutine(one, *, other):
        return one, other

    @bind()
    def generator(one, *, other):
        yield one
        yield other

    @bind()
    async def async_generator(one, *, other):
        yield one
        yield other

    async def main():
        return await coroutine(1, other=2), [item async for item in async_generator(1, other=2)]

    assert asyncio.run(main()) == ((1, 2), [1, 2])
    assert (plain(1, other=2), list(generator(1, other=2))) == ((1, 2), [1, 2])


def test_a_generator_is_bound_in_its_body_and_its_consumer_is_not():
    generator = echo()
    for _ in range(3):
        assert next(generator)[1] == {"inside": True}
        assert now() == {}
    generator.close()
    assert now() == {}


def test_a_generator_has_the_context_in_which_its_first_item_was_taken():
    generator = echo()
    with bind(user_id="first"):
        assert next(generator)[1] == {"user_id": "first", "inside": True}
    with bind(user_id="later"):
        assert next(generator)[1] == {"user_id": "first", "inside": True}
        assert now() == {"user_id": "later"}
    generator.close()


def test_what_is_sent_and_thrown_into_a_generator_arrives_and_what_it_returns_comes_back():
    generator = echo()
    next(generator)
    assert generator.send("hello") == ("hello", {"inside": True})
    assert generator.throw(KeyError()) == ("caught", {"inside": True})
    with pytest.raises(StopIteration) as stopped:
        generator.send("stop")
    assert stopped.value.value == "returned"
    assert now() == {}


def test_what_a_generator_raises_passes_on_and_nothing_stays_bound():
    generator = echo()
    next(generator)
    with pytest.raises(ZeroDivisionError):
        generator.throw(ZeroDivisionError())
    assert now() == {}


def test_a_binding_of_the_body_holds_across_its_yields_but_only_in_the_body():
    @bind(outer=1)
    def generator():
        with bind(inner=2):
            yield now()
            yield now()
        yield now()

    seen = []
    for item in generator():
        assert now() == {}
        seen.append(item)
    assert seen == [{"outer": 1, "inner": 2}, {"outer": 1, "inner": 2}, {"outer": 1}]


def test_two_generators_taken_in_turns_do_not_mix():
    with bind(user_id="a"):
        a = echo()
        next(a)
    with bind(user_id="b"):
        b = echo()
        next(b)
        for _ in range(2):
            assert next(a)[1] == {"user_id": "a", "inside": True}
            assert next(b)[1] == {"user_id": "b", "inside": True}
    a.close()
    b.close()


def test_an_abandoned_generator_is_finalised_without_a_trace():
    ended_in = []

    @bind(inside=True)
    def generator():
        try:
            yield
        finally:
            ended_in.append(now())

    abandoned = generator()
    next(abandoned)
    with bind(user_id="elsewhere"):
        del abandoned
        gc.collect()
        assert now() == {"user_id": "elsewhere"}
    assert ended_in == [{"inside": True}]


def test_a_generator_may_be_closed_in_another_context():
    generator = echo()
    next(generator)
    contextvars.Context().run(generator.close)
    assert now() == {}


def test_a_with_block_in_a_generator_ends_for_itself_in_whatever_order():
    def generator():
        with bind(inner=1):
            yield

    running = generator()
    next(running)
    with bind(user_id="u"):
        assert next(running, None) is None
        assert now() == {"user_id": "u"}
    assert now() == {}


def test_an_async_generator_is_bound_in_its_body_and_its_consumer_is_not():
    async def main():
        generator = async_echo()
        with bind(user_id="first"):
            assert await anext(generator) == (None, {"user_id": "first", "inside": True})
            assert now() == {"user_id": "first"}
        assert await generator.asend("hello") == ("hello", {"user_id": "first", "inside": True})
        assert await generator.athrow(KeyError()) == ("caught", {"user_id": "first", "inside": True})
        assert now() == {}
        with pytest.raises(StopAsyncIteration):
            await generator.asend("stop")
        return now()

    assert asyncio.run(main()) == {}


def test_an_async_generator_that_is_closed_early_cleans_up_inside_its_binding():
    ended_in = []

    @bind(inside=True)
    async def generator():
        try:
            yield 1
            yield 2
        finally:
            await asyncio.sleep(0)
            ended_in.append(now())

    async def main():
        running = generator()
        async for _ in running:
            break
        await running.aclose()
        return now()

    assert asyncio.run(main()) == {}
    assert ended_in == [{"inside": True}]


def test_an_abandoned_async_generator_is_finalised_by_the_loop():
    ended_in = []

    @bind(inside=True)
    async def generator():
        try:
            yield 1
        finally:
            ended_in.append(now())

    async def main():
        with bind(user_id="u"):
            async for _ in generator():
                break
        gc.collect()
        await asyncio.sleep(0)
        return now()

    assert asyncio.run(main()) == {}
    assert ended_in == [{"user_id": "u", "inside": True}]


def test_what_an_async_generator_raises_passes_on():
    async def main():
        generator = async_echo()
        await anext(generator)
        with pytest.raises(ZeroDivisionError):
            await generator.athrow(ZeroDivisionError())
        return now()

    assert asyncio.run(main()) == {}


def test_an_async_generator_taken_by_several_tasks_leaks_into_none():
    async def take(generator, user):
        with bind(user_id=user):
            await anext(generator)
            return now()

    async def main():
        generator = async_echo()
        found = [await asyncio.create_task(take(generator, user)) for user in "abc"]
        await generator.aclose()
        return found

    assert asyncio.run(main()) == [{"user_id": user} for user in "abc"]


def test_a_step_that_is_thrown_away_halfway_changes_nothing_where_it_is_closed():
    stuck = drive_by_hand()
    with bind(user_id="here"):
        stuck.close()
        assert now() == {"user_id": "here"}


def drive_by_hand():
    """A coroutine that stopped in the middle of a step, in a context of its own."""

    class Never:
        def __await__(self):
            yield

    @bind(inside=True)
    async def generator():
        await Never()
        yield

    async def drive():
        async for _ in generator():
            pass

    coroutine = drive()
    contextvars.copy_context().run(coroutine.send, None)
    return coroutine
