"""What the tests of the queue on disk share: entries, queues, processes that log into a file and are killed."""

from __future__ import annotations

import contextlib
import json
import os
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from helicone_logging.delivery.diagnostics import Diagnostics
from helicone_logging.delivery.memory import Account, BoundedQueue, Item
from helicone_logging.spool import Spool, moving
from helicone_logging.spool.journal import Journal
from helicone_logging.spool.leftovers import leftovers
from helicone_logging.spool.process import this_process
from helicone_logging.spool.segment import head

PATIENCE = 60.0  # seconds after which something is taken to hang
MANY = 10_000
MIB = 1024 * 1024

WORKER = """
import logging, sys
from helicone_logging import HeliconeHandler
from helicone_logging.spool import file, queue

path, endpoint, name, count = sys.argv[1:5]
queue._PATIENCE = file.SpoolFile.__init__.__kwdefaults__["patience"] = 60  # see `_patience` in conftest.py
timeout = 0 if "shutdown_timeout=0" in sys.argv else 30
size = 100 if "small" in sys.argv else 10_000  # of the memory
handler = HeliconeHandler(
    endpoint=endpoint, spool_path=path, batch_size="auto", shutdown_timeout=timeout, queue_size=size
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
    max_bytes: int = MIB,
    overflow: str = "drop_newest",
    block_timeout: float = 10.0,
    memory_bytes: int = 64 * MIB,
    memory_records: int = MANY,
) -> Spool:
    """A queue on disk, by default with plenty of memory to fall back on."""
    memory = BoundedQueue(memory_records, memory_bytes, overflow, block_timeout)
    return Spool(str(path), max_bytes, overflow, memory, Diagnostics())


def is_balanced(account: Account) -> bool:
    """Whether the account adds up."""
    left = account.emitted + account.recovered
    return left == account.delivered + account.rejected + account.dropped + account.queued


def take_all(queue: Spool) -> list[Item]:
    """Everything that is due, once the first look for what others left is over."""
    items: list[Item] = []
    while True:
        wait_until(lambda: queue.due_in() is None or queue.due_in() == 0)
        if queue.due_in() is None:
            return items
        items += queue.take(MANY, 64 * MIB)  # nothing if another connection is in the way for a moment


def entries(items: list[Item]) -> list[bytes]:
    return [item.entry for item in items]


def wait_until(is_so: Callable[[], bool]) -> None:
    """Waits for what another thread or process does."""
    deadline = time.monotonic() + PATIENCE
    while not is_so():
        assert time.monotonic() < deadline, "this never came true"
        time.sleep(0.005)


@contextlib.contextmanager
def locked(path: Path) -> Iterator[None]:
    """Another process is in the middle of a change."""
    with contextlib.closing(sqlite3.connect(path, isolation_level=None, timeout=PATIENCE)) as connection:
        connection.execute("BEGIN EXCLUSIVE")
        yield
        connection.execute("ROLLBACK")


def journals(path: Path) -> list[Path]:
    """The journals beside a file."""
    return sorted(path.parent.glob("*.journal-*"))


def failing(error: int) -> Callable[..., int]:
    """What a call of the system does that fails."""

    def fail(*_: object) -> int:
        raise OSError(error, os.strerror(error))

    return fail


def look_for_nothing(queue: Spool) -> None:
    """Makes a queue leave alone what others left."""
    queue._rounds.has_looked = True
    queue._rounds.looked_at = float("inf")


def move_all(queue: Spool) -> None:
    """Moves everything that waits from memory and the journal into the file."""
    with queue._lock:
        while moving.move(queue._disk, queue._at_hand):
            pass
    assert not queue._memory.ready_count


def die(queue: Spool) -> None:
    """Leaves a queue as a process would that was killed."""
    disappear(queue)
    for leftover in leftovers(queue._path):
        if leftover.process == this_process():
            _, _, content = leftover.path.read_bytes().partition(b"\n")
            leftover.path.write_bytes(head(this_process()._replace(started="1")) + content)
    with contextlib.closing(sqlite3.connect(queue._path, isolation_level=None, timeout=PATIENCE)) as connection:
        connection.execute("UPDATE claims SET started = '1' WHERE pid = ?", (os.getpid(),))


def disappear(queue: Spool) -> None:
    """Has a queue let go of its files, and do nothing any more."""
    stand_still(queue)
    with queue._lock:  # the thread of a queue that was closed meanwhile may be at its last work
        queue._disk.is_barred = True
        queue._disk.close(is_quick=True)
    queue._at_hand.journal.abandon()


def without_journal(patched: pytest.MonkeyPatch) -> None:
    """The disk takes no journal."""
    patched.setattr(Journal, "begin", lambda self: None)
    patched.setattr(Journal, "write", lambda self, record, entry, room: False)


def stand_still(queue: Spool) -> None:
    """Ends the thread that looks after a queue, once it has looked for what others left."""
    if queue._upkeep._thread is not None:
        wait_until(lambda: queue._rounds.has_looked)
    queue._upkeep.stop(PATIENCE)


def rows(path: Path) -> list[tuple[Any, ...]]:
    """The records on disk, in the file and in journals, as others read them: id, claim (0 in a journal), entry."""
    found = {record: (record, 0, entry) for record, entry in journal_records(path).items()}
    found |= {row[0]: row for row in file_rows(path)}  # some may be on their way into the file, and in both
    return sorted(found.values())


def journal_records(path: Path) -> dict[int, bytes]:
    """The records in journals."""
    found: dict[int, bytes] = {}
    for leftover in leftovers(str(path)):
        with contextlib.suppress(FileNotFoundError):
            found.update(leftover.records())
    return found


def file_rows(path: Path) -> list[tuple[Any, ...]]:
    """The records of a file, read by another connection."""
    try:
        with contextlib.closing(sqlite3.connect(f"{path.as_uri()}?mode=rw", uri=True, timeout=PATIENCE)) as connection:
            return connection.execute("SELECT id, claim, entry FROM records ORDER BY id").fetchall()
    except sqlite3.OperationalError:
        return []  # it is being made


def start_worker(path: Path, endpoint: str, name: str, count: int, *more: str) -> subprocess.Popen[str]:
    """A process that logs into a file and prints the name of each record that `logger.info` returned from."""
    return subprocess.Popen(
        [sys.executable, "-W", "error", "-c", WORKER, str(path), endpoint, name, str(count), *more],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def names(path: Path) -> list[str]:
    """The spans that wait in a file, by name."""
    return [json.loads(entry)["scopeSpans"][0]["spans"][0]["name"] for _, _, entry in rows(path)]
