"""What spans of OpenTelemetry say of calls, in the dialects of those who instrument them, as fields of `extra=`."""

from __future__ import annotations

from helicone_logging.llm.dialects.reading import EXCEPTION, EndedSpan, read_span
from helicone_logging.llm.dialects.spans import Kind, call_of, holds_content, is_helper, kind_of

__all__ = ["EXCEPTION", "EndedSpan", "Kind", "call_of", "holds_content", "is_helper", "kind_of", "read_span"]
