"""`flush`, `flushed` and `flush_on_sigterm`: for processes that end, or are frozen, where Python has no hook."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import multiprocessing
import os
import re
import signal
import subprocess
import sys
import threading
from collections import Counter
from pathlib import Path

import pytest
import scripts
import trio
from recording_server import PATIENCE, RecordingServer

import helicone_logging
from helicone_logging import ConfigurationError, HeliconeHandler, flush, flush_on_sigterm, flushed
from helicone_logging.testing import capture_spans

TRACE = {"trace_id": "t-1"}
METHODS = multiprocessing.get_all_start_methods()
posix = pytest.mark.skipif(os.name != "posix", reason="Windows has no SIGTERM that a process could catch")


@pytest.fixture
def second():
    with RecordingServer() as recording:
        yield recording


# flush


def test_flush_delivers_what_all_handlers_of_the_process_have_queued(server, second):
    for number, endpoint in enumerate((server, second)):
        log = logging.getLogger(f"helicone_tests.{number}")
        log.setLevel(logging.INFO)
        log.addHandler(HeliconeHandler(endpoint=endpoint.url, batch_size=100, flush_interval=3600))
        log.info(f"of {number}", extra=TRACE)
    assert flush(PATIENCE) is True
    assert (server.names(), second.names()) == (["of 0"], ["of 1"])


def test_flush_without_any_handler_has_nothing_to_do():
    assert flush() is True
    assert flush(0) is True


def test_flush_tells_that_something_is_left_and_keeps_it(server, logger):
    with server.hold():
        logger.info("late", extra=TRACE)
        server.wait_for_arrivals(1)
        assert flush(0) is False
    assert flush(PATIENCE) is True
    assert server.names() == ["late"]


@pytest.mark.parametrize("timeout", ["soon", -1, float("nan")])
@pytest.mark.parametrize("function", [flush, flushed, flush_on_sigterm])
def test_a_timeout_that_cannot_work_is_named(function, timeout):
    with pytest.raises(ConfigurationError, match="timeout"):
        function(timeout)


# flushed


def test_a_function_returns_when_what_it_logged_is_delivered(server, logger):
    @flushed(PATIENCE)
    def handle(event, *, context):
        """Handles."""
        logger.info("in the function", extra=TRACE)
        return event, context

    assert handle(1, context=2) == (1, 2)
    assert server.names() == ["in the function"]
    assert (handle.__name__, handle.__doc__) == ("handle", "Handles.")


def test_a_function_that_raises_delivers_too_and_raises_what_it_raised(server, logger):
    @flushed
    def handle():
        logger.info("before the error", extra=TRACE)
        raise KeyError("mine")

    with pytest.raises(KeyError, match="mine"):
        handle()
    assert server.names() == ["before the error"]


def test_a_block_delivers_at_its_end(server, logger):
    with flushed(PATIENCE):
        logger.info("in the block", extra=TRACE)
    assert server.names() == ["in the block"]


def test_a_generator_delivers_at_its_end(server, logger):
    @flushed(PATIENCE)
    def rows():
        yield 1
        logger.info("in the generator", extra=TRACE)

    assert list(rows()) == [1]
    assert server.names() == ["in the generator"]


def test_a_coroutine_delivers_and_the_event_loop_goes_on_meanwhile(server, logger):
    @flushed(PATIENCE)
    async def handle(*, result):
        logger.info("in the coroutine", extra=TRACE)
        return result

    async def main():
        with server.hold():
            task = asyncio.create_task(handle(result="done"))
            while not server._arrived:  # it could not arrive, nor this go on, if the loop were blocked
                await asyncio.sleep(0)
            for _ in range(100):
                await asyncio.sleep(0)
            assert not task.done()
        return await task

    assert asyncio.run(main()) == "done"
    assert server.names() == ["in the coroutine"]


def test_a_coroutine_that_raises_delivers_too(server, logger):
    async def main():
        async with flushed(PATIENCE):
            logger.info("before the error", extra=TRACE)
            raise KeyError("mine")

    with pytest.raises(KeyError, match="mine"):
        asyncio.run(main())
    assert server.names() == ["before the error"]


def test_a_cancelled_wait_ends_and_what_is_queued_is_delivered_later(server, logger):
    told = []

    async def main():
        asyncio.get_running_loop().set_exception_handler(lambda _, what: told.append(what))
        with server.hold():
            task = asyncio.create_task(flushed(PATIENCE)(log_one)())
            while not server._arrived:
                await asyncio.sleep(0)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
        while any(thread.name == "helicone-logging-flush" for thread in threading.enumerate()):
            await asyncio.sleep(0)
        await asyncio.sleep(0)

    async def log_one():
        logger.info("one", extra=TRACE)

    asyncio.run(main())
    assert flush(PATIENCE)
    assert server.names() == ["one"]
    assert told == []


def test_under_trio_it_waits_as_well(server, logger):
    @flushed(PATIENCE)
    async def handle():
        logger.info("under trio", extra=TRACE)
        return "done"

    assert trio.run(handle) == "done"
    assert server.names() == ["under trio"]


def test_a_full_pool_of_the_event_loop_does_not_hold_it_up(server, logger):
    async def main():
        is_over = threading.Event()
        loop = asyncio.get_running_loop()
        waiting = [loop.run_in_executor(None, is_over.wait) for _ in range(200)]
        async with flushed(PATIENCE):
            logger.info("one", extra=TRACE)
        delivered = server.names()
        is_over.set()
        await asyncio.gather(*waiting)
        return delivered

    assert asyncio.run(main()) == ["one"]


def test_a_dead_endpoint_holds_a_function_up_no_longer_than_it_may(dead_endpoint, logger_of):
    logger = logger_of(HeliconeHandler(endpoint=dead_endpoint))

    @flushed(0.2)
    def handle():
        logger.info("kept", extra=TRACE)
        return "done"

    assert handle() == "done"
    assert flush(0) is False


def test_an_async_generator_is_refused_where_it_is_decorated():
    async def rows():
        yield 1

    with pytest.raises(ConfigurationError, match="coroutine function"):
        flushed(1)(rows)


def test_it_shows_its_time():
    assert repr(flushed(2)) == "<Flushed within 2.0>"
    assert repr(flushed()) == "<Flushed within shutdown_timeout>"


def documented(*, containing):
    """Runs the block of the guide to serverless functions that contains something."""
    text = (Path(__file__).parents[2] / "docs" / "serverless.md").read_text(encoding="utf-8")
    blocks = re.findall(r"^```python\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    (code,) = [block for block in blocks if containing in block]
    namespace = {"__name__": "serverless"}
    exec(compile(code, "serverless.md", "exec"), namespace)
    return namespace


def test_the_recipe_for_aws_lambda_binds_the_trace_of_the_call(monkeypatch):
    recipe = documented(containing="_X_AMZN_TRACE_ID")
    monkeypatch.setenv("_X_AMZN_TRACE_ID", "Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=1")
    with capture_spans() as spans:
        assert recipe["handler"]({}, None) == {"statusCode": 200}
    (sent,) = spans
    assert sent.trace_id == "5759e988bd862e3fe1be46a994272793"
    assert sent.attributes["parent_span_id"] == "53995c3f42cd8ad8"


@pytest.mark.parametrize("variable", ["", "Root=", "nonsense;;=", None])
def test_without_its_variable_the_recipe_for_aws_lambda_begins_a_trace(monkeypatch, variable):
    recipe = documented(containing="_X_AMZN_TRACE_ID")
    if variable is not None:
        monkeypatch.setenv("_X_AMZN_TRACE_ID", variable)
    with capture_spans() as spans:
        recipe["handler"]({}, None)
    assert len(spans[0].trace_id) == 32
    assert "parent_span_id" not in spans[0].attributes


# Processes


POOL = """
import multiprocessing, warnings
from helicone_logging import flush_on_sigterm, flushed
warnings.simplefilter("ignore", DeprecationWarning)  # 3.12 warns of forks beside threads

def configure():
    log = logging.getLogger("app")
    return log if log.handlers else set_up()[1]

@flushed(30)
def work(number):
    configure().info(f"r {number}", extra=TRACE)
    return number

def plain_work(number):
    configure().info(f"r {number}", extra=TRACE)
    return number
"""


@pytest.mark.parametrize("method", METHODS)
def test_workers_of_a_pool_that_is_terminated_lose_nothing_with_flushed(method, server, run_script):
    done = run_script(
        POOL
        + f"""
if __name__ == "__main__":
    with multiprocessing.get_context("{method}").Pool(2) as pool:
        assert pool.map(work, range(20)) == list(range(20))
"""
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert Counter(server.names()) == Counter(f"r {number}" for number in range(20))


@pytest.mark.parametrize("method", METHODS)
def test_children_of_multiprocess_lose_nothing(method, server, run_script):
    pytest.importorskip("multiprocess")
    done = run_script(
        POOL.replace("import multiprocessing,", "import multiprocess, multiprocessing,")
        + f"""
if __name__ == "__main__":
    context = multiprocess.get_context("{method}")
    children = [context.Process(target=plain_work, args=(number,)) for number in range(3)]
    for child in children:
        child.start()
    for child in children:
        child.join()
    assert [child.exitcode for child in children] == [0, 0, 0]
"""
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert Counter(server.names()) == Counter(["r 0", "r 1", "r 2"])


@posix
@pytest.mark.parametrize("method", [method for method in METHODS if method != "forkserver"])
def test_workers_of_a_pool_that_is_terminated_lose_nothing_with_flush_on_sigterm(method, server, run_script):
    done = run_script(
        POOL
        + f"""
if __name__ == "__main__":
    context = multiprocessing.get_context("{method}")
    with context.Pool(2, initializer=flush_on_sigterm, initargs=(30,)) as pool:
        assert pool.map(plain_work, range(20)) == list(range(20))
"""
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert Counter(server.names()) == Counter(f"r {number}" for number in range(20))


# flush_on_sigterm


def terminated(server, write_script, body, *, status, names, told=""):
    """Runs a script that says when it is ready, and sends it SIGTERM then."""
    path = write_script(body)
    with subprocess.Popen(
        [sys.executable, path],
        env=scripts.environment(server.url),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout.readline() == "ready\n"
        process.terminate()
        out, err = process.communicate(timeout=PATIENCE)
    assert told in err
    assert told or not err
    assert process.returncode == status
    assert server.names() == names
    return out


HUNDRED = [f"r {number}" for number in range(100)]


@posix
@pytest.mark.parametrize(
    "waiting", ["time.sleep(3600)", "threading.Event().wait()", "sys.stdin.read() or time.sleep(3600)"]
)
def test_sigterm_delivers_and_ends_the_process_by_the_signal(waiting, server, write_script):
    terminated(
        server,
        write_script,
        f"""
        from helicone_logging import flush_on_sigterm
        handler, log = set_up(batch_size=1000, flush_interval=3600)
        flush_on_sigterm(30)
        for number in range(100):
            log.info(f"r {{number}}", extra=TRACE)
        once_main_waits(lambda: print("ready", flush=True))
        {waiting}
        """,
        status=-signal.SIGTERM,
        names=HUNDRED,
    )


def as_first_process():
    """The command that runs another one as process 1, or none where this machine lets nobody do that."""
    for command in (
        ["unshare", "--pid", "--fork", "--kill-child"],
        ["unshare", "--user", "--map-root-user", "--pid", "--fork", "--kill-child"],
    ):
        with contextlib.suppress(OSError):
            if subprocess.run([*command, "true"], capture_output=True, timeout=PATIENCE).returncode == 0:
                return command
    return None


def test_the_first_process_of_a_container_ends_though_linux_does_not_end_it(server, write_script):
    command = as_first_process()
    if command is None:
        pytest.skip("no process 1 of its own can be made here")
    path = write_script(
        """
        import os, signal
        from helicone_logging import flush_on_sigterm
        handler, log = set_up(batch_size=1000, flush_interval=3600)
        flush_on_sigterm(30)
        for number in range(100):
            log.info(f"r {number}", extra=TRACE)
        os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(3600)
        """
    )
    run = [*command, sys.executable, path]
    done = subprocess.run(run, env=scripts.environment(server.url), capture_output=True, text=True, timeout=PATIENCE)
    assert (done.returncode, done.stderr) == (128 + signal.SIGTERM, "")
    assert server.names() == HUNDRED


@posix
def test_sigterm_delivers_and_calls_the_earlier_handler(server, write_script):
    out = terminated(
        server,
        write_script,
        """
        import signal
        from helicone_logging import flush_on_sigterm
        def earlier(number, frame):
            print("earlier", number == signal.SIGTERM, frame is not None, flush=True)
            sys.exit(7)
        signal.signal(signal.SIGTERM, earlier)
        handler, log = set_up()
        flush_on_sigterm(30)
        flush_on_sigterm(20)
        log.info("one", extra=TRACE)
        once_main_waits(lambda: print("ready", flush=True))
        time.sleep(3600)
        """,
        status=7,
        names=["one"],
    )
    assert out == "earlier True True\n"


@posix
def test_a_process_that_ignores_sigterm_goes_on_ignoring_it(server, write_script):
    terminated(
        server,
        write_script,
        """
        import signal
        from helicone_logging import flush_on_sigterm
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        handler, log = set_up(batch_size=1000, flush_interval=3600)
        flush_on_sigterm(30)
        log.info("one", extra=TRACE)
        print("ready", flush=True)
        while signal.getsignal(signal.SIGTERM) is not signal.SIG_IGN:
            time.sleep(0.01)
        """,
        status=0,
        names=["one"],
    )


@posix
def test_sigterm_in_the_middle_of_logging_delivers_all_that_was_logged(server, write_script):
    """The main thread may hold any lock when the signal comes: the handler takes none, and waits for nothing."""
    path = write_script(
        """
        import signal
        from helicone_logging import flush_on_sigterm
        handler, log = set_up(batch_size=1000)
        is_over = False
        def earlier(number, frame):
            global is_over
            is_over = True
        signal.signal(signal.SIGTERM, earlier)
        flush_on_sigterm(30)
        print("ready", flush=True)
        count = 0
        while not is_over:
            if count < 5000:
                log.info("r", extra=TRACE)
                count += 1
            else:
                time.sleep(0.001)
        handler.flush(60)
        stats = handler.stats()
        print(count == stats.delivered, stats.dropped, flush=True)
        """
    )
    with subprocess.Popen(
        [sys.executable, path], env=scripts.environment(server.url), stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout.readline() == "ready\n"
        process.terminate()
        out, _ = process.communicate(timeout=PATIENCE)
    assert (process.returncode, out) == (0, "True 0\n")


@posix
def test_a_dead_endpoint_holds_the_end_up_no_longer_than_it_may_and_it_is_told(server, dead_endpoint, write_script):
    terminated(
        server,
        write_script,
        f"""
        from helicone_logging import flush_on_sigterm
        handler, log = set_up(endpoint="{dead_endpoint}")
        flush_on_sigterm(0.2)
        log.info("lost", extra=TRACE)
        once_main_waits(lambda: print("ready", flush=True))
        time.sleep(3600)
        """,
        status=-signal.SIGTERM,
        names=[],
        told="not all records were delivered in time after SIGTERM",
    )


@posix
def test_what_a_full_queue_lost_is_told_in_total_after_sigterm(server, write_script):
    terminated(
        server,
        write_script,
        """
        from helicone_logging import flush_on_sigterm
        handler, log = set_up(queue_size=5, batch_size=1000, flush_interval=3600)
        flush_on_sigterm(30)
        for number in range(12):
            log.info(f"r {number}", extra=TRACE)
        once_main_waits(lambda: print("ready", flush=True))
        time.sleep(3600)
        """,
        status=-signal.SIGTERM,
        names=[f"r {number}" for number in range(5)],
        told="7 records are lost, as the queue is full",
    )


# Where the main thread does not hear of a signal: the kernel may give it to any thread, and Python wakes none for it.

SIGNAL_TO_ANOTHER_THREAD = """
import multiprocessing, signal, warnings
from helicone_logging import flush_on_sigterm
warnings.simplefilter("ignore", DeprecationWarning)  # 3.12 warns of forks beside threads

def child():
    handler, log = set_up(batch_size=1000, flush_interval=3600)
    flush_on_sigterm(30)
    log.info("one", extra=TRACE)
    once_main_waits(lambda: signal.pthread_kill(threading.get_ident(), signal.SIGTERM))
    threading.Event().wait()
"""


@posix
@pytest.mark.parametrize("method", METHODS)
def test_a_child_delivers_and_ends_though_its_main_thread_does_not_hear_the_signal(method, server, run_script):
    done = run_script(
        SIGNAL_TO_ANOTHER_THREAD
        + f"""
if __name__ == "__main__":
    process = multiprocessing.get_context("{method}").Process(target=child)
    process.start()
    process.join()
    print(process.exitcode)
"""
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, f"{-signal.SIGTERM}\n", "")
    assert server.names() == ["one"]


@posix
def test_a_child_whose_loop_listens_for_signals_itself_keeps_its_loop_s_way(server, run_script):
    done = run_script(
        """
import asyncio, multiprocessing, signal
from helicone_logging import flush_on_sigterm

async def wait():
    loop = asyncio.get_running_loop()
    usr1 = asyncio.Event()
    loop.add_signal_handler(signal.SIGUSR1, usr1.set)
    flush_on_sigterm(30)
    os.kill(os.getpid(), signal.SIGUSR1)
    await usr1.wait()
    logging.getLogger("app").info("one", extra=TRACE)
    once_main_waits(lambda: signal.pthread_kill(threading.get_ident(), signal.SIGTERM))
    await asyncio.Event().wait()

def child():
    set_up(batch_size=1000, flush_interval=3600)
    asyncio.run(wait())

if __name__ == "__main__":
    process = multiprocessing.get_context("spawn").Process(target=child)
    process.start()
    process.join()
    print(process.exitcode)
"""
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, f"{-signal.SIGTERM}\n", "")
    assert server.names() == ["one"]


@posix
@pytest.mark.skipif("fork" not in METHODS, reason="this platform does not fork")
def test_a_forked_child_is_ended_as_if_its_parent_had_not_called_flush_on_sigterm(run_script):
    """A handler of Python's would be forgotten if the signal came before the child has begun: it would go on."""
    done = run_script(
        """
import multiprocessing, signal, warnings
from helicone_logging import flush_on_sigterm
warnings.simplefilter("ignore", DeprecationWarning)  # 3.12 warns of forks beside threads

def child():
    assert signal.getsignal(signal.SIGTERM) == signal.SIG_DFL
    assert signal.pthread_sigmask(signal.SIG_BLOCK, ()) == set()
    signal.pause()

if __name__ == "__main__":
    flush_on_sigterm(30)
    for _ in range(50):
        process = multiprocessing.get_context("fork").Process(target=child)
        process.start()
        process.terminate()
        process.join()
        assert process.exitcode == -signal.SIGTERM, process.exitcode
    print(signal.pthread_sigmask(signal.SIG_BLOCK, ()), type(signal.getsignal(signal.SIGTERM)).__name__)
"""
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "set() _OnSigterm\n", "")


@posix
@pytest.mark.skipif("fork" not in METHODS, reason="this platform does not fork")
def test_a_grandchild_does_not_write_to_the_pipe_of_the_child_that_listens(server, run_script):
    done = run_script(
        """
import multiprocessing, signal, warnings
from helicone_logging import flush_on_sigterm
warnings.simplefilter("ignore", DeprecationWarning)  # 3.12 warns of forks beside threads

def child():
    handler, log = set_up(batch_size=1000, flush_interval=3600)
    flush_on_sigterm(30)
    log.info("one", extra=TRACE)
    signal.signal(signal.SIGUSR1, lambda *_: None)
    pid = os.fork()
    if pid == 0:
        signal.signal(signal.SIGTERM, lambda *_: os._exit(0))
        os.kill(os.getpid(), signal.SIGTERM)
        signal.pause()
    assert os.waitpid(pid, 0) == (pid, 0)
    time.sleep(0.5)  # long enough for what must not happen: nobody has told this process to end
    os._exit(0)

if __name__ == "__main__":
    process = multiprocessing.get_context("spawn").Process(target=child)
    process.start()
    process.join()
    print(process.exitcode)
"""
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "0\n", "")
    assert server.names() == []


def test_outside_of_the_main_thread_it_is_refused():
    refused = []

    def call():
        try:
            flush_on_sigterm(1)
        except ConfigurationError as error:
            refused.append(str(error))

    thread = threading.Thread(target=call)
    thread.start()
    thread.join()
    assert "main thread" in refused[0]


def test_a_signal_that_something_else_than_python_handles_is_left_alone(monkeypatch):
    monkeypatch.setattr(signal, "getsignal", lambda _: None)
    with pytest.raises(ConfigurationError, match="something else than Python"):
        flush_on_sigterm()


def test_the_functions_stand_where_users_look_for_them():
    assert {"flush", "flushed", "flush_on_sigterm"} <= set(helicone_logging.__all__)
