"""After a fork nothing is lost, nothing is sent twice, and the parent goes on undisturbed."""

from __future__ import annotations

import os
from collections import Counter

import pytest

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="this system does not fork")


def run(run_script, source: str, **environment: str) -> None:
    done = run_script(source, PYTHONWARNINGS="ignore::DeprecationWarning", **environment)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize(
    "end",
    [
        "handler.flush(30); os._exit(0)",
        "handler.close(); os._exit(0)",
        "logging.shutdown(); os._exit(0)",
        "sys.exit(0)",
    ],
)
def test_a_forked_child_delivers_its_records_however_it_ends(end, server, run_script) -> None:
    run(
        run_script,
        f"""
        handler, log = set_up()
        log.info("parent before", extra=TRACE)
        pid = os.fork()
        if pid == 0:
            log.info("child", extra=TRACE)
            {end}
        assert os.waitpid(pid, 0)[1] == 0
        log.info("parent after", extra=TRACE)
        assert handler.flush(30)
        assert handler.stats().delivered == 2, handler.stats()
        """,
    )
    assert sorted(server.names()) == ["child", "parent after", "parent before"]


def test_a_child_that_runs_off_the_end_of_the_script_delivers_its_records(server, run_script) -> None:
    run(
        run_script,
        """
        handler, log = set_up()
        log.info("before", extra=TRACE)
        handler.flush(30)
        pid = os.fork()
        log.info("child" if pid == 0 else "parent", extra=TRACE)
        if pid:
            assert os.waitpid(pid, 0)[1] == 0
        """,
    )
    assert sorted(server.names()) == ["before", "child", "parent"]


def test_what_the_parent_has_queued_stays_the_parents(server, run_script) -> None:
    run(
        run_script,
        """
        handler, log = set_up(batch_size=100, flush_interval=3600)
        for number in range(10):
            log.info(f"queued {number}", extra=TRACE)
        pid = os.fork()
        if pid == 0:
            assert handler.stats().queued == 0 and handler.stats().emitted == 0
            log.info("child", extra=TRACE)
            sys.exit(0)
        assert os.waitpid(pid, 0)[1] == 0
        assert handler.stats().queued == 10
        """,
    )
    assert Counter(server.names()) == Counter(["child", *(f"queued {number}" for number in range(10))])


def test_a_connection_is_not_shared_with_a_child(server, run_script) -> None:
    """Two processes on one socket would read each other's answers."""
    run(
        run_script,
        """
        handler, log = set_up(max_connections=1)
        log.info("opens a connection", extra=TRACE)
        assert handler.flush(30)
        pids = []
        for child in range(4):
            pid = os.fork()
            if pid == 0:
                for number in range(25):
                    log.info(f"child {child} {number}", extra=TRACE)
                assert handler.flush(30)
                os._exit(0)
            pids.append(pid)
        for number in range(25):
            log.info(f"parent {number}", extra=TRACE)
        assert handler.flush(30)
        assert [os.waitpid(pid, 0)[1] for pid in pids] == [0] * 4
        """,
    )
    expected = [f"child {child} {number}" for child in range(4) for number in range(25)]
    expected += [f"parent {number}" for number in range(25)]
    assert Counter(server.names()) == Counter(["opens a connection", *expected])


def test_a_daemon_keeps_what_it_opens_under_the_numbers_of_its_parents_connections(server, run_script) -> None:
    """python-daemon closes all descriptors; urllib3 closes what it knows once more at exit, whoever has it by then."""
    run(
        run_script,
        """
        import atexit
        opened = []
        atexit.register(lambda: [os.fstat(number) for number in opened])  # the last to be called
        handler, log = set_up(max_connections=1)
        log.info("parent", extra=TRACE)
        assert handler.flush(30)
        if (child := os.fork()) == 0:
            os.closerange(3, 100)
            opened += [os.dup(0) for _ in range(97)]
            log.info("daemon", extra=TRACE)
            sys.exit(0)
        assert os.waitpid(child, 0)[1] == 0
        """,
    )
    assert server.names() == ["parent", "daemon"]


def test_a_grandchild_delivers_its_records(server, run_script) -> None:
    run(
        run_script,
        """
        handler, log = set_up()
        log.info("parent", extra=TRACE)
        if (child := os.fork()) == 0:
            log.info("child", extra=TRACE)
            if (grandchild := os.fork()) == 0:
                log.info("grandchild", extra=TRACE)
                sys.exit(0)
            assert os.waitpid(grandchild, 0)[1] == 0
            sys.exit(0)
        assert os.waitpid(child, 0)[1] == 0
        """,
    )
    assert sorted(server.names()) == ["child", "grandchild", "parent"]


def test_a_fork_while_other_threads_are_inside_emit_hangs_nobody_and_loses_nothing(server, run_script) -> None:
    run(
        run_script,
        """
        handler, log = set_up(batch_size="auto", queue_size=1_000_000)
        stop, counts = threading.Event(), [0, 0, 0]

        def work(number):
            while not stop.is_set():
                log.info(f"thread {number} {counts[number]}", extra=TRACE)
                counts[number] += 1
                time.sleep(0.002)

        threads = [threading.Thread(target=work, args=(number,)) for number in range(3)]
        for thread in threads:
            thread.start()
        for number in range(40):
            pid = os.fork()
            if pid == 0:
                log.info(f"child {number}", extra=TRACE)
                os._exit(0 if handler.flush(30) else 1)
            assert os.waitpid(pid, 0)[1] == 0, number
        stop.set()
        for thread in threads:
            thread.join()
        assert handler.flush(60)
        stats = handler.stats()
        assert stats.delivered == stats.emitted == sum(counts), stats
        print(*counts)
        """,
    )
    found = Counter(server.names())
    assert set(found.values()) == {1}
    assert {f"child {number}" for number in range(40)} <= set(found)


def test_a_fork_during_a_flush_and_a_close_hangs_nobody(server, run_script) -> None:
    run(
        run_script,
        """
        handler, log = set_up()
        stop = threading.Event()

        def work():
            while not stop.is_set():
                log.info("parent", extra=TRACE)
                handler.flush(1)
                handler.close()

        thread = threading.Thread(target=work)
        thread.start()
        for number in range(30):
            pid = os.fork()
            if pid == 0:
                log.info(f"child {number}", extra=TRACE)
                handler.close()
                os._exit(0)
            assert os.waitpid(pid, 0)[1] == 0
        stop.set()
        thread.join()
        """,
    )
    assert sorted(name for name in server.names() if name != "parent") == sorted(f"child {n}" for n in range(30))


def test_ids_of_parent_and_children_differ_even_under_a_fixed_seed(server, run_script) -> None:
    """Pitfall 21: the ids come from a generator of its own, seeded anew after a fork."""
    run(
        run_script,
        """
        import random
        handler, log = set_up()
        random.seed(42)
        log.info("first", extra={"helicone": {}})
        pids = []
        for child in range(4):
            if (pid := os.fork()) == 0:
                random.seed(42)
                for number in range(3):
                    log.info("child", extra={"helicone": {}})
                sys.exit(0)
            pids.append(pid)
        random.seed(42)
        for number in range(3):
            log.info("parent", extra={"helicone": {}})
        assert [os.waitpid(pid, 0)[1] for pid in pids] == [0] * 4
        """,
    )
    assert len(server.received) == 16
    for field in ("traceId", "spanId"):
        assert len({received.span[field] for received in server.received}) == 16


def test_the_applications_random_numbers_are_not_touched(server, run_script) -> None:
    run(
        run_script,
        """
        import random
        handler, log = set_up()
        random.seed(42)
        expected = [random.random() for _ in range(5)]
        random.seed(42)
        found = []
        for _ in range(5):
            log.info("between", extra={"helicone": {}})
            found.append(random.random())
        assert found == expected
        """,
    )


def test_a_handler_that_is_gone_is_neither_kept_nor_renewed_by_a_fork(server, run_script) -> None:
    """Pitfall 7: forks are watched by weak reference."""
    run(
        run_script,
        """
        import gc, weakref
        handler = HeliconeHandler()
        handler.handle(logging.makeLogRecord({"name": "app", "levelno": 20, "msg": "before", **TRACE}))
        handler.close()
        gone = weakref.ref(handler), weakref.ref(handler._sender), weakref.ref(handler._sender._queue)
        del handler
        deadline = time.monotonic() + 30
        while any(reference() for reference in gone) and time.monotonic() < deadline:
            gc.collect()
        assert not any(reference() for reference in gone)
        pid = os.fork()
        if pid == 0:
            sys.exit(0)
        assert os.waitpid(pid, 0)[1] == 0
        """,
    )
    assert server.names() == ["before"]


def test_a_closed_handler_survives_a_fork_and_logs_in_the_child(server, run_script) -> None:
    run(
        run_script,
        """
        handler, log = set_up()
        handler.close()
        pid = os.fork()
        if pid == 0:
            log.info("child", extra=TRACE)
            assert handler.flush(30)
            os._exit(0)
        assert os.waitpid(pid, 0)[1] == 0
        """,
    )
    assert server.names() == ["child"]


def test_a_fork_right_after_the_first_record_leaves_the_child_with_whole_modules(server, run_script) -> None:
    """A sender thread that loads modules meanwhile would leave the child with half of them, locked for ever."""
    run(
        run_script,
        """
        handler, log = set_up()
        loaded = set(sys.modules)
        log.info("parent", extra=TRACE)
        pids = []
        for number in range(10):
            time.sleep(0.005)
            if (pid := os.fork()) == 0:
                log.info(f"child {number}", extra=TRACE)
                os._exit(0 if handler.flush(30) else 1)
            pids.append(pid)
        assert [os.waitpid(pid, 0)[1] for pid in pids] == [0] * 10
        assert handler.flush(30)
        late = {name for name in set(sys.modules) - loaded if name.startswith(("requests", "urllib3", "helicone"))}
        assert not late, late
        """,
    )
    assert sorted(server.names()) == [*sorted(f"child {number}" for number in range(10)), "parent"]


def test_records_that_fork_in_their_own_str_hang_nobody(server, run_script) -> None:
    run(
        run_script,
        """
        handler, log = set_up()

        class Forks:
            def __str__(self):
                self.pid = os.fork()
                return "child" if self.pid == 0 else "parent"

        forks = Forks()
        log.info("%s", forks, extra=TRACE)
        log.info("after in the child" if forks.pid == 0 else "after in the parent", extra=TRACE)
        assert handler.flush(30)
        if forks.pid == 0:
            os._exit(0)
        assert os.waitpid(forks.pid, 0)[1] == 0
        """,
    )
    assert sorted(server.names()) == ["after in the child", "after in the parent", "child", "parent"]


def test_a_child_whose_handler_dictconfig_put_away_before_the_fork_delivers_at_its_exit(server, run_script) -> None:
    """As of a server that loads the application before it forks: `logging.shutdown` knows no such handler."""
    run(
        run_script,
        """
        import logging.config

        handler, log = set_up(batch_size=100, flush_interval=60)
        logging.config.dictConfig({"version": 1, "disable_existing_loggers": False, "root": {"level": "WARNING"}})
        if (pid := os.fork()) == 0:
            log.info("child", extra=TRACE)
            sys.exit(0)
        assert os.waitpid(pid, 0)[1] == 0
        """,
    )
    assert server.names() == ["child"]
