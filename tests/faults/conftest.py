"""A fault server, and handlers whose waits are short."""

from __future__ import annotations

import logging
import socket
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from faults.fault_server import FaultServer
from recording_server import PATIENCE

from helicone_logging import HeliconeHandler

KEY = "sk-helicone-never-shown-1234567"


class Client:
    """A handler on a logger of its own, and the account to check at the end."""

    def __init__(self, endpoint: str, **options: Any) -> None:
        quick: dict[str, Any] = {"max_backoff": 0.05, "shutdown_timeout": PATIENCE, "max_connections": 2}
        self.handler = HeliconeHandler(endpoint=endpoint, **{"api_key": KEY, **quick, **options})
        self._logger = logging.getLogger("helicone_tests.faults")
        self._logger.handlers[:] = [self.handler]
        self._logger.propagate = False
        self._logger.setLevel(logging.DEBUG)

    def log(self, *names: str, **extra: object) -> None:
        for name in names:
            self._logger.info(name, extra={"trace_id": "t-1", **extra})

    def settle(self) -> None:
        """Waits until every record is delivered or refused for good."""
        assert self.handler.flush(PATIENCE)

    def counts(self) -> tuple[int, int, int, int, int]:
        """Emitted, delivered, rejected, dropped, queued; they always add up."""
        stats = self.handler.stats()
        assert stats.emitted == stats.delivered + stats.rejected + stats.dropped + stats.queued
        return stats.emitted, stats.delivered, stats.rejected, stats.dropped, stats.queued


@pytest.fixture
def faulty() -> Iterator[FaultServer]:
    """An endpoint that does as told, and otherwise stores what it is sent."""
    with FaultServer() as server:
        yield server


@pytest.fixture
def client_of() -> Callable[..., Client]:
    return Client


@pytest.fixture
def client(faulty: FaultServer) -> Client:
    """A client of the faulty endpoint, with short waits."""
    return Client(faulty.url)


@pytest.fixture
def names() -> Callable[[int], list[str]]:
    return lambda count: [f"r {number}" for number in range(count)]


@pytest.fixture
def dead_endpoint() -> Iterator[str]:
    """Where a connection is refused: a port that is taken, and that nobody listens on."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        yield f"http://127.0.0.1:{taken.getsockname()[1]}"
