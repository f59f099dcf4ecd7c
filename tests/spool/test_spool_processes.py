"""Processes that share a directory, and are killed: what was logged arrives, and once while they live."""

from __future__ import annotations

import json
import logging
import os
import random
import shutil
import subprocess
import sys
import sysconfig
import threading
from collections import Counter
from pathlib import Path

import pytest
from recording_server import RecordingServer
from spool_fixtures import (
    NOWHERE,
    PATIENCE,
    end,
    kill_after,
    put_all,
    segments,
    send_all,
    spool,
    start_worker,
    wait_until,
    waiting,
)

from helicone_logging import HeliconeHandler
from helicone_logging.spool import maintenance

MAX_ON_THE_WAY = 1000
posix = pytest.mark.skipif(not hasattr(os, "fork"), reason="only POSIX forks")


def deliver(path: Path, endpoint: str) -> None:
    """The next process: it takes over all that is left, and sends it."""
    handler = HeliconeHandler(endpoint=endpoint, spool_path=path, batch_size="auto", shutdown_timeout=60)
    wait_until(lambda: not segments(path))
    assert handler.flush(PATIENCE)
    stats = handler.stats()
    assert stats.recovered == stats.delivered
    handler.close()


@pytest.mark.parametrize("seed", range(2))
def test_a_process_killed_at_any_moment_loses_no_record_that_was_logged(path: Path, seed: int) -> None:
    chance = random.Random(seed)
    logged: list[str] = []
    rounds = 3
    with RecordingServer() as server:
        for number in range(rounds):
            worker = start_worker(path, server.url, f"{seed}-{number}", 100_000, *["small"] * (number % 2))
            logged += kill_after(worker, chance.randrange(1, 400))
        deliver(path, server.url)
        received = server.names()
    assert set(logged) <= set(received)
    twice = sum(count - 1 for count in Counter(received).values())
    assert twice <= rounds * MAX_ON_THE_WAY


def test_processes_that_start_at_once_and_are_killed_lose_nothing(path: Path) -> None:
    logged: list[str] = []
    for round_ in range(2):
        workers = [start_worker(path, NOWHERE, f"{round_}-{number}", 3, "wait") for number in range(6)]
        for worker in workers:
            logged += kill_after(worker, 3)
    assert len(logged) == 36
    assert waiting(path) == 36
    with RecordingServer() as server:
        deliver(path, server.url)
        assert sorted(server.names()) == sorted(logged)


def test_nothing_is_lost_or_sent_twice_when_a_process_dies_without_having_sent(path: Path) -> None:
    logged = kill_after(start_worker(path, NOWHERE, "dead", 100_000, "small"), 300)
    with RecordingServer() as server:
        deliver(path, server.url)
        received = server.names()
    assert received[: len(logged)] == logged
    assert len(received) == len(set(received))
    assert len(received) - len(logged) <= 1  # one that was written, but not told yet


@pytest.mark.parametrize("seed", range(2))
def test_who_took_over_may_be_killed_as_well(path: Path, seed: int) -> None:
    chance = random.Random(seed)
    with RecordingServer() as server:
        logged = kill_after(start_worker(path, NOWHERE, "first", 100_000, "small"), chance.randrange(100, 600))
        for number in range(2):  # in the midst of taking over, or of sending
            logged += kill_after(
                start_worker(path, server.url, f"next-{number}", 100_000, "small"), chance.randrange(1, 60)
            )
        deliver(path, server.url)
        assert set(logged) <= set(server.names())


def test_a_kill_while_segments_follow_each_other_loses_nothing(path: Path) -> None:
    logged = kill_after(start_worker(path, NOWHERE, "w", 100_000, "small", "narrow"), 600)
    assert len(segments(path)) > 1
    with RecordingServer() as server:
        deliver(path, server.url)
        assert set(logged) <= set(server.names())


def test_processes_in_one_directory_send_each_record_once(path: Path) -> None:
    with RecordingServer() as server:
        workers = [start_worker(path, server.url, f"w{number}", 150) for number in range(4)]
        for worker in workers:
            _, errors = worker.communicate(timeout=PATIENCE)
            assert worker.returncode == 0, errors
        received = server.names()
    assert sorted(received) == sorted(f"w{worker}-{number}" for worker in range(4) for number in range(150))
    assert segments(path) == []


def test_a_living_process_takes_over_what_a_killed_one_left(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(maintenance, "EVERY", 0.05)
    path.mkdir()
    with RecordingServer() as server:
        handler = HeliconeHandler(endpoint=server.url, spool_path=path, batch_size="auto")
        worker = start_worker(path, NOWHERE, "w", 50, "wait")
        assert worker.stdout is not None
        logged = [worker.stdout.readline().strip() for _ in range(50)]
        assert handler.flush(PATIENCE)
        assert server.names() == []  # it lives, so its records are its own
        end(worker)
        server.wait_for(50)
        assert server.names() == logged
        assert handler.flush(PATIENCE)
        assert handler.stats().recovered == 50
        handler.close()


def test_the_thread_that_looks_after_queues_ends_with_the_last_one(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(maintenance, "EVERY", 0.01)
    handler = HeliconeHandler(endpoint=NOWHERE, spool_path=path, shutdown_timeout=0)
    handler.handle(logging.makeLogRecord({"msg": "x", "trace_id": "t"}))
    assert [thread for thread in threading.enumerate() if thread.name == "helicone-logging-spool"] != []
    handler.close()
    wait_until(lambda: all(thread.name != "helicone-logging-spool" for thread in threading.enumerate()))
    assert waiting(path) == 1


OLDER = shutil.which("python3.10", path=os.pathsep.join(map(str, Path.home().glob(".pyenv/versions/3.10*/bin"))))


@pytest.mark.skipif(OLDER is None, reason="there is no second Python")
def test_two_pythons_share_a_directory(path: Path) -> None:
    """The older one is lent our dependencies, as far as they are pure Python, and uses the queue alone."""
    first = spool(path)
    put_all(first, b"of this Python")
    first.close(discard=True)
    script = (
        "import sys; sys.modules['orjson'] = None;"
        "from pathlib import Path; from spool_fixtures import *;"
        "queue = spool(Path(sys.argv[1]), is_drain=True); print(send_all(queue)); put_all(queue, b'of the other');"
        "queue.close(discard=True)"
    )
    paths = os.pathsep.join([str(Path(__file__).parents[2]), str(Path(__file__).parents[1] / "support")])
    paths += os.pathsep + sysconfig.get_path("purelib")
    found = subprocess.run(
        [str(OLDER), "-c", script, str(path)], capture_output=True, text=True, env={"PYTHONPATH": paths}, check=False
    )
    assert found.stdout.strip() == "[b'of this Python']", found.stderr
    last = spool(path, is_drain=True)
    assert send_all(last) == [b"of the other"]
    last.close(discard=True)


# Forks


def in_child(work: str, path: Path) -> subprocess.CompletedProcess[str]:
    script = f"""
import os, sys
from pathlib import Path
from spool_fixtures import *
from helicone_logging.core import lifecycle
from helicone_logging.spool.maintenance import Maintenance
Maintenance.start = lambda self: None  # it would delete what is done
queue = spool(Path(sys.argv[1]))
put_all(queue, b"of the parent")
{work}
"""
    paths = os.pathsep.join([str(Path(__file__).parents[2]), str(Path(__file__).parents[1] / "support")])
    return subprocess.run(
        [sys.executable, "-c", script, str(path)],
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": paths},
        timeout=PATIENCE,
        check=True,
    )


@posix
def test_a_forked_child_has_a_segment_of_its_own_and_the_parent_keeps_its_lock(path: Path) -> None:
    done = in_child(
        """
if os.fork() == 0:
    queue.after_fork_in_child()
    assert queue.stats().emitted == 0
    put_all(queue, b"of the child")
    assert send_all(queue) == [b"of the child"]
    assert len(segments(Path(sys.argv[1]))) == 2
    os._exit(0)
assert os.waitstatus_to_exitcode(os.wait()[1]) == 0
other = spool(Path(sys.argv[1]), is_drain=True)
assert send_all(other) == []          # the parent's lock is held, whatever the child closed
print(send_all(queue))
""",
        path,
    )
    assert done.stdout == "[b'of the parent']\n"


MASTER = """
import logging, os, sys, time
from helicone_logging import HeliconeHandler

handler = HeliconeHandler(endpoint=sys.argv[2], spool_path=sys.argv[1], batch_size="auto", shutdown_timeout=60)
logger = logging.getLogger("app")
logger.addHandler(handler)
logger.propagate = False
master, workers = HeliconeHandler(endpoint=sys.argv[3], spool_path=sys.argv[1]), []
preloaded = logging.getLogger("preloaded")
preloaded.addHandler(master)
preloaded.propagate = False
preloaded.warning("loaded", extra={"trace_id": "t", "span_name": "of the master"})
if os.fork() == 0:
    logger.warning("served", extra={"trace_id": "t", "span_name": "of the worker"})
    print("ready", flush=True)
    sys.stdin.read()
    os._exit(0)
time.sleep(600)
"""


@posix
def test_the_segment_of_a_master_that_was_killed_is_sent_by_its_workers(path: Path) -> None:
    with RecordingServer() as server:
        master = subprocess.Popen(
            [sys.executable, "-W", "ignore", "-c", MASTER, str(path), server.url, NOWHERE],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert master.stdout is not None
        assert master.stdin is not None
        assert master.stdout.readline() == "ready\n"
        server.wait_for(1)
        assert server.names() == ["of the worker"]
        master.kill()
        master.wait(PATIENCE)
        server.wait_for(2)
        assert server.names() == ["of the worker", "of the master"]
        master.stdin.close()
        master.stdout.close()


@posix
@pytest.mark.parametrize("opening", ["create", "open"])
def test_a_child_that_is_forked_while_a_segment_is_opened_does_not_keep_its_lock(path: Path, opening: str) -> None:
    """As another thread may do, between the call that opens a file and the note that it is there."""
    done = in_child(
        f"""
queue.close(discard=True)
ends, is_forked, real, forked = os.pipe(), os.pipe(), Directory.{opening}, []

def fork_as_well(*args):
    found = real(*args)
    if not forked:
        forked.append(os.fork())
        if forked == [0]:
            os.write(is_forked[1], b"x")
            os.read(ends[0], 1)
            os._exit(0)
        os.read(is_forked[0], 1)
    return found

Directory.{opening} = fork_as_well
queue = spool(Path(sys.argv[1]))
queue._maintenance.take_over_orphans()
put_all(queue, b"of this process")
abandon(queue)                        # as if it were killed
Directory.{opening} = real
other = spool(Path(sys.argv[1]), is_drain=True)
print(sorted(send_all(other)), len(forked))
os.write(ends[1], b"x")
""",
        path,
    )
    assert done.stdout == "[b'of the parent', b'of this process'] 1\n"


@posix
def test_a_fork_without_pythons_hooks_is_seen_at_the_first_look(path: Path) -> None:
    done = in_child(
        """
import ctypes
descriptor = queue._segments[0]._descriptor
if ctypes.PyDLL(None).fork() == 0:
    lifecycle.check_fork()            # as the handler does for each record
    queue.after_fork_in_child()       # as the handler's sender does
    try:
        os.fstat(descriptor)
    except OSError:
        put_all(queue, b"of the child")
        os._exit(0 if send_all(queue) == [b"of the child"] else 1)
    os._exit(2)
assert os.waitstatus_to_exitcode(os.wait()[1]) == 0
other = spool(Path(sys.argv[1]), is_drain=True)
assert send_all(other) == []
print(send_all(queue))
""",
        path,
    )
    assert done.stdout == "[b'of the parent']\n"


IDLE = """
import json, logging, resource, sys, threading, time
from helicone_logging import HeliconeHandler

handler = HeliconeHandler(endpoint=sys.argv[2], spool_path=sys.argv[1], batch_size="auto")
logger = logging.getLogger("app")
logger.addHandler(handler)
logger.propagate = False
logger.warning("x", extra={"trace_id": "t"})
assert handler.flush(60)
time.sleep(1)
before = resource.getrusage(resource.RUSAGE_SELF).ru_nvcsw
time.sleep(6)
print(json.dumps(resource.getrusage(resource.RUSAGE_SELF).ru_nvcsw - before))
"""


@posix
def test_an_idle_process_wakes_up_once_in_five_seconds(path: Path) -> None:
    with RecordingServer() as server:
        found = subprocess.run(
            [sys.executable, "-c", IDLE, str(path), server.url],
            capture_output=True,
            text=True,
            check=True,
            timeout=PATIENCE,
        )
    wakeups = json.loads(found.stdout)  # in 6 s, with the end of the sleep itself, and waits for files and the GIL
    assert wakeups <= 8
