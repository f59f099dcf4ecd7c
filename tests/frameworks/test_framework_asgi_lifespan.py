"""At the end of the lifespan all records are delivered, for applications that answer it and for those that do not."""

from __future__ import annotations

import asyncio
import contextlib
import logging

import pytest
from django.core.handlers.asgi import ASGIHandler
from starlette.applications import Starlette

from helicone_logging import HeliconeHandler
from helicone_logging.asgi import FlushAtShutdown, TraceContextMiddleware

TRACE = {"trace_id": "t", "model": "m"}
STARTUP, SHUTDOWN = {"type": "lifespan.startup"}, {"type": "lifespan.shutdown"}
COMPLETE = [{"type": "lifespan.startup.complete"}, {"type": "lifespan.shutdown.complete"}]


@pytest.fixture
def handler(server):
    """One that sends nothing by itself."""
    return HeliconeHandler(endpoint=server.url, batch_size=100, flush_interval=3600)


@pytest.fixture
def log(handler):
    logger = logging.getLogger("helicone_tests.lifespan")
    logger.handlers[:], logger.propagate = [handler], False
    logger.setLevel(logging.INFO)
    return logger


async def live(app, seen):
    """Runs an application from its start to its end, as a server does; notes what it answers."""
    events = iter((STARTUP, SHUTDOWN))

    async def receive():
        return next(events)

    await app({"type": "lifespan"}, receive, seen)


class Answers(list):
    """What was sent, each with the names of the spans that had arrived by then."""

    def __init__(self, server):
        super().__init__()
        self._server = server

    async def __call__(self, message):
        self.append((message, self._server.names()))


def starlette(log):
    @contextlib.asynccontextmanager
    async def lifespan(app):
        log.info("start", extra=TRACE)
        yield
        log.info("end", extra=TRACE)

    return Starlette(lifespan=lifespan)


@pytest.mark.parametrize("middleware", [FlushAtShutdown, TraceContextMiddleware])
def test_what_an_application_logs_at_its_end_has_arrived_when_it_says_that_it_is_over(middleware, server, log):
    asyncio.run(live(middleware(starlette(log)), seen := Answers(server)))
    assert seen == [(COMPLETE[0], []), (COMPLETE[1], ["start", "end"])]


@pytest.mark.parametrize("middleware", [FlushAtShutdown, TraceContextMiddleware])
@pytest.mark.parametrize("app", ["django", "silent"])
def test_the_lifespan_is_answered_for_an_application_that_does_not_know_it(middleware, app, server, log):
    async def silent(scope, receive, send):
        return

    log.info("before", extra=TRACE)
    unaware = silent if app == "silent" else ASGIHandler.__call__.__get__(ASGIHandler.__new__(ASGIHandler))
    asyncio.run(live(middleware(unaware), seen := Answers(server)))
    assert seen == [(COMPLETE[0], []), (COMPLETE[1], ["before"])]


@pytest.mark.parametrize("event", ["startup", "shutdown"])
def test_what_was_logged_arrives_though_the_application_fails(event, server, log):
    async def app(scope, receive, send):
        while (await receive())["type"] != f"lifespan.{event}":
            await send(COMPLETE[0])
        log.info("before", extra=TRACE)
        raise KeyError(event)

    with pytest.raises(KeyError, match=event):
        asyncio.run(live(FlushAtShutdown(app), Answers(server)))
    assert server.names() == ["before"]


def test_a_failure_that_the_application_tells_of_is_passed_on(server, log):
    failed = {"type": "lifespan.shutdown.failed", "message": "a pool is stuck"}

    async def app(scope, receive, send):
        log.info("before", extra=TRACE)
        await send(failed)

    asyncio.run(live(FlushAtShutdown(app), seen := Answers(server)))
    assert seen == [(failed, ["before"])]


def test_requests_pass_unchanged():
    seen = []

    async def app(scope, receive, send):
        seen.append((scope, receive, send))

    asyncio.run(FlushAtShutdown(app)({"type": "http"}, 1, 2))
    assert seen == [({"type": "http"}, 1, 2)]


def test_records_of_a_process_that_goes_on_are_delivered_as_well(server, log, handler):
    async def silent(scope, receive, send):
        return

    for number in range(3):
        log.info("%d", number, extra=TRACE)
        asyncio.run(live(FlushAtShutdown(silent), Answers(server)))
        assert server.names() == [str(before) for before in range(number + 1)]
    log.info("last", extra=TRACE)
    assert handler.flush()
    assert server.names()[-1] == "last"


def test_the_event_loop_runs_while_the_endpoint_is_waited_for(server, log):
    async def silent(scope, receive, send):
        return

    async def main():
        log.info("held", extra=TRACE)
        with server.hold():
            ending = asyncio.create_task(live(FlushAtShutdown(silent), Answers(server)))
            await asyncio.to_thread(server.wait_for_arrivals, 1)
            assert not ending.done()
        await ending

    asyncio.run(main())
    assert server.names() == ["held"]


def test_another_event_loop_than_asyncio_will_do(server, log):
    async def silent(scope, receive, send):
        return

    log.info("before", extra=TRACE)
    running = live(FlushAtShutdown(silent), Answers(server))
    with pytest.raises(StopIteration):  # it never waited for a loop
        running.send(None)
    assert server.names() == ["before"]
