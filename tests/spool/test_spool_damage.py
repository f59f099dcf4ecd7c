"""Damage: what is altered is passed over, counted and told, the rest is sent, and nothing altered ever is."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest
from spool_fixtures import MIB, abandon, entries, failing, is_balanced, put_all, segments, send_all, spool

from helicone_logging.spool.frames import OVERHEAD
from helicone_logging.spool.segment import Segment, UnknownSegmentError


def left(path: Path) -> tuple[list[bytes], bytes]:
    """A small segment with a tombstone in its midst: what is to be sent of it, and its bytes."""
    queue = spool(path)
    put_all(queue, b'{"a":1}', b'{"b":2}', b'{"c":3}')
    queue.done(queue.take(1, MIB, deadline=0.0))
    put_all(queue, b'{"d":4}')
    abandon(queue)
    return [b'{"a":1}', b'{"b":2}', b'{"c":3}', b'{"d":4}'], segments(path)[0].read_bytes()


@pytest.mark.parametrize("kind", ["flipped", "missing"])
def test_damage_at_any_byte_costs_one_record_and_sends_nothing_altered(
    path: Path, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("logging.raiseExceptions", False)
    records, data = left(path)
    file = segments(path)[0]
    for at in range(len(data)):
        altered = data[:at] + (bytes([data[at] ^ 0x41]) if kind == "flipped" else b"") + data[at + 1 :]
        file.write_bytes(altered)
        queue = spool(path, is_drain=True)
        assert is_balanced(queue.stats())
        sent = send_all(queue)
        stats = queue.stats()
        assert not [record for record in sent if record not in records], at
        assert len(set(sent) | {records[0]}) >= 3, at
        assert is_balanced(stats)
        assert stats.recovered == len(sent) + stats.dropped
        queue.close(discard=True)
        assert segments(path) == []


def test_a_tail_that_was_never_written_whole_is_cut_and_is_no_damage(
    path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    _, data = left(path)
    (file,) = segments(path)
    for tail in (data[:OVERHEAD], data[: OVERHEAD - 1], data[:1]):
        file.write_bytes(data + tail)
        queue = spool(path, is_drain=True)
        assert file.read_bytes() == data
        abandon(queue)
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize("offset", [0, -OVERHEAD])
def test_a_damaged_record_is_told_and_counted_as_dropped(
    path: Path, offset: int, capsys: pytest.CaptureFixture[str]
) -> None:
    _, data = left(path)
    at = data.index(b'{"c"') + offset
    segments(path)[0].write_bytes(data[:at] + b"?" + data[at + 1 :])
    queue = spool(path, is_drain=True)
    assert send_all(queue) == [b'{"b":2}', b'{"d":4}']
    assert (queue.stats().recovered, queue.stats().dropped) == (3, 1)
    assert "1 record in it is lost" in capsys.readouterr().err
    queue.close(discard=True)


def test_a_segment_whose_beginning_is_damaged_is_left_alone_and_told(
    path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    _, data = left(path)
    (file,) = segments(path)
    file.write_bytes(data.replace(b"1 helicone", b"1 HELICONE"))
    queue = spool(path, is_drain=True)
    assert send_all(queue) == []
    queue.close(discard=True)
    assert "its beginning is damaged" in capsys.readouterr().err
    assert len(file.read_bytes()) == len(data)


def test_an_orphan_of_which_nothing_can_be_read_is_counted_and_makes_nothing_older(
    path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = spool(path)
    put_all(before, b"1")
    abandon(before)
    (file,) = segments(path)
    data = file.read_bytes()
    file.write_bytes(data[: -OVERHEAD - 1] + b"?" + data[-OVERHEAD:])
    queue = spool(path, memory_records=4)
    put_all(queue, b"2", b"3")
    queue._maintenance.take_over_orphans()
    stats = queue.stats()
    assert (stats.recovered, stats.dropped) == (1, 1)
    assert "is damaged; 1 record in it is lost" in capsys.readouterr().err
    assert stats.oldest_age < 3600
    assert send_all(queue) == [b"2", b"3"]
    queue.close(discard=True)
    assert segments(path) == []


def test_damage_while_the_process_lives_is_counted_as_dropped(path: Path) -> None:
    queue = spool(path, memory_records=4)
    put_all(queue, *(b"record %d" % number for number in range(10)))
    for file in segments(path):
        data = file.read_bytes().replace(b"record 1", b"RECORD 1")
        head = data.find(b"record 7") - OVERHEAD
        file.write_bytes(data[:head] + b"?" + data[head + 1 :] if head > 0 else data)
    assert send_all(queue) == [b"record %d" % number for number in range(10) if number not in {1, 7}]
    assert queue.stats().dropped == 2
    assert is_balanced(queue.stats())
    queue.close(discard=True)
    assert segments(path) == []


@pytest.mark.parametrize("error", [OSError(errno.EIO, os.strerror(errno.EIO)), UnknownSegmentError("it is damaged")])
def test_what_cannot_be_read_back_is_told_counted_as_dropped_and_left_to_the_next(
    path: Path, error: Exception, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    queue = spool(path, memory_records=4)
    logged = [b"%d" % number for number in range(10)]
    put_all(queue, *logged)
    with monkeypatch.context() as patched:
        patched.setattr(Segment, "records", failing(error))
        sent = send_all(queue)
    assert "cannot be read, and is left alone" in capsys.readouterr().err
    assert queue.stats().dropped == len(logged) - len(sent) > 0
    assert is_balanced(queue.stats())
    queue.close(discard=True)
    following = spool(path, is_drain=True)
    assert sent + send_all(following) == logged
    following.close(discard=True)


def test_what_cannot_be_read_for_a_moment_stays_in_its_file_and_is_sent_later(
    path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    queue = spool(path)
    put_all(queue, b"1", b"2", b"3")
    with monkeypatch.context() as patched:
        patched.setattr(Segment, "read", failing(OSError(errno.EIO, os.strerror(errno.EIO))))
        assert queue.take(2, MIB, deadline=0.0) == []
    assert "cannot be read, and is left alone: [Errno 5]" in capsys.readouterr().err
    assert is_balanced(queue.stats())
    queue.tidy()
    queue._maintenance.take_over_orphans()
    assert sorted(send_all(queue)) == [b"1", b"2", b"3"]
    stats = queue.stats()
    assert is_balanced(stats)
    assert stats.dropped == stats.queued == 0
    queue.close(discard=True)
    assert segments(path) == []


def test_all_damage_is_told_of_in_the_end(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    queue = spool(path)
    put_all(queue, b"record 1", b"record 2", b"record 3")
    (file,) = segments(path)
    file.write_bytes(file.read_bytes().replace(b"record", b"RECORD"))
    for _ in range(3):
        assert queue.take(1, MIB, deadline=0.0) == []
    assert capsys.readouterr().err.count("\n") == 1
    queue.close(discard=True)
    assert "3 records in all were damaged, and are lost" in capsys.readouterr().err
    queue.close(discard=True)
    assert capsys.readouterr().err == ""


def test_who_takes_where_all_is_damaged_gets_what_is_behind(path: Path) -> None:
    queue = spool(path)
    put_all(queue, b"record 1", b"record 2")
    (file,) = segments(path)
    file.write_bytes(file.read_bytes().replace(b"record 1", b"RECORD 1"))
    assert entries(queue.take(1, MIB, deadline=0.0)) == [b"record 2"]
    queue.close(discard=True)
