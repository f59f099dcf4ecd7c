"""The Celery example: a worker in a process of its own, messages in files, and the trace that travels with them."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import servers

pytestmark = pytest.mark.servers

POOLS = [
    pytest.param("solo", 1),
    pytest.param(
        "prefork", 2, marks=pytest.mark.skipif(not hasattr(os, "fork"), reason="prefork needs fork, so not on Windows")
    ),
]


@contextlib.contextmanager
def worker(receiver, folder: Path, pool: str, processes: int) -> Iterator[None]:
    """A worker that has said that it is ready; it ends by SIGTERM, after the tasks that it runs."""
    log = folder / "worker.log"
    arguments = ["--pool", pool, "--concurrency", str(processes), "--without-gossip", "--without-mingle"]
    command = [sys.executable, "-m", "celery", "-A", "celery_app", "worker", "--loglevel", "INFO", *arguments]
    environment = servers.environment(receiver, CELERY_EXAMPLE_FOLDER=str(folder))
    with log.open("wb") as file:
        process = subprocess.Popen(
            command, cwd=servers.EXAMPLES, env=environment, stdout=file, stderr=subprocess.STDOUT
        )
    try:
        deadline = time.monotonic() + servers.SERVER_PATIENCE
        while " ready." not in log.read_text():
            assert process.poll() is None, log.read_text()
            assert time.monotonic() < deadline, log.read_text()
            time.sleep(0.1)
        yield
    finally:
        servers.end(process)
    text = log.read_text()
    assert "Traceback" not in text, text


@pytest.mark.parametrize(("pool", "processes"), POOLS)
def test_tasks_are_spans_of_the_trace_that_sent_them(pool, processes, receiver, tmp_path) -> None:
    questions = [f"Question {number}. More." for number in range(4)]
    with worker(receiver, tmp_path, pool, processes), ThreadPoolExecutor(max_workers=2) as senders:
        printed = list(
            senders.map(
                lambda text: servers.run_script(receiver, "celery_app.py", text, CELERY_EXAMPLE_FOLDER=str(tmp_path)),
                questions,
            )
        )
    assert receiver.store.wait_for(3 * len(questions), servers.PATIENCE)
    sessions = servers.rows_by_session(receiver)
    traces = [line.split()[0] for line in printed]
    assert set(sessions) == set(traces)
    for number, trace in enumerate(traces):
        rows = {row["session_path"]: row for row in sessions[trace]}
        assert set(rows) == {
            "/request summary",
            "/request summary/summarise",
            "/request summary/summarise/draft",
        }
        assert {row["user"] for row in rows.values()} == {"ada"}
        assert rows["/request summary/summarise/draft"]["choices"][0][1] == f"Question {number}."
        assert rows["/request summary/summarise"]["properties"]["task_state"] == "SUCCESS"
    servers.assert_parents_are_right(receiver, dict.fromkeys(traces, ""))
