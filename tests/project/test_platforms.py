"""What other systems lack is not needed to import the package, nor to log a record to its end."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
TIMEOUT = 100

# Everything of others is imported first: on Windows it has its own ways there.
TAKE_AWAY = """
import asyncio, importlib, logging, multiprocessing, os, pkgutil, signal, socket, subprocess, sys, types, webbrowser
import celery.app.base, celery.signals, celery.states, django.conf, django.http, flask, pytest, requests, waitress
import opentelemetry.sdk.trace

django.conf.settings.configure()

class Windows(types.ModuleType):
    LK_NBLCK = LK_UNLCK = 0
    locking = staticmethod(lambda descriptor, mode, length: None)

LACKING = {
    os: (
        *("fork", "forkpty", "register_at_fork", "geteuid", "getuid", "fchmod", "pread"),
        *("O_NOFOLLOW", "O_CLOEXEC", "O_NONBLOCK"),
    ),
    signal: ("SIGKILL", "SIGHUP", "SIGALRM", "SIGUSR1", "pthread_sigmask"),
    socket: ("AF_UNIX",),
}
for name in ("fcntl", "grp", "posix", "pty", "pwd", "resource", "termios", "tty"):
    sys.modules[name] = None
for module, names in LACKING.items():
    for name in names:
        vars(module).pop(name, None)

def unlink(path, unlink=os.unlink):
    opened = (os.path.realpath(f"/proc/self/fd/{number}") for number in os.listdir("/proc/self/fd"))
    if os.path.realpath(path) in opened:
        raise PermissionError(13, "it is being used by another process", path)
    unlink(path)

if is_windows:
    if os.path.isdir("/proc/self/fd"):
        os.unlink = unlink
    sys.modules["msvcrt"] = Windows("msvcrt")
    sys.platform = "win32"
else:
    sys.modules["fcntl"] = types.SimpleNamespace()  # POSIX without fork and without locks
"""

IMPORT_ALL = """
import helicone_logging, helicone_logging_pytest

for package in (helicone_logging, helicone_logging_pytest):
    for module in pkgutil.walk_packages(package.__path__, package.__name__ + "."):
        if not module.name.endswith("__main__"):
            importlib.import_module(module.name)
            print(module.name)
"""

LOG_ONE = """
from helicone_logging import HeliconeHandler
from helicone_logging.receiver import Receiver

with Receiver(port=0) as receiver:
    for options in ({}, {"spool_path": sys.argv[1]}):
        handler = HeliconeHandler(endpoint=receiver.endpoint, **options)
        handler.handle(logging.makeLogRecord({"msg": "arrived", "trace_id": "order-1234"}))
        assert handler.flush(30)
        handler.close()
    print([row.session_id for row in receiver.rows()])
"""


def python(code: str, *arguments: str, is_windows: bool) -> str:
    done = subprocess.run(
        [sys.executable, "-W", "error::ImportWarning", "-c", f"is_windows = {is_windows}\n{code}", *arguments],
        capture_output=True,
        cwd=ROOT,
        encoding="utf-8",
        timeout=TIMEOUT,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize("is_windows", [True, False], ids=["windows", "no fork"])
def test_every_module_can_be_imported_where_there_is_no_fork(is_windows: bool) -> None:
    imported = python(TAKE_AWAY + IMPORT_ALL, is_windows=is_windows).split()
    assert "helicone_logging.spool.locks" in imported
    assert "helicone_logging.shutdown" in imported
    assert len(imported) > 80


def test_a_record_arrives_where_there_is_no_fork_from_memory_and_from_disk(tmp_path: Path) -> None:
    spool = tmp_path / "spool"
    assert python(TAKE_AWAY + LOG_ONE, str(spool), is_windows=True).strip() == "['order-1234', 'order-1234']"
    assert list(spool.iterdir()) == []
