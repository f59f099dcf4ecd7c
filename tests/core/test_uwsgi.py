"""What uWSGI says of itself, and what threads make of it; `tests/processes/test_processes_uwsgi.py` runs a real one."""

from __future__ import annotations

import os
import sys
import threading
from types import SimpleNamespace

import pytest
from recording_server import PATIENCE

from helicone_logging.core import uwsgi


@pytest.fixture
def server(monkeypatch) -> SimpleNamespace:
    """uWSGI's module in a master that loads the application."""
    module = SimpleNamespace(
        opt={}, worker=0, pids=[0, 0], worker_id=lambda: module.worker, masterpid=os.getpid,
        workers=lambda: tuple({"pid": pid} for pid in module.pids),
    )  # fmt: skip
    monkeypatch.setitem(sys.modules, "uwsgi", module)
    return module


def test_elsewhere_nobody_waits() -> None:
    uwsgi.wait_for_workers()
    assert not uwsgi.is_master()
    assert not uwsgi.is_without_threads()


def test_a_thread_of_the_master_begins_when_the_workers_are_forked(server, monkeypatch) -> None:
    looks = threading.Semaphore(0)
    may_go_on = threading.Semaphore(0)

    def sleep(seconds: float) -> None:
        looks.release()
        assert may_go_on.acquire(timeout=PATIENCE)

    monkeypatch.setattr(uwsgi.time, "sleep", sleep)
    thread = threading.Thread(target=uwsgi.wait_for_workers)
    thread.start()
    assert looks.acquire(timeout=PATIENCE)
    server.pids = [11, 0]
    may_go_on.release()
    assert looks.acquire(timeout=PATIENCE)  # once more, for the other one
    assert thread.is_alive()
    may_go_on.release()
    thread.join(PATIENCE)
    assert not thread.is_alive()


def test_a_worker_that_loads_the_application_by_itself_does_not_wait(server) -> None:
    server.worker = 1
    uwsgi.wait_for_workers()


def test_the_master_is_known_by_its_pid(server) -> None:
    assert uwsgi.is_master()
    server.masterpid = lambda: 0  # it has none
    assert not uwsgi.is_master()


@pytest.mark.parametrize(
    ("options", "has_threads"), [({}, False), ({"enable-threads": True}, True), ({b"threads": b"2"}, True)]
)
def test_threads_run_where_an_option_says_so(options, has_threads, server) -> None:
    server.opt = options
    assert uwsgi.is_without_threads() is not has_threads
