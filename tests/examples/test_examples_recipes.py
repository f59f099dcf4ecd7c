"""The trees that the recipes show are those that come out of the examples, and of the demo."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest
import servers

from helicone_logging.receiver import Receiver
from helicone_logging.receiver.console import session_lines

RECIPES = (Path(__file__).resolve().parents[2] / "docs" / "recipes.md").read_text(encoding="utf-8")
SHOWN = dict(re.findall(r"^<!-- shows: (\w+\.py) -->\n```text\n(.*?)```", RECIPES, re.MULTILINE | re.DOTALL))
_CHANGING = re.compile(r"[0-9a-f]{32}|\d[\d,]* ms")


def lines(text: str) -> list[str]:
    """What does not change from run to run; steps that run side by side come in any order."""
    return sorted(_CHANGING.sub("…", line).rstrip() for line in text.strip().splitlines())


@pytest.mark.parametrize("script", sorted(SHOWN))
def test_the_page_shows_what_the_recipe_says(script: str, receiver: Receiver) -> None:
    servers.run_script(receiver, script, HELICONE_API_KEY="sk-helicone-test")
    assert receiver.store.wait_for(len(re.findall(r" ms\b", SHOWN[script])), servers.PATIENCE)
    assert lines("\n".join(session_lines(receiver.rows()))) == lines(SHOWN[script])


def test_every_script_of_the_recipes_is_shown() -> None:
    assert set(re.findall(r"literalinclude\} \.\./examples/(\w+\.py)", RECIPES)) == set(SHOWN)


def test_the_demo_prints_what_the_recipes_show() -> None:
    block = re.search(r"<!-- demo -->\n```text\n(.*?)```\n<!-- /demo -->", RECIPES, re.DOTALL)
    assert block is not None
    demo = subprocess.run(
        [sys.executable, "-m", "helicone_logging", "demo"], capture_output=True, encoding="utf-8", check=True
    )
    shown = re.sub(r"[0-9a-f]{32}", "…", block[1]).strip()
    assert shown.startswith("session …")
    assert shown in re.sub(r"[0-9a-f]{32}", "…", demo.stdout)
