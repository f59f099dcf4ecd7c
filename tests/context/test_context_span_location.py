"""`%(lineno)d`, `%(funcName)s` and the logger's name say where the user's code opened the span."""

from __future__ import annotations

import asyncio
import functools
import multiprocessing.pool
import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import ContextDecorator, ExitStack, suppress

import anyio
import anyio.to_thread
import pytest
import trio

from helicone_logging.context import call_site
from helicone_logging.context.tracing import span


def line():
    return sys._getframe(1).f_lineno


def where(seen):
    record = seen.record
    assert record.pathname == __file__
    assert record.name == __name__
    return record.lineno, record.funcName


def test_a_with_block_is_named_by_its_line(log):
    expected = line() + 1
    with span("work"):
        pass
    assert where(log["work"]) == (expected, "test_a_with_block_is_named_by_its_line")


def test_a_with_block_of_many_lines_is_named_by_the_line_of_the_call(log):
    expected = line() + 2
    with (
        span(
            "work",
            model="m",
        ),
    ):
        pass
    assert where(log["work"]) == (expected, "test_a_with_block_of_many_lines_is_named_by_the_line_of_the_call")


def test_a_failing_block_is_named_by_its_first_line(log):
    expected = line() + 1
    with suppress(KeyError), span("work"):
        function = line
        raise KeyError(function())
    assert where(log["work"])[0] == expected


def test_an_async_with_block_is_named_by_its_line(log):
    async def main():
        expected = line() + 1
        async with span("work"):
            await asyncio.sleep(0)
        return expected

    expected = asyncio.run(main())
    assert where(log["work"]) == (expected, "main")


def test_an_exit_stack_does_not_hide_the_line(log):
    with ExitStack() as stack:
        expected = line() + 1
        stack.enter_context(span("work"))
    assert where(log["work"])[0] == expected


def test_a_decorated_function_is_named_by_its_call(log):
    @span("work")
    def function():
        pass

    expected = line() + 1
    function()
    assert where(log["work"]) == (expected, "test_a_decorated_function_is_named_by_its_call")


def test_a_decorated_coroutine_function_is_named_by_who_awaits_it(log):
    @span("work")
    async def function():
        await asyncio.sleep(0)

    async def main():
        expected = line() + 1
        await function()
        return expected

    expected = asyncio.run(main())
    assert where(log["work"]) == (expected, "main")


def test_a_decorated_generator_is_named_by_who_takes_its_first_item(log):
    @span("work")
    def generator():
        yield 1

    expected = line() + 1
    assert list(generator()) == [1]
    assert where(log["work"])[0] == expected


def test_a_decorated_async_generator_is_named_by_who_takes_its_first_item(log):
    @span("work")
    async def generator():
        yield 1

    async def main():
        expected = line() + 1
        async for _ in generator():
            pass
        return expected

    expected = asyncio.run(main())
    assert where(log["work"]) == (expected, "main")


def test_a_decorated_task_is_named_by_its_own_line_as_only_the_event_loop_calls_it(log):
    expected = line() + 2

    @span("work")
    async def function():
        await asyncio.sleep(0)

    async def main():
        await asyncio.gather(function(), asyncio.to_thread(asyncio.run, function()))

    asyncio.run(main())
    assert [where(seen) for seen in log.all("work")] == [(expected, "function")] * 2


def test_a_decorated_callable_without_code_is_named_by_its_call(log):
    assert span("work")(dict)(a=1) == {"a": 1}
    assert log["work"].record.pathname == __file__


@span("work")
async def work(*_):
    return "done"


@span("work")
def plain_work(*_):
    return "done"


def anyio_tasks():
    async def main():
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(work)
        await anyio.to_thread.run_sync(plain_work)

    anyio.run(main)


def trio_tasks():
    async def main():
        async with trio.open_nursery() as nursery:
            nursery.start_soon(work)
        await trio.to_thread.run_sync(plain_work)

    trio.run(main)


def thread_pools():
    with ThreadPoolExecutor(1) as pool:
        assert pool.submit(plain_work).result() == "done"
    with multiprocessing.pool.ThreadPool(1) as pool:
        assert pool.map(plain_work, [1]) == ["done"]


def decorators_of_the_standard_library():
    class Around(ContextDecorator):
        def __enter__(self):
            return self

        def __exit__(self, *_):
            return None

    assert Around()(plain_work)() == "done"
    assert functools.singledispatch(plain_work)(1) == "done"


def fastapi_endpoints():
    fastapi, testclient = pytest.importorskip("fastapi"), pytest.importorskip("fastapi.testclient")
    app = fastapi.FastAPI()
    app.get("/a")(work_without_arguments)
    app.get("/b")(plain_work_without_arguments)
    client = testclient.TestClient(app)
    assert (client.get("/a").json(), client.get("/b").json()) == ("done", "done")


@span("work")
async def work_without_arguments():
    return "done"


@span("work")
def plain_work_without_arguments():
    return "done"


@pytest.mark.parametrize(
    "run", [anyio_tasks, trio_tasks, thread_pools, decorators_of_the_standard_library, fastapi_endpoints]
)
def test_a_decorated_function_that_a_library_calls_is_named_by_its_own_line(log, run):
    run()
    places = [where(seen) for seen in log.all("work")]
    assert len(places) == 2
    assert all(function in OWN for _, function in places)


OWN = {"work", "plain_work", "work_without_arguments", "plain_work_without_arguments"}


def test_a_call_within_one_installed_package_is_named_by_its_line():
    own = call_site.CallSite("shop.answers", "/venv/lib/python3/site-packages/shop/answers.py", 3, "answer")
    caller = eval(
        compile("sys._getframe()", "/venv/lib/python3/site-packages/shop/views.py", "eval"),
        {"sys": sys, "__name__": "shop.views"},
    )
    assert call_site.of_call(caller, own).pathname.endswith("views.py")
    assert call_site.of_call(caller, own._replace(module="other")).pathname.endswith("answers.py")


def test_functions_of_code_that_is_executed_without_a_module_name_run(log):
    code = "@span('work')\nasync def work():\n    return 'done'"
    exec(code, scope := {"span": span})
    assert asyncio.run(asyncio.wait_for(scope["work"](), 5)) == "done"
    assert log["work"].record.name == "root"
