"""The examples that are scripts run to their end, and what they log arrives."""

from __future__ import annotations

import pytest
import servers

from helicone_logging import lint


def sessions(receiver, count: int) -> dict[str, list[dict[str, object]]]:
    assert receiver.store.wait_for(count, servers.PATIENCE)
    assert receiver.store.received == count
    return servers.rows_by_session(receiver)


def only_session(receiver, count: int) -> dict[str, dict[str, object]]:
    (rows,) = sessions(receiver, count).values()
    found = {str(row["session_path"]): row for row in rows}
    assert len(found) == count
    return found


def test_quickstart_without_a_key_shows_what_its_own_receiver_got(receiver) -> None:
    printed = servers.run_script(receiver, "quickstart.py")
    assert "session quickstart-1 (quickstart)" in printed
    assert "< Hello!" in printed


def test_quickstart_with_a_key_sends_to_the_endpoint(receiver) -> None:
    printed = servers.run_script(receiver, "quickstart.py", HELICONE_API_KEY="sk-helicone-test")
    assert "delivered=1" in printed
    assert only_session(receiver, 1)["/greet"]["user"] == "ada"


def test_dictconfig_app_sends_the_traced_records_only(receiver) -> None:
    assert "Logs are the diary of a program." in servers.run_script(receiver, "dictconfig_app.py")
    rows = only_session(receiver, 2)
    assert rows["/summarise"]["total_tokens"] == 24
    assert rows["/translate"]["properties"]["exception"] == "ConnectionError"
    assert {row["session_id"] for row in rows.values()} == {"document-17"}


def test_asyncio_agent_makes_a_tree_of_steps_that_ran_side_by_side(receiver) -> None:
    assert "delivered=8" in servers.run_script(receiver, "asyncio_agent.py")
    rows = only_session(receiver, 8)
    assert set(rows) == {
        "/answer question",
        "/answer question/plan",
        "/answer question/retrieve",
        "/answer question/retrieve/search sso",
        "/answer question/retrieve/search trial",
        "/answer question/look up price",
        "/answer question/draft briefly",
        "/answer question/draft at length",
    }
    assert {row["user"] for row in rows.values()} == {"ada"}
    assert {row["properties"]["tenant"] for row in rows.values()} == {"acme"}
    assert rows["/answer question/retrieve"]["icon"] == "vector_db"
    assert rows["/answer question/look up price"]["properties"]["step"] == "tool"
    (session,) = {row["session_id"] for row in rows.values()}
    servers.assert_parents_are_right(receiver, {str(session): ""})


def test_opentelemetry_app_captures_calls_and_what_is_logged_inside(receiver) -> None:
    pytest.importorskip("openinference.instrumentation.openai", reason="it comes with the extra `sdks`")
    assert "delivered=3" in servers.run_script(receiver, "opentelemetry_app.py")
    (rows,) = sessions(receiver, 3).values()
    paths = sorted(str(row["session_path"]) for row in rows)
    assert paths == ["/answer/ChatCompletion", "/answer/ChatCompletion", "/answer/checked"]
    assert {(row["session_id"], row["session_name"], row["user"]) for row in rows} == {
        ("order-17", "opentelemetry-app", "ada")
    }
    said = {tuple(row["messages"][-1]): row["choices"][0][1] for row in rows if row["model"] == "gpt-4o-mini"}
    assert said["user", "Where is my order?"] == "You said: Where is my order?"  # they arrive in any order


@pytest.mark.parametrize(
    ("script", "provider", "model"),
    [("openai_chat.py", "OPENAI", "gpt-4o-mini"), ("anthropic_chat.py", "CUSTOM", "claude-sonnet-5")],
)
def test_a_client_of_an_sdk_is_logged_whole_and_streamed(receiver, script, provider, model) -> None:
    printed = servers.run_script(receiver, script)
    assert "You said: Why is the sky blue?" in printed
    assert "You said: And in the evening?" in printed
    rows = only_session(receiver, 3)
    assert set(rows) == {"/conversation", "/conversation/ask", "/conversation/ask streamed"}
    for path, question in (("ask", "Why is the sky blue?"), ("ask streamed", "And in the evening?")):
        row = rows[f"/conversation/{path}"]
        assert (row["provider"], row["model"], row["user"]) == (provider, model, "ada")
        assert row["messages"][-1] == ["user", question]
        assert row["choices"][0][1] == f"You said: {question}"
        assert (row["prompt_tokens"], row["completion_tokens"]) == (12, len(f"You said: {question}".split()))


@pytest.mark.parametrize("script", ["asyncio_agent.py", "openai_chat.py"])
def test_helicone_shows_all_of_what_the_examples_send(receiver, script) -> None:
    servers.run_script(receiver, script)
    payloads = [
        {"resourceSpans": [{"resource": one.resource, "scopeSpans": [{"scope": one.scope, "spans": [one.span]}]}]}
        for one in receiver.spans()
    ]
    assert payloads
    assert [finding for finding in lint(payloads) if finding.severity != "info"] == []
