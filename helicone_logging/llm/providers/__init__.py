"""Reads the request and response objects of LLM SDKs into `extra=` fields, without importing any SDK."""
