"""The page in a browser: what it shows, how it is moved in, that it is live, and that it works without JavaScript."""

from __future__ import annotations

import contextlib
import json
import re
import shutil
import subprocess
from collections.abc import Callable
from typing import Any

import pytest
from page_spans import many, step
from receiver_client import GOOD, PROPERTY, SESSION, get, payload, post, span

from helicone_logging.receiver import Receiver

pytestmark = pytest.mark.browser

Opened = Callable[..., Any]
SESSION_PATH = "/session/order-1234"


def send(receiver: Receiver, *spans: dict[str, Any]) -> None:
    assert post(receiver, payload(*spans)).status == 200


def agent(receiver: Receiver) -> None:
    """A session with a tree, a failure and a finding."""
    send(
        receiver,
        step("/answer", 0, 4_000),
        step("/answer/plan", 0, 400),
        step("/answer/search", 400, 40, **{"gen_ai.response.model": "vector_db:handbook"}),
        step("/answer/rate", 500, 3_000, **{PROPERTY + "error": "true", "exception.type": "TimeoutError"}),
        step("/answer/price", 3_500, 400, **{"gen_ai.response.model": "o3"}),
    )


def selected(page: Any) -> str:
    return str(page.locator('[data-line][aria-selected="true"] .label').text_content())


def wait_until_selected(page: Any, label: str) -> None:
    """Waits for a line without a script, which fails where its page does not stand yet; then for the whole page."""
    exactly = re.compile(rf"^\s*{re.escape(label)}\s*$")
    page.locator('[data-line][aria-selected="true"] .label').filter(has_text=exactly).wait_for()
    page.wait_for_load_state()


def wait_for(page: Any, condition: str) -> None:
    """Waits for what only a script sees; `wait_for_function` compiles its text again and again, as the page forbids."""
    page.evaluate(f"async () => {{ while (!({condition})) await new Promise((look) => setTimeout(look, 20)) }}")


def focused(page: Any) -> str:
    return str(
        page.evaluate(
            "document.activeElement.querySelector('.label')?.textContent ?? document.activeElement.textContent"
        )
    )


def test_a_session_is_found_in_the_list_and_shows_its_first_failure(receiver: Receiver, open_page: Opened) -> None:
    agent(receiver)
    page = open_page()
    page.get_by_role("link", name="Where is my order?").click()
    assert selected(page) == "rate"
    assert page.locator(".detail h2").text_content().strip() == "rate"
    page.get_by_text("On its way.").wait_for()
    page.get_by_role("treeitem", name="price").click()
    page.get_by_role("navigation", name="Views of this span").get_by_role("link", name="Findings").click()
    assert "o3-2025-04-16" in page.locator(".findings").text_content()
    assert "tab=findings" in page.url


def test_it_works_without_javascript(receiver: Receiver, open_page: Opened) -> None:
    agent(receiver)
    page = open_page("/", java_script_enabled=False)
    page.get_by_role("link", name="Where is my order?").click()
    assert selected(page) == "rate"
    for name, text in {
        "Helicone": "Sent, but not shown", "Findings": "Helicone will show all of it", "Attributes": "gen_ai.system",
        "Raw": "resourceSpans", "Error": "TimeoutError", "Chat": "Where is my order?",
    }.items():  # fmt: skip
        page.get_by_role("navigation", name="Views of this span").get_by_role("link", name=name).click()
        assert text in page.locator(".tab").text_content()
    page.get_by_role("link", name="Sessions", exact=True).click()
    page.get_by_label("Search all that was said").fill("nobody said this")
    page.keyboard.press("Enter")
    page.get_by_text("No session has a span that meets all of this.").wait_for()
    assert not page.get_by_role("button", name="Theme").is_visible()


def test_the_first_span_replaces_the_page_that_says_how_to_begin(receiver: Receiver, open_page: Opened) -> None:
    page = open_page()
    assert "HeliconeHandler(" in page.locator("pre").first.text_content()
    page.locator(".live:not(.is-off)").wait_for()
    send(receiver, span())
    page.get_by_role("link", name="Where is my order?").wait_for()


def test_what_comes_is_told_and_moves_nothing(receiver: Receiver, open_page: Opened) -> None:
    agent(receiver)
    page = open_page()
    row = page.locator("a.row").first
    before = row.bounding_box()
    send(receiver, span({**GOOD, SESSION + "Id": "another"}), step("/answer/more", 4_000, 10))
    page.get_by_text("2 new").wait_for()
    assert row.bounding_box() == before
    assert page.locator("tr[data-session='order-1234'] [data-spans]").text_content() == "6"
    page.get_by_text("2 new").click()
    assert page.locator("a.row").count() == 2

    page.goto(SESSION_PATH)
    before = page.locator('[aria-selected="true"]').bounding_box()
    send(receiver, span({**GOOD, SESSION + "Id": "another"}), step("/answer/later", 4_500, 10))
    page.get_by_text("1 new").wait_for()
    assert page.locator('[aria-selected="true"]').bounding_box() == before
    page.get_by_text("1 new").click()
    page.get_by_role("treeitem", name="later").wait_for()


def test_a_pause_holds_the_news_back(receiver: Receiver, open_page: Opened) -> None:
    agent(receiver)
    page, other = open_page(), open_page()
    page.keyboard.press("p")
    page.get_by_role("button", name="Paused").wait_for()
    send(receiver, span())
    other.get_by_text("1 new").wait_for()
    assert not page.locator("[data-news]").is_visible()
    wait_for(page, "live.hasMissed")
    page.keyboard.press("p")
    page.get_by_text("1 new").wait_for()


def test_a_receiver_that_is_started_anew_is_live_again(browser: Any) -> None:
    with contextlib.closing(browser.new_context()) as context:  # whose console tells of a request that is not answered
        page, errors = context.new_page(), []
        page.on("pageerror", lambda error: errors.append(error))
        with Receiver(port=0) as earlier:
            agent(earlier)
            page.goto(earlier.url)
            page.locator(".live:not(.is-off)").wait_for()
        page.locator(".live.is-off").wait_for()
        with Receiver(port=int(earlier.url.rpartition(":")[2])) as anew:
            send(anew, span())
            page.get_by_text("1 new").wait_for()
        assert not errors


def test_a_receiver_that_does_not_know_this_browser_any_more_is_not_called_live(browser: Any) -> None:
    with contextlib.closing(browser.new_context()) as context:
        page = context.new_page()
        with Receiver(port=0, api_key="a key") as known:
            page.goto(known.page_url)
            page.locator(".live:not(.is-off)").wait_for()
        with Receiver(port=int(known.url.rpartition(":")[2]), api_key="a key"):
            for _ in range(2):  # the first has been understood when the second comes
                page.wait_for_event("response", lambda answer: "poll=1" in answer.url and answer.status == 401)
            page.locator(".live.is-off").wait_for()


def test_twelve_tabs_of_one_browser_are_all_live(receiver: Receiver, open_page: Opened) -> None:
    agent(receiver)
    first = open_page()
    tabs = [first, *(first.context.new_page() for _ in range(11))]
    for tab in tabs[1:]:
        tab.goto(receiver.url)
    send(receiver, span())
    for tab in tabs:
        tab.get_by_text("1 new").wait_for()
    first.close()  # the next takes its stream over
    wait_for(tabs[1], "(await navigator.locks.query()).held.length === 1")
    send(receiver, span())
    tabs[11].get_by_text("2 new").wait_for()


def test_keys_do_what_links_do(receiver: Receiver, open_page: Opened) -> None:
    agent(receiver)
    send(receiver, span({**GOOD, SESSION + "Id": "newest"}))
    page = open_page()
    page.keyboard.press("j")
    page.keyboard.press("j")
    page.keyboard.press("k")
    page.keyboard.press("j")
    page.keyboard.press("Enter")
    page.wait_for_url("**/session/order-1234*")
    page.keyboard.press("2")
    page.wait_for_url("**tab=helicone*")
    page.keyboard.press("!")
    wait_until_selected(page, "price")
    page.keyboard.press("n")
    wait_until_selected(page, "rate")
    page.keyboard.press("/")
    page.keyboard.type("n!u")
    assert page.get_by_label("Search all that was said").input_value() == "n!u"
    page.keyboard.press("Escape")
    page.keyboard.press("?")
    page.get_by_role("dialog", name="Keys").wait_for()
    page.keyboard.press("Escape")
    page.keyboard.press("u")
    page.wait_for_url(f"{receiver.url}/")


def test_the_tree_is_a_tree_for_the_arrow_keys(receiver: Receiver, open_page: Opened) -> None:
    agent(receiver)
    page = open_page(SESSION_PATH)
    root, child = page.get_by_role("treeitem", name="answer"), page.get_by_role("treeitem", name="plan")
    root.focus()
    page.keyboard.press("ArrowLeft")
    assert root.get_attribute("aria-expanded") == "false"
    assert not child.is_visible()
    page.keyboard.press("ArrowRight")
    child.wait_for()
    page.keyboard.press("ArrowDown")
    assert "plan" in focused(page)
    page.keyboard.press("End")
    assert "price" in focused(page)
    page.keyboard.press("ArrowLeft")
    assert "answer" in focused(page)
    page.keyboard.press("[")
    assert not child.is_visible()
    page.keyboard.press("]")
    child.wait_for()
    assert page.locator('[data-line][tabindex="0"]').count() == 1


def test_a_folder_opens_and_closes_with_enter(receiver: Receiver, open_page: Opened) -> None:
    send(receiver, step("/folder/step", 0, 40))
    page = open_page(SESSION_PATH)
    folder = page.get_by_role("treeitem", name="folder")
    folder.focus()
    for expanded in ("false", "true"):
        page.keyboard.press("Enter")
        assert folder.get_attribute("aria-expanded") == expanded


@pytest.mark.skipif(shutil.which("curl") is None, reason="the command is one of curl, which is not installed")
def test_a_copied_command_stores_the_same_payload(receiver: Receiver, open_page: Opened) -> None:
    text = "it's $(touch pwned) `id` \\' \" $HELICONE_API_KEY\nEND\n\x00\x1b \ud800 👩‍👩‍👧"
    send(receiver, span({**GOOD, "gen_ai.prompt.0.content": text}, name="'; exit 1"))
    page = open_page(SESSION_PATH, permissions=["clipboard-read", "clipboard-write"])
    page.get_by_role("link", name="curl").click()
    page.get_by_text("Command copied").wait_for()
    command = page.evaluate("navigator.clipboard.readText()")
    ended = subprocess.run(["bash", "-c", command], capture_output=True, text=True, timeout=60, check=False)
    assert (ended.returncode, ended.stdout) == (0, ""), ended.stderr
    first, second = receiver.spans()
    assert second.span == first.span
    assert second.resource == first.resource
    page.keyboard.press("c")
    page.get_by_text("Prompt copied").wait_for()


def test_themes_follow_the_system_and_can_be_chosen(receiver: Receiver, open_page: Opened) -> None:
    agent(receiver)
    ground = "getComputedStyle(document.documentElement).backgroundColor"
    dark, light = open_page("/", color_scheme="dark"), open_page("/", color_scheme="light")
    assert dark.evaluate(ground) != light.evaluate(ground)
    dark.keyboard.press("t")
    dark.reload()
    assert dark.evaluate(ground) == light.evaluate(ground)
    assert dark.evaluate("document.documentElement.dataset.theme") == "light"


def test_where_one_was_in_the_tree_is_kept(receiver: Receiver, open_page: Opened) -> None:
    send(receiver, *(step(f"/answer/step {number:03}", number, 5) for number in range(120)))
    page = open_page(SESSION_PATH)
    page.locator("[data-tree]").evaluate("tree => tree.scrollTo(0, 1500)")
    before = page.locator("[data-tree]").evaluate("tree => tree.scrollTop")
    page.get_by_role("treeitem", name="step 060").click()
    wait_until_selected(page, "step 060")
    assert before == page.locator("[data-tree]").evaluate("tree => tree.scrollTop") == 1500


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_nobody_is_shut_out(scheme: str, receiver: Receiver, open_page: Opened) -> None:
    from axe_playwright_python.sync_playwright import Axe

    agent(receiver)
    send(
        receiver, span({**GOOD, "gen_ai.prompt.0.content": "[tool call] look_up({})\n[thinking] so\n" + "word\n" * 200})
    )
    rules = {"runOnly": {"type": "tag", "values": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]}}
    page = open_page("/", color_scheme=scheme, bypass_csp=True)
    tabs = ("?tab=helicone", "?tab=findings", "?span=6", "?span=6&tab=helicone", "?span=6&tab=attributes", "?tab=error")
    for path in ("/", *(SESSION_PATH + tab for tab in tabs)):
        page.goto(path)
        found = Axe().run(page, options=rules).response["violations"]
        assert [(one["id"], one["nodes"][0]["html"]) for one in found] == []


def test_a_failure_far_down_is_drawn_and_the_page_begins_at_its_top(receiver: Receiver, open_page: Opened) -> None:
    failed = step("/answer/step 4400", 4_400, 5, **{PROPERTY + "error": "true"})
    send(receiver, *(step(f"/answer/step {number}", number, 5) for number in range(4_400)), failed)
    page = open_page(SESSION_PATH)
    assert selected(page) == "step 4400"
    assert page.locator('[aria-selected="true"]').evaluate("line => line.getBoundingClientRect().bottom < innerHeight")
    assert page.evaluate("scrollY") == 0
    for name, label in (("Earlier spans", "step 1999"), ("Earlier spans", "step 0"), ("Later spans", "step 1999")):
        page.get_by_role("link", name=name).click()
        wait_until_selected(page, label)


@pytest.mark.parametrize("width", [1400, 910, 700, 360])
def test_no_page_is_wider_than_its_window(width: int, receiver: Receiver, open_page: Opened) -> None:
    empty = open_page()
    empty.set_viewport_size({"width": width, "height": 900})
    assert empty.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
    empty.close()
    agent(receiver)
    send(receiver, span({**GOOD, SESSION + "Id": "long", "gen_ai.prompt.0.content": "x" * 100_000}))
    page = open_page()
    page.set_viewport_size({"width": width, "height": 900})
    for path in ("/", SESSION_PATH, "/session/long", "/session/long?tab=raw", "/session/long?tab=attributes"):
        page.goto(path)
        assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
    page.goto(SESSION_PATH)
    assert page.locator("[data-tree]").evaluate("tree => tree.scrollWidth <= tree.clientWidth")
    page.goto("/")
    assert page.get_by_role("link", name="Where is my order?").bounding_box()["width"] > 100


def test_text_that_reads_from_the_right_does(receiver: Receiver, open_page: Opened) -> None:
    send(receiver, span({**GOOD, "gen_ai.prompt.0.content": "أين طلبي؟ (abc)"}))
    page = open_page(SESSION_PATH)
    first, last = (
        page.locator(".chat .text").first.evaluate(
            """(text, at) => {
                const range = document.createRange();
                range.setStart(text.firstChild, at);
                range.setEnd(text.firstChild, at + 1);
                return range.getBoundingClientRect().left;
            }""",
            at,
        )
        for at in (0, 14)
    )
    assert first > last


def test_the_stream_of_a_page_that_is_left_ends(receiver: Receiver, open_page: Opened) -> None:
    for body in many(2, 3):
        assert post(receiver, body).status == 200
    page = open_page()
    for _ in range(30):  # more than there are places for streams
        page.goto("/")
    page.get_by_role("button", name="Live").wait_for()
    assert json.loads(get(receiver, "/healthz").body) == {"status": "ok"}
