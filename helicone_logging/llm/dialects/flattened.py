"""Lists of objects that a span holds as attributes of numbered names: `llm.input_messages.0.message.role`."""

from __future__ import annotations

from typing import Any

_MAX_DEPTH = 12
Attributes = dict[str, Any]


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


def take_prefixed(attributes: Attributes, prefix: str) -> Attributes:
    """Takes attributes out that begin with a prefix, and returns them without it.

    Args:
        attributes: of a span.
        prefix: with a dot at its end.
    """
    names = [name for name in attributes if name.startswith(prefix)]
    return {name[len(prefix) :]: attributes.pop(name) for name in names}


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
