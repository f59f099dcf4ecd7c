"""The web examples under real servers: a hundred requests at once, and every record in its own request's tree."""

from __future__ import annotations

import sys
import threading
from contextlib import AbstractContextManager
from pathlib import Path
from typing import NamedTuple

import pytest
import requests
import servers
from servers import EXAMPLES, PATIENCE, Server

from helicone_logging.receiver import Receiver

pytestmark = pytest.mark.servers

ANSWER = ["/answer question", "/answer question/draft"]
ANSWER_TWICE = [*ANSWER, "/answer question/critique"]


def django_under_gunicorn(port: int) -> list[str]:
    return ["gunicorn", "shop.wsgi", "-b", f"127.0.0.1:{port}", "-w", "2", "--threads", "8", "--backlog", "256"]


def django_under_uvicorn(port: int) -> list[str]:
    return ["uvicorn", "shop.asgi:application", "--port", str(port), "--log-level", "warning"]


def flask_under_gunicorn(port: int) -> list[str]:
    return ["gunicorn", "flask_app:app", "-b", f"127.0.0.1:{port}", "-w", "2", "--threads", "8", "--backlog", "256"]


def flask_under_waitress(port: int) -> list[str]:
    return ["waitress", f"--listen=127.0.0.1:{port}", "--threads=16", "flask_app:app"]


def fastapi_under_uvicorn(port: int) -> list[str]:
    return ["uvicorn", "fastapi_app:app", "--port", str(port), "--log-level", "warning"]


class Case(NamedTuple):
    command: object
    cwd: Path
    trees: dict[str, list[str]]


PROJECT = EXAMPLES / "django_project"
CASES = {
    "django-gunicorn": Case(django_under_gunicorn, PROJECT, {"/ask": ANSWER, "/ask-async": ANSWER_TWICE}),
    "django-uvicorn": Case(django_under_uvicorn, PROJECT, {"/ask": ANSWER, "/ask-async": ANSWER_TWICE}),
    "flask-gunicorn": Case(flask_under_gunicorn, EXAMPLES, {"/ask": ANSWER}),
    "flask-waitress": Case(flask_under_waitress, EXAMPLES, {"/ask": ANSWER}),
    "fastapi-uvicorn": Case(fastapi_under_uvicorn, EXAMPLES, {"/ask": ANSWER_TWICE, "/ask-in-thread": ANSWER[:1]}),
}


def on_its_server(name: str, *more: str) -> object:
    return pytest.param(name, *more, marks=servers.needs_gunicorn if "gunicorn" in name else ())


ALL = [on_its_server(name) for name in CASES]
PATHS = [on_its_server(name, path) for name, case in CASES.items() for path in case.trees]


def started(name: str, receiver: Receiver, tmp_path: Path, **options: str) -> AbstractContextManager[Server]:
    case = CASES[name]
    return servers.serving(receiver, case.command, tmp_path / "server.log", cwd=case.cwd, **options)


@pytest.mark.parametrize(("name", "path"), PATHS)
def test_a_hundred_requests_at_once_each_have_their_own_tree(name, path, receiver, tmp_path) -> None:
    with started(name, receiver, tmp_path) as server:
        asked = servers.ask_at_once(server.url + path)
        for one in asked:
            assert one.response.status_code == 200, one.response.text
            assert one.response.headers["X-Request-ID"] == one.trace
            assert one.response.json() == {"answer": f"You asked: question {one.number}", "trace_id": one.trace}
        servers.assert_every_request_has_its_own_tree(receiver, asked, CASES[name].trees[path])


@pytest.mark.parametrize("name", ALL)
def test_streamed_answers_keep_their_own_trace(name, receiver, tmp_path) -> None:
    with started(name, receiver, tmp_path) as server:
        asked = servers.ask_at_once(server.url + "/stream", count=30)
        for one in asked:
            assert one.response.text.split() == f"You asked: question {one.number}".split()
        assert receiver.store.wait_for(60, PATIENCE)
        sessions = servers.rows_by_session(receiver)
        assert set(sessions) == {one.trace for one in asked}
        for one in asked:
            rows = {row["session_path"]: row for row in sessions[one.trace]}
            assert set(rows) == {"/stream answer", "/stream answer/draft"}
            assert rows["/stream answer/draft"]["choices"][0][1] == f"You asked: question {one.number}"
        servers.assert_parents_are_right(receiver, {one.trace: one.parent for one in asked})


@pytest.mark.parametrize("name", ALL)
def test_headers_that_are_no_trace_are_not_believed(name, receiver, tmp_path) -> None:
    with started(name, receiver, tmp_path) as server:
        for header in ("a" * 129, "has a blank", "0" * 32):
            headers = {"X-Request-ID": header, "traceparent": f"00-{'0' * 32}-{'1' * 16}-01"}
            answer = requests.get(f"{server.url}/ask", params={"q": "Why?"}, headers=headers, timeout=PATIENCE)
            trace = answer.json()["trace_id"]
            assert len(trace) == 32
            assert trace not in (header, "0" * 32)
        assert receiver.store.wait_for(3 * len(CASES[name].trees["/ask"]), PATIENCE)
        assert len(servers.rows_by_session(receiver)) == 3


@pytest.mark.parametrize("name", ["flask-waitress"])
def test_flask_binds_the_user_it_is_told(name, receiver, tmp_path) -> None:
    with started(name, receiver, tmp_path) as server:
        asked = servers.ask_at_once(server.url + "/ask", count=10)
        servers.assert_every_request_has_its_own_tree(receiver, asked, ANSWER)
        for one in asked:
            users = {row["user"] for row in servers.rows_by_session(receiver)[one.trace]}
            assert users == {f"user-{one.number}"}


@pytest.mark.parametrize("name", [on_its_server("django-gunicorn"), "django-uvicorn"])
def test_a_view_that_fails_is_a_span_that_failed_once(name, receiver, tmp_path) -> None:
    with started(name, receiver, tmp_path, expected="TimeoutError: the model did not answer") as server:
        answer = requests.get(f"{server.url}/fail", headers={"X-Request-ID": "request-1"}, timeout=PATIENCE)
        assert answer.status_code == 500
        assert answer.headers["X-Request-ID"] == "request-1"
        assert receiver.store.wait_for(1, PATIENCE)
    (row,) = servers.rows_by_session(receiver)["request-1"]
    assert row["session_path"] == "/answer question"
    assert row["properties"]["exception"] == "TimeoutError"
    assert "[request-1]" in (tmp_path / "server.log").read_text()


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGTERM: processes are killed there")
@pytest.mark.parametrize("name", [case for case in ALL if case.values != ("flask-waitress",)])
def test_what_was_logged_right_before_a_server_is_ended_arrives(name, receiver, tmp_path) -> None:
    """Not under waitress, which leaves SIGTERM to Python, so that nothing is cleaned up: see docs/operations.md."""
    with started(name, receiver, tmp_path) as server:
        asked = servers.ask_at_once(server.url + "/ask", count=20)
    servers.assert_every_request_has_its_own_tree(receiver, asked, CASES[name].trees["/ask"])


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGTERM: processes are killed there")
@pytest.mark.parametrize("name", ["django-uvicorn", "fastapi-uvicorn"])
def test_uvicorn_which_ends_itself_by_the_signal_delivers_what_the_endpoint_has_not_taken_yet(name, tmp_path) -> None:
    """What runs at exit does not run there, so it is the end of the lifespan that waits for the endpoint."""
    command, log, is_open = CASES[name].command, tmp_path / "server.log", threading.Event()
    with (
        Receiver(port=0, on_span=lambda _: is_open.wait(PATIENCE)) as receiver,
        servers.serving(
            receiver, lambda port: [*command(port), "--log-level", "info"], log, cwd=CASES[name].cwd
        ) as server,
    ):
        asked = servers.ask_at_once(server.url + "/ask", count=20)
        server.process.terminate()
        servers.wait_for_text("Waiting for application shutdown.", server)
        is_open.set()
        server.process.wait(PATIENCE)
        servers.assert_every_request_has_its_own_tree(receiver, asked, CASES[name].trees["/ask"])
