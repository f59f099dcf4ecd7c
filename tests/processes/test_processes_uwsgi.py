"""Under a real uWSGI, which forks its workers without Python's hooks, everything that is logged arrives."""

from __future__ import annotations

import importlib.util
import signal
import subprocess
import sys
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import pytest
import scripts
from ports import free_port
from recording_server import PATIENCE
from web_servers import get, kill_group, wait_until_it_answers

pytestmark = [
    pytest.mark.servers,
    pytest.mark.skipif(importlib.util.find_spec("pyuwsgi") is None, reason="pyuwsgi has no wheel for this platform"),
]

_WORKERS = 4
_APP = """
import logging, logging.config, os, uwsgi
from helicone_logging import flush

logging.config.dictConfig({
    "version": 1,
    "disable_existing_loggers": False,
    "handlers": {
        "helicone": {
            "class": "helicone_logging.HeliconeHandler",
            "shutdown_timeout": 30,
            "spool_path": os.environ.get("SPOOL"),
        }
    },
    "loggers": {"app": {"handlers": ["helicone"], "level": "INFO"}},
})
log = logging.getLogger("app")
if os.environ.get("LOADS") == "true":
    log.info("loaded", extra={"trace_id": "t"})

def application(environ, start_response):
    name = environ["PATH_INFO"].strip("/")
    if name == "idle":  # as are all others; who is in the midst of a request runs nothing at its exit
        others = [worker for worker in uwsgi.workers() if worker["id"] != uwsgi.worker_id()]
        start_response("200 OK", [("Content-Type", "text/plain")])
        return [str(flush(30) and all(worker["status"] in ("idle", b"idle") for worker in others)).encode()]
    if name != "quiet":
        log.info(name, extra={"helicone": {}})  # in a trace of its own
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [str(os.getpid()).encode()]
"""


@contextmanager
def uwsgi(tmp_path, endpoint, *options, **variables):
    """uWSGI with its application loaded in the master; gives its process, and what asks for a path."""
    scripts.write(tmp_path / "app.py", _APP)
    port, log = free_port(), tmp_path / "uwsgi.log"
    command = [sys.executable, "-c", "import pyuwsgi, sys; pyuwsgi.run(sys.argv[1:])"]
    command += ["--master", "--processes", f"{_WORKERS}", "--http-socket", f"127.0.0.1:{port}"]
    command += ["--wsgi-file", "app.py", "--need-app", "--die-on-term", "--disable-logging", *options]
    with log.open("wb") as output:
        process = subprocess.Popen(
            command,
            cwd=tmp_path,
            env={**scripts.environment(endpoint), **variables},
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,  # so that its workers can be ended with it
        )
        try:
            wait_until_it_answers(port, process, log)
            yield process, lambda path: get(port, path)
        finally:
            kill_group(process)


def wait_until(is_so) -> None:
    deadline = time.monotonic() + PATIENCE
    while not is_so():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def end(process, log) -> str:
    process.send_signal(signal.SIGTERM)
    assert process.wait(PATIENCE) == 0, log.read_text("utf-8", "replace")
    return log.read_text("utf-8", "replace")


@pytest.mark.parametrize("options", [("--enable-threads",), ()], ids=["threads", "no threads"])
@pytest.mark.parametrize("loads", [True, False], ids=["a record while loading", "none while loading"])
def test_everything_logged_by_uwsgi_workers_arrives_once_in_traces_of_its_own(loads, options, server, tmp_path) -> None:
    paths = [f"/r{number}" for number in range(60)]
    with uwsgi(tmp_path, server.url, *options, LOADS=str(loads).lower()) as (process, ask):
        with ThreadPoolExecutor(2 * _WORKERS) as pool:
            answers = list(pool.map(ask, paths))
        wait_until(lambda: not loads or "loaded" in server.names())  # of the master, which sends only while it runs
        wait_until(lambda: ask("/idle") == "True")
        output = end(process, tmp_path / "uwsgi.log")
    assert len(set(answers)) > 1, "one worker answered all"
    assert Counter(server.names()) == Counter([path[1:] for path in paths] + ["loaded"] * loads)
    assert len({received.span["traceId"] for received in server.received}) == len(server.received)
    assert ("uWSGI runs without threads" in output) is (not options)
    assert "lost" not in output


def test_what_uwsgi_workers_log_arrives_while_they_run(server, tmp_path) -> None:
    with uwsgi(tmp_path, server.url, "--enable-threads", LOADS="true") as (process, ask):
        ask("/one")
        server.wait_for(2)
        end(process, tmp_path / "uwsgi.log")
    assert Counter(server.names()) == Counter(["loaded", "one"])


def test_what_a_killed_uwsgi_has_on_disk_is_sent_by_the_next_one(server, tmp_path) -> None:
    """Its workers end as well, as uWSGI has it where the master is gone."""
    spool = str(tmp_path / "spool")
    server.status = 503
    with uwsgi(tmp_path, server.url, "--enable-threads", LOADS="true", SPOOL=spool) as (process, ask):
        ask("/one")
        process.kill()
        process.wait(PATIENCE)
    server.status = 200
    with uwsgi(tmp_path, server.url, "--enable-threads", LOADS="false", SPOOL=spool) as (process, ask):
        ask("/two")
        server.wait_for(3)
        end(process, tmp_path / "uwsgi.log")
    assert set(server.names()) == {"loaded", "one", "two"}
    assert server.names().count("loaded") == server.names().count("two") == 1  # "one" may have been on its way
