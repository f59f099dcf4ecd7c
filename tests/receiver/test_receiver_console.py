"""What the receiver prints can be read, and no character in it is obeyed by a terminal."""

from __future__ import annotations

import io
import sys
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st
from receiver_client import GOOD, PROPERTY, SESSION, USER, span

from helicone_logging.receiver import describe_span, print_sessions, row_of, rows_of, sessions_of
from helicone_logging.receiver.store import StoredSpan

CONTROLS = "\x1b[2J\x07\x00\x9b\u202e\u2066\x7f\u200f"


def described(**attributes: object) -> str:
    resource = {"attributes": [], "droppedAttributesCount": 0}
    return describe_span(StoredSpan(0.0, resource, {"name": "n", "version": "1"}, span({**GOOD, **attributes})))


def is_shown(text: str) -> bool:
    return all(
        unicodedata.category(one) not in ("Cc", "Cs") and one not in "\u200e\u200f\u202a\u202b\u202c\u202d\u202e"
        for one in text
    )


def test_a_call_is_described_in_four_lines() -> None:
    assert described().splitlines() == [
        "[llm]  OPENAI gpt-4o  830 ms  14+4 tokens  user ada",
        "  session order-1234 (shop) /answer",
        "    > Where is my order?",
        "    < On its way.",
    ]


def test_a_failure_is_told() -> None:
    text = described(**{PROPERTY + "error": "true", PROPERTY + "exception": "TimeoutError"})
    assert text.splitlines()[0].endswith("FAILED TimeoutError")


@pytest.mark.parametrize("said", ["false", "0", "none"])
def test_properties_that_say_that_nothing_failed_are_no_failure(said: str) -> None:
    told = described(**{PROPERTY + "error": said, PROPERTY + "cancelled": said})
    assert told.splitlines()[0].endswith("user ada")


def test_what_was_cancelled_is_told() -> None:
    assert described(**{PROPERTY + "cancelled": "true"}).splitlines()[0].endswith("  user ada  cancelled")


def test_findings_stand_next_to_the_span() -> None:
    text = described(**{"gen_ai.system": "xai"})
    assert "  ! Helicone has no cost table for provider XAI" in text
    assert "set provider" in text


def test_advice_and_the_session_are_told_to_their_end() -> None:
    advice = described(**{"gen_ai.system": "google", "gen_ai.response.model": "gemini-2.0-flash"}).splitlines()[-2]
    assert advice.endswith('show_cost=True, or provider_overrides={"google": "custom"}')
    assert described(**{SESSION + "Id": "s" * 128}).splitlines()[1] == f"  session {'s' * 128} (shop) /answer"


def test_long_texts_are_cut_to_a_line() -> None:
    lines = described(**{"gen_ai.prompt.0.content": "word\n\n" * 500}).splitlines()
    assert len(lines) == 4
    assert lines[2].endswith("…")
    assert len(lines[2]) < 120


@pytest.mark.parametrize(
    "key",
    [
        "gen_ai.system",
        "gen_ai.response.model",
        "gen_ai.prompt.0.content",
        "gen_ai.completion.0.content",
        USER,
        SESSION + "Id",
        SESSION + "Name",
        SESSION + "Path",
        PROPERTY + "exception",
    ],
)
def test_control_characters_are_removed(key: str, capsys: pytest.CaptureFixture[str]) -> None:
    attributes = {**GOOD, PROPERTY + "error": "true", key: f"a{CONTROLS}b\nc\ud800"}
    text = described(**attributes)
    assert all(map(is_shown, text.split("\n")))
    print_sessions([row_of(span(attributes))])
    printed = capsys.readouterr().out
    assert all(map(is_shown, printed.split("\n")))


@given(st.dictionaries(st.sampled_from(sorted(GOOD)), st.text(st.characters(exclude_categories=()))))
def test_any_text_is_printed_in_readable_lines(attributes: dict[str, str]) -> None:
    assert all(map(is_shown, described(**attributes).split("\n")))


def test_sessions_are_printed_as_trees(capsys: pytest.CaptureFixture[str]) -> None:
    paths = ["/answer", "/answer/plan", "/answer/search/rank", "//blank"]
    print_sessions(row_of(span({**GOOD, SESSION + "Path": path})) for path in paths)
    lines = [line for line in capsys.readouterr().out.splitlines() if ">" not in line and "<" not in line]
    assert [line.split("  [")[0] for line in lines] == [
        "session order-1234 (shop)",
        "  answer",
        "      plan",
        "      search/",
        "          rank",
        "  (blank)/",
        "      blank",
    ]


def test_sessions_are_printed_to_a_stream_that_cannot_show_all_of_them(monkeypatch: pytest.MonkeyPatch) -> None:
    buffer = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(buffer, encoding="cp1252", write_through=True))
    print_sessions([row_of(span({**GOOD, "gen_ai.prompt.0.content": "Wo? 👋 ä"}))])
    assert "> Wo? \\U0001f44b ä" in buffer.getvalue().decode("cp1252")


def test_rows_without_a_session_are_in_none() -> None:
    assert sessions_of([row_of(span({}))]) == []


def test_steps_get_their_icons() -> None:
    icons = {"tool:x": "tool", "vector_db:x": "vector_db", "data:x": "data", "gpt-4o": "llm", "": "llm", "tools": "llm"}
    assert {model: row_of(span({"gen_ai.response.model": model})).icon for model in icons} == icons


def test_a_message_without_a_role_is_dropped_and_the_order_is_that_of_the_attributes() -> None:
    row = row_of(span({
        "gen_ai.prompt.1.role": "user", "gen_ai.prompt.1.content": "second",
        "gen_ai.prompt.0.content": "dropped",
        "gen_ai.prompt.2.role": "tool",
        "gen_ai.prompt.x.role": "odd",
    }))  # fmt: skip
    assert row.messages == (("user", "second"), ("tool", ""))


def test_one_value_that_is_no_text_leaves_the_properties_uncleaned() -> None:
    assert row_of(span(GOOD)).are_properties_cleaned
    assert not row_of(span({**GOOD, PROPERTY + "n": 1})).are_properties_cleaned
    assert not row_of(span({**GOOD, USER: 1})).are_properties_cleaned


def test_the_user_falls_back_to_llm_user_and_max_tokens_to_50() -> None:
    row = row_of(span({"llm.user": "grace"}))
    assert (row.user, row.max_tokens, row.temperature, row.status) == ("grace", 50, 1, 200)


def test_latency_is_truncated_on_doubles() -> None:
    start = 1_760_000_000_123_000_000
    short = span({}, startTimeUnixNano=str(start), endTimeUnixNano=str(start + 830_000_000))
    shown = {row_of({**short, "endTimeUnixNano": str(start + ms * 10**6)}).latency_ms - ms for ms in range(1_000)}
    assert shown == {0, -1}
    assert rows_of({"resourceSpans": []}) == []
