"""A logging handler that sends language model calls to Helicone.

logger.info("answer", extra={"trace_id": ..., "model": ..., "messages": ..., "completion": ...})
"""

from helicone_logging._version import __version__
from helicone_logging.context.binding import bind, carry, current_trace_id, current_traceparent
from helicone_logging.context.filter import TraceContextFilter
from helicone_logging.context.portable import current_context
from helicone_logging.context.tracing import span
from helicone_logging.core.findings import Finding
from helicone_logging.delivery.diagnostics import HandlerStats
from helicone_logging.errors import ConfigurationError, HeliconeLoggingError
from helicone_logging.formatter import OTELTraceFormatter
from helicone_logging.handler import HeliconeHandler
from helicone_logging.linting import lint
from helicone_logging.payload.typed_fields import Fields
from helicone_logging.shutdown import flush, flushed
from helicone_logging.sigterm import flush_on_sigterm

__all__ = [
    "ConfigurationError",
    "Fields",
    "Finding",
    "HandlerStats",
    "HeliconeHandler",
    "HeliconeLoggingError",
    "OTELTraceFormatter",
    "TraceContextFilter",
    "__version__",
    "bind",
    "carry",
    "current_context",
    "current_trace_id",
    "current_traceparent",
    "flush",
    "flush_on_sigterm",
    "flushed",
    "lint",
    "span",
]
