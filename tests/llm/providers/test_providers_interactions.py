"""Google's Interactions, in the shapes that its documentation and the classes of `google-genai` 3.6 have."""

from __future__ import annotations

import json
from typing import Any

import pytest
from provider_fixtures import PLAIN, Form

from helicone_logging.llm.messages import read_messages
from helicone_logging.llm.providers.requests import read_request
from helicone_logging.llm.providers.responses import read_response

USAGE = {
    "total_input_tokens": 12,
    "total_tool_use_tokens": 2,
    "total_output_tokens": 5,
    "total_thought_tokens": 3,
    "total_cached_tokens": 4,
    "total_tokens": 22,
}
CITED = [{"type": "url_citation", "url": "https://a.example", "title": "A", "start_index": 0, "end_index": 3}]
CALL = {"type": "function_call", "id": "call_1", "name": "get_weather", "arguments": {"city": "Paris"}}
STEPS: list[dict[str, Any]] = [
    {"type": "user_input", "content": [{"type": "text", "text": "Weather?"}]},
    {"type": "thought", "signature": "c2lnbmVk", "summary": [{"type": "text", "text": "hmm"}]},
    {"type": "code_execution_call", "id": "x1", "arguments": {"language": "python", "code": "print(1)"}},
    {"type": "code_execution_result", "call_id": "x1", "result": "1\n", "signature": "c2lnbmVk"},
    {"type": "google_search_call", "id": "s1", "arguments": {"queries": ["weather"]}},
    {"type": "google_search_result", "call_id": "s1", "result": [{"search_suggestions": "<div>…</div>"}]},
    {
        "type": "model_output",
        "content": [
            {"type": "text", "text": "Sunny.", "annotations": CITED},
            {"type": "image", "mime_type": "image/png", "data": "aGVsbG8="},
        ],
    },
    CALL,
]
WHOLE = {
    "id": "v1_abc",
    "object": "interaction",
    "model": "gemini-3-flash-preview",
    "status": "requires_action",
    "steps": STEPS,
    "usage": USAGE,
}
TOLD = {
    "provider": "google",
    "model": "gemini-3-flash-preview",
    "response_id": "v1_abc",
    "prompt_tokens": 14,
    "completion_tokens": 8,
    "total_tokens": 22,
    "cached_tokens": 4,
    "reasoning_tokens": 3,
}


def read(response: object) -> dict[str, Any]:
    fields = read_response(response)
    assert fields is not None
    return fields


def said(fields: dict[str, Any]) -> str:
    (choice,) = fields["completion"]
    assert isinstance(choice.content, str)
    return choice.content


@pytest.mark.parametrize("form", PLAIN)
def test_the_steps_of_an_interaction_are_the_answer(form: Form) -> None:
    fields = read(form(WHOLE))
    assert {key: fields[key] for key in TOLD} == TOLD
    assert fields["completion"][0].finish_reason == "requires_action"
    assert said(fields).splitlines() == [
        "[thinking] hmm",
        '[tool call] code_execution({"language":"python","code":"print(1)"})',
        "[tool result x1] 1",
        "",
        '[tool call] google_search({"queries":["weather"]})',
        "[tool result s1] ",
        "Sunny.",
        "[image image/png, 5 bytes]",
        '[tool call] get_weather({"city":"Paris"})',
        "[source 1] A, https://a.example",
    ]


def test_an_interaction_that_failed_says_why() -> None:
    fields = read({**WHOLE, "status": "failed", "steps": [], "errors": [{"code": "internal", "message": "Broken."}]})
    assert (said(fields), fields["status"]) == ("[error] Broken.", "error")


def test_an_agent_that_has_no_model_is_named_in_its_place() -> None:
    assert read({**WHOLE, "model": None, "agent": "deep-research"})["model"] == "deep-research"


def test_instructions_and_steps_of_a_request_are_the_prompt() -> None:
    asked = read_request(
        {
            "model": "gemini-3-flash-preview",
            "system_instruction": "Be brief.",
            "input": STEPS[:2] + STEPS[6:],
            "generation_config": {"temperature": 0.5, "max_output_tokens": 100},
        }
    )
    assert asked is not None
    assert (asked["temperature"], asked["max_tokens"]) == (0.5, 100)
    assert [message.role for message in read_messages(asked["messages"])] == [
        "system", "user", "assistant", "assistant", "assistant",
    ]  # fmt: skip
    assert read_messages(asked["messages"])[1] == ("user", "Weather?")
    result = {"type": "function_result", "call_id": "call_1", "name": "get_weather", "result": "21 °C"}
    assert read_messages([result]) == [("tool", "[tool result call_1] 21 °C")]


def event(kind: str, **fields: Any) -> dict[str, Any]:
    return {"event_type": kind, **fields}


def delta(index: int, kind: str, **fields: Any) -> dict[str, Any]:
    return event("step.delta", index=index, delta={"type": kind, **fields})


BEGUN = {"id": "v1_abc", "object": "interaction", "model": "gemini-3-flash-preview", "status": "in_progress"}
EVENTS = [
    event("interaction.created", interaction=BEGUN),
    event("interaction.status_update", interaction_id="v1_abc", status="in_progress"),
    event("step.start", index=0, step={"type": "thought"}),
    delta(0, "thought_summary", content={"type": "text", "text": "hm"}),
    delta(0, "thought_summary", content={"type": "text", "text": "m"}),
    delta(0, "thought_signature", signature="c2lnbmVk"),
    event("step.stop", index=0),
    event("step.start", index=1, step={"type": "google_search_call", "id": "s1", "arguments": {}}),
    delta(1, "google_search_call", arguments={"queries": ["weather"]}),
    event("step.start", index=2, step={"type": "model_output"}),
    delta(2, "text", text="Sun"),
    delta(2, "text", text="ny."),
    delta(2, "text_annotation_delta", annotations=CITED),
    delta(2, "image", mime_type="image/png", data="aGVsbG8="),
    event("step.start", index=3, step={**CALL, "arguments": {}}),
    delta(3, "arguments_delta", arguments='{"city": '),
    delta(3, "arguments_delta", arguments='"Paris"}'),
    event("interaction.completed", interaction={**BEGUN, "status": "completed", "usage": USAGE}),
]


def lines(events: list[dict[str, Any]]) -> str:
    return "".join(f"event: {one['event_type']}\ndata: {json.dumps(one)}\n\n" for one in events)


@pytest.mark.parametrize("form", [list, lines])
def test_the_events_of_an_interaction_are_put_together(form: Any) -> None:
    fields = read(form(EVENTS))
    assert {key: fields[key] for key in TOLD} == TOLD
    assert said(fields).splitlines() == [
        "[thinking] hmm",
        '[tool call] google_search({"queries":["weather"]})',
        "Sunny.",
        "[image image/png, 5 bytes]",
        '[tool call] get_weather({"city": "Paris"})',
        "[source 1] A, https://a.example",
    ]


def test_events_that_break_off_show_what_came_and_an_error_why() -> None:
    assert said(read(EVENTS[:11])).splitlines()[-1] == "Sun"
    broken = read([*EVENTS[:11], event("error", error={"code": "gateway_timeout", "message": "Too slow."})])
    assert said(broken).splitlines()[-2:] == ["Sun", "[error] Too slow."]
    assert broken["properties"] == {"exception": "gateway_timeout"}
