"""`dictConfig` again and again: no deadlock, no leak, nothing lost or doubled, nobody waits (pitfalls 1, 12, 24)."""

from __future__ import annotations

import logging
import logging.config
import threading
import time
from collections import Counter

import pytest
from recording_server import PATIENCE, RecordingServer

from helicone_logging import HeliconeHandler
from helicone_logging.delivery import replaced
from helicone_logging.delivery.replaced import THREAD_NAME as REPLACED
from helicone_logging.delivery.workers import THREAD_NAME, Sender

TRACE = {"trace_id": "t-1"}


def apply(endpoint: str, **options) -> HeliconeHandler:
    logging.config.dictConfig(
        {
            "version": 1,
            "disable_existing_loggers": False,
            "handlers": {"h": {"class": "helicone_logging.HeliconeHandler", "endpoint": endpoint, **options}},
            "loggers": {
                "helicone_tests.reload": {"handlers": ["h"], "level": "DEBUG", "propagate": False},
                # As an application does that looks for trouble: each of them asks for the logging lock.
                "urllib3": {"handlers": ["h"], "level": "DEBUG"},
                "requests": {"handlers": ["h"], "level": "DEBUG"},
            },
        }
    )
    (handler,) = (
        handler
        for handler in logging.getLogger("helicone_tests.reload").handlers
        if isinstance(handler, HeliconeHandler)
    )
    return handler


def wait_until_senders_are(most: int) -> None:
    """Fails if there are more for good; those of a handler that was replaced end, be it late on a busy machine."""
    deadline = time.monotonic() + PATIENCE
    while (count := sum(thread.name == THREAD_NAME for thread in threading.enumerate())) > most:
        assert time.monotonic() < deadline, f"{count} threads"
        time.sleep(0.01)


class Producers:
    """Threads that log as fast as they can until the block is left."""

    def __init__(self, count: int = 4) -> None:
        self._stop = threading.Event()
        self.logged: list[str] = []
        self._threads = [threading.Thread(target=self._log, args=(number,), daemon=True) for number in range(count)]

    def _log(self, number: int) -> None:
        logger, count = logging.getLogger("helicone_tests.reload"), 0
        while not self._stop.wait(0.001):
            name = f"{number} {count}"
            # A record that is logged while no handler is there reaches none: `dictConfig` takes them all off first.
            if any(isinstance(handler, HeliconeHandler) for handler in logger.handlers):
                logger.info(name, extra=TRACE)
                self.logged.append(name)
            count += 1

    def __enter__(self) -> Producers:
        for thread in self._threads:
            thread.start()
        return self

    def wait_until_they_log(self, handler: HeliconeHandler) -> None:
        """Waits until a record of theirs has come to a handler."""
        deadline = time.monotonic() + PATIENCE
        while handler.stats().emitted == 0:
            assert time.monotonic() < deadline, "no thread logs"
            time.sleep(0.01)

    def __exit__(self, *error) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join(PATIENCE)
            assert not thread.is_alive(), "a thread hangs"


def test_reloads_under_load_neither_deadlock_nor_double_nor_leak_threads(server) -> None:
    with Producers() as producers:
        for _ in range(30):
            handler = apply(server.url, max_connections=2)
    assert handler.flush(PATIENCE)
    found = Counter(server.names())
    assert set(found.values()) <= {1}
    assert set(found) <= set(producers.logged)
    stats = handler.stats()
    assert (stats.dropped, stats.rejected, stats.queued) == (0, 0, 0)
    assert stats.emitted == stats.delivered == len(server.received)
    wait_until_senders_are(2)


def test_what_was_queued_before_a_reload_arrives_after_it(server) -> None:
    logger = logging.getLogger("helicone_tests.reload")
    names = [f"r {number}" for number in range(30)]
    with server.hold():
        for name in names:
            handler = apply(server.url)
            logger.info(name, extra=TRACE)
    server.wait_for(30)
    assert handler.flush(PATIENCE)
    assert Counter(server.names()) == Counter(names)


def test_of_two_equal_handlers_each_has_its_own_counts_after_a_reload(server) -> None:
    one = {"class": "helicone_logging.HeliconeHandler", "endpoint": server.url}
    loggers = [logging.getLogger(f"helicone_tests.reload.{name}") for name in "ab"]
    for _ in range(2):
        logging.config.dictConfig(
            {
                "version": 1,
                "disable_existing_loggers": False,
                "handlers": {"a": one, "b": one},
                "loggers": {
                    logger.name: {"handlers": [name], "level": "INFO", "propagate": False}
                    for name, logger in zip("ab", loggers, strict=True)
                },
            }
        )
    loggers[0].info("to the first", extra=TRACE)
    first, second = (logger.handlers[0] for logger in loggers)
    assert (first.stats().emitted, second.stats().emitted) == (1, 0)


def test_what_was_queued_before_a_reload_with_other_options_arrives_from_the_background(server) -> None:
    logger = logging.getLogger("helicone_tests.reload")
    names = [f"r {number}" for number in range(10)]
    with server.hold():
        for number, name in enumerate(names):
            apply(server.url, queue_size=1000 + number, batch_size=100, flush_interval=3600)
            logger.info(name, extra=TRACE)
        logging.config.dictConfig({"version": 1, "disable_existing_loggers": False})
    server.wait_for(10)
    assert Counter(server.names()) == Counter(names)


def test_a_handler_that_takes_the_place_of_an_equal_one_sends_over_all_its_connections(server) -> None:
    for _ in range(2):
        apply(server.url, max_connections=2, timeout=2 * PATIENCE)
    with server.hold():
        for number in range(2):
            logging.getLogger("helicone_tests.reload").info("%d", number, extra=TRACE)
        server.wait_for_arrivals(2)
    server.wait_for(2)


def test_a_handler_that_a_reload_replaced_still_sends_what_is_logged_to_it(server) -> None:
    logger = logging.getLogger("helicone_tests.reload")
    old = apply(server.url)
    logger.info("before", extra=TRACE)
    apply(server.url, queue_size=77)
    wait_until_senders_are(0)
    record = logger.makeRecord("late", logging.INFO, "f.py", 1, "by a thread that was late", (), None, extra=TRACE)
    old.handle(record)
    server.wait_for(2)
    assert sorted(server.names()) == ["before", "by a thread that was late"]
    wait_until_senders_are(0)  # nobody will ever end one that waits for more


def test_a_record_that_comes_before_the_threads_have_heard_of_the_reload_leaves_none_of_them_waiting(server) -> None:
    logger = logging.getLogger("helicone_tests.reload")
    old = apply(server.url, max_connections=2)
    with server.hold():
        for number in range(2):
            logger.info("before %d", number, extra=TRACE)
        server.wait_for_arrivals(2)  # on two threads
    assert old.flush(PATIENCE)
    record = logger.makeRecord("late", logging.INFO, "f.py", 1, "at once", (), None, extra=TRACE)
    with old._sender._queue._lock:  # which they need to hear of it
        apply(server.url, queue_size=77)
        old.handle(record)
    server.wait_for(3)
    wait_until_senders_are(0)


def test_reloads_with_a_dead_endpoint_stop_no_thread(dead_endpoint) -> None:
    with Producers() as producers:
        for _ in range(20):
            handler = apply(dead_endpoint, max_connections=2, shutdown_timeout=PATIENCE)
        producers.wait_until_they_log(handler)
    stats = handler.stats()
    assert stats.emitted == stats.queued
    assert 0 < stats.queued <= len(producers.logged)
    wait_until_senders_are(2)


@pytest.mark.parametrize("how", ["dictConfig", "fileConfig"])
def test_a_reload_waits_for_no_endpoint_that_hangs(how, server, tmp_path) -> None:
    """It would wait for the whole of `shutdown_timeout`, which is longer than the test may take."""
    apply(server.url, shutdown_timeout=3600, timeout=3600)
    with server.hold():
        logging.getLogger("helicone_tests.reload").info("held", extra=TRACE)
        server.wait_for_arrivals(1)
        if how == "dictConfig":
            apply(server.url)
        else:
            path = tmp_path / "logging.ini"
            path.write_text("[loggers]\nkeys=root\n[handlers]\nkeys=\n[formatters]\nkeys=\n[logger_root]\nhandlers=\n")
            logging.config.fileConfig(path, disable_existing_loggers=False)
    server.wait_for(1)
    assert server.names() == ["held"]


def test_threads_of_replaced_handlers_end_when_their_queue_is_empty(server) -> None:
    logger = logging.getLogger("helicone_tests.reload")
    for number in range(10):
        apply(server.url, queue_size=1000 + number)
        logger.info(f"r {number}", extra=TRACE)
    logging.config.dictConfig({"version": 1, "disable_existing_loggers": False})
    server.wait_for(10)
    for thread in threading.enumerate():
        if thread.name == "helicone-logging-sender":
            thread.join(PATIENCE)
            assert not thread.is_alive()


def test_disable_existing_loggers_silences_a_logger_and_harms_nothing(server) -> None:
    apply(server.url)
    logging.config.dictConfig({"version": 1, "disable_existing_loggers": True})
    logging.getLogger("helicone_tests.reload").info("silenced", extra=TRACE)
    handler = apply(server.url)
    logging.getLogger("helicone_tests.reload").info("heard", extra=TRACE)
    assert handler.flush(PATIENCE)
    assert server.names() == ["heard"]


def test_a_hundred_reloads_with_a_dead_endpoint_leave_few_threads(dead_endpoint) -> None:
    """As many as of one handler, and as many again for all that were replaced."""
    logger = logging.getLogger("helicone_tests.reload")
    for number in range(100):
        apply(dead_endpoint, queue_size=1000 + number, max_connections=2)
        for _ in range(4):
            logger.info("r", extra=TRACE)
    wait_until_senders_are(2 + 1)
    assert sum(thread.name == REPLACED for thread in threading.enumerate()) <= 4


def test_queues_on_disk_of_replaced_handlers_are_looked_after_by_one_thread(dead_endpoint, tmp_path) -> None:
    logger = logging.getLogger("helicone_tests.reload")
    for number in range(10):
        apply(dead_endpoint, spool_path=str(tmp_path / "spool"), queue_size=1000 + number, shutdown_timeout=0)
        logger.info("r", extra=TRACE)
    assert sum(thread.name == "helicone-logging-spool" for thread in threading.enumerate()) == 1


def test_records_of_replaced_handlers_arrive_once_their_endpoint_is_back(server) -> None:
    logger = logging.getLogger("helicone_tests.reload")
    server.status = 503
    for number in range(10):
        apply(server.url, queue_size=1000 + number, max_backoff=0.05)
        logger.info(f"r {number}", extra=TRACE)
    server.status = 200
    server.wait_for(10)
    assert sorted(server.names()) == [f"r {number}" for number in range(10)]
    logging.config.dictConfig({"version": 1, "disable_existing_loggers": False})
    while any("process_request" in thread.name for thread in threading.enumerate()):  # the server's, for a connection
        time.sleep(0.001)


@pytest.fixture
def shared_workers(monkeypatch):
    """Threads for replaced handlers of this test alone: those of others may be busy with a dead endpoint."""
    monkeypatch.setattr(replaced, "serve", replaced._SharedWorkers().add)


def replace_with_a_record_left(server: RecordingServer, number: int) -> None:
    """Has a handler replaced whose record the server does not take."""
    server.status, answered = 503, threading.Event()
    apply(server.url, max_backoff=0.05, on_request=lambda outcome, records, seconds: answered.set())
    logging.getLogger("helicone_tests.reload").info(f"r {number}", extra=TRACE)
    assert answered.wait(PATIENCE)
    apply(server.url, queue_size=1000 + number)


@pytest.mark.usefixtures("shared_workers")
def test_records_of_replaced_handlers_arrive_once_threads_can_be_started_again(server, monkeypatch) -> None:
    start, refused = threading.Thread.start, []

    def refuse(self: threading.Thread) -> None:
        if self.name == REPLACED:
            refused.append(self)
            raise RuntimeError("can't start new thread")
        start(self)

    with monkeypatch.context() as patch:
        patch.setattr(threading.Thread, "start", refuse)
        for number in range(6):  # more than there may be threads
            replace_with_a_record_left(server, number)
    assert len(refused) >= 6
    replace_with_a_record_left(server, 6)
    server.status = 200
    server.wait_for(7)
    assert sorted(server.names()) == [f"r {number}" for number in range(7)]


@pytest.mark.usefixtures("shared_workers")
def test_a_fault_in_serving_replaced_handlers_ends_no_thread_of_theirs(server, monkeypatch) -> None:
    serve, failures = Sender.serve, []

    def fail_at_first(self: Sender) -> bool:
        if len(failures) < 3:
            failures.append(self)
            raise MemoryError
        return serve(self)

    monkeypatch.setattr(Sender, "serve", fail_at_first)
    replace_with_a_record_left(server, 0)
    server.status = 200
    server.wait_for(1)
    assert len(failures) == 3
