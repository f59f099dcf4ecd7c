from __future__ import annotations

import logging

import flask
import pytest

from helicone_logging.context.binding import bind, current
from helicone_logging.context.tracing import span
from helicone_logging.errors import ConfigurationError
from helicone_logging.flask import HeliconeFlask

logger = logging.getLogger(__name__)


@pytest.fixture
def app():
    app = flask.Flask(__name__)

    @app.get("/")
    def show():
        return dict(current())

    @app.get("/fail")
    def fail():
        bind(leaked=True).__enter__()
        raise KeyError

    @app.get("/stream")
    def stream():
        @flask.stream_with_context
        def parts():
            with span("stream"):
                yield f"{current()['trace_id']} "
                yield f"{current()['parent_path']} {flask.request.path}"

        return flask.Response(parts())

    @app.get("/plain")
    def plain():
        def parts():
            with span("plain"):
                yield f"{current()['trace_id']} "
                yield current()["parent_path"]

        return flask.Response(parts())

    @app.teardown_request
    def teardown(error):
        logger.info("teardown")

    return app


def test_an_application_is_set_up_at_once_or_by_a_factory(app):
    HeliconeFlask(app)
    assert app.test_client().get("/", headers={"X-Request-ID": "r"}).json == {"trace_id": "r"}
    later, extension = flask.Flask("later"), HeliconeFlask(request_id_header="X-Id", response_header="X-Trace-ID")
    later.add_url_rule("/", view_func=app.view_functions["show"])
    extension.init_app(later)
    answer = later.test_client().get("/", headers={"X-Id": "i"})
    assert (answer.json, answer.headers["X-Trace-ID"]) == ({"trace_id": "i"}, "i")


def test_a_traceparent_gives_trace_and_parent(app):
    HeliconeFlask(app)
    answer = app.test_client().get("/", headers={"traceparent": f"00-{'a' * 32}-{'b' * 16}-01"})
    assert answer.json == {"trace_id": "a" * 32, "parent_span_id": "b" * 16}


def test_a_request_that_fails_is_bound_to_its_end_and_leaves_nothing(app, log):
    HeliconeFlask(app, response_header="X-Trace-ID")
    answer = app.test_client().get("/fail", headers={"X-Request-ID": "r"})
    assert (answer.status_code, answer.headers["X-Trace-ID"]) == (500, "r")
    assert current() == {}
    assert log["Exception on /fail [GET]"].inherited["trace_id"] == "r"
    assert log["teardown"].inherited["trace_id"] == "r"


def test_an_exception_that_flask_lets_pass_leaves_nothing_bound(app):
    HeliconeFlask(app)
    app.testing = True
    with pytest.raises(KeyError):
        app.test_client().get("/fail")
    assert current() == {}


def test_a_streamed_body_is_bound_to_its_end(app, log):
    HeliconeFlask(app)
    answer = app.test_client().get("/stream", headers={"X-Request-ID": "r"}, buffered=False)
    assert current() == {}
    assert answer.get_data(as_text=True) == "r /stream /stream"
    assert log["stream"].span["trace_id"] == "r"
    assert {seen.inherited["trace_id"] for seen in log.all("teardown")} == {"r"}
    answer.close()
    assert current() == {}


def test_a_streamed_body_outside_of_flasks_context_keeps_trace_and_user_but_not_the_request(app):
    HeliconeFlask(app, user_id=lambda: "ada")

    @app.get("/bare")
    def bare():
        def parts():
            yield f"{current()['trace_id']} {current()['user_id']}"
            for lost in (flask.request, flask.session, flask.g):
                yield f" {bool(lost)}"

        return flask.Response(parts())

    answer = app.test_client().get("/bare", headers={"X-Request-ID": "r"}, buffered=False)
    assert answer.get_data(as_text=True) == "r ada False False False"


def test_streams_that_are_read_in_turns_and_given_up_do_not_mix(app, log):
    HeliconeFlask(app)
    client = app.test_client()
    answers = [client.get("/plain", headers={"X-Request-ID": name}, buffered=False) for name in "ab"]
    bodies = [answer.iter_encoded() for answer in answers]
    assert [next(body) for body in bodies] == [b"a ", b"b "]
    for answer in answers:
        answer.close()
    assert {seen.span["trace_id"] for seen in log.all("plain")} == {"a", "b"}
    assert current() == {}


def test_a_context_that_is_preserved_and_torn_down_late_leaves_nothing(app):
    HeliconeFlask(app)
    with app.test_client() as client:
        assert client.get("/", headers={"X-Request-ID": "r"}).json == {"trace_id": "r"}
        assert flask.request.path == "/"
        assert current() == {}
        assert client.get("/", headers={"X-Request-ID": "s"}).json == {"trace_id": "s"}
    assert current() == {}


def test_the_user_is_asked_for_in_the_context_of_the_request(app):
    @app.before_request
    def authenticate():
        flask.g.user = flask.request.headers.get("X-User")

    HeliconeFlask(app, user_id=lambda: flask.g.user)
    client = app.test_client()
    assert client.get("/", headers={"X-Request-ID": "r", "X-User": "ada"}).json == {"trace_id": "r", "user_id": "ada"}
    assert client.get("/", headers={"X-Request-ID": "r"}).json == {"trace_id": "r"}


def test_a_user_that_cannot_be_read_does_not_fail_the_request(app, log):
    HeliconeFlask(app, user_id=lambda: flask.g.no_such_user)
    client = app.test_client()
    assert [client.get("/").status_code for _ in range(2)] == [200, 200]
    assert len([seen for seen in log.seen if seen.record.levelno == logging.WARNING]) == 1


def test_flask_has_no_user_of_its_own():
    with pytest.raises(ConfigurationError, match="user_id"):
        HeliconeFlask(user_id=True)


def test_setting_an_application_up_twice_is_refused(app):
    HeliconeFlask(app)
    with pytest.raises(ConfigurationError, match="init_app once"):
        HeliconeFlask(app)
