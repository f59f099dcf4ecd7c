"""The queue on disk, which outlives the process."""

from helicone_logging.spool.queue import Spool

__all__ = ["Spool"]
