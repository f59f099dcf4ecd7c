"""Processes that share a file, and processes that are killed: what was logged arrives, and once while they live."""

from __future__ import annotations

import contextlib
import os
import random
import re
import signal
import sqlite3
import subprocess
import time
from collections import Counter
from pathlib import Path

import pytest
from recording_server import RecordingServer
from spool_fixtures import (
    PATIENCE,
    entries,
    is_balanced,
    move_all,
    names,
    rows,
    spool,
    stand_still,
    start_worker,
    take_all,
    wait_until,
)

from helicone_logging import HeliconeHandler
from helicone_logging.spool import disk as spool_disk
from helicone_logging.spool import process as spool_process
from helicone_logging.spool.file import Claim, SpoolFile
from helicone_logging.spool.process import ProcessId, this_process

NOWHERE = "http://127.0.0.1:9"


def kill_after(worker: subprocess.Popen[str], printed: int) -> list[str]:
    """Kills a worker in the middle of its work, and returns the names of all records it had logged."""
    assert worker.stdout is not None
    logged = [worker.stdout.readline().strip() for _ in range(printed)]
    worker.kill()
    rest = worker.stdout.read()  # `communicate` would pass over what `readline` has read ahead
    end(worker)
    return [*logged, *rest.split("\n")[:-1]]


def end(worker: subprocess.Popen[str]) -> None:
    worker.kill()
    worker.wait(PATIENCE)
    for stream in (worker.stdin, worker.stdout, worker.stderr):
        assert stream is not None
        with contextlib.suppress(BrokenPipeError):
            stream.close()


def send_all(path: Path, endpoint: str) -> None:
    handler = HeliconeHandler(endpoint=endpoint, spool_path=path, batch_size="auto", shutdown_timeout=60)
    assert handler.flush(PATIENCE)
    stats = handler.stats()
    assert stats.recovered == stats.delivered
    handler.close()


@pytest.mark.parametrize("seed", range(4))
def test_a_process_killed_at_any_moment_loses_no_record_that_was_logged(path: Path, seed: int) -> None:
    chance = random.Random(seed)
    with RecordingServer() as server:
        logged: list[str] = []
        for round_ in range(3):
            worker = start_worker(path, server.url, f"{seed}-{round_}", 100_000)
            logged += kill_after(worker, chance.randrange(1, 400))
        send_all(path, server.url)
        received = server.names()
    assert set(logged) <= set(received), f"seed {seed}"
    assert rows(path) == []
    # Only what was on its way when a process died may come twice: what it was told, it could not note any more.
    twice = sum(count - 1 for count in Counter(received).values())
    assert twice <= 3 * 4 * 1024


def test_nothing_is_lost_or_sent_twice_when_the_process_dies_without_having_sent(path: Path) -> None:
    logged = kill_after(start_worker(path, NOWHERE, "dead", 100_000), 100)
    with RecordingServer() as server:
        send_all(path, server.url)
        received = server.names()
    assert received[: len(logged)] == logged
    assert len(received) == len(set(received))
    assert len(received) - len(logged) <= 1  # one that was written, but not told yet


def test_processes_on_one_file_send_each_record_once(path: Path) -> None:
    with RecordingServer() as server:
        workers = [start_worker(path, server.url, f"w{number}", 150) for number in range(4)]
        for worker in workers:
            _, errors = worker.communicate(timeout=PATIENCE)
            assert worker.returncode == 0, errors
        send_all(path, server.url)
        received = server.names()
    assert sorted(received) == sorted(f"w{worker}-{number}" for worker in range(4) for number in range(150))
    assert rows(path) == []


def test_a_living_process_finds_what_a_killed_one_left(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("helicone_logging.spool.rounds.EVERY", 0.05)
    with RecordingServer() as server:
        handler = HeliconeHandler(endpoint=server.url, spool_path=path, batch_size="auto")
        worker = start_worker(path, NOWHERE, "w", 50, "wait")
        assert worker.stdout is not None
        logged = [worker.stdout.readline().strip() for _ in range(50)]
        assert handler.flush(PATIENCE)
        assert server.names() == []  # it lives, so its records are its own
        end(worker)
        handler._sender.wake()  # type: ignore[union-attr]
        server.wait_for(50)
        assert server.names() == logged
        assert handler.flush(PATIENCE)
        assert handler.stats().recovered == 50
        handler.close()


def test_what_a_living_process_has_claimed_is_left_alone(path: Path) -> None:
    first, second = spool(path), spool(path)
    first.put(b"1")
    second.put(b"2")
    assert entries(take_all(second)) == [b"2"]
    assert entries(take_all(first)) == [b"1"]
    assert second.account().recovered == 0
    first.close()
    second.close()


def test_a_lease_of_another_host_is_waited_for(path: Path) -> None:
    first = spool(path)
    first.put(b"1")
    stand_still(first)
    move_all(first)
    first._disk.close()
    move_claims(path, ("elsewhere", 1, "1"), time.time() + 1000)
    second = spool(path)
    second.put(b"2")
    assert entries(take_all(second)) == [b"2"]
    move_claims(path, ("elsewhere", 1, "1"), time.time() - 1, of="elsewhere")
    second._rounds.looked_at = 0.0
    second.upkeep()
    assert entries(take_all(second)) == [b"1"]
    assert second.account().recovered == 1
    second.close()


def move_claims(path: Path, process: tuple[str, int, str], lease: float, of: str | None = None) -> None:
    with contextlib.closing(sqlite3.connect(path, isolation_level=None, timeout=PATIENCE)) as connection:
        connection.execute(
            "UPDATE claims SET host = ?, pid = ?, started = ?, lease = ? WHERE host = ? OR ? IS NULL",
            (*process, lease, of, of),
        )


def test_a_lease_is_renewed_while_its_holder_lives(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(spool_disk, "RENEW_EVERY", 0.0)
    queue = spool(path)
    queue.put(b"1")
    file = SpoolFile(str(path))
    before = file.claims()[0].lease
    queue.upkeep()
    assert file.claims()[0].lease > before
    file.close()
    queue.close()


def test_one_who_lost_its_lease_does_not_send_what_another_has_taken(path: Path) -> None:
    first = spool(path)
    first.put(b"1")
    stand_still(first)
    move_all(first)
    move_claims(path, ("elsewhere", 1, "1"), 0.0)  # as if first had been standing still on another host
    second = spool(path)
    assert entries(take_all(second)) == [b"1"]
    first._disk.renew()
    assert take_all(first) == []
    assert is_balanced(first.account())
    first.put(b"2")
    assert entries(take_all(first)) == [b"2"]
    first.close()
    second.close()


def test_of_two_who_find_a_claim_only_one_gets_it(path: Path) -> None:
    left = spool(path)
    left.put(b"1")
    left.close()
    queues = [spool(path) for _ in range(2)]
    found = [entries(take_all(queue)) for queue in queues]
    assert sorted(found) == [[], [b"1"]]
    for queue in queues:
        queue.close()


def claim(process: ProcessId, lease: float) -> Claim:
    return Claim(1, 1, process, lease)


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="only Linux tells when a process started")
def test_a_number_that_a_new_process_got_does_not_keep_a_claim() -> None:
    mine, late = this_process(), time.time() + 1000
    assert not claim(mine, time.time() - 1000).is_free()  # it lives, whatever its lease says
    assert claim(mine._replace(started="1"), late).is_free()
    assert not claim(mine._replace(host="elsewhere", started="1"), late).is_free()
    assert claim(mine._replace(host="elsewhere"), time.time() - 1).is_free()


@pytest.mark.skipif(os.name == "nt", reason="Windows does not tell by signal 0 who lives")
def test_a_process_that_ended_is_known_to_be_gone_even_unreaped() -> None:
    child = subprocess.Popen(["sleep", "600"])
    process = this_process()._replace(pid=child.pid, started=spool_process._started(child.pid) or "")
    assert spool_process.is_gone(process) is not True
    child.send_signal(signal.SIGKILL)
    if Path("/proc/self/stat").exists():
        wait_until(lambda: spool_process.is_gone(process) is True)
    child.wait(PATIENCE)
    assert spool_process.is_gone(process)


def test_without_the_start_of_a_process_only_the_lease_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(spool_process, "_started", lambda pid: None)
    mine = this_process()
    assert mine.started == ""
    assert not claim(mine, time.time() + 1000).is_free()
    assert claim(mine, time.time() - 1).is_free()


def test_a_process_that_ends_in_order_leaves_nothing_behind(path: Path) -> None:
    with RecordingServer() as server:
        worker = start_worker(path, server.url, "w", 20)
        _, errors = worker.communicate(timeout=PATIENCE)
        assert (worker.returncode, errors) == (0, "")
        assert len(server.names()) == 20
    assert names(path) == []
    with contextlib.closing(sqlite3.connect(path)) as connection:
        assert connection.execute("SELECT count(*) FROM claims").fetchone() == (0,)


def test_what_cannot_be_sent_at_exit_is_kept_and_told_as_a_number(path: Path) -> None:
    worker = start_worker(path, NOWHERE, "w", 20, "shutdown_timeout=0")
    _, errors = worker.communicate(timeout=PATIENCE)
    assert worker.returncode == 0
    told = re.search(r"(\d+) records stay", errors)
    on_their_way = "1 requests were not answered" in errors  # on a busy machine; they stay in the file, too
    assert (int(told[1]) < 20 if told else True) if on_their_way else (told is not None and told[1] == "20")
    assert len(names(path)) == 20
