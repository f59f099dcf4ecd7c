"""The linter says which fields were logged and not understood, and takes no word of an application for a slip."""

from __future__ import annotations

import logging
from typing import Any

import pytest
from receiver_client import GOOD, payload, span

from helicone_logging import Finding, OTELTraceFormatter, lint
from helicone_logging.payload import fields as read
from helicone_logging.receiver.vocabulary import FIELDS, OPENTELEMETRY

CODES = ("misspelt", "other-name", "wrong-type")
CALL = {"trace_id": "order-1234", "model": "gpt-4o"}
ORDINARY = [
    "account_id", "attempt", "batch_id", "branch", "cache_hit", "category", "channel", "choice", "chunks", "city",
    "client_id", "cluster", "cohort", "completed", "completed_at", "completion_rate", "conversation_id", "country",
    "currency", "customer_id", "device", "duration_class", "elapsed_time", "email", "embedding_model",
    "environment", "experiment", "feature", "flag", "group_id", "host", "index", "job_id", "kind", "label",
    "language", "latency_class", "locale", "max_items", "max_retries", "message_count", "message_id", "method",
    "modal", "mode", "model_family", "model_version", "models", "module_name", "namespace", "need", "operations",
    "operator", "order", "order_id", "page_id", "parent_id", "plan_id", "pod", "post_id", "price", "priority",
    "product", "prompt_length", "prompt_name", "prompt_template", "prompt_version", "provider_region", "query",
    "queue", "reason", "region", "release", "request_id", "result", "retries", "role", "route", "run_id", "scan_id",
    "score", "seeds", "send_time", "service", "session_type", "shop", "size", "source", "span", "span_count",
    "speed", "stage", "start", "started_at", "state", "stats", "status_code", "status_text", "step", "task_id",
    "team", "temperature_unit", "tenant", "thread_id", "title", "token", "token_type", "tokenizer", "tool", "tools",
    "top", "topic", "total", "trace", "trace_url", "track_id", "type", "url", "user_agent", "user_ids", "user_ip",
    "user_name", "user_role", "username", "user_tier", "value", "variant", "version", "voices", "worker",
]  # fmt: skip


def found(wire: str = "helicone", /, **extra: Any) -> list[Finding]:
    """What is found of a record's fields."""
    record = logging.getLogger("shop").makeRecord("shop", logging.INFO, "a.py", 1, "hi there", (), None, "ask", extra)
    return [one for one in lint(OTELTraceFormatter(wire=wire).format(record), wire=wire) if one.code in CODES]


@pytest.mark.parametrize(
    ("name", "meant"),
    {
        "modle": "model", "Model": "model", "promt": "prompt", "complation": "completion", "userid": "user_id",
        "userId": "user_id", "usr_id": "user_id", "traceid": "trace_id", "trace-id": "trace_id",
        "sessionId": "session_id", "promt_tokens": "prompt_tokens", "prompt_token": "prompt_tokens",
        "inputTokens": "input_tokens", "temprature": "temperature", "topP": "top_p", "duraton_ms": "duration_ms",
        "providr": "provider", "trace_parent": "traceparent", "llm_reponse": "llm_response", "spanName": "span_name",
    }.items(),
)  # fmt: skip
def test_a_misspelt_field_is_told(name: str, meant: str) -> None:
    (finding,) = found(helicone={}, **{name: "5"})
    assert (finding.code, finding.severity, finding.field) == ("misspelt", "warning", meant)
    assert f"`{name}`" in finding.message


@pytest.mark.parametrize(
    ("name", "value", "meant"),
    [
        ("user", "ada", "user_id"), ("session", "q", "session_id"), ("response", "r", "completion"),
        ("answer", "r", "completion"), ("output", "r", "completion"), ("input", "x", "prompt"),
        ("tokens", 5, "prompt_tokens"), ("usage", {"prompt_tokens": 3}, "llm_response"), ("latency", 5, "duration_ms"),
        ("elapsed", 5, "duration"),
    ],
)  # fmt: skip
def test_another_name_for_a_field_is_advice(name: str, value: object, meant: str) -> None:
    (finding,) = found(**CALL, **{name: value})
    assert (finding.code, finding.severity) == ("other-name", "info")
    assert finding.field.startswith(meant)


def test_the_name_of_a_model_under_another_name_is_advice() -> None:
    (finding,) = found(trace_id="order-1234", model_name="gpt-4o")
    assert (finding.code, finding.field) == ("other-name", "model")


def test_a_word_that_applications_use_for_states_of_their_own_is_advice() -> None:
    (finding,) = found(helicone={}, Status="shipped")
    assert (finding.code, finding.severity, finding.field) == ("misspelt", "info", "status")


def test_a_name_of_the_applications_own_beside_the_field_is_no_finding() -> None:
    said = {
        **CALL, "prompt": "Where?", "completion": "Here.", "prompt_tokens": 3, "completion_tokens": 2, "user_id": "ada",
        "session_id": "s1", "duration_ms": 5,
    }  # fmt: skip
    own = "user", "session", "response", "output", "input", "tokens", "usage", "latency", "modle", "traceId"
    assert found(**said, **dict.fromkeys(own, "5")) == []
    for wire in ("helicone", "otlp"):
        assert found(wire, trace_id="order-1234", temperature=0.5, temprature=0.5) == []


def test_an_id_that_says_the_same_under_another_name_is_no_finding() -> None:
    trace, one = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
    assert found(trace_id=trace, span_id=one, traceId=trace, spanId=one) == []
    (finding,) = found(helicone={}, traceId=trace)
    assert finding.field == "trace_id"


def test_an_answer_is_looked_for_in_calls_of_models_only() -> None:
    assert found(trace_id="order-1234", response="200", output="a.txt", input="b.txt") == []


@pytest.mark.parametrize("call", [{}, {"model": "planner"}, {"operation": "execute_tool"}])
def test_ordinary_names_of_properties_are_no_slips(call: dict[str, str]) -> None:
    assert len(ORDINARY) > 60
    for name in ORDINARY:
        first, *others = name.split("_")
        for spelling in (name, name.upper(), first + "".join(map(str.title, others))):
            assert found(helicone={}, **call, **{spelling: "5"}) == [], spelling


REFUSED: dict[str, object] = {
    "provider": {"a": 1}, "model": ["gpt-4o"], "operation": [1], "tool_name": object(), "prompt_tokens": "many",
    "completion_tokens": -1, "total_tokens": 1.5, "max_tokens": [1], "temperature": "hot", "top_p": True,
    "top_k": "few", "frequency_penalty": {}, "presence_penalty": [0], "seed": "s",
    "user_id": {"a": 1}, "prompt_id": [1],
    "traceparent": "00-zz", "start_time": "yesterday", "end_time": {}, "duration_ms": "fast", "duration": -5,
    "span_name": ["n"], "session_id": {"a": 2}, "session_name": ["x"], "session_path": ["p"], "finish_reason": {"a": 1},
    "status": "fine", "span_kind": "q", "properties": "x", "helicone": "x", "gen_ai.agent.name": ["x"],
    "gen_ai.response.id": {}, "gen_ai.response.time_to_first_chunk": "soon", "error.type": {"a": 1},
    "gen_ai.usage.cache_read.input_tokens": "many", "gen_ai.usage.cache_creation.input_tokens": [],
    "gen_ai.usage.reasoning.output_tokens": 0.5,
}  # fmt: skip
TAKEN: dict[str, object] = {
    "provider": "openai", "model": "gpt-4o", "operation": "chat", "tool_name": "search", "prompt_tokens": "3",
    "completion_tokens": 2, "total_tokens": 5, "max_tokens": 99, "temperature": 0.5, "top_p": 1, "top_k": 3,
    "frequency_penalty": 0, "presence_penalty": 0, "seed": 7, "user_id": 5, "prompt_id": "p",
    "traceparent": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", "start_time": "2026-01-01T00:00:00Z",
    "end_time": 1_767_225_601, "duration_ms": 5, "duration": "0.5", "span_name": "n", "session_id": 2,
    "session_name": "x", "session_path": "/p", "completion": "y", "finish_reason": "stop", "status": 404,
    "span_kind": "client", "properties": {"a": 1}, "helicone": {"top_k": 4}, "gen_ai.agent.name": "x",
    "gen_ai.response.id": "r", "gen_ai.response.time_to_first_chunk": 0.2, "error.type": "timeout",
    "gen_ai.usage.cache_read.input_tokens": 1, "gen_ai.usage.cache_creation.input_tokens": 1,
    "gen_ai.usage.reasoning.output_tokens": 1, "parent_span_id": "b7ad6b7169203332", "tool_calls": [],
}  # fmt: skip


@pytest.mark.parametrize("wire", ["helicone", "otlp"])
@pytest.mark.parametrize("name", REFUSED)
def test_a_value_that_its_field_does_not_take_is_told(name: str, wire: str) -> None:
    (finding,) = found(wire, trace_id="order-1234", **{name: REFUSED[name]})
    assert (finding.code, finding.field) == ("wrong-type", name)
    assert finding.severity == ("info" if name == "status" else "warning")
    assert finding.message.startswith(f"{name}=")
    assert "it takes " in finding.message


@pytest.mark.parametrize("wire", ["helicone", "otlp"])
def test_values_that_their_fields_take_are_no_findings(wire: str) -> None:
    assert found(wire, **TAKEN) == []
    assert found(wire, trace_id="order-1234", status="error") == []


@pytest.mark.parametrize("value", [[1, 2], True, 0.5, ["a"], {}, b"", None, "x" * 1000, 2**70])
@pytest.mark.parametrize("wire", ["helicone", "otlp"])
def test_any_value_of_any_field_is_linted_without_a_fault(wire: str, value: object) -> None:
    for name in (*REFUSED, "modle", "traceid", "spanId", "user", "usage"):
        for finding in found(wire, trace_id="order-1234", **{name: value}):
            assert finding.field


def test_a_finding_tells_no_whole_prompt() -> None:
    (finding,) = found(trace_id="order-1234", properties="a long text " * 1000)
    assert len(finding.message) < 120


def test_no_field_is_missing_from_what_the_linter_knows() -> None:
    always_understood = {
        "gen_ai.system_instructions", "gen_ai.tool.call.arguments", "gen_ai.tool.call.result",
        "gen_ai.retrieval.query.text", "gen_ai.retrieval.documents",
    }  # fmt: skip
    assert {field.name for field in (*FIELDS, *OPENTELEMETRY)} == read.FIELDS.keys() - read.OUR_OWN - always_understood
    for field in FIELDS:
        assert {read.ALIASES[alias] for alias in field.aliases} <= {field.name}
    assert {field.name for field in (*FIELDS, *OPENTELEMETRY) if field.takes} == REFUSED.keys()


def test_spans_that_others_made_use_names_as_they_like() -> None:
    others = span({**GOOD, "user": "x", "modle": "x", "status": "fine", "prompt_tokens": "many"})
    assert [one.code for one in lint(payload(others)) if one.code in CODES] == []
