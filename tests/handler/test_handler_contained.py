"""Nothing that happens in the handler or because of it reaches the application."""

from __future__ import annotations

import asyncio
import logging
import logging.handlers
import queue
import threading
import weakref

import pytest
import requests
from recording_server import PATIENCE

from helicone_logging import HeliconeHandler, OTELTraceFormatter, bind, span
from helicone_logging.core import reentrancy

TRACE = {"trace_id": "t-1"}


def log_past_pytest(handler, message, *args) -> None:
    """Hands a record over directly: pytest's own handlers raise on a message that cannot be rendered."""
    record = logging.getLogger("app").makeRecord("app", logging.INFO, __file__, 1, message, args, None, extra=TRACE)
    handler.handle(record)


def test_a_filter_that_raises_is_contained_and_reported(server, handler, logger, capfd) -> None:
    def broken(record):
        raise RuntimeError("in the filter")

    handler.addFilter(broken)
    logger.info("filtered", extra=TRACE)
    handler.removeFilter(broken)
    logger.info("after", extra=TRACE)
    assert handler.flush(PATIENCE)
    assert server.names() == ["after"]
    assert "filter" in capfd.readouterr().err


@pytest.mark.parametrize("has_filter", [False, True])
@pytest.mark.parametrize("extra", [TRACE, None])
def test_an_emit_of_the_user_s_own_that_logs_is_not_called_without_end(extra, has_filter, server, logger_of) -> None:
    calls = []

    class Talkative(HeliconeHandler):
        def emit(self, record: logging.LogRecord) -> None:
            calls.append(record)
            logger.info("from emit", extra=extra)
            super().emit(record)

    handler = Talkative(endpoint=server.url)
    if has_filter:
        handler.addFilter(lambda record: True)
    logger = logger_of(handler)
    logger.info("logged", extra=TRACE)
    assert handler.flush(PATIENCE)
    assert 1 <= len(calls) <= 2
    assert "logged" in server.names()
    assert handler.stats().skipped > 0


def test_exceptions_that_signal_handlers_raise_do_not_silence_their_thread(server, handler, logger) -> None:
    """One may come right after `enter()`, and nobody comes back to `leave()` then."""
    for _ in range(3):
        reentrancy.enter()
    try:
        logger.info("logged", extra=TRACE)
        assert handler.flush(PATIENCE)
        assert server.names() == ["logged"]
        assert handler.stats().skipped == 0
    finally:
        reentrancy.leave(3)


def test_an_emit_of_the_user_s_own_that_raises_is_contained_and_reported(server, logger_of, capfd) -> None:
    class Broken(HeliconeHandler):
        def emit(self, record: logging.LogRecord) -> None:
            raise RuntimeError("in emit")

    logger_of(Broken(endpoint=server.url)).info("logged", extra=TRACE)
    assert "`emit` of its own, of the handler raised RuntimeError" in capfd.readouterr().err


def test_a_redactor_that_raises_lets_no_raw_value_through(server, logger_of) -> None:
    def broken(key, value):
        raise RuntimeError("in the redactor")

    handler = HeliconeHandler(endpoint=server.url, redact=broken)
    logger_of(handler).info("hush", extra={**TRACE, "prompt": "my secret", "completion": "another secret"})
    assert handler.flush(PATIENCE)
    assert handler.stats().emitted == 1
    assert all(b"secret" not in request.body for request in server.requests)


def test_a_redactor_that_logs_is_neither_called_without_end_nor_deadlocked(server, logger_of) -> None:
    calls = []

    def talkative(key, value):
        calls.append(key)
        logger.warning("from the redactor", extra=TRACE)
        return value

    handler = HeliconeHandler(endpoint=server.url, redact=talkative)
    logger = logger_of(handler)
    logger.info("redacted", extra={**TRACE, "prompt": "text"})
    assert handler.flush(PATIENCE)
    assert server.names().count("redacted") == 1
    assert len(calls) < 1000


def test_a_formatter_that_raises_is_contained_counted_and_reported(server, handler, logger, capfd) -> None:
    class Broken(logging.Formatter):
        def format(self, record):
            raise RuntimeError("in the formatter")

    handler.setFormatter(Broken())
    logger.info("lost", extra=TRACE)
    handler.setFormatter(None)
    logger.info("after", extra=TRACE)
    assert handler.flush(PATIENCE)
    assert server.names() == ["after"]
    stats = handler.stats()
    assert (stats.emitted, stats.delivered, stats.rejected) == (2, 1, 1)
    assert "is lost: RuntimeError" in capfd.readouterr().err


def test_arguments_that_do_not_fit_the_message_are_contained(server, handler, logger) -> None:
    log_past_pytest(handler, "%d of %d", 1)
    log_past_pytest(handler, "%d", "no number")
    assert handler.flush(PATIENCE)
    assert len(server.names()) == 2


@pytest.mark.parametrize("what", ["raises", "logs", "flushes"])
def test_an_on_reject_that_misbehaves_is_contained(what, server, logger_of) -> None:
    called = []

    def on_reject(payload, reason):
        called.append(reason)
        if what == "raises":
            raise RuntimeError("in on_reject")
        if what == "logs":
            logger.error("rejected", extra=TRACE)
        else:
            handler.flush(PATIENCE)

    server.status = 422
    handler = HeliconeHandler(endpoint=server.url, on_reject=on_reject)
    logger = logger_of(handler)
    logger.info("bad", extra=TRACE)
    assert handler.flush(PATIENCE)
    server.status = 200
    logger.info("good", extra=TRACE)
    assert handler.flush(PATIENCE)
    assert server.names() == ["good"]
    assert len(called) == 1


def test_an_on_reject_that_hangs_holds_close_up_no_longer_than_shutdown_timeout(server, logger_of) -> None:
    release, entered = threading.Event(), threading.Event()

    def on_reject(payload, reason):
        entered.set()
        release.wait()

    server.status = 422
    handler = HeliconeHandler(endpoint=server.url, on_reject=on_reject, shutdown_timeout=0.1)
    logger_of(handler).info("bad", extra=TRACE)
    assert entered.wait(PATIENCE)
    handler.close()
    release.set()


def test_as_root_handler_at_debug_with_urllib3_and_requests_logging_it_does_not_feed_itself(server) -> None:
    """Pitfalls 2 and 3."""
    handler = HeliconeHandler(endpoint=server.url, export="all")
    root = logging.getLogger()
    root.addHandler(handler)
    root.setLevel(logging.DEBUG)
    for name in ("urllib3", "requests", "urllib3.connectionpool"):
        logging.getLogger(name).setLevel(logging.DEBUG)
    for number in range(20):
        root.info(f"r {number}")
    assert handler.flush(PATIENCE)
    handler.close()
    assert sorted(server.names()) == sorted(f"r {number}" for number in range(20))
    assert handler.stats().skipped > 0


def test_requests_that_the_application_makes_itself_are_logged_as_ever(server) -> None:
    handler = HeliconeHandler(endpoint=server.url, export="all")
    root = logging.getLogger()
    root.addHandler(handler)
    root.setLevel(logging.DEBUG)
    requests.post(f"{server.url}/elsewhere", timeout=PATIENCE)
    assert handler.flush(PATIENCE)
    assert any("/elsewhere" in name for name in server.names())


def test_handle_waits_on_no_lock_that_is_held_during_a_flush(server, handler, logger) -> None:
    """`logging.shutdown` holds the handler's lock meanwhile; pitfall 2."""
    with server.hold():
        logger.info("held", extra=TRACE)
        server.wait_for_arrivals(1)
        flushing = threading.Thread(daemon=True, target=handler.flush, args=(PATIENCE,))
        flushing.start()
        handler.acquire()
        try:
            others = threading.Thread(daemon=True, target=logger.info, args=("meanwhile",), kwargs={"extra": TRACE})
            others.start()
            others.join(PATIENCE)
            assert not others.is_alive()
        finally:
            handler.release()
    flushing.join(PATIENCE)
    assert not flushing.is_alive()


def test_sender_threads_need_neither_the_logging_lock_nor_the_handlers(server, handler, logger) -> None:
    """Pitfall 1."""
    logging.getLogger("urllib3").setLevel(logging.DEBUG)
    logging.getLogger().setLevel(logging.DEBUG)
    logging.getLogger().addHandler(handler)
    handler.acquire()
    try:
        logger.info("sent meanwhile", extra=TRACE)
        server.wait_for(1)
    finally:
        handler.release()


def test_records_from_within_str_and_repr_of_logged_objects_arrive(server, handler, logger) -> None:
    class Talkative:
        def __str__(self):
            logger.info("from str", extra=TRACE)
            return "talkative"

        __repr__ = __str__

    logger.info("%s", Talkative(), extra={**TRACE, "object": Talkative()})
    assert handler.flush(PATIENCE)
    assert "talkative" in server.names()
    assert "from str" in server.names()


def test_emit_never_blocks_the_event_loop_while_the_endpoint_hangs(server, handler, logger) -> None:
    """Were one of them to wait for an answer, the loop would end only when the server lets go, which it does after."""

    async def main() -> None:
        for number in range(500):
            logger.info(f"r {number}", extra=TRACE)
            await asyncio.sleep(0)

    with server.hold():
        logger.info("held", extra=TRACE)
        server.wait_for_arrivals(1)
        asyncio.run(main())
        assert handler.stats().queued == 501
    assert handler.flush(PATIENCE)
    assert len(server.names()) == 501


@pytest.mark.parametrize("overflow", ["drop_newest", "drop_oldest"])
def test_emit_never_waits_when_the_queue_is_full_and_the_endpoint_hangs(overflow, server, logger_of) -> None:
    handler = HeliconeHandler(endpoint=server.url, queue_size=10, overflow=overflow)
    logger = logger_of(handler)
    with server.hold():
        for number in range(500):
            logger.info(f"r {number}", extra=TRACE)
        assert handler.stats().dropped == 490


def test_records_come_through_a_queue_listener_with_their_exception(server, handler) -> None:
    """Pitfall 23: `QueueHandler.prepare` drops `exc_info` and `args`."""
    between = queue.SimpleQueue()
    listener = logging.handlers.QueueListener(between, handler)
    logger = logging.getLogger("queued")
    logger.addHandler(logging.handlers.QueueHandler(between))
    logger.propagate = False
    listener.start()
    try:
        raise KeyError("missing")
    except KeyError:
        logger.exception("failed on %s", "this", extra={**TRACE, "messages": [{"role": "user", "content": "hi"}]})
    listener.stop()
    assert handler.flush(PATIENCE)
    attributes = server.named("failed on this").attributes
    assert attributes["exception.type"] == "KeyError"
    assert attributes["exception.message"] == "'missing'"
    assert "Traceback" in attributes["exception.stacktrace"]
    assert attributes["gen_ai.prompt.0.content"] == "hi"


def test_a_message_that_logs_when_it_is_looked_into_does_not_call_itself_without_end(server, handler, logger) -> None:
    calls = []

    class Talkative(dict):
        def __contains__(self, key):
            calls.append(key)
            logger.info(Talkative(a=1))
            return super().__contains__(key)

    logger.info(Talkative(a=1))
    logger.info("after", extra=TRACE)
    assert handler.flush(PATIENCE)
    assert server.names() == ["after"]
    assert len(calls) < 100


def test_it_works_as_target_of_a_memory_handler(server, handler) -> None:
    memory = logging.handlers.MemoryHandler(10, flushLevel=logging.ERROR, target=handler)
    logger = logging.getLogger("memory")
    logger.addHandler(memory)
    logger.propagate = False
    logger.setLevel(logging.DEBUG)
    for number in range(3):
        logger.info(f"r {number}", extra=TRACE)
    assert handler.stats().emitted == 0
    logger.error("now", extra=TRACE)
    assert handler.flush(PATIENCE)
    assert sorted(server.names()) == ["now", "r 0", "r 1", "r 2"]
    memory.close()


def test_field_names_that_are_documented_do_not_collide_with_those_of_records(handler, logger) -> None:
    """Pitfall 15."""
    fields = "trace_id span_id parent_span_id traceparent span_name span_kind start_time end_time duration_ms duration "
    fields += "status model provider operation tool_name messages prompt completion finish_reason tool_calls user_id "
    fields += "prompt_tokens completion_tokens total_tokens max_tokens temperature llm_request llm_response session_id "
    fields += "session_name session_path prompt_id properties helicone"
    logger.info("all of them", extra=dict.fromkeys(fields.split()))


# Snapshot: pitfall 13


def test_a_list_that_is_appended_to_after_the_call_is_sent_as_at_the_call(server, handler, logger) -> None:
    messages = [{"role": "user", "content": "first"}]
    with server.hold():
        logger.info("snapshot", extra={**TRACE, "messages": messages})
        messages[0]["content"] = "changed"
        messages.append({"role": "assistant", "content": "later"})
    assert handler.flush(PATIENCE)
    attributes = server.named("snapshot").attributes
    assert attributes["gen_ai.prompt.0.content"] == "first"
    assert "gen_ai.prompt.1.content" not in attributes


def test_the_record_and_the_callers_objects_are_not_changed(server, handler) -> None:
    extra = {
        **TRACE,
        "messages": [{"role": "user", "content": "hi"}],
        "properties": {"a": 1},
        "helicone": {"user_id": "ada"},
        "tags": {"x", "y"},
    }
    copy = {**extra, "messages": [dict(extra["messages"][0])], "properties": {"a": 1}, "helicone": {"user_id": "ada"}}
    handler.setFormatter(logging.Formatter("%(asctime)s %(message)s"))
    logger = logging.getLogger("unchanged")
    try:
        raise ValueError("x")
    except ValueError as error:
        info = (type(error), error, error.__traceback__)
    record = logger.makeRecord("unchanged", logging.INFO, "f.py", 1, "%s", ("arg",), info, extra=extra)
    before = dict(record.__dict__)
    handler.handle(record)
    assert record.__dict__ == before
    assert extra == copy
    assert handler.flush(PATIENCE)


class Hostile:
    def __str__(self):
        raise RuntimeError("str")

    def __repr__(self):
        raise RuntimeError("repr")

    def __len__(self):
        raise RuntimeError("len")

    def __bool__(self):
        raise RuntimeError("bool")

    def __eq__(self, other):
        raise RuntimeError("eq")

    __hash__ = None

    def __getattr__(self, name):
        raise RuntimeError("getattr")


class Classless(Hostile):
    """`logging` itself raises where this is an argument of a message."""

    @property
    def __class__(self):
        raise RuntimeError("class")


def cyclic():
    found: list = []
    found.append(found)
    return found


def deep():
    found: list = []
    for _ in range(100_000):
        found = [found]
    return found


HOSTILE = {
    "object": Hostile,
    "list of it": lambda: [Hostile()],
    "mapping of it": lambda: {"k": Hostile()},
    "cyclic": cyclic,
    "deep": deep,
    "nan": lambda: float("nan"),
    "huge int": lambda: 10**5000,
    "surrogate": lambda: "\ud800 lone",
    "bytes": lambda: b"\xff\x00",
    "odd keys": lambda: {None: 1, (1, 2): 2, b"b": 3},
    "large": lambda: "x" * 5_000_000,
    "generator": lambda: (number for number in range(3)),
    "class": lambda: Hostile,
}
PLACES = ["messages", "prompt", "completion", "model", "trace_id", "span_id", "start_time", "prompt_tokens", "status"]
PLACES += ["properties", "helicone", "llm_request", "llm_response", "user_id", "traceparent", "tool_calls", "anything"]


@pytest.mark.parametrize("make", [*HOSTILE.values(), Classless], ids=[*HOSTILE, "classless"])
def test_hostile_values_that_are_bound_in_any_field_never_raise(make, server, handler, logger, monkeypatch) -> None:
    monkeypatch.setattr(logger, "callHandlers", handler.handle)  # pytest cannot report half a surrogate pair
    places = [*PLACES, "parent_span_id", "parent_path", "session_id", "session_path", "session_name"]
    for place in places:
        value = make()
        with bind(**{place: value}):
            logger.info(f"in {place}", extra={"helicone": {}})
        with span("around", logger.name, **{place: value}):
            pass
    if not callable(name := make()):  # which would be decorated
        with span(name, logger.name):
            pass
    assert handler.flush(PATIENCE)
    assert handler.stats().delivered == handler.stats().emitted == 2 * len(places) + (not callable(name))
    assert server.refusals == []


@pytest.mark.parametrize("kind", HOSTILE)
def test_hostile_values_in_any_field_never_raise_and_are_sent_or_accounted_for(kind, server, handler, logger) -> None:
    for place in PLACES:
        logger.info(f"in {place}", extra={"helicone": {}, place: HOSTILE[kind]()})
    log_past_pytest(handler, HOSTILE[kind]())
    log_past_pytest(handler, "%s", HOSTILE[kind]())
    assert handler.flush(PATIENCE)
    stats = handler.stats()
    assert stats.emitted + stats.skipped == len(PLACES) + 2
    assert stats.emitted == stats.delivered + stats.rejected
    assert stats.rejected == 0
    assert server.refusals == []


def test_the_formatter_is_public_and_json_logger_options_work_through_the_handler(server, logger_of) -> None:
    handler = HeliconeHandler(endpoint=server.url, static_fields={"region": "eu"}, rename_fields={"usr": "user_id"})
    assert isinstance(handler._traces, OTELTraceFormatter)
    logger_of(handler).info({"message": "from a dict", "trace_id": "t-2", "usr": "ada"})
    assert handler.flush(PATIENCE)
    attributes = server.named("from a dict").attributes
    assert attributes["region"] == "eu"
    assert attributes["traceloop.association.properties.Helicone-User-Id"] == "ada"


def test_a_record_is_selected_for_itself_only_and_not_kept(server, handler, logger) -> None:
    """`handle` tells `emit` what it has found out, and a record logged meanwhile must not get that."""

    class Telling:
        def __str__(self) -> str:
            logger.info("inside", extra=TRACE)
            handler.emit(logging.makeLogRecord({"msg": "not exported"}))
            return "told"

    log_past_pytest(handler, "outside %s", Telling())
    handler._selected = logging.makeLogRecord({"msg": "of another thread, on its way"})
    handler.emit(logging.makeLogRecord({"msg": "nor this"}))
    record = logging.makeLogRecord({"msg": "last", **TRACE})
    reference = weakref.ref(record)
    handler.handle(record)
    del record
    assert reference() is None
    assert handler.flush()
    assert sorted(server.names()) == ["inside", "last", "outside told"]
    assert handler.stats().skipped == 2
