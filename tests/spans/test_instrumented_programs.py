"""What instrumentations capture of real SDKs shows up in Helicone: whole, streamed, with tools, and where it fails."""

from __future__ import annotations

import importlib.metadata
import importlib.util
from pathlib import Path

import instrumented
import pytest
import scripts
from instrumented import MODELS
from llm_server import VERSION

from helicone_logging.receiver import Receiver
from helicone_logging.receiver.rows import Row

PACKAGES = {
    "openllmetry-openai": "opentelemetry-instrumentation-openai",
    "openllmetry-anthropic": "opentelemetry-instrumentation-anthropic",
    "opentelemetry-openai": "opentelemetry-instrumentation-openai-v2",
    "openinference-openai": "openinference-instrumentation-openai",
    "openinference-anthropic": "openinference-instrumentation-anthropic",
    "anthropic-itself": "anthropic",
    "pydantic-ai": "pydantic-ai-slim",
}
ENVIRONMENT = {
    "opentelemetry-openai": {
        "OTEL_SEMCONV_STABILITY_OPT_IN": "gen_ai_latest_experimental",
        "OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT": "SPAN_ONLY",
    },
    "openllmetry-anthropic": {"ANTHROPIC_OPEN_TELEMETRY": "false"},
    "anthropic-itself": {"ANTHROPIC_OPEN_TELEMETRY_TRACES_CONTENT_MODE": "content"},
}
CALL = "[tool call] get_weather"


def rows_of(receiver: Receiver, program: str) -> tuple[list[Row], str]:
    """Runs a program to its end: what arrived, in the order in which it began, and what the program told on stderr."""
    try:
        importlib.metadata.version(PACKAGES[program])
    except importlib.metadata.PackageNotFoundError:
        pytest.skip(f"{PACKAGES[program]} is not installed: pip install 'helicone-logging[sdks]'")
    if program == "anthropic-itself" and importlib.util.find_spec("anthropic.lib._tracing") is None:
        pytest.skip("this version of Anthropic's SDK writes no spans of its own")
    ran = scripts.run(Path(instrumented.__file__), receiver.url, program, **ENVIRONMENT.get(program, {}))
    assert ran.returncode == 0, ran.stdout + ran.stderr
    return sorted(receiver.rows(), key=lambda row: row.created_ns), ran.stderr


def answered(row: Row) -> str:
    (choice,) = row.choices
    return choice.content.replace(": ", ":")


def last(row: Row) -> tuple[str, str]:
    return row.messages[-1].role, row.messages[-1].content


@pytest.mark.parametrize("program", ["openllmetry-openai", "opentelemetry-openai", "openinference-openai"])
def test_calls_of_openai_show_up_complete(receiver: Receiver, program: str) -> None:
    rows, told = rows_of(receiver, program)
    plain, tool, streamed, streamed_tool, result, failed, embedded = rows
    assert [row.provider for row in rows] == ["OPENAI"] * 7
    assert {row.model for row in rows[:5]} == {MODELS["openai"] + VERSION}
    assert {row.session_id for row in rows} == {rows[0].session_id}
    assert all(row.session_path.startswith("/handle request/") for row in rows)
    for row in (plain, tool, streamed, streamed_tool):
        assert [(said.role, said.content) for said in row.messages] == [
            ("system", "Be brief."), ("user", "Weather in Paris?"),
        ]  # fmt: skip
    for row in (plain, tool, streamed, streamed_tool, result):
        assert (row.prompt_tokens, row.completion_tokens) == (12, 5)
        assert row.has_cost
    assert answered(plain) == answered(streamed) == answered(result) == "Sunny."
    assert answered(tool) == answered(streamed_tool) == CALL + '({"city":"Paris"})'
    assert plain.choices[0].finish_reason == "stop"
    assert last(result) == ("tool", "[tool result call_1] 21 °C")
    assert failed.model == "broken"
    assert "NotFoundError" in answered(failed)
    assert failed.properties["error"] == "true"
    assert failed.properties["exception"].endswith("NotFoundError")
    assert (embedded.model, embedded.prompt_tokens) == ("text-embedding-3-small", 3)
    assert "embedding" in answered(embedded)
    assert "opentelemetry.md" not in told


@pytest.mark.parametrize("program", ["openllmetry-anthropic", "openinference-anthropic"])
def test_calls_of_anthropic_show_up_complete_and_once(receiver: Receiver, program: str) -> None:
    """The SDK tells of its calls itself, so there may be a span within the one of an instrumentation."""
    rows, _ = rows_of(receiver, program)
    plain, tool, streamed, streamed_tool, result, failed = rows
    assert [row.provider for row in rows] == ["ANTHROPIC"] * 6
    assert {row.model for row in rows[:5]} == {MODELS["anthropic"]}
    for row in (plain, tool, streamed, streamed_tool):
        assert [(said.role, said.content) for said in row.messages] == [
            ("system", "Be brief."), ("user", "Weather in Paris?"),
        ]  # fmt: skip
    assert answered(plain) == answered(streamed) == answered(result) == "Sunny."
    assert answered(tool) == answered(streamed_tool) == f'Let me look.\n{CALL}({{"city":"Paris"}})'
    assert last(result)[1] == "[tool result tu_1] 21 °C"
    assert failed.properties["error"] == "true"


def test_calls_that_the_sdk_of_anthropic_tells_of_itself_show_up(receiver: Receiver) -> None:
    """It writes no answer of a stream that is read event by event."""
    rows, told = rows_of(receiver, "anthropic-itself")
    plain, tool, streamed, _, result, failed = rows
    assert answered(plain) == answered(result) == "Sunny."
    assert answered(tool) == f'Let me look.\n{CALL}({{"city":"Paris"}})'
    assert last(streamed) == last(failed) == ("user", "Weather in Paris?")
    assert failed.properties["error"] == "true"
    assert "opentelemetry.md" not in told


def test_an_agent_of_pydantic_ai_is_a_tree_of_its_calls_and_tools(receiver: Receiver) -> None:
    rows, told = rows_of(receiver, "pydantic-ai")
    agent, asked, tool, answer = rows
    top = "/handle request/invoke_agent weather"
    paths = [row.session_path for row in rows]
    assert paths == [top, f"{top}/chat gpt-4o-mini", f"{top}/execute_tool get_weather", f"{top}/chat gpt-4o-mini"]
    assert len({(row.session_id, row.session_name) for row in rows}) == 1
    assert (tool.model, answered(tool)) == ("get_weather", "21 °C in Paris")
    assert tool.messages[-1].content == '{"city":"Paris"}'
    assert answered(asked).startswith(CALL)
    assert answered(answer) == answered(agent) == "Sunny."
    assert (agent.model, agent.properties["step"], agent.total_tokens) == ("weather", "agent", None)
    assert (asked.total_tokens, answer.total_tokens) == (17, 17)
    assert not any(row.hidden for row in rows)
    assert "opentelemetry.md" not in told


def test_what_is_told_of_twice_or_without_content_is_said_on_stderr(
    receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(ENVIRONMENT, "openllmetry-anthropic", {})
    if importlib.util.find_spec("anthropic.lib._tracing") is None:
        pytest.skip("this version of Anthropic's SDK writes no spans of its own")
    rows, told = rows_of(receiver, "openllmetry-anthropic")
    assert len(rows) == 12
    assert "com.anthropic.sdk.python writes no content on its spans" in told
    assert "tell of the same calls, and each is two rows" in told
