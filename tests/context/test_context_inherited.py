"""The inherited context of a record that is handled elsewhere, or later, than it was logged."""

from __future__ import annotations

import copy
import json
import logging
import logging.handlers
import pickle
import queue
import struct
import threading

import pytest

from helicone_logging.context import inherited
from helicone_logging.context.binding import INHERITED_MARK, bind
from helicone_logging.context.filter import TraceContextFilter
from helicone_logging.context.inherited import dict_message, inherited_by
from helicone_logging.core import notices


class Asking(logging.Handler):
    """Asks for the inherited context of each record, as `HeliconeHandler` does."""

    def __init__(self):
        super().__init__()
        self.found = []

    def emit(self, record):
        self.found.append((record.getMessage(), dict(inherited_by(record))))


@pytest.fixture(autouse=True)
def nothing_told(monkeypatch):
    monkeypatch.setattr(notices, "_reported", set())


@pytest.fixture
def logger():
    logger = logging.Logger("test_context_inherited")
    yield logger
    for handler in logger.handlers:
        handler.close()


@pytest.fixture
def delayed(logger):
    """A `MemoryHandler` in front, and what is behind it."""
    behind = Asking()
    logger.addHandler(logging.handlers.MemoryHandler(100, flushLevel=logging.ERROR, target=behind))
    return behind


def log_late(logger):
    with bind(user_id="ada"):
        logger.info("draft")
    for record in logger.handlers[0].buffer:
        record.created -= 2  # seconds ago
    with bind(user_id="bob"):
        logger.error("failed")


def test_a_handler_in_front_that_mixes_requests_is_told_of_once(logger, delayed, capsys):
    log_late(logger)
    log_late(logger)
    told = capsys.readouterr().err
    assert told.count("helicone_logging:") == 1
    assert "TraceContextFilter" in told
    assert "MemoryHandler" in told


def test_with_our_filter_before_it_each_record_has_its_own_context_and_nothing_is_told(logger, delayed, capsys):
    logger.handlers[0].addFilter(TraceContextFilter())
    log_late(logger)
    assert delayed.found == [("draft", {"user_id": "ada"}), ("failed", {"user_id": "bob"})]
    assert capsys.readouterr().err == ""


def test_a_record_of_another_thread_that_is_handled_in_a_bound_context_is_told_of(capsys):
    made = []
    thread = threading.Thread(target=lambda: made.append(logging.LogRecord("n", 20, "p", 1, "m", (), None)))
    thread.start()
    thread.join()
    with bind(user_id="u"):
        inherited_by(made[0])
    assert "TraceContextFilter" in capsys.readouterr().err


def test_where_nothing_is_bound_or_nothing_delays_nothing_is_told(logger, delayed, capsys):
    late = logging.LogRecord("n", 20, "p", 1, "m", (), None)
    late.created -= 100
    assert inherited_by(late) == {}
    with bind(user_id="u"):
        inherited_by(logging.LogRecord("n", 20, "p", 1, "m", (), None))
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize("stderr", [None, "closed"])
def test_telling_never_hurts(monkeypatch, stderr, logger, delayed):
    import io
    import sys

    closed = io.StringIO()
    closed.close()
    monkeypatch.setattr(sys, "stderr", None if stderr is None else closed)
    log_late(logger)
    assert [message for message, _ in delayed.found] == ["draft", "failed"]


class Unpicklable:
    def __init__(self):
        self.lock = threading.Lock()

    def __str__(self):
        return "a client"


def test_what_the_filter_injects_can_be_pickled_whatever_is_bound():
    record = logging.LogRecord("n", 20, "p", 1, "m", (), None)
    with bind(
        user_id="ada",
        client=Unpicklable(),
        reply=lambda: 1,
        lock=threading.Lock(),
        messages=[{"role": "user", "content": Unpicklable()}],
        properties={"db": Unpicklable(), "n": 1},
    ):
        TraceContextFilter(fields=["user_id", "client", "properties"]).filter(record)
    again = pickle.loads(pickle.dumps(record))
    assert again.user_id == "ada"
    assert again.client == "a client"
    assert again.properties == {"db": "a client", "n": 1}
    assert again.__dict__[INHERITED_MARK]["messages"] == [{"role": "user", "content": "a client"}]


def test_what_the_filter_injects_is_fixed_when_the_record_is_logged():
    messages = [{"role": "user", "content": "hi"}]
    record = logging.LogRecord("n", 20, "p", 1, "m", (), None)
    with bind(messages=messages):
        TraceContextFilter().filter(record)
    messages.append({"role": "assistant", "content": "later"})
    assert inherited_by(record)["messages"] == [{"role": "user", "content": "hi"}]


LOGGED = {"message": "draft", "trace_id": "t", "model": "m", "messages": [{"role": "user", "content": "hi"}]}


def test_a_dict_message_survives_a_queue_handler_behind_our_filter(logger):
    pending: queue.Queue[logging.LogRecord] = queue.Queue()
    entrance = logging.handlers.QueueHandler(pending)
    entrance.addFilter(TraceContextFilter())
    logger.addHandler(entrance)
    logger.info(copy.deepcopy(LOGGED))
    record = pending.get_nowait()
    assert isinstance(record.msg, str)
    assert dict_message(vars(record)) == LOGGED


def test_a_dict_message_survives_a_socket_handler_behind_our_filter():
    record = logging.LogRecord("n", 20, "p", 1, {**LOGGED, "client": Unpicklable()}, None, None)
    TraceContextFilter().filter(record)
    sent = logging.handlers.SocketHandler("localhost", 1).makePickle(record)
    received = logging.makeLogRecord(pickle.loads(sent[struct.calcsize(">L") :]))
    assert dict_message(vars(received)) == {**LOGGED, "client": "a client"}


def test_a_dict_message_is_itself_where_nothing_was_in_between():
    record = logging.LogRecord("n", 20, "p", 1, LOGGED, None, None)
    assert dict_message(vars(record)) is LOGGED
    assert dict_message(vars(logging.LogRecord("n", 20, "p", 1, "text", None, None))) is None
    assert dict_message(vars(logging.LogRecord("n", 20, "p", 1, 7, None, None))) is None


@pytest.mark.parametrize("stamp", ["0", "0" * 32, "", " ", None, 0])
def test_a_stamp_of_opentelemetry_that_names_nothing_is_no_context(stamp):
    record = logging.makeLogRecord({"otelTraceID": stamp, "otelSpanID": "0"})
    assert inherited_by(record) == {}


def test_the_stamps_of_opentelemetry_are_the_context_where_no_trace_is_bound():
    record = logging.makeLogRecord({"otelTraceID": "a" * 32, "otelSpanID": "b" * 16})
    with bind(user_id="u"):
        assert inherited_by(record) == {"trace_id": "a" * 32, "parent_span_id": "b" * 16, "user_id": "u"}


def test_a_large_message_is_read_as_json_and_does_not_stay_in_memory() -> None:
    small, large = (json.dumps({"event": "asked", "text": "x" * length}) for length in (10, 30_000))
    inherited._remembered.cache_clear()
    for text in (small, large):
        logged = inherited.json_message(text)
        assert logged is not None
        assert logged["event"] == "asked"
    assert inherited._remembered.cache_info().currsize == 1
