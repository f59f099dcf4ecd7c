"""Notices on stderr, of what the application has to know and no handler's account tells. Nothing is ever logged.

As all of `logging`, they are silent where `logging.raiseExceptions` is false.
"""

from __future__ import annotations

import contextlib
import logging
import sys
import threading


class _Writing(threading.local):
    """Whether this thread is writing one: stderr may be a stream that logs, as Celery's is."""

    now = False


_writing = _Writing()
_reported: set[str] = set()


def report(text: str) -> None:
    """Writes a line to stderr.

    Args:
        text: what happened, and the remedy; never a key or a prompt.
    """
    if _writing.now or not logging.raiseExceptions:
        return
    _writing.now = True
    try:
        with contextlib.suppress(Exception):  # stderr may be None, closed or the application's own object
            sys.stderr.write(f"helicone_logging: {text}\n")
    finally:
        _writing.now = False


def was_reported(kind: str) -> bool:
    """Returns whether a notice of a kind was written in this process."""
    return kind in _reported


def report_once(kind: str, text: str) -> None:
    """Writes a line to stderr, the first time in a process."""
    if kind not in _reported:
        _reported.add(kind)
        report(text)
