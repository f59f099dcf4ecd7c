"""Steps that are no calls of a model, such as a tool or an agent: what Helicone shows them as.

Helicone shows a row by its model's name, and some names hide what the row says (section "Blank rows" of
docs/providers.md): text is worth more than an icon, so a step has no such name unless its icon was asked for.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from helicone_logging.core.coerce import text_of
from helicone_logging.llm import safe_get
from helicone_logging.llm.content import are_parts
from helicone_logging.llm.messages import MAX_MESSAGES, is_value
from helicone_logging.payload.fields import AGENT_NAME, FIELDS, OPERATION, PROPERTY, SYSTEM, TOOL_NAME, Special
from helicone_logging.payload.semconv import documents_text
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


def write_step(special: Special, attributes: dict[str, Value], name: str, *, with_icons: bool) -> None:
    """Gives a step the model by which Helicone shows it, and the property that tells its kind.

    Args:
        special: the fields of its record; what a tool was given and gave back becomes text there.
        attributes: those of a span without a model.
        name: of the span.
        with_icons: True for the models that the icons of tools and data come from, which hide their text.
    """
    operation, tool = attributes.get(OPERATION), attributes.get(TOOL_NAME)
    kind = _KINDS.get(str(operation or "").lower(), _TOOL if tool else None)
    if kind is None:
        return
    if kind != _AGENT:
        _make_text(special, "messages", text_of)
        _make_text(special, "completion", documents_text if kind == _RETRIEVAL else text_of)
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


def _make_text(special: Special, field: str, as_text: Callable[[object], str]) -> None:
    """Makes text of arguments, rows and documents, of which a message would show a part."""
    value = special.get(field)
    entries = [value] if (found := safe_get.items(value)) is None else found
    if not are_parts(entries) and any(map(is_value, entries[:MAX_MESSAGES])):
        special[field] = as_text(value)
