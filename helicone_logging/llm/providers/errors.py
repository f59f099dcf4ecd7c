"""Errors in place of an answer: the body of one, or the exception that an SDK raised."""

from __future__ import annotations

from helicone_logging.core.safe_vars import EMPTY, Vars, safe_vars
from helicone_logging.llm import placeholders, safe_get
from helicone_logging.llm.json_text import parsed
from helicone_logging.llm.messages import Choice
from helicone_logging.llm.providers import detect
from helicone_logging.llm.providers.common import Fields, inner, kind_of_error, name
from helicone_logging.llm.tools import error_text

_ONLY_AN_ERROR = frozenset(("message", "detail", "code", "type", "status", "status_code", "id", "request_id", "param"))


def read(body: Vars) -> Fields | None:
    """Returns the fields of an error's body; None when it is none.

    Args:
        body: `{"error": ...}`, as nearly all have it, `{"object": "error", ...}` of Mistral and vLLM, or that of boto3.
    """
    if name(body, "object") == "error" or (name(body, "type") == "error" and "message" in body):
        return _fields(body)
    error = body.get("error")
    if body.keys() <= _ONLY_AN_ERROR:  # of Cohere, FastAPI and who is built on it
        error = safe_get.text(body.get("message")) or body.get("detail")
    if error is not None:
        return _fields(error)
    of_boto = inner(body, "Error")
    message = name(of_boto, "Message")
    return None if message is None else {**_fields({**of_boto, "message": message}), "provider": "aws"}


def read_exception(error: BaseException) -> Fields:
    """Returns the fields of an exception of an SDK: what the API said, or the exception's own text."""
    fields = safe_vars(error) or EMPTY
    body = parsed(fields.get("body"))  # OpenAI, Anthropic, Cohere, Mistral
    said = inner(inner(fields, "response"), "Error") or inner(fields, "details")  # boto3; Google GenAI
    message = name(said, "Message") or _message_in(body) or _message_in(said) or _text_of(error)
    read_fields: Fields = {
        "completion": [Choice("assistant", placeholders.error(message), None)],
        "status": "error",
        "properties": {"exception": type(error).__name__},
    }
    provider = detect.provider_of_exception(error, fields)
    return {**read_fields, "provider": provider} if provider else read_fields


def _fields(error: object) -> Fields:
    said = placeholders.error(error_text(error))
    return {"completion": [Choice("assistant", said, None)], "status": "error", **kind_of_error(error)}


def _message_in(body: object) -> str:
    return safe_get.text(body) or error_text(safe_get.first(body, "error", "message", "detail"))


def _text_of(error: BaseException) -> str:
    try:
        return str(error) or type(error).__name__
    except Exception:  # noqa: BLE001 - the `__str__` of a foreign exception
        return type(error).__name__
