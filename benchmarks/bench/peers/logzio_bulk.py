"""logzio-python-handler: JSON lines in bulks of 1 MB."""

from __future__ import annotations

from typing import Any

from logzio.handler import LogzioHandler

from bench.peers.loggers import LoggingPeer


def make(endpoint: str, options: dict[str, Any]) -> LoggingPeer:
    del options
    return LoggingPeer(LogzioHandler("bench", url=endpoint, backup_logs=False))
