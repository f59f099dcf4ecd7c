from __future__ import annotations

import logging
import threading
from concurrent.futures import ThreadPoolExecutor
from wsgiref.util import FileWrapper, setup_testing_defaults
from wsgiref.validate import validator

import pytest
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider

from helicone_logging.context.binding import bind, current, extend
from helicone_logging.context.tracing import span
from helicone_logging.errors import ConfigurationError
from helicone_logging.wsgi import TraceContextMiddleware

TRACE, SPAN = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
TRACEPARENT = f"00-{TRACE}-{SPAN}-01"

logger = logging.getLogger(__name__)


class Answer:
    """What a client got, and what was bound while the application ran."""

    def __init__(self, app, **environ):
        self.status = self.headers = None
        setup_testing_defaults(environ)
        environ["QUERY_STRING"] = ""
        body = app(environ, self.start_response)
        try:
            self.body = b"".join(body)
        finally:
            if hasattr(body, "close"):
                body.close()

    def start_response(self, status, headers, exc_info=None):
        self.status, self.headers = status, dict(headers)
        return lambda data: None


def seen_by(**environ):
    """What an application has bound for a request."""
    seen = []

    def app(environ, start_response):
        seen.append(dict(current()))
        start_response("200 OK", [("Content-Type", "text/plain")])
        return [b"ok"]

    Answer(TraceContextMiddleware(app), **environ)
    return seen[0]


def test_a_valid_traceparent_gives_trace_and_parent():
    assert seen_by(HTTP_TRACEPARENT=TRACEPARENT, HTTP_X_REQUEST_ID="r") == {"trace_id": TRACE, "parent_span_id": SPAN}


@pytest.mark.parametrize("request_id", ["r", "~" * 128, "a-B_c.1:2/3", "{}", "%s"])
def test_else_the_request_id_is_the_trace(request_id):
    assert seen_by(HTTP_TRACEPARENT="nonsense", HTTP_X_REQUEST_ID=request_id) == {"trace_id": request_id}


@pytest.mark.parametrize(
    "request_id", ["", " ", "a b", "a\tb", "a\r\nX: y", "ä", "\x7f", "x" * 129, "a\x00", "0" * 32, "trace\n"]
)
def test_a_request_id_with_more_than_visible_ascii_is_ignored(request_id):
    (name, trace_id), *others = seen_by(HTTP_X_REQUEST_ID=request_id).items()
    assert (name, others) == ("trace_id", [])
    assert trace_id != request_id
    assert len(trace_id) == 32


def test_without_headers_every_request_has_a_trace_of_its_own():
    assert seen_by()["trace_id"] != seen_by()["trace_id"]


def test_the_header_of_the_request_id_is_an_option():
    seen = []

    def app(environ, start_response):
        seen.append(current()["trace_id"])
        start_response("200 OK", [])
        return []

    wrapped = TraceContextMiddleware(app, request_id_header="X-Amzn-Trace-Id")
    Answer(wrapped, HTTP_X_AMZN_TRACE_ID="amazon", HTTP_X_REQUEST_ID="other")
    assert seen == ["amazon"]


def test_nothing_of_what_was_bound_around_is_in_the_request_and_all_of_it_is_there_after():
    with bind(trace_id="before", user_id="another"):
        for trace in ("r", "before"):
            assert seen_by(HTTP_X_REQUEST_ID=trace) == {"trace_id": trace}
        assert current() == {"trace_id": "before", "user_id": "another"}


def test_a_request_that_fails_leaves_nothing_bound():
    def app(environ, start_response):
        bind(user_id="u").__enter__()
        raise KeyError

    with pytest.raises(KeyError):
        Answer(TraceContextMiddleware(app))
    assert current() == {}


def test_a_streamed_body_and_its_close_are_bound_and_the_server_is_not():
    seen = []

    class Body:
        def __iter__(self):
            seen.append(("iter", current().get("user_id")))
            return self.parts()

        def parts(self):
            with span("stream", trace_id=current()["trace_id"]):
                for number in range(2):
                    seen.append((number, current()["parent_path"]))
                    yield b"x"

        def close(self):
            seen.append(("close", dict(current())))

    def app(environ, start_response):
        start_response("200 OK", [])
        extend(user_id="u")
        return Body()

    environ = {"HTTP_X_REQUEST_ID": "r", "wsgi.file_wrapper": FileWrapper}
    body = TraceContextMiddleware(app)(environ, lambda *_: None)
    for _ in body:
        assert current() == {}
    body.close()
    assert seen == [
        ("iter", "u"),
        (0, "/stream"),
        (1, "/stream"),
        ("close", {"trace_id": "r", "user_id": "u"}),
    ]


def test_an_application_that_is_a_generator_is_bound_throughout():
    def app(environ, start_response):
        start_response("200 OK", [])
        yield current()["trace_id"].encode()

    answer = Answer(TraceContextMiddleware(app, response_header="X-Trace-ID"), HTTP_X_REQUEST_ID="r")
    assert answer.body == b"r"
    assert answer.headers == {"X-Trace-ID": "r"}


def test_two_bodies_streamed_in_turns_do_not_mix():
    def app(environ, start_response):
        start_response("200 OK", [])
        for _ in range(3):
            yield current()["trace_id"]

    wrapped = TraceContextMiddleware(app)
    bodies = [iter(wrapped({"HTTP_X_REQUEST_ID": name}, lambda *_: None)) for name in "ab"]
    assert [next(body) for _ in range(3) for body in bodies] == ["a", "b"] * 3


def test_a_body_that_cannot_be_closed_is_left_to_itself():
    body = TraceContextMiddleware(lambda environ, start_response: iter([b"a"]))({}, lambda *_: None)
    assert list(body) == [b"a"]
    body.close()


def test_lists_and_files_reach_the_server_as_they_are(tmp_path):
    path = tmp_path / "file"
    path.write_bytes(b"content")
    with path.open("rb") as file:
        for body in ([b"a"], (b"a",), FileWrapper(file)):
            wrapped = TraceContextMiddleware(lambda environ, start_response, body=body: body)
            assert wrapped({"wsgi.file_wrapper": FileWrapper}, lambda *_: None) is body


def test_the_trace_is_sent_back_when_asked():
    def app(environ, start_response):
        start_response("200 OK", [("Content-Type", "text/plain")])
        return [b""]

    answer = Answer(TraceContextMiddleware(app, response_header="X-Trace-ID"), HTTP_TRACEPARENT=TRACEPARENT)
    assert answer.headers == {"Content-Type": "text/plain", "X-Trace-ID": TRACE}
    assert Answer(TraceContextMiddleware(app)).headers == {"Content-Type": "text/plain"}


def test_a_header_that_the_application_sets_is_its_own():
    def app(environ, start_response):
        start_response("200 OK", [("x-trace-id", "mine")])
        return [b""]

    assert Answer(TraceContextMiddleware(app, response_header="X-Trace-ID")).headers == {"x-trace-id": "mine"}


def test_an_answer_to_an_error_keeps_its_exc_info():
    def app(environ, start_response):
        try:
            raise KeyError
        except KeyError as error:
            start_response("500 Error", [], (KeyError, error, None))
        return [b""]

    given = []
    wrapped = TraceContextMiddleware(app, response_header="X-Trace-ID")
    wrapped({"HTTP_X_REQUEST_ID": "r"}, lambda *args: given.append(args))
    status, headers, (kind, _, _) = given[0]
    assert (status, headers, kind) == ("500 Error", [("X-Trace-ID", "r")], KeyError)


def test_the_user_is_read_when_asked_and_only_then():
    def app(environ, start_response):
        start_response("200 OK", [])
        return [str(current().get("user_id")).encode()]

    def user_of(environ):
        return 7 if environ.get("REMOTE_USER") else None

    assert Answer(TraceContextMiddleware(app), REMOTE_USER="ada").body == b"None"
    assert Answer(TraceContextMiddleware(app, user_id=True), REMOTE_USER="ada").body == b"ada"
    assert Answer(TraceContextMiddleware(app, user_id=user_of), REMOTE_USER="ada").body == b"7"
    assert Answer(TraceContextMiddleware(app, user_id=user_of)).body == b"None"


def test_a_user_that_cannot_be_read_is_logged_once_and_the_request_answered(log):
    def app(environ, start_response):
        start_response("200 OK", [])
        return [str(current().get("user_id")).encode()]

    def broken(environ):
        raise KeyError("no user")

    wrapped = TraceContextMiddleware(app, user_id=broken)
    assert [Answer(wrapped).body for _ in range(3)] == [b"None"] * 3
    (seen,) = log.seen
    assert seen.record.levelno == logging.WARNING
    assert isinstance(seen.record.exc_info[1], KeyError)


@pytest.mark.parametrize(
    "options",
    [
        {"request_id_header": ""},
        {"request_id_header": "X Request"},
        {"request_id_header": None},
        {"response_header": "X-Trace\r\nSet-Cookie"},
        {"response_header": 7},
        {"user_id": 7},
        {"user_id": "no.such.function"},
    ],
)
def test_bad_options_fail_in_the_constructor_and_are_named(options):
    with pytest.raises(ConfigurationError, match=next(iter(options))):
        TraceContextMiddleware(lambda *_: [], **options)


def test_the_inner_of_two_middlewares_keeps_what_the_outer_bound():
    seen = []

    def app(environ, start_response):
        seen.append(dict(current()))
        start_response("200 OK", [])
        return []

    inner = TraceContextMiddleware(app, response_header="X-Trace-ID", user_id=lambda environ: "u")

    def between(environ, start_response):
        with bind(tenant="x"):
            return inner(environ, start_response)

    answer = Answer(TraceContextMiddleware(between))
    assert seen == [{"trace_id": answer.headers["X-Trace-ID"], "tenant": "x", "user_id": "u"}]


def test_an_inner_middleware_in_another_thread_binds_the_same_trace_again():
    traces = []

    def app(environ, start_response):
        traces.append(dict(current()))
        start_response("200 OK", [])
        return []

    inner = TraceContextMiddleware(app)

    def between(environ, start_response):
        with ThreadPoolExecutor(1) as pool:
            return pool.submit(inner, environ, start_response).result()

    Answer(TraceContextMiddleware(between), HTTP_TRACEPARENT=TRACEPARENT)
    Answer(TraceContextMiddleware(between))
    assert traces[0] == {"trace_id": TRACE, "parent_span_id": SPAN}
    assert len(traces[1]["trace_id"]) == 32


def test_a_span_that_opentelemetry_has_open_for_the_request_is_the_parent():
    tracer = TracerProvider(shutdown_on_exit=False).get_tracer(__name__)
    caller = trace.NonRecordingSpan(trace.SpanContext(int(TRACE, 16), int(SPAN, 16), is_remote=True))
    with trace.use_span(caller), tracer.start_as_current_span("server") as server:
        own = f"{server.get_span_context().span_id:016x}"
        for headers in ({"HTTP_TRACEPARENT": TRACEPARENT}, {"HTTP_X_REQUEST_ID": "r"}, {}):
            assert seen_by(**headers) == {"trace_id": TRACE, "parent_span_id": own}
        other = f"00-{'c' * 32}-{SPAN}-01"
        assert seen_by(HTTP_TRACEPARENT=other) == {"trace_id": "c" * 32, "parent_span_id": SPAN}


def test_the_middleware_keeps_to_the_rules_of_wsgi():
    def app(environ, start_response):
        start_response("200 OK", [("Content-Type", "text/plain")])
        return iter([b"a", b"b"])

    wrapped = validator(TraceContextMiddleware(validator(app), response_header="X-Trace-ID"))
    assert Answer(wrapped).body == b"ab"


def test_requests_in_many_threads_at_once_keep_to_themselves(log):
    count = 8
    all_are_inside = threading.Barrier(count, timeout=30)

    def app(environ, start_response):
        start_response("200 OK", [])
        all_are_inside.wait()
        with span("work"):
            all_are_inside.wait()
            yield current()["trace_id"].encode()
            all_are_inside.wait()

    wrapped = TraceContextMiddleware(app)
    with ThreadPoolExecutor(count) as pool:
        answers = list(pool.map(lambda number: Answer(wrapped, HTTP_X_REQUEST_ID=f"r{number}").body, range(count)))
    assert answers == [f"r{number}".encode() for number in range(count)]
    assert {seen.span["trace_id"] for seen in log.all("work")} == {f"r{number}" for number in range(count)}
