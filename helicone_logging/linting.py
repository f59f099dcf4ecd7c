"""What `lint` finds in a payload; the rules and the model of the server load when they are asked for."""

from __future__ import annotations

from dataclasses import dataclass

ERROR = "error"
WARNING = "warning"
INFO = "info"


@dataclass(frozen=True)
class Finding:
    """Something that Helicone will not show, or show wrongly.

    Args:
        code: its kind, as a stable word.
        severity: `"error"` for what is refused or lost, `"warning"` for what is shown wrongly, `"info"` for what
            could be shown and is not.
        message: what happens, in plain words.
        field: what to set: a field of `extra=` or an option of the handler.
        where: the span it is about.
    """

    code: str
    severity: str
    message: str
    field: str
    where: str


def lint(payload: object) -> list[Finding]:
    """Returns what Helicone will not show of a payload, the worst first for each span.

    Args:
        payload: an OTELTrace as a mapping or as JSON, or a list of them, which are then looked at together.

    Raises:
        ConfigurationError: jsonschema is missing; it comes with the extra `[local]`.
    """
    from helicone_logging.receiver import linting

    return linting.lint(payload)
