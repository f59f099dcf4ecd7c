"""A handler on a logger of its own, with short waits, for endpoints that fail."""

from __future__ import annotations

import logging
import math
import select
import socket
import time
from collections import Counter
from typing import Any

import pytest
from fault_server import FaultServer
from recording_server import PATIENCE

from helicone_logging import HeliconeHandler
from helicone_logging.core import clock
from helicone_logging.delivery import deadline

_HASTE = 0.1  # seconds
_NO_ANSWER = 0.5  # seconds after which a connection that can be read has ended without one
KEY = "sk-helicone-never-shown-1234567"


def hasten(monkeypatch: pytest.MonkeyPatch, server: FaultServer) -> None:
    """Has answers without an end given up soon, and all others waited for as long as ever, however busy the machine is.

    The deadline that `timeout` sets is moved once the server has chosen what to do with the request.
    """
    begin = deadline._DeadlineReader.__init__
    requests: Counter[int] = Counter()

    def begin_and_move(reader: deadline._DeadlineReader, sock: socket.socket) -> None:
        begin(reader, sock)
        port = sock.getsockname()[1]
        number, requests[port] = requests[port], requests[port] + 1
        until = math.inf
        while (answer := server.answer_to(port, number)) is None and clock.monotonic() < until:
            # What can be read is the connection's end, or the tickets of TLS 1.3, which come before any answer.
            if until == math.inf and select.select([sock], [], [], 0)[0]:
                until = clock.monotonic() + _NO_ANSWER
            time.sleep(0.005)
        if answer is not None and not answer.ends:
            reader._deadline = clock.monotonic() + _HASTE

    monkeypatch.setattr(deadline._DeadlineReader, "__init__", begin_and_move)


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

    def wait_for_trouble(self) -> str:
        """Waits until a request has failed, and returns why."""
        deadline = time.monotonic() + PATIENCE
        while (trouble := self.handler.stats().last_error) is None:
            assert time.monotonic() < deadline
            time.sleep(0.001)
        return trouble

    def wait_until_told(self, capfd: pytest.CaptureFixture[str]) -> str:
        """Waits until something stands on stderr, which of trouble is so from its second time on; returns it."""
        deadline = time.monotonic() + PATIENCE
        while not (told := capfd.readouterr().err):
            assert time.monotonic() < deadline
            assert self.handler.flush(0.02) is False
        return told

    def counts(self) -> tuple[int, int, int, int, int]:
        """Emitted, delivered, rejected, dropped, queued; they always add up."""
        stats = self.handler.stats()
        assert stats.emitted == stats.delivered + stats.rejected + stats.dropped + stats.queued
        return stats.emitted, stats.delivered, stats.rejected, stats.dropped, stats.queued
