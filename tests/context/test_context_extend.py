"""What `extend` adds is there for the whole request it belongs to, and for nobody else."""

from __future__ import annotations

import asyncio
import contextvars
from concurrent.futures import ThreadPoolExecutor

from helicone_logging.context.binding import begin, bind, current, extend


def now():
    return dict(current())


def test_what_a_thread_of_a_request_adds_the_request_has():
    async def main():
        with begin(trace_id="t"):
            await asyncio.to_thread(extend, user_id="ada", properties={"tenant": "x"})
            return now(), await asyncio.to_thread(now)

    expected = {"trace_id": "t", "user_id": "ada", "properties": {"tenant": "x"}}
    assert asyncio.run(main()) == (expected, expected)


def test_what_a_task_inside_a_binding_of_a_request_adds_ends_with_that_binding():
    async def add():
        extend(user_id="ada")

    async def main():
        with begin(trace_id="t"):
            with bind(step="auth"):
                await asyncio.create_task(add())
                inside = now()
            return inside, now()

    assert asyncio.run(main()) == ({"trace_id": "t", "step": "auth", "user_id": "ada"}, {"trace_id": "t"})


def test_two_requests_at_once_never_see_what_the_other_adds():
    async def request(number):
        with begin(trace_id=f"t{number}"):
            await asyncio.sleep(0)
            await asyncio.to_thread(extend, user_id=f"u{number}")
            await asyncio.sleep(0)
            return now()

    async def main():
        with bind(service="shop"):
            return await asyncio.gather(*map(request, range(10))), now()

    found, outside = asyncio.run(main())
    assert found == [{"trace_id": f"t{number}", "user_id": f"u{number}"} for number in range(10)]
    assert outside == {"service": "shop"}


def test_tasks_that_share_a_binding_outside_of_every_request_do_not_share_what_they_add():
    async def connection(number):
        extend(user_id=f"u{number}")
        await asyncio.sleep(0)
        return now()

    async def main():
        with bind(service="shop"), bind(tenant="x"):
            return await asyncio.gather(*(asyncio.create_task(connection(number)) for number in range(5))), now()

    found, outside = asyncio.run(main())
    assert found == [{"service": "shop", "tenant": "x", "user_id": f"u{number}"} for number in range(5)]
    assert outside == {"service": "shop", "tenant": "x"}


def test_what_is_added_after_the_end_of_a_request_reaches_nobody():
    with begin(trace_id="t"):
        late = contextvars.copy_context()
    late.run(extend, user_id="late")
    assert now() == {}
    with begin(trace_id="next"):
        assert now() == {"trace_id": "next"}


def test_nothing_is_lost_when_many_threads_of_a_request_add():
    with begin(trace_id="t"), ThreadPoolExecutor(8) as pool:
        contexts = [contextvars.copy_context() for _ in range(200)]
        list(pool.map(lambda pair: pair[1].run(extend, **{f"f{pair[0]}": pair[0]}), enumerate(contexts)))
        assert now() == {"trace_id": "t", **{f"f{number}": number for number in range(200)}}
