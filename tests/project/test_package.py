"""What a package index shows: metadata of one source, and addresses that derive from two."""

from __future__ import annotations

import configparser
import re
from pathlib import Path

import helicone_logging

ROOT = Path(__file__).resolve().parents[2]
SETUP = configparser.ConfigParser(interpolation=None)
SETUP.read(ROOT / "setup.cfg", encoding="utf-8")
METADATA = SETUP["metadata"]
REPOSITORY = METADATA["url"]
PROJECT_URLS = dict(re.findall(r"^(\w+) = (\S+)$", METADATA["project_urls"], re.MULTILINE))
DOCUMENTATION = PROJECT_URLS["Documentation"]

_TEXTS = {".md", ".py", ".cfg", ".toml", ".yml", ".yaml", ".html", ".css", ".js"}
_FOLDERS = (".ci", ".github", "benchmarks", "docs", "examples", "helicone_logging", "helicone_logging_pytest", "tests")
_BUILT = ROOT / "docs" / "_build"
_OWN_ADDRESS = re.compile(
    r"https://[\w.-]*readthedocs\.io|https://(?:raw\.githubusercontent|github)\.com/[\w.-]+/[\w.-]+"
)


def texts() -> list[Path]:
    """All files of the project that are read by people."""
    found = [path for path in ROOT.iterdir() if path.is_file()]
    for folder in _FOLDERS:
        found += [path for path in (ROOT / folder).rglob("*") if _BUILT not in path.parents]
    return sorted(path for path in found if path.suffix in _TEXTS)


def test_the_addresses_of_the_project_derive_from_two() -> None:
    assert set(PROJECT_URLS) == {"Documentation", "Source", "Changelog", "Issues"}
    for name, url in PROJECT_URLS.items():
        assert url.startswith((REPOSITORY, DOCUMENTATION)), name
    assert "`url`" in (contributing := (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8"))
    assert "`Documentation`" in contributing


def test_no_file_has_another_address_of_the_project() -> None:
    name = METADATA["name"]
    strangers = []
    for path in texts():
        addresses = _OWN_ADDRESS.findall(path.read_text(encoding="utf-8"))
        own = {address for address in addresses if name in address} - {REPOSITORY, DOCUMENTATION}
        strangers += [f"{path.relative_to(ROOT)}: {address}" for address in sorted(own)]
    assert not strangers


def test_the_licence_is_named_and_shipped() -> None:
    assert METADATA["license_expression"] == "MIT"
    assert (ROOT / METADATA["license_files"]).read_text(encoding="utf-8").startswith("MIT License")
    assert "License ::" not in METADATA["classifiers"]  # PEP 639 forbids both


def test_the_pythons_that_are_named_are_those_that_are_tested() -> None:
    named = re.findall(r"Python :: (3\.\d+)", METADATA["classifiers"])
    assert SETUP["options"]["python_requires"] == f">={named[0]}"
    workflow = (ROOT / ".github" / "workflows" / "tests.yml").read_text(encoding="utf-8")
    assert re.findall(r'"(3\.\d+)"', workflow.partition("python: [")[2].partition("]")[0]) == named
    own_run = (ROOT / ".ci" / "run").read_text(encoding="utf-8")
    assert [f"3.{minor}" for minor in own_run.partition("for minor in ")[2].partition(";")[0].split()] == named
    guide = (ROOT / "docs" / "get-started.md").read_text(encoding="utf-8")
    assert f"Python {named[0]} to {named[-1]}, " in guide


def test_the_newest_version_of_the_changelog_has_a_date_and_is_the_package_s() -> None:
    changelog = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    released = re.findall(r"^## \[(\d[\w.]*)\] - \d{4}-\d{2}-\d{2}$", changelog, re.MULTILINE)
    assert released[0] == helicone_logging.__version__
    for version in released:
        assert f"\n[{version}]: {REPOSITORY}/" in changelog
