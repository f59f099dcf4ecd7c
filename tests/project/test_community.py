"""The files that services read have the form these services ask for, and run nothing that may change under them."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))


@pytest.mark.parametrize(
    ("schema", "files"),
    [
        ("vendor.github-workflows", WORKFLOWS),
        ("custom.github-workflows-require-timeout", WORKFLOWS),
        ("vendor.readthedocs", [ROOT / ".readthedocs.yaml"]),
    ],
)
def test_files_of_services_have_their_form(schema: str, files: list[Path]) -> None:
    assert files
    done = subprocess.run(
        [sys.executable, "-m", "check_jsonschema", "--builtin-schema", schema, *map(str, files)],
        capture_output=True,
        encoding="utf-8",
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("workflow", WORKFLOWS, ids=[path.name for path in WORKFLOWS])
def test_actions_are_pinned_by_commit_and_may_only_read(workflow: Path) -> None:
    text = workflow.read_text(encoding="utf-8")
    used = re.findall(r"uses: (.+)", text)
    assert used
    for action in used:
        assert re.fullmatch(r"[\w.-]+/[\w.-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+", action), action
    assert "\npermissions:\n  contents: read\n" in text
    assert "secrets." not in text


def test_publishing_needs_no_token_and_gives_attestations() -> None:
    text = (ROOT / ".github" / "workflows" / "publish.yml").read_text(encoding="utf-8")
    build, publish = text.split("\n  publish:\n")
    assert "id-token" not in build
    assert "id-token: write" in publish
    assert "attestations: true" in publish
    assert "run:" not in publish  # nothing but the action sees the identity


def test_hooks_before_a_commit_are_the_linters_of_the_project() -> None:
    text = (ROOT / ".pre-commit-config.yaml").read_text(encoding="utf-8")
    assert re.findall(r"id: (\S+)", text) == ["ruff-check", "ruff-format"]
    assert re.findall(r"repo: (\S+)", text) == ["local"]


def test_whoever_finds_a_hole_knows_where_to_tell_it() -> None:
    text = (ROOT / "SECURITY.md").read_text(encoding="utf-8")
    assert "/security/advisories/new" in text
    assert "do not open an issue" in text
