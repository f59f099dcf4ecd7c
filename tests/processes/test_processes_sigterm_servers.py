"""Servers that SIGTERM ends at once lose nothing with one line: `flush_on_sigterm`."""

from __future__ import annotations

import contextlib
import http.client
import os
import signal
import subprocess
import sys
import time
from collections import Counter

import pytest
import scripts
from ports import free_port
from recording_server import PATIENCE

pytestmark = [
    pytest.mark.servers,
    pytest.mark.skipif(os.name != "posix", reason="Windows has no SIGTERM that a process could catch"),
]

LOGGING = """
import logging, logging.config, sys
from helicone_logging import flush_on_sigterm

logging.config.dictConfig({
    "version": 1,
    "disable_existing_loggers": False,
    "handlers": {"helicone": {"class": "helicone_logging.HeliconeHandler", "batch_size": 1000, "flush_interval": 3600}},
    "loggers": {"app": {"handlers": ["helicone"], "level": "INFO"}},
})
log = logging.getLogger("app")
flush_on_sigterm(30)
"""

FLASK_APP = (
    LOGGING
    + """
from flask import Flask

app = Flask(__name__)

@app.get("/<name>")
def view(name):
    log.info(name, extra={"trace_id": "t"})
    return name

if __name__ == "__main__":
    import waitress
    waitress.serve(app, port=int(sys.argv[1]))
"""
)

DJANGO_APP = (
    LOGGING
    + """
from django.conf import settings
from django.core.management import execute_from_command_line
from django.http import HttpResponse
from django.urls import path

def view(request, name):
    log.info(name, extra={"trace_id": "t"})
    return HttpResponse(name)

urlpatterns = [path("<name>", view)]
if __name__ == "__main__":
    settings.configure(
        ALLOWED_HOSTS=["*"], DEBUG=True, LOGGING_CONFIG=None, ROOT_URLCONF=__name__, SECRET_KEY="for tests only"
    )
    execute_from_command_line([sys.argv[0], "runserver", sys.argv[1], *sys.argv[2:]])
"""
)


def get(port: int, path: str) -> str:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE)
    with contextlib.closing(connection):
        connection.request("GET", path)
        return connection.getresponse().read().decode()


def wait_until_it_answers(port: int, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + PATIENCE
    while True:
        with contextlib.suppress(OSError):
            get(port, "/ready")
            return
        assert process.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.05)


@pytest.mark.parametrize(
    ("source", "command", "status"),
    [
        (FLASK_APP, ["app.py", "{port}"], -signal.SIGTERM),
        (FLASK_APP, ["-m", "flask", "run", "--port", "{port}"], -signal.SIGTERM),
        (DJANGO_APP, ["app.py", "{port}", "--noreload"], -signal.SIGTERM),
    ],
    ids=["waitress", "flask run", "runserver"],
)
def test_a_server_that_sigterm_ends_at_once_loses_nothing(source, command, status, server, tmp_path) -> None:
    (tmp_path / "app.py").write_text(source, encoding="utf-8")
    port = free_port()
    process = subprocess.Popen(
        [sys.executable, *(part.format(port=port) for part in command)],
        cwd=tmp_path,
        env=scripts.environment(server.url),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        wait_until_it_answers(port, process)
        for number in range(20):
            assert get(port, f"/r{number}") == f"r{number}"
        process.terminate()
        assert process.wait(PATIENCE) == status
    finally:
        process.kill()
        process.wait(PATIENCE)
    assert Counter(name for name in server.names() if name != "ready") == Counter(f"r{number}" for number in range(20))
