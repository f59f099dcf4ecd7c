"""Steps that are no calls of a model, such as a tool or an agent: what Helicone shows them as.

Helicone shows a row by its model's name, and some names hide what the row says (section "Blank rows" of
docs/providers.md): text is worth more than an icon, so a step has no such name unless its icon was asked for.
"""

from __future__ import annotations

import re

from helicone_logging.payload.fields import AGENT_NAME, FIELDS, OPERATION, PROPERTY, SYSTEM, TOOL_NAME
from helicone_logging.payload.span import Value

_TOOL = "tool"
_AGENT = "agent"  # has no icon
_RETRIEVAL = "vector_db"  # a model `vector_db:NAME` shows both icon and text
_KINDS = {
    "execute_tool": _TOOL,
    _TOOL: _TOOL,
    "retrieval": _RETRIEVAL,
    "retrieve": _RETRIEVAL,
    _RETRIEVAL: _RETRIEVAL,
    "vector_search": _RETRIEVAL,
    "data": "data",
    "database": "data",
    "create_agent": _AGENT,
    "invoke_agent": _AGENT,
}
_UNSHOWN = re.compile(rf"(?:(?:{_TOOL}|data):\s*)+|{_RETRIEVAL}$")  # hides all of a row, whatever its provider
_UNSHOWN_ALONE = re.compile("Llama|(?i:gemini)")  # hides an answer, or all, where no provider is named
_SHOWS_EVERYTHING = "custom"


def name_step(attributes: dict[str, Value], name: str, *, with_icons: bool) -> None:
    """Gives a step the model by which Helicone shows it, and the property that tells its kind.

    Args:
        attributes: those of a span without a model.
        name: of the span.
        with_icons: True for the models that the icons of tools and data come from, which hide their text.
    """
    operation, tool = attributes.get(OPERATION), attributes.get(TOOL_NAME)
    kind = _KINDS.get(str(operation or "").lower(), _TOOL if tool else None)
    if kind is None:
        return
    called = str(tool or (attributes.get(AGENT_NAME) if kind == _AGENT else None) or name)
    has_prefix = kind == _RETRIEVAL or (with_icons and kind != _AGENT)
    shown = f"{kind}:{called}" if has_prefix else _shown(called)
    for key in FIELDS["model"].lands_in:
        attributes[key] = shown
    if _UNSHOWN_ALONE.search(shown):
        attributes.setdefault(SYSTEM, _SHOWS_EVERYTHING)
    if kind != _RETRIEVAL:
        attributes[PROPERTY + "step"] = kind


def _shown(called: str) -> str:
    """A name that hides nothing of its row."""
    hidden = _UNSHOWN.match(called)
    return called if hidden is None else called[hidden.end() :] or "step"
