"""Propagation: which trace a web request belongs to, and whose request it is; the integrations of frameworks share it.

Headers are untrusted: nothing of them counts beyond their syntax and length.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, MutableMapping
from typing import Any, NamedTuple

from helicone_logging.context import binding, stack
from helicone_logging.core import check, ids

REQUEST_ID_HEADER = "X-Request-ID"

_SEEN = "helicone_logging.trace"
_REQUEST_ID = re.compile(r"[\x21-\x7e]{1,128}", re.ASCII)
_HEADER_NAME = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]{1,100}", re.ASCII)  # a token of RFC 9110, section 5.6.2

_logger = logging.getLogger(__name__)


class RequestContext(NamedTuple):
    """What a request is answered in.

    Args:
        snapshot: what is bound while it is answered, its streamed body included.
        trace_id: its trace as text that a header can carry.
    """

    snapshot: stack.ContextSnapshot
    trace_id: str


class TracePropagator:
    """Extracts the trace of every request: that of `traceparent`, else the id that a proxy gave it, else a new one.

    Where OpenTelemetry has a span open for the request already, that span is the parent.

    Args:
        request_id_header: the header that may carry the request's id: up to 128 visible ASCII characters.
        response_header: the header in which the trace is sent back; None for none.

    Raises:
        ConfigurationError: a name is no name of a header.
    """

    def __init__(self, request_id_header: str, response_header: str | None) -> None:
        self._request_id_header = _header_name("request_id_header", request_id_header)
        self.response_header = response_header and _header_name("response_header", response_header)

    def extract(self, request: MutableMapping[str, Any], header: Callable[[str], str | None]) -> RequestContext:
        """Returns what to bind for a request; the second of two integrations keeps what the first one bound.

        Args:
            request: its WSGI environ or ASGI scope, where the trace is noted.
            header: returns the value of a header, or None when it is absent or there are several.
        """
        noted = request.get(_SEEN)
        fields: dict[str, object] = noted if isinstance(noted, dict) else self._trace(header)
        request[_SEEN] = fields
        is_bound = noted is fields and stack.bound().get("trace_id") == fields["trace_id"]
        return RequestContext(stack.ContextSnapshot() if is_bound else binding.begin(**fields), str(fields["trace_id"]))

    def _trace(self, header: Callable[[str], str | None]) -> dict[str, object]:
        incoming = ids.parse_traceparent(header("traceparent"))
        open_span = binding.otel_fields()
        if open_span and (incoming is None or incoming.trace_id == open_span["trace_id"]):
            return open_span
        if incoming is not None:
            return {"trace_id": incoming.trace_id, "parent_span_id": incoming.span_id}
        request_id = header(self._request_id_header)
        if request_id and _REQUEST_ID.fullmatch(request_id) and ids.trace_id(request_id):
            return {"trace_id": request_id}
        return {"trace_id": ids.new_trace_id()}


class UserReader:
    """Reads the user's id from a request with a function that may fail; the first failure is logged.

    Args:
        option: `user_id` as the application set it: True, False, a function or its dotted path.
        default: what is called for True; None where the framework has no user of its own.

    Raises:
        ConfigurationError: the option is none of these.
    """

    def __init__(self, option: object, default: Callable[..., object] | None) -> None:
        if option is True and default is None:
            check.refuse("user_id", option, "give a function that returns the user's id")
        self._read = default if option is True else check.function("user_id", option) if option else None
        self._has_failed = False

    def __bool__(self) -> bool:
        return self._read is not None

    def __call__(self, *request: Any) -> str | None:
        """Returns the user's id as text, or None when there is none."""
        if self._read is None:
            return None
        try:
            user = self._read(*request)
            return None if user is None else str(user)
        except Exception:  # the request matters more than whose it is
            if not self._has_failed:
                self._has_failed = True
                _logger.warning("The user's id could not be read; this is logged once.", exc_info=True)
            return None


def one_of(values: list[str]) -> str | None:
    """Returns the only value of a header; several of one name are as if absent, as Trace Context asks for."""
    return values[0] if len(values) == 1 else None


def _header_name(option: str, value: object) -> str:
    if not isinstance(value, str) or not _HEADER_NAME.fullmatch(value):
        check.refuse(option, value, "give the name of a header, such as X-Request-ID")
    return value
