"""What the tests of context share: records as a handler sees them, and nothing that stays bound."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import pytest

from helicone_logging.context import binding


class Seen(NamedTuple):
    """A record, and the context that a handler sees around it."""

    record: logging.LogRecord
    inherited: Mapping[str, object]

    @property
    def span(self) -> dict[str, Any]:
        return self.record.__dict__["helicone"]


class Log(logging.Handler):
    """Keeps records as `HeliconeHandler` would see them."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: list[Seen] = []

    def emit(self, record: logging.LogRecord) -> None:
        if record.name == "asyncio":  # it tells of its selector
            return
        injected = record.__dict__.get(binding.INHERITED_MARK)
        self.seen.append(Seen(record, binding.current() if injected is None else injected))

    def __getitem__(self, message: str) -> Seen:
        """The one record with this message."""
        (found,) = self.all(message)
        return found

    def all(self, message: str) -> list[Seen]:
        return [seen for seen in self.seen if seen.record.getMessage() == message]


@pytest.fixture
def log() -> Iterator[Log]:
    """All records of the test, from DEBUG up."""
    root, handler = logging.getLogger(), Log()
    level = root.level
    root.addHandler(handler)
    root.setLevel(logging.DEBUG)
    yield handler
    root.removeHandler(handler)
    root.setLevel(level)


@pytest.fixture(autouse=True)
def nothing_leaks() -> Iterator[None]:
    """No test leaves anything bound behind."""
    yield
    assert binding.current() == {}
