"""The pages on structlog and loguru run, with the real packages, and what they log arrives as they say."""

from __future__ import annotations

import io
import json
import logging
import logging.handlers
import queue
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import structlog
from loguru import logger as loguru_logger

from helicone_logging import HeliconeHandler, TraceContextFilter, bind, flush
from helicone_logging.receiver import Receiver
from helicone_logging.receiver.rows import Row

DOCS = Path(__file__).resolve().parents[2] / "docs"


@pytest.fixture(autouse=True)
def clean_logging(receiver: Receiver, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The receiver is the endpoint, and everything is as it was afterwards."""
    monkeypatch.setenv("HELICONE_TRACE_ENDPOINT", receiver.url)
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    root.handlers[:] = []
    yield
    loguru_logger.remove()
    for handler in root.handlers:
        handler.close()
    root.handlers[:] = handlers
    root.setLevel(level)
    structlog.reset_defaults()
    structlog.contextvars.clear_contextvars()


def code_of(page: str, heading: str | None = None) -> str:
    text = (DOCS / page).read_text(encoding="utf-8")
    if heading is not None:
        text = text.split(f"\n## {heading}\n")[1].split("\n## ")[0]
    (code,) = re.findall(r"^```python\n(.*?)^```", text, flags=re.MULTILINE | re.DOTALL)
    return str(code)


def run(code: str) -> None:
    logging.getLogger().handlers[:] = []  # those of pytest
    exec(compile(code, "docs", "exec"), {"__name__": "docs"})
    assert flush(10)


def by_path(receiver: Receiver) -> dict[str, Row]:
    return {row.session_path: row for row in receiver.rows()}


def test_the_page_on_structlog_with_a_processor_formatter(receiver: Receiver, capsys: Any) -> None:
    run(code_of("structlog.md", "With `ProcessorFormatter`"))
    rows = by_path(receiver)
    assert set(rows) == {"/draft", "/look up"}
    draft, failed = rows["/draft"], rows["/look up"]
    assert (draft.model, draft.user, draft.session_id) == ("gpt-4o-mini", "ada", "order-1234")
    assert draft.messages[0].content == "Where is order 1234?"
    assert draft.properties == {"logger": "shop.assistant", "level": "INFO", "tries": "2"}
    assert failed.choices[0].content == "TimeoutError: no answer within 5 s"
    assert failed.properties["level"] == "ERROR"


def test_the_page_on_structlog_with_a_json_renderer(receiver: Receiver) -> None:
    run(code_of("structlog.md", "With `JSONRenderer` last"))
    (row,) = receiver.rows()
    assert (row.session_path, row.session_id, row.model) == ("/draft", "order-1234", "gpt-4o-mini")
    assert (row.messages[0].content, row.choices[0].content) == ("draft", "On its way.")
    assert set(row.properties) == {"logger", "level", "timestamp"}
    assert row.properties["level"] == "INFO"


def test_the_page_on_loguru(receiver: Receiver) -> None:
    run(code_of("loguru.md"))
    rows = by_path(receiver)
    assert set(rows) == {"/answer", "/answer/draft", "/answer/look up", "/done"}
    draft, failed = rows["/answer/draft"], rows["/answer/look up"]
    assert (draft.model, draft.user, draft.session_id) == ("gpt-4o-mini", "ada", "order-1234")
    assert (draft.messages[0].content, draft.choices[0].content) == ("Where is order 1234?", "On its way.")
    assert draft.properties == {"logger": "docs", "level": "INFO", "tries": "2"}
    assert failed.choices[0].content == "TimeoutError: no answer within 5 s"
    assert rows["/done"].properties["level"] == "SUCCESS"


PROCESSORS: list[Any] = [
    structlog.contextvars.merge_contextvars, structlog.stdlib.add_logger_name, structlog.stdlib.add_log_level,
    structlog.stdlib.PositionalArgumentsFormatter(),
]  # fmt: skip


def configure(*last: Any) -> Any:
    structlog.configure(
        processors=[*PROCESSORS, *last],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=False,
    )
    return structlog.get_logger("shop.assistant")


LASTS: dict[str, list[Any]] = {
    "wrap_for_formatter": [structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
    "formatted and wrapped": [
        structlog.processors.format_exc_info, structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
    ],
    "render_to_log_kwargs": [structlog.stdlib.render_to_log_kwargs],
    "JSONRenderer": [structlog.processors.format_exc_info, structlog.processors.JSONRenderer()],
}  # fmt: skip


def log_all(log: Any) -> None:
    structlog.contextvars.bind_contextvars(request_id="r1")
    with bind(trace_id="t", user_id="ada"):
        log.info("%s drafted", "model", model="gpt-4o", prompt="q", completion="a")
        try:
            raise KeyError("order")
        except KeyError:
            log.exception("look up", tool_name="orders")
        log.info("of no concern")


def check(rows: dict[str, Row]) -> None:
    assert set(rows) == {"/model drafted", "/look up"}
    draft, failed = rows["/model drafted"], rows["/look up"]
    assert (draft.user, draft.model, draft.choices[0].content) == ("ada", "gpt-4o", "a")
    assert draft.properties == {"logger": "shop.assistant", "level": "INFO", "request_id": "r1"}
    assert failed.choices[0].content == "KeyError: 'order'"
    assert failed.properties == {
        "logger": "shop.assistant", "level": "ERROR", "request_id": "r1", "error": "true", "exception": "KeyError",
        "step": "tool",
    }  # fmt: skip


@pytest.mark.parametrize("through", ["directly", "a queue", "another handler first"])
@pytest.mark.parametrize("last", LASTS)
def test_an_event_shows_the_same_whatever_its_last_processor_and_its_way(
    last: str, through: str, receiver: Receiver
) -> None:
    root, handler = logging.getLogger(), HeliconeHandler(service_name="shop")
    root.setLevel(logging.INFO)
    if through == "a queue":
        entrance = logging.handlers.QueueHandler(queue.SimpleQueue())
        entrance.addFilter(TraceContextFilter())
        root.addHandler(entrance)
        listener = logging.handlers.QueueListener(entrance.queue, handler)
        listener.start()
        log_all(configure(*LASTS[last]))
        listener.stop()
    else:
        if through != "directly":
            console = logging.StreamHandler(io.StringIO())
            console.setFormatter(structlog.stdlib.ProcessorFormatter(processor=structlog.dev.ConsoleRenderer()))
            root.addHandler(console)
        root.addHandler(handler)
        log_all(configure(*LASTS[last]))
    assert handler.flush(10)
    handler.close()
    check(by_path(receiver))


def test_a_processor_formatter_on_the_handler_itself_changes_no_name(receiver: Receiver) -> None:
    handler = HeliconeHandler(service_name="shop")
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                structlog.processors.format_exc_info,
                structlog.processors.JSONRenderer(),
            ]
        )
    )
    root = logging.getLogger()
    root.setLevel(logging.INFO)
    root.addHandler(handler)
    log_all(configure(*LASTS["wrap_for_formatter"]))
    assert handler.flush(10)
    check(by_path(receiver))


def test_loguru_records_with_and_without_context(receiver: Receiver) -> None:
    handler = HeliconeHandler(service_name="shop")
    loguru_logger.add(handler, format="{message}")
    loguru_logger.info("of no concern", tries=1)
    loguru_logger.info("own", trace_id="t1", name="a name", message="taken")
    with loguru_logger.contextualize(trace_id="t2"):
        loguru_logger.info("around")
    loguru_logger.patch(lambda record: record["extra"].update(trace_id="t3")).info("patched")
    with bind(trace_id="t4"):
        loguru_logger.info("of a model", model="gpt-4o")
    assert handler.flush(10)
    assert {path: row.session_id for path, row in by_path(receiver).items()} == {
        "/own": "t1", "/around": "t2", "/patched": "t3", "/of a model": "t4",
    }  # fmt: skip
    assert handler.stats().skipped == 1
    (own,) = (each for each in receiver.spans() if each.span["name"] == "own")
    held = {one["key"]: one["value"].get("stringValue") for one in own.span["attributes"]}
    assert json.loads(held["extra"]) == {"name": "a name", "message": "taken"}


def test_an_exception_of_loguru_shows_as_python_prints_it(receiver: Receiver) -> None:
    handler = HeliconeHandler(service_name="shop")
    loguru_logger.add(handler, format="{message}")
    try:
        secret = "a value that diagnose=True shows"
        raise KeyError(len(secret))
    except KeyError:
        loguru_logger.bind(trace_id="t").exception("look up")
    assert handler.flush(10)
    (row,) = receiver.rows()
    assert (row.session_path, row.choices[0].content) == ("/look up", "KeyError: 32")
    (span,) = receiver.spans()
    assert "KeyError: 32" in json.dumps(span.span)
