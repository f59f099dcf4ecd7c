"""A handler on a logger of its own, with short waits, for endpoints that fail."""

from __future__ import annotations

import logging
import time
from typing import Any

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

    def wait_for_trouble(self) -> str:
        """Waits until a request has failed, and returns why."""
        deadline = time.monotonic() + PATIENCE
        while (trouble := self.handler.stats().last_error) is None:
            assert time.monotonic() < deadline
            time.sleep(0.001)
        return trouble

    def counts(self) -> tuple[int, int, int, int, int]:
        """Emitted, delivered, rejected, dropped, queued; they always add up."""
        stats = self.handler.stats()
        assert stats.emitted == stats.delivered + stats.rejected + stats.dropped + stats.queued
        return stats.emitted, stats.delivered, stats.rejected, stats.dropped, stats.queued
