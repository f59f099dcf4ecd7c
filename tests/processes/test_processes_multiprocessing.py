"""Children of multiprocessing that log and return lose nothing (pitfall 8: they end without `atexit`)."""

from __future__ import annotations

import multiprocessing
from collections import Counter

import pytest
import scripts

METHODS = multiprocessing.get_all_start_methods()

# A module that can be imported again, as spawn does.
HEAD = """
import multiprocessing, warnings
from concurrent.futures import ProcessPoolExecutor
warnings.simplefilter("ignore", DeprecationWarning)  # 3.12 warns of forks beside threads

def configure():
    log = logging.getLogger("app")
    return (log.handlers[0], log) if log.handlers else set_up()

def child(name):
    _, log = configure()
    log.info(f"child {name}", extra=TRACE)
    return name

def failing(name):
    _, log = configure()
    log.info(f"child {name}", extra=TRACE)
    raise SystemExit(3)

def late(name):
    from multiprocessing.util import Finalize
    _, log = configure()
    log.info(f"child {name}", extra=TRACE)
    Finalize(None, last_words, args=(log,), exitpriority=0)

def last_words(log):
    import threading
    log.info("finalizer", extra=TRACE)
    assert threading.enumerate() == [threading.main_thread()], "a thread that the end of the process would cut off"
"""


def run(run_script, body: str, method: str) -> None:
    source = HEAD + f"\nif __name__ == '__main__':\n    context = multiprocessing.get_context('{method}')\n" + body
    done = run_script(source)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("method", METHODS)
def test_a_process_that_logs_and_returns_loses_nothing(method, server, run_script) -> None:
    run(
        run_script,
        """
    handler, log = configure()
    log.info("parent before", extra=TRACE)
    processes = [context.Process(target=child, args=(number,)) for number in range(3)]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    assert [process.exitcode for process in processes] == [0] * 3
    log.info("parent after", extra=TRACE)
""",
        method,
    )
    assert Counter(server.names()) == Counter(["parent before", "parent after", "child 0", "child 1", "child 2"])


@pytest.mark.parametrize("method", METHODS)
def test_what_a_finalizer_logs_at_the_end_of_a_child_arrives(method, server, run_script) -> None:
    run(
        run_script,
        """
    configure()
    process = context.Process(target=late, args=("body",))
    process.start()
    process.join()
    assert process.exitcode == 0
""",
        method,
    )
    assert server.names() == ["child body", "finalizer"]


@pytest.mark.parametrize("method", METHODS)
def test_a_process_that_exits_with_a_status_loses_nothing(method, server, run_script) -> None:
    run(
        run_script,
        """
    process = context.Process(target=failing, args=("fails",))
    process.start()
    process.join()
    assert process.exitcode == 3
""",
        method,
    )
    assert server.names() == ["child fails"]


@pytest.mark.parametrize("method", METHODS)
def test_a_pool_executor_loses_nothing(method, server, run_script) -> None:
    run(
        run_script,
        """
    handler, log = configure()
    log.info("parent", extra=TRACE)
    with ProcessPoolExecutor(2, mp_context=context) as pool:
        assert list(pool.map(child, range(20))) == list(range(20))
""",
        method,
    )
    assert Counter(server.names()) == Counter(["parent", *(f"child {number}" for number in range(20))])


@pytest.mark.parametrize("method", METHODS)
def test_a_pool_that_is_closed_and_joined_loses_nothing(method, server, run_script) -> None:
    run(
        run_script,
        """
    pool = context.Pool(2)
    assert pool.map(child, range(10), chunksize=1) == list(range(10))
    pool.close()
    pool.join()
""",
        method,
    )
    assert Counter(server.names()) == Counter(f"child {number}" for number in range(10))


@pytest.mark.parametrize("method", METHODS)
def test_a_child_with_a_dead_endpoint_ends_and_reports_a_number(method, dead_endpoint, run_script) -> None:
    source = (
        HEAD
        + f"""
def lost():
    _, log = set_up(shutdown_timeout=0.3)
    for number in range(3):
        log.info("lost", extra=TRACE)

if __name__ == "__main__":
    process = multiprocessing.get_context("{method}").Process(target=lost)
    process.start()
    process.join()
    assert process.exitcode == 0
"""
    )
    done = run_script(source, endpoint=dead_endpoint)
    assert done.returncode == 0
    least, most = scripts.losses(done.stderr)
    assert least <= 3 <= most


@pytest.mark.parametrize("method", METHODS)
def test_a_child_in_which_no_thread_can_be_started_sends_at_its_end(method, server, run_script) -> None:
    done = run_script(
        HEAD
        + f"""
def refuse(thread):
    raise RuntimeError("can't start new thread")

def crowded():
    threading.Thread.start = refuse
    child(0)

if __name__ == "__main__":
    process = multiprocessing.get_context("{method}").Process(target=crowded)
    process.start()
    process.join()
    assert process.exitcode == 0
"""
    )
    assert done.returncode == 0
    assert server.names() == ["child 0"]
