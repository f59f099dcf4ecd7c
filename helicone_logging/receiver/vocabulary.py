"""The fields of `extra=` as `lint` knows them: what each takes, and what of a span tells that it was said.

Written apart from the table by which records are read, as all of the receiver is; a test holds the two together.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from helicone_logging.core import ids
from helicone_logging.core.findings import INFO, WARNING
from helicone_logging.receiver.subject import Subject

_HELICONE = "traceloop.association.properties.Helicone-"
# An error without a type: https://opentelemetry.io/docs/specs/semconv/registry/attributes/error/
_OTHER_ERROR = "_OTHER"

_TEXT = "text"
_ID = "text or a number"
_COUNT = "a whole number from 0 to 10^12"
_NUMBER = "a number"
_TIME = "a datetime of 1970 to 2262, ISO 8601, or a number since the epoch"


class Field(NamedTuple):
    """A field of `extra=`.

    Args:
        name: its name.
        takes: what values, in words; empty where every value is understood.
        is_said: tells whether a span has it, by what it shows.
        aliases: other names for it.
        severity: of what is found of it.
    """

    name: str
    takes: str
    is_said: Callable[[Subject], bool]
    aliases: tuple[str, ...] = ()
    severity: str = WARNING


def _has(*keys: str) -> Callable[[Subject], bool]:
    return lambda subject: any(key in subject.all_attributes for key in keys)


def _shows_property(name: str) -> Callable[[Subject], bool]:
    return lambda subject: name in subject.row.properties


def _tells_error(subject: Subject) -> bool:
    return "exception" in subject.row.properties or subject.all_attributes["error.type"] == _OTHER_ERROR


def _unknown(_subject: Subject) -> bool:
    """Of what every span has, nobody knows whether it was said."""
    return False


def _has_prompt(subject: Subject) -> bool:
    """A record without a prompt shows its text as one, and bears it for its name."""
    messages = subject.row.messages
    return len(messages) != 1 or messages[0].role != "user" or messages[0].content != subject.span["name"]


def _has_answer(subject: Subject) -> bool:
    return bool(subject.row.choices)


def _has_length(subject: Subject) -> bool:
    return bool(subject.span["startTimeUnixNano"] != subject.span["endTimeUnixNano"])


def _names_trace(subject: Subject) -> bool:
    """The session bears the trace's name, which is its 32 digits where nobody has named it."""
    return bool(subject.row.session_id.lower() != subject.span["traceId"].lower())


def _names_session(subject: Subject) -> bool:
    """Whether the session bears another name than the trace, whose digits follow from its name."""
    session = subject.row.session_id
    return bool(session) and (ids.trace_id(session) or "").lower() != subject.span["traceId"].lower()


def _parameter(name: str) -> Field:
    return Field(name, _NUMBER, _has(f"gen_ai.request.{name}"))


FIELDS = (
    Field("provider", _TEXT, _has("gen_ai.system")),
    Field("model", _TEXT, _has("gen_ai.response.model")),
    Field("operation", _TEXT, _has("llm.request.type")),
    Field("tool_name", _TEXT, _has("gen_ai.tool.name")),
    Field("prompt_tokens", _COUNT, _has("gen_ai.usage.prompt_tokens"), ("input_tokens",)),
    Field("completion_tokens", _COUNT, _has("gen_ai.usage.completion_tokens"), ("output_tokens",)),
    Field("total_tokens", _COUNT, _has("llm.usage.total_tokens")),
    Field("max_tokens", _COUNT, _has("gen_ai.response.max_tokens")),
    *map(_parameter, ("temperature", "top_p", "top_k", "frequency_penalty", "presence_penalty", "seed")),
    Field("user_id", _ID, _has(_HELICONE + "User-Id")),
    Field("prompt_id", _ID, _has(_HELICONE + "Prompt-Id")),
    Field("trace_id", "", _names_trace),
    Field("span_id", "", _unknown),
    Field("parent_span_id", "", _has("parent_span_id")),
    Field("traceparent", "W3C's header, such as 00-(32 digits)-(16 digits)-01", _names_trace),
    Field("start_time", _TIME, _has_length),
    Field("end_time", _TIME, _has_length),
    Field("duration_ms", "a number of milliseconds from 0, or a timedelta", _has_length, ("latency_ms",)),
    Field("duration", "a number of seconds from 0, or a timedelta", _has_length),
    Field("span_name", _TEXT, _unknown),
    Field("session_id", _ID, _names_session),
    Field("session_name", _TEXT, _unknown),
    Field("session_path", _TEXT, _unknown),
    Field("messages", "", _has_prompt, ("prompt",)),
    Field("completion", "", _has_answer, ("choices",)),
    Field("tool_calls", "", _has_answer),
    Field("finish_reason", "text, beside a completion", _has("gen_ai.completion.0.finish_reason")),
    # A word that many use for states of their own.
    Field("status", "ok, error, unset, or a status of HTTP", _unknown, severity=INFO),
    Field("span_kind", "internal, server, client, producer or consumer", _unknown),
    Field("properties", "a mapping", _unknown),
    Field("helicone", "a mapping", _unknown),
    Field("llm_request", "", _has_prompt),
    Field("llm_response", "", _has_answer),
)
"""Fields that have names of our own; nothing but a value that is not understood lands in an attribute of that name."""

OPENTELEMETRY = (
    Field("gen_ai.agent.name", _TEXT, _shows_property("agent")),
    Field("gen_ai.response.id", _TEXT, _shows_property("response_id")),
    Field("gen_ai.response.time_to_first_chunk", _NUMBER, _shows_property("time_to_first_chunk")),
    Field("gen_ai.usage.cache_read.input_tokens", _COUNT, _shows_property("cached_tokens")),
    Field("gen_ai.usage.cache_creation.input_tokens", _COUNT, _shows_property("cache_creation_tokens")),
    Field("gen_ai.usage.reasoning.output_tokens", _COUNT, _shows_property("reasoning_tokens")),
    Field("error.type", _TEXT, _tells_error),
)
"""Attributes of OpenTelemetry's that show as properties, where their values are understood."""
