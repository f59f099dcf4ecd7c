"""What users test their own logging with: `capture_spans()` and the fixture `helicone_spans`."""

from __future__ import annotations

import logging
import logging.config
import logging.handlers
import queue
import subprocess
import sys
import threading
from collections.abc import Iterator

import pytest

from helicone_logging import ConfigurationError, HeliconeHandler, bind, span
from helicone_logging.receiver import Receiver
from helicone_logging.testing import CapturedSpan, capture_spans

CALL = {
    "trace_id": "order-1",
    "user_id": "ada",
    "model": "gpt-4o-mini",
    "messages": [{"role": "system", "content": "Be kind."}, {"role": "user", "content": "Say hello."}],
    "completion": "Hello!",
    "prompt_tokens": 4,
    "completion_tokens": 2,
    "duration_ms": 310,
    "tenant": "acme",
}

logger = logging.getLogger("shop.assistant")


@pytest.fixture(autouse=True)
def plain_logging() -> Iterator[None]:
    """Loggers as they are in a new process, and again afterwards."""
    loggers = [logging.getLogger(name) for name in (None, "shop", "shop.assistant")]
    before = [(one, one.level, list(one.handlers), one.propagate) for one in loggers]
    for one, *_ in before[1:]:
        one.setLevel(logging.NOTSET)
    before[0][0].setLevel(logging.WARNING)
    yield
    for one, level, handlers, propagate in before:
        for handler in [handler for handler in one.handlers if handler not in handlers]:
            one.removeHandler(handler)
            handler.close()
        one.setLevel(level)
        one.propagate, one.disabled = propagate, False


@pytest.fixture(scope="module")
def receiver() -> Iterator[Receiver]:
    with Receiver(port=0) as started:
        yield started


def handler_to(receiver: Receiver, **options: object) -> HeliconeHandler:
    return HeliconeHandler(endpoint=receiver.endpoint, **options)


def test_a_call_is_captured_with_all_that_would_be_sent() -> None:
    with capture_spans() as spans:
        logger.info("greet", extra=CALL)
    sent = spans.one()
    assert (sent.name, sent.model, sent.user_id, sent.status) == ("greet", "gpt-4o-mini", "ada", "ok")
    assert [message.role for message in sent.messages] == ["system", "user"]
    assert sent.completion == "Hello!"
    assert sent.duration == 0.31
    assert sent.session_id == "order-1"
    assert sent.session_path == "/greet"
    assert len(sent.trace_id) == 32
    assert len(sent.span_id) == 16
    assert sent.properties["tenant"] == "acme"
    assert sent.attributes["gen_ai.usage.prompt_tokens"] == 4
    assert sent.payload["resourceSpans"]


def test_the_row_is_what_helicone_shows() -> None:
    with capture_spans() as spans:
        logger.info("greet", extra=CALL)
    row = spans[0].row()
    assert (row.provider, row.latency_ms, row.total_tokens) == ("OPENAI", 310, 6)
    assert spans.rows() == [row]


def test_lint_tells_what_helicone_will_not_show() -> None:
    with capture_spans() as spans:
        logger.info("greet", extra={**CALL, "session_path": "/a", "user_id": None})
        logger.info("greet", extra={**CALL, "session_name": "another"})
    assert [finding.code for finding in spans[0].lint()] == ["no-user"]
    assert "session-name-changes" in [finding.code for finding in spans.lint()]


def test_records_that_a_handler_would_not_export_are_not_captured() -> None:
    with capture_spans() as spans, bind(trace_id="t"):
        logger.info("no context of its own")
        logging.getLogger("httpx").info("HTTP Request")
    assert not spans
    assert spans.names == []


def test_spans_make_a_tree() -> None:
    with capture_spans() as spans, span("answer", logger), span("search", logger):
        logger.info("look up", extra={"tool_name": "index"})
    assert [sent.session_path for sent in spans] == ["/answer/search/look up", "/answer/search", "/answer"]
    assert len({sent.trace_id for sent in spans}) == 1
    assert spans.named("search")[0].span_id == spans[0].attributes["parent_span_id"]


def test_a_span_that_fails_is_an_error() -> None:
    with capture_spans() as spans, pytest.raises(KeyError), span("answer", logger):
        raise KeyError("missing")
    assert spans.one("answer").status == "error"
    assert "FAILED" in str(spans[0])


def test_only_the_records_of_the_given_logger_and_those_below_it_are_captured() -> None:
    with capture_spans("shop") as spans:
        logger.info("inside", extra=CALL)
        logging.getLogger("shop").info("itself", extra=CALL)
        logging.getLogger("shopping").error("outside", extra=CALL)
    assert spans.names == ["inside", "itself"]


def test_levels_are_lowered_to_info_meanwhile_and_not_below_those_that_are_set() -> None:
    root, quiet = logging.getLogger(), logging.getLogger("shop")
    quiet.setLevel(logging.ERROR)
    with capture_spans() as spans:
        logging.getLogger("elsewhere").info("shown", extra=CALL)
        logging.getLogger("elsewhere").debug("hidden", extra=CALL)
        logger.info("hidden", extra=CALL)
    assert spans.names == ["shown"]
    assert (root.level, quiet.level) == (logging.WARNING, logging.ERROR)
    with capture_spans("shop", level="debug") as spans:
        logger.debug("shown", extra=CALL)
        logger.info("shown too", extra=CALL)
    assert spans.names == ["shown", "shown too"]
    assert quiet.level == logging.ERROR
    quiet.setLevel(logging.DEBUG)
    with capture_spans("shop") as spans:
        logger.debug("shown", extra=CALL)
    assert spans.names == ["shown"]


def test_a_level_that_the_application_sets_meanwhile_stays() -> None:
    with capture_spans("shop"):
        logging.getLogger("shop").setLevel(logging.CRITICAL)
    assert logging.getLogger("shop").level == logging.CRITICAL


def test_a_configured_handler_is_silent_and_its_records_are_captured_as_it_would_send_them(receiver) -> None:
    handler = handler_to(receiver, service_name="the-shop", redact="secrets")
    logging.getLogger("shop").addHandler(handler)
    with capture_spans() as spans:
        logger.info("mail ada@example.com", extra={**CALL, "completion": "write to ada@example.com"})
    sent = spans.one()
    assert "ada@example.com" not in str(sent.payload)
    assert sent.row().session_name == "the-shop"
    assert handler.stats().emitted == 0
    logger.warning("after", extra=CALL)
    assert handler.flush(30)
    assert handler.stats().delivered == 1


def test_level_filters_and_text_of_a_configured_handler_count(receiver) -> None:
    handler = handler_to(receiver, level=logging.WARNING)
    handler.addFilter(lambda record: "no" not in record.msg)
    handler.setFormatter(logging.Formatter("%(levelname)s: %(message)s"))
    logging.getLogger("shop").addHandler(handler)
    with capture_spans() as spans:
        logger.info("too low", extra=CALL)
        logger.warning("not this", extra=CALL)
        logger.warning("this", extra=CALL)
    assert spans.names == ["WARNING: this"]


@pytest.mark.skipif(sys.version_info < (3, 12), reason="filters replace records since Python 3.12")
def test_a_record_that_a_filter_puts_in_the_place_of_another_is_captured(receiver) -> None:
    handler = handler_to(receiver)
    handler.addFilter(lambda record: logging.makeLogRecord({**record.__dict__, "msg": "replaced"}))
    logging.getLogger("shop").addHandler(handler)
    with capture_spans() as spans:
        logger.info("greet", extra=CALL)
    assert spans.names == ["replaced"]


def test_of_two_handlers_the_nearest_that_would_send_a_record_captures_it(receiver) -> None:
    for name, level, service_name in (("shop.assistant", "ERROR", "a"), ("shop", "INFO", "b"), (None, "INFO", "c")):
        logging.getLogger(name).addHandler(handler_to(receiver, level=level, service_name=service_name))
    with capture_spans() as spans:
        logger.info("greet", extra=CALL)
    assert spans.one().row().session_name == "b"


def test_own_options_count_for_every_record(receiver) -> None:
    logging.getLogger("shop").addHandler(handler_to(receiver, level=logging.ERROR, service_name="the-shop"))
    with capture_spans(service_name="tests", capture_content=False) as spans:
        logger.info("greet", extra=CALL)
    assert spans.one().row().session_name == "tests"
    assert "Hello" not in str(spans[0].payload)
    with pytest.raises(ConfigurationError, match="export"), capture_spans(export="sometimes"):
        pass
    with pytest.raises(ConfigurationError, match="level"), capture_spans(level="loud"):
        pass


def test_a_logger_that_does_not_propagate_is_captured_and_not_by_the_handlers_above_it(receiver) -> None:
    logging.getLogger().addHandler(handler_to(receiver, level=logging.ERROR))
    logging.getLogger("shop").propagate = False
    with capture_spans() as spans:
        logger.info("greet", extra=CALL)
    assert spans.names == ["greet"]


def test_what_is_configured_by_dict_config_inside_is_captured_and_silent(receiver) -> None:
    with capture_spans() as spans:
        logging.config.dictConfig(
            {
                "version": 1,
                "disable_existing_loggers": False,
                "handlers": {
                    "helicone": {
                        "class": "helicone_logging.HeliconeHandler",
                        "endpoint": receiver.endpoint,
                        "service_name": "configured",
                    }
                },
                "loggers": {"shop": {"handlers": ["helicone"], "level": "INFO", "propagate": False}},
            }
        )
        logger.info("greet", extra=CALL)
    (handler,) = logging.getLogger("shop").handlers
    assert spans.one().row().session_name == "configured"
    assert handler.stats().emitted == 0


def test_a_disabled_handler_does_not_hide_its_records() -> None:
    logging.getLogger("shop").addHandler(HeliconeHandler(enabled=False))
    with capture_spans() as spans:
        logger.info("greet", extra=CALL)
    assert spans.names == ["greet"]


def test_a_handler_behind_a_queue_is_silent_and_its_records_are_captured_once(receiver) -> None:
    handler, waiting = handler_to(receiver), queue.SimpleQueue()
    listener = logging.handlers.QueueListener(waiting, handler)
    logging.getLogger("shop").addHandler(logging.handlers.QueueHandler(waiting))
    listener.start()
    with capture_spans() as spans:
        logger.info("greet", extra=CALL)
        listener.stop()
    assert spans.names == ["greet"]
    assert handler.stats().emitted == 0
    handler.close()


def test_records_of_all_threads_are_captured() -> None:
    with capture_spans() as spans:
        threads = [threading.Thread(target=logger.info, args=("greet",), kwargs={"extra": CALL}) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert spans.names == ["greet"] * 8


def test_nested_captures_each_get_the_record() -> None:
    with capture_spans() as outer:
        with capture_spans("shop") as inner:
            logger.info("both", extra=CALL)
        logger.info("outer", extra=CALL)
    assert inner.names == ["both"]
    assert outer.names == ["both", "outer"]


def test_a_redactor_that_logs_does_not_call_itself_without_end() -> None:
    def redact(key: str, value: object) -> object:
        logger.info("redacting", extra=CALL)
        return value

    with capture_spans(redact=redact) as spans:
        logger.info("greet", extra=CALL)
    assert spans.names[-1] == "greet"


def test_logging_is_left_as_it_was_also_when_the_test_fails() -> None:
    before = (logging.Logger.callHandlers, HeliconeHandler.handle)
    with capture_spans():
        assert logging.Logger.callHandlers is not before[0]
    with pytest.raises(ZeroDivisionError), capture_spans():
        raise ZeroDivisionError
    assert (logging.Logger.callHandlers, HeliconeHandler.handle) == before


def test_what_wraps_logging_during_a_capture_keeps_working(monkeypatch) -> None:
    seen = []
    with capture_spans() as first:
        ours = logging.Logger.callHandlers
        with monkeypatch.context() as patch:
            patch.setattr(
                logging.Logger, "callHandlers", lambda self, record: (seen.append(record.msg), ours(self, record))
            )
            with capture_spans() as second:
                logger.info("one", extra=CALL)
        logger.info("two", extra=CALL)
    assert first.names == ["one", "two"]
    assert second.names == seen == ["one"]


def test_a_wrapper_that_outlives_the_capture_does_not_make_later_ones_see_twice(monkeypatch, caplog, receiver) -> None:
    handler = handler_to(receiver)
    logging.getLogger("shop").addHandler(handler)
    with monkeypatch.context() as patch:
        with capture_spans():
            ours = logging.Logger.callHandlers
            patch.setattr(logging.Logger, "callHandlers", lambda self, record: ours(self, record))
        logger.warning("between", extra=CALL)
        with capture_spans() as spans:
            logger.info("greet", extra=CALL)
    with capture_spans():
        pass
    assert spans.names == ["greet"]
    assert caplog.messages == ["between", "greet"]
    assert handler.stats().emitted == 1


def test_one_tells_what_was_captured_instead() -> None:
    with capture_spans() as spans:
        logger.info("greet", extra=CALL)
        logger.info("part", extra=CALL)
    with pytest.raises(
        AssertionError, match="expected one span named 'leave', found 0 in <2 captured spans>"
    ) as failed:
        spans.one("leave")
    assert "/greet  gpt-4o-mini  310 ms  user ada" in str(failed.value)
    assert "> Say hello." in str(failed.value)
    assert "< Hello!" in str(failed.value)
    with pytest.raises(AssertionError, match="expected one span, found 2"):
        spans.one()


def test_what_a_span_does_not_say_is_not_shown() -> None:
    with capture_spans(sessions=False, redact=lambda key, value: None if "prompt" in key else value) as spans:
        logger.info("greet", extra={"trace_id": "t"})
    assert str(spans.one()) == "greet  0 ms"


def test_spans_are_a_frozen_sequence_that_can_be_cleared() -> None:
    with capture_spans() as spans:
        logger.info("greet", extra=CALL)
        first = spans[0]
        assert list(spans) == spans[:] == [first]
        with pytest.raises(AttributeError):
            first.name = "another"
        assert "name='greet'" in repr(first)
        assert isinstance(first, CapturedSpan)
        spans.clear()
        assert repr(spans) == "<0 captured spans>"
        logger.info("again", extra={"trace_id": "t"})
    assert repr(spans).startswith("<1 captured span>\n  /again")


def test_nothing_needs_a_key_or_a_network(monkeypatch) -> None:
    monkeypatch.delenv("HELICONE_API_KEY", raising=False)
    threads = threading.active_count()
    with capture_spans() as spans:
        logger.info("greet", extra=CALL)
        assert threading.active_count() == threads
    assert len(spans) == 1


def test_the_fixture_captures(helicone_spans) -> None:
    with span("answer", logger):
        pass
    assert helicone_spans.one("answer").session_path == "/answer"


def test_pytest_loads_nothing_of_the_package_until_a_test_asks_for_the_fixture(tmp_path) -> None:
    (tmp_path / "test_empty.py").write_text(
        "import sys\n"
        "def test_quiet():\n"
        "    assert not [name for name in sys.modules if name.startswith('helicone_logging.')]\n"
        "def test_used(helicone_spans):\n"
        "    import logging\n"
        "    logging.getLogger('shop').info('greet', extra={'trace_id': 't'})\n"
        "    assert helicone_spans.names == ['greet']\n"
    )
    others = ("-p", "no:randomly", "-p", "no:langsmith_plugin")
    command = [sys.executable, "-W", "error", "-m", "pytest", "-q", *others, str(tmp_path)]
    ran = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=100)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert "2 passed" in ran.stdout


def test_a_failing_assertion_shows_the_spans_in_readable_lines(tmp_path) -> None:
    (tmp_path / "test_failing.py").write_text(
        "from helicone_logging import span\n"
        "def test_failing(helicone_spans):\n"
        "    with span('answer', prompt='Why?'):\n"
        "        pass\n"
        "    assert helicone_spans.one('question')\n"
    )
    command = [sys.executable, "-m", "pytest", "-q", str(tmp_path)]
    ran = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=100)
    assert ran.returncode == 1, ran.stdout + ran.stderr
    assert "expected one span named 'question', found 0 in <1 captured span>" in ran.stdout
    assert "> Why?" in ran.stdout


def test_a_handler_that_speaks_to_a_collector_is_captured_as_helicone_shows_it() -> None:
    logger = logging.getLogger("shop.collector")
    handler = HeliconeHandler(endpoint="http://127.0.0.1:9", wire="otlp", properties={"tenant": "acme"})
    logger.addHandler(handler)
    try:
        with capture_spans(logger) as spans:
            logger.info("answer", extra={"trace_id": "t", "model": "gpt-4o", "prompt": "Where?", "flag": True})
        assert spans.one().properties["tenant"] == "acme"
        assert spans.one().status == "ok"
        assert spans.one().attributes["flag"] == "true"
        assert spans.one().row().messages[0].content == "Where?"
    finally:
        logger.removeHandler(handler)
        handler.close()
