"""A logging handler that sends language model calls to Helicone.

logger.info("answer", extra={"trace_id": ..., "model": ..., "messages": ..., "completion": ...})
"""

from helicone_logging._version import __version__
from helicone_logging.errors import ConfigurationError, HeliconeLoggingError
from helicone_logging.formatter import OTELTraceFormatter
from helicone_logging.handler import HeliconeHandler

__all__ = ["ConfigurationError", "HeliconeHandler", "HeliconeLoggingError", "OTELTraceFormatter", "__version__"]
