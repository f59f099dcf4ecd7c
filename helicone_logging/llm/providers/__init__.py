"""Reads the request and response objects of LLM SDKs into `extra=` fields, without importing any SDK."""

from helicone_logging.llm.providers.requests import read_request
from helicone_logging.llm.providers.responses import read_response
from helicone_logging.llm.providers.snapshots import NotPlainError, snapshot

__all__ = ["NotPlainError", "read_request", "read_response", "snapshot"]
