"""Shared workers: a few threads for all senders whose handlers were replaced while they had records left.

An application that reloads its logging settings again and again while its endpoint is down must not pile up threads.
These senders are served in turn, a batch at a time, each by one thread at a time, until their queues are empty.
"""

from __future__ import annotations

import threading
from collections import deque
from typing import TYPE_CHECKING

from helicone_logging.core import lifecycle, reentrancy, uwsgi

if TYPE_CHECKING:
    from helicone_logging.delivery.workers import Sender

THREAD_NAME = "helicone-logging-replaced"
_MAX_THREADS = 4
_LOOK_AGAIN = 0.25  # seconds after a round in which nothing was due


class _SharedWorkers:
    """The threads, and whom they serve."""

    def __init__(self) -> None:
        self.after_fork_in_child()
        lifecycle.watch_forks(self)

    def after_fork_in_child(self) -> None:
        self._changed = threading.Condition(threading.RLock())
        self._served: set[Sender] = set()
        self._turns: deque[Sender] = deque()  # those that no thread is busy with
        self._threads = 0

    def add(self, sender: Sender) -> None:
        """Has a sender served until its queue is empty; one that is served already may be given again."""
        with self._changed:
            if sender not in self._served:
                self._served.add(sender)
                self._turns.append(sender)
            self._changed.notify()
            if self._threads >= min(_MAX_THREADS, len(self._served)) or lifecycle.is_exiting():
                return
            self._threads += 1
        try:
            threading.Thread(target=self._run, name=THREAD_NAME, daemon=True).start()
        except BaseException as error:
            self._threads -= 1
            if not isinstance(error, Exception):  # there can be no more threads now: what closes at exit sends
                raise

    def _run(self) -> None:
        uwsgi.wait_for_workers()
        idle_turns = 0
        with reentrancy.sending():
            while (sender := self._next(idle_turns)) is not None:
                try:
                    has_sent = sender.serve()
                except Exception:  # noqa: BLE001 - such as no memory; its next turn comes
                    has_sent = False
                idle_turns = 0 if has_sent else idle_turns + 1
                self._give_back(sender)
                del sender

    def _next(self, idle_turns: int) -> Sender | None:
        with self._changed:
            if idle_turns > len(self._turns):
                self._changed.wait(_LOOK_AGAIN)
            if self._turns:
                return self._turns.popleft()
            self._threads -= 1
            return None

    def _give_back(self, sender: Sender) -> None:
        with self._changed:
            if sender.stats().queued:
                self._turns.append(sender)
            else:
                self._served.discard(sender)


_shared_workers = _SharedWorkers()
serve = _shared_workers.add
