"""A fork neither loses nor doubles records, and disturbs nobody: the child has a file, a claim and locks of its own."""

from __future__ import annotations

import os
import threading
import traceback
import warnings
from collections.abc import Callable
from pathlib import Path

import pytest
from spool_fixtures import MIB, entries, rows, spool, take_all, wait_until

pytestmark = [
    pytest.mark.skipif(not hasattr(os, "fork"), reason="this system does not fork"),
    pytest.mark.usefixtures("way"),
]


def in_child(work: Callable[[], None]) -> int:
    """Runs a function in a forked child and returns the child's id."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # Python 3.12 warns of forks beside threads
        child = os.fork()
    if child:
        return child
    status = 1
    try:
        work()
        status = 0
    except BaseException:
        traceback.print_exc()
    finally:
        os._exit(status)


def succeeded(child: int) -> bool:
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


def test_parent_and_child_each_keep_their_own_records(path: Path) -> None:
    queue = spool(path)
    queue.put(b"before")

    def work() -> None:
        queue.after_fork_in_child()
        assert queue.account().queued == 0
        queue.put(b"child")
        items = take_all(queue)
        assert entries(items) == [b"child"]
        queue.delivered(items)
        queue.close()

    child = in_child(work)
    queue.put(b"after")
    assert succeeded(child)
    assert sorted(entries(take_all(queue))) == [b"after", b"before"]
    assert queue.account().recovered == 0
    queue.close()
    assert sorted(row[2] for row in rows(path)) == [b"after", b"before"]


def test_the_parent_can_close_while_the_child_goes_on(path: Path) -> None:
    queue = spool(path)
    queue.put(b"parent")
    queue.delivered(take_all(queue))
    told, tell = os.pipe()

    def work() -> None:
        queue.after_fork_in_child()
        queue.put(b"1")
        os.read(told, 1)  # until the parent has closed its file, and with it the log if it were alone
        queue.put(b"2")
        os._exit(0)

    child = in_child(work)
    while not rows(path):
        pass
    queue.close()
    os.write(tell, b".")
    assert succeeded(child)
    os.close(told)
    os.close(tell)
    assert [row[2] for row in rows(path)] == [b"1", b"2"]
    again = spool(path)
    assert entries(take_all(again)) == [b"1", b"2"]
    again.close()


def test_a_child_that_is_killed_leaves_its_records_to_the_parent(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("helicone_logging.spool.rounds.EVERY", 0.05)
    queue = spool(path)
    queue.put(b"parent")

    def work() -> None:
        queue.after_fork_in_child()
        queue.put(b"child")
        wait_until(lambda: len(rows(path)) == 2)  # the parent may be in the way for a moment

    assert succeeded(in_child(work))
    queue._rounds.has_looked = False
    assert sorted(entries(take_all(queue))) == [b"child", b"parent"]
    assert queue.account().recovered == 1
    queue.close()


def test_forks_beside_threads_that_log_lose_nothing(path: Path) -> None:
    queue = spool(path, max_bytes=100 * MIB)
    is_over = threading.Event()
    counts = [0, 0]

    def log(name: int) -> None:
        while not is_over.wait(0.0005):  # a pause, or memory would overflow while a child has the file locked
            queue.put(b"parent-%d-%d" % (name, counts[name]))
            counts[name] += 1

    threads = [threading.Thread(target=log, args=(name,)) for name in range(2)]
    for thread in threads:
        thread.start()
    for number in range(10):

        def work(number: int = number) -> None:
            queue.after_fork_in_child()
            for more in range(5):
                queue.put(b"child-%d-%d" % (number, more))
            queue.drop_waiting()
            queue.close()

        assert succeeded(in_child(work))
    is_over.set()
    for thread in threads:
        thread.join()
    queue.drop_waiting()
    queue.close()
    expected = [b"child-%d-%d" % (number, more) for number in range(10) for more in range(5)]
    expected += [b"parent-%d-%d" % (name, number) for name in range(2) for number in range(counts[name])]
    assert sorted(row[2] for row in rows(path)) == sorted(expected)
