"""What the frameworks' integrations share: which trace a request belongs to, and who sends it.

A header is untrusted: nothing of it counts beyond its syntax and length.
"""

from __future__ import annotations

import re

SEEN = "helicone_logging.trace_id"
"""The key in a WSGI environ or an ASGI scope under which a request carries the trace it was given already."""

_REQUEST_ID = re.compile(r"[\x21-\x7e]{1,128}", re.ASCII)
_HEADER_NAME = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]{1,100}", re.ASCII)  # a token, RFC 9110 section 5.6.2
_USER_KEYS = ("pk", "id", "identity", "username", "display_name")


def header_name(option: str, value: object) -> str:
    ...
