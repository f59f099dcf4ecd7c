"""Records from finalisers and signal handlers, which may interrupt this very thread inside the handler.

Each runs in a process of its own, without coverage: that has a lock which is not reentrant, and whoever is interrupted
while holding it hangs for ever (coverage's `Collector.lock_data`).
"""

from __future__ import annotations

import gc
import json
import signal
import threading

import pytest

from helicone_logging import HeliconeHandler


def test_records_from_finalisers_arrive_wherever_the_garbage_collector_runs(server, run_script) -> None:
    """Pitfall 5."""
    done = run_script(
        """
        import gc, json

        class Cycle:
            def __init__(self):
                self.itself = self

            def __del__(self):
                log.info("finalised", extra=TRACE)

        handler, log = set_up()
        gc.set_threshold(5, 2, 2)
        for _ in range(300):
            Cycle()
            log.info("regular", extra={**TRACE, "list": [{} for _ in range(10)]})
        gc.set_threshold(700, 10, 10)
        gc.collect()
        assert handler.flush(60)
        print(json.dumps(handler.stats().skipped))
        """
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert server.names().count("regular") == 300
    # Those that the collector finds in a sender thread, or in a record of a record, are turned away and counted.
    assert server.names().count("finalised") + json.loads(done.stdout) == 300


@pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="this system has no interval timers")
def test_records_from_signal_handlers_arrive_whatever_they_interrupt(server, run_script) -> None:
    done = run_script(
        """
        import json, signal
        handler, log = set_up(queue_size=1_000_000, batch_size=500)
        fired = []

        def on_signal(number, frame):
            fired.append(number)
            log.info("from the signal", extra=TRACE)

        before = signal.signal(signal.SIGVTALRM, on_signal)
        signal.setitimer(signal.ITIMER_VIRTUAL, 0.002, 0.002)
        count = 0
        while len(fired) < 25:
            log.info("interrupted", extra=TRACE)
            count += 1
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
        signal.signal(signal.SIGVTALRM, before)
        assert handler.flush(60)
        stats = handler.stats()
        print(json.dumps([count, len(fired), stats.skipped, stats.emitted - stats.delivered]))
        """
    )
    assert (done.returncode, done.stderr) == (0, "")
    count, fired, skipped, missing = json.loads(done.stdout)
    assert missing == 0
    assert server.names().count("interrupted") == count
    assert server.names().count("from the signal") + skipped == fired


def test_what_finalisers_log_that_run_in_a_worker_arrives(server, logger_of) -> None:
    """The garbage collector runs in whichever thread allocates; what it finds there is the application's."""
    handler = HeliconeHandler(endpoint=server.url, max_connections=1, on_request=lambda *_: gc.collect())
    logger, where = logger_of(handler), []

    class Session:
        def __init__(self) -> None:
            self.me = self

        def __del__(self) -> None:
            where.append(threading.current_thread().name)
            logger.info("closed", extra={"trace_id": "t"})

    gc.disable()
    try:
        for _ in range(5):
            Session()
        logger.info("trigger", extra={"trace_id": "t"})
        server.wait_for(6)
    finally:
        gc.enable()
    assert sorted(server.names()) == [*["closed"] * 5, "trigger"]
    assert "helicone-logging-sender" in where
