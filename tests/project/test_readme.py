"""The README names what there is, and its code is code."""

from __future__ import annotations

import inspect
import re
from pathlib import Path

import pytest

from helicone_logging import HeliconeHandler, OTELTraceFormatter
from helicone_logging.cli import entry
from helicone_logging.handler import HeliconeHandler as _Handler
from helicone_logging.payload import fields

ROOT = Path(__file__).resolve().parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
DOCUMENTS = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
PACKAGE = Path(inspect.getfile(_Handler)).parent

# Options of logging.Handler and python-json-logger: not ours to list one by one.
_INHERITED = {"self", "level", "fmt", "datefmt", "style", "validate", "formatter_options", "json_options"}
_OF_PYTHON_JSON_LOGGER = {"rename_fields", "static_fields", "defaults", "reserved_attrs"}
_FOR_ANYTHING_ELSE = "anything else"


def section(heading: str) -> str:
    return README.partition(f"\n## {heading}\n")[2].partition("\n## ")[0]


def names_in_first_column(heading: str) -> list[str]:
    rows = [line for line in section(heading).splitlines() if line.startswith("|")][2:]
    return [name for row in rows for name in re.findall(r"`(\w+)`", row.split("|")[1])]


def fields_of_the_code() -> set[str]:
    names = {*fields.READERS} - fields.OUR_OWN - {"helicone"}
    return {name for name in names if "." not in name}  # OpenTelemetry's own names are told in words


def test_the_fields_table_names_every_field_and_alias_and_nothing_else() -> None:
    named = names_in_first_column("Fields")
    assert len(named) == len(set(named))
    assert set(named) == fields_of_the_code()
    assert _FOR_ANYTHING_ELSE in section("Fields")


def test_the_options_table_names_every_option_and_nothing_else() -> None:
    named = names_in_first_column("Options")
    taken = {*inspect.signature(HeliconeHandler).parameters, *inspect.signature(OTELTraceFormatter).parameters}
    assert len(named) == len(set(named))
    assert set(named) == (taken - _INHERITED) | _OF_PYTHON_JSON_LOGGER


@pytest.mark.parametrize(
    ("option", "default"),
    [
        ("queue_size", "10,000"), ("queue_bytes", "64 MiB"), ("batch_size", "1"), ("batch_bytes", "4 MiB"),
        ("flush_interval", "1 s"), ("max_connections", "4"), ("timeout", "10 s"), ("max_attempts", "8"),
        ("max_backoff", "60 s"), ("shutdown_timeout", "5 s"), ("block_timeout", "10 s"), ("spool_bytes", "1 GiB"),
        ("max_value_length", "1,000,000"), ("max_attributes", "2,000"), ("max_span_bytes", "8 MiB"),
        ("overflow", '"drop_newest"'), ("export", '"explicit"'), ("sessions", "True"), ("allow_insecure", "False"),
    ],
)  # fmt: skip
def test_the_defaults_in_the_options_table_are_those_of_the_code(option: str, default: str) -> None:
    (row,) = [
        line for line in section("Options").splitlines() if line.startswith("|") and f"`{option}`" in line.split("|")[1]
    ]
    names = re.findall(r"`(\w+)`", row.split("|")[1])
    written = [part.strip().strip("`") for part in row.split("|")[2].split(";")][names.index(option)]
    assert written == default
    parameters = {**inspect.signature(OTELTraceFormatter).parameters, **inspect.signature(HeliconeHandler).parameters}
    assert _plain(written) == parameters[option].default


def _plain(written: str) -> object:
    """A default as it is written in the table, as a value."""
    if written in ("True", "False"):
        return written == "True"
    if written.startswith('"'):
        return written.strip('"')
    number, _, unit = written.replace(",", "").partition(" ")
    return float(number) if unit == "s" else int(number) * {"": 1, "MiB": 2**20, "GiB": 2**30}[unit]


def blocks() -> list[tuple[str, str]]:
    """The Python code of all documents."""
    found = []
    for document in DOCUMENTS:
        code = re.findall(r"^```python\n(.*?)^```", document.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
        found += [(f"{document.name} {number}", block) for number, block in enumerate(code)]
    return found


@pytest.mark.parametrize(("name", "code"), blocks(), ids=[name for name, _ in blocks()])
def test_python_code_compiles(name: str, code: str) -> None:
    compile(code, name, "exec", flags=0x2000)  # ast.PyCF_ALLOW_TOP_LEVEL_AWAIT


def test_the_commands_are_those_of_the_command_line() -> None:
    listed = re.findall(r"^helicone-logging (\w+)", section("Commands"), re.MULTILINE)
    assert listed == list(entry._COMMANDS)
    for name in listed:
        assert (PACKAGE / "cli" / f"{name}.py").is_file()


@pytest.mark.parametrize("document", DOCUMENTS, ids=[document.name for document in DOCUMENTS])
def test_links_lead_somewhere(document: Path) -> None:
    text = document.read_text(encoding="utf-8")
    for target in re.findall(r"\]\(([^)\s]+)\)", text):
        if "://" in target:
            continue
        path, _, anchor = target.partition("#")
        linked = (document.parent / path) if path else document
        assert linked.exists(), target
        if anchor:
            headings = re.findall(r"^#+ (.+)$", linked.read_text(encoding="utf-8"), re.MULTILINE)
            assert anchor in {_anchor(heading) for heading in headings}, target


def _anchor(heading: str) -> str:
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")


def test_the_first_screen_shows_how_to_begin() -> None:
    first = "\n".join(README.splitlines()[:45])
    for part in (
        "python3 -m venv .venv && .venv/bin/pip install '.[local]' && .venv/bin/helicone-logging demo",
        "python3 -m venv .venv && .venv/bin/pip install -e '.[dev]' && .venv/bin/python -m pytest",
        "logging.config.dictConfig(",
        "extra={",
    ):
        assert part in first
