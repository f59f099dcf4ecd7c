"""A receiver that is stopped leaves nothing behind: no thread, no socket, no word on stderr."""

from __future__ import annotations

import socket
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import pytest
from receiver_client import connect, payload, post
from recording_server import PATIENCE

from helicone_logging.receiver import Receiver

ROUNDS = 20
T = TypeVar("T")


def is_open(receiver: Receiver) -> bool:
    host, _, port = receiver.url.removeprefix("http://").rpartition(":")
    with socket.socket() as probe:
        return probe.connect_ex((host, int(port))) == 0


def test_it_leaves_no_thread_and_no_socket() -> None:
    before = set(threading.enumerate())
    for _ in range(ROUNDS):
        running = Receiver(port=0).start()
        connection = connect(running)
        connection.request("POST", "/v1/trace/log", b"{}")
        assert connection.getresponse().read()
        assert post(running, payload()).status == 200
        running.stop()
        assert not is_open(running)
        for thread in set(threading.enumerate()) - before:
            thread.join(60)
            assert not thread.is_alive()
        connection.close()


@pytest.mark.parametrize("is_gone", [True, False], ids=["the client has gone", "the receiver is stopped"])
def test_no_file_of_a_large_body_is_left_open_that_was_not_read_to_its_end(is_gone: bool) -> None:
    head = b"POST /v1/trace/log HTTP/1.1\r\nHost: x\r\nContent-Length: 5000000\r\n\r\n"
    with Receiver(port=0) as running:
        host, _, port = running.url.removeprefix("http://").rpartition(":")
        with socket.create_connection((host, int(port))) as client:
            client.sendall(head + b"x" * 2_000_000)
            (channel,) = wait_for(lambda: list(running._server.active_channels.values()))
            body = wait_for(lambda: channel.request and channel.request.body_rcv)
            wait_for(lambda: len(body.getbuf()) == 2_000_000)
            file = body.getbuf().buf.file
            assert not file.closed
            if is_gone:
                client.close()
                wait_for(lambda: file.closed)
            else:
                running.stop()
    assert file.closed


def wait_for(condition: Callable[[], T]) -> T:
    """Returns what a condition gives once it is true."""
    deadline = time.monotonic() + PATIENCE
    while not (found := condition()):
        assert time.monotonic() < deadline
        time.sleep(0.005)
    return found


def test_it_may_be_stopped_twice_and_without_having_been_started() -> None:
    running = Receiver(port=0)
    running.stop()
    with running:
        assert is_open(running)
        running.stop()
        running.stop()
    assert not is_open(running)


def test_it_can_be_started_again_on_the_same_port() -> None:
    with Receiver(port=0) as running:
        url = running.url
        post(running, payload())
    with running:
        assert running.url == url
        post(running, payload())
        assert len(running.spans()) == 2


@pytest.mark.parametrize("number", range(3))
def test_it_ends_under_traffic_without_a_word_on_stderr(number: int, tmp_path: Path) -> None:
    support = Path(__file__).resolve().parents[1] / "support"
    script = tmp_path / "traffic.py"
    script.write_text(
        textwrap.dedent(f"""
            import sys, threading
            sys.path.insert(0, {str(support)!r})
            from receiver_client import payload, post
            from helicone_logging.receiver import Receiver

            def work(running, sent, stop):
                while not stop.is_set():
                    try:
                        if post(running, payload()).status == 200:
                            sent.release()
                    except Exception:  # the receiver has gone meanwhile
                        return

            for _ in range({ROUNDS}):
                sent, stop = threading.Semaphore(0), threading.Event()
                with Receiver(port=0) as running:
                    threads = [threading.Thread(target=work, args=(running, sent, stop)) for _ in range(3)]
                    for thread in threads:
                        thread.start()
                    for _ in range(5):
                        assert sent.acquire(timeout=60)
                stop.set()
                for thread in threads:
                    thread.join(60)
                    assert not thread.is_alive()
            for thread in set(threading.enumerate()) - {{threading.main_thread()}}:
                thread.join(60)
                assert not thread.is_alive()
            print("done")
        """)
    )
    ended = subprocess.run(
        [sys.executable, "-X", "dev", "-W", "error", str(script)],
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    assert (ended.returncode, ended.stdout, ended.stderr) == (0, "done\n", "")
