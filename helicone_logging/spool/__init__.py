"""Delivery's queue on disk, for `spool_path`: segments with one writer each, in a directory."""

from helicone_logging.spool.directory import Directory
from helicone_logging.spool.queue import Spool

__all__ = ["Directory", "Spool"]
