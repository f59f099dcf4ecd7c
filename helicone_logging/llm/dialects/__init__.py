"""What spans of OpenTelemetry say of calls, in the dialects of those who instrument them, as fields of `extra=`."""

from __future__ import annotations

from helicone_logging.llm.dialects.reading import EXCEPTION, SpanSaid, read_span
from helicone_logging.llm.dialects.spans import Kind, holds_content, kind_of

__all__ = ["EXCEPTION", "Kind", "SpanSaid", "holds_content", "kind_of", "read_span"]
