"""For the queue on disk of before, until the one that is rebuilt has landed."""

from helicone_logging.delivery.backoff import retry_limit

__all__ = ["retry_limit"]
