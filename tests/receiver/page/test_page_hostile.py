"""Texts that would be obeyed if they could are shown, in every view, and nothing of them happens."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from page_spans import HOSTILE, hostile
from receiver_client import post

from helicone_logging.receiver import Receiver

pytestmark = pytest.mark.browser

TABS = ("chat", "helicone", "findings", "attributes", "raw", "error")
MARKED = ("\x00", "\x1b", "\x07", "\x9b", "\u202e", "\u2066", "\u200b", "\ufeff")


SEEN = """() => ({
  pwned: window.pwned,
  text: document.body.innerText,
  made: document.querySelectorAll("main script, main img, main iframe, main object, main style").length,
})"""
EVERYTHING = len(HOSTILE) + 3


def test_nothing_of_a_hostile_text_happens_in_any_view(receiver: Receiver, open_page: Callable[..., Any]) -> None:
    assert post(receiver, hostile()).status == 200
    page = open_page()
    page.locator("a.row").first.click()
    page.wait_for_load_state()
    session = page.url
    paths = [f"{session}&span={number}" for number in range(1, EVERYTHING)]
    paths += [f"{session}&span={EVERYTHING}&tab={tab}" for tab in TABS]
    paths += [f"{session}&tree=parent", "/?q=%3Cscript%3E", "/?user=%22%3E%3Cimg%20src%3Dx%3E&property.a=%3Cb%3E"]
    for path in paths:
        page.goto(path)
        seen = page.evaluate(SEEN)
        assert seen.get("pwned") is None
        assert seen["made"] == 0
        assert not any(mark in seen["text"] for mark in MARKED)
    page.goto(f"{session}&span=1")
    page.keyboard.press("[")
    page.keyboard.press("c")
    page.get_by_text("copied").wait_for()


def test_links_lead_to_the_receiver_only(receiver: Receiver, open_page: Callable[..., Any]) -> None:
    assert post(receiver, hostile()).status == 200
    page = open_page()
    page.locator("a.row").first.click()
    for tab in TABS:
        page.goto(f"{page.url.partition('&tab')[0]}&tab={tab}")
        links = page.evaluate("[...document.querySelectorAll('a')].map(a => a.href)")
        assert links
        assert all(link.startswith(receiver.url + "/") for link in links)


def test_a_megabyte_without_a_blank_and_500_messages_are_bounded(
    receiver: Receiver, open_page: Callable[..., Any]
) -> None:
    assert post(receiver, hostile()).status == 200
    page = open_page()
    page.locator("a.row").first.click()
    session = page.url
    for number in (len(HOSTILE) + 1, len(HOSTILE) + 2):
        page.goto(f"{session}&span={number}")
        assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
        assert len(page.content()) < 1_500_000
    assert page.locator(".message").count() == 500
