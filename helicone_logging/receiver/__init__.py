"""A local stand-in for Helicone's endpoint, and a model of what Helicone shows."""

from helicone_logging.receiver.console import describe_span, print_sessions
from helicone_logging.receiver.rows import Row, row_of, rows_of, sessions_of
from helicone_logging.receiver.server import Receiver
from helicone_logging.receiver.store import SpanStore, StoredSpan

__all__ = [
    "Receiver", "Row", "SpanStore", "StoredSpan", "describe_span", "print_sessions", "row_of", "rows_of", "sessions_of",
]  # fmt: skip
