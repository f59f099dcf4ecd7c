"""README is short enough to be read, and leads somewhere wherever it is shown."""

from __future__ import annotations

import configparser
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
_SETUP = configparser.ConfigParser(interpolation=None)
_SETUP.read(ROOT / "setup.cfg", encoding="utf-8")
REPOSITORY = _SETUP["metadata"]["url"]
DOCUMENTATION = re.search(r"Documentation = (\S+)", _SETUP["metadata"]["project_urls"])[1] + "/en/latest/"  # type: ignore[index]
_ADDRESSES = re.findall(r"https?://[^\s)>\]`']+", README)


def prose() -> str:
    """README without code and addresses."""
    text = re.sub(r"^```.*?^```$|<!-- /?\w+ -->", "", README, flags=re.MULTILINE | re.DOTALL)
    text = re.sub(r"^\[\w+\]: \S+$", "", text, flags=re.MULTILINE)
    return re.sub(r"https?://\S+|(?<=\])(?:\[\w+\]|\([^)]*\))", "", text)


def test_it_is_read_in_two_minutes() -> None:
    assert len(prose().split()) <= 1_000
    assert max(len(line) for line in README.splitlines()) <= 200


def test_it_has_a_picture() -> None:
    pictures = [address for address in _ADDRESSES if address.endswith((".png", ".svg"))]
    assert pictures
    for picture in pictures:
        assert (ROOT / picture.removeprefix(f"{REPOSITORY}/raw/main/")).is_file()


def test_all_links_are_absolute_so_that_they_work_on_a_package_index() -> None:
    inline = re.findall(r"\]\(([^)\s]+)\)", README)
    references = dict(re.findall(r"^\[(\w+)\]: (\S+)$", README, re.MULTILINE))
    assert [target for target in [*inline, *references.values()] if not target.startswith("https://")] == []
    used = set(re.findall(r"\]\[(\w+)\]", README))
    assert used == set(references)


@pytest.mark.parametrize("address", sorted(a for a in _ADDRESSES if a.startswith((REPOSITORY, DOCUMENTATION))))
def test_links_to_the_project_lead_to_what_is_there(address: str) -> None:
    path, _, anchor = address.partition("#")
    if path.startswith(DOCUMENTATION):
        page = ROOT / "docs" / path.removeprefix(DOCUMENTATION).replace(".html", ".md")
        assert page.is_file()
        assert not anchor or anchor in anchors(page)
    else:
        assert re.sub(r"^/(?:blob|raw)/main/", "", path.removeprefix(REPOSITORY)) in files_of_the_repository()


def files_of_the_repository() -> set[str]:
    folders = [ROOT, *(ROOT / name for name in ("docs/images", "examples", "benchmarks"))]
    return {path.relative_to(ROOT).as_posix() for folder in folders for path in folder.iterdir() if path.is_file()}


def anchors(page: Path) -> set[str]:
    headings = re.findall(r"^#+ (.+)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def test_the_first_screen_shows_how_to_begin() -> None:
    first = "\n".join(README.splitlines()[:45])
    for part in (
        "python3 -m venv .venv && .venv/bin/pip install '.[local]' && .venv/bin/helicone-logging demo",
        "python3 -m venv .venv && .venv/bin/pip install -e '.[dev]' && .venv/bin/python -m pytest",
        "logging.config.dictConfig(",
        "extra={",
    ):
        assert part in first


def test_what_a_record_costs_is_between_the_marks_that_the_benchmark_writes_to() -> None:
    costs = README.partition("<!-- costs -->")[2].partition("<!-- /costs -->")[0]
    assert len(re.findall(r"^- \*\*[\d,]+ µs\*\*", costs, re.MULTILINE)) == 3
