"""OpenAI's Responses: the tools that it runs itself, and streams that break off."""

from __future__ import annotations

from typing import Any

import pytest
from provider_fixtures import Form, as_dict, load, real

from helicone_logging.llm.content import content_text
from helicone_logging.llm.messages import Choice, Message
from helicone_logging.llm.providers.requests import read_request
from helicone_logging.llm.providers.responses import read_response


def response(*output: dict[str, Any], **fields: Any) -> dict[str, Any]:
    return {**load("openai_responses"), "output": list(output), **fields}


FORMS = [as_dict, real("openai.types.responses:Response")]


MCP_ERROR = {"type": "mcp_tool_execution_error", "content": [{"type": "text", "text": "No page"}]}
ITEMS: list[tuple[dict[str, Any], str]] = [
    (
        {
            "type": "code_interpreter_call",
            "id": "ci",
            "container_id": "c",
            "status": "completed",
            "code": "print(6*7)",
            "outputs": [{"type": "logs", "logs": "42\n"}, {"type": "image", "url": "https://a.example/plot.png"}],
        },
        "[tool call] code_interpreter(print(6*7))\n[tool result] 42\n[image https://a.example/plot.png]",
    ),
    (
        {
            "type": "file_search_call",
            "id": "fs",
            "status": "completed",
            "queries": ["capital"],
            "results": [{"file_id": "f", "filename": "a.md", "score": 0.8, "text": "Paris.", "attributes": {}}],
        },
        '[tool call] file_search(["capital"])\n[tool result] a.md: Paris.',
    ),
    (
        {"type": "mcp_call", "id": "m", "server_label": "wiki", "name": "ask", "arguments": "{}", "error": MCP_ERROR},
        "[tool call] ask({})\n[tool result] (error) No page",
    ),
    (
        {
            "type": "mcp_list_tools",
            "id": "l",
            "server_label": "wiki",
            "tools": [{"name": "ask", "description": "Ask.", "input_schema": {"type": "object"}}],
        },
        "[tools wiki] ask",
    ),
    (
        {"type": "mcp_approval_request", "id": "a", "server_label": "wiki", "name": "ask", "arguments": "{}"},
        "[approval request] ask({})",
    ),
    (
        {
            "type": "image_generation_call",
            "id": "i",
            "status": "completed",
            "result": "AAAA",
            "revised_prompt": "A small red house.",
        },
        "[image 3 bytes] A small red house.",
    ),
    (
        {
            "type": "apply_patch_call",
            "id": "p",
            "call_id": "c1",
            "status": "completed",
            "operation": {"path": "a.py", "type": "delete_file"},
        },
        '[tool call] apply_patch({"path":"a.py","type":"delete_file"})',
    ),
    (
        {
            "type": "shell_call_output",
            "id": "s",
            "call_id": "c1",
            "status": "completed",
            "max_output_length": None,
            "output": [{"stdout": "a.py\n", "stderr": "", "outcome": {"type": "exit", "exit_code": 1}}],
        },
        "[tool result c1] a.py\n(exit code 1)",
    ),
    (
        {
            "type": "web_search_call",
            "id": "w",
            "status": "completed",
            "action": {"type": "search", "query": "weather", "sources": None},
        },
        '[tool call] web_search({"type":"search","query":"weather"})',
    ),
    ({"type": "compaction", "id": "c", "encrypted_content": "gAAAAB"}, "[compaction]"),
    ({"type": "reasoning", "id": "r", "summary": [], "encrypted_content": "gAAAAB"}, ""),
]


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize(("item", "shown"), ITEMS, ids=[item["type"] for item, _ in ITEMS])
def test_what_a_built_in_tool_gave_is_shown_without_what_has_no_value(
    form: Form, item: dict[str, Any], shown: str
) -> None:
    fields = read_response(form(response(item)))
    assert fields is not None
    (choice,) = fields["completion"]  # type: ignore[misc]
    assert choice.content == shown


@pytest.mark.parametrize(
    ("item", "message"),
    [
        (
            {"type": "tool_search_output", "id": "o", "tools": [{"type": "function", "name": "get_weather"}]},
            Message("tool", "[tools] get_weather"),
        ),
        (
            {"type": "mcp_approval_response", "approval_request_id": "a", "approve": False, "reason": "Too dear"},
            Message("user", "[approval] denied: Too dear"),
        ),
        (
            {"type": "apply_patch_call_output", "call_id": "c1", "status": "failed", "output": "No such file"},
            Message("tool", "[tool result c1] (error) No such file"),
        ),
        (
            {
                "type": "computer_call_output",
                "call_id": "c1",
                "output": {"type": "computer_screenshot", "image_url": "data:image/png;base64,AAAA"},
            },
            Message("tool", "[tool result c1] [image image/png, 3 bytes]"),
        ),
    ],
)
def test_what_is_sent_back_is_a_message_of_its_own(item: dict[str, Any], message: Message) -> None:
    fields = read_request({"model": "gpt-5", "input": [item]})
    assert fields is not None
    assert fields["messages"] == [message]


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("status", ["queued", "in_progress"])
def test_a_response_that_is_not_ready_says_so(form: Form, status: str) -> None:
    fields = read_response(form(response(status=status, usage=None)))
    assert fields is not None
    assert fields["completion"] == [Choice("assistant", "", status)]


def event(kind: str, index: int, **fields: Any) -> dict[str, Any]:
    return {"type": f"response.{kind}", "output_index": index, "sequence_number": 1, "item_id": f"i{index}", **fields}


CREATED = {
    "type": "response.created",
    "sequence_number": 0,
    "response": {**load("openai_responses"), "status": "in_progress", "output": [], "usage": None},
}
BROKEN: list[tuple[list[dict[str, Any]], str]] = [
    (
        [
            event("output_item.added", 0, item={"type": "reasoning", "id": "i0", "summary": []}),
            event("reasoning_summary_text.delta", 0, summary_index=0, delta="They ask "),
            event("reasoning_summary_text.delta", 0, summary_index=0, delta="for weather."),
        ],
        "[thinking] They ask for weather.",
    ),
    (
        [
            event(
                "output_item.added",
                0,
                item={"type": "function_call", "name": "get_weather", "arguments": "", "call_id": "c1"},
            ),
            event("function_call_arguments.delta", 0, delta='{"city":'),
        ],
        '[tool call] get_weather({"city":)',
    ),
    (
        [
            event(
                "output_item.added",
                0,
                item={
                    "type": "code_interpreter_call",
                    "id": "i0",
                    "code": "",
                    "container_id": "c",
                    "status": "in_progress",
                    "outputs": None,
                },
            ),
            event("code_interpreter_call_code.delta", 0, delta="print(6"),
        ],
        "[tool call] code_interpreter(print(6)",
    ),
    ([event("refusal.delta", 0, content_index=0, delta="I can")], "[refusal] I can"),
]


@pytest.mark.parametrize("form", [as_dict, real("openai.types.responses:ResponseStreamEvent")])
@pytest.mark.parametrize(("events", "shown"), BROKEN)
def test_a_stream_that_broke_off_shows_half_of_everything(form: Form, events: list[dict[str, Any]], shown: str) -> None:
    fields = read_response(form([CREATED, *events]))
    assert fields is not None
    assert fields["completion"] == [Choice("assistant", shown, "in_progress")]


def test_an_error_event_stands_behind_what_came() -> None:
    said = event("output_text.delta", 0, content_index=0, delta="Let me")
    failed = {"type": "error", "code": "server_error", "message": "The server had an error.", "sequence_number": 2}
    fields = read_response([CREATED, said, failed])
    assert fields is not None
    assert fields["completion"] == [Choice("assistant", "Let me\n[error] The server had an error.", "in_progress")]
    assert (fields["status"], fields["properties"]) == ("error", {"exception": "server_error"})


def test_tools_of_a_namespace_that_a_search_found_show_by_their_names() -> None:
    found = [{"type": "namespace", "name": "crm", "tools": [{"type": "function", "name": "get_user"}, {"name": 5}]}]
    assert content_text([{"type": "tool_search_output", "tools": found}]) == "[tools] crm (get_user)"
