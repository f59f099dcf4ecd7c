"""Under load the bounds hold, and the account is exact to the record."""

from __future__ import annotations

import threading
import time

import fault_server as fault
import pytest
from recording_server import PATIENCE

THREADS, EACH = 100, 20


def slow(seconds: float) -> fault.Behaviour:
    def play(exchange: fault.Exchange) -> None:
        exchange.server.wait_until_released(seconds)
        fault.OK.play(exchange)

    return fault.Behaviour("slow", play)


def log_from_many_threads(client, **extra: object) -> None:
    start = threading.Barrier(THREADS)

    def log(thread: int) -> None:
        start.wait(PATIENCE)
        client.log(*[f"{thread}.{number}" for number in range(EACH)], **extra)

    threads = [threading.Thread(target=log, args=(thread,)) for thread in range(THREADS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(PATIENCE)
        assert not thread.is_alive()


def test_a_hundred_threads_meet_faults_and_every_record_arrives_once(faulty, client_of) -> None:
    client = client_of(faulty.url, batch_size="auto", max_connections=4)
    faulty.script(*[fault.reset_before_answer(), fault.answer(503), fault.answer(429), fault.OK] * 5)
    log_from_many_threads(client)
    client.settle()
    assert client.counts() == (THREADS * EACH, THREADS * EACH, 0, 0, 0)
    assert set(faulty.stored.values()) == {1}
    assert len(faulty.stored) == THREADS * EACH


@pytest.mark.parametrize("overflow", ["drop_newest", "drop_oldest", "block"])
def test_a_producer_faster_than_the_endpoint_keeps_to_queue_bytes_and_the_account_is_exact(
    overflow, faulty, client_of
) -> None:
    limit = 300_000
    client = client_of(
        faulty.url, queue_bytes=limit, overflow=overflow, block_timeout=PATIENCE, batch_size="auto", max_connections=2
    )
    faulty.always(slow(0.01))
    sizes: list[int] = []
    is_done = threading.Event()

    def watch() -> None:
        while not is_done.is_set():
            sizes.append(client.handler.stats().queued_bytes)
            time.sleep(0.001)

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        log_from_many_threads(client, prompt="x" * 3_000)
    finally:
        is_done.set()
        watcher.join(PATIENCE)
    client.settle()
    emitted, delivered, rejected, dropped, queued = client.counts()
    assert max(sizes) <= limit
    assert (emitted, rejected, queued) == (THREADS * EACH, 0, 0)
    assert len(faulty.stored) == delivered == emitted - dropped
    assert set(faulty.stored.values()) == {1}
    assert (dropped == 0) is (overflow == "block")
    assert client.handler.stats().queued_bytes == 0


@pytest.mark.parametrize("overflow", ["drop_newest", "drop_oldest"])
def test_a_dead_endpoint_never_blocks_the_producer(overflow, faulty, client_of, capfd) -> None:
    client = client_of(faulty.url, queue_size=50, overflow=overflow)
    with faulty.refusing():
        log_from_many_threads(client)
        emitted, delivered, rejected, dropped, queued = client.counts()
        assert (emitted, delivered, rejected) == (THREADS * EACH, 0, 0)
        assert queued <= 50
        assert dropped == emitted - queued
    client.settle()
    assert len(faulty.stored) == client.counts()[1] == queued
    told = capfd.readouterr().err
    assert told.count("the queue is full") == 1
    assert told.count("cannot be reached") <= 1
