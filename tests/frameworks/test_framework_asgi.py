from __future__ import annotations

import asyncio
import logging

import httpx
import pytest
from starlette.applications import Starlette
from starlette.authentication import AuthCredentials, AuthenticationBackend, SimpleUser
from starlette.background import BackgroundTask
from starlette.middleware import Middleware
from starlette.middleware.authentication import AuthenticationMiddleware
from starlette.middleware.base import BaseHTTPMiddleware
from starlette.responses import JSONResponse, StreamingResponse
from starlette.routing import Route

from helicone_logging.asgi import TraceContextMiddleware
from helicone_logging.context.binding import bind, current, extend
from helicone_logging.context.tracing import span
from helicone_logging.errors import ConfigurationError

TRACE, SPAN = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
TRACEPARENT = f"00-{TRACE}-{SPAN}-01"

logger = logging.getLogger(__name__)


async def show(request):
    await asyncio.sleep(0)
    return JSONResponse(dict(current()))


def show_in_a_thread(request):
    return JSONResponse(dict(current()))


async def stream(request):
    async def parts():
        for _ in range(2):
            await asyncio.sleep(0)
            yield current()["trace_id"] + "\n"

    return StreamingResponse(parts())


async def later(request):
    return JSONResponse({}, background=BackgroundTask(logger.info, "in the background"))


async def fail(request):
    bind(user_id="u").__enter__()
    raise KeyError


async def know_the_user(request):
    extend(user_id="late")
    return JSONResponse(dict(current()))


ROUTES = [Route("/" + view.__name__, view) for view in (show, show_in_a_thread, stream, later, fail, know_the_user)]


def app_with(*around, **options):
    return Starlette(routes=ROUTES, middleware=[*around, Middleware(TraceContextMiddleware, **options)])


async def get(app, path, **headers):
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
        return await client.get(path, headers={name.replace("_", "-"): value for name, value in headers.items()})


def test_a_valid_traceparent_gives_trace_and_parent_across_awaits_and_in_threads():
    for path in ("/show", "/show_in_a_thread"):
        answer = asyncio.run(get(app_with(), path, traceparent=TRACEPARENT, x_request_id="r"))
        assert answer.json() == {"trace_id": TRACE, "parent_span_id": SPAN}


def test_else_the_request_id_is_the_trace_else_a_new_one():
    assert asyncio.run(get(app_with(), "/show", x_request_id="r")).json() == {"trace_id": "r"}
    assert asyncio.run(get(app_with(request_id_header="x-id"), "/show", x_id="i")).json() == {"trace_id": "i"}
    assert len(asyncio.run(get(app_with(), "/show", x_request_id="a b")).json()["trace_id"]) == 32


def test_a_header_that_comes_twice_counts_as_absent():
    seen = []

    async def app(scope, receive, send):
        seen.append(dict(current()))

    headers = [(b"TraceParent", TRACEPARENT.encode()), (b"traceparent", TRACEPARENT.encode()), (b"x-request-id", b"r")]
    asyncio.run(TraceContextMiddleware(app)({"type": "http", "headers": headers}, None, None))
    assert seen == [{"trace_id": "r"}]


def test_a_streamed_body_and_background_tasks_are_bound(log):
    answer = asyncio.run(get(app_with(), "/stream", x_request_id="r"))
    assert answer.text == "r\nr\n"
    asyncio.run(get(app_with(), "/later", x_request_id="r"))
    assert log["in the background"].inherited == {"trace_id": "r"}


def test_a_request_that_fails_leaves_nothing_bound():
    async def main():
        answer = await get(app_with(), "/fail")
        return answer.status_code, dict(current())

    assert asyncio.run(main()) == (500, {})


def test_a_request_that_a_server_runs_in_the_context_of_another_shares_nothing_with_it():
    async def main():
        with bind(trace_id="another", user_id="another"):
            return (await get(app_with(), "/show", x_request_id="r")).json()

    assert asyncio.run(main()) == {"trace_id": "r"}


def test_the_trace_is_sent_back_when_asked():
    answer = asyncio.run(get(app_with(response_header="X-Trace-ID"), "/show", x_request_id="r"))
    assert (answer.headers["x-trace-id"], answer.headers["content-type"]) == ("r", "application/json")
    assert "x-trace-id" not in asyncio.run(get(app_with(), "/show", x_request_id="r")).headers


def test_a_header_that_the_application_sets_is_its_own():
    async def set_header(request, call_next):
        response = await call_next(request)
        response.headers["x-trace-id"] = "mine"
        return response

    app = Starlette(routes=ROUTES, middleware=[Middleware(BaseHTTPMiddleware, dispatch=set_header)])
    answer = asyncio.run(get(TraceContextMiddleware(app, response_header="X-Trace-ID"), "/show"))
    assert answer.headers.get_list("x-trace-id") == ["mine"]


class Backend(AuthenticationBackend):
    async def authenticate(self, conn):
        if "authorization" in conn.headers:
            return AuthCredentials(), SimpleUser(conn.headers["authorization"])
        return None


def test_the_user_is_the_one_who_was_authenticated_around_it_when_asked():
    around = Middleware(AuthenticationMiddleware, backend=Backend())
    assert asyncio.run(get(app_with(around, user_id=True), "/show", authorization="ada")).json()["user_id"] == "ada"
    assert "user_id" not in asyncio.run(get(app_with(around, user_id=True), "/show")).json()
    assert "user_id" not in asyncio.run(get(app_with(around), "/show", authorization="ada")).json()
    assert "user_id" not in asyncio.run(get(app_with(user_id=True), "/show", authorization="ada")).json()


class WithoutIdentity:
    is_authenticated = True
    username = "ada"

    @property
    def identity(self):
        raise NotImplementedError


class Nameless:
    is_authenticated = True


class Guest:
    is_authenticated = False
    username = "guest"


@pytest.mark.parametrize(
    ("user", "expected"), [(WithoutIdentity(), "ada"), (Nameless(), None), (Guest(), None), (None, None)]
)
def test_a_user_without_an_identity_may_have_another_name(user, expected):
    seen = []

    async def app(scope, receive, send):
        seen.append(current().get("user_id"))

    asyncio.run(TraceContextMiddleware(app, user_id=True)({"type": "http", "user": user}, None, None))
    assert seen == [expected]


def test_the_user_may_come_from_a_function_or_from_the_application_later():
    answer = asyncio.run(get(app_with(user_id=lambda scope: scope["path"]), "/show"))
    assert answer.json()["user_id"] == "/show"
    assert asyncio.run(get(app_with(), "/know_the_user")).json()["user_id"] == "late"


def test_a_websocket_is_bound_and_gets_the_trace_with_its_accept():
    sent = []

    async def app(scope, receive, send):
        await send({"type": "websocket.accept"})
        await send({"type": "websocket.send", "text": current()["trace_id"]})

    async def send(message):
        sent.append(message)

    scope = {"type": "websocket", "headers": [(b"x-request-id", b"r")]}
    asyncio.run(TraceContextMiddleware(app, response_header="X-Trace-ID")(scope, None, send))
    assert sent == [
        {"type": "websocket.accept", "headers": [(b"x-trace-id", b"r")]},
        {"type": "websocket.send", "text": "r"},
    ]


def test_the_lifespan_of_the_application_is_not_a_request():
    seen = []

    async def app(scope, receive, send):
        seen.append((scope, await receive(), dict(current())))

    async def receive():
        return {"type": "lifespan.startup"}

    scope = {"type": "lifespan"}
    asyncio.run(TraceContextMiddleware(app, response_header="X-Trace-ID")(scope, receive, None))
    assert seen == [({"type": "lifespan"}, {"type": "lifespan.startup"}, {})]


def test_the_inner_of_two_middlewares_keeps_what_the_outer_bound():
    app = TraceContextMiddleware(app_with(response_header="X-Trace-ID"))
    answer = asyncio.run(get(app, "/show"))
    assert answer.json() == {"trace_id": answer.headers["x-trace-id"]}


def test_bad_options_fail_in_the_constructor():
    with pytest.raises(ConfigurationError, match="response_header"):
        TraceContextMiddleware(None, response_header="X Trace")


def test_many_requests_at_once_keep_to_themselves(log):
    async def work(request):
        for _ in range(int(request.query_params["n"]) % 4):
            await asyncio.sleep(0)
        async with span("work"):
            await asyncio.sleep(0)
            with bind(number=request.query_params["n"]):
                await asyncio.gather(*(asyncio.to_thread(logger.info, "inside") for _ in range(2)))
        return JSONResponse(dict(current()))

    app = TraceContextMiddleware(Starlette(routes=[Route("/work", work)]))

    async def main():
        return await asyncio.gather(*(get(app, f"/work?n={n}", x_request_id=f"r{n}") for n in range(30)))

    assert [answer.json() for answer in asyncio.run(main())] == [{"trace_id": f"r{n}"} for n in range(30)]
    spans = {seen.span["trace_id"]: seen.span["span_id"] for seen in log.all("work")}
    assert len(spans) == 30
    for seen in log.all("inside"):
        assert seen.inherited["trace_id"] == f"r{seen.inherited['number']}"
        assert seen.inherited["parent_span_id"] == spans[seen.inherited["trace_id"]]


def fastapi_app():
    fastapi = pytest.importorskip("fastapi")

    def known_in_a_thread():
        extend(user_id="ada", properties={"tenant": "x"})

    async def known_in_the_loop():
        extend(user_id="ada", properties={"tenant": "x"})

    app = fastapi.FastAPI()
    for dependency in (known_in_a_thread, known_in_the_loop):

        @app.get(f"/{dependency.__name__}/async", dependencies=[fastapi.Depends(dependency)])
        async def async_endpoint():
            return dict(current())

        @app.get(f"/{dependency.__name__}/sync", dependencies=[fastapi.Depends(dependency)])
        def sync_endpoint():
            return dict(current())

    @app.middleware("http")
    async def in_between(request, call_next):
        """As many applications have one: what is inside runs in a task of its own."""
        response = await call_next(request)
        response.headers["X-User"] = str(current().get("user_id"))
        return response

    app.add_middleware(TraceContextMiddleware)
    return app


@pytest.mark.parametrize("dependency", ["known_in_a_thread", "known_in_the_loop"])
@pytest.mark.parametrize("endpoint", ["async", "sync"])
def test_what_a_dependency_of_fastapi_adds_the_whole_request_has(dependency, endpoint):
    answer = asyncio.run(get(fastapi_app(), f"/{dependency}/{endpoint}", x_request_id="r"))
    assert answer.json() == {"trace_id": "r", "user_id": "ada", "properties": {"tenant": "x"}}
    assert answer.headers["X-User"] == "ada"
