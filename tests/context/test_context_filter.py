from __future__ import annotations

import copy
import io
import json
import logging
import logging.config
import logging.handlers
import pickle
import queue
import uuid

import pytest
from pythonjsonlogger.json import JsonFormatter

from helicone_logging.context.binding import INHERITED_MARK, INJECTED_MARK, bind
from helicone_logging.context.filter import TraceContextFilter
from helicone_logging.context.tracing import span
from helicone_logging.errors import ConfigurationError


def injected(filter_=None, **extra):
    record = logging.makeLogRecord({"msg": "hello %s", "args": ("you",), **extra})
    assert (filter_ or TraceContextFilter()).filter(record) is True
    return record


@pytest.fixture
def logger():
    logger = logging.getLogger("test_context_filter")
    logger.setLevel(logging.DEBUG)
    logger.propagate = False
    yield logger
    logger.handlers.clear()
    logger.filters.clear()
    logger.propagate = True


def test_bound_scalars_are_written_on_the_record_and_marked_as_injected():
    with bind(trace_id="t", user_id="u", turn=3, flag=True, ref=uuid.UUID(int=1), properties={"a": 1}, items=[1]):
        record = injected()
    assert (record.trace_id, record.user_id, record.turn, record.flag, record.ref) == (
        "t",
        "u",
        3,
        True,
        uuid.UUID(int=1),
    )
    assert not hasattr(record, "properties")
    assert not hasattr(record, "items")
    assert set(record.__dict__[INJECTED_MARK]) == {"trace_id", "user_id", "turn", "flag", "ref"}
    assert record.__dict__[INHERITED_MARK]["properties"] == {"a": 1}


def test_the_span_around_is_written_and_the_inner_path_is_not():
    with span("outer") as s:
        record = injected()
    assert record.parent_span_id == s.span_id
    assert not hasattr(record, "parent_path")
    assert record.__dict__[INHERITED_MARK]["parent_path"] == "/outer"


def test_outside_a_context_the_trace_id_is_there_and_empty():
    record = injected()
    assert record.trace_id == ""
    assert record.__dict__[INJECTED_MARK] == ("trace_id",)
    assert record.__dict__[INHERITED_MARK] == {}


def test_an_attribute_of_the_record_is_left_as_it_is_and_not_marked():
    with bind(trace_id="bound", user_id="u"):
        record = injected(trace_id="own", user_id=None)
    assert (record.trace_id, record.user_id) == ("own", None)
    assert record.__dict__[INJECTED_MARK] == ()


@pytest.mark.parametrize("name", ["message", "asctime", "taskName", "name", "msg", "args", "levelname", "exc_info"])
def test_names_of_logging_itself_are_never_written(name):
    before = dict(logging.makeLogRecord({"msg": "hello %s", "args": ("you",)}).__dict__)
    with bind(**{name: "bound"}):
        record = injected()
    assert record.__dict__.get(name) == before.get(name)
    assert record.getMessage() == "hello you"
    assert name not in record.__dict__[INJECTED_MARK]


def test_of_two_filters_the_first_decides():
    record = injected()
    with bind(trace_id="later"):
        TraceContextFilter().filter(record)
    assert record.trace_id == ""
    assert record.__dict__[INHERITED_MARK] == {}


def test_only_the_named_fields_are_written():
    with bind(trace_id="t", user_id="u", tenant="x", properties={"a": 1}):
        record = injected(TraceContextFilter(fields=["tenant", "properties", "missing"]))
    assert (record.tenant, record.properties, record.missing) == ("x", {"a": 1}, "")
    assert not hasattr(record, "trace_id")
    assert record.__dict__[INHERITED_MARK]["trace_id"] == "t"


def test_defaults_are_written_where_nothing_is_bound():
    filter_ = TraceContextFilter(defaults={"trace_id": "-", "user_id": "nobody"})
    record = injected(filter_)
    assert (record.trace_id, record.user_id) == ("-", "nobody")
    with bind(trace_id="t"):
        record = injected(filter_)
    assert (record.trace_id, record.user_id) == ("t", "nobody")


@pytest.mark.parametrize("options", [{"fields": "trace_id"}, {"fields": [1]}, {"fields": 1}, {"defaults": ["a"]}])
def test_bad_options_fail_in_the_constructor_and_are_named(options):
    with pytest.raises(ConfigurationError, match=next(iter(options))):
        TraceContextFilter(**options)


def test_a_text_format_can_name_the_trace_inside_and_outside_a_context(logger):
    stream = io.StringIO()
    logging.config.dictConfig(
        {
            "version": 1,
            "disable_existing_loggers": False,
            "filters": {
                "trace": {"()": "helicone_logging.context.filter.TraceContextFilter", "defaults": {"trace_id": "-"}}
            },
            "formatters": {"text": {"format": "%(trace_id)s %(message)s"}},
            "handlers": {
                "out": {"class": "logging.StreamHandler", "stream": stream, "filters": ["trace"], "formatter": "text"}
            },
            "loggers": {"test_context_filter": {"handlers": ["out"]}},
        }
    )
    logger.info("outside")
    with bind(trace_id="t"):
        logger.info("inside")
    assert stream.getvalue().splitlines() == ["- outside", "t inside"]


def test_a_json_log_shows_the_bound_fields_and_not_the_marks(logger):
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(JsonFormatter("%(message)s"))
    handler.addFilter(TraceContextFilter())
    logger.addHandler(handler)
    with bind(trace_id="t", user_id="u"):
        logger.info("inside")
    assert json.loads(stream.getvalue()) == {"message": "inside", "trace_id": "t", "user_id": "u"}


def test_the_record_of_a_span_shows_the_trace_it_opened(logger):
    handler = logging.handlers.BufferingHandler(10)
    handler.addFilter(TraceContextFilter())
    logger.addHandler(handler)
    with span("work", logger=logger, user_id="u") as s:
        pass
    (record,) = handler.buffer
    assert (record.trace_id, record.user_id) == (s.trace_id, "u")
    assert not hasattr(record, "parent_span_id")


def test_a_record_keeps_its_context_through_a_queue_to_another_thread(logger):
    """The listener's thread has a context of its own, as every thread may from Python 3.14 on."""
    pending: queue.Queue[logging.LogRecord] = queue.Queue()
    received = logging.handlers.BufferingHandler(10)
    sender = logging.handlers.QueueHandler(pending)
    sender.addFilter(TraceContextFilter())
    logger.addHandler(sender)
    listener = logging.handlers.QueueListener(pending, received)
    listener.start()
    with bind(trace_id="t", properties={"a": 1}):
        logger.info("inside")
    logger.info("outside")
    listener.stop()
    inside, outside = received.buffer
    assert inside.trace_id == "t"
    assert inside.__dict__[INHERITED_MARK] == {"trace_id": "t", "properties": {"a": 1}}
    assert outside.__dict__[INHERITED_MARK] == {}


@pytest.mark.parametrize("through", [copy.copy, copy.deepcopy, lambda record: pickle.loads(pickle.dumps(record))])
def test_the_marks_survive_copying_and_pickling(through):
    with span("outer", trace_id="t"), bind(properties={"a": 1}):
        record = injected()
    outside = injected()
    assert through(record).__dict__ == record.__dict__
    assert through(outside).__dict__ == outside.__dict__


def test_a_value_that_raises_when_looked_at_does_not_stop_the_record():
    class Hostile:
        def __getattribute__(self, name):
            raise RuntimeError

    class Comparing(type):
        def __eq__(cls, other):
            return cls is other

    class Hashless(metaclass=Comparing):
        pass

    with bind(trace_id="t", thing=Hostile(), other=Hashless()):
        record = injected()
    assert record.trace_id == "t"
