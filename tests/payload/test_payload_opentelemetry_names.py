"""OpenTelemetry's names for generative AI, as extras: what they say shows in Helicone's row."""

from __future__ import annotations

import json
from typing import Any

import pytest
from payloads import PROPERTY, SPAN, checked, record, row, sent, span_of, traced

from helicone_logging import OTELTraceFormatter, bind
from helicone_logging.payload.fields import OPENTELEMETRY, READERS
from helicone_logging.receiver.rows import Choice, Message, row_of

BYTES = "iVBORw0KGgo" * 40
INSTRUCTIONS = [{"type": "text", "content": "You are a guide."}, {"type": "text", "content": "Be brief."}]
INPUT = [
    {
        "role": "user",
        "parts": [
            {"type": "text", "content": "What is this, and how warm is it there?"},
            {"type": "blob", "modality": "image", "mime_type": "image/png", "content": BYTES},
            {"type": "uri", "modality": "image", "uri": "https://example.com/eiffel.png"},
            {"type": "file", "modality": "video", "file_id": "file-1"},
        ],
    },
    {
        "role": "assistant",
        "parts": [
            {"type": "reasoning", "content": "The Eiffel Tower."},
            {"type": "tool_call", "id": "call_1", "name": "get_weather", "arguments": {"city": "Paris"}},
        ],
    },
    {"role": "tool", "parts": [{"type": "tool_call_response", "id": "call_1", "response": {"degrees": 15}}]},
]
OUTPUT = [{"role": "assistant", "parts": [{"type": "text", "content": "15 degrees."}], "finish_reason": "stop"}]
MESSAGES = (
    Message("system", "You are a guide.\nBe brief."),
    Message(
        "user",
        "What is this, and how warm is it there?\n[image image/png, 330 bytes]\n"
        "[image https://example.com/eiffel.png]\n[video file-1]",
    ),
    Message("assistant", '[thinking] The Eiffel Tower.\n[tool call] get_weather({"city":"Paris"})'),
    Message("tool", '[tool result call_1] {"degrees":15}'),
)


@pytest.mark.parametrize("written", [lambda value: value, json.dumps, tuple])
def test_messages_and_instructions_show_as_objects_and_as_json_text_without_the_bytes_of_a_blob(written: Any) -> None:
    said = {
        "gen_ai.system_instructions": written(INSTRUCTIONS),
        "gen_ai.input.messages": written(INPUT),
        "gen_ai.output.messages": written(OUTPUT),
    }
    made = traced(extra={"gen_ai.request.model": "gpt-4o", **said})
    assert row(made).messages == MESSAGES
    assert row(made).choices == (Choice("assistant", "15 degrees.", "stop"),)
    assert BYTES not in json.dumps(span_of(made))


def test_instructions_alone_and_those_that_a_message_repeats_show_once() -> None:
    alone = traced(extra={"gen_ai.system_instructions": "Be brief."})
    assert row(alone).messages == (Message("system", "Be brief."),)
    repeated = traced(messages=[{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hi"}])
    repeated.__dict__["gen_ai.system_instructions"] = "Be brief."
    assert row(repeated).messages == (Message("system", "Be brief."), Message("user", "Hi"))


def test_fields_of_ones_own_win_and_the_others_stay_attributes() -> None:
    made = traced(messages="mine", completion="also mine", extra={"gen_ai.input.messages": INPUT})
    assert row(made).messages == (Message("user", "mine"),)
    assert row(made).choices == (Choice("assistant", "also mine", None),)
    assert "get_weather" in sent(made)["gen_ai.input.messages"]


@pytest.mark.parametrize("is_layered", [False, True])
@pytest.mark.parametrize("names", [("response", "request"), ("request", "response")])
def test_the_model_that_answered_wins_over_the_one_that_was_asked_for_and_neither_is_lost(
    names: tuple[str, str], is_layered: bool
) -> None:
    models = {"request": "gpt-4o", "response": "gpt-4o-2024-08-06"}
    extra = {f"gen_ai.{name}.model": models[name] for name in names}
    made = traced(extra={"helicone": extra} if is_layered else extra)
    assert row(made).model == "gpt-4o-2024-08-06"
    assert sent(made)["gen_ai.request.model"] == "gpt-4o"


def test_one_model_alone_is_that_of_request_and_response() -> None:
    for name in ("request", "response"):
        made = traced(extra={f"gen_ai.{name}.model": "gpt-4o"})
        assert (row(made).model, sent(made)["gen_ai.request.model"]) == ("gpt-4o", "gpt-4o")


@pytest.mark.parametrize("reasons", [["stop", "length"], ("stop", "length"), '["stop","length"]'])
def test_each_choice_has_the_finish_reason_of_its_place(reasons: object) -> None:
    made = traced(completion=["a", "b", "c"], extra={"gen_ai.response.finish_reasons": reasons})
    assert [choice.finish_reason for choice in row(made).choices] == ["stop", "length", None]
    whole = traced(completion="a", extra={"gen_ai.response.finish_reasons": reasons})
    assert row(whole).choices == (Choice("assistant", "a", "stop"),)


def test_a_finish_reason_without_an_answer_is_not_lost() -> None:
    assert sent(traced(finish_reason="stop"))["finish_reason"] == "stop"


def test_messages_under_the_attributes_own_names_stand_in_order_each_role_before_its_content() -> None:
    numbers = ("9999999", "x", "10", "2", "0")
    made = traced(extra={f"gen_ai.prompt.{n}.{part}": part for n in numbers for part in ("content", "role")})
    shown = [name.removeprefix("gen_ai.prompt.") for name in sent(made) if name.startswith("gen_ai.prompt.")]
    assert shown[:6] == ["0.role", "0.content", "2.role", "2.content", "10.role", "10.content"]
    assert sorted(shown[6:]) == ["9999999.content", "9999999.role", "x.content", "x.role"]


def test_usage_becomes_tokens_and_the_parts_of_it_properties() -> None:
    usage = {
        "input_tokens": 100, "output_tokens": 20, "cache_read.input_tokens": 64, "cache_creation.input_tokens": 8,
        "reasoning.output_tokens": 12,
    }  # fmt: skip
    made = traced(model="gpt-4o", extra={f"gen_ai.usage.{name}": amount for name, amount in usage.items()})
    shown = row(made)
    assert (shown.prompt_tokens, shown.completion_tokens, shown.total_tokens) == (100, 20, 120)
    assert (shown.properties["cached_tokens"], shown.properties["cache_creation_tokens"]) == ("64", "8")
    assert shown.properties["reasoning_tokens"] == "12"
    assert sent(made)["gen_ai.usage.cache_read.input_tokens"] == 64
    assert shown.are_properties_cleaned


@pytest.mark.parametrize(
    ("result", "shown"),
    [
        ("15 degrees", "15 degrees"),
        ({"degrees": 15}, '{"degrees":15}'),
        ([{"type": "text", "text": "15 degrees"}], "15 degrees"),
        ([1, 2], "[1,2]"),
    ],
)
def test_arguments_and_result_of_a_tool_show_as_its_input_and_output(result: object, shown: str) -> None:
    names = {"name": "get_weather", "call.arguments": {"city": "Paris"}, "call.result": result, "call.id": "call_1"}
    made = traced(extra={f"gen_ai.tool.{name}": value for name, value in names.items()})
    assert (row(made).model, row(made).properties["step"], row(made).hidden) == ("get_weather", "tool", "")
    assert row(made).messages == (Message("user", '{"city":"Paris"}'),)
    assert row(made).choices == (Choice("assistant", shown, None),)
    assert sent(made)["gen_ai.tool.call.id"] == "call_1"


@pytest.mark.parametrize("written", [lambda value: value, json.dumps])
def test_what_was_searched_for_and_found_shows_as_a_step_of_retrieval(written: Any) -> None:
    documents = [{"id": "doc_1", "score": 0.95, "content": "Paris is warm."}, {"id": "doc_2", "tags": ["eu"]}]
    extra = {"gen_ai.retrieval.query.text": "warm cities", "gen_ai.retrieval.documents": written(documents)}
    shown = row(traced("handbook", extra=extra))
    assert shown.model == "vector_db:handbook"
    assert shown.messages == (Message("user", "warm cities"),)
    assert shown.choices == (
        Choice("assistant", '[document doc_1] 0.95 Paris is warm.\n[document doc_2] {"tags":["eu"]}', None),
    )


def test_an_agent_names_its_step_and_the_folder_of_what_it_does() -> None:
    formatter = OTELTraceFormatter()
    agent = traced("done", span_id=SPAN, extra={"gen_ai.agent.name": "planner"})
    called = traced("ask", model="gpt-4o", parent_span_id=SPAN)
    entries = [formatter.entry(made) for made in (agent, called)]
    first, second = (checked(formatter._wire.body((entry.encode(),))) for entry in entries)
    assert first["name"] == "planner"
    assert [row_of(span).session_path for span in (first, second)] == ["/planner", "/planner/ask"]
    assert row_of(first).properties["agent"] == "planner"
    named = traced("done", span_name="plan the trip", extra={"gen_ai.agent.name": "planner"})
    assert span_of(named)["name"] == "plan the trip"


def test_the_type_of_an_error_shows_as_a_failure() -> None:
    made = traced(model="gpt-4o", extra={"error.type": "rate_limit_exceeded"})
    shown = row(made)
    assert span_of(made)["status"] == {"code": 2}
    assert (shown.properties["error"], shown.properties["exception"]) == ("true", "rate_limit_exceeded")
    assert shown.choices == (Choice("assistant", "[error] rate_limit_exceeded", None),)
    assert row(traced(completion="half an ans", extra={"error.type": "timeout"})).choices[0].content == "half an ans"


def test_the_type_of_an_error_never_stands_in_the_place_of_the_exception() -> None:
    error = TimeoutError("no answer within 2 s")
    made = record(trace_id="t", exc_info=(TimeoutError, error, None), extra={"error.type": "timeout"})
    assert row(made).choices[0].content == "TimeoutError: no answer within 2 s"
    assert row(made).properties["exception"] == "TimeoutError"


def test_what_else_the_conventions_name_shows() -> None:
    extra = {
        "gen_ai.provider.name": "gcp.vertex_ai",
        "gen_ai.request.model": "gemini-2.5-flash",
        "gen_ai.operation.name": "chat",
        "gen_ai.conversation.id": "conv-1",
        "gen_ai.response.id": "resp-1",
        "gen_ai.response.time_to_first_chunk": 0.35,
        "gen_ai.request.temperature": 0.2,
        "gen_ai.request.max_tokens": 100,
    }
    made = traced(extra=extra)
    shown = row(made)
    assert (shown.provider, shown.model, shown.object) == ("GOOGLE", "gemini-2.5-flash", "chat")
    assert (shown.session_id, shown.max_tokens) == ("conv-1", 100)
    assert shown.properties["time_to_first_chunk"] == "0.35"
    assert shown.properties["response_id"] == "resp-1"
    assert sent(made)["gen_ai.request.temperature"] == "0.2"


def test_the_place_in_the_code_has_its_names_of_now_and_of_before() -> None:
    attributes = sent(traced())
    for now, before in (("function.name", "function"), ("file.path", "filepath"), ("line.number", "lineno")):
        assert attributes[f"code.{now}"] == attributes[f"code.{before}"]
    assert attributes["code.line.number"] == 42


@pytest.mark.parametrize("name", ["gen_ai.request.model", "gen_ai.input.messages", "gen_ai.tool.name"])
def test_a_model_call_in_their_words_is_exported_inside_a_bound_context(name: str) -> None:
    selects = OTELTraceFormatter().selects
    made = record(extra={name: "gpt-4o"})
    assert not selects(made)
    with bind(trace_id="t"):
        assert selects(record(extra={name: "gpt-4o"}))
        assert not selects(record(extra={"gen_ai.token.type": "input"}))


@pytest.mark.parametrize("name", sorted({*OPENTELEMETRY, *(name for name in READERS if "." in name)}))
@pytest.mark.parametrize(
    "value", [[], {}, [[]], {"a": object()}, "[", b"\xff", float("nan"), 10**400, object(), [None], "\ud800", True]
)
def test_any_value_under_these_names_is_a_valid_payload(name: str, value: object) -> None:
    assert span_of(traced(extra={name: value}))["traceId"]


@pytest.mark.parametrize("name", ["gen_ai.system_instructions", "gen_ai.input.messages", "gen_ai.output.messages",
                                  "gen_ai.tool.call.arguments", "gen_ai.tool.call.result",
                                  "gen_ai.retrieval.query.text", "gen_ai.retrieval.documents"])  # fmt: skip
@pytest.mark.parametrize("is_there_twice", [False, True])
def test_no_content_under_these_names_is_sent_when_it_is_not_captured(name: str, is_there_twice: bool) -> None:
    own = {"messages": "x", "completion": "y"} if is_there_twice else {}
    made = traced(**own, extra={name: [{"role": "user", "content": "the patient's name"}]})
    assert "patient" not in json.dumps(span_of(made, OTELTraceFormatter(capture_content=False)))
    assert "patient" in json.dumps(span_of(made))


def test_a_redactor_sees_what_they_say() -> None:
    seen: dict[str, object] = {}

    def redact(key: str, value: object) -> object:
        seen[key] = value
        return value

    made = traced(extra={"gen_ai.input.messages": json.dumps(INPUT), "error.type": "timeout"})
    span_of(made, OTELTraceFormatter(redact=redact))
    assert "Eiffel" in str(seen["gen_ai.prompt.1.content"])
    assert seen[PROPERTY + "exception"] == "timeout"


def test_they_wait_as_plain_values_where_nobody_reads_them_before_a_worker() -> None:
    waiting = OTELTraceFormatter().entry(traced(extra={"gen_ai.input.messages": json.dumps(INPUT)}))
    assert type(waiting).__name__ == "FrozenRecord"
