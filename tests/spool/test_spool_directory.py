"""The directory of a queue: private from the first moment, and what is not ours is left alone and never read."""

from __future__ import annotations

import logging
import os
import stat
import sys
from pathlib import Path

import pytest
from encoded import Encoded
from spool_fixtures import MIB, put_all, segments, send_all, spool

from helicone_logging import HeliconeHandler
from helicone_logging.errors import ConfigurationError
from helicone_logging.spool import Directory

posix = pytest.mark.skipif(sys.platform == "win32", reason="modes and owners are POSIX'")
root = pytest.mark.skipif(sys.platform == "win32" or os.geteuid() != 0, reason="only root can give files away")
NOBODY = 65534


def mode(path: Path) -> int:
    return stat.S_IMODE(path.lstat().st_mode)


@posix
@pytest.mark.parametrize("umask", [0o000, 0o022, 0o777])
def test_it_and_its_files_are_for_their_owner_only_whatever_the_umask(path: Path, umask: int) -> None:
    queue, before = spool(path), os.umask(umask)
    try:
        put_all(queue, b"1")
    finally:
        os.umask(before)
    assert mode(path) == 0o700
    assert [mode(segment) for segment in segments(path)] == [0o600]
    assert send_all(queue) == [b"1"]
    queue.close(discard=True)


@posix
def test_what_exists_with_an_open_mode_is_closed_first(path: Path) -> None:
    first = spool(path)
    put_all(first, b"1")
    first.close(discard=True)
    path.chmod(0o755)
    segments(path)[0].chmod(0o644)
    queue = spool(path, is_drain=True)
    put_all(queue, b"2")
    assert mode(path) == 0o700
    assert {mode(segment) for segment in segments(path)} == {0o600}
    assert send_all(queue) == [b"1", b"2"]
    queue.close(discard=True)


def test_missing_parents_are_made_and_a_linked_parent_is_fine(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "real")
    queue = spool(tmp_path / "link" / "a" / "b")
    put_all(queue, b"1")
    assert len(segments(tmp_path / "real" / "a" / "b")) == 1
    queue.close(discard=True)


def refused(path: Path) -> str:
    with pytest.raises(ConfigurationError) as caught:
        HeliconeHandler(endpoint="http://127.0.0.1:9", spool_path=path)
    return str(caught.value)


def test_a_link_a_file_and_a_queue_of_an_older_form_are_refused_with_the_remedy(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "real")
    (tmp_path / "app.py").write_text("print()")
    (tmp_path / "queue.db").write_bytes(b"SQLite format 3\0" + b"\0" * 100)
    assert "symbolic link" in refused(tmp_path / "link")
    assert "not a directory" in refused(tmp_path / "app.py")
    assert "name another directory" in refused(tmp_path / "app.py" / "spool")
    assert "drain it with that version or delete it" in refused(tmp_path / "queue.db")
    assert (tmp_path / "app.py").read_text() == "print()"


@posix
def test_a_device_is_refused_and_stays_one() -> None:
    assert "not a directory" in refused(Path("/dev/null"))
    assert stat.S_ISCHR(Path("/dev/null").stat().st_mode)


@root
def test_a_directory_of_another_user_is_refused(path: Path) -> None:
    path.mkdir(mode=0o777)
    os.chown(path, NOBODY, NOBODY)
    assert "belongs to another user" in refused(path)
    assert mode(path) & 0o700


@root
def test_a_segment_that_another_user_planted_is_never_sent(path: Path) -> None:
    first = spool(path)
    put_all(first, b"planted")
    first.close(discard=True)
    os.chown(segments(path)[0], NOBODY, NOBODY)
    queue = spool(path, is_drain=True)
    assert send_all(queue) == []
    assert len(segments(path)) == 1
    queue.close(discard=True)


@posix
def test_fifos_links_and_foreign_files_are_left_alone_and_hang_nobody(path: Path, tmp_path: Path) -> None:
    path.mkdir(mode=0o700)
    os.mkfifo(path / "1-2-0123abcd.segment")
    (tmp_path / "elsewhere").write_bytes(b"x" * 100)
    (path / "1-3-0123abcd.segment").symlink_to(tmp_path / "elsewhere")
    (path / "notes.txt").write_text("mine")
    queue = spool(path, is_drain=True)
    put_all(queue, b"1")
    assert send_all(queue) == [b"1"]
    queue.close(discard=True)
    assert {file.name for file in path.iterdir()} == {"1-2-0123abcd.segment", "1-3-0123abcd.segment", "notes.txt"}
    assert (tmp_path / "elsewhere").read_bytes() == b"x" * 100


def test_a_directory_that_turns_into_something_else_is_not_followed(path: Path, tmp_path: Path) -> None:
    queue = spool(path)
    (tmp_path / "elsewhere").mkdir()
    path.symlink_to(tmp_path / "elsewhere")
    put_all(queue, b"1")
    assert list((tmp_path / "elsewhere").iterdir()) == []
    assert send_all(queue) == [b"1"]
    queue.close(discard=True)


def test_a_directory_that_turns_into_a_file_harms_nobody(path: Path) -> None:
    queue = spool(path)
    path.write_text("mine")
    put_all(queue, b"1")
    queue.tidy()
    assert path.read_text() == "mine"
    assert send_all(queue) == [b"1"]
    queue.close(discard=True)


def test_it_is_made_when_the_first_record_comes(path: Path) -> None:
    queue = spool(path, max_bytes=MIB)
    queue._maintenance.take_over_orphans()
    assert not Directory(str(path)).exists()
    put_all(queue, b"1")
    assert Directory(str(path)).exists()
    queue.done(queue.take(1, MIB, deadline=0.0))
    queue.close(discard=True)
    assert segments(path) == []


def test_the_api_key_is_in_no_file_of_it(path: Path, dead_endpoint: str) -> None:
    handler = HeliconeHandler(api_key="sk-helicone-secret", endpoint=dead_endpoint, spool_path=path, shutdown_timeout=0)
    logger = logging.getLogger("helicone_tests.key")
    logger.handlers[:] = [handler]
    logger.warning("x", extra={"trace_id": "t"})
    handler.close()  # which leaves it to the next process
    (written,) = [segment.read_bytes() for segment in segments(path)]
    assert b"sk-helicone-secret" not in written


def test_a_file_that_another_process_deletes_as_empty_costs_no_record(path: Path, monkeypatch) -> None:
    """Between its making and its lock, who looks for orphans may find it empty and without an owner."""
    real, deleted = os.open, []

    def open_and_lose(name, flags, *arguments):
        descriptor = real(name, flags, *arguments)
        if flags & os.O_EXCL and not deleted:
            deleted.append(name)
            Path(name).unlink()
        return descriptor

    queue = spool(path)
    monkeypatch.setattr(os, "open", open_and_lose)
    assert queue.put(Encoded(b"record")) == 0
    monkeypatch.undo()
    assert len(deleted) == 1
    (written,) = [segment.read_bytes() for segment in segments(path)]
    assert b"record" in written
    queue.close(discard=True)
