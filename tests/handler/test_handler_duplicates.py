"""A handler that was added again is told of once, and nothing else is taken for one."""

from __future__ import annotations

import gc
import logging
import weakref

import pytest
from recording_server import PATIENCE

from helicone_logging import HeliconeHandler

TRACE = {"trace_id": "t-1"}
TOLD = "twice, so that it has two rows"


def added_again(logger: logging.Logger, url: str) -> None:
    logger.addHandler(HeliconeHandler(endpoint=url))


def added_above(logger: logging.Logger, url: str) -> None:
    logger.parent.addHandler(logger.handlers[0])
    logger.propagate = True
    logger.parent.propagate = False


@pytest.mark.parametrize("add", [added_again, added_above])
def test_a_handler_that_is_added_again_is_told_of_once_at_the_second_row(add, server, logger, capfd) -> None:
    logger.info("one", extra=TRACE)
    assert TOLD not in capfd.readouterr().err
    add(logger, server.url)
    logger.info("two", extra=TRACE)
    told = capfd.readouterr().err
    assert told.count(TOLD) == 1
    assert server.url in told
    assert "removeHandler" in told
    for _ in range(3):
        logger.info("three", extra=TRACE)
    assert TOLD not in capfd.readouterr().err


def test_a_notebook_that_adds_five_is_told_of_once(server, logger, capfd) -> None:
    for _ in range(4):
        added_again(logger, server.url)
    logger.info("asked", extra=TRACE)
    assert capfd.readouterr().err.count(TOLD) == 1


def test_records_that_are_logged_in_a_loop_are_no_duplicates(handler, logger, capfd) -> None:
    for _ in range(200):
        logger.info("the same", extra=TRACE)
    record = logging.makeLogRecord({"msg": "by hand", **TRACE})
    for _ in range(3):
        handler.handle(logging.makeLogRecord(record.__dict__))
    assert TOLD not in capfd.readouterr().err


@pytest.mark.parametrize("other", [{"endpoint": "http://127.0.0.1:9"}, {"api_key": "sk-other"}])
def test_handlers_of_two_destinations_are_no_duplicates(other, server, handler, logger, capfd) -> None:
    second = HeliconeHandler(**{"endpoint": server.url, "shutdown_timeout": 0, **other})
    logger.addHandler(second)
    logger.info("asked", extra=TRACE)
    second.close()
    assert TOLD not in capfd.readouterr().err


def test_records_that_are_not_exported_are_no_duplicates(server, logger, capfd) -> None:
    added_again(logger, server.url)
    logger.info("a plain line")
    assert TOLD not in capfd.readouterr().err


def test_what_it_goes_by_keeps_no_record_alive(handler, logger) -> None:
    record = logging.makeLogRecord({"msg": "asked", **TRACE})
    handler.handle(record)
    assert handler.flush(PATIENCE)
    reference = weakref.ref(record)
    del record
    gc.collect()
    assert reference() is None
