"""What is queued is delivered, waited for and accounted for."""

from __future__ import annotations

import re
import threading
import time
from typing import Any

import pytest
from recording_server import PATIENCE
from waiting_callers import wait_for_a_caller

from helicone_logging import HeliconeHandler
from helicone_logging.delivery import transport
from helicone_logging.delivery.outcomes import Kind, Outcome
from helicone_logging.payload.frozen import FrozenRecord

TRACE = {"trace_id": "t-1"}


def balanced(stats) -> bool:
    return stats.emitted == stats.delivered + stats.rejected + stats.dropped + stats.queued


def names(prefix: str, count: int) -> list[str]:
    return [f"{prefix} {number}" for number in range(count)]


def test_flush_returns_true_when_nothing_was_logged(handler) -> None:
    assert handler.flush() is True
    assert handler.flush(0) is True


def test_every_record_is_one_span_in_a_request_of_its_own(server, handler, logger) -> None:
    for name in names("r", 20):
        logger.info(name, extra=TRACE)
    assert handler.flush(PATIENCE)
    assert sorted(server.names()) == sorted(names("r", 20))
    assert [request.spans for request in server.requests] == [1] * 20


def test_stats_account_for_every_record(server, handler, logger) -> None:
    before = time.time()
    logger.info("not traced")
    for name in names("r", 3):
        logger.info(name, extra=TRACE)
    logger.info("bad parent", extra={**TRACE, "traceparent": "nonsense"})
    assert handler.flush(PATIENCE)
    stats = handler.stats()
    assert (stats.emitted, stats.delivered, stats.skipped, stats.malformed) == (4, 4, 1, 1)
    assert (stats.queued, stats.queued_bytes, stats.oldest_age, stats.last_error) == (0, 0, 0.0, None)
    assert before <= stats.last_success_at <= time.time()


def test_stats_show_what_waits(server, handler, logger) -> None:
    with server.hold():
        for name in names("r", 10):
            logger.info(name, extra=TRACE)
        server.wait_for_arrivals(1)
        stats = handler.stats()
        assert (stats.emitted, stats.queued, stats.delivered) == (10, 10, 0)
        assert stats.queued_bytes > 0
        assert stats.oldest_age > 0
    assert handler.flush(PATIENCE)
    assert balanced(handler.stats())


def test_flush_waits_for_what_was_queued_at_the_call_and_not_for_what_comes_later(server, handler, logger) -> None:
    results = []
    with server.hold():
        logger.info("before", extra=TRACE)
        server.wait_for_arrivals(1)
        waiting = threading.Thread(daemon=True, target=lambda: results.append(handler.flush(PATIENCE)))
        waiting.start()
        while not handler._sender._queue._joining:
            time.sleep(0.001)
    stop = threading.Event()

    def log_on() -> None:
        while not stop.is_set():
            logger.info("later", extra=TRACE)
            time.sleep(0.0005)

    busy = threading.Thread(daemon=True, target=log_on)
    busy.start()
    waiting.join(PATIENCE)
    stop.set()
    busy.join(PATIENCE)
    assert results == [True]
    server.named("before")


def test_flush_returns_false_in_time_when_the_endpoint_is_dead(dead_endpoint, logger_of) -> None:
    handler = HeliconeHandler(endpoint=dead_endpoint, shutdown_timeout=0.2)
    logger_of(handler).info("nowhere", extra=TRACE)
    assert handler.flush(0.05) is False
    assert handler.flush() is False
    assert handler.stats().queued == 1


def test_flush_returns_false_in_time_when_the_endpoint_does_not_answer(server, handler, logger) -> None:
    with server.hold():
        logger.info("held", extra=TRACE)
        server.wait_for_arrivals(1)
        assert handler.flush(0.05) is False
    assert handler.flush(PATIENCE) is True


def test_flush_is_safe_from_many_threads_at_once(server, handler, logger) -> None:
    results = []

    def log_and_flush(number: int) -> None:
        logger.info(f"r {number}", extra=TRACE)
        results.append(handler.flush(PATIENCE))

    threads = [threading.Thread(daemon=True, target=log_and_flush, args=(number,)) for number in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(PATIENCE)
    assert results == [True] * 16
    assert sorted(server.names()) == sorted(names("r", 16))


def test_close_delivers_what_is_queued_and_ends_the_threads(server, handler, logger) -> None:
    for name in names("r", 30):
        logger.info(name, extra=TRACE)
    handler.close()
    assert sorted(server.names()) == sorted(names("r", 30))
    assert not [thread for thread in threading.enumerate() if thread.name == "helicone-logging-sender"]
    handler.close()


def test_a_record_logged_after_close_is_sent_all_the_same(server, handler, logger) -> None:
    logger.info("before", extra=TRACE)
    handler.close()
    logger.info("after", extra=TRACE)
    assert handler.flush(PATIENCE)
    assert server.names() == ["before", "after"]
    assert handler.stats().delivered == 2


def test_close_reports_how_many_are_lost_and_how_many_may_have_arrived(server, logger_of, capfd) -> None:
    handler = HeliconeHandler(endpoint=server.url, max_connections=1, shutdown_timeout=0)
    logger = logger_of(handler)
    logger.info("before", extra=TRACE)
    assert handler.flush(PATIENCE)
    with server.hold():
        logger.info("on its way", extra=TRACE)
        server.wait_for_arrivals(2)
        for name in names("r", 6):
            logger.info(name, extra=TRACE)
        handler.close()
        told = capfd.readouterr().err
    assert "6 records are lost" in told
    assert "1 record was not acknowledged" in told


def test_close_with_a_dead_endpoint_counts_all_as_lost(dead_endpoint, logger_of, capfd) -> None:
    handler = HeliconeHandler(endpoint=dead_endpoint, shutdown_timeout=0.2)
    logger = logger_of(handler)
    for name in names("r", 7):
        logger.info(name, extra=TRACE)
    handler.close()
    while handler.stats().queued:  # on its way yet, on a busy machine
        time.sleep(0.001)
    assert (handler.stats().dropped, handler.stats().queued) == (7, 0)
    assert re.search("lost|not acknowledged", capfd.readouterr().err)


def test_no_thread_is_started_before_there_is_work(server, logger_of) -> None:
    before = set(threading.enumerate())
    handler = HeliconeHandler(endpoint=server.url)
    logger_of(handler).info("not traced")
    assert set(threading.enumerate()) <= before


def test_no_more_threads_send_than_max_connections(server, logger_of) -> None:
    handler = HeliconeHandler(endpoint=server.url, max_connections=2)
    logger = logger_of(handler)
    with server.hold():
        for name in names("r", 20):
            logger.info(name, extra=TRACE)
        server.wait_for_arrivals(2)
        senders = [thread for thread in threading.enumerate() if thread.name == "helicone-logging-sender"]
        assert len(senders) == 2
    assert handler.flush(PATIENCE)


# Batches


def test_a_batch_holds_whole_entries_of_a_span_each(server, logger_of) -> None:
    handler = HeliconeHandler(endpoint=server.url, batch_size=5, flush_interval=PATIENCE, max_connections=1)
    logger = logger_of(handler)
    for name in names("r", 15):
        logger.info(name, extra=TRACE)
    server.wait_for(15)
    assert [request.spans for request in server.requests] == [5, 5, 5]
    assert server.names() == names("r", 15)
    assert server.requests[0].body.count(b'"scopeSpans"') == 5


def test_an_unfilled_batch_goes_after_flush_interval(server, logger_of) -> None:
    handler = HeliconeHandler(endpoint=server.url, batch_size=100, flush_interval=0.1)
    logger = logger_of(handler)
    logger.info("a", extra=TRACE)
    logger.info("b", extra=TRACE)
    server.wait_for(2)
    assert server.names() == ["a", "b"]


def test_flush_sends_an_unfilled_batch_now(server, logger_of) -> None:
    handler = HeliconeHandler(endpoint=server.url, batch_size=100, flush_interval=3600)
    logger = logger_of(handler)
    for name in names("r", 3):
        logger.info(name, extra=TRACE)
    assert handler.flush(PATIENCE)
    assert server.names() == names("r", 3)


def test_close_sends_an_unfilled_batch_now(server, logger_of) -> None:
    handler = HeliconeHandler(endpoint=server.url, batch_size=100, flush_interval=3600, shutdown_timeout=PATIENCE)
    logger = logger_of(handler)
    for name in names("r", 3):
        logger.info(name, extra=TRACE)
    handler.close()
    assert server.names() == names("r", 3)


def test_no_batch_is_larger_than_batch_bytes_unless_one_record_is(server, logger_of) -> None:
    limit = 20_000
    handler = HeliconeHandler(
        endpoint=server.url, batch_size=1000, batch_bytes=limit, flush_interval=0.05, max_connections=1
    )
    logger = logger_of(handler)
    for name in names("small", 40):
        logger.info(name, extra={**TRACE, "prompt": "x" * 1000})
    logger.info("large", extra={**TRACE, "prompt": "x" * 2 * limit})
    assert handler.flush(PATIENCE)
    assert len(server.names()) == 41
    assert all(len(request.body) <= limit + 100 or request.spans == 1 for request in server.requests)
    assert len(server.requests) < 30


@pytest.mark.parametrize("batch_size", [1000, "auto"])
def test_a_body_that_is_larger_than_it_was_thought_to_be_goes_in_parts(batch_size, server, logger_of) -> None:
    """Nobody counts what JSON escapes before it does."""
    limit = 40_000
    handler = HeliconeHandler(
        endpoint=server.url, batch_size=batch_size, batch_bytes=limit, flush_interval=3600, max_connections=2
    )
    logger = logger_of(handler)
    with server.hold():
        for name in names("quoted", 100):
            logger.info(name, extra={**TRACE, "prompt": '"' * 1000})
        assert handler.stats().queued_bytes > 0
    assert handler.flush(PATIENCE)
    assert sorted(server.names()) == sorted(names("quoted", 100))
    assert all(len(request.body) <= limit + 1000 for request in server.requests)
    # Whatever does not fit goes with those that come after it.
    assert sum(len(request.body) < limit * 0.8 for request in server.requests) <= 4
    stats = handler.stats()
    assert (stats.delivered, stats.queued, stats.queued_bytes) == (100, 0, 0)


def test_a_fault_while_a_body_is_built_neither_loses_nor_doubles_a_record(server, logger_of, monkeypatch) -> None:
    handler = HeliconeHandler(endpoint=server.url, batch_size=10, flush_interval=3600, max_backoff=0)
    logger, encode, faults = logger_of(handler), FrozenRecord.encode, []

    def failing_once(entry: FrozenRecord) -> bytes:
        if len(faults) < 1:
            faults.append(entry)
            raise MemoryError
        return encode(entry)

    monkeypatch.setattr(FrozenRecord, "encode", failing_once)
    for name in names("r", 10):
        logger.info(name, extra=TRACE)
    server.wait_for(10)
    assert handler.flush(PATIENCE)
    assert len(faults) == 1
    assert server.names() == names("r", 10)
    assert handler.stats().delivered == 10


@pytest.mark.parametrize("where", ["building", "sending", "sending a part", "sending another part"])
def test_ctrl_c_in_a_flush_that_sends_itself_keeps_every_record_once(where, server, logger_of, monkeypatch) -> None:
    handler = HeliconeHandler(endpoint=server.url, batch_size=5, batch_bytes=20_000, flush_interval=3600)
    sender, logger = handler._sender, logger_of(handler)
    no_threads = pytest.MonkeyPatch()
    no_threads.setattr(sender, "start_worker", lambda: None)  # as where no thread can be started
    prompt, send = '"' * 2000 if "part" in where else "why", transport.Transport.send
    for name in names("r", 8):
        logger.info(name, extra={**TRACE, "prompt": prompt})

    def interrupted(*args: Any) -> Any:
        if where == "sending another part" and not server.received:
            return send(*args)
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        if where == "building":
            patch.setattr(FrozenRecord, "encode", interrupted)
        else:
            patch.setattr(transport.Transport, "send", interrupted)
        with pytest.raises(KeyboardInterrupt):
            handler.flush(PATIENCE)
    assert handler.stats().queued == 8 - len(server.received)
    no_threads.undo()
    assert handler.flush(PATIENCE)
    assert sorted(server.names()) == names("r", 8)
    assert handler.stats().queued_bytes == 0


def test_a_fault_between_the_parts_of_a_body_neither_loses_nor_doubles_a_record(server, logger_of, monkeypatch) -> None:
    handler = HeliconeHandler(
        endpoint=server.url, batch_size=8, batch_bytes=20_000, flush_interval=3600, max_backoff=0, max_connections=1
    )
    logger, send, sent = logger_of(handler), transport.Transport.send, []

    def failing_later(self: transport.Transport, *args: object) -> object:
        sent.append(args)
        if len(sent) == 2:
            raise MemoryError
        return send(self, *args)

    monkeypatch.setattr(transport.Transport, "send", failing_later)
    for name in names("r", 8):
        logger.info(name, extra={**TRACE, "prompt": '"' * 2000})
    assert handler.flush(PATIENCE)
    assert sorted(server.names()) == names("r", 8)
    stats = handler.stats()
    assert (stats.delivered, stats.queued, stats.queued_bytes) == (8, 0, 0)
    assert len(sent) > 2


@pytest.mark.parametrize("refused", ["the batch", "nothing"])
def test_what_comes_back_comes_in_its_order(refused, server, logger_of, monkeypatch) -> None:
    """A body is sent in parts as it was refused, or is too large; the first part meets an endpoint that is gone."""
    handler = HeliconeHandler(
        endpoint=server.url,
        batch_size=8,
        batch_bytes=20_000 if refused == "nothing" else 10**6,
        flush_interval=3600,
        max_connections=1,
        max_backoff=0,
    )
    logger, send, answers = logger_of(handler), transport.Transport.send, []

    def troubled(self: transport.Transport, *args: Any) -> Outcome:
        answers.append(args)
        if refused == "the batch" and len(answers) == 1:
            return Outcome(Kind.REJECTED, "guilty")
        if len(answers) == (2 if refused == "the batch" else 1):
            return Outcome(Kind.UNREACHABLE, "gone")
        return send(self, *args)

    monkeypatch.setattr(transport.Transport, "send", troubled)
    for name in names("r", 8):
        logger.info(name, extra={**TRACE, "prompt": '"' * 2000})
    server.wait_for(1)
    assert handler.flush(PATIENCE)
    assert server.names() == names("r", 8)


def test_a_fault_after_an_answer_leaves_the_account_exact(server, logger_of, monkeypatch) -> None:
    handler = HeliconeHandler(endpoint=server.url, flush_interval=3600, max_backoff=0)
    queue, faults = handler._sender._queue, []
    delivered = queue.done

    def failing_once(items: Any) -> None:
        if not faults:
            faults.append(items)
            raise MemoryError
        delivered(items)

    monkeypatch.setattr(queue, "done", failing_once)
    logger_of(handler).info("r", extra=TRACE)
    assert handler.flush(PATIENCE)
    assert set(server.names()) == {"r"}
    stats = handler.stats()
    assert (stats.delivered, stats.queued, stats.queued_bytes) == (1, 0, 0)


@pytest.mark.parametrize("callback", ["on_request", "on_reject"])
def test_ctrl_c_in_a_callback_leaves_the_account_exact(callback, server, logger_of, monkeypatch) -> None:
    def interrupted(*args: object) -> None:
        raise KeyboardInterrupt

    server.status = 400 if callback == "on_reject" else 200
    handler = HeliconeHandler(endpoint=server.url, flush_interval=3600, **{callback: interrupted})
    monkeypatch.setattr(handler._sender, "start_worker", lambda: None)
    logger_of(handler).info("r", extra=TRACE)
    with pytest.raises(KeyboardInterrupt):
        handler.flush(PATIENCE)
    stats = handler.stats()
    assert (stats.delivered + stats.rejected, stats.queued) == (1, 0)


def test_auto_sends_one_while_nothing_is_on_its_way_and_what_came_meanwhile_together(server, logger_of) -> None:
    handler = HeliconeHandler(endpoint=server.url, batch_size="auto", flush_interval=3600, max_connections=1)
    logger = logger_of(handler)
    with server.hold():
        logger.info("first", extra=TRACE)
        server.wait_for_arrivals(1)
        for name in names("r", 50):
            logger.info(name, extra=TRACE)
    server.wait_for(51)
    assert [request.spans for request in server.requests] == [1, 50]
    assert server.names() == ["first", *names("r", 50)]


# Overflow


@pytest.mark.parametrize("overflow", ["drop_newest", "drop_oldest"])
def test_a_full_queue_drops_exactly_what_its_policy_says(overflow, server, logger_of, capfd) -> None:
    handler = HeliconeHandler(endpoint=server.url, queue_size=5, overflow=overflow, max_connections=1)
    logger = logger_of(handler)
    with server.hold():
        logger.info("on its way", extra=TRACE)
        server.wait_for_arrivals(1)
        for name in names("r", 12):
            logger.info(name, extra=TRACE)
        stats = handler.stats()
        assert (stats.emitted, stats.queued, stats.dropped) == (13, 5, 8)
    assert handler.flush(PATIENCE)
    kept = names("r", 12)[:4] if overflow == "drop_newest" else names("r", 12)[-4:]
    assert server.names() == ["on its way", *kept]
    assert (handler.stats().delivered, handler.stats().dropped) == (5, 8)
    assert capfd.readouterr().err.count(" lost, as the queue is full") == 1


def test_all_that_a_full_queue_has_dropped_is_told_in_the_end(server, logger_of, capfd) -> None:
    handler = HeliconeHandler(endpoint=server.url, queue_size=5, max_connections=1)
    logger = logger_of(handler)
    with server.hold():
        logger.info("on its way", extra=TRACE)
        server.wait_for_arrivals(1)
        for name in names("r", 12):
            logger.info(name, extra=TRACE)
    assert handler.flush(PATIENCE)
    assert "8 records are lost" not in capfd.readouterr().err  # the first one was told, and the others within a minute
    handler.close()
    assert "8 records are lost, as the queue is full" in capfd.readouterr().err
    handler.close()
    assert not capfd.readouterr().err


def test_a_close_tells_how_many_records_were_refused_beside_the_first(server, logger_of, capfd) -> None:
    handler = HeliconeHandler(endpoint=server.url)
    server.status, logger = 400, logger_of(handler)
    for name in names("r", 5):
        logger.info(name, extra=TRACE)
    assert handler.flush(PATIENCE)
    assert capfd.readouterr().err.count("a record was refused and is lost") == 1
    for _ in range(2):  # `logging.shutdown` does so again
        handler.close()
    assert capfd.readouterr().err.count("5 records in all were refused, or could not be encoded, and are lost") == 1


def test_each_close_tells_how_many_records_it_could_not_send(server, logger_of, capfd) -> None:
    handler = HeliconeHandler(endpoint=server.url, shutdown_timeout=0, max_connections=1)
    logger = logger_of(handler)
    with server.hold():
        logger.info("on its way", extra=TRACE)
        server.wait_for_arrivals(1)
        for lost, told in ((1, "1 record is lost"), (3, "3 records are lost")):
            for name in names("r", lost):
                logger.info(name, extra=TRACE)
            handler.close()
            assert f"{told}, not sent within shutdown_timeout=0 seconds" in capfd.readouterr().err


def test_the_queue_is_bounded_by_bytes_too(server, logger_of) -> None:
    limit = 100_000
    handler = HeliconeHandler(endpoint=server.url, queue_bytes=limit, max_connections=1)
    logger = logger_of(handler)
    with server.hold():
        for name in names("r", 50):
            logger.info(name, extra={**TRACE, "prompt": "x" * 10_000})
            assert handler.stats().queued_bytes <= limit
        logger.info("larger than the queue", extra={**TRACE, "prompt": "x" * 2 * limit})
        logger.info("small", extra=TRACE)
    assert handler.flush(PATIENCE)
    stats = handler.stats()
    assert stats.emitted == 52
    assert stats.dropped > 0
    assert balanced(stats)
    assert len(server.names()) == stats.delivered
    assert "larger than the queue" not in server.names()


def test_block_waits_for_room_and_loses_nothing(server, logger_of) -> None:
    handler = HeliconeHandler(
        endpoint=server.url, queue_size=3, overflow="block", block_timeout=PATIENCE, max_connections=1
    )
    logger = logger_of(handler)
    done = threading.Event()

    def log_all() -> None:
        for name in names("r", 20):
            logger.info(name, extra=TRACE)
        done.set()

    with server.hold():
        threading.Thread(target=log_all, daemon=True).start()
        server.wait_for_arrivals(1)
        while handler.stats().queued < 3:
            time.sleep(0.001)
        assert not done.is_set()
    assert done.wait(PATIENCE)
    assert handler.flush(PATIENCE)
    assert server.names() == names("r", 20)
    assert handler.stats().dropped == 0


def test_block_drops_the_record_after_block_timeout(server, logger_of) -> None:
    handler = HeliconeHandler(
        endpoint=server.url, queue_size=2, overflow="block", block_timeout=0.05, max_connections=1
    )
    logger = logger_of(handler)
    with server.hold():
        for name in names("r", 4):
            logger.info(name, extra=TRACE)
        assert (handler.stats().queued, handler.stats().dropped) == (2, 2)
    assert handler.flush(PATIENCE)
    assert server.names() == names("r", 2)


def test_close_lets_go_of_callers_that_wait_for_room(server, logger_of) -> None:
    handler = HeliconeHandler(
        endpoint=server.url, queue_size=1, overflow="block", block_timeout=3600, shutdown_timeout=0.1
    )
    logger = logger_of(handler)
    with server.hold():
        logger.info("first", extra=TRACE)
        server.wait_for_arrivals(1)
        waiting = threading.Thread(daemon=True, target=logger.info, args=("second",), kwargs={"extra": TRACE})
        waiting.start()
        wait_for_a_caller(handler._sender._queue)
        handler.close()
        waiting.join(PATIENCE)
        assert not waiting.is_alive()
    assert balanced(handler.stats())


def test_a_hundred_threads_at_once_are_counted_to_the_record(server, logger_of) -> None:
    handler = HeliconeHandler(endpoint=server.url, batch_size="auto", queue_size=100_000)
    logger = logger_of(handler)
    start = threading.Barrier(100)

    def log_some(number: int) -> None:
        start.wait(PATIENCE)
        for name in names(f"t{number}", 20):
            logger.info(name, extra=TRACE)

    threads = [threading.Thread(daemon=True, target=log_some, args=(number,)) for number in range(100)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(PATIENCE)
    assert handler.flush(PATIENCE)
    found = server.names()
    assert len(found) == len(set(found)) == 2000
    assert (handler.stats().emitted, handler.stats().delivered) == (2000, 2000)
