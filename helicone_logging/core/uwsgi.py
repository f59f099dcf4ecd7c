"""What uWSGI does otherwise than other servers, as far as threads care."""

from __future__ import annotations

import os
import sys
import time
from typing import Any

# https://uwsgi-docs.readthedocs.io/en/latest/WSGIquickstart.html#a-note-on-python-threads
_THREADS = ("enable-threads", b"enable-threads", "threads", b"threads")
_LOOK_AGAIN = 1.0  # seconds; each look runs Python for some microseconds


def is_without_threads() -> bool:
    """Returns whether this is a process of uWSGI's in which no thread of the application runs by itself."""
    options = getattr(sys.modules.get("uwsgi"), "opt", None)
    return isinstance(options, dict) and not any(options.get(name) for name in _THREADS)


def wait_for_workers() -> None:
    """Waits while uWSGI's master loads the application, until it has forked its workers.

    It forks without the GIL: a thread that runs Python at that moment would leave each worker with a GIL that nobody
    gives back. Elsewhere this returns at once.
    """
    if not _is_loading():
        return
    while _is_loading():
        time.sleep(_LOOK_AGAIN)
    time.sleep(_LOOK_AGAIN)  # for the others, once there is one


def is_master() -> bool:
    """Returns whether this is uWSGI's master, which forks workers again and again, and runs no Python between."""
    uwsgi: Any = sys.modules.get("uwsgi")
    return hasattr(uwsgi, "masterpid") and uwsgi.masterpid() == os.getpid()


def _is_loading() -> bool:
    uwsgi: Any = sys.modules.get("uwsgi")
    return hasattr(uwsgi, "workers") and not (uwsgi.worker_id() or any(one["pid"] for one in uwsgi.workers()))
