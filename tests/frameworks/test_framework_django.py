from __future__ import annotations

import asyncio
import logging
import sys
from concurrent.futures import ThreadPoolExecutor

import pytest
from asgiref.sync import async_to_sync, sync_to_async
from django.conf import settings
from django.contrib.auth import BACKEND_SESSION_KEY, SESSION_KEY
from django.contrib.sessions.backends.signed_cookies import SessionStore
from django.core.handlers.wsgi import WSGIHandler
from django.http import FileResponse, HttpResponse, JsonResponse, StreamingHttpResponse
from django.test import AsyncClient, Client, RequestFactory, override_settings
from django.urls import path
from django.utils.functional import SimpleLazyObject

from helicone_logging.context.binding import bind, current
from helicone_logging.context.tracing import span
from helicone_logging.django import TraceContextMiddleware
from helicone_logging.errors import ConfigurationError

MIDDLEWARE = "helicone_logging.django.TraceContextMiddleware"
SESSIONS = "django.contrib.sessions.middleware.SessionMiddleware"
SECURITY = "django.middleware.security.SecurityMiddleware"
AUTHENTICATION = "django.contrib.auth.middleware.AuthenticationMiddleware"
TRACE, SPAN = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
TRACEPARENT = f"00-{TRACE}-{SPAN}-01"

logger = logging.getLogger(__name__)


def show(request):
    return JsonResponse(dict(current()))


async def show_async(request):
    await asyncio.sleep(0)
    return JsonResponse({**current(), "in_thread": (await sync_to_async(current)()).get("trace_id")})


def fail(request):
    bind(leaked=True).__enter__()
    raise KeyError


def parts():
    with span("stream"):
        yield current()["trace_id"] + " "
        yield current()["parent_path"]


def stream(request):
    return StreamingHttpResponse(parts())


async def stream_async(request):
    async def async_parts():
        for part in parts():
            await asyncio.sleep(0)
            yield part

    return StreamingHttpResponse(async_parts())


def leave(request):
    def parts():
        try:
            yield "first"
            yield "second"
        finally:
            logger.info("left")

    return StreamingHttpResponse(parts())


def own_header(request):
    return HttpResponse(headers={"X-Trace-ID": "mine"})


def touch_session(request):
    return HttpResponse(request.session.get("anything", "nothing"))


VIEWS = (show, show_async, fail, stream, stream_async, leave, own_header, touch_session)
urlpatterns = [path(view.__name__, view) for view in VIEWS]


def sync_only(get_response):
    """An old middleware, around which Django adapts sync to async and back."""

    def middleware(request):
        with bind(tenant="x"):
            return get_response(request)

    return middleware


@pytest.fixture
def site():
    """Settings of a site with our middleware, changed by keywords."""
    changed = []

    def configure(*inner, around=(), **options):
        change = override_settings(
            ROOT_URLCONF=sys.modules[__name__],
            MIDDLEWARE=[*around, MIDDLEWARE, *inner],
            HELICONE_LOGGING=options,
        )
        change.enable()
        changed.append(change)

    configure()
    yield configure
    for change in reversed(changed):
        change.disable()


def get(path, **headers):
    return Client(raise_request_exception=False).get(path, headers=with_dashes(headers))


def get_async(path, **headers):
    return asyncio.run(AsyncClient(raise_request_exception=False).get(path, headers=with_dashes(headers)))


def with_dashes(headers):
    return {name.replace("_", "-"): value for name, value in headers.items()}


BOTH = pytest.mark.parametrize("get", [get, get_async], ids=["wsgi", "asgi"])


@BOTH
def test_a_traceparent_gives_trace_and_parent_else_the_request_id_the_trace(site, get):
    assert get("/show", traceparent=TRACEPARENT).json() == {"trace_id": TRACE, "parent_span_id": SPAN}
    assert get("/show", traceparent="nonsense", x_request_id="r").json() == {"trace_id": "r"}
    assert len(get("/show", x_request_id="a b").json()["trace_id"]) == 32


@BOTH
def test_an_async_view_is_bound_across_awaits_and_in_threads(site, get):
    for around in ([], [SECURITY]):
        site(around=around)
        assert get("/show_async", x_request_id="r").json() == {"trace_id": "r", "in_thread": "r"}


@BOTH
@pytest.mark.parametrize("view", ["/show", "/show_async"])
def test_a_sync_middleware_in_between_changes_nothing(site, get, view):
    site(f"{__name__}.sync_only", around=[f"{__name__}.sync_only"])
    answer = get(view, x_request_id="r").json()
    assert (answer["trace_id"], answer["tenant"]) == ("r", "x")
    assert answer.get("in_thread", "r") == "r"


@BOTH
def test_a_view_that_fails_leaves_nothing_bound_and_is_logged_in_its_trace(site, get, log):
    assert get("/fail", x_request_id="r").status_code == 500
    assert current() == {}
    assert log["Internal Server Error: /fail"].inherited["trace_id"] == "r"


@BOTH
def test_the_trace_is_sent_back_when_asked_with_errors_too(site, get):
    assert "X-Trace-ID" not in get("/show", x_request_id="r").headers
    site(response_header="X-Trace-ID")
    for view in ("/show", "/show_async", "/fail", "/missing", "/stream"):
        assert get(view, x_request_id="r").headers["X-Trace-ID"] == "r"
    assert get("/own_header").headers["X-Trace-ID"] == "mine"


def test_the_header_of_the_request_id_is_an_option(site):
    site(request_id_header="X-Correlation-ID")
    assert get("/show", x_request_id="r", x_correlation_id="c").json() == {"trace_id": "c"}


def test_a_streamed_body_is_bound_to_its_end(site, log):
    answer = get("/stream", x_request_id="r")
    assert current() == {}
    assert b"".join(answer.streaming_content) == b"r /stream"
    assert current() == {}
    assert log["stream"].span["trace_id"] == "r"


def test_an_async_streamed_body_is_bound_to_its_end(site, log):
    async def main():
        answer = await AsyncClient().get("/stream_async", headers={"x-request-id": "r"})
        return [part async for part in answer.streaming_content], dict(current())

    assert asyncio.run(main()) == ([b"r ", b"/stream"], {})
    assert log["stream"].span["trace_id"] == "r"


def test_two_bodies_streamed_in_turns_do_not_mix_and_may_be_given_up(site, log):
    answers = [get("/stream", x_request_id=name) for name in "ab"]
    bodies = [iter(answer.streaming_content) for answer in answers]
    assert [next(body) for body in bodies] == [b"a ", b"b "]
    for answer in answers:
        answer.close()
    assert {seen.span["trace_id"] for seen in log.all("stream")} == {"a", "b"}
    assert current() == {}


def test_what_a_streamed_body_does_when_its_client_has_left_is_bound(site, log):
    environ = RequestFactory().get("/leave", headers={"x-request-id": "r"}).environ
    answer = WSGIHandler()(environ, lambda *_: None)
    assert next(iter(answer)) == b"first"
    answer.close()
    answer.close()
    assert [seen.inherited for seen in log.all("left")] == [{"trace_id": "r"}]
    assert current() == {}


def test_a_file_keeps_its_fast_way_to_the_server(site, tmp_path):
    path = tmp_path / "file"
    path.write_bytes(b"content")
    with path.open("rb") as file:
        answer = TraceContextMiddleware(lambda request: FileResponse(file))(RequestFactory().get("/"))
        assert answer.file_to_stream is file
        answer.close()


def logged_in(user_id="42"):
    """The cookies of a session in which somebody has logged in."""
    session = SessionStore()
    session[SESSION_KEY] = user_id
    session[BACKEND_SESSION_KEY] = "django.contrib.auth.backends.ModelBackend"
    session.save()
    return {settings.SESSION_COOKIE_NAME: session.session_key}


def get_as(cookies, path, client=Client):
    client = client()
    client.cookies.load(cookies)
    return client.get(path)


def get_as_async(cookies, path):
    async def main():
        client = AsyncClient()
        client.cookies.load(cookies)
        return await client.get(path)

    return asyncio.run(main())


BOTH_AS = pytest.mark.parametrize("get_as", [get_as, get_as_async], ids=["wsgi", "asgi"])


@BOTH_AS
def test_the_user_is_read_when_asked_and_without_a_query(site, get_as):
    """There is no database: any query would fail."""
    site(SESSIONS, AUTHENTICATION)
    assert "user_id" not in get_as(logged_in(), "/show").json()
    site(SESSIONS, AUTHENTICATION, user_id=True)
    assert get_as(logged_in(), "/show").json()["user_id"] == "42"
    assert get_as(logged_in(), "/show_async").json()["user_id"] == "42"
    assert "user_id" not in get_as({}, "/show").json()


@BOTH_AS
def test_reading_the_user_does_not_make_a_response_vary_by_cookie(site, get_as):
    site(SESSIONS, AUTHENTICATION, user_id=True)
    assert "Vary" not in get_as(logged_in(), "/show").headers
    assert get_as(logged_in(), "/touch_session").headers["Vary"] == "Cookie"


@BOTH_AS
def test_a_function_may_say_who_the_user_is_and_may_touch_the_database(site, get_as, log):
    site(SESSIONS, AUTHENTICATION, user_id=f"{__name__}.name_of")
    assert get_as(logged_in(), "/show").json()["user_id"] == "user 42"
    site(SESSIONS, AUTHENTICATION, user_id=lambda request: request.user.pk)
    assert "user_id" not in get_as(logged_in(), "/show").json()
    (warning,) = [seen for seen in log.seen if seen.record.levelno == logging.WARNING]
    # The dummy database was asked, and not the guard against queries in an event loop.
    assert "settings.DATABASES is improperly configured" in str(warning.record.exc_info[1])


def name_of(request):
    assert not is_in_loop()
    return f"user {request.session[SESSION_KEY]}"


def is_in_loop():
    try:
        return asyncio.get_running_loop() is not None
    except RuntimeError:
        return False


class User:
    pk = 7
    is_authenticated = True


class Anonymous:
    pk = None
    is_authenticated = False


def loaded():
    user = SimpleLazyObject(User)
    assert user.pk == 7
    return user


@pytest.mark.parametrize("make_session", [lambda: None, SessionStore])
@pytest.mark.parametrize(
    ("make_user", "expected"),
    [
        (User, {"user_id": "7"}),
        (loaded, {"user_id": "7"}),
        (lambda: SimpleLazyObject(lambda: pytest.fail("loaded")), {}),
        (lambda: None, {}),
        (Anonymous, {}),
    ],
)
def test_a_user_whom_no_session_knows_counts_when_it_is_loaded_already(site, log, make_session, make_user, expected):
    site(user_id=True)

    def get_response(request):
        request.session, request.user = make_session(), make_user()
        middleware.process_view(request, None, (), {})
        return HttpResponse(str({name: value for name, value in current().items() if name != "trace_id"}))

    middleware = TraceContextMiddleware(get_response)
    assert middleware(RequestFactory().get("/")).content.decode() == str(expected)
    assert log.seen == []


@BOTH_AS
def test_the_user_holds_in_a_streamed_body(site, get_as):
    site(SESSIONS, user_id=True)
    seen = []

    def remember():
        seen.append(current()["user_id"])
        yield b""

    change = [path("remember", lambda request: StreamingHttpResponse(remember()))]
    with override_settings(ROOT_URLCONF=tuple(change)):
        answer = get_as(logged_in(), "/remember")
        list(answer.streaming_content)
    assert seen == ["42"]


def test_without_the_option_there_is_no_hook_before_the_view(site):
    assert not hasattr(TraceContextMiddleware(show), "process_view")


@pytest.mark.parametrize(
    "options", [{"respone_header": "X"}, {"response_header": "X Y"}, {"user_id": "no.such"}, ["response_header"]]
)
def test_bad_options_fail_when_the_site_starts(site, options):
    with override_settings(HELICONE_LOGGING=options), pytest.raises(ConfigurationError):
        TraceContextMiddleware(show)


def test_the_inner_of_two_middlewares_keeps_what_the_outer_bound(site):
    site(MIDDLEWARE, response_header="X-Trace-ID")
    answer = get("/show")
    assert answer.json() == {"trace_id": answer.headers["X-Trace-ID"]}


def test_many_requests_at_once_keep_to_themselves_in_threads(site):
    with ThreadPoolExecutor(8) as pool:
        answers = pool.map(lambda number: get("/show", x_request_id=f"r{number}").json(), range(100))
        assert list(answers) == [{"trace_id": f"r{number}"} for number in range(100)]


def test_many_requests_at_once_keep_to_themselves_in_one_event_loop(site):
    site(f"{__name__}.sync_only", SESSIONS, user_id=True)

    async def main():
        client = AsyncClient()
        return await asyncio.gather(
            *(client.get("/show_async", headers={"x-request-id": f"r{number}"}) for number in range(100))
        )

    expected = [{"trace_id": f"r{n}", "tenant": "x", "in_thread": f"r{n}"} for n in range(100)]
    assert [answer.json() for answer in async_to_sync(main)()] == expected
