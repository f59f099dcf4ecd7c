"""No record stays queued with nobody to send it, whatever happens around it."""

from __future__ import annotations

import logging
import logging.config
import threading
import time
from collections import deque
from contextlib import ExitStack

import freezegun
import pytest
from recording_server import PATIENCE

from helicone_logging import HeliconeHandler
from helicone_logging.core import lifecycle, reentrancy
from helicone_logging.delivery import transport as transport_module
from helicone_logging.delivery import workers as workers_module
from helicone_logging.delivery.workers import THREAD_NAME

TRACE = {"trace_id": "t"}


def test_a_retry_does_not_wait_for_others_to_fill_its_batch(server, logger_of) -> None:
    handler = HeliconeHandler(endpoint=server.url, batch_size=10, flush_interval=0.05, max_backoff=0.05)
    server.status = 500
    logger_of(handler).info("again", extra=TRACE)
    server.wait_for_arrivals(2)
    server.status = 200
    server.wait_for(1)
    assert server.names() == ["again"]


def test_a_retry_does_not_wait_for_a_fresh_record_to_find_company(server, logger_of) -> None:
    handler = HeliconeHandler(endpoint=server.url, batch_size=2, flush_interval=3600, max_backoff=0.05)
    logger = logger_of(handler)
    server.status = 500
    logger.info("one", extra=TRACE)
    logger.info("two", extra=TRACE)
    server.wait_for_arrivals(1)
    logger.info("fresh", extra=TRACE)
    server.status = 200
    server.wait_for(2)
    assert {"one", "two"} <= set(server.names())


def test_a_record_after_close_is_sent_while_the_closed_sender_is_still_busy(server, logger_of) -> None:
    handler = HeliconeHandler(endpoint=server.url, max_connections=1, shutdown_timeout=0.1)
    logger = logger_of(handler)
    with server.hold():
        logger.info("on its way", extra=TRACE)
        server.wait_for_arrivals(1)
        handler.close()
        logger.info("after close", extra=TRACE)
    server.wait_for(2)
    assert server.names() == ["on its way", "after close"]


def test_a_close_does_not_wait_for_workers_that_others_give_records_to(server, logger_of, monkeypatch) -> None:
    handler = HeliconeHandler(endpoint=server.url, max_connections=1)
    logger, sender = logger_of(handler), handler._sender
    monkeypatch.setattr(sender, "_wait", lambda *_, **__: False)  # what is on its way is not waited for
    closing = threading.Thread(target=sender.close, args=(2 * PATIENCE,))
    with server.hold():
        logger.info("on its way", extra=TRACE)
        server.wait_for_arrivals(1)
        closing.start()
        while not sender._ended._waiters:
            time.sleep(0.001)
        logger.info("after close", extra=TRACE)
        closing.join(PATIENCE)
        assert not closing.is_alive()
    server.wait_for(2)


@pytest.fixture
def log_while_closing(monkeypatch, server):
    """Closes a handler while three records come that `close` does not wait for, and holds their answers meanwhile."""

    def log(handler: HeliconeHandler, logger: logging.Logger, *, at_exit: bool) -> None:
        wait = handler._sender._wait
        with ExitStack() as held, monkeypatch.context() as patch:

            def wait_and_log(deadline: float, **options: bool) -> bool:
                is_sent = wait(deadline, **options)
                held.enter_context(server.hold())
                for number in range(3):
                    logger.info("meanwhile %d", number, extra=TRACE)
                patch.setattr(lifecycle, "is_exiting", lambda: at_exit)
                return is_sent

            patch.setattr(handler._sender, "_wait", wait_and_log)
            handler._sender.close(0.2)  # for which the held answer is waited for

    return log


def test_what_other_threads_log_while_a_handler_is_closed_is_sent(log_while_closing, server, logger_of) -> None:
    handler = HeliconeHandler(endpoint=server.url, max_connections=1)
    logger = logger_of(handler)
    logger.info("before", extra=TRACE)
    assert handler.flush(PATIENCE)
    log_while_closing(handler, logger, at_exit=False)
    server.wait_for(4)
    assert handler.stats().dropped == 0
    assert handler.flush(PATIENCE)
    while workers():  # none is left behind, though nobody closes it again
        time.sleep(0.001)


def test_a_close_while_others_log_on_tells_how_many_records_were_lost_before(
    log_while_closing, server, logger_of, capfd
) -> None:
    handler = HeliconeHandler(endpoint=server.url, queue_size=1)
    logger = logger_of(handler)
    log_while_closing(handler, logger, at_exit=False)
    server.wait_for(1)
    told = [line for line in capfd.readouterr().err.splitlines() if "as the queue is full" in line]
    assert [line.partition(" lost")[0] for line in told] == [
        "helicone_logging: 1 record is",
        "helicone_logging: 2 records are",
    ]


def test_what_other_threads_log_while_the_process_ends_is_reported(log_while_closing, server, logger_of, capfd) -> None:
    handler = HeliconeHandler(endpoint=server.url, max_connections=1)
    logger = logger_of(handler)
    logger.info("before", extra=TRACE)
    assert handler.flush(PATIENCE)
    log_while_closing(handler, logger, at_exit=True)
    assert handler.stats().dropped >= 2  # the first may be on its way
    assert f"{handler.stats().dropped} records are lost, logged by other threads at the end" in capfd.readouterr().err


def test_what_a_full_queue_lost_is_told_in_all_when_the_handler_is_replaced(server, logger_of, capfd) -> None:
    logger = logger_of(HeliconeHandler(endpoint=server.url, queue_size=1))
    with server.hold():
        for number in range(4):
            logger.info("r %d", number, extra=TRACE)
        logging.config.dictConfig({"version": 1, "disable_existing_loggers": False})
        told = [line for line in capfd.readouterr().err.splitlines() if "as the queue is full" in line]
    assert [line.partition(" lost")[0] for line in told] == [
        "helicone_logging: 1 record is",
        "helicone_logging: 3 records are",
    ]


def test_closing_the_replaced_handler_leaves_the_records_of_its_successor(server) -> None:
    config = {
        "version": 1,
        "disable_existing_loggers": False,
        "handlers": {"h": {"class": "helicone_logging.HeliconeHandler", "endpoint": server.url, "shutdown_timeout": 0}},
        "loggers": {"app": {"handlers": ["h"], "level": "INFO", "propagate": False}},
    }
    logger = logging.getLogger("app")
    logging.config.dictConfig(config)
    (old,) = logger.handlers
    with server.hold():
        logger.info("old", extra=TRACE)
        logging.config.dictConfig(config)
        (new,) = logger.handlers
        for number in range(10):
            logger.info("new %d", number, extra=TRACE)
        old.close()
    assert new.flush(PATIENCE)
    assert sorted(server.names()) == sorted(["old", *(f"new {number}" for number in range(10))])
    assert new.stats().dropped == 0


@pytest.mark.parametrize("call", ["log", "flush", "close"])
def test_a_signal_handler_may_log_flush_and_close_in_the_middle_of_a_record(call, server, logger_of) -> None:
    """It runs in the thread that holds the lock of the queue, for which the workers wait."""
    handler = HeliconeHandler(endpoint=server.url, shutdown_timeout=0.2)
    logger, queue = logger_of(handler), handler._sender._queue
    interruptions = [True]

    class Interrupted(deque):
        def append(self, item):
            if interruptions:
                interruptions.clear()
                if call == "log":
                    logger.info("from a signal handler", extra=TRACE)
                else:
                    getattr(handler, call)()
            super().append(item)

    queue._ready = Interrupted()
    logger.info("interrupted", extra=TRACE)
    server.wait_for(2 if call == "log" else 1)
    assert handler.flush(PATIENCE)
    assert sorted(server.names()) == (["from a signal handler"] if call == "log" else []) + ["interrupted"]
    assert handler.stats().queued == handler.stats().queued_bytes == 0


def test_records_that_join_others_wake_nobody(server, logger_of, monkeypatch) -> None:
    """One switch of threads for each record would cost the application more than the record itself."""
    handler = HeliconeHandler(endpoint=server.url, batch_size=500, flush_interval=3600, max_connections=1)
    logger, queue = logger_of(handler), handler._sender._queue
    logger.info("0", extra=TRACE)
    while queue._wanted != 500:  # the worker lingers
        time.sleep(0.001)
    woken = []
    monkeypatch.setattr(queue, "_wake_taker", lambda: woken.append(len(queue._ready)) or type(queue)._wake_taker(queue))
    for number in range(1, 500):
        logger.info("%d", number, extra=TRACE)
    server.wait_for(500)
    assert woken == [500]


def test_records_wake_nobody_while_all_workers_are_busy(server, logger_of, monkeypatch) -> None:
    handler = HeliconeHandler(endpoint=server.url, max_connections=1)
    logger, queue = logger_of(handler), handler._sender._queue
    woken = []
    with server.hold():
        logger.info("on its way", extra=TRACE)
        server.wait_for_arrivals(1)
        with monkeypatch.context() as patch:
            patch.setattr(queue, "_wake_taker", lambda: woken.append(1))
            for number in range(50):
                logger.info("%d", number, extra=TRACE)
    server.wait_for(51)
    assert woken == []


def test_a_worker_that_hangs_does_not_hold_up_what_was_logged_right_after(server, logger_of, monkeypatch) -> None:
    """Nobody logs, flushes or asks any more."""
    handler = HeliconeHandler(endpoint=server.url, max_connections=4)
    logger, queue, is_logged = logger_of(handler), handler._sender._queue, threading.Event()
    take = queue.take
    monkeypatch.setattr(queue, "take", lambda *args, **options: is_logged.wait() and take(*args, **options))
    with server.hold():
        for number in range(6):
            logger.info("%d", number, extra=TRACE)
        is_logged.set()
        server.wait_for_arrivals(4)
        assert workers() == 4
    server.wait_for(6)


def test_one_worker_is_enough_for_records_that_come_one_by_one(server, logger_of) -> None:
    handler = HeliconeHandler(endpoint=server.url, max_connections=4)
    logger = logger_of(handler)
    for number in range(20):
        logger.info("%d", number, extra=TRACE)
        assert handler.flush(PATIENCE)
        while not handler._sender._idle:
            time.sleep(0.001)
    assert workers() == 1


def test_workers_that_end_while_another_is_busy_are_not_followed_by_others_without_end(server, logger_of) -> None:
    handler = HeliconeHandler(endpoint=server.url, max_connections=2, shutdown_timeout=0, timeout=PATIENCE)
    logger = logger_of(handler)
    with server.hold():
        for _ in range(2):
            logger.info("at once", extra=TRACE)
        server.wait_for_arrivals(2)
    assert handler.flush(PATIENCE)
    with server.hold():
        logger.info("on its way", extra=TRACE)
        server.wait_for_arrivals(3)
        handler.close()
        while workers() > 1:  # each is alive until the next one is
            time.sleep(0.001)
        assert handler.stats().queued == 1
    server.wait_for(3)


def workers() -> int:
    return sum(thread.name == THREAD_NAME for thread in threading.enumerate())


def test_a_flush_without_threads_waits_instead_of_asking_again_and_again(dead_endpoint, logger_of, monkeypatch) -> None:
    handler = HeliconeHandler(endpoint=dead_endpoint, shutdown_timeout=0)
    sender = handler._sender
    monkeypatch.setattr(sender, "start_worker", lambda: None)
    takes = []
    take = sender._queue.take
    monkeypatch.setattr(sender._queue, "take", lambda *args, **kwargs: takes.append(1) or take(*args, **kwargs))
    logger_of(handler).info("waits", extra=TRACE)
    assert handler.flush(0.3) is False
    assert len(takes) < 100


def test_a_flush_that_sends_by_itself_keeps_its_time(server, logger_of, monkeypatch) -> None:
    handler = HeliconeHandler(endpoint=server.url, timeout=3600)
    monkeypatch.setattr(handler._sender, "start_worker", lambda: None)
    logger_of(handler).info("r", extra=TRACE)
    with server.hold():
        assert handler.flush(0.2) is False
    assert handler.flush(PATIENCE)


@pytest.mark.parametrize(
    "end",
    [
        lambda sender: sender._queue.close(),
        lambda sender: sender._queue.close(discard=True),
        lambda sender: sender.retire(),
    ],
    ids=["close", "discard", "retire"],
)
def test_a_record_that_comes_while_the_last_worker_ends_is_sent(end, server, logger_of, monkeypatch) -> None:
    """It still counts as idle then, so that nobody starts another one."""
    handler = HeliconeHandler(endpoint=server.url, max_connections=1)
    logger, sender = logger_of(handler), handler._sender
    has_got_nothing, may_end = threading.Event(), threading.Event()
    work = sender._work

    def end_slowly(transport):
        if work(transport):
            return True
        has_got_nothing.set()
        assert may_end.wait(PATIENCE)
        return False

    monkeypatch.setattr(sender, "_work", end_slowly)
    logger.info("before", extra=TRACE)
    server.wait_for(1)
    end(sender)
    assert has_got_nothing.wait(PATIENCE)
    monkeypatch.setattr(sender, "_work", work)
    logger.info("late", extra=TRACE)
    may_end.set()
    server.wait_for(2)
    assert server.names() == ["before", "late"]


# Whatever a worker raises


def fail_at_first(monkeypatch, owner, name, error) -> list[BaseException]:
    """Makes a function of `owner` raise the first three times; what it has raised is in the list."""
    function, failures = getattr(owner, name), []

    def failing(*args):
        if len(failures) < 3:
            failures.append(error)
            raise error
        return function(*args)

    monkeypatch.setattr(owner, name, failing)
    return failures


@pytest.mark.parametrize("error", [MemoryError, ImportError, LookupError, RuntimeError])
def test_a_transport_that_cannot_be_made_is_made_later(error, server, logger_of, monkeypatch, capfd) -> None:
    handler = HeliconeHandler(endpoint=server.url, max_backoff=0.02, max_attempts=1)
    logger = logger_of(handler)
    fail_at_first(monkeypatch, transport_module, "DeadlineAdapter", error("no more"))
    for number in range(5):
        logger.info("%d", number, extra=TRACE)
    server.wait_for(5)
    assert handler.flush(PATIENCE)
    assert sorted(server.names()) == list("01234")
    assert (handler.stats().delivered, handler.stats().rejected) == (5, 0)
    assert "sending failed here: " in capfd.readouterr().err


def test_a_worker_that_cannot_begin_says_so_once_and_tries_again(server, logger_of, monkeypatch, capfd) -> None:
    monkeypatch.setattr(workers_module, "_AFTER_FAULT", 0.01)
    logger = logger_of(HeliconeHandler(endpoint=server.url))
    failures = fail_at_first(monkeypatch, reentrancy, "sending", AttributeError("not in this Python"))
    logger.info("r", extra=TRACE)
    server.wait_for(1)
    told = "helicone_logging: a worker could not work: AttributeError: not in this Python\n"
    assert (len(failures), capfd.readouterr().err) == (3, told)


def test_a_worker_that_cannot_take_a_batch_tries_again(server, logger_of, monkeypatch) -> None:
    monkeypatch.setattr(workers_module, "_AFTER_FAULT", 0.01)
    handler = HeliconeHandler(endpoint=server.url)
    logger = logger_of(handler)
    failures = fail_at_first(monkeypatch, handler._sender._queue, "_take_ready", MemoryError())
    logger.info("r", extra=TRACE)
    server.wait_for(1)
    assert handler.flush(PATIENCE)
    assert len(failures) == 3


def test_a_fault_while_a_body_is_made_is_told_and_the_record_is_sent_later(
    server, logger_of, monkeypatch, capfd
) -> None:
    handler = HeliconeHandler(endpoint=server.url, max_backoff=0.02)
    logger = logger_of(handler)
    fail_at_first(monkeypatch, handler._sender._dispatcher, "_encode_one", MemoryError("no more"))
    logger.info("r", extra=TRACE)
    server.wait_for(1)
    assert "sending failed here: MemoryError: no more; 1 record is kept" in capfd.readouterr().err


@pytest.mark.parametrize("error", [RuntimeError("can't start new thread"), MemoryError()])
def test_a_record_for_which_no_thread_can_be_started_is_neither_lost_nor_called_wrong(
    error, server, logger_of, monkeypatch, capfd
) -> None:
    handler = HeliconeHandler(endpoint=server.url)
    logger = logger_of(handler)

    start = threading.Thread.start

    def refuse(self):
        if self.name == THREAD_NAME:
            raise error
        start(self)

    with monkeypatch.context() as patch:
        patch.setattr(threading.Thread, "start", refuse)
        logger.info("r", extra=TRACE)
        stats = handler.stats()
        assert (stats.emitted, stats.queued, stats.rejected) == (1, 1, 0)
        told = capfd.readouterr().err
        assert len(told.splitlines()) == 1
        assert repr(error) in told
        assert handler.flush(PATIENCE)
    logger.info("next", extra=TRACE)
    server.wait_for(2)
    assert server.names() == ["r", "next"]


def test_a_record_that_cannot_be_encoded_takes_no_other_with_it(server, logger_of, monkeypatch, capfd) -> None:
    handler = HeliconeHandler(endpoint=server.url, batch_size=5, flush_interval=3600)

    class Broken:
        size = 10

        def encode(self):
            raise ZeroDivisionError

    for number in range(4):
        logger_of(handler).info("%d", number, extra=TRACE)
    handler._sender.submit(Broken())
    assert handler.flush(PATIENCE)
    assert server.names() == list("0123")
    assert (handler.stats().delivered, handler.stats().rejected) == (4, 1)
    assert "ZeroDivisionError" in capfd.readouterr().err


# Frozen clocks


def test_a_frozen_clock_neither_hangs_flush_and_close_nor_ends_sending(server, logger_of) -> None:
    with freezegun.freeze_time("2020-01-01"):
        handler = HeliconeHandler(endpoint=server.url, batch_size=10, flush_interval=0.01)
        logger = logger_of(handler)
        logger.info("frozen", extra=TRACE)
        server.wait_for(1)
        assert handler.flush(PATIENCE)
        server.status = 503
        logger.info("kept", extra=TRACE)
        assert handler.flush(0.05) is False
    server.status = 200
    logger.info("thawed", extra=TRACE)
    assert handler.flush(PATIENCE)
    handler.close()
    assert sorted(server.names()) == ["frozen", "kept", "thawed"]
