"""The demo's session as README shows it, and the pictures for README where they are asked for."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from helicone_logging.cli import demo
from helicone_logging.receiver import Receiver

pytestmark = pytest.mark.browser


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_demos_session_is_there_to_be_looked_at(
    scheme: str, receiver: Receiver, open_page: Callable[..., Any], screenshot: Callable[[Any, str], None]
) -> None:
    with demo.logged_to(receiver.endpoint) as handler:
        demo.answer_question(demo._QUESTION)
        assert handler.flush(20)
    page = open_page("/", color_scheme=scheme)
    page.set_viewport_size({"width": 1280, "height": 540})
    page.get_by_role("link", name=demo._QUESTION).click()
    page.get_by_role("treeitem", name="write answer").click()
    page.locator('[aria-selected="true"] .label', has_text="write answer").wait_for()
    names = [text.strip() for text in page.locator("[data-line] .label").all_text_contents()]
    assert names == ["answer question", "plan", "search handbook", "write answer", "rate answer"]
    page.get_by_text(demo._ANSWER).first.wait_for()
    page.locator(".live:not(.is-off)").wait_for()
    screenshot(page, f"page-{scheme}")
