"""A record that is skipped by mistake is told of: once by itself, and each with `HELICONE_LOGGING_DEBUG=1`."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from typing import Any

import pytest
from payloads import record

from helicone_logging import HeliconeHandler, TraceContextFilter, bind
from helicone_logging.core import notices


@pytest.fixture(autouse=True)
def nothing_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(notices, "_reported", set())


@pytest.fixture
def make_handler(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    monkeypatch.setenv("HELICONE_TRACE_ENDPOINT", "http://127.0.0.1:9")
    made: list[HeliconeHandler] = []

    def make(debug: str = "", **options: Any) -> HeliconeHandler:
        monkeypatch.setenv("HELICONE_LOGGING_DEBUG", debug)
        made.append(HeliconeHandler(service_name="shop", shutdown_timeout=0.1, **options))
        return made[-1]

    yield make
    for handler in made:
        handler.close()


CALL: dict[str, Any] = {"model": "gpt-4o", "messages": [{"role": "user", "content": "private"}]}


@pytest.mark.parametrize(
    "made",
    [
        record(extra=CALL),
        record(messages="private"),
        record({"message": "draft", "model": "gpt-4o"}),
        record(extra={"extra": CALL}),
        record(trace_id="0", **CALL),
        record(llm_response={"model": "gpt-4o"}),
    ],
)
def test_a_call_outside_of_every_trace_says_once_what_to_add(
    made: logging.LogRecord, make_handler: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    handler = make_handler()
    handler.handle(made)
    handler.handle(made)
    said = capsys.readouterr().err
    assert said.count("helicone_logging: ") == 1
    assert "'shop.assistant'" in said
    assert "`trace_id`" in said
    assert "bind(trace_id=...)" in said
    assert "private" not in said
    assert handler.stats().skipped == 2


@pytest.mark.parametrize("made", [record(), record(request="r", status_code=500), record(model=""), record(model=None)])
def test_other_records_are_skipped_silently(
    made: logging.LogRecord, make_handler: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    handler = make_handler()
    handler.handle(made)
    with bind(trace_id="t"):
        handler.handle(record())
    assert capsys.readouterr().err == ""
    assert handler.stats().skipped == 2


def test_nothing_is_said_where_logging_says_nothing(
    make_handler: Any, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(logging, "raiseExceptions", False)
    make_handler("1").handle(record(extra=CALL))
    assert capsys.readouterr().err == ""


def test_in_debug_each_skipped_record_says_why(make_handler: Any, capsys: pytest.CaptureFixture[str]) -> None:
    handler = make_handler("1")

    def why(made: logging.LogRecord) -> str:
        capsys.readouterr()
        handler.handle(made)
        line = capsys.readouterr().err.splitlines()[-1]
        head, _, reason = line.partition("): ")
        assert head == "helicone_logging: skipped INFO of shop.assistant (/srv/shop/assistant.py:42"
        return reason

    assert why(record("private")).startswith("it carries no trace context")
    assert why(record("private")).startswith("it carries no trace context")
    assert why(record(extra=CALL)) == "it is of a model call, but outside of every trace"
    assert why(record(trace_id="0")) == "its `trace_id` names nothing"
    with bind(trace_id="t"):
        assert why(record()).startswith("it is inside a trace, but carries no field of a model call")
        filtered = record()
        TraceContextFilter().filter(filtered)
    assert why(filtered) == "its `trace_id` is what `TraceContextFilter` wrote, not its own"
    assert handler.stats().skipped == 6


def test_in_debug_what_the_sample_leaves_out_says_so(make_handler: Any, capsys: pytest.CaptureFixture[str]) -> None:
    make_handler("1", sample_rate=0).handle(record(trace_id="t"))
    assert capsys.readouterr().err.endswith("): `sample_rate` leaves its trace out\n")


def test_the_variable_is_read_where_the_handler_is_made(
    make_handler: Any, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    handler = make_handler("")
    monkeypatch.setenv("HELICONE_LOGGING_DEBUG", "1")
    handler.handle(record())
    assert capsys.readouterr().err == ""


def test_a_stderr_that_logs_is_no_endless_loop(make_handler: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """As that of Celery, which hands what is written to a logger."""
    handler, written = make_handler("1"), []

    class Logging:
        def write(self, text: str) -> None:
            written.append(text)
            handler.handle(record(text))

    monkeypatch.setattr("sys.stderr", Logging())
    handler.handle(record())
    assert len(written) == 1
    assert handler.stats().skipped == 2
