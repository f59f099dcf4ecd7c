"""The code of the guides runs, and the trees they show are those that come out."""

from __future__ import annotations

import inspect
import logging
import logging.config
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from helicone_logging.receiver import Receiver
from helicone_logging.testing import CapturedSpans, capture_spans

DOCS = Path(__file__).resolve().parents[2] / "docs"
GUIDES = (
    "celery", "django", "fastapi", "flask", "get-started", "private-data", "scripts", "serverless", "servers",
    "session-tree", "testing", "wsgi",
)  # fmt: skip


def blocks(page: str) -> dict[str, list[str]]:
    """The Python code of a guide, by the heading it stands under."""
    found: dict[str, list[str]] = {}
    text = (DOCS / f"{page}.md").read_text(encoding="utf-8")
    for section in re.split(r"^##* ", text, flags=re.MULTILINE)[1:]:
        code = re.findall(r"^```python\n(.*?)^```", section, flags=re.MULTILINE | re.DOTALL)
        found[section.partition("\n")[0]] = code
    return found


def run(page: str, heading: str) -> tuple[dict[str, Any], CapturedSpans]:
    """Runs what stands under a heading, in a module of its own."""
    module = ModuleType("guide")
    sys.modules["guide"] = module  # FastAPI looks up annotations there
    with capture_spans() as spans:
        for code in blocks(page)[heading]:
            exec(compile(code, f"{page}: {heading}", "exec"), vars(module))
    return vars(module), spans


@pytest.fixture(autouse=True)
def clean_logging(monkeypatch) -> Iterator[None]:
    """A local endpoint, and no handlers that stay."""
    logging.getLogger().setLevel(logging.WARNING)  # as it is in a new process
    loggers = [logging.getLogger(), logging.getLogger("shop"), logging.getLogger("guide")]
    before = [(one, one.level, list(one.handlers)) for one in loggers]
    with Receiver(port=0) as receiver:
        monkeypatch.setenv("HELICONE_TRACE_ENDPOINT", receiver.url)
        yield
        for one, level, handlers in before:
            one.setLevel(level)
            for handler in set(one.handlers) - set(handlers):
                one.removeHandler(handler)
                handler.close()


def test_one_line() -> None:
    _, spans = run("session-tree", "One line")
    assert (spans.one("draft").session_id, spans[0].session_path) == ("order-1234", "/draft")


def test_a_piece_of_work() -> None:
    _, spans = run("session-tree", "A piece of work")
    assert [sent.session_path for sent in spans] == [
        "/answer question/search handbook",
        "/answer question/draft",
        "/answer question",
    ]


def test_streams(capsys) -> None:
    _, spans = run("session-tree", "Streams")
    sent = spans.one("answer")
    assert capsys.readouterr().out == "On its way."
    assert (sent.completion, sent.row().model) == ("On its way.", "gpt-4o-mini")


def test_whose_work_it_is() -> None:
    _, spans = run("session-tree", "Whose work it is")
    assert spans.names == ["draft", "answer question"]
    assert {sent.user_id for sent in spans} == {"ada"}
    assert {sent.properties["tenant"] for sent in spans} == {"acme"}


def test_get_started() -> None:
    _, spans = run("get-started", "Log a call")
    assert (spans[0].session_id, spans[0].user_id, spans[0].completion) == ("order-1234", "ada", "On its way.")


def test_django() -> None:
    namespace, _ = run("django", "Django")
    logging.config.dictConfig(namespace["LOGGING"])
    assert "HeliconeHandler" in repr(logging.getLogger().handlers)


def test_django_under_uvicorn(monkeypatch) -> None:
    monkeypatch.setattr("django.core.asgi.get_asgi_application", lambda: lambda scope, receive, send: None)
    namespace, _ = run("django", "Under Uvicorn")
    assert type(namespace["application"]).__name__ == "FlushAtShutdown"


def test_flask() -> None:
    namespace, _ = run("flask", "Flask")
    answer = namespace["app"].test_client().get("/", headers={"X-Request-ID": "request-1"})
    assert answer.headers["X-Request-ID"] == "request-1"


def test_flask_binds_who_asks() -> None:
    from helicone_logging import span

    namespace, _ = run("flask", "Who asks")
    app = namespace["app"]

    @app.get("/")
    def index() -> str:
        with span("answer"):
            return ""

    with capture_spans() as spans:
        app.test_client().get("/", headers={"X-User": "ada"})
    assert spans.one("answer").user_id == "ada"


@pytest.mark.parametrize("heading", ["FastAPI, Starlette and ASGI", "Who asks"])
def test_fastapi(heading) -> None:
    namespace, _ = run("fastapi", heading)
    assert namespace["app"].user_middleware[0].cls.__name__ == "TraceContextMiddleware"


def test_fastapi_streams() -> None:
    from fastapi.testclient import TestClient

    namespace, _ = run("fastapi", "Streamed answers")
    with capture_spans() as spans:
        assert TestClient(namespace["app"]).get("/ask", params={"q": "Where is it?"}).text == "On its way."
    row = spans.one("answer").row()
    assert (row.messages[0].content, row.choices[0].content) == ("Where is it?", "On its way.")


def test_wsgi() -> None:
    namespace, _ = run("wsgi", "Every WSGI application")
    started: list[Any] = []
    environ = {"HTTP_X_REQUEST_ID": "request-1"}
    assert b"".join(namespace["application"](environ, lambda *given: started.append(given))) == b"Hello"
    assert ("X-Request-ID", "request-1") in started[0][1]


def test_celery() -> None:
    namespace, _ = run("celery", "Celery")
    assert namespace["app"].main == "shop"
    from celery.signals import setup_logging

    namespace, _ = run("celery", "Logging in the worker")
    try:
        ((_, logged),) = setup_logging.send(None)
        assert logged is None  # no exception
        assert "HeliconeHandler" in repr(logging.getLogger().handlers)
    finally:
        setup_logging.disconnect(namespace["configure_logging"])  # or later tests' workers would call it


def test_a_script() -> None:
    _, spans = run("scripts", "A script")
    assert (spans.one("summarise").row().model) == "gpt-4o-mini"
    assert [finding.code for finding in spans.lint() if finding.severity != "info"] == []


def test_a_notebook_that_is_run_twice_sends_each_record_once() -> None:
    run("scripts", "A notebook")
    _, spans = run("scripts", "A notebook")
    assert spans.names == ["try a prompt"]
    assert [finding.code for finding in spans.lint() if finding.severity != "info"] == []


def test_servers(capsys) -> None:
    import signal

    before = signal.getsignal(signal.SIGTERM)
    try:
        namespace, _ = run("servers", "Servers and signals")
        assert namespace["work"](4) == 16
        assert signal.getsignal(signal.SIGTERM) is not before
    finally:
        signal.signal(signal.SIGTERM, before)


def test_lambda(monkeypatch) -> None:
    parent = "Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=1"
    monkeypatch.setenv("_X_AMZN_TRACE_ID", parent)
    namespace, _ = run("serverless", "Serverless")
    with capture_spans() as spans:
        assert namespace["handler"]({}, None) == {"statusCode": 200}
    assert spans[0].trace_id == "5759e988bd862e3fe1be46a994272793"
    assert spans[0].attributes["parent_span_id"] == "53995c3f42cd8ad8"


def test_redaction() -> None:
    namespace, _ = run("private-data", "Redaction")
    assert namespace["redact"]("prompt", "who is EMP-1234?") == "who is [employee]?"
    assert namespace["handler"].formatter is not None


def test_threads() -> None:
    _, spans = run("session-tree", "Threads")
    assert sorted(sent.session_path for sent in spans) == [
        "/answer question",
        "/answer question/search sso",
        "/answer question/search trial",
    ]


def test_queue_handler(capsys) -> None:
    namespace, _ = run("session-tree", "`QueueHandler` and other logs")
    logging.getLogger("shop").warning("shown")
    namespace["listener"].stop()
    assert "WARNING [] shown" in capsys.readouterr().err
    for handler in namespace["listener"].handlers:
        handler.close()
    buffered = namespace["buffered"]
    assert buffered.buffer[0].trace_id == ""
    target = buffered.target
    for handler in (buffered, target):
        handler.close()


def test_to_other_processes() -> None:
    _, spans = run("session-tree", "To other processes")
    assert {sent.session_path for sent in spans} == {"/ask", "/ask/answer later"}
    assert {(sent.session_id, sent.user_id) for sent in spans} == {("order-1234", "ada")}
    assert spans.one("answer later").attributes["parent_span_id"] == spans.one("ask").span_id


def test_to_and_from_other_services() -> None:
    _, spans = run("session-tree", "To and from other services")
    there, here = spans.one("look up order"), spans.one("answer question")
    assert there.trace_id == here.trace_id
    assert there.attributes["parent_span_id"] == here.span_id


def test_the_tests_of_the_guide_pass(helicone_spans) -> None:
    namespace, _ = run("testing", "Tests with pytest")
    namespace["test_the_answer_is_logged"]()
    helicone_spans.clear()
    namespace["test_with_the_fixture"](helicone_spans)


def test_every_block_is_run_by_a_test() -> None:
    source = inspect.getsource(sys.modules[__name__])
    for page in GUIDES:
        for heading, code in blocks(page).items():
            assert not code or (f'"{heading}"' in source and f'"{page}"' in source), (page, heading)
