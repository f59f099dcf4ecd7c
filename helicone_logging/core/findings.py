"""A finding: something that Helicone will not show, or show wrongly, with the field that mends it."""

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

    .. versionadded:: 0.1
    """

    code: str
    severity: str
    message: str
    field: str
    where: str
