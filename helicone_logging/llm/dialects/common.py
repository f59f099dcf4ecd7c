"""What all dialects share: taking values out of a span's attributes, without what frameworks put around them."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Mapping
from typing import Any

from helicone_logging.llm import messages
from helicone_logging.llm.content import content_text
from helicone_logging.llm.dialects.spans import Attributes, Kind
from helicone_logging.llm.json_text import MAX_JSON, parsed
from helicone_logging.llm.placeholders import embeddings, json_text

Fields = dict[str, Any]
"""Fields of `extra=` by name."""

_MAX_DEPTH = 12
_MESSAGE = frozenset(("role", "parts", "lc"))  # the last is LangChain's
_ASKED: Mapping[Kind, str] = {"tool": "gen_ai.tool.call.arguments", "retrieval": "gen_ai.retrieval.query.text"}
_ANSWERED: Mapping[Kind, str] = {"tool": "gen_ai.tool.call.result", "retrieval": "gen_ai.retrieval.documents"}

# Around the arguments of functions: LangChain's runs have more than decorators, and smolagents has a switch of its own.
_WITHIN = ("inputs", "query", "input_str", "outputs", "output", "documents")
_TELLS_AROUND = frozenset(("kwargs", "count"))
_AROUND = frozenset(("args", "tags", "metadata", *_WITHIN, *_TELLS_AROUND))
_OF_FUNCTIONS = frozenset(("args", "kwargs", "sanitize_inputs_outputs"))
_OF_MCP = frozenset(("tool_name", "arguments"))
_OF_ADK = frozenset(("id", "name", "response"))
_EMBEDDED = ("texts", "text", "query", "input")
# The parts of a message of Bedrock, which Strands writes, have no type: the name of the only field tells.
_PARTS_OF_BEDROCK = frozenset(("text", "toolUse", "toolResult", "reasoningContent", "image", "document", "cachePoint"))


def put(fields: Fields, field: str, value: object) -> None:
    """Writes a field, unless something is said there already or the value is empty."""
    if value is not None and value != "" and value != []:
        fields.setdefault(field, value)


def take_named(attributes: Attributes, names: Mapping[str, str], fields: Fields) -> None:
    """Takes the attributes out that a field stands for; the first of several wins.

    Args:
        attributes: of a span.
        names: the field of each.
        fields: where they go, unless something is said there already.
    """
    for name, field in names.items():
        if name in attributes:
            fields.setdefault(field, attributes.pop(name))


def put_step(fields: Fields, kind: Kind, asked: object, answered: object) -> None:
    """Says what a step was given and what it gave back, in the fields that are for its kind.

    Args:
        fields: where it goes, unless something is said there already.
        kind: of the step.
        asked: JSON text, or any other; None for nothing.
        answered: likewise.
    """
    if kind == "tool":
        asked, answered = unwrapped(asked), result(unwrapped(answered))
    elif kind == "embedding":
        asked, answered = _embedded_texts(asked), _without_vectors(answered)
    if kind in _ASKED:
        told = ((_ASKED[kind], asked), (_ANSWERED[kind], answered))
    else:
        told = (("messages", _messages_of(asked)), ("completion", _messages_of(answered)))
    for field, value in told:
        put(fields, field, value)


def _messages_of(value: object) -> object:
    """Returns messages where JSON text holds some, and any other text as it is: a dict of arguments is no message."""
    told = parsed(value)
    if isinstance(told, dict) and isinstance(told.get("messages"), list):
        told = told["messages"]
    entries = told if isinstance(told, list) else [told]
    is_said = all(isinstance(entry, dict) and not _MESSAGE.isdisjoint(entry) for entry in entries)
    return told if entries and is_said else value


def content_of(value: object) -> object:
    """Returns the parts of a message where JSON text holds some, and any other text as it is."""
    told = parsed(value)
    return told if are_parts(told) else value


def add_properties(fields: Fields, properties: Mapping[str, object]) -> None:
    """Adds Helicone properties to those that are there already, which win."""
    if properties:
        fields["properties"] = {**properties, **fields.get("properties", {})}


# ---- Lists of objects that a span holds as attributes of numbered names: `llm.input_messages.0.message.role` ----


def take_list(attributes: Attributes, prefix: str) -> list[Any]:
    """Takes the attributes of one list out, and returns its entries in their order.

    Args:
        attributes: of a span; those that begin with the prefix are taken out.
        prefix: what stands before the number, with a dot at its end.
    """
    tree: dict[str, Any] = {}
    for name in [name for name in attributes if name.startswith(prefix)]:
        _put(tree, name[len(prefix) :].split(".", _MAX_DEPTH), attributes.pop(name))
    entries = _listed(tree)
    return entries if isinstance(entries, list) else []


def _put(tree: dict[str, Any], parts: list[str], value: object) -> None:
    for part in parts[:-1]:
        within = tree.setdefault(part, {})
        if not isinstance(within, dict):  # a name is both a value and the beginning of another name
            within = tree[part] = {"": within}
        tree = within
    if isinstance(tree.get(parts[-1]), dict):
        tree[parts[-1]][""] = value
    else:
        tree[parts[-1]] = value


def _listed(tree: Any) -> Any:
    """Mappings whose keys are all numbers as lists, in the order of the numbers."""
    if not isinstance(tree, dict):
        return tree
    entries = {key: _listed(value) for key, value in tree.items()}
    if entries and all(map(_is_index, entries)):
        return [entries[key] for key in sorted(entries, key=int)]
    return entries


def _is_index(key: str) -> bool:
    return key.isascii() and key.isdigit() and len(key) < 10


# ---- What decorators and frameworks put around what a step was given, or gave back ----


def unwrapped(value: object) -> object:
    """Returns what a step was given or gave back; any other value as it is.

    Args:
        value: JSON text, or any other.
    """
    told = parsed(value)
    if not isinstance(told, dict):
        return value
    if told.keys() == _OF_MCP:
        return _said(told["arguments"])
    if "kwargs" in told and told.keys() <= _OF_FUNCTIONS and ("args" in told or told["kwargs"]):
        return _said(_arguments(told))
    if told.keys() <= _AROUND and not told.keys().isdisjoint(_TELLS_AROUND):
        given = next((told[name] for name in _WITHIN if told.get(name) is not None), None)
        return value if given is None else _said(given)
    return value


def result(value: object) -> object:
    """Returns what a tool gave back, as text where a framework made a message or an object of it.

    Args:
        value: JSON text, or any other.
    """
    told = parsed(value)
    if isinstance(value, str) and value[:1] == value[-1:] == '"' and len(value) <= MAX_JSON:
        with contextlib.suppress(ValueError):
            told = json.loads(value)
    if isinstance(told, dict):
        content = _content(told)
        return value if content is None else _said(content) if isinstance(content, dict) else content_text(content)
    return content_text(told) if are_parts(told) else told if isinstance(told, str) else value


def _embedded_texts(value: object) -> object:
    """Returns the texts that were embedded, out of the arguments of a framework's method; any other value as it is."""
    told = parsed(value)
    if not isinstance(told, dict):
        return value
    return next((given for name in _EMBEDDED if isinstance(given := told.get(name), str | list)), value)


def _without_vectors(value: object) -> object:
    """Returns how many vectors there are in the place of vectors; any other value as it is."""
    told = parsed(value)
    if not isinstance(told, list) or not told:
        return value
    vectors = [told] if isinstance(told[0], float) else told
    return embeddings(len(vectors), vectors[0]) if isinstance(vectors[0], list) else value


def are_parts(value: object) -> bool:
    """Returns whether a value is the list of the parts of a message."""
    return isinstance(value, list) and bool(value) and all(map(_is_part, value))


def _is_part(part: object) -> bool:
    return isinstance(part, dict) and ("type" in part or (len(part) == 1 and not _PARTS_OF_BEDROCK.isdisjoint(part)))


def _content(told: dict[str, Any]) -> object:
    """The content of a message of LangChain in either form, or of a result of LlamaIndex or Google's ADK."""
    if "lc" in told or told.keys() == {"type", "data"}:
        return messages.unwrapped(told).get("content")
    if told.keys() == _OF_ADK:
        return told["response"]
    return told["blocks"] if isinstance(told.get("blocks"), list) and "raw_output" in told else None


def _arguments(told: dict[str, Any]) -> object:
    both = [told[name] for name in ("args", "kwargs") if told.get(name)] or [""]
    given = both[0] if len(both) == 1 else both
    return given[0] if isinstance(given, list) and len(given) == 1 else given


def _said(given: object) -> object:
    return given if isinstance(given, str) else json_text(given)
