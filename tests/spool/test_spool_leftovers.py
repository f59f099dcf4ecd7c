"""What processes left in their journals is found by others, once, and what living ones have in them left alone."""

from __future__ import annotations

import errno
import json
import os
import re
import time
from collections.abc import Sequence
from pathlib import Path

import pytest
from recording_server import RecordingServer
from spool_fixtures import (
    MIB,
    PATIENCE,
    die,
    entries,
    failing,
    file_rows,
    is_balanced,
    journal_records,
    journals,
    locked,
    rows,
    spool,
    stand_still,
    start_worker,
    take_all,
)

from helicone_logging.spool.file import SpoolFile
from helicone_logging.spool.segment import departure


def test_while_the_file_is_locked_a_process_that_is_killed_loses_nothing(path: Path) -> None:
    with RecordingServer() as server:
        queue = spool(path)
        queue.put(b"1")
        queue.delivered(take_all(queue))
        queue.close()
        worker = start_worker(path, "http://127.0.0.1:9", "w", 100, "wait")
        assert worker.stdout is not None
        logged = [worker.stdout.readline().strip() for _ in range(20)]
        with locked(path):
            logged += [worker.stdout.readline().strip() for _ in range(80)]
            worker.kill()
            worker.communicate(timeout=PATIENCE)
        sender = start_worker(path, server.url, "next", 1)
        _, errors = sender.communicate(timeout=PATIENCE)
        assert sender.returncode == 0, errors
        assert sorted(server.names()) == sorted([*logged, "next-0"])
    assert rows(path) == []
    assert journals(path) == []


def test_what_a_process_left_in_its_journal_is_found_once(path: Path) -> None:
    dead = spool(path)
    for number in range(10):
        dead.put(b"%d" % number)
    dead.delivered(dead.take(3, MIB))
    die(dead)
    assert len(journal_records(path)) == 7
    queues = [spool(path) for _ in range(2)]
    found = [entries(take_all(queue)) for queue in queues]
    assert sorted(found) == [[], [b"%d" % number for number in range(3, 10)]]
    assert sum(queue.account().recovered for queue in queues) == 7
    assert journals(path) == []
    for queue in queues:
        assert is_balanced(queue.account())
        queue.close()


def test_more_than_a_statement_takes_is_found(path: Path) -> None:
    dead = spool(path, max_bytes=100 * MIB)
    for number in range(1000):
        dead.put(b"%d" % number)
    die(dead)
    queue = spool(path)
    assert entries(take_all(queue)) == [b"%d" % number for number in range(1000)]
    queue.close()


def test_what_is_in_a_journal_that_cannot_be_removed_is_not_sent_before_it_can(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Or it would be taken in once more afterwards."""
    dead = spool(path)
    dead.put(b"1")
    dead.put(b"2")
    die(dead)
    queue = spool(path)
    with monkeypatch.context() as patched:
        patched.setattr(Path, "unlink", failing(errno.EIO))
        assert take_all(queue) == []
        assert len(file_rows(path)) == 2
        stand_still(queue)
        queue._rounds.looked_at = 0.0
        queue.upkeep()
        assert take_all(queue) == []
    queue._rounds.looked_at = 0.0
    queue.upkeep()
    assert journals(path) == []
    assert entries(take_all(queue)) == [b"1", b"2"]
    assert queue.account().recovered == 2
    queue.close()


def test_what_a_living_process_has_in_its_journal_is_left_alone(path: Path) -> None:
    first, second = spool(path), spool(path)
    first.put(b"1")
    second.put(b"2")
    assert entries(take_all(second)) == [b"2"]
    assert entries(take_all(first)) == [b"1"]
    first.close()
    second.close()


@pytest.mark.parametrize("is_readable", [True, False])
def test_a_journal_of_another_host_is_waited_for(path: Path, *, is_readable: bool) -> None:
    """Nobody can tell from here whether its process lives; what shows that is renewed every few seconds."""
    dead = spool(path)
    dead.put(b"1")
    die(dead)
    (journal,) = journals(path)
    head = {"version": 1, "host": "elsewhere", "pid": 1, "started": "1"} if is_readable else {"version": 99}
    journal.write_bytes(json.dumps(head).encode() + b"\n" + departure(()) + b"\xff7 1\n1")
    queue = spool(path)
    queue.put(b"2")
    assert entries(take_all(queue)) == [b"2"]
    stand_still(queue)
    os.utime(journal, (0, time.time() - 61))
    queue._rounds.looked_at = 0.0
    queue.upkeep()
    assert entries(take_all(queue)) == [b"1"]
    queue.close()


def test_a_journal_in_use_shows_that_its_process_lives(path: Path) -> None:
    queue = spool(path)
    queue.put(b"1")
    stand_still(queue)
    (journal,) = journals(path)
    os.utime(journal, (0, 0))
    queue.upkeep()
    assert journal.stat().st_mtime > time.time() - 30
    queue.put(b"2")
    assert journals(path) == [journal]
    queue.close()


@pytest.mark.parametrize(
    "replacement", [b"7 8\nsec\n", b"9" * 30 + b" 8\nsecret-2", b"-7 8\nsecret-2", b"7 9\nsecret-2", b"0 8\nsecret-2"]
)
def test_damaged_records_are_told_and_set_aside_and_the_others_found(
    path: Path, capsys: pytest.CaptureFixture[str], replacement: bytes
) -> None:
    dead = spool(path)
    for number in range(5):
        dead.put(b"secret-%d" % number)
    die(dead)
    (journal,) = journals(path)
    content = re.sub(rb"\d+ 8\nsecret-2", replacement, journal.read_bytes())
    journal.write_bytes(content)
    queue = spool(path)
    assert entries(take_all(queue)) == [b"secret-%d" % number for number in (0, 1, 3, 4)]
    queue.close()
    (aside,) = path.parent.glob("*.unusable-*")
    assert aside.read_bytes() == content
    told = capsys.readouterr().err
    assert f"1 records of a process that is gone cannot be read; they were set aside as {aside}" in told
    assert "secret" not in told


def test_two_processes_that_make_the_file_at_once_take_it_for_what_it_is(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    value = SpoolFile._value
    others: list[SpoolFile] = []

    def meanwhile(self: SpoolFile, sql: str, values: Sequence[object] = ()) -> object:
        found = value(self, sql, values)
        if not others and "user_version" in sql:
            others.append(self)  # those that are made by the next line are not in its way
            others.append(SpoolFile(str(path)))
        return found

    monkeypatch.setattr(SpoolFile, "_value", meanwhile)
    queue = spool(path)
    queue.put(b"1")
    assert list(path.parent.glob("*.unusable-*")) == []
    assert [row[2] for row in rows(path)] == [b"1"]
    others[1].close()
    queue.close()


def test_a_record_in_two_journals_of_a_process_that_was_killed_is_sent_once(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It was killed while it wrote the record again, and its journals are not taken in by the same process."""
    dead = spool(path)
    dead.put(b"1")
    die(dead)
    (first,) = journals(path)
    second = first.with_name(first.name + "1")
    second.write_bytes(first.read_bytes())
    heir, other = spool(path), spool(path)
    read = Path.read_bytes
    for queue in (heir, other):
        queue._disk.use()
    with monkeypatch.context() as patched:
        patched.setattr(Path, "read_bytes", lambda self: read(self) if self != second else failing(errno.EIO)())
        heir.upkeep()
        assert not first.exists()
        assert heir.account().recovered == 0
    found = [entries(take_all(queue)) for queue in (other, heir)]
    assert sorted(found) == [[], [b"1"]]
    heir.close()
    other.close()
