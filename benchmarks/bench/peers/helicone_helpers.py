"""Helicone's own manual logger: one `requests.post` in the caller's thread."""

from __future__ import annotations

import importlib
import time
from typing import Any


class _Helpers:
    def __init__(self, logger: Any) -> None:
        self._send_log = logger.send_log

    def log(self, fields: dict[str, Any]) -> None:
        now = time.time()
        request = {
            "model": fields["model"],
            "messages": [{"role": "user", "content": fields["prompt"]}],
            "temperature": fields["temperature"],
        }
        response = {
            "id": fields["span_id"],
            "model": fields["model"],
            "choices": [{"index": 0, "message": {"role": "assistant", "content": fields["completion"]}}],
            "usage": {
                "prompt_tokens": fields["prompt_tokens"],
                "completion_tokens": fields["completion_tokens"],
                "total_tokens": fields["prompt_tokens"] + fields["completion_tokens"],
            },
        }
        headers = {"Helicone-User-Id": fields["user_id"], "Helicone-Session-Id": fields["trace_id"]}
        self._send_log(
            "openai",
            request,
            response,
            {"start_time": now - fields["duration_ms"] / 1e3, "end_time": now, "additional_headers": headers},
        )

    def finish(self) -> None:
        """Nothing waits."""

    def figures(self) -> dict[str, Any]:
        return {}


def make(endpoint: str, options: dict[str, Any]) -> _Helpers:
    del options
    helpers = importlib.import_module("helicone_helpers")
    return _Helpers(helpers.HeliconeManualLogger("sk-helicone-bench", logging_endpoint=endpoint))
