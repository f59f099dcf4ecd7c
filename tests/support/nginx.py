"""A real nginx in front of an endpoint."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from ports import free_port
from recording_server import PATIENCE

_CONFIGURATION = """
daemon off;
pid {folder}/pid;
error_log {folder}/error.log;
worker_processes 1;
events {{}}
http {{
    access_log off;
    client_body_buffer_size 8m;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    server {{
        listen 127.0.0.1:{port};
        location / {{ {rule} }}
    }}
}}
"""


def executable() -> str:
    """The command, or the end of the test."""
    found = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin")
    if found is None:
        message = "needs nginx (apt-get install -y nginx-light)"
        if os.environ.get("CI") == "true" and sys.platform == "linux":
            pytest.fail(message)
        pytest.skip(message)
    return found


class Nginx:
    """nginx as it runs.

    Args:
        folder: where its files are.
        command: its executable.
    """

    def __init__(self, folder: Path, command: str) -> None:
        self._folder = folder
        self._command = [command, "-c", str(folder / "nginx.conf"), "-p", str(folder), "-e", str(folder / "error.log")]
        self._port = free_port()

    @property
    def url(self) -> str:
        """Its origin."""
        return f"http://127.0.0.1:{self._port}"

    def configure(self, rule: str) -> None:
        """Writes its configuration.

        Args:
            rule: what it does with every request, such as `return 404;`.
        """
        text = _CONFIGURATION.format(folder=self._folder, port=self._port, rule=rule)
        (self._folder / "nginx.conf").write_text(text)

    def reload(self, rule: str) -> None:
        """Has it go by another rule, soon."""
        self.configure(rule)
        subprocess.run([*self._command, "-s", "reload"], check=True, timeout=PATIENCE)

    @contextlib.contextmanager
    def running(self, rule: str) -> Iterator[None]:
        """Runs it until the block is left."""
        self.configure(rule)
        process = subprocess.Popen(self._command)
        try:
            deadline = time.monotonic() + PATIENCE
            while not (self._folder / "pid").exists() or not (self._folder / "pid").read_text().strip():
                assert process.poll() is None, (self._folder / "error.log").read_text()
                assert time.monotonic() < deadline
                time.sleep(0.01)
            yield
        finally:
            process.terminate()
            process.wait(PATIENCE)
