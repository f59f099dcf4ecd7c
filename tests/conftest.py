"""What surrounds every test: an environment, a root logger and handlers of its own."""

from __future__ import annotations

import logging
import os
import signal
import socket
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from hypothesis import settings
from recording_server import RecordingServer

from helicone_logging import HeliconeHandler
from helicone_logging.core import lifecycle

_FOREIGN = ("HELICONE_", "OTEL_")
_FOREIGN_NAMES = {
    "HTTP_PROXY",
    "HTTPS_PROXY",
    "ALL_PROXY",
    "NO_PROXY",
    "NETRC",
    "REQUESTS_CA_BUNDLE",
    "CURL_CA_BUNDLE",
    "SSL_CERT_FILE",
    "SSL_CERT_DIR",
}
settings.register_profile("patient", deadline=None)  # a busy machine may take any time for an example
settings.load_profile("patient")

_PATIENCE = 10.0  # seconds for what is on its way to a server that is gone


def pytest_configure() -> None:
    """No test asks the internet, and each can be interrupted.

    What a shell runs in the background ignores interrupts, and so would every process that a test interrupts.
    """
    os.environ["LITELLM_LOCAL_MODEL_COST_MAP"] = "True"  # or importing it asks a host on the internet for its prices
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(autouse=True)
def _own_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """No variable of the machine's decides what a test sees."""
    for name in list(os.environ):
        if name.upper().startswith(_FOREIGN) or name.upper() in _FOREIGN_NAMES:
            monkeypatch.delenv(name)


@pytest.fixture(autouse=True)
def _own_logging(_own_environment: None) -> Iterator[None]:
    """Logging is as it was before, and no handler of this package is left over.

    The level of the root logger is Python's own, whatever a fixture of a whole module has set, such as a Celery worker.
    """
    logging.getLogger().setLevel(logging.WARNING)
    loggers = [logging.getLogger(), *_loggers()]
    before = {logger: _state(logger) for logger in loggers}
    disabled, raises, factory = logging.root.manager.disable, logging.raiseExceptions, logging.getLogRecordFactory()
    yield
    close_handlers()
    _wait_for_senders()
    for logger in [logging.getLogger(), *_loggers()]:
        _restore(logger, before.get(logger, ([], [], logging.NOTSET, True, False)))
    logging.disable(disabled)
    logging.raiseExceptions = raises
    logging.setLogRecordFactory(factory)


@pytest.fixture
def server() -> Iterator[RecordingServer]:
    """An endpoint on this machine; what it refuses for its form fails the test."""
    with RecordingServer() as recording:
        yield recording
        close_handlers()
    assert recording.refusals == []


@pytest.fixture
def dead_endpoint() -> Iterator[str]:
    """Where a connection is refused: a port that is taken, and that nobody listens on."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        yield f"http://127.0.0.1:{taken.getsockname()[1]}"


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


def close_handlers() -> None:
    """Closes what is open of this package, without waiting for an endpoint."""
    for sender in lifecycle.closed_at_exit():
        sender.close(0)  # type: ignore[call-arg]
    for reference in list(logging._handlerList):  # type: ignore[attr-defined]
        handler = reference()
        if isinstance(handler, HeliconeHandler):
            logging.Handler.close(handler)  # its own would wait for what came back from a dead endpoint just now


def _wait_for_senders() -> None:
    """What they learn after the end of a test, they would tell the next one."""
    for thread in threading.enumerate():
        if thread.name == "helicone-logging-sender":
            thread.join(_PATIENCE)


def _loggers() -> list[logging.Logger]:
    return [logger for logger in logging.root.manager.loggerDict.values() if isinstance(logger, logging.Logger)]


def _state(logger: logging.Logger) -> tuple[Any, ...]:
    return list(logger.handlers), list(logger.filters), logger.level, logger.propagate, logger.disabled


def _restore(logger: logging.Logger, state: tuple[Any, ...]) -> None:
    logger.handlers[:], logger.filters[:], level, logger.propagate, logger.disabled = state
    logger.setLevel(level)
