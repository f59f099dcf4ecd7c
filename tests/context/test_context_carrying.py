from __future__ import annotations

import asyncio
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from helicone_logging.context.binding import bind, carry, current


def now(*_):
    return dict(current())


async def now_async():
    await asyncio.sleep(0)
    return now()


def test_tasks_and_threads_of_asyncio_have_the_context_they_were_started_in():
    async def main():
        with bind(user_id="u"):
            task = asyncio.create_task(now_async())
            with bind(user_id="v"):
                return await task, await asyncio.gather(now_async(), asyncio.to_thread(now))

    assert asyncio.run(main()) == ({"user_id": "u"}, [{"user_id": "v"}, {"user_id": "v"}])


def test_what_a_task_binds_stays_in_the_task():
    async def binding():
        bind(user_id="u").__enter__()
        await asyncio.sleep(0)
        return now()

    async def main():
        return await asyncio.create_task(binding()), now()

    assert asyncio.run(main()) == ({"user_id": "u"}, {})


def test_a_task_keeps_its_binding_when_the_one_who_started_it_leaves_it():
    async def main():
        is_left = asyncio.Event()

        async def wait():
            await is_left.wait()
            return now()

        with bind(user_id="u"):
            task = asyncio.create_task(wait())
            await asyncio.sleep(0)
        is_left.set()
        return await task, now()

    assert asyncio.run(main()) == ({"user_id": "u"}, {})


def test_one_decorator_serves_many_tasks_at_once():
    @bind(kind="shared")
    async def work(number):
        with bind(number=number):
            for _ in range(number % 3):
                await asyncio.sleep(0)
            return now()

    async def main():
        return await asyncio.gather(*map(work, range(20)))

    assert asyncio.run(main()) == [{"kind": "shared", "number": number} for number in range(20)]


def test_a_cancelled_task_leaves_nothing_bound():
    async def main():
        with bind(user_id="u"):
            task = asyncio.create_task(bind(more=1)(asyncio.Event().wait)())
            await asyncio.sleep(0)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            return now()

    assert asyncio.run(main()) == {"user_id": "u"}


def test_a_pool_has_no_context_of_its_own_and_is_given_one_by_carry():
    with ThreadPoolExecutor(2) as pool, bind(user_id="u"):
        assert pool.submit(carry(now)).result() == {"user_id": "u"}
        assert list(pool.map(carry(now), range(3))) == [{"user_id": "u"}] * 3
        carried = carry(now)
        with bind(user_id="v"):
            assert pool.submit(carried).result() == {"user_id": "u"}
    with ThreadPoolExecutor(1) as pool:
        assert pool.submit(now).result() == {}


def test_calls_of_one_carried_function_may_overlap():
    both_are_inside = threading.Barrier(2, timeout=30)

    def meet(number):
        with bind(number=number):
            both_are_inside.wait()
            return now()

    with ThreadPoolExecutor(2) as pool, bind(user_id="u"):
        assert list(pool.map(carry(meet), (1, 2))) == [{"user_id": "u", "number": number} for number in (1, 2)]


def test_what_a_carried_call_binds_reaches_no_other_call():
    def leave_bound():
        found = now()
        bind(leaked=True).__enter__()
        return found

    with bind(user_id="u"):
        carried = carry(leave_bound)
    assert [carried(), carried()] == [{"user_id": "u"}] * 2


def test_a_carried_function_takes_and_returns_what_the_function_does():
    @carry
    def function(a, *, b):
        return a, b

    assert function(1, b=2) == (1, 2)
    assert function.__name__ == "function"
    with pytest.raises(TypeError):
        function()


def test_a_carried_call_may_call_itself():
    def descend(depth):
        return carried(depth - 1) if depth else now()

    with bind(user_id="u"):
        carried = carry(descend)
    assert carried(3) == {"user_id": "u"}
