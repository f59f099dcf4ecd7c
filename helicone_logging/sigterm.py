"""`flush_on_sigterm`: delivers what is queued when the process is told to end, and then lets it end as it would have.

Python runs a signal's handler in the main thread, between two of its instructions. A signal that comes in the instant
in which that thread begins to wait is not noticed before it ends waiting (CPython #98140). Docker, systemd and
Kubernetes kill the process in the end; the parent of a `multiprocessing` child sends the signal once, and waits for
ever (CPython #82408). Hence such a child has a thread that hears the signal, too, and a child that is forked does not
inherit the handler.
"""

from __future__ import annotations

import _thread
import contextlib
import os
import signal
import sys
import threading
import time
from collections.abc import Callable
from types import BuiltinFunctionType, FrameType
from typing import Any

from helicone_logging.core import check, lifecycle, notices
from helicone_logging.errors import ConfigurationError
from helicone_logging.shutdown import flush

_AGAIN_AFTER = 0.05  # seconds until the main thread must have heard of a signal, or is told again
_AGAIN_AT_LEAST = 1.0
_CAN_LISTEN = os.name == "posix"  # elsewhere the descriptor would have to be a socket's, and nobody sends SIGTERM


def flush_on_sigterm(timeout: float | None = None) -> None:
    """Delivers what is queued when this process gets SIGTERM, and then lets it end as it would have ended.

    For programs and servers that SIGTERM ends at once: `docker stop` of a script, `flask run`, waitress, Django's
    `runserver`, children of `multiprocessing`. The main thread goes on meanwhile. Then the handler that was there
    before is called, or the process ends by the signal, with the usual exit status; the first process of a container,
    which that would not end, ends with status 143. A child that is forked after this
    has the handler that was there before, and may call this itself.

    Args:
        timeout: seconds at the most; None for each handler's `shutdown_timeout`. Called again, the last one counts.

    Raises:
        ConfigurationError: it is not called in the main thread, where alone Python sets signal handlers; or something
            else than Python handles the signal; or `timeout` is no number of seconds.

    .. versionadded:: 0.2
    """
    seconds = None if timeout is None else check.seconds("timeout", timeout)
    if threading.current_thread() is not threading.main_thread():
        raise ConfigurationError("flush_on_sigterm works in the main thread only: call it where the program begins")
    earlier = signal.getsignal(signal.SIGTERM)
    if earlier is None:
        raise ConfigurationError("flush_on_sigterm cannot work: SIGTERM is handled by something else than Python")
    if isinstance(earlier, _OnSigterm):
        earlier = earlier.earlier
    _forks.watch()
    signal.signal(signal.SIGTERM, _OnSigterm(seconds, earlier))
    if lifecycle.is_child():
        _listener.start()


class _OnSigterm:
    """The signal handler, which runs in the main thread, wherever that is: it may hold any lock, so none is waited for.

    It starts a thread that delivers and then sends the signal again, which makes it give way to the earlier handler.

    Args:
        timeout: seconds at the most; None for each handler's `shutdown_timeout`.
        earlier: the handler before this one.
    """

    def __init__(self, timeout: float | None, earlier: Callable[[int, FrameType | None], Any] | int) -> None:
        self.earlier = earlier
        self._timeout = timeout
        self._first = _thread.allocate_lock()  # whoever gets it delivers; it is never released
        self._is_done = False
        self._has_given_way = False

    def __call__(self, signum: int, frame: FrameType | None) -> None:
        if self._first.acquire(blocking=False):
            try:
                # Not `threading.Thread`, whose `start` takes a lock of the module.
                _thread.start_new_thread(self._deliver, ())
            except RuntimeError:  # no thread can be started any more
                self._is_done = True
        if self._is_done:
            self._give_way(signum, frame)

    def hear(self) -> None:
        """Delivers in this thread, unless the main thread has heard of the signal, too."""
        if self._first.acquire(blocking=False):
            self._deliver()

    def _deliver(self) -> None:
        try:
            if not flush(self._timeout):
                notices.report("not all records were delivered in time after SIGTERM")
            for sender in lifecycle.closed_at_exit():  # nobody may close them any more
                sender.report_losses()
        except Exception:  # noqa: BLE001, S110 - the process is to end, whatever happens here
            pass
        finally:
            self._is_done = True
            self._call_again()

    def _call_again(self) -> None:
        """Until it is heard: a signal that comes right before the main thread begins to wait does not wake it."""
        pause = _AGAIN_AFTER
        while not self._has_given_way:
            _send_sigterm()
            time.sleep(pause)
            pause = min(2 * pause, _AGAIN_AT_LEAST)

    def _give_way(self, signum: int, frame: FrameType | None) -> None:
        self._has_given_way = True
        signal.signal(signal.SIGTERM, self.earlier)
        if callable(self.earlier):
            self.earlier(signum, frame)
        elif self.earlier == signal.SIG_DFL:
            if os.getpid() == 1:  # of a container: Linux ends it by no signal that it does not handle
                os._exit(128 + signum)  # as a shell tells of it
            _send_sigterm()


def _send_sigterm() -> None:
    if os.name == "posix":
        os.kill(os.getpid(), signal.SIGTERM)  # to the main thread, which may be waiting for something
    else:
        signal.raise_signal(signal.SIGTERM)


def _threads_are_greenlets() -> bool:
    """As gevent and eventlet patch them; one that reads from a pipe would stop all others."""
    return not isinstance(_thread.start_new_thread, BuiltinFunctionType)


class _Listener:
    """A thread that reads what Python writes, at once, when a signal comes: `signal.set_wakeup_fd`."""

    def __init__(self) -> None:
        self._pipe: tuple[int, int] | None = None

    def start(self) -> None:
        """Begins to listen, unless an event loop does, which then wakes the main thread."""
        if self._pipe is not None or not _CAN_LISTEN or _threads_are_greenlets():
            return
        reader, writer = os.pipe()
        os.set_blocking(writer, False)
        others = signal.set_wakeup_fd(writer, warn_on_full_buffer=False)
        if others != -1:
            signal.set_wakeup_fd(others)
            os.close(reader)
            os.close(writer)
            return
        self._pipe = reader, writer
        with contextlib.suppress(RuntimeError):  # no thread can be started any more
            _thread.start_new_thread(self._listen, (reader,))

    def forget(self) -> None:
        """In a forked child, which must not write to its parent's pipe."""
        if self._pipe is not None:
            signal.set_wakeup_fd(-1)
            for end in self._pipe:
                os.close(end)
            self._pipe = None

    @staticmethod
    def _listen(reader: int) -> None:
        with contextlib.suppress(OSError):  # the application has closed all descriptors
            while signals := os.read(reader, 1):
                handler = signal.getsignal(signal.SIGTERM)
                if signals[0] == signal.SIGTERM and isinstance(handler, _OnSigterm):
                    handler.hear()


class _Forks:
    """Gives forked children the handler that was there before, whenever they get the signal: none is lost between."""

    def __init__(self) -> None:
        self._is_watching = False
        self._thread = threading.local()

    def watch(self) -> None:
        if not self._is_watching and hasattr(os, "register_at_fork"):  # not on Windows, which does not fork
            self._is_watching = True
            os.register_at_fork(before=self._before, after_in_parent=self._after, after_in_child=self._after_in_child)

    def _before(self) -> None:
        if sys.platform != "win32":
            self._thread.mask = signal.pthread_sigmask(signal.SIG_BLOCK, ())  # asked first: a handler may raise in here
            signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})

    def _after(self) -> None:
        mask, self._thread.mask = self._thread.mask, None
        if mask is not None and sys.platform != "win32":
            signal.pthread_sigmask(signal.SIG_SETMASK, mask)

    def _after_in_child(self) -> None:
        handler = signal.getsignal(signal.SIGTERM)
        if isinstance(handler, _OnSigterm):
            signal.signal(signal.SIGTERM, handler.earlier)
        _listener.forget()
        self._after()


_listener = _Listener()
_forks = _Forks()
