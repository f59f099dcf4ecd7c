"""A real Collector: rotel's agent, as PyPI has it, which takes OTLP over HTTP and sends it on as protobuf."""

from __future__ import annotations

import os
import platform
import socket
import subprocess
import sys
import sysconfig
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from ports import free_port
from recording_server import PATIENCE

_MACHINES = {"x86_64", "aarch64"}
_GLIBC = (2, 34)  # the oldest that the wheels are for
_LOOK_AGAIN = 0.02  # seconds


def _has_wheel() -> bool:
    library, version = platform.libc_ver()
    is_old = library != "glibc" or tuple(int(part) for part in version.split(".")[:2]) < _GLIBC
    is_cpython = platform.python_implementation() == "CPython" and (3, 10) <= sys.version_info[:2] <= (3, 13)
    return platform.system() == "Linux" and platform.machine() in _MACHINES and is_cpython and not is_old


def _agent() -> tuple[Path | None, str]:
    """Where the agent is, or why there is none."""
    try:
        import rotel
    except ImportError:
        return None, "rotel is not installed; it comes with the extra [dev] where there is a wheel"
    agent = Path(str(rotel.__file__)).with_name("rotel-agent")
    tried = subprocess.run([agent, "--version"], env=_environment(), capture_output=True, text=True, check=False)
    return (agent, "") if tried.returncode == 0 else (None, f"rotel does not run here: {tried.stderr.strip()}")


def _environment() -> dict[str, str]:
    """It is linked with the library of the Python that it is for."""
    return {**os.environ, "LD_LIBRARY_PATH": str(sysconfig.get_config_var("LIBDIR"))}


@contextmanager
def running(sends_to: str, *arguments: str) -> Iterator[str]:
    """Runs a Collector, and gives the URL where it takes OTLP over HTTP; without one the test is skipped.

    Args:
        sends_to: URL to which it sends traces, as protobuf.
        *arguments: more arguments of it.
    """
    agent, why_not = _agent()
    if agent is None:
        if os.environ.get("CI") == "true" and _has_wheel():
            pytest.fail(why_not)
        pytest.skip(why_not)
    port = free_port()
    command = [
        agent, "start", "--otlp-http-endpoint", f"127.0.0.1:{port}", "--otlp-grpc-endpoint", f"127.0.0.1:{free_port()}",
        "--otlp-exporter-protocol", "http", "--otlp-exporter-traces-endpoint", sends_to, "--batch-timeout", "50ms",
        "--otlp-exporter-metrics-endpoint", sends_to, "--otlp-exporter-logs-endpoint", sends_to,
        *arguments,
    ]  # fmt: skip
    with subprocess.Popen(command, env=_environment(), stdout=subprocess.PIPE, stderr=subprocess.STDOUT) as process:
        try:
            _wait_until_it_listens(process, port)
            yield f"http://127.0.0.1:{port}"
        finally:
            process.kill()


def _wait_until_it_listens(process: subprocess.Popen[bytes], port: int) -> None:
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        if process.poll() is not None:
            raise AssertionError(f"rotel has ended: {process.communicate()[0]!r}")
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
        except OSError:
            time.sleep(_LOOK_AGAIN)
        else:
            return
    raise AssertionError(f"rotel does not listen on port {port}")
