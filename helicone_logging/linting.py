"""`lint`: what Helicone will not show of a payload; its rules load when they are asked for."""

from __future__ import annotations

from helicone_logging.core import check
from helicone_logging.core.findings import Finding


def lint(payload: object, *, wire: str = "helicone") -> list[Finding]:
    """Returns what Helicone will not show of a payload, the worst first for each span.

    Args:
        payload: an OTELTrace as a mapping or as JSON, or a list of them, which are then looked at together.
        wire: `"otlp"` for payloads as a Collector takes, writes and sends them on to Helicone.

    Raises:
        ConfigurationError: there is no such wire.

    .. versionadded:: 0.1
    """
    from helicone_logging.receiver import lint_rules

    return lint_rules.lint(payload, is_otlp=check.choice("wire", wire, ("helicone", "otlp")) == "otlp")
