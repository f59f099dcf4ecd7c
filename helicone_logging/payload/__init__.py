"""From a log record to a span, and from that to bytes: fields, identity, times, limits, redaction, and the wires."""
