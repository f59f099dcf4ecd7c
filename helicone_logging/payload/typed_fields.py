"""`Fields`: the vocabulary of `extra=` as editors and type checkers know it; the table in `fields` is what is read."""

from __future__ import annotations

import datetime
import uuid
from collections.abc import Mapping
from typing import TypedDict

Id = str | int | uuid.UUID
"""What names something; values of other types are taken by their text, which type checkers cannot know."""

Time = float | str | datetime.datetime
"""A point in time: a number of seconds to nanoseconds since the epoch by its size, ISO 8601, or a datetime."""


class Fields(TypedDict, total=False):
    """The fields of `extra=`, of a dict message and of a `helicone` mapping; all of them are optional.

    Fields of your own are sent too: derive a class, or write `{**fields, "order": 1234}`.

    .. versionadded:: 0.1
    """

    provider: str
    model: str
    operation: str
    tool_name: str
    messages: object
    prompt: object
    completion: object
    choices: object
    tool_calls: object
    finish_reason: str
    llm_request: object
    llm_response: object
    prompt_tokens: int
    input_tokens: int
    completion_tokens: int
    output_tokens: int
    total_tokens: int
    max_tokens: int
    temperature: float
    top_p: float
    top_k: float
    frequency_penalty: float
    presence_penalty: float
    seed: float
    user_id: Id
    prompt_id: Id
    session_id: Id
    session_name: str
    session_path: str
    properties: Mapping[str, object]
    trace_id: Id
    span_id: Id
    parent_span_id: Id
    traceparent: str
    span_name: str
    span_kind: str | int
    status: str | int
    start_time: Time
    end_time: Time
    duration_ms: float | datetime.timedelta
    latency_ms: float | datetime.timedelta
    duration: float | datetime.timedelta
    helicone: Mapping[str, object]
