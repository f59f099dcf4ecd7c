"""python-logstash-async over HTTP, the only one of its transports that learns whether a record has arrived."""

from __future__ import annotations

import os
import tempfile
import time
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from logstash_async.handler import AsynchronousLogstashHandler
from logstash_async.transport import HttpTransport

from bench.peers.loggers import LoggingPeer


class _Logstash(LoggingPeer):
    def warm_up(self) -> None:
        """Waits for its worker, which looks every two seconds."""
        self.handler.flush()
        time.sleep(2.5)

    def finish(self) -> None:
        self.handler.close()  # `flush` would return at once


def make(endpoint: str, options: dict[str, Any]) -> LoggingPeer:
    address = urlsplit(endpoint)
    host, port = str(address.hostname), int(address.port or 0)
    path = None
    if options["database"]:
        path = str(Path(tempfile.mkdtemp(prefix="bench-logstash-")) / f"{os.getpid()}.db")
    transport = HttpTransport(host, port, ssl_enable=False, timeout=60.0)
    return _Logstash(AsynchronousLogstashHandler(host, port, database_path=path, transport=transport))
