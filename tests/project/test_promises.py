"""Each promise of the docs links to tests that exist."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "promises.md").read_text("utf-8")
_LINK = re.compile(r"\[(test_\w+)\]\(\.\./(tests/[\w/]+\.py)\)")


def promises() -> list[str]:
    rows = [line for line in PAGE.splitlines() if line.startswith("| ")]
    return [row for row in rows if row != "| promise | held by |"]


def test_each_promise_names_a_test_that_exists() -> None:
    rows = promises()
    assert len(rows) > 20
    missing = []
    for row in rows:
        links = _LINK.findall(row)
        assert links, row
        for name, path in links:
            source = (ROOT / path).read_text("utf-8")
            if f"def {name}(" not in source:
                missing.append(f"{path}: {name}")
    assert not missing
