"""What the tests of the queue on disk share: entries, queues, processes that log into a directory and are killed."""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from unittest import mock

from encoded import Encoded

from helicone_logging.delivery.diagnostics import Diagnostics
from helicone_logging.delivery.queue import Item, QueueStats
from helicone_logging.spool import Directory, Spool
from helicone_logging.spool.maintenance import Maintenance
from helicone_logging.spool.segment import examine

PATIENCE = 60.0  # seconds after which something is taken to hang
MIB = 1024 * 1024
NOWHERE = "http://127.0.0.1:9"
WIRE = "helicone"

WORKER = """
import logging, sys
from helicone_logging import HeliconeHandler

path, endpoint, name, count = sys.argv[1:5]
timeout = 0 if "shutdown_timeout=0" in sys.argv else 30
size = 100 if "small" in sys.argv else 10_000  # of the memory
handler = HeliconeHandler(
    endpoint=endpoint,
    spool_path=path,
    batch_size="auto",
    shutdown_timeout=timeout,
    queue_size=size,
    spool_bytes=2**21 if "narrow" in sys.argv else 2**30,  # so that segments are small
)
logger = logging.getLogger("worker")
logger.addHandler(handler)
logger.setLevel(logging.INFO)
logger.propagate = False
for number in range(int(count)):
    logger.info("%s-%s", name, number, extra={"trace_id": "t", "prompt": "p" * 500})
    print(f"{name}-{number}", flush=True)
if "wait" in sys.argv:
    sys.stdin.read()
"""


def spool(
    path: Path,
    *,
    max_bytes: int = 1024 * MIB,
    overflow: str = "drop_newest",
    block_timeout: float = PATIENCE,
    memory_records: int = 10_000,
    memory_bytes: int = 64 * MIB,
    wire: str = WIRE,
    is_drain: bool = False,
) -> Spool:
    """A queue on disk, by default with plenty of memory, and without a thread that looks after it."""
    with mock.patch.object(Maintenance, "start"):
        queue = Spool(
            Directory(str(path)),
            max_bytes,
            memory_records,
            memory_bytes,
            overflow,
            block_timeout,
            wire=wire,
            diagnostics=Diagnostics(),
            is_drain=is_drain,
        )
    mock.patch.object(queue._maintenance, "start").start()
    return queue


def numbered(count: int, size: int = 100) -> list[bytes]:
    return [b"%06d" % number + b"x" * (size - 6) for number in range(count)]


def put_all(queue: Spool, *entries: bytes) -> int:
    """Puts records in, and returns how many were dropped for them."""
    return sum(queue.put(Encoded(entry)) for entry in entries)


def take_all(queue: Spool) -> list[Item]:
    """Everything that is due now; it stays taken."""
    items: list[Item] = []
    while got := queue.take(10_000, 64 * MIB, deadline=0.0):
        items += got
    return items


def send_all(queue: Spool) -> list[bytes]:
    """Delivers everything, batch by batch."""
    sent: list[bytes] = []
    while got := queue.take(10_000, 64 * MIB, deadline=0.0):
        sent += entries(got)
        queue.done(got)
    return sent


def entries(items: list[Item]) -> list[bytes]:
    return [item.entry.encode() for item in items]


def is_balanced(stats: QueueStats) -> bool:
    """Whether the account adds up."""
    left = stats.emitted + stats.recovered
    return left == stats.delivered + stats.rejected + stats.dropped + stats.queued


def abandon(queue: Spool) -> None:
    """Leaves a queue as a killed process would: its locks end, and nothing more is written."""
    queue._maintenance.stop()
    for segment in list(queue._segments):
        segment.after_fork_in_child()


def segments(path: Path) -> list[Path]:
    return [Path(file.path) for file in Directory(str(path)).files()]


def waiting(path: Path) -> int:
    """How many records wait on disk."""
    found = 0
    for segment in segments(path):
        with contextlib.suppress(FileNotFoundError):
            found += len(examine(str(segment), segment.stat().st_size).live)
    return found


def wait_until(is_so: Callable[[], bool]) -> None:
    """Waits for what another thread or process does."""
    deadline = time.monotonic() + PATIENCE
    while not is_so():
        assert time.monotonic() < deadline, "this never came true"
        time.sleep(0.005)


def calls_during(work: Callable[[], object]) -> int:
    """How many functions are called."""
    calls: list[str] = []
    sys.setprofile(lambda _frame, event, _arg: calls.append(event) if event.endswith("call") else None)
    try:
        work()
    finally:
        sys.setprofile(None)
    return len(calls)


def failing(error: Exception) -> Callable[..., int]:
    """What a call does that fails."""

    def fail(*_: object) -> int:
        raise error

    return fail


def start_worker(
    path: Path, endpoint: str, name: str, count: int, *more: str, python: str = sys.executable
) -> subprocess.Popen[str]:
    """A process that logs into a directory, and prints the name of each record that `logger.info` returned from."""
    return subprocess.Popen(
        [python, "-W", "error", "-c", WORKER, str(path), endpoint, name, str(count), *more],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def kill_after(worker: subprocess.Popen[str], printed: int) -> list[str]:
    """Kills a worker in the midst of its work, and returns the names of all records it had logged."""
    assert worker.stdout is not None
    logged = [worker.stdout.readline().strip() for _ in range(printed)]
    worker.kill()
    rest = worker.stdout.read()  # `communicate` would pass over what `readline` has read ahead
    end(worker)
    return [*filter(None, logged), *rest.split("\n")[:-1]]


def end(worker: subprocess.Popen[str]) -> None:
    worker.kill()
    worker.wait(PATIENCE)
    for stream in (worker.stdin, worker.stdout, worker.stderr):
        assert stream is not None
        with contextlib.suppress(BrokenPipeError):
            stream.close()


def name_of(entry: bytes) -> str:
    """The name of the span in an entry."""
    return str(json.loads(entry)["scopeSpans"][0]["spans"][0]["name"])


def records_of(path: Path) -> Iterator[bytes]:
    """What waits on disk, as the next process would read it."""
    queue = spool(path, is_drain=True)
    for item in take_all(queue):
        yield item.entry.encode()
    abandon(queue)
