"""The session that the README shows is what the demo prints."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

README = Path(__file__).resolve().parents[2] / "README.md"
_CHANGING = re.compile(r"[0-9a-f]{32}")


def test_the_readme_shows_what_the_demo_prints() -> None:
    block = re.search(r"<!-- demo -->\n```text\n(.*?)```\n<!-- /demo -->", README.read_text("utf-8"), re.DOTALL)
    assert block is not None
    demo = subprocess.run(
        [sys.executable, "-m", "helicone_logging", "demo"], capture_output=True, encoding="utf-8", check=True
    )
    shown = _CHANGING.sub("…", block[1]).strip()
    assert shown.startswith("session …")
    assert shown in _CHANGING.sub("…", demo.stdout)
