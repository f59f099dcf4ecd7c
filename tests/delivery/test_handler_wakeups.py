"""No record stays queued with nobody to send it, whatever happens around it."""

from __future__ import annotations

import logging
import logging.config
import threading
from collections import Counter

import pytest
from recording_server import PATIENCE

from helicone_logging import HeliconeHandler
from helicone_logging.delivery import memory as queue_module
from helicone_logging.delivery import workers as sender_module

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


def test_a_record_logged_inside_the_lock_of_the_queue_waits_for_no_sender(server, logger_of, monkeypatch) -> None:
    """What a signal handler does that interrupts `put`, while the leader holds its own lock and wants the queue's."""
    handler = HeliconeHandler(endpoint=server.url)
    logger = logger_of(handler)
    logger.info("first", extra=TRACE)
    assert handler.flush(PATIENCE)
    main, clock, interruptions = threading.current_thread(), queue_module.monotonic, [True]

    def interrupted():
        if interruptions and threading.current_thread() is main:
            interruptions.clear()
            with_leader = threading.Thread(target=handler._sender._rouse)
            with_leader.start()
            logger.info("from a signal handler", extra=TRACE)
            with_leader.join(1)
        return clock()

    monkeypatch.setattr(queue_module, "monotonic", interrupted)
    logger.info("interrupted", extra=TRACE)
    assert handler.flush(PATIENCE)
    assert sorted(server.names()) == ["first", "from a signal handler", "interrupted"]


@pytest.mark.parametrize("where", ["memory", "spool"])
def test_records_that_join_others_wake_nobody(where, server, logger_of, tmp_path, monkeypatch) -> None:
    """One switch of threads for each record would cost the application more than the record itself."""
    spool = {"spool_path": str(tmp_path / "spool.db")} if where == "spool" else {}
    handler = HeliconeHandler(endpoint=server.url, batch_size=500, flush_interval=3600, **spool)
    logger, sender = logger_of(handler), handler._sender
    looks: list[tuple[int, int]] = []
    due_in = sender._queue.due_in

    def looked_at():  # by the leader, while others log
        looks.append((sender._queue.ready_count, sender._wanted))
        return due_in()

    monkeypatch.setattr(sender._queue, "due_in", looked_at)
    for number in range(499):
        logger.info("%d", number, extra=TRACE)
    sender.wake()
    logger.info("last", extra=TRACE)
    server.wait_for(500)
    assert {wanted for count, wanted in looks if count} <= {500, sender_module._NEVER}


def test_a_flush_ends_after_records_came_in_the_middle_of_others(server, logger_of) -> None:
    """What signal handlers do: the first record after a flush is counted as the first one twice."""
    handler = HeliconeHandler(endpoint=server.url)
    logger = logger_of(handler)
    queue = handler._sender._queue

    class Interrupted(type(queue._in_mark)):
        def __missing__(self, mark):
            queue._in_mark = Counter(self)
            logger.info("from a signal handler", extra=TRACE)
            self.update(queue._in_mark)
            return 0

    queue._in_mark = Interrupted()
    logger.info("interrupted", extra=TRACE)
    assert handler.flush(PATIENCE)
    assert handler.flush(PATIENCE)
    assert handler.stats().queued == 0
    assert min(queue._in_mark.values(), default=0) >= 0


@pytest.mark.parametrize("overflow", ["drop_newest", "drop_oldest"])
def test_a_mark_is_right_whatever_comes_while_it_is_drawn(overflow) -> None:
    queue = queue_module.BoundedQueue(3, 1000, overflow, 0)

    class Interrupted(Counter):
        def items(self):
            queue._in_mark = Counter(self)
            queue.put(b"from a signal handler")
            self.clear()
            self.update(queue._in_mark)
            queue._in_mark = self
            return super().items()

    for number in range(3):
        queue.put(b"%d" % number)
    queue._in_mark = Interrupted(queue._in_mark)
    mark = queue.mark()
    queue._in_mark = Counter(queue._in_mark)
    items = queue.take(3, 1000)
    queue.delivered(items[:2])
    assert not queue.is_done(mark)
    queue.delivered(items[2:])
    assert queue.is_done(mark)
    assert queue.is_done(queue.mark())


def test_the_account_is_exact_when_records_come_while_others_go() -> None:
    queue = queue_module.BoundedQueue(100, 1000, "drop_newest", 0)

    class Interrupted(list):
        def __len__(self) -> int:
            queue.put(b"from a signal handler")
            return super().__len__()

    for number in range(3):
        queue.put(b"%d" % number)
    queue.delivered(Interrupted(queue.take(3, 1000)))
    account = queue.account()
    assert account.emitted == account.delivered + account.queued
    assert account.queued == queue.ready_count > 0
    assert account.queued_bytes == queue.ready_bytes


def test_nothing_stays_behind_when_all_that_waits_is_dropped(monkeypatch) -> None:
    """A record that comes in the middle of another may take the queue beyond its bytes."""
    queue = queue_module.BoundedQueue(100, 10, "drop_newest", 0)
    clock = queue_module.monotonic

    def interrupted() -> float:
        monkeypatch.setattr(queue_module, "monotonic", clock)
        queue.put(b"x" * 8)
        return clock()

    monkeypatch.setattr(queue_module, "monotonic", interrupted)
    queue.put(b"y" * 8)
    assert queue.account().queued_bytes == 16
    assert queue.drop_waiting() == 2
    account = queue.account()
    assert (account.queued, account.queued_bytes, account.dropped) == (0, 0, 2)


@pytest.mark.parametrize("call", ["flush", "close"])
def test_a_signal_handler_may_flush_and_close_in_the_middle_of_a_record(call, server, logger_of, monkeypatch) -> None:
    """The leader holds its own lock, and wants the queue's, which this thread holds."""
    handler = HeliconeHandler(endpoint=server.url)
    logger, sender = logger_of(handler), handler._sender
    clock, is_held = queue_module.monotonic, threading.Event()

    def lead() -> None:
        with sender._work:
            is_held.set()
            sender._queue.due_in()

    leader = threading.Thread(target=lead, daemon=True)

    def interrupted() -> float:
        monkeypatch.setattr(queue_module, "monotonic", clock)
        leader.start()
        assert is_held.wait(PATIENCE)
        assert not getattr(handler, call)()
        return clock()

    monkeypatch.setattr(queue_module, "monotonic", interrupted)
    logger.info("interrupted", extra=TRACE)
    leader.join(PATIENCE)
    assert handler.flush(PATIENCE)
    assert server.names() == ["interrupted"]


@pytest.mark.parametrize(("records", "turns"), [(63, 0), (64, 1)])
def test_other_threads_run_between_large_batches(records, turns, server, logger_of, monkeypatch) -> None:
    taken = []
    monkeypatch.setattr(sender_module, "let_others_run", lambda: taken.append("turn"))
    handler = HeliconeHandler(endpoint=server.url, batch_size=records, flush_interval=3600)
    logger = logger_of(handler)
    for number in range(records):
        logger.info("%d", number, extra=TRACE)
    server.wait_for(records)
    handler.close()
    assert len(taken) == turns


def test_a_flush_without_threads_waits_instead_of_asking_again_and_again(dead_endpoint, logger_of, monkeypatch) -> None:
    handler = HeliconeHandler(endpoint=dead_endpoint, shutdown_timeout=0)
    sender = handler._sender
    monkeypatch.setattr(sender, "_start", lambda thread: None)  # as under uWSGI without threads
    looks = []
    take = sender._take_here
    monkeypatch.setattr(sender, "_take_here", lambda: looks.append(1) or take())
    logger_of(handler).info("waits", extra=TRACE)
    assert handler.flush(0.3) is False
    assert len(looks) < 100
