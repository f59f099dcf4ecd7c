"""The dialects in which a span can be sent, one module each."""
