"""Each promise in the README links to tests that exist."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
_LINK = re.compile(r"\[(test_\w+)(?:\.py)?\]\((tests/[\w/]+\.py)\)")


def promises() -> list[str]:
    readme = (ROOT / "README.md").read_text("utf-8")
    table = readme.split("<!-- promises -->")[1].split("<!-- /promises -->")[0]
    return [row for row in table.strip().splitlines()[2:] if not row.startswith("| **")]


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
