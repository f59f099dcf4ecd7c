"""Whatever is wrong with the disk or the file: nothing raises, nothing waits long, nothing is lost without a word."""

from __future__ import annotations

import contextlib
import random
import sqlite3
import time
from pathlib import Path

import pytest
from spool_fixtures import (
    MIB,
    entries,
    is_balanced,
    journal_records,
    locked,
    move_all,
    rows,
    spool,
    stand_still,
    take_all,
    wait_until,
)

from helicone_logging.spool import file as spool_file
from helicone_logging.spool.file import SpoolFile
from helicone_logging.spool.names import COMPANIONS

pytestmark = pytest.mark.usefixtures("way")


def set_aside(path: Path) -> list[Path]:
    return [file for file in path.parent.glob("*.unusable-*") if not file.name.endswith(("-wal", "-shm"))]


def reports(capsys: pytest.CaptureFixture[str]) -> list[str]:
    return capsys.readouterr().err.splitlines()


@pytest.mark.impatient
def test_while_the_file_is_locked_records_go_to_the_journal_or_to_memory_at_once_and_then_to_disk(
    path: Path, way: str, capsys: pytest.CaptureFixture[str]
) -> None:
    queue = spool(path)
    queue.put(b"0")
    with locked(path):
        began = time.monotonic()
        for number in range(1, 200):
            queue.put(b"%d" % number)
        assert time.monotonic() - began < 5  # SQLite's own patience would be 5 s for each
        wait_until(lambda: way == "journal" or queue._disk._failures >= 2)
        assert queue.account().queued == 200
        assert len(journal_records(path)) == (200 if way == "journal" else 0)
    wait_until(lambda: len(rows(path)) == 200)
    told = reports(capsys)
    assert [report for report in told if "locked" not in report] == []
    assert len(told) == (way == "file")
    found = take_all(queue)
    assert sorted(entries(found), key=int) == [b"%d" % number for number in range(200)]
    queue.delivered(found)
    assert (queue.account().emitted, queue.account().delivered) == (200, 200)
    queue.close()


@pytest.mark.impatient
def test_one_collision_of_processes_is_not_worth_a_report(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    queue = spool(path)
    queue.put(b"1")
    stand_still(queue)
    with locked(path):
        queue.put(b"2")
    queue.close()
    assert reports(capsys) == [f"helicone_logging: 2 records stay in {path} for the next process"]


@pytest.mark.impatient
def test_a_flush_waits_for_records_that_went_to_memory_and_then_to_disk(path: Path) -> None:
    queue = spool(path)
    queue.put(b"0")
    queue.delivered(take_all(queue))
    with locked(path):
        queue.put(b"1")
        mark = queue.mark()
    wait_until(lambda: len(rows(path)) == 1)
    queue.put(b"2")
    items = queue.take(1, MIB)
    assert entries(items) == [b"1"]
    assert not queue.is_done(mark)
    queue.delivered(items)
    assert queue.is_done(mark)
    queue.close()


@pytest.mark.impatient
def test_what_has_arrived_leaves_the_file_at_the_end_though_that_is_locked(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Or the next process would send it again."""
    queue = spool(path)
    queue.put(b"1")
    stand_still(queue)
    move_all(queue)
    items = take_all(queue)
    sleep = time.sleep
    with contextlib.ExitStack() as lock:

        def unlock_and_sleep(seconds: float) -> None:
            lock.close()
            sleep(seconds)

        lock.enter_context(locked(path))
        queue.delivered(items)
        assert queue._disk.undeleted
        monkeypatch.setattr(time, "sleep", unlock_and_sleep)
        queue.close()
    assert rows(path) == []


def test_a_full_disk_is_told_once_and_left_alone_until_it_has_room(
    path: Path, way: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    queue = spool(path)
    queue.put(b"0")
    tries = []

    def full(*_: object) -> None:
        tries.append(time.monotonic())
        raise sqlite3.OperationalError("database or disk is full")

    with monkeypatch.context() as patched:
        patched.setattr(SpoolFile, "insert", full)
        for number in range(1, 1000):
            queue.put(b"%d" % number)
        assert len(tries) < 20  # not one for each record
        assert queue.account().queued == 1000
    wait_until(lambda: len(rows(path)) == 1000)
    assert is_balanced(queue.account())
    assert ["full" in report for report in reports(capsys)] == ([True] if way == "file" else [])
    queue.close()


@pytest.mark.parametrize(
    ("message", "word"),
    [
        ("attempt to write a readonly database", "read-only"),
        ("disk I/O error", "unavailable"),
    ],
)
def test_a_disk_that_became_unusable_is_used_again_when_it_recovers(
    path: Path, way: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, message: str, word: str
) -> None:
    queue = spool(path)
    queue.put(b"0")

    def fail(*_: object) -> None:
        raise sqlite3.OperationalError(message)

    with monkeypatch.context() as patched:
        patched.setattr(SpoolFile, "insert", fail)
        queue.put(b"1")
        assert queue.account().queued == 2
    wait_until(lambda: len(rows(path)) == 2)
    assert entries(take_all(queue)) == [b"0", b"1"]
    assert [word in report for report in reports(capsys)] == ([True] if way == "file" else [])
    queue.close()


def test_a_directory_that_cannot_be_made_leaves_the_queue_in_memory(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").write_text("in the way", encoding="utf-8")
    queue = spool(tmp_path / "file" / "spool.db")
    for number in range(100):
        queue.put(b"%d" % number)
    items = queue.take(1000, MIB)
    assert entries(items) == [b"%d" % number for number in range(100)]
    queue.delivered(items)
    assert (queue.account().emitted, queue.account().delivered) == (100, 100)
    queue.put(b"lost")
    assert queue.drop_waiting() == 1
    queue.close()
    assert is_balanced(queue.account())
    (report,) = reports(capsys)
    assert "unavailable" in report
    assert "memory" in report


@pytest.mark.impatient
def test_what_is_in_memory_goes_to_disk_rather_than_being_dropped_at_the_end(path: Path) -> None:
    queue = spool(path)
    queue.put(b"0")
    stand_still(queue)
    with locked(path):
        queue.put(b"1")
    wait_until(lambda: queue._disk.pause() == 0)
    assert queue.drop_waiting() == 0
    queue.close()
    assert [row[2] for row in rows(path)] == [b"0", b"1"]


@pytest.mark.impatient
def test_what_was_delivered_but_cannot_be_deleted_is_not_sent_again(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("helicone_logging.spool.rounds.EVERY", 0.05)
    queue = spool(path)
    queue.put(b"1")
    items = take_all(queue)
    with locked(path):
        queue.delivered(items)
        assert queue.account().delivered == 1
    wait_until(lambda: rows(path) == [])
    assert take_all(queue) == []
    queue.close()


@pytest.mark.parametrize("content", [b"no database at all" * 1000, b"\0" * 5000])
def test_a_file_that_is_no_queue_is_set_aside(path: Path, capsys: pytest.CaptureFixture[str], content: bytes) -> None:
    path.write_bytes(content)
    queue = spool(path)
    queue.put(b"1")
    wait_until(lambda: len(rows(path)) == 1)
    queue.put(b"2")
    assert entries(take_all(queue)) == [b"1", b"2"]
    queue.close()
    (aside,) = set_aside(path)
    assert aside.read_bytes() == content
    assert "set aside" in reports(capsys)[0]


@pytest.mark.parametrize(
    "change",
    [
        "PRAGMA user_version=2",
        "PRAGMA application_id=7",
        "PRAGMA user_version=0",
        "DROP TABLE records",
    ],
)
def test_a_file_of_another_form_is_set_aside_and_not_touched(
    path: Path, capsys: pytest.CaptureFixture[str], change: str
) -> None:
    first = spool(path)
    first.put(b"1")
    first.close()
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute(change)
    capsys.readouterr()
    queue = spool(path)
    queue.put(b"2")
    wait_until(lambda: len(set_aside(path)) == 1)
    wait_until(lambda: len(rows(path)) == 1)
    assert entries(take_all(queue)) == [b"2"]
    queue.close()
    if "DROP" not in change:
        assert [row[2] for row in rows(set_aside(path)[0])] == [b"1"]
    assert "set aside" in reports(capsys)[0]


def test_a_file_is_not_set_aside_while_another_connection_would_take_its_log_along(path: Path) -> None:
    path.write_bytes(b"no database" * 100)
    queue = spool(path)
    with queue._disk.side:
        queue.put(b"1")
        assert queue._disk.pause()
        assert not set_aside(path)
    wait_until(lambda: len(set_aside(path)) == 1)
    wait_until(lambda: [row[2] for row in rows(path)] == [b"1"])
    queue.close()


def test_the_form_of_the_file_has_a_version(path: Path) -> None:
    queue = spool(path)
    queue.put(b"1")
    queue.close()
    with contextlib.closing(sqlite3.connect(path)) as connection:
        assert connection.execute("PRAGMA user_version").fetchone() == (spool_file.VERSION,)
        assert connection.execute("PRAGMA application_id").fetchone() == (spool_file.APPLICATION_ID,)
        assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)


@pytest.mark.parametrize("seed", range(12))
def test_flipped_or_missing_bytes_are_never_fatal(path: Path, seed: int) -> None:
    first = spool(path)
    for number in range(300):
        first.put(b"%d" % number * 100)
    first.close()
    chance = random.Random(seed)
    content = bytearray(path.read_bytes())
    if seed % 3 == 0:
        del content[chance.randrange(100, len(content)) :]
    else:
        for _ in range(chance.choice((1, 20, 500))):
            content[chance.randrange(0 if seed % 3 == 1 else 100, len(content))] = chance.randrange(256)
    path.write_bytes(content)

    queue = spool(path)
    for number in range(20):
        queue.put(b"new %d" % number)
    found = entries(take_all(queue))
    new = [entry for entry in found if entry.startswith(b"new")]
    account = queue.account()
    assert is_balanced(account)
    assert len(new) + account.dropped >= 20
    queue.put(b"and on")
    assert is_balanced(queue.account())
    queue.close()


@pytest.mark.parametrize("is_replaced", [False, True])
def test_a_file_removed_while_in_use_loses_nothing(path: Path, is_replaced: bool) -> None:
    queue = spool(path)
    for number in range(10):
        queue.put(b"%d" % number)
    on_its_way = queue.take(2, MIB)
    stand_still(queue)  # it might begin a new file before all of the old one is removed
    for companion in COMPANIONS:
        path.with_name(path.name + companion).unlink()
    if is_replaced:
        other = spool(path)
        other.put(b"other")
        other.close()
    queue.upkeep()
    queue.put(b"10")
    assert len(rows(path)) >= 9
    queue.delivered(on_its_way)
    found = [entry for entry in entries(take_all(queue)) if entry != b"other"]
    assert sorted(found, key=int) == [b"%d" % number for number in range(2, 11)]
    assert is_balanced(queue.account())
    queue.close()


def test_reports_tell_nothing_of_the_records(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    queue = spool(path)
    queue.put(b"my secret")
    queue.close()
    content = path.read_bytes()
    path.write_bytes(content.replace(b"CREATE TABLE", b"CREATE FABLE"))
    again = spool(path)
    again.put(b"my secret")
    again.close()
    assert "secret" not in capsys.readouterr().err
