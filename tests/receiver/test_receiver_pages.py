"""What the pages say, as HTML without a browser, and what is there to take away."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path
from urllib.parse import quote, urlencode

import pytest
import scripts
from page_spans import HOSTILE, hostile, many, step
from receiver_client import GOOD, PROPERTY, SESSION, USER, get, payload, post, span

import helicone_logging
from helicone_logging import lint
from helicone_logging.receiver import Receiver
from helicone_logging.receiver.waterfall import lines_by_parent, lines_by_path


def text(receiver: Receiver, path: str) -> str:
    answer = get(receiver, path)
    assert answer.status == 200, path
    return answer.body.decode()


def sent(receiver: Receiver, **attributes: object) -> None:
    named = {key.replace("__", "."): value for key, value in attributes.items()}
    assert post(receiver, payload(span({**GOOD, **named}))).status == 200


def test_sessions_come_newest_first_fifty_a_page(receiver: Receiver) -> None:
    for number in range(60):
        sent(receiver, **{SESSION + "Id": f"session-{number:02}"})
    first, second = text(receiver, "/"), text(receiver, "/?page=2")
    assert first.count('data-session="session-') == 50
    assert first.index("session-59") < first.index("session-10")
    assert second.count('data-session="session-') == 10
    assert "/?page=2" in first


@pytest.mark.parametrize(
    ("query", "shown"),
    [
        ({"q": "BROKEN lamp"}, ["lamp"]), ({"failed": "1"}, ["failed"]), ({"finding": "no-cost"}, ["o3"]),
        ({"model": "o3"}, ["o3"]), ({"user": "grace"}, ["grace"]), ({"property.tenant": "other"}, ["other"]),
        ({"user": "grace", "failed": "1"}, []), ({}, ["failed", "grace", "lamp", "o3", "other"]),
        ({"page": "x", "nonsense": "1"}, ["failed", "grace", "lamp", "o3", "other"]),
    ],
)  # fmt: skip
def test_sessions_are_found_by_what_the_url_says(query: dict[str, str], shown: list[str], receiver: Receiver) -> None:
    sent(receiver, **{SESSION + "Id": "lamp", "gen_ai.prompt.0.content": "My broken lamp"})
    sent(receiver, **{SESSION + "Id": "failed", PROPERTY + "error": "true"})
    sent(receiver, **{SESSION + "Id": "o3", "gen_ai.response.model": "o3"})
    sent(receiver, **{SESSION + "Id": "grace", USER: "grace"})
    sent(receiver, **{SESSION + "Id": "other", PROPERTY + "tenant": "other"})
    page = text(receiver, f"/?{urlencode(query)}")
    assert (
        sorted(name for name in ("lamp", "failed", "o3", "grace", "other") if f'data-session="{name}"' in page) == shown
    )


def test_a_session_is_called_by_what_was_asked_in_it_and_not_by_the_step_around(receiver: Receiver) -> None:
    around = step("/answer", 0, 900, gen_ai__prompt__0__content="answer")
    assert post(receiver, payload(around)).status == 200
    assert "<h1>answer</h1>" in text(receiver, "/session/order-1234")
    call = step("/answer/call", 5, 800, gen_ai__prompt__0__content="Where is my order?")
    assert post(receiver, payload(call)).status == 200
    assert "<h1>Where is my order?</h1>" in text(receiver, "/session/order-1234")
    assert ">Where is my order?</a>" in text(receiver, "/")


def test_a_session_whose_prompts_are_not_captured_is_called_by_its_first_span(receiver: Receiver) -> None:
    for path in ("/answer", "/answer/call"):
        hidden = step(path, len(path), 5, gen_ai__prompt__0__content="[not captured: 18 characters]")
        assert post(receiver, payload(hidden)).status == 200
    assert ">answer</a>" in text(receiver, "/")


def test_spans_without_a_session_are_under_none(receiver: Receiver) -> None:
    assert (
        post(receiver, payload(span({"gen_ai.prompt.0.role": "user", "gen_ai.prompt.0.content": "alone"}))).status
        == 200
    )
    assert "no session" in text(receiver, "/")
    assert "alone" in text(receiver, "/session?id=")


@pytest.mark.parametrize("session_id", ["a/b", "..", ".", "ü ?#&%", "x" * 500, HOSTILE["script"], "a\x00b\u202e"])
def test_any_id_has_a_page(session_id: str, receiver: Receiver) -> None:
    sent(receiver, **{SESSION + "Id": session_id})
    href = text(receiver, "/").partition('class="row" href="')[2].partition('"')[0].replace("&amp;", "&")
    assert "Where is my order?" in text(receiver, href)


def test_a_name_that_changes_leads_to_the_other_half(receiver: Receiver) -> None:
    sent(receiver)
    sent(receiver, **{SESSION + "Name": "other"})
    page = text(receiver, "/session/order-1234?name=shop")
    assert "Helicone shows two" in page
    assert "/session/order-1234?name=other" in page


def test_what_helicone_hides_is_said_with_what_to_set(receiver: Receiver) -> None:
    sent(receiver, **{"gen_ai.system": "google", "gen_ai.response.model": "gemini-2.5-pro", "llm.extra": "unread"})
    path = "/session/order-1234"
    assert "Helicone will not show all of this" in text(receiver, path)
    row = text(receiver, f"{path}?tab=helicone")
    assert "Both are blank." in row
    assert row.index("Sent, but not shown") < row.index("llm.extra")
    assert "show_cost=True" in text(receiver, f"{path}?tab=findings")


def test_what_was_said_is_set_apart_by_its_kind(receiver: Receiver) -> None:
    said = "[thinking] The user asks.\n[tool call] look_up({})\nSo:\n  kept   as it is\n[image image/png, 12,345 bytes]"
    sent(
        receiver, **{"gen_ai.completion.0.content": said, "gen_ai.prompt.0.content": "[tool result call_1] 15 °C\nmild"}
    )
    page = text(receiver, "/session/order-1234")
    for kind in ("b-thinking", "b-call", "b-result", "b-media", "b-text"):
        assert kind in page
    assert "So:\n  kept   as it is" in page
    assert "15 °C\nmild" in page


def test_a_call_without_an_answer_says_that_it_was_cancelled(receiver: Receiver) -> None:
    cut_off = {key: value for key, value in GOOD.items() if not key.startswith("gen_ai.completion")}
    assert post(receiver, payload(span({**cut_off, PROPERTY + "cancelled": "true"}))).status == 200
    assert "It was cancelled before an answer came." in text(receiver, "/session/order-1234")


def test_long_messages_are_folded_and_nothing_of_them_is_lost(receiver: Receiver) -> None:
    lines = [f"line {number}" for number in range(300)]
    sent(receiver, **{"gen_ai.prompt.0.content": "\n".join(lines)})
    page = text(receiver, "/session/order-1234")
    assert "<details" in page
    assert all(f"{line}\n" in page for line in lines[:-1])


def test_what_is_left_out_of_the_row_is_said(receiver: Receiver) -> None:
    many = {f"gen_ai.prompt.{number}.{part}": "user" for number in range(1, 60) for part in ("role", "content")}
    sent(receiver, **many, **{"gen_ai.completion.0.content": "x" * 5_000})
    page = text(receiver, "/session/order-1234?tab=helicone")
    assert "10 earlier messages are not drawn" in page
    assert "1,000 more characters are not drawn" in page
    assert page.count('<li class="message">') == 50
    assert page.count('<li class="message answer">') == 1


def test_what_is_taken_away_is_exactly_what_was_sent(receiver: Receiver) -> None:
    sent(receiver, **{"gen_ai.prompt.0.content": "a\u202eb\x00 ", "gen_ai.completion.0.content": "</script>"})
    assert get(receiver, "/span/1/prompt").body.decode() == "a\u202eb\x00 "
    assert get(receiver, "/span/1/completion").body == b"</script>"
    taken = get(receiver, "/span/1/payload").json
    assert taken["resourceSpans"][0]["scopeSpans"][0]["spans"][0] == receiver.spans()[0].span
    assert lint(taken) == lint(payload(dict(receiver.spans()[0].span)))
    command = get(receiver, "/span/1/curl").body.decode()
    assert f"'{receiver.endpoint}'" in command
    assert "$HELICONE_API_KEY" in command
    assert get(receiver, "/span/9/payload").status == get(receiver, "/span/1/secret").status == 404


def test_lists_come_in_pages_by_number(receiver: Receiver) -> None:
    for body in many(5, 4):
        post(receiver, body)
    page = get(receiver, "/api/spans?limit=8").json
    assert [one["seq"] for one in page] == list(range(1, 9))
    rest = get(receiver, f"/api/spans?after={page[-1]['seq']}").json
    assert [one["seq"] for one in rest] == list(range(9, 21))
    assert [one["seq"] for one in get(receiver, "/api/requests?session=session-0002").json] == list(range(9, 13))
    assert len(get(receiver, "/api/sessions?limit=2").json) == 2
    assert "tree" not in get(receiver, "/api/sessions?tree=0").json[0]
    assert get(receiver, "/api/spans?q=question+3").json[0]["seq"] == 13


def test_a_session_is_exported_as_lines_and_as_markdown(receiver: Receiver) -> None:
    post(receiver, payload(step("/answer", 0, 10), step("/answer/plan", 1, 5)))
    sent(receiver, **{SESSION + "Id": "other", "gen_ai.completion.0.content": "```\nfence\n````"})
    lines = get(receiver, "/api/export?session=order-1234").body.decode().splitlines()
    assert len(lines) == 2
    assert lint(lines) == []
    assert json.loads(lines[0])["resourceSpans"]
    markdown = get(receiver, "/api/export?format=markdown").body.decode()
    assert (
        markdown.index("# Session order-1234 (shop)")
        < markdown.index("  - plan: OPENAI gpt-4o")
        < markdown.index("# Session other")
    )
    assert "`````text\n```\nfence\n````\n`````" in markdown
    assert get(receiver, "/api/export?format=pdf").status == 400


def test_the_tree_is_by_path_or_by_parent(receiver: Receiver) -> None:
    def one(name: str, span_id: str, parent: str, path: str) -> dict[str, object]:
        above = {"parent_span_id": parent} if parent else {}
        return span({**GOOD, **above, SESSION + "Path": path}, name=name, spanId=span_id)

    post(receiver, payload(
        one("base", "01", "", "/base"), one("child", "02", "01", "/base/folder/child"),
        one("twin", "03", "02", "/base"),
        one("lost", "04", "99", "/lost"), one("itself", "05", "05", "/itself"),
        one("a", "06", "07", "/a"), one("b", "07", "06", "/b"),
    ))  # fmt: skip
    entries = receiver.store.entries()
    shown = [(line.name, line.depth, line.entry is None) for line in lines_by_path(entries)]
    assert ("folder", 1, True) in shown
    assert ("child", 2, False) in shown
    assert [name for name, depth, _ in shown if depth == 0].count("base") == 2
    by_parent = {line.name: line.depth for line in lines_by_parent(entries)}
    assert by_parent == {"base": 0, "child": 1, "twin": 2, "lost": 0, "itself": 0, "a": 0, "b": 0}
    assert "by path" in text(receiver, "/session/order-1234?tree=parent")


def test_hostile_texts_are_text_in_every_view(receiver: Receiver) -> None:
    assert post(receiver, hostile()).status == 200
    href = text(receiver, "/").partition('class="row" href="')[2].partition('"')[0].replace("&amp;", "&")
    for number in range(1, len(HOSTILE) + 4):
        for tab in ("chat", "helicone", "findings", "attributes", "raw", "error"):
            page = text(receiver, f"{href}&span={number}&tab={tab}")
            body = page.partition("<body")[2]
            assert "<script" not in body
            assert "<img" not in body
            assert "onerror='" not in body
            assert 'href="javascript' not in body
            for mark in "\x00\x1b\x9b\u202e\u2066\u200b\ufeff":
                assert mark not in page
    assert get(receiver, f"/?q={quote(HOSTILE['image'])}").status == 200


def test_thousands_of_attributes_are_drawn_to_a_bound_and_found_by_the_filter(receiver: Receiver) -> None:
    sent(receiver, **{f"{PROPERTY}{number:04}": f"value {number:04}" for number in range(1_500)})
    for tab, told in (("helicone", "501 more are not drawn"), ("attributes", "more are not drawn")):
        page = text(receiver, f"/session/order-1234?tab={tab}")
        assert told in page
        assert "value 0100" in page
        assert "value 1400" not in page
    assert "value 1400" in text(receiver, "/session/order-1234?tab=attributes&attribute=1400")


def test_a_session_that_is_not_here_is_said(receiver: Receiver) -> None:
    answer = get(receiver, "/session/nobody")
    assert answer.status == 404
    assert b"No such session" in answer.body


def test_a_zipped_application_shows_them_too(tmp_path: Path) -> None:
    package = Path(helicone_logging.__file__).parent
    with zipfile.ZipFile(tmp_path / "app.pyz", "w") as archive:
        for path in package.rglob("*.*"):
            archive.write(path, path.relative_to(package.parent))
    source = f"""
        import sys, urllib.request
        sys.path.insert(0, {str(tmp_path / "app.pyz")!r})
        from helicone_logging.receiver import Receiver, __file__
        with Receiver(port=0) as receiver, urllib.request.urlopen(receiver.url) as page:
            print(page.status, "app.pyz" in __file__)
    """
    ended = scripts.run(scripts.write(tmp_path / "script.py", source), "http://127.0.0.1:9")
    assert (ended.stdout, ended.stderr) == ("200 True\n", "")
