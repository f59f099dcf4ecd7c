"""Checks a body as strictly as the server does, and says which key is wrong.

The published schema is compiled to closures once; checking a payload ends at the first thing that is wrong.
"""

from __future__ import annotations

import functools
import json
from collections.abc import Callable, Mapping
from importlib import resources
from typing import Any, NoReturn

INSTALL = "pip install 'helicone-logging[local]'"

_Check = Callable[[Any], None]


class NotJSONError(ValueError):
    """A body that is no JSON; NaN and Infinity are none either."""


class _RefusedError(Exception):
    """A value that breaks the schema, with the way to it from the inside out."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.way: list[str] = []


def parse(body: bytes | str) -> Any:
    """Returns what a body holds.

    Raises:
        NotJSONError: it is no JSON.
    """
    try:
        return json.loads(body, parse_constant=_refuse_constant)
    except RecursionError as error:  # of the standard library's parser, at a depth that differs between its versions
        raise NotJSONError("nested too deeply to be read") from error
    except ValueError as error:
        raise NotJSONError(str(error)) from error


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is no JSON")


def refusal(payload: object) -> str | None:
    """Returns why the server refuses a payload, with the key it is about; None for one that it accepts.

    The refused value is not repeated, as it may be private.
    """
    try:
        _schema()(payload)
    except _RefusedError as error:
        return f"{'.'.join(reversed(error.way)) or 'the body'}: {error}"
    return None


@functools.cache
def _schema() -> _Check:
    text = resources.files("helicone_logging.receiver").joinpath("otel_trace.schema.json").read_text("utf-8")
    return _compiled(json.loads(text))


def _compiled(schema: Mapping[str, Any]) -> _Check:
    return _COMPILERS[schema["type"]](schema)


def _object(schema: Mapping[str, Any]) -> _Check:
    children = {key: _compiled(child) for key, child in schema.get("properties", {}).items()}
    required = frozenset(schema.get("required", ()))
    is_closed = schema.get("additionalProperties") is False

    def check(value: Any) -> None:
        if not isinstance(value, dict):
            raise _RefusedError("must be of type object")
        if not required <= value.keys():
            missing = [key for key in schema["required"] if key not in value]
            raise _RefusedError(f"missing key {', '.join(map(repr, missing))}")
        if is_closed and not value.keys() <= children.keys():
            raise _RefusedError(f"unknown key {', '.join(map(repr, sorted(value.keys() - children.keys())))}")
        key = ""
        try:
            for key, child in children.items():
                if key in value:
                    child(value[key])
        except _RefusedError as error:
            error.way.append(key)
            raise

    return check


def _array(schema: Mapping[str, Any]) -> _Check:
    item_check = _compiled(schema["items"]) if "items" in schema else None

    def check(value: Any) -> None:
        if not isinstance(value, list):
            raise _RefusedError("must be of type array")
        if item_check is None:
            return
        item = None
        try:
            for item in value:
                item_check(item)
        except _RefusedError as error:
            error.way.append(str(next(number for number, one in enumerate(value) if one is item)))
            raise

    return check


def _string(_schema: Mapping[str, Any]) -> _Check:
    def check(value: Any) -> None:
        if not isinstance(value, str):
            raise _RefusedError("must be of type string")

    return check


def _number(_schema: Mapping[str, Any]) -> _Check:
    def check(value: Any) -> None:
        if not isinstance(value, int | float) or isinstance(value, bool):
            raise _RefusedError("must be of type number")

    return check


_COMPILERS: Mapping[str, Callable[[Mapping[str, Any]], _Check]] = {
    "object": _object,
    "array": _array,
    "string": _string,
    "number": _number,
}
