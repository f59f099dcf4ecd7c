"""With a file, the spans outlast the process; a file that is not ours is left as it was."""

from __future__ import annotations

import contextlib
import os
import sqlite3
import stat
from pathlib import Path

import pytest
from receiver_client import get, payload, post, span

from helicone_logging.errors import ConfigurationError
from helicone_logging.receiver import Receiver
from helicone_logging.receiver.database import Database


def names(receiver: Receiver) -> list[str]:
    return [stored.span["name"] for stored in receiver.spans()]


def test_spans_survive_a_restart(tmp_path: Path) -> None:
    path = tmp_path / "spans.db"
    with Receiver(port=0, db=path) as first:
        assert post(first, payload(span(name="a"), span(name="b \ud800"))).status == 200
        before = get(first, "/api/requests").json
    with Receiver(port=0, db=path) as second:
        assert names(second) == ["a", "b \ud800"]
        assert get(second, "/api/requests").json == before
        assert post(second, payload(span(name="c"))).status == 200
        assert [entry.seq for entry in second.store.entries()] == [1, 2, 3]
    with Receiver(port=0, db=path, keep=2) as third:
        assert names(third) == ["b \ud800", "c"]


@pytest.mark.skipif(os.name != "posix", reason="modes are POSIX's")
def test_the_file_is_its_owners(tmp_path: Path) -> None:
    with Receiver(port=0, db=tmp_path / "spans.db") as running:
        post(running, payload())
        assert {stat.S_IMODE(path.stat().st_mode) for path in tmp_path.iterdir()} == {0o600}


def test_what_leaves_memory_leaves_the_file(tmp_path: Path) -> None:
    path = tmp_path / "spans.db"
    with Receiver(port=0, db=path, keep=3) as running:
        for number in range(10):
            post(running, payload(span(name=str(number))))
    file = Database(path)
    assert [seq for seq, _, _ in file.rows(100)] == [8, 9, 10]
    file.close()
    with Receiver(port=0, db=path) as running:
        running.store.clear()
    with Receiver(port=0, db=path) as running:
        assert names(running) == []


@pytest.mark.parametrize("kind", ["text", "database", "folder", "nowhere"])
def test_a_file_of_something_else_is_refused_and_left_as_it_was(kind: str, tmp_path: Path) -> None:
    path = tmp_path / "other"
    if kind == "text":
        path.write_text("my thesis")
    elif kind == "database":
        with sqlite3.connect(path) as connection:
            connection.execute("CREATE TABLE mine (x)")
        connection.close()
    elif kind == "folder":
        path.mkdir()
    else:
        path = tmp_path / "no such folder" / "spans.db"
    before = path.read_bytes() if path.is_file() else None
    mode = path.stat().st_mode if path.exists() else None
    with pytest.raises(ConfigurationError, match=path.name):
        Receiver(port=0, db=path)
    assert (path.read_bytes() if path.is_file() else None) == before
    assert (path.stat().st_mode if path.exists() else None) == mode


def test_a_file_in_use_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "spans.db"
    with Receiver(port=0, db=path) as running:
        with pytest.raises(ConfigurationError, match=r"spans\.db"):
            Receiver(port=0, db=path)
        assert post(running, payload()).status == 200


def test_a_file_that_takes_no_more_costs_no_span(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with Receiver(port=0, db=tmp_path / "spans.db") as running:
        running.store._database._connection.execute("DROP TABLE spans")  # type: ignore[union-attr]
        for _ in range(3):
            assert post(running, payload()).status == 200
        assert len(running.spans()) == 3
    assert capsys.readouterr().err.count("takes no more") == 1


def test_numbers_go_on_with_the_file_and_begin_anew_without(tmp_path: Path) -> None:
    with Receiver(port=0, db=tmp_path / "spans.db") as first, Receiver(port=0) as other:
        runs = {first.store.run, other.store.run}
        assert len(runs) == 2
    with Receiver(port=0, db=tmp_path / "spans.db") as again:
        assert again.store.run == first.store.run
    with Receiver(port=0, db=tmp_path / "another.db") as another:
        assert another.store.run not in runs


@pytest.mark.parametrize("raw", [b"no JSON", b"{}", b'{"span": {"attributes": 5}}'])
def test_a_span_that_cannot_be_read_costs_no_other(
    raw: bytes, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "spans.db"
    with Receiver(port=0, db=path) as running:
        assert post(running, payload(span(name="a"), span(name="b"), span(name="c"))).status == 200
    with contextlib.closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("UPDATE spans SET raw = ? WHERE seq > 1", (raw,))
    with Receiver(port=0, db=path) as running:
        assert names(running) == ["a"]
        assert post(running, payload(span(name="d"))).status == 200
        assert running.store.last_seq == 4
    assert capsys.readouterr().err == f"{path}: span 2 in it cannot be read, and is not shown\n"


def test_a_file_of_another_form_or_a_damaged_one_is_refused(tmp_path: Path) -> None:
    older, damaged = tmp_path / "older.db", tmp_path / "damaged.db"
    for path in (older, damaged):
        with Receiver(port=0, db=path) as running:
            assert post(running, payload(*[span()] * 50)).status == 200
    with contextlib.closing(sqlite3.connect(older)) as connection, connection:
        connection.execute("ALTER TABLE spans RENAME COLUMN received_at TO at")
    content = damaged.read_bytes()
    damaged.write_bytes(content[:12_288] + b"\xff" * (len(content) - 12_288))
    for path in (older, damaged):
        before = path.read_bytes()
        with pytest.raises(ConfigurationError, match=path.name):
            Receiver(port=0, db=path)
        assert path.read_bytes() == before
