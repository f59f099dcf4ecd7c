"""Delivers what is queued before a process ends, or is frozen, in a way that Python has no hook for.

`flush` for all handlers of the process, and `flushed` around a function. For signals, see `sigterm`.
"""

from __future__ import annotations

import contextlib
import inspect
import sys
import threading
from collections.abc import Awaitable, Callable
from functools import partial, wraps
from types import TracebackType
from typing import TYPE_CHECKING, Any, Protocol, cast, overload

from helicone_logging.context import decorators
from helicone_logging.core import check, clock, lifecycle

if TYPE_CHECKING:
    import asyncio


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
