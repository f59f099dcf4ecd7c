"""No row is blank where something was said: failures, messages by other names, tokens, names of steps."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from types import SimpleNamespace

import pytest
from payloads import TRACE, record, row, traced

from helicone_logging import OTELTraceFormatter, span
from helicone_logging.receiver.mappers import hidden
from helicone_logging.receiver.rows import Choice, Message
from helicone_logging.testing import capture_spans


@pytest.mark.parametrize(
    ("fields", "level", "shown"),
    [
        ({}, logging.ERROR, "[error] the upstream timed out"),
        ({"status": 503}, logging.INFO, "[error] status 503"),
        ({"status": "ok"}, logging.ERROR, None),
        ({"error.type": "timeout"}, logging.ERROR, "[error] timeout"),
        ({}, logging.WARNING, None),
    ],
)
def test_a_call_that_failed_without_an_exception_has_no_blank_answer(fields, level, shown) -> None:
    asked = {"trace_id": TRACE, "model": "gpt-4o", "messages": [{"role": "user", "content": "hi"}]}
    choices = row(record("the upstream timed out", level=level, extra={**asked, **fields})).choices
    assert [choice.content for choice in choices] == ([] if shown is None else [shown])


def test_a_span_that_was_cancelled_has_no_blank_answer() -> None:
    with capture_spans() as spans:
        for answered in ({}, {"completion": "so far"}):
            with pytest.raises(KeyboardInterrupt), span("ask", model="gpt-4o", prompt="hi", **answered):
                raise KeyboardInterrupt
    contents = [[choice.content for choice in each.choices] for each in spans.rows()]
    assert contents == [["[cancelled]"], ["so far"]]


def test_messages_under_the_names_that_helicone_reads_are_the_messages() -> None:
    made = traced(
        **{
            "gen_ai.prompt.0.content": "be kind",
            "gen_ai.prompt.0.role": "system",
            "gen_ai.prompt.1.role": "user",
            "gen_ai.prompt.1.content": "hi there",
            "gen_ai.completion.0.role": "assistant",
            "gen_ai.completion.0.content": "hello",
            "gen_ai.completion.0.finish_reason": "stop",
        }
    )
    assert row(made).messages == (Message("system", "be kind"), Message("user", "hi there"))
    assert row(made).choices == (Choice("assistant", "hello", "stop"),)
    private = row(made, OTELTraceFormatter(capture_content=False))
    assert private.messages[0] == Message("system", "[not captured: 7 characters]")
    assert private.choices == (Choice("assistant", "[not captured: 5 characters]", "stop"),)


@pytest.mark.parametrize(
    ("given", "shown"),
    [
        ({"total_tokens": 150}, (150, 0)),
        ({"total_tokens": 150, "prompt_tokens": 100}, (100, 50)),
        ({"total_tokens": 150, "completion_tokens": 50}, (100, 50)),
        ({"total_tokens": 10, "prompt_tokens": 100}, (100, 0)),
        ({"prompt_tokens": 100}, (100, 0)),
    ],
)
def test_a_total_of_tokens_counts_where_one_of_its_parts_is_missing(given, shown) -> None:
    seen = row(traced(model="gpt-4o", **given))
    assert (seen.prompt_tokens or 0, seen.completion_tokens or 0) == shown


@pytest.mark.parametrize(
    ("fields", "model"),
    [
        ({"tool_name": "tool:search"}, "search"),
        ({"operation": "data", "tool_name": "data: load"}, "load"),
        ({"operation": "tool", "span_name": "tool:"}, "step"),
        ({"tool_name": "vector_db"}, "step"),
        ({"tool_name": "vector_db_reader"}, "vector_db_reader"),
        ({"tool_name": "LlamaParse"}, "LlamaParse"),
        ({"operation": "invoke_agent", "gen_ai.agent.name": "Gemini planner"}, "Gemini planner"),
    ],
)
def test_no_name_of_a_step_hides_what_it_says(fields, model) -> None:
    seen = row(traced(completion="found", **fields))
    assert seen.model == model
    assert hidden(seen.provider, seen.model) is None


@dataclass
class Mail:
    to: str
    content: str


@pytest.mark.parametrize(
    ("step", "said", "shown"),
    [
        ({"tool_name": "send_mail"}, {"to": "ada", "content": "hi"}, ['{"to":"ada","content":"hi"}']),
        ({"tool_name": "add_user"}, {"role": "admin", "name": "ada"}, ['{"role":"admin","name":"ada"}']),
        ({"tool_name": "add_user"}, {"message": "created", "id": 7}, ['{"message":"created","id":7}']),
        ({"tool_name": "send_mail"}, Mail("ada", "hi"), ['{"to":"ada","content":"hi"}']),
        ({"operation": "database"}, [{"id": 1, "text": "a"}, {"id": 2}], ['[{"id":1,"text":"a"},{"id":2}]']),
        ({"tool_name": "ask"}, [{"role": "user", "content": "hi"}, {"role": "tool", "content": "12"}], ["hi", "12"]),
        ({"tool_name": "ask"}, [{"type": "text", "text": "12"}], ["12"]),
        ({"tool_name": "ask"}, {"content": [{"type": "text", "text": "12"}], "isError": False}, ["12"]),
        ({"tool_name": "ask"}, {"text": "12"}, ["12"]),
        ({"tool_name": "ask"}, ["a", "b"], ["a", "b"]),
    ],
)
def test_what_a_tool_was_given_and_gave_back_shows_whole(step, said, shown) -> None:
    made = row(traced(**step, prompt=said, completion=said))
    assert [message.content for message in made.messages] == shown
    assert [choice.content for choice in made.choices] == shown


@dataclass
class Verdict:
    text: str
    score: int


@pytest.mark.parametrize(
    ("said", "shown"),
    [
        ({"text": "fine", "score": 3}, ['{"text":"fine","score":3}']),
        ({"message": "hi", "customer": 5}, ['{"message":"hi","customer":5}']),
        ({"items": [1, 2], "total": 30}, ['{"items":[1,2],"total":30}']),
        ({"type": "refund", "content": "done", "amount": 3}, ['{"type":"refund","content":"done","amount":3}']),
        ({"role": "admin", "name": "ada"}, ['{"role":"admin","name":"ada"}']),
        (Verdict("fine", 3), ['{"text":"fine","score":3}']),
        ([Verdict("fine", 3), Verdict("bad", 1)], ['{"text":"fine","score":3}', '{"text":"bad","score":1}']),
        ({"role": "assistant", "content": "hi", "name": "ada"}, ["hi"]),
        ({"role": "reviewer", "content": "hi", "name": "ada"}, ["hi"]),
        ({"source": "ada", "content": "hi", "type": "TextMessage"}, ["hi"]),
        ({"message": {"role": "assistant", "content": "hi"}, "usage": None}, ["hi"]),
        ({"content": [{"type": "text", "text": "hi"}], "id": 3}, ["hi"]),
        ({"text": "hi", "finish_reason": "stop", "seed": 3}, ["hi"]),
        ({"type": "text", "text": "hi", "id": 3}, ["hi"]),
        ({"type": "function_call", "name": "f", "arguments": "{}", "id": 3}, ["[tool call] f({})"]),
        ({"text": "hi", "raw": {"a": 1}, "additional_kwargs": {}}, ["hi"]),
        (SimpleNamespace(content="hi", meta=3), ["hi"]),
    ],
)
def test_an_answer_by_a_schema_shows_whole_and_a_message_as_its_text(said, shown) -> None:
    assert [choice.content for choice in row(traced(completion=said)).choices] == shown


def test_what_a_chain_was_given_shows_whole() -> None:
    (asked,) = row(traced(prompt={"text": "The sea.", "language": "de"})).messages
    assert asked.content == '{"text":"The sea.","language":"de"}'
    assert row(traced(prompt=[{"content": "hi", "sender": "ada"}])).messages == (Message("user", "hi"),)


def test_documents_that_were_found_show_their_ids_scores_and_metadata() -> None:
    found = [{"id": "d1", "text": "cats", "score": 0.5, "metadata": {"page": 3}}, {"id": "d2", "content": "dogs"}]
    (choice,) = row(traced(operation="retrieval", prompt="pets", completion=found)).choices
    assert choice.content == '[document d1] 0.5 cats {"metadata":{"page":3}}\n[document d2] dogs'
