"""The linter says what Helicone will not show, and nothing of what is right."""

from __future__ import annotations

import json
import logging
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from receiver_client import GOOD, PROPERTY, SESSION, START, USER, changed, payload, span

from helicone_logging import Finding, OTELTraceFormatter, lint
from helicone_logging.receiver.validation import refusal
from helicone_logging.testing import capture_spans


def without(*keys: str) -> dict[str, Any]:
    return {key: value for key, value in GOOD.items() if key not in keys}


def codes(*spans: dict[str, Any]) -> list[str]:
    return [finding.code for finding in lint(payload(*spans))]


def called(provider: str, model: str, answer: str = "On its way.") -> dict[str, Any]:
    """The good call, of another model."""
    named = {"gen_ai.system": provider, "gen_ai.response.model": model, "gen_ai.completion.0.content": answer}
    return span({**GOOD, **named})


TOKENS = ("gen_ai.usage.prompt_tokens", "gen_ai.usage.completion_tokens", "llm.usage.total_tokens")
FOUND: dict[str, list[dict[str, Any]]] = {
    "blank-prompt": [
        span(without("gen_ai.prompt.0.role", "gen_ai.prompt.0.content")),
        span({**GOOD, "gen_ai.prompt.0.content": ""}),
    ],
    "blank-completion": [span({**GOOD, "gen_ai.completion.0.content": ""})],
    "blank-gemini": [span({**GOOD, "gen_ai.system": "google", "gen_ai.response.model": "gemini-2.5-pro"})],
    "no-role": [
        span({**GOOD, "gen_ai.prompt.1.content": "lost"}),
        span({**GOOD, "gen_ai.completion.1.content": "lost"}),
    ],
    "no-provider": [span(without("gen_ai.system"))],
    "unknown-provider": [span({**GOOD, "gen_ai.system": "xai"}), span({**GOOD, "gen_ai.system": "Acme"})],
    "undercounted-input": [called("x", "grok-4"), span({**GOOD, "gen_ai.system": "deepseek"})],
    "no-cost": [
        called("aws", "anthropic.claude-sonnet-4-5-20250929-v1:0"),
        called("bedrock", "us.anthropic.claude-haiku-4-5-20251001-v1:0"),
        called("aws", "claude-haiku-4-5"),
        called("bedrock", "amazon.nova-lite-v1:0"),
        called("openai", "o3"),
        called("openrouter", "anthropic/claude-opus-4-5"),
    ],
    "wrong-cost": [
        called("mistral", "mistral-large-latest"),
        called("aws", "claude-opus-4-5-20251101"),
        called("openrouter", "google/gemini-2.5-pro"),
    ],
    "few-prices": [called("nvidia", "nemotron"), called("cohere", "command-a-03-2025"), called("aws", "titan")],
    "blank-step": [called("", "tool:get_weather"), called("", "data:chart"), called("", "vector_db")],
    "blank-embedding": [called("openai", "text-embedding-3-small"), called("azure", "text-embedding-ada-002")],
    "blank-instruct": [called("openai", "gpt-3.5-turbo-instruct")],
    "blank-image": [called("openai", "dall-e-3"), called("openai", "gpt-image-1-mini")],
    "blank-llama": [called("azure", "Llama-3.3-70B-Instruct"), called("azure", "Meta-Llama-3.1-8B")],
    "parsed-answer": [
        called("aws", "claude-sonnet-4-5", "[]"),
        called("aws", "claude-sonnet-4-5", '{"type": "text", "text": "only this", "more": 1}'),
        called("aws", "claude-sonnet-4-5", "the word undefined is cut out"),
        called("aws", "claude-sonnet-4-5", '["one", "two"]'),
    ],
    "not-understood": [span({**GOOD, "llm_request": "{}"}), span({**GOOD, "llm_response": "{}"})],
    "only-total": [span(without("gen_ai.usage.prompt_tokens", "gen_ai.usage.completion_tokens"))],
    "text-tokens": [span({**GOOD, "gen_ai.usage.prompt_tokens": "14"})],
    "no-tokens": [span(without(*TOKENS))],
    "tokens-read-zero": [span({**GOOD, "gen_ai.system": "anthropic"}), span({**GOOD, "gen_ai.system": "google"})],
    "token-sum": [span({**GOOD, "llm.usage.total_tokens": 19})],
    "no-session": [span(without(SESSION + "Id"))],
    "no-session-name": [span(without(SESSION + "Name"))],
    "session-path": [span({**GOOD, SESSION + "Path": "answer"}), span(without(SESSION + "Path"))],
    "empty-path-part": [span({**GOOD, SESSION + "Path": path}) for path in ("/", "/a/", "/a//b", "//a")],
    "non-text-property": [span({**GOOD, PROPERTY + "n": 1})],
    "no-user": [span(without(USER))],
    "redactor-failed": [span({**GOOD, "gen_ai.prompt.0.content": "[redacted: the redactor failed]"})],
    "ends-early": [span(endTimeUnixNano=str(START - 1))],
    "rounded-latency": [span(startTimeUnixNano="1760000000123000100", endTimeUnixNano="1760000000124000100")],
    "no-time": [span(startTimeUnixNano="soon")],
}


@pytest.mark.parametrize("code", FOUND)
def test_what_helicone_will_not_show_is_found(code: str) -> None:
    for one in FOUND[code]:
        assert refusal(payload(one)) is None
        assert code in codes(one)
        (finding,) = [finding for finding in lint(payload(one)) if finding.code == code]
        assert finding.message
        assert finding.field
        assert finding.severity in ("error", "warning", "info")
        assert one["spanId"] in finding.where


def test_nothing_is_found_where_nothing_is_wrong() -> None:
    assert lint(payload()) == []


@pytest.mark.parametrize("code", FOUND)
def test_a_finding_tells_of_nothing_else(code: str) -> None:
    expected = {"blank-gemini": {"tokens-read-zero"}}.get(code, set())
    for one in FOUND[code]:
        assert set(codes(one)) == {code} | expected | (
            {"blank-prompt"} & set(codes(one)) if code == "no-role" else set()
        )


ALSO_RIGHT = {
    "a tool's step under its own name": {
        **without(*TOKENS, "gen_ai.system", USER),
        "gen_ai.response.model": "orders",
        PROPERTY + "step": "tool",
    },
    "a search": {**without(*TOKENS, "gen_ai.system", USER), "gen_ai.response.model": "vector_db:orders"},
    "claude under its own name at Amazon": {
        **GOOD,
        "gen_ai.system": "aws",
        "gen_ai.response.model": "claude-sonnet-4-5-20250929",
    },
    "claude's answer in JSON that is laid out anew": {
        **GOOD,
        "gen_ai.system": "aws",
        "gen_ai.response.model": "claude-sonnet-4",
        "gen_ai.completion.0.content": '{"city": "Paris"}',
    },
    "an inference profile": {
        **GOOD,
        "gen_ai.system": "bedrock",
        "gen_ai.response.model": "us.anthropic.claude-sonnet-4-5-20250929-v1:0",
    },
    "embeddings under custom": {**GOOD, "gen_ai.system": "custom", "gen_ai.response.model": "text-embedding-3-small"},
    "Llama under Groq": {**GOOD, "gen_ai.system": "groq", "gen_ai.response.model": "Llama-3.3-70B"},
    "Llama by its owner's name": {**GOOD, "gen_ai.system": "azure", "gen_ai.response.model": "meta-llama/Llama-3.3"},
    "llama in small letters": {**GOOD, "gen_ai.system": "azure", "gen_ai.response.model": "llama-3.3-70b"},
    "gemini by way of OpenRouter": {
        **GOOD,
        "gen_ai.system": "openrouter",
        "gen_ai.response.model": "google/gemini-2.5-flash",
    },
    "a plain record": without(*TOKENS, "gen_ai.system", "gen_ai.response.model", USER, "gen_ai.completion.0.content"),
    "provider custom": {**GOOD, "gen_ai.system": "custom"},
    "gemini under custom": {**GOOD, "gen_ai.system": "custom", "gen_ai.response.model": "gemini-2.5-pro"},
    "no total": without("llm.usage.total_tokens"),
    "a deep path": {**GOOD, SESSION + "Path": "/a/b/c/d"},
    "a second prompt without content": {**GOOD, "gen_ai.prompt.1.role": "assistant"},
}


@pytest.mark.parametrize("kind", ALSO_RIGHT)
def test_what_is_right_in_another_way_is_not_found(kind: str) -> None:
    assert codes(span(ALSO_RIGHT[kind])) == []


def test_a_failed_call_needs_neither_answer_nor_tokens() -> None:
    failed = span(without(*TOKENS, "gen_ai.completion.0.content"), status={"code": 2})
    (finding,) = lint(payload(failed))
    assert (finding.code, finding.severity) == ("blank-failure", "info")
    assert "exc_info" in finding.field
    told = {**without(*TOKENS), "gen_ai.completion.0.content": "[error] timeout"}
    assert codes(span(told, status={"code": 2})) == []
    plain = without(*TOKENS, "gen_ai.system", "gen_ai.response.model", USER, "gen_ai.completion.0.content")
    assert codes(span(plain, status={"code": 2})) == []


def test_a_redactor_that_raises_is_told_of() -> None:
    with capture_spans(redact=lambda key, value: value.missing) as spans:
        logging.getLogger("shop").info("call", extra={"trace_id": "t", "model": "gpt-4o", "prompt": "Hi?"})
    (finding,) = [finding for finding in spans.lint() if finding.code == "redactor-failed"]
    assert "a function that takes a key and a value" in finding.field


def test_a_stream_without_tokens_is_told_how_to_ask_for_them() -> None:
    (finding,) = lint(payload(span({**without(*TOKENS), PROPERTY + "response_id": "chatcmpl-1"})))
    assert finding.code == "no-tokens"
    assert finding.field.startswith('stream_options={"include_usage": True} in the request of a stream, or ')


def test_a_cancelled_call_needs_neither_answer_nor_tokens() -> None:
    cut_off = without(*TOKENS, "gen_ai.completion.0.role", "gen_ai.completion.0.content")
    assert codes(span(cut_off)) == ["blank-completion", "no-tokens"]
    assert codes(span({**cut_off, PROPERTY + "cancelled": "true"})) == []


AGENTS = {
    "by its name": {"gen_ai.response.model": "planner", PROPERTY + "step": "agent"},
    "of a model": {"gen_ai.response.model": "gpt-4o", "llm.request.type": "invoke_agent"},
}


@pytest.mark.parametrize("kind", AGENTS)
def test_an_agent_needs_no_tokens_cost_or_answer_as_its_calls_have_them(kind: str) -> None:
    said = without(*TOKENS, USER, "gen_ai.system", "gen_ai.completion.0.role", "gen_ai.completion.0.content")
    assert codes(span({**said, **AGENTS[kind]})) == []


def test_an_agent_with_tokens_of_its_own_is_a_call_of_its_model() -> None:
    agent = {**without("gen_ai.system"), "llm.request.type": "invoke_agent"}
    assert codes(span(agent)) == ["no-provider"]


def test_a_name_that_changes_within_a_session_is_found() -> None:
    other = span({**GOOD, SESSION + "Name": "other"})
    assert codes(span(), span(), other) == ["session-name-changes"]
    assert [finding.code for finding in lint([payload(span()), payload(other)])] == ["session-name-changes"]
    assert codes(span(), span({**GOOD, SESSION + "Id": "s2", SESSION + "Name": "other"})) == []


@pytest.mark.parametrize("body", ["{", "", b"\xff", '{"resourceSpans": NaN}', "[" * 100_000])
def test_what_is_no_json_is_one_error(body: str | bytes) -> None:
    (finding,) = lint(body)
    assert (finding.code, finding.severity) == ("not-json", "error")


@pytest.mark.parametrize(
    "body", [None, 5, {}, "[]", {"resourceSpans": [{}]}, changed(lambda _, one: one.update(parentSpanId="x"))]
)
def test_what_the_server_refuses_is_one_error(body: object) -> None:
    (finding,) = lint(body)
    assert (finding.code, finding.severity) == ("refused", "error")


def test_payloads_are_taken_as_json_mappings_or_lists_of_them() -> None:
    text = json.dumps(payload())
    assert lint(text) == lint(text.encode()) == lint(payload()) == lint([text, payload()]) == lint(()) == lint([]) == []
    assert len(lint([payload(span(without(USER))), "{", payload(span(without(USER)))])) == 3


def test_a_finding_is_a_plain_value() -> None:
    one = Finding("code", "info", "message", "field", "where")
    assert one == Finding("code", "info", "message", "field", "where")
    with pytest.raises(AttributeError):
        one.code = "other"  # type: ignore[misc]


any_scalar = st.one_of(st.text(max_size=10), st.integers(-(2**53), 2**53))
any_key = st.one_of(
    st.sampled_from([*GOOD, "gen_ai.prompt.1.role", "gen_ai.completion.7.content", "llm.user"]), st.text(max_size=10)
)


@given(
    st.dictionaries(any_key, any_scalar, max_size=12),
    st.sampled_from(["", "x", "1", "1" * 19, "9" * 19, "nan", "-5", "1e3"]),
)
@settings(suppress_health_check=[HealthCheck.too_slow], deadline=None)
def test_any_payload_that_the_schema_accepts_is_linted_without_a_fault(attributes: dict[str, Any], time: str) -> None:
    one = span(attributes, startTimeUnixNano=time)
    assert refusal(payload(one)) is None
    assert all(isinstance(finding, Finding) for finding in lint(payload(one)))


def test_what_our_formatter_makes_of_a_full_record_has_nothing_to_find() -> None:
    import logging

    made = logging.getLogger("shop").makeRecord("shop", logging.INFO, "a.py", 1, "answer", (), None, "ask", {
        "trace_id": "order-1234", "user_id": "ada", "model": "gpt-4o", "messages": "Where?", "completion": "Here.",
        "prompt_tokens": 3, "completion_tokens": 2, "duration_ms": 830,
    })  # fmt: skip
    assert lint(OTELTraceFormatter().format(made)) == []
