"""Chunks of a stream: passes each one on as it comes, and keeps them for the record of a span."""

from __future__ import annotations

import inspect
from collections import deque
from collections.abc import AsyncGenerator, AsyncIterable, Generator, Iterable
from typing import Any, TypeVar

MAX_CHUNKS = 20_000
"""Chunks that are kept from the beginning; an answer that long fills the value's limit many times."""
MAX_TEXT = 16 * 1024 * 1024
"""Characters, or bytes, of chunks that are text themselves."""
LAST_CHUNKS = 16
"""Chunks that are kept from the end beside them, as usage and finish reason come last."""

_Chunk = TypeVar("_Chunk")


class Chunks:
    """What has come of a stream so far, bounded."""

    def __init__(self) -> None:
        self._first: list[object] = []
        self._last: deque[object] = deque(maxlen=LAST_CHUNKS)
        self._text = 0

    def add(self, chunk: object) -> None:
        """Keeps a chunk: the first ones, and of what comes after them the last ones."""
        if isinstance(chunk, str | bytes):
            self._text += len(chunk)
        is_full = len(self._first) >= MAX_CHUNKS or self._text > MAX_TEXT
        (self._last if is_full else self._first).append(chunk)

    def list(self) -> list[object]:
        """Returns the chunks as `llm_response` reads them; empty while none has come."""
        return [*self._first, *self._last]


def passed_on(stream: Iterable[_Chunk], chunks: Chunks) -> Generator[_Chunk, None, None]:
    """Yields what a stream yields; closed before its end, it closes the stream.

    Args:
        stream: any iterable.
        chunks: what keeps them.
    """
    try:
        for chunk in stream:
            chunks.add(chunk)
            yield chunk
    except GeneratorExit:
        close = getattr(stream, "close", None)
        if callable(close):
            close()
        raise


async def passed_on_async(stream: AsyncIterable[_Chunk], chunks: Chunks) -> AsyncGenerator[_Chunk, None]:
    """Yields what an async stream yields; closed before its end, it closes the stream.

    Args:
        stream: any async iterable.
        chunks: what keeps them.
    """
    try:
        async for chunk in stream:
            chunks.add(chunk)
            yield chunk
    except GeneratorExit:
        await _close(stream)
        raise


async def _close(stream: Any) -> None:
    """The SDKs' streams have `close`, which is a coroutine function; async generators have `aclose`."""
    close = getattr(stream, "aclose", None) or getattr(stream, "close", None)
    closing = close() if callable(close) else None
    if inspect.isawaitable(closing):
        await closing
