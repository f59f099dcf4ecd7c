"""docs/pitfalls.md names a test for each fault of others, and those tests exist."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
ROWS = re.findall(r"^\| (\d+) \|(.*)\|$", (ROOT / "docs/pitfalls.md").read_text("utf-8"), re.MULTILINE)


def test_every_fault_of_others_has_a_test_that_exists() -> None:
    sources = "\n".join(path.read_text("utf-8") for path in (ROOT / "tests").rglob("test_*.py"))
    tests = set(re.findall(r"def (test_\w+)", sources))
    named = {number: re.findall(r"`(test_\w+)`", row.rsplit("|", 1)[1]) for number, row in ROWS}
    assert list(named) == [str(number) for number in range(1, 46)]
    assert [number for number, names in named.items() if not names] == []
    assert sorted(name for names in named.values() for name in names if name not in tests) == []
