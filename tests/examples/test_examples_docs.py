"""The guide "From zero to a session tree" runs, and its trees are those that come out."""

from __future__ import annotations

import logging
import logging.config
import re
import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from helicone_logging.receiver import Receiver
from helicone_logging.testing import CapturedSpans, capture_spans

GUIDE = Path(__file__).resolve().parents[2] / "docs" / "session-tree.md"


def blocks() -> dict[str, list[str]]:
    """The Python code of the guide, by the heading it stands under."""
    found: dict[str, list[str]] = {}
    for section in re.split(r"^##+ ", GUIDE.read_text(encoding="utf-8"), flags=re.MULTILINE)[1:]:
        code = re.findall(r"^```python\n(.*?)^```", section, flags=re.MULTILINE | re.DOTALL)
        found[section.partition("\n")[0]] = code
    return found


BLOCKS = blocks()


def run(heading: str) -> tuple[dict[str, Any], CapturedSpans]:
    """Runs what stands under a heading, in a module of its own."""
    namespace: dict[str, Any] = {"__name__": "guide"}
    with capture_spans() as spans:
        for code in BLOCKS[heading]:
            exec(compile(code, f"{GUIDE.name}: {heading}", "exec"), namespace)
    return namespace, spans


@pytest.fixture(autouse=True)
def clean_logging(monkeypatch) -> Iterator[None]:
    """A local endpoint, and no handlers that stay."""
    logging.getLogger().setLevel(logging.WARNING)  # as it is in a new process
    loggers = [logging.getLogger(), logging.getLogger("shop")]
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
    _, spans = run("One line")
    assert (spans.one("draft").session_id, spans[0].session_path) == ("order-1234", "/draft")


def test_a_piece_of_work() -> None:
    _, spans = run("A piece of work")
    assert [sent.session_path for sent in spans] == [
        "/answer question/search handbook",
        "/answer question/draft",
        "/answer question",
    ]


def test_streams(capsys) -> None:
    _, spans = run("Streams")
    sent = spans.one("answer")
    assert capsys.readouterr().out == "On its way."
    assert (sent.completion, sent.row().model) == ("On its way.", "gpt-4o-mini")


def test_whose_work_it_is() -> None:
    _, spans = run("Whose work it is")
    assert spans.names == ["draft", "answer question"]
    assert {sent.user_id for sent in spans} == {"ada"}
    assert {sent.properties["tenant"] for sent in spans} == {"acme"}


def test_django() -> None:
    namespace, _ = run("Django")
    logging.config.dictConfig(namespace["LOGGING"])
    assert "HeliconeHandler" in repr(logging.getLogger().handlers)


@pytest.mark.parametrize(
    "heading", ["Flask", "FastAPI, Starlette, and every ASGI application", "Every WSGI application", "Celery"]
)
def test_frameworks(heading) -> None:
    assert BLOCKS[heading]
    run(heading)


def test_threads() -> None:
    _, spans = run("Threads")
    assert sorted(sent.session_path for sent in spans) == [
        "/answer question",
        "/answer question/search sso",
        "/answer question/search trial",
    ]


def test_queue_handler(capsys) -> None:
    namespace, _ = run("`QueueHandler` and other logs")
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
    _, spans = run("To other processes")
    assert {sent.session_path for sent in spans} == {"/ask", "/ask/answer later"}
    assert {(sent.session_id, sent.user_id) for sent in spans} == {("order-1234", "ada")}
    assert spans.one("answer later").attributes["parent_span_id"] == spans.one("ask").span_id


def test_to_and_from_other_services() -> None:
    _, spans = run("To and from other services")
    there, here = spans.one("look up order"), spans.one("answer question")
    assert there.trace_id == here.trace_id
    assert there.attributes["parent_span_id"] == here.span_id


def test_the_tests_of_the_guide_pass(helicone_spans) -> None:
    namespace, _ = run("Tests")
    namespace["test_the_answer_is_logged"]()
    helicone_spans.clear()
    namespace["test_with_the_fixture"](helicone_spans)


def test_every_block_is_run_by_a_test_and_stands_by_itself() -> None:
    source = Path(__file__).read_text(encoding="utf-8")
    for heading, code in BLOCKS.items():
        assert not code or f'"{heading}"' in source, heading
        for one in code:
            compile(textwrap.dedent(one), heading, "exec")


def test_links_of_the_guide_lead_somewhere() -> None:
    text = GUIDE.read_text(encoding="utf-8")
    for target in re.findall(r"\]\(([^)#:]+)\)", text):
        assert (GUIDE.parent / target).exists(), target
    slugs = {re.sub(r"[^\w\- ]", "", line.lower()).strip(" ").replace(" ", "-") for line in BLOCKS}
    for anchor in re.findall(r"\]\(#([^)]+)\)", text):
        assert anchor.rstrip("-") in {slug.rstrip("-") for slug in slugs}, anchor
