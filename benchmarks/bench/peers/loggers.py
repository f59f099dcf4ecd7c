"""What the adapters of logging handlers have in common."""

from __future__ import annotations

import logging
from typing import Any

from bench.records import MESSAGE


def logger_of(handler: logging.Handler, name: str = "bench") -> logging.Logger:
    """Returns a logger that has this handler alone."""
    logger = logging.getLogger(name)
    logger.handlers[:] = [handler]
    logger.setLevel(logging.INFO)
    logger.propagate = False
    return logger


class LoggingPeer:
    """Logs with `extra=`, as users of a handler do."""

    def __init__(self, handler: logging.Handler) -> None:
        self.handler = handler
        self._info = logger_of(handler).info

    def log(self, fields: dict[str, Any]) -> None:
        self._info(MESSAGE, extra=fields)

    def finish(self) -> None:
        self.handler.flush()

    def figures(self) -> dict[str, Any]:
        return {}
