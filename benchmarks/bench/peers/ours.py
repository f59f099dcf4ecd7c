"""`HeliconeHandler`."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

from bench.peers.loggers import LoggingPeer
from helicone_logging import HeliconeHandler, bind

_PATIENCE = 120.0
_BOUND = ("trace_id", "user_id", "provider")


class _Ours(LoggingPeer):
    handler: HeliconeHandler

    def __init__(self, handler: HeliconeHandler, spool: str | None) -> None:
        super().__init__(handler)
        self._spool = spool

    def finish(self) -> None:
        self.handler.flush(_PATIENCE)

    def log_untraced(self) -> None:
        self._info("a line like any other")

    def figures(self) -> dict[str, Any]:
        stats = self.handler.stats()
        return {"dropped": stats.dropped, "rejected": stats.rejected, "queued_bytes": stats.queued_bytes}


class _Bound(_Ours):
    """Three of the fields are bound around the loop, as in the code of a request."""

    def log(self, fields: dict[str, Any]) -> None:
        for name in _BOUND:
            del fields[name]
        self._info("answer question", extra=fields)


def make(endpoint: str, options: dict[str, Any]) -> LoggingPeer:
    given = dict(options.get("handler", {}))
    spool = options.get("spool")
    if spool is not None:
        if not spool:
            spool = str(Path(tempfile.mkdtemp(prefix="bench-spool-")) / "spool")
        given["spool_path"] = spool
    handler = HeliconeHandler(endpoint=endpoint, **given)
    if options.get("bound"):
        bind(trace_id="5b8aa5a2d2c872e8321cf37308d69df2", user_id="ada", provider="openai").__enter__()
        return _Bound(handler, spool)
    return _Ours(handler, spool)
