"""Checks a body as strictly as the server does, and says which key is wrong."""

from __future__ import annotations

import functools
import json
from importlib import resources
from typing import Any, NoReturn

from helicone_logging.errors import ConfigurationError

INSTALL = "pip install 'helicone-logging[local]'"


class NotJSONError(ValueError):
    """A body that is no JSON; NaN and Infinity are none either."""


def parse(body: bytes | str) -> Any:
    """Returns what a body holds.

    Raises:
        NotJSONError: it is no JSON.
    """
    try:
        return json.loads(body, parse_constant=_refuse_constant)
    except (ValueError, RecursionError) as error:
        raise NotJSONError(str(error)) from error


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is no JSON")


def refusal(payload: object) -> str | None:
    """Returns why the server refuses a payload, with the key it is about; None for one that it accepts."""
    errors = sorted(_validator().iter_errors(payload), key=lambda error: (len(error.absolute_path), str(error.path)))
    if not errors:
        return None
    error = errors[-1]
    where = ".".join(str(part) for part in error.absolute_path) or "the body"
    return f"{where}: {_reason(error)}"


def _reason(error: Any) -> str:
    """The reason without the refused value, which may be private."""
    if error.validator == "additionalProperties":
        unknown = sorted(set(error.instance) - set(error.schema.get("properties", {})))
        return f"unknown key {', '.join(map(repr, unknown))}"
    if error.validator == "required":
        missing = [key for key in error.validator_value if key not in error.instance]
        return f"missing key {', '.join(map(repr, missing))}"
    if error.validator == "type":
        return f"must be of type {error.validator_value}"
    return f"breaks the rule {error.validator!r}"


@functools.cache
def _validator() -> Any:
    try:
        import jsonschema
    except ImportError as error:
        raise ConfigurationError(f"checking payloads needs jsonschema: {INSTALL}") from error
    text = resources.files("helicone_logging.receiver").joinpath("otel_trace.schema.json").read_text("utf-8")
    return jsonschema.Draft202012Validator(json.loads(text))
