"""Decorators that run functions of all four kinds inside a scope: plain ones, coroutines, generators of both sorts.

The body of a generator runs in steps, and its consumer in between. What is bound in the body holds in its steps
only: it does not leak to the consumer, nor does what the consumer binds meanwhile get into the body.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Generator, Iterable
from types import TracebackType
from typing import Any, Protocol, TypeVar, cast

from helicone_logging.context.stack import ContextSnapshot

Function = TypeVar("Function", bound=Callable[..., Any])


class ContextScope(Protocol):
    """A context manager that lets every exception pass."""

    def __enter__(self) -> object: ...
    def __exit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None, /
    ) -> None: ...


Opener = Callable[[], ContextScope]


def wrapped(function: Function, opener: Opener) -> Function:
    """Returns a function of the same kind whose every call runs inside a scope.

    Args:
        function: a function, a coroutine function, a generator function or an async generator function. A
            generator's scope is entered with its first item, in the context of whoever takes that.
        opener: makes the scope of one call. Its caller is the wrapper, whose caller is who calls, awaits or iterates.
    """
    wrapper = _wrapper_for(function)(function, opener)
    return cast(Function, functools.wraps(function)(wrapper))


def _wrapper_for(function: Callable[..., Any]) -> Callable[[Callable[..., Any], Opener], Callable[..., Any]]:
    if _is(inspect.isasyncgenfunction, function):
        return _async_generator
    if _is(inspect.isgeneratorfunction, function):
        return _generator
    if _is(inspect.iscoroutinefunction, function):
        return _coroutine
    return _plain


def _is(kind: Callable[[object], bool], function: Callable[..., Any]) -> bool:
    return kind(function) or kind(type(function).__call__)


def _plain(function: Callable[..., Any], opener: Opener) -> Callable[..., Any]:
    def wrapper(*args: Any, **kwargs: Any) -> Any:
        with opener():
            return function(*args, **kwargs)

    return wrapper


def _coroutine(function: Callable[..., Any], opener: Opener) -> Callable[..., Any]:
    async def wrapper(*args: Any, **kwargs: Any) -> Any:
        with opener():
            return await function(*args, **kwargs)

    return wrapper


def _generator(function: Callable[..., Any], opener: Opener) -> Callable[..., Any]:
    def wrapper(*args: Any, **kwargs: Any) -> Generator[Any, Any, Any]:
        scope = opener()

        def body() -> Generator[Any, Any, Any]:
            with scope:
                return (yield from function(*args, **kwargs))

        return (yield from ContextIterator(body(), ContextSnapshot()))

    return wrapper


def _async_generator(function: Callable[..., Any], opener: Opener) -> Callable[..., Any]:
    async def wrapper(*args: Any, **kwargs: Any) -> AsyncGenerator[Any, Any]:
        scope, snapshot = opener(), ContextSnapshot()
        with snapshot:
            scope.__enter__()
        try:
            # There is no `yield from` for async generators (PEP 525), so what is sent and thrown is passed on here.
            source = function(*args, **kwargs)
            step = functools.partial(source.asend, None)
            while True:
                with snapshot:
                    item = await step()
                try:
                    sent = yield item
                except BaseException as error:  # noqa: BLE001 - the body decides, as with `yield from`
                    step = functools.partial(source.athrow, error)
                else:
                    step = functools.partial(source.asend, sent)
        except StopAsyncIteration:
            scope.__exit__(None, None, None)
        except BaseException as error:
            scope.__exit__(type(error), error, error.__traceback__)
            raise

    return wrapper


class ContextIterator:
    """An iterator, or generator, whose every step runs inside what is bound there."""

    def __init__(self, body: Iterable[Any], snapshot: ContextSnapshot) -> None:
        self._body: Any = body
        self._snapshot = snapshot

    def __iter__(self) -> ContextIterator:
        return self

    def __next__(self) -> Any:
        with self._snapshot:
            return next(self._body)

    def send(self, value: Any) -> Any:
        with self._snapshot:
            return self._body.send(value)

    def throw(self, *error: Any) -> Any:
        with self._snapshot:
            return self._body.throw(*error)

    def close(self) -> None:
        close = getattr(self._body, "close", None)
        if close is not None:
            with self._snapshot:
                close()


class AsyncContextIterator:
    """An async iterator whose every step runs inside what is bound there."""

    def __init__(self, body: AsyncIterator[Any], snapshot: ContextSnapshot) -> None:
        self._body = body
        self._snapshot = snapshot

    def __aiter__(self) -> AsyncContextIterator:
        return self

    async def __anext__(self) -> Any:
        with self._snapshot:
            return await anext(self._body)
