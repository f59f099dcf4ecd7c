"""A logging handler that sends language model calls to Helicone."""

from helicone_logging._version import __version__

__all__ = ["__version__"]
