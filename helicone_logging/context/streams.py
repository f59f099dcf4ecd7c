"""Chunks of a stream: passes each one on as it comes, and keeps them for the record of a span."""

from __future__ import annotations

import inspect
import weakref
from collections import deque
from collections.abc import AsyncGenerator, AsyncIterable, Callable, Generator, Iterable
from typing import Any, TypeVar

from helicone_logging.core.safe_vars import is_text

MAX_CHUNKS = 20_000
"""Chunks that are kept from the beginning; an answer that long fills the value's limit many times."""
MAX_TEXT = 16 * 1024 * 1024
"""Characters, or bytes, of chunks that are text themselves."""
LAST_CHUNKS = 16
"""Chunks that are kept from the end beside them, as usage and finish reason come last."""

# How a line of JSON or of server-sent events begins. Chunks that are lines have no line feeds, so they stay apart.
_LINES = ("{", "[", ":", "data:", "event:", "id:", "retry:")

_Chunk = TypeVar("_Chunk")


class Chunks:
    """What has come of a stream so far, bounded."""

    def __init__(self) -> None:
        self._first: list[object] = []
        self._last: deque[object] = deque(maxlen=LAST_CHUNKS)
        self._text = 0
        self._has_begun = False
        self._is_over = False
        self._when_over: Callable[[BaseException | None], None] | None = None

    def pass_on(self, stream: Any) -> Any:
        """Returns a generator of what a stream yields, an async one for an async stream."""
        passed_on = _passed_on_async(stream, self) if hasattr(stream, "__aiter__") else _passed_on(stream, self)
        weakref.finalize(passed_on, self.end)  # of one that is never begun nothing runs
        return passed_on

    def postpone(self, call: Callable[[BaseException | None], None]) -> bool:
        """Calls a function when the stream is over, if nobody has begun to read it; returns whether it will.

        Args:
            call: called once, with the exception that the stream broke off with, or None.
        """
        if self._has_begun or self._is_over:
            return False
        self._when_over = call
        return True

    def begin(self) -> None:
        """Notes that somebody reads the stream."""
        self._has_begun = True

    def end(self, error: BaseException | None = None) -> None:
        """Notes that the stream is over: read to its end, broken off, closed, or forgotten."""
        self._is_over = True
        call, self._when_over = self._when_over, None
        if call is not None:
            call(error)

    def add(self, chunk: object) -> None:
        """Keeps a chunk: the first ones, and of what comes after them the last ones."""
        if isinstance(chunk, str | bytes):
            self._text += len(chunk)
        is_full = len(self._first) >= MAX_CHUNKS or self._text > MAX_TEXT
        (self._last if is_full else self._first).append(chunk)

    def response(self) -> object:
        """Returns what came as `llm_response` reads it: chunks, or the text they are pieces of; None for nothing.

        In one piece a text shows as the answer, and a redactor finds what stands in more than one chunk.
        """
        first, last = ([chunk for chunk in some if _says_anything(chunk)] for some in (self._first, self._last))
        chunks = first + last
        are_texts = all(map(is_text, chunks))
        if not are_texts or all(str(chunk).lstrip().startswith(_LINES) for chunk in chunks):
            return chunks or None
        gap = ["…"] if len(last) == LAST_CHUNKS else []
        return "".join(map(str, [*first, *gap, *last]))


def _says_anything(chunk: object) -> bool:
    return bool(chunk) if is_text(chunk) else chunk is not None


def _passed_on(stream: Iterable[_Chunk], chunks: Chunks) -> Generator[_Chunk, None, None]:
    error: BaseException | None = None
    chunks.begin()
    try:
        for chunk in stream:
            chunks.add(chunk)
            yield chunk
    except GeneratorExit:
        close = getattr(stream, "close", None)
        if callable(close):
            close()
        raise
    except BaseException as raised:
        error = raised
        raise
    finally:
        chunks.end(error)


async def _passed_on_async(stream: AsyncIterable[_Chunk], chunks: Chunks) -> AsyncGenerator[_Chunk, None]:
    error: BaseException | None = None
    chunks.begin()
    try:
        async for chunk in stream:
            chunks.add(chunk)
            yield chunk
    except GeneratorExit:
        await _close(stream)
        raise
    except BaseException as raised:
        error = raised
        raise
    finally:
        chunks.end(error)


async def _close(stream: Any) -> None:
    """The SDKs' streams have `close`, which is a coroutine function; async generators have `aclose`."""
    close = getattr(stream, "aclose", None) or getattr(stream, "close", None)
    closing = close() if callable(close) else None
    if inspect.isawaitable(closing):
        await closing
