"""`helicone-logging spool` says what is in a file, sends it, or deletes it, and leaves running processes alone."""

from __future__ import annotations

from pathlib import Path

import pytest
from recording_server import RecordingServer
from spool_fixtures import is_balanced, look_for_nothing, names, rows, spool, start_worker

from helicone_logging.cli import main

NOWHERE = "http://127.0.0.1:9"


def leave(path: Path, count: int) -> None:
    """A process that could send nothing."""
    worker = start_worker(path, NOWHERE, "w", count, "shutdown_timeout=0")
    worker.communicate(timeout=60)
    assert worker.returncode == 0
    assert len(names(path)) == count


def test_status_tells_counts_bytes_age_and_owners(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    leave(path, 3)
    queue = spool(path, max_bytes=10**9)
    look_for_nothing(queue)
    queue.put(b"12345")
    assert main(["spool", "status", str(path)]) == 0
    told = capsys.readouterr().out
    assert told.startswith("4 records, ")
    assert "the oldest has been waiting for 0:00:" in told
    assert "1 records, 5 bytes: claimed by process" in told
    assert "which is running" in told
    assert "free for the next process" in told
    queue.close()


def test_status_of_an_empty_queue(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    queue = spool(path)
    queue.put(b"1")
    queue.delivered(queue.take(1, 1))
    queue.close()
    assert main(["spool", "status", str(path)]) == 0
    assert capsys.readouterr().out.startswith("0 records, 0 bytes")


@pytest.mark.parametrize("action", [["status"], ["send"], ["clear", "--yes"]])
def test_a_file_that_is_missing_or_no_queue_is_2_and_left_alone(
    path: Path, capsys: pytest.CaptureFixture[str], action: list[str]
) -> None:
    assert main(["spool", *action, str(path)]) == 2
    assert not path.exists()
    path.write_bytes(b"garbage" * 1000)
    assert main(["spool", *action, str(path)]) == 2
    assert [file.name for file in path.parent.iterdir()] == [path.name]
    assert path.read_bytes() == b"garbage" * 1000
    assert capsys.readouterr().err.count("cannot be read") == 2


def test_send_delivers_everything(
    path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    leave(path, 30)
    with RecordingServer() as server:
        monkeypatch.setenv("HELICONE_TRACE_ENDPOINT", server.url)
        monkeypatch.setenv("HELICONE_API_KEY", "sk-helicone-x")
        assert main(["spool", "send", str(path)]) == 0
        assert sorted(server.names()) == sorted(f"w-{number}" for number in range(30))
        assert server.requests[0].headers["Authorization"] == "Bearer sk-helicone-x"
    assert "30 records were sent, 0 were refused; 0 are left" in capsys.readouterr().out
    assert rows(path) == []


def test_send_says_what_is_left_and_why(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    leave(path, 3)
    assert main(["spool", "send", "--endpoint", NOWHERE, "--timeout", "0.2", str(path)]) == 1
    told = capsys.readouterr().out
    assert "3 are left" in told
    assert "the last request failed" in told
    assert len(rows(path)) == 3


def test_send_leaves_what_a_running_process_has_claimed(path: Path) -> None:
    leave(path, 3)
    queue = spool(path, max_bytes=10**9)
    look_for_nothing(queue)
    queue.put(b"mine")
    with RecordingServer() as server:
        assert main(["spool", "send", "--endpoint", server.url, str(path)]) == 1
        assert len(server.names()) == 3
    assert [row[2] for row in rows(path)] == [b"mine"]
    queue.close()


def test_clear_deletes_only_when_told_twice_and_nothing_of_running_processes(
    path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    leave(path, 3)
    queue = spool(path, max_bytes=10**9)
    look_for_nothing(queue)
    queue.put(b"mine")
    assert main(["spool", "clear", str(path)]) == 1
    assert "3 records would be deleted, 1 kept" in capsys.readouterr().out
    assert len(rows(path)) == 4
    assert main(["spool", "clear", "--yes", str(path)]) == 0
    assert "3 records were deleted, 1 are kept" in capsys.readouterr().out
    assert [row[2] for row in rows(path)] == [b"mine"]
    assert main(["spool", "clear", "--yes", "--all", str(path)]) == 0
    assert rows(path) == []
    assert queue.take(10, 100) == []
    assert is_balanced(queue.account())
    assert queue.account().dropped == 1
    queue.close()
