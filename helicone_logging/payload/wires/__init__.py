"""The dialects in which a span can be sent, one module each; here is which there are, and which one is meant."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from helicone_logging.core import check
from helicone_logging.core.wire import Wire
from helicone_logging.payload.span import Encoder, Value
from helicone_logging.payload.wires.helicone import HeliconeWire
from helicone_logging.payload.wires.otlp import OTLPWire


class SpanWire(Wire, Protocol):
    """A wire for spans."""

    def encoder(self, resource: Mapping[str, Value], scope_name: str, scope_version: str) -> Encoder:
        """Returns what makes entries of spans."""


DEFAULT: SpanWire = HeliconeWire()
WIRES: Mapping[str, SpanWire] = {wire.name: wire for wire in (DEFAULT, OTLPWire())}


def chosen(name: object, endpoint: object) -> SpanWire:
    """Returns the wire that is meant.

    Args:
        name: of it; None for the one that an endpoint takes.
        endpoint: a URL; the default is for every path that belongs to no wire.

    Raises:
        ConfigurationError: there is no wire of this name.
    """
    if name is not None:
        return WIRES[check.choice("wire", name, tuple(WIRES))]
    return taken_by(endpoint) or DEFAULT


def taken_by(endpoint: object) -> SpanWire | None:
    """Returns the wire that an endpoint takes by its path; None where that belongs to no wire."""
    path = endpoint.strip().partition("?")[0].rstrip("/") if isinstance(endpoint, str) else ""
    return next((wire for wire in WIRES.values() if path.endswith(wire.path)), None)
