"""A headless Chromium for the page: Debian's, or one that stands on the path."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from helicone_logging.receiver import Receiver

NAMES = ("chromium", "chromium-browser", "google-chrome", "chrome")
PATIENCE = 20_000  # milliseconds
SCREENSHOTS = os.environ.get("PAGE_SCREENSHOTS", "")
"""Where screenshots are stored, such as docs/images; empty for none."""


def executable() -> str:
    """The browser, or the end of the test."""
    found = next((path for name in NAMES if (path := shutil.which(name))), None)
    try:
        import playwright.sync_api  # noqa: F401
    except ImportError:
        found = None
    if found is None:
        message = "needs Chromium (apt-get install -y chromium) and the package playwright"
        if os.environ.get("CI") == "true":
            pytest.fail(message)
        pytest.skip(message)
    return found


@pytest.fixture(scope="package")
def browser() -> Iterator[Any]:
    path = executable()
    from playwright.sync_api import sync_playwright

    with sync_playwright() as started:
        running = started.chromium.launch(executable_path=path, args=["--no-sandbox"])
        yield running
        running.close()


class Watch:
    """What a page must never do: complain, or ask another host."""

    def __init__(self, page: Any, url: str) -> None:
        self.complaints: list[str] = []
        self.hosts: set[str] = set()
        self._own = urlsplit(url).netloc
        page.on("console", lambda message: self.complaints.append(f"{message.type}: {message.text}"))
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        page.on("request", lambda request: self.hosts.add(urlsplit(request.url).netloc))

    def check(self) -> None:
        assert self.complaints == []
        assert self.hosts <= {self._own}


@pytest.fixture
def open_page(browser: Any, receiver: Receiver) -> Iterator[Callable[..., Any]]:
    """Opens a page of the receiver in a window of its own; whatever it complains of fails the test."""
    contexts, watches = [], []

    def opened(path: str = "/", **options: Any) -> Any:
        context = browser.new_context(viewport={"width": 1400, "height": 900}, base_url=receiver.url, **options)
        context.set_default_timeout(PATIENCE)
        contexts.append(context)
        page = context.new_page()
        watches.append(Watch(page, receiver.url))
        page.goto(path)
        return page

    yield opened
    for context in contexts:
        context.close()
    for watch in watches:
        watch.check()


@pytest.fixture
def screenshot() -> Callable[[Any, str], None]:
    """Stores a screenshot where they were asked for."""

    def store(page: Any, name: str) -> None:
        if SCREENSHOTS:
            Path(SCREENSHOTS).mkdir(parents=True, exist_ok=True)
            page.screenshot(path=str(Path(SCREENSHOTS) / f"{name}.png"), animations="disabled")

    return store
