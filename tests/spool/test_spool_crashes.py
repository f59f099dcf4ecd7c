"""A process may be killed between any two changes of the disk: what was logged is found, and what was sent is not."""

from __future__ import annotations

import contextlib
import os
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from recording_server import RecordingServer
from spool_fixtures import MIB, PATIENCE, die, entries, rows, spool, stand_still, start_worker, take_all

from helicone_logging.delivery.memory import Item
from helicone_logging.spool import Spool
from helicone_logging.spool import journal as spool_journal
from helicone_logging.spool.file import SpoolFile

CHANGES = (
    (os, "write"),
    (os, "ftruncate"),
    (Path, "unlink"),
    (Path, "rename"),
    *((SpoolFile, name) for name in ("insert", "delete", "take_in", "claim", "take_over", "release", "reserve")),
)
ENDS = 10_000


class KilledError(BaseException):
    """The process is no more; nothing it does has any effect."""


class Disk:
    """Counts the changes of the disk, and lets a process die right before or after one of them."""

    def __init__(self) -> None:
        self.changes = 0
        self.ends_at = ENDS

    def step(self) -> None:
        self.changes += 1
        if self.changes >= self.ends_at:
            raise KilledError

    def counted(self, method: Callable[..., object]) -> Callable[..., object]:
        def change(*args: object, **kwargs: object) -> object:
            self.step()
            result = method(*args, **kwargs)
            self.step()
            return result

        return change

    @contextlib.contextmanager
    def watched(self, ends_at: int) -> Iterator[None]:
        self.changes, self.ends_at = 0, ends_at
        with pytest.MonkeyPatch.context() as patched, contextlib.suppress(KilledError):
            for owner, name in CHANGES:
                patched.setattr(owner, name, self.counted(getattr(owner, name)))
            yield


def live(queue: Spool, logged: list[bytes], taken: list[bytes], sent: list[bytes]) -> None:
    """Comes by every way that a record can take."""

    def put(number: int) -> None:
        entry = b"%03d" % number + b"." * 97
        queue.put(entry)
        logged.append(entry)

    def deliver(items: list[Item]) -> None:
        taken.extend(entries(items))
        queue.delivered(items)
        sent.extend(entries(items))

    for number in range(12):
        put(number)
    late = queue.take(2, MIB)
    deliver(queue.take(3, MIB))
    queue.retry(late, 1000.0)
    queue.upkeep()  # moves some into the file
    for number in range(12, 60):
        put(number)
        deliver(queue.take(1, MIB))
    queue.upkeep()  # writes again what keeps old files
    queue.hurry()
    deliver(queue.take(5, MIB))
    queue.close()


def test_wherever_a_process_is_killed_each_record_is_sent_once(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(spool_journal, "SEGMENT_BYTES", 500)
    disk = Disk()
    rounds = 0
    for ends_at in range(3, ENDS, 7):
        rounds += 1
        logged: list[bytes] = []
        taken: list[bytes] = []
        sent: list[bytes] = []
        there = path.with_name(f"{ends_at}.db")
        queue = spool(there, memory_bytes=2000)
        queue.put(b"first")
        stand_still(queue)
        queue.delivered(take_all(queue))
        with disk.watched(ends_at):
            live(queue, logged, taken, sent)
        die(queue)
        found = recover(there)
        assert set(logged) <= {*taken, *found}, ends_at
        assert not set(sent) & set(found), ends_at
        assert len(set(found)) == len(found), ends_at
        if disk.changes < ends_at:
            break
    assert rounds > 20
    assert disk.changes < ends_at  # the last one came to its end


def recover(path: Path) -> list[bytes]:
    """Two processes look at the same time."""
    queues = [spool(path, max_bytes=100 * MIB) for _ in range(2)]
    found = [entry for queue in queues for entry in entries(take_all(queue))]
    for queue in queues:
        queue.close()
    return found


def test_whoever_takes_over_may_be_killed_too(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    disk = Disk()
    for ends_at in range(1, ENDS):
        there = path.with_name(f"{ends_at}.db")
        dead = spool(there, memory_bytes=2000)
        expected = [b"%d" % number * 50 for number in range(20)]
        for entry in expected:
            dead.put(entry)
        die(dead)
        heir = spool(there)
        stand_still(heir)
        with disk.watched(ends_at):
            heir._disk.use()
            heir._rounds.make()
        die(heir)
        assert sorted(recover(there)) == sorted(expected), ends_at
        if disk.changes < ends_at:
            break
    assert ends_at > 5
    assert disk.changes < ends_at


@pytest.mark.parametrize("seed", range(3))
def test_of_several_successors_each_sends_what_no_other_does(path: Path, seed: int) -> None:
    """They start at once, while the one that is killed is moving records, and find them in two places."""
    with RecordingServer() as server:
        dead = start_worker(path, "http://127.0.0.1:9", "dead", 100_000, "small")
        assert dead.stdout is not None
        logged = [dead.stdout.readline().strip() for _ in range(300 + 50 * seed)]
        dead.kill()
        rest = dead.stdout.read()
        logged += rest.split("\n")[:-1]
        dead.communicate(timeout=PATIENCE)
        heirs = [start_worker(path, server.url, f"heir{number}", 3) for number in range(3)]
        for heir in heirs:
            _, errors = heir.communicate(timeout=PATIENCE)
            assert heir.returncode == 0, errors
        last = start_worker(path, server.url, "last", 1)
        last.communicate(timeout=PATIENCE)
        received = Counter(server.names())
    assert set(logged) <= set(received)
    assert [name for name, count in received.items() if count > 1] == []
    assert rows(path) == []
