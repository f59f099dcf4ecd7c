"""posthog's client: one event a record, in batches of 100."""

from __future__ import annotations

import logging
from typing import Any

from posthog import Posthog

from bench.records import MESSAGE


class _Events:
    def __init__(self, client: Posthog) -> None:
        self._client = client

    def log(self, fields: dict[str, Any]) -> None:
        self._client.capture(MESSAGE, distinct_id=fields["user_id"], properties=fields)

    def finish(self) -> None:
        self._client.flush()

    def figures(self) -> dict[str, Any]:
        return {}


def make(endpoint: str, options: dict[str, Any]) -> _Events:
    del options
    logging.getLogger("posthog").setLevel(logging.CRITICAL)  # it warns of each record that it drops
    return _Events(Posthog("phc_bench", host=endpoint, enable_local_evaluation=False))
