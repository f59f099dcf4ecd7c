"""`helicone-logging spool` says what is in a directory, sends it, or deletes it, and leaves running processes alone."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest
from collector_server import CollectorServer
from payloads import traced
from recording_server import RecordingServer
from spool_fixtures import NOWHERE, put_all, segments, spool, start_worker, waiting

from helicone_logging import OTELTraceFormatter
from helicone_logging.cli import main
from helicone_logging.cli import spool as command
from helicone_logging.core import clock

NOBODY = 65534


def leave(path: Path, count: int) -> None:
    """A process that could send nothing."""
    worker = start_worker(path, NOWHERE, "w", count, "shutdown_timeout=0")
    worker.communicate(timeout=60)
    assert worker.returncode == 0
    assert waiting(path) == count


def test_status_tells_counts_bytes_age_and_owners(
    path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    leave(path, 3)
    with monkeypatch.context() as patched:
        patched.setattr(clock, "time", lambda: time.time() - 3 * 3600)
        queue = spool(path)
        put_all(queue, b"12345")
    (path / "notes.txt").touch()
    assert main(["spool", "status", str(path)]) == 0
    told = capsys.readouterr().out
    assert told.startswith("4 records, ")
    assert "the oldest has been waiting for 3 hours" in told
    assert f"1 record, 5 bytes: owned by process {os.getpid()}, which is running" in told
    assert "which is gone, so free for the next process" in told
    assert "1 other files in it are not of a spool" in told
    queue.close(discard=True)


@pytest.mark.parametrize(
    ("seconds", "told"),
    [(0.4, "0 seconds"), (1, "1 second"), (119, "119 seconds"), (7200, "2 hours"), (9e5, "10 days")],
)
def test_ages_are_told_in_plain_words(seconds: float, told: str) -> None:
    assert command._age(seconds) == told


def test_status_of_an_empty_queue(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path.mkdir()
    assert main(["spool", "status", str(path)]) == 0
    assert capsys.readouterr().out.startswith("0 records, 0 bytes")


@pytest.mark.parametrize("action", [["status"], ["send"], ["clear", "--yes"]])
def test_what_is_no_spool_is_2_said_so_and_left_alone(
    path: Path, capsys: pytest.CaptureFixture[str], action: list[str]
) -> None:
    assert main(["spool", *action, str(path)]) == 2
    assert not path.exists()
    path.write_bytes(b"garbage" * 1000)
    assert main(["spool", *action, str(path)]) == 2
    assert path.read_bytes() == b"garbage" * 1000
    told = capsys.readouterr().err
    assert told.count("is no spool") == 2
    assert "cannot be read" not in told


@pytest.mark.parametrize("action", [["status"], ["send"], ["clear", "--yes"]])
def test_a_directory_of_other_files_is_no_spool(
    path: Path, capsys: pytest.CaptureFixture[str], action: list[str]
) -> None:
    path.mkdir()
    (path / "notes.txt").write_text("mine", encoding="utf-8")
    assert main(["spool", *action, str(path)]) == 2
    assert "is no spool: there are only other files in it" in capsys.readouterr().err
    assert [found.name for found in path.iterdir()] == ["notes.txt"]


def test_an_empty_volume_is_an_empty_spool(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path.mkdir()
    (path / "lost+found").mkdir()
    (path / ".gitkeep").touch()
    assert main(["spool", "status", str(path)]) == 0
    assert capsys.readouterr().out.startswith("0 records, 0 bytes")


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
    assert "30 records were sent, 0 were refused; 0 records left" in capsys.readouterr().out
    assert segments(path) == []


def test_a_missing_key_is_told_as_that(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path.mkdir()
    assert main(["spool", "send", str(path)]) == 1
    told = capsys.readouterr().err
    assert "set HELICONE_API_KEY; to try it here" in told
    assert "give --endpoint" in told
    assert "cannot be read" not in told


def test_send_says_what_is_left_and_why(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    leave(path, 3)
    assert main(["spool", "send", "--endpoint", NOWHERE, "--timeout", "0.2", str(path)]) == 1
    told = capsys.readouterr().out
    assert "3 records left" in told
    assert "the last request failed" in told
    assert waiting(path) == 3


def test_send_leaves_what_a_running_process_owns_and_another_wire(
    path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    leave(path, 3)
    queue, newer = spool(path), spool(path, wire="newer")
    put_all(queue, b"mine")
    put_all(newer, b"theirs")
    newer.close(discard=True)
    with RecordingServer() as server:
        assert main(["spool", "send", "--endpoint", server.url, str(path)]) == 1
        assert len(server.names()) == 3
    assert waiting(path) == 2
    assert main(["spool", "status", str(path)]) == 0
    assert "for the wire 'newer', which this version cannot send" in capsys.readouterr().out
    queue.close(discard=True)


def leave_for_a_collector(path: Path, *names: str) -> None:
    """A process that could send nothing to its Collector."""
    queue = spool(path, wire="otlp")
    formatter = OTELTraceFormatter(wire="otlp")
    put_all(queue, *(formatter.span(traced(name)).encode() for name in names))
    queue.close(discard=True)


def test_send_follows_the_wire_that_a_segment_names(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    leave_for_a_collector(path, "one", "two")
    with CollectorServer() as collector:
        assert main(["spool", "send", "--endpoint", collector.url, str(path)]) == 0
        assert sorted(collector.names()) == ["one", "two"]
        assert {request.path for request in collector.requests} == {"/v1/traces"}
    assert "2 records were sent, 0 were refused; 0 records left" in capsys.readouterr().out
    assert waiting(path) == 0


def test_send_asks_opentelemetry_s_variables_where_the_collector_is(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    leave_for_a_collector(path, "one")
    with CollectorServer() as collector:
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", collector.url)
        assert main(["spool", "send", str(path)]) == 0
        assert collector.names() == ["one"]


def test_send_leaves_what_an_endpoint_does_not_take(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    leave(path, 2)
    leave_for_a_collector(path, "one")
    with RecordingServer() as server:
        assert main(["spool", "send", "--endpoint", f"{server.url}/v1/trace/log", str(path)]) == 1
        assert len(server.names()) == 2
    told = capsys.readouterr().out
    assert "2 records were sent, 0 were refused; 1 record left" in told
    assert "what is for the wire 'otlp' was not sent, as this endpoint does not take it" in told
    assert waiting(path) == 1


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0, reason="only root can send for others")
def test_root_leaves_nothing_behind_that_the_owner_cannot_use(path: Path) -> None:
    leave(path, 3)
    for found in (path, *path.iterdir()):
        os.chown(found, NOBODY, NOBODY)
    assert main(["spool", "status", str(path)]) == 0
    assert main(["spool", "send", "--endpoint", NOWHERE, "--timeout", "0.1", str(path)]) == 1
    assert {found.stat().st_uid for found in (path, *path.iterdir())} == {NOBODY}
    with RecordingServer() as server:
        assert main(["spool", "send", "--endpoint", server.url, str(path)]) == 0
        assert len(server.names()) == 3
    assert list(path.iterdir()) == []


def test_clear_deletes_only_when_told_twice_and_nothing_of_running_processes(
    path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    leave(path, 3)
    queue = spool(path)
    put_all(queue, b"mine")
    assert main(["spool", "clear", str(path)]) == 1
    assert "3 records would be deleted, 1 record kept" in capsys.readouterr().out
    assert waiting(path) == 4
    assert main(["spool", "clear", "--yes", str(path)]) == 0
    assert "3 records deleted, 1 record kept" in capsys.readouterr().out
    assert waiting(path) == 1
    assert main(["spool", "clear", "--yes", "--all", str(path)]) == 0
    assert segments(path) == []
    queue.close(discard=True)


def test_clear_tells_what_cannot_be_deleted_and_deletes_the_rest(
    path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    leave(path, 3)
    queue = spool(path)
    put_all(queue, b"left")
    queue.close(discard=True)
    opened, _ = segments(path)
    unlink = Path.unlink

    def unlink_what_is_not_open(file: Path, *, missing_ok: bool = False) -> None:
        if file == opened:
            raise PermissionError(13, "it is being used by another process")
        unlink(file, missing_ok=missing_ok)

    monkeypatch.setattr(Path, "unlink", unlink_what_is_not_open)
    assert main(["spool", "clear", "--yes", str(path)]) == 1
    assert segments(path) == [opened]
    output = capsys.readouterr()
    assert f"cannot be deleted: it is being used by another process: {opened}" in output.err
    assert f"{4 - waiting(path)} record" in output.out
    assert "deleted, 0 records kept" in output.out
