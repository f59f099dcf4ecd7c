"""Reads the request and response objects of LLM SDKs into `extra=` fields, without importing any SDK."""

from helicone_logging.llm.providers.requests import read_request
from helicone_logging.llm.providers.responses import read_response

__all__ = ["read_request", "read_response"]
