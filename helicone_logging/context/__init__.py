"""What is bound around the running code: bindings, spans, the filter, and how context travels.

Inherited context only enriches the records that are exported anyway; it exports none by itself.
"""

from helicone_logging.context.binding import bind, carry, current_trace_id, current_traceparent, extend
from helicone_logging.context.portable import current_context

__all__ = ["bind", "carry", "current_context", "current_trace_id", "current_traceparent", "extend"]
