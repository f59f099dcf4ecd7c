"""`lint`: what Helicone will not show of a payload; its rules load when they are asked for."""

from __future__ import annotations

from helicone_logging.core.findings import Finding


def lint(payload: object) -> list[Finding]:
    """Returns what Helicone will not show of a payload, the worst first for each span.

    Args:
        payload: an OTELTrace as a mapping or as JSON, or a list of them, which are then looked at together.

    .. versionadded:: 0.1
    """
    from helicone_logging.receiver import lint_rules

    return lint_rules.lint(payload)
