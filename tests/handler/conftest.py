from __future__ import annotations

import logging
from collections.abc import Callable

import pytest

from helicone_logging import HeliconeHandler


@pytest.fixture
def logger_of() -> Callable[[logging.Handler], logging.Logger]:
    """Makes a logger whose records reach one handler only."""

    def make(handler: logging.Handler) -> logging.Logger:
        logger = logging.getLogger("helicone_tests.app")
        logger.handlers[:] = [handler]
        logger.propagate = False
        logger.setLevel(logging.DEBUG)
        return logger

    return make


@pytest.fixture
def handler(server) -> HeliconeHandler:
    """A handler with default options."""
    return HeliconeHandler(endpoint=server.url)


@pytest.fixture
def logger(handler, logger_of) -> logging.Logger:
    return logger_of(handler)
