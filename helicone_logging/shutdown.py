"""Delivers what is queued before a process ends, or is frozen, in a way that Python has no hook for.

`flush` for all handlers of the process, `flushed` around a function, and `flush_on_sigterm`.
"""

from __future__ import annotations

import _thread
import contextlib
import inspect
import os
import signal
import sys
import threading
import time
from collections.abc import Awaitable, Callable
from functools import partial, wraps
from types import FrameType, TracebackType
from typing import TYPE_CHECKING, Any, Protocol, cast, overload

from helicone_logging.context import decorators
from helicone_logging.core import check, clock, lifecycle
from helicone_logging.errors import ConfigurationError

if TYPE_CHECKING:
    import asyncio

_AGAIN_AFTER = 0.05  # seconds until the main thread must have heard of a signal, or is told again
_AGAIN_AT_LEAST = 1.0


class _Sender(Protocol):
    """What is behind one handler, or several of the same options."""

    def flush(self, timeout: float | None = None) -> bool: ...
    def _patience(self, timeout: float | None) -> float: ...


def flush(timeout: float | None = None) -> bool:
    """Waits until what all handlers of this process have queued is delivered, or refused for good.

    Handlers that `dictConfig` has replaced are among them. The time is counted once for all of them.

    Args:
        timeout: seconds at the most, 0 to only ask; None for each handler's `shutdown_timeout`.

    Returns:
        Whether all of it was.

    Raises:
        ConfigurationError: `timeout` is no number of seconds.

    .. versionadded:: 0.2
    """
    given = None if timeout is None else check.seconds("timeout", timeout)
    began = clock.monotonic()
    are_empty = [
        sender.flush(max(0.0, began + sender._patience(given) - clock.monotonic()))
        for sender in cast(list[_Sender], lifecycle.closed_at_exit())
    ]
    return all(are_empty)


@overload
def flushed(timeout: decorators.Function, /) -> decorators.Function: ...
@overload
def flushed(timeout: float | None = None) -> Flushed: ...


def flushed(timeout: Any = None) -> object:
    """Delivers what is queued when a function, or a block, ends: however it ends.

    For what runs where a process is frozen or killed right after: AWS Lambda, Cloud Functions, workers of a
    `multiprocessing.Pool`. A context manager for `with` and `async with`, and a decorator, with or without
    parentheses, for functions, generators and coroutine functions; these wait in a thread, so that the event loop
    goes on. What was not delivered in time stays queued.

    Args:
        timeout: seconds at the most; None for each handler's `shutdown_timeout`.

    Raises:
        ConfigurationError: `timeout` is no number of seconds, or what is decorated is an async generator.

    .. versionadded:: 0.2
    """
    if callable(timeout):
        return Flushed(None)(timeout)
    return Flushed(None if timeout is None else check.seconds("timeout", timeout))


class Flushed:
    """What `flushed()` returns; it may be used again and again, and by many tasks at once.

    Args:
        timeout: seconds at the most; None for each handler's `shutdown_timeout`.
    """

    def __init__(self, timeout: float | None) -> None:
        self._timeout = timeout

    def __repr__(self) -> str:
        return f"<{type(self).__name__} within {'shutdown_timeout' if self._timeout is None else self._timeout}>"

    def __enter__(self) -> Flushed:
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None = None,
        exc: BaseException | None = None,
        traceback: TracebackType | None = None,
    ) -> None:
        with contextlib.suppress(Exception):  # what the function returns, or raises, matters more
            flush(self._timeout)

    async def __aenter__(self) -> Flushed:
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None = None,
        exc: BaseException | None = None,
        traceback: TracebackType | None = None,
    ) -> None:
        with contextlib.suppress(Exception):
            if not flush(0):
                await _in_a_thread(partial(flush, self._timeout))

    def __call__(self, function: decorators.Function) -> decorators.Function:
        if inspect.isasyncgenfunction(function):
            check.refuse("flushed", function, "decorate the coroutine function that iterates over it")
        if inspect.iscoroutinefunction(function):
            return cast(decorators.Function, self._coroutine(function))
        return decorators.wrapped(function, lambda: self)

    def _coroutine(self, function: Callable[..., Awaitable[Any]]) -> Callable[..., Awaitable[Any]]:
        @wraps(function)
        async def wrapper(*args: Any, **kwargs: Any) -> Any:
            async with self:
                return await function(*args, **kwargs)

        return wrapper


async def _in_a_thread(function: Callable[[], object]) -> None:
    """Runs a function in a thread of its own: the loop's pool may be full of what the application waits for."""
    trio = sys.modules.get("trio")
    if trio is not None and trio.lowlevel.in_trio_run():
        await trio.to_thread.run_sync(function, limiter=trio.CapacityLimiter(1))
        return
    import asyncio  # is loaded where there is a loop, and takes 20 ms where there is none

    loop = asyncio.get_running_loop()
    done = loop.create_future()

    def run() -> None:
        with contextlib.suppress(Exception):
            function()
        with contextlib.suppress(RuntimeError):  # the loop was closed meanwhile
            loop.call_soon_threadsafe(_finish, done)

    threading.Thread(target=run, name="helicone-logging-flush", daemon=True).start()
    await done


def _finish(done: asyncio.Future[None]) -> None:
    if not done.done():  # it was cancelled
        done.set_result(None)


def flush_on_sigterm(timeout: float | None = None) -> None:
    """Delivers what is queued when this process gets SIGTERM, and then lets it end as it would have ended.

    For programs and servers that SIGTERM ends at once: `docker stop` of a script, `flask run`, waitress, Django's
    `runserver`, workers of a `multiprocessing.Pool`. The main thread goes on meanwhile. Then the handler that was
    there before is called, or the process ends by the signal, with the usual exit status.

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
    signal.signal(signal.SIGTERM, _OnSigterm(seconds, earlier))


class _OnSigterm:
    """The signal handler, which runs in the main thread, wherever that is: it may hold any lock, so none is taken.

    It starts a thread that delivers and then sends the signal again, which makes it give way to the earlier handler.

    Args:
        timeout: seconds at the most; None for each handler's `shutdown_timeout`.
        earlier: the handler before this one.
    """

    def __init__(self, timeout: float | None, earlier: Callable[[int, FrameType | None], Any] | int) -> None:
        self.earlier = earlier
        self._timeout = timeout
        self._delivers_in = 0  # the process id, as a fork copies all of this
        self._is_done = False
        self._has_given_way = False

    def __call__(self, signum: int, frame: FrameType | None) -> None:
        if not self._is_done and self._delivers_in != os.getpid():
            self._delivers_in = os.getpid()
            try:
                # Not `threading.Thread`, whose `start` takes a lock of the module.
                _thread.start_new_thread(self._deliver, ())
                return
            except RuntimeError:  # no thread can be started any more
                self._is_done = True
        if self._is_done:
            self._give_way(signum, frame)

    def _deliver(self) -> None:
        try:
            if not flush(self._timeout):
                sys.stderr.write("helicone_logging: not all records were delivered in time after SIGTERM\n")
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
            _send_sigterm()


def _send_sigterm() -> None:
    if os.name == "posix":
        os.kill(os.getpid(), signal.SIGTERM)  # to the main thread, which may be waiting for something
    else:
        signal.raise_signal(signal.SIGTERM)
