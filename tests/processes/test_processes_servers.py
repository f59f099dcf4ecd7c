"""Under gunicorn and Celery everything that a worker logs arrives."""

from __future__ import annotations

import importlib.util
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from contextlib import contextmanager

import pytest
import scripts
from ports import free_port
from recording_server import PATIENCE
from web_servers import get, wait_until_it_answers

pytestmark = [
    pytest.mark.servers,
    pytest.mark.skipif(os.name != "posix", reason="gunicorn and prefork workers need a POSIX system"),
]


@contextmanager
def started(arguments, cwd, endpoint, log, **variables):
    """A process that is asked to end at the end, and must."""
    with log.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, "-W", "ignore", "-m", *arguments],
            cwd=cwd,
            env={**scripts.environment(endpoint), **variables},
            stdout=output,
            stderr=subprocess.STDOUT,
        )
        try:
            yield process
            process.send_signal(signal.SIGTERM)
            assert process.wait(PATIENCE) == 0, log.read_text("utf-8", "replace")
        finally:
            if process.poll() is None:
                process.kill()
                process.wait(PATIENCE)


GUNICORN_APP = """
import logging, logging.config, os

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
log.info("loaded", extra={"trace_id": "t"})

def app(environ, start_response):
    name = environ["PATH_INFO"].strip("/")
    if name != "quiet":
        log.info(name, extra={"trace_id": "t"})
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [str(os.getpid()).encode()]
"""


# gunicorn loses a SIGTERM that reaches a worker which has not set its signal handlers yet.
GUNICORN_CONF = """
import pathlib

def post_worker_init(worker):
    pathlib.Path(f"worker {worker.pid} is ready").touch()
"""


def wait_for_workers(folder, count: int, process, log) -> None:
    deadline = time.monotonic() + PATIENCE
    while len(list(folder.glob("worker * is ready"))) < count:
        assert process.poll() is None, log.read_text("utf-8", "replace")
        assert time.monotonic() < deadline, log.read_text("utf-8", "replace")
        time.sleep(0.05)


@pytest.mark.parametrize("preload", [True, False], ids=["preload_app", "no preload"])
@pytest.mark.parametrize("worker", ["sync", "gthread", "gevent"])
def test_everything_logged_by_gunicorn_workers_arrives(worker, preload, server, tmp_path) -> None:
    if worker == "gevent" and importlib.util.find_spec("gevent") is None:
        pytest.skip("gevent is not installed: it has no wheel for this interpreter")
    scripts.write(tmp_path / "app.py", GUNICORN_APP)
    scripts.write(tmp_path / "gunicorn.conf.py", GUNICORN_CONF)
    port, log = free_port(), tmp_path / "gunicorn.log"
    arguments = ["gunicorn", "app:app", "--bind", f"127.0.0.1:{port}", "--workers", "2", "--worker-class", worker]
    arguments += ["--threads", "4"] if worker == "gthread" else []
    arguments += ["--preload"] if preload else []
    names = [f"r{number}" for number in range(60)]
    with started([*arguments, "--graceful-timeout", "30"], tmp_path, server.url, log) as process:
        wait_until_it_answers(port, process, log)
        wait_for_workers(tmp_path, 2, process, log)
        for name in names:
            get(port, f"/{name}")
    output = log.read_text("utf-8", "replace")
    assert "helicone_logging" not in output
    found = Counter(server.names())
    assert found.pop("loaded") == 1 if preload else found.pop("loaded") >= 2
    assert found == Counter(names)


@pytest.mark.parametrize("worker", ["sync", "gthread"])
def test_gunicorn_workers_share_one_queue_on_disk(worker, server, tmp_path) -> None:
    scripts.write(tmp_path / "app.py", GUNICORN_APP)
    scripts.write(tmp_path / "gunicorn.conf.py", GUNICORN_CONF)
    port, log, spool = free_port(), tmp_path / "gunicorn.log", tmp_path / "spool.db"
    arguments = ["gunicorn", "app:app", "--bind", f"127.0.0.1:{port}", "--workers", "3", "--worker-class", worker]
    names = [f"r{number}" for number in range(60)]
    with started([*arguments, "--preload"], tmp_path, server.url, log, SPOOL=str(spool)) as process:
        wait_until_it_answers(port, process, log)
        wait_for_workers(tmp_path, 3, process, log)
        for name in names:
            get(port, f"/{name}")
    assert "helicone_logging" not in log.read_text("utf-8", "replace")
    assert spool.exists()
    assert Counter(server.names()) == Counter(["loaded", *names])


def test_records_of_a_gunicorn_worker_arrive_while_it_runs(server, tmp_path) -> None:
    scripts.write(tmp_path / "app.py", GUNICORN_APP)
    port, log = free_port(), tmp_path / "gunicorn.log"
    arguments = ["gunicorn", "app:app", "--bind", f"127.0.0.1:{port}", "--preload"]
    with started(arguments, tmp_path, server.url, log) as process:
        wait_until_it_answers(port, process, log)
        get(port, "/now")
        server.wait_for(2)
        assert sorted(server.names()) == ["loaded", "now"]


CELERY_APP = """
import logging
from pathlib import Path
from celery import Celery
from helicone_logging import HeliconeHandler

base = Path(__file__).parent
for name in ("queue", "processed", "control"):
    (base / name).mkdir(exist_ok=True)
app = Celery("app")
app.conf.update(
    broker_url="filesystem://",
    broker_transport_options={
        "data_folder_in": str(base / "queue"),
        "data_folder_out": str(base / "queue"),
        "processed_folder": str(base / "processed"),
        "control_folder": str(base / "control"),
        "polling_interval": 0.05,
    },
    worker_hijack_root_logger=False,
    broker_connection_retry_on_startup=False,
    task_ignore_result=True,
)
log = logging.getLogger("app")
log.setLevel(logging.INFO)
log.addHandler(HeliconeHandler(batch_size=1000, flush_interval=3600, shutdown_timeout=30))
log.info("loaded", extra={"trace_id": "t"})

@app.task
def work(number):
    log.info(f"task {number}", extra={"trace_id": "t"})
    (base / f"done {number}").touch()
"""


def test_everything_logged_by_celery_prefork_workers_arrives_with_a_warm_shutdown(server, tmp_path) -> None:
    """Its children end without `atexit`, as those of multiprocessing do; nothing has been sent until then here."""
    scripts.write(tmp_path / "tasks.py", CELERY_APP)
    send = "import tasks\nfor number in range(20):\n    tasks.work.delay(number)\n"
    sent = scripts.run(scripts.write(tmp_path / "send.py", send), server.url)
    assert sent.returncode == 0, sent.stderr
    log = tmp_path / "celery.log"
    arguments = ["celery", "-A", "tasks", "worker", "--pool", "prefork", "--concurrency", "2", "--loglevel", "WARNING"]
    arguments += ["--without-gossip", "--without-mingle", "--without-heartbeat"]
    with started(arguments, tmp_path, server.url, log) as process:
        deadline = time.monotonic() + PATIENCE
        while len(list(tmp_path.glob("done *"))) < 20:
            assert process.poll() is None, log.read_text("utf-8", "replace")
            assert time.monotonic() < deadline, log.read_text("utf-8", "replace")
            time.sleep(0.05)
    found = Counter(server.names())
    assert found.pop("loaded") == 2  # by the worker and by the sender
    assert found == Counter(f"task {number}" for number in range(20)), log.read_text("utf-8", "replace")
