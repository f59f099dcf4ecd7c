"""However a process ends in an orderly way, what was logged is delivered, or its number is reported."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys

import pytest
import scripts
from recording_server import PATIENCE

MARGIN = 20.0  # seconds that an interpreter on a busy machine may take beside what is waited for


@pytest.mark.parametrize(
    ("end", "status"),
    [
        ("pass", 0),
        ("sys.exit(3)", 3),
        ("raise ValueError('unhandled')", 1),
        ("raise KeyboardInterrupt", -signal.SIGINT if os.name == "posix" else 1),
        ("logging.shutdown()", 0),
        ("handler.close(); logging.shutdown()", 0),
        ("handler.flush(); sys.exit(0)", 0),
        ("log.removeHandler(handler); del handler", 0),
        ("import gc; log.removeHandler(handler); del handler; gc.collect()", 0),
        ("logging.config.dictConfig({'version': 1})", 0),
    ],
)
def test_an_orderly_end_delivers_what_was_logged(end, status, server, run_script) -> None:
    done = run_script(
        f"""
        import logging.config
        handler, log = set_up()
        for number in range(20):
            log.info(f"r {{number}}", extra=TRACE)
        {end}
        """
    )
    assert done.returncode == status
    assert sorted(server.names()) == sorted(f"r {number}" for number in range(20))
    assert "helicone_logging" not in done.stderr


def test_records_after_logging_shutdown_are_delivered(server, run_script) -> None:
    done = run_script(
        """
        handler, log = set_up()
        log.info("before", extra=TRACE)
        logging.shutdown()
        log.info("after", extra=TRACE)
        """
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert server.names() == ["before", "after"]


@pytest.mark.skipif(os.name != "posix", reason="Windows has no SIGTERM that a process could catch")
def test_sigterm_delivers_when_its_handler_exits(server, write_script) -> None:
    path = write_script(
        """
        import signal
        signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(0))
        handler, log = set_up(batch_size=100, flush_interval=3600)
        log.info("before the signal", extra=TRACE)
        once_main_waits(lambda: print("ready", flush=True))
        time.sleep(3600)
        """
    )
    with subprocess.Popen(
        [sys.executable, path], env=scripts.environment(server.url), stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout.readline() == "ready\n"
        process.terminate()
        assert process.wait(PATIENCE) == 0
    assert server.names() == ["before the signal"]


@pytest.mark.skipif(os.name != "posix", reason="Windows has no SIGTERM that a process could catch")
def test_sigterm_without_a_handler_ends_the_process_at_once_as_documented(server, write_script) -> None:
    path = write_script(
        """
        handler, log = set_up(batch_size=100, flush_interval=3600)
        log.info("before the signal", extra=TRACE)
        print("ready", flush=True)
        time.sleep(3600)
        """
    )
    with subprocess.Popen(
        [sys.executable, path], env=scripts.environment(server.url), stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout.readline() == "ready\n"
        process.terminate()
        assert process.wait(PATIENCE) == -signal.SIGTERM
    assert server.names() == []


@pytest.mark.parametrize("batch", ["1", "100"])
def test_atexit_callbacks_may_log_registered_before_and_after_the_handler(batch, server, run_script) -> None:
    """Pitfall 9: since Python 3.12 no thread can be started then."""
    done = run_script(
        f"""
        import atexit
        log = logging.getLogger("app")
        atexit.register(lambda: log.warning("registered before", extra=TRACE))
        handler, log = set_up(batch_size={batch})
        atexit.register(lambda: log.warning("registered after", extra=TRACE))
        if len(sys.argv) > 1:
            log.info("in the run", extra=TRACE)
        """
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert sorted(server.names()) == ["registered after", "registered before"]


def test_an_atexit_callback_that_runs_after_logging_shutdown_may_log(server, run_script) -> None:
    """Callbacks run in reverse order: this one stood before `import logging` registered its own."""
    done = run_script(
        """
        import atexit
        atexit.unregister(logging.shutdown)
        atexit.register(lambda: log.warning("the very last", extra=TRACE))
        atexit.register(logging.shutdown)
        handler, log = set_up()
        log.info("in the run", extra=TRACE)
        """
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert server.names() == ["in the run", "the very last"]


@pytest.mark.parametrize("keep", ["resource = Resource()", "sys.modules['kept'] = Resource()"])
@pytest.mark.parametrize("first", ["", 'log.info("in the run", extra=TRACE)'])
def test_a_record_of_a_finaliser_at_interpreter_shutdown_is_delivered_or_reported_and_never_both(
    keep, first, server, run_script
) -> None:
    """Modules are being taken apart then, so that a connection may no longer be possible."""
    done = run_script(
        f"""
        handler, log = set_up(shutdown_timeout=1)

        class Resource:
            def __init__(self):
                self.log, self.trace = log, TRACE
            def __del__(self):
                self.log.warning("from a finaliser", extra=self.trace)

        {keep}
        {first}
        """
    )
    assert done.returncode == 0
    assert server.names().count("in the run") == bool(first)
    assert server.names().count("from a finaliser") + done.stderr.count("1 record is lost") == 1


def test_no_thread_is_started_once_the_interpreter_is_on_its_way_out(server, run_script) -> None:
    done = run_script(
        """
        import atexit

        def log_late():
            log.info("late", extra=TRACE)
            assert handler.flush(30)
            names = [thread.name for thread in threading.enumerate()]
            assert names == ["MainThread"], names

        atexit.register(log_late)  # callbacks run in reverse order: after the handler's own
        handler, log = set_up()
        """
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert server.names() == ["late"]


def test_where_no_thread_can_be_started_flush_and_close_deliver_in_the_calling_thread(server, run_script) -> None:
    """As in callbacks at exit since Python 3.12 (opentelemetry-python #4752)."""
    done = run_script(
        """
        def refuse(thread):
            raise RuntimeError("can't create new thread at interpreter shutdown")

        threading.Thread.start = refuse
        handler, log = set_up()
        log.info("flushed", extra=TRACE)
        assert handler.flush(30)
        log.info("closed", extra=TRACE)
        handler.close()
        log.info("shut down", extra=TRACE)
        """
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert server.names() == ["flushed", "closed", "shut down"]


@pytest.mark.skipif(sys.version_info < (3, 13), reason="its module has another interface before Python 3.13")
@pytest.mark.parametrize("kind", ["isolated", "legacy"])
def test_in_a_sub_interpreter_flush_delivers_whether_threads_may_be_started_or_not(kind, server, run_script) -> None:
    code = """
import logging
from helicone_logging import HeliconeHandler
handler, log = HeliconeHandler(), logging.getLogger("app")
log.addHandler(handler)
log.warning("inside", extra={"trace_id": "t"})
assert handler.flush(30)
assert handler.stats().delivered == 1
handler.close()
"""
    done = run_script(
        f"""
        import _interpreters, warnings
        warnings.simplefilter("ignore")
        raised = _interpreters.exec(_interpreters.create({kind!r}), {code!r})
        assert raised is None, raised
        """
    )
    assert done.returncode == 0, done.stderr
    assert server.names() == ["inside"]
    assert ("no thread can be started" in done.stderr) is (kind == "isolated")


@pytest.mark.parametrize("closes", ["pass", "logging.shutdown()", "handler.close()"])
def test_a_dead_endpoint_holds_the_exit_up_no_longer_than_shutdown_timeout_and_a_number_is_reported(
    closes, dead_endpoint, run_script
) -> None:
    done = run_script(
        f"""
        import atexit
        atexit.unregister(logging.shutdown)
        atexit.register(lambda: print(time.monotonic() - began))
        atexit.register(logging.shutdown)
        handler, log = set_up(shutdown_timeout=0.5)
        for number in range(12):
            log.info("lost", extra=TRACE)
        began = time.monotonic()
        {closes}
        """,
        endpoint=dead_endpoint,
    )
    assert done.returncode == 0
    least, most = scripts.losses(done.stderr)
    assert least <= 12 <= most
    assert float(done.stdout) < 0.5 + MARGIN


def test_an_endpoint_that_never_answers_holds_the_exit_up_no_longer_than_shutdown_timeout(server, run_script) -> None:
    with server.hold():
        done = run_script(
            """
            handler, log = set_up(shutdown_timeout=0.5, max_connections=2)
            for number in range(12):
                log.info("lost", extra=TRACE)
            """
        )
    assert done.returncode == 0
    report = re.search(r"(\d+) records? (?:is|are) lost.*\n.* (\d+) records? w\w+ not acknowledged", done.stderr)
    lost, on_their_way = map(int, report.groups())
    assert lost + on_their_way == 12
    assert 1 <= on_their_way <= 2


def test_a_request_of_a_replaced_handler_that_is_not_answered_at_exit_is_told(server, run_script) -> None:
    with server.hold():
        done = run_script(
            """
            import logging.config
            handler, log = set_up(shutdown_timeout=0.5)
            logging.config.dictConfig({"version": 1, "disable_existing_loggers": False})
            log.info("on its way", extra=TRACE)
            """
        )
    assert done.returncode == 0
    assert "1 record was not acknowledged within shutdown_timeout=0.5 seconds, and may have arrived" in done.stderr


def test_several_handlers_share_one_deadline_at_exit(dead_endpoint, run_script) -> None:
    done = run_script(
        """
        import atexit
        atexit.unregister(logging.shutdown)
        atexit.register(lambda: print(time.monotonic() - began))
        atexit.register(logging.shutdown)
        for number in range(20):
            handler, log = set_up(shutdown_timeout=2)
        log.info("lost", extra=TRACE)
        began = time.monotonic()
        """,
        endpoint=dead_endpoint,
    )
    assert done.returncode == 0
    assert float(done.stdout) < 2 + MARGIN  # and not 20 times 2 seconds


def test_the_key_does_not_show_in_what_is_reported_at_exit(dead_endpoint, run_script) -> None:
    done = run_script(
        """
        handler, log = set_up(shutdown_timeout=0.3)
        log.info("lost", extra=TRACE)
        print(handler.stats())
        """,
        endpoint=dead_endpoint,
        HELICONE_API_KEY="sk-helicone-secret-123",
    )
    least, most = scripts.losses(done.stderr)
    assert least <= 1 <= most
    assert "secret" not in done.stdout + done.stderr


def test_uwsgi_without_threads_is_said_once_and_close_sends(server, run_script) -> None:
    """Pitfall 18, with a module and threads as uWSGI without `enable-threads` has them."""
    done = run_script(
        """
        import types
        sys.modules["uwsgi"] = types.SimpleNamespace(opt={b"master": True})
        started = []
        threading.Thread.start = lambda thread: started.append(thread)  # they never come to run
        handler, log = set_up()
        for number in range(3):
            log.info(f"r {number}", extra=TRACE)
        assert started
        handler.close()
        """
    )
    assert done.returncode == 0
    assert done.stderr.count("uWSGI") == 1
    assert "enable-threads" in done.stderr
    assert sorted(server.names()) == ["r 0", "r 1", "r 2"]


def test_uwsgi_with_threads_is_no_reason_to_speak(server, run_script) -> None:
    done = run_script(
        """
        import types
        sys.modules["uwsgi"] = types.SimpleNamespace(opt={"enable-threads": True})
        handler, log = set_up()
        log.info("r", extra=TRACE)
        """
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert server.names() == ["r"]


def test_an_exit_with_a_dead_endpoint_has_one_deadline_whoever_logs_meanwhile(dead_endpoint, run_script) -> None:
    done = run_script(
        f"""
        import atexit
        log, began = logging.getLogger("app"), time.monotonic()
        atexit.register(lambda: print(time.monotonic() - began))

        def log_on():
            for number in range(200):
                log.warning("late", extra=TRACE)

        atexit.register(log_on)
        handler, log = set_up(endpoint={dead_endpoint!r}, shutdown_timeout=0.2)
        """
    )
    assert done.returncode == 0
    assert float(done.stdout) < MARGIN  # 200 times as long would be 40 s
    assert done.stderr.count(" lost, not sent within ") == 1
