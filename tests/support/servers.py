"""Runs the examples as a user does: servers and scripts in processes of their own, which send to a receiver here."""

from __future__ import annotations

import contextlib
import importlib.util
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import requests
from ports import free_port

from helicone_logging.receiver import Receiver

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
PATIENCE = 60.0
SERVER_PATIENCE = 90.0  # of a loaded machine
REQUESTS = 100

TROUBLE = re.compile(r"Traceback|^\S*(Error|Exception|Warning)\b|helicone_logging:", re.MULTILINE)

needs_gunicorn = pytest.mark.skipif(
    importlib.util.find_spec("gunicorn") is None, reason="gunicorn does not run on Windows"
)


def environment(receiver: Receiver, **more: str) -> dict[str, str]:
    """That of this process, without keys and settings, and with the receiver as the endpoint."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("HELICONE_", "OTEL_", "OPENAI_", "ANTHROPIC_", "DJANGO_"))
    }
    return {**kept, "HELICONE_TRACE_ENDPOINT": receiver.url, "PYTHONUNBUFFERED": "1", **more}


def run_script(receiver: Receiver, name: str, *args: str, **more: str) -> str:
    """Runs an example to its end, with warnings as errors; returns what it printed.

    Args:
        receiver: where it sends its records.
        name: its file in `examples/`.
        *args: its arguments.
        **more: variables of its environment.
    """
    command = [sys.executable, "-W", "error", str(EXAMPLES / name), *args]
    ran = subprocess.run(
        command, env=environment(receiver, **more), capture_output=True, text=True, timeout=SERVER_PATIENCE
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr
    return ran.stdout


class Server(NamedTuple):
    """A running server.

    Args:
        url: its origin.
        process: its process.
        log: the file with what it writes.
    """

    url: str
    process: subprocess.Popen[bytes]
    log: Path


@contextlib.contextmanager
def serving(
    receiver: Receiver,
    command: Callable[[int], list[str]],
    log: Path,
    *,
    cwd: Path = EXAMPLES,
    expected: str | None = None,
    env: Mapping[str, str] | None = None,
) -> Iterator[Server]:
    """Starts a server on a free port, waits until it accepts connections, and ends it by SIGTERM.

    Args:
        receiver: where its handlers send to.
        command: returns the arguments after `python -m` for a port.
        log: file for what it writes.
        cwd: the folder to start it in.
        expected: text whose lines in the log are no trouble; None for none.
        env: more variables of its environment.
    """
    port = free_port()
    with log.open("wb") as file:
        process = subprocess.Popen(
            [sys.executable, "-m", *command(port)],
            cwd=cwd,
            env=environment(receiver, **(env or {})),
            stdout=file,
            stderr=subprocess.STDOUT,
        )
    try:
        wait_for_port(process, port, log)
        yield Server(f"http://127.0.0.1:{port}", process, log)
    finally:
        end(process)
    text = log.read_text(encoding="utf-8", errors="replace")
    assert not trouble_in(text, expected), text


def trouble_in(text: str, expected: str | None) -> bool:
    return bool(TROUBLE.search(text)) and (expected is None or expected not in text)


def wait_for_port(process: subprocess.Popen[bytes], port: int, log: Path) -> None:
    deadline = time.monotonic() + SERVER_PATIENCE
    while time.monotonic() < deadline:
        assert process.poll() is None, log.read_text()
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
            return
        time.sleep(0.05)
    raise AssertionError(f"nothing listens on port {port}: {log.read_text()}")


def wait_for_text(text: str, server: Server) -> None:
    """Waits until a server has written something."""
    deadline = time.monotonic() + SERVER_PATIENCE
    while text not in (written := server.log.read_text(encoding="utf-8", errors="replace")):
        assert server.process.poll() is None, written
        assert time.monotonic() < deadline, written
        time.sleep(0.01)


def end(process: subprocess.Popen[bytes]) -> None:
    """Ends a process as a service manager does; one that does not obey is a failure."""
    if process.poll() is None:
        process.send_signal(signal.SIGTERM)
    try:
        process.wait(PATIENCE)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
        raise


class Asked(NamedTuple):
    """One of the requests that were sent.

    Args:
        number: which one.
        trace: the session that its records must have.
        parent: the span that sent it; empty when there is none.
        response: the answer.
    """

    number: int
    trace: str
    parent: str
    response: requests.Response


def ask_at_once(url: str, *, count: int = REQUESTS, first: int = 0) -> list[Asked]:
    """Sends requests from many threads at once; half of them have a `traceparent`, the others an `X-Request-ID`.

    Args:
        url: what to ask.
        count: how many.
        first: number of the first one.
    """
    with ThreadPoolExecutor(max_workers=count) as pool:
        return list(pool.map(lambda number: _ask(url, number), range(first, first + count)))


def _ask(url: str, number: int) -> Asked:
    trace, parent = (f"{number + 1:032x}", f"{number + 1:016x}") if number % 2 else (f"request-{number}", "")
    headers = {"traceparent": f"00-{trace}-{parent}-01"} if parent else {"X-Request-ID": trace}
    # A response that is kept keeps its connection open, and waitress accepts no more than a hundred.
    headers |= {"X-User": f"user-{number}", "Connection": "close"}
    response = requests.get(url, params={"q": f"question {number}"}, headers=headers, timeout=PATIENCE)
    return Asked(number, trace, parent, response)


def rows_by_session(receiver: Receiver) -> dict[str, list[dict[str, Any]]]:
    """What `GET /api/requests` of the receiver answers, by session."""
    found: dict[str, list[dict[str, Any]]] = {}
    for row in requests.get(f"{receiver.url}/api/requests", timeout=PATIENCE).json():
        found.setdefault(row["session_id"], []).append(row)
    return found


def assert_every_request_has_its_own_tree(receiver: Receiver, asked: list[Asked], tree: list[str]) -> None:
    """Every record belongs to its own request, and no request lacks one.

    Args:
        receiver: what has received them.
        asked: the requests.
        tree: session paths of the records of each.
    """
    assert receiver.store.wait_for(len(asked) * len(tree), PATIENCE), receiver.store.received
    sessions = rows_by_session(receiver)
    assert set(sessions) == {one.trace for one in asked}
    for one in asked:
        rows = sessions[one.trace]
        assert sorted(row["session_path"] for row in rows) == sorted(tree)
        for row in rows:
            assert row["messages"][-1][-1] == f"question {one.number}"
            assert row["choices"][0][1] == f"You asked: question {one.number}"
    assert receiver.store.received == len(asked) * len(tree)
    assert_parents_are_right(receiver, {one.trace: one.parent for one in asked})


def assert_parents_are_right(receiver: Receiver, callers: Mapping[str, str]) -> None:
    """The parent of a record is the span of the path above it; of the topmost, the span that sent the request.

    Args:
        receiver: what has received them.
        callers: for each session, the span that it was called from; empty for none.
    """
    spans: dict[str, dict[str, dict[str, str]]] = {}
    for stored in receiver.spans():
        read = {one["key"]: next(iter(one["value"].values())) for one in stored.span["attributes"]}
        session = read["traceloop.association.properties.Helicone-Session-Id"]
        path = read["traceloop.association.properties.Helicone-Session-Path"]
        ids = {"trace": stored.span["traceId"], "span": stored.span["spanId"], "parent": read.get("parent_span_id", "")}
        spans.setdefault(session, {})[path] = ids
    for session, by_path in spans.items():
        assert len({one["trace"] for one in by_path.values()}) == 1
        for path, one in by_path.items():
            above = by_path.get(path.rpartition("/")[0])
            assert one["parent"] == (above["span"] if above else callers[session])
