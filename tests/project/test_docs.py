"""The pages of `docs/` hang together, and their tables are those of the code."""

from __future__ import annotations

import configparser
import importlib.util
import inspect
import logging
import re
from pathlib import Path
from types import ModuleType

import pytest
from pythonjsonlogger.core import BaseJsonFormatter

import helicone_logging
from helicone_logging import ConfigurationError, HeliconeHandler, OTELTraceFormatter, bind
from helicone_logging.cli import entry
from helicone_logging.delivery.outcomes import Kind
from helicone_logging.payload import fields
from helicone_logging.testing import capture_spans

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"
PAGES = sorted(DOCS.glob("*.md"))
DOCUMENTS = [*PAGES, ROOT / "README.md", ROOT / "CONTRIBUTING.md"]
INCLUDED = {"changelog", "security"}  # whole files of the repository
NAMES = {page: page.stem for page in PAGES}


def load(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(f"docs_{name}", DOCS / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


tables = load("tables")


def text_of(page: Path) -> str:
    return page.read_text(encoding="utf-8")


def headings(text: str) -> list[str]:
    return re.findall(r"^#+ (.+)$", re.sub(r"^```.*?^```$", "", text, flags=re.MULTILINE | re.DOTALL), re.MULTILINE)


def anchors(text: str) -> set[str]:
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings(text)}


@pytest.mark.parametrize("page", [*DOCUMENTS, ROOT / "CHANGELOG.md"], ids=lambda page: page.name)
def test_no_page_holds_what_a_merge_has_left(page) -> None:
    assert re.findall(r"^(?:<{7}|>{7}|={7}$).*", text_of(page), re.MULTILINE) == []


def test_every_page_is_in_the_table_of_contents() -> None:
    listed: list[str] = []
    for tree in re.findall(r"^```\{toctree\}\n(.*?)^```", text_of(DOCS / "index.md"), re.MULTILINE | re.DOTALL):
        listed += [line for line in tree.splitlines() if line and not line.startswith(":")]
    assert sorted(listed) == sorted({*NAMES.values()} - {"index"})


@pytest.mark.parametrize("page", [page for page in PAGES if page.stem not in INCLUDED], ids=lambda page: page.stem)
def test_a_page_begins_with_what_it_is_for(page: Path) -> None:
    title, _, rest = text_of(page).partition("\n")
    assert re.fullmatch(r"# \S.*", title)
    first = rest.strip().partition("\n\n")[0]
    assert re.match(r"[\w`“]", first), first
    assert len(first.split()) >= 8, first


@pytest.mark.parametrize("page", DOCUMENTS, ids=lambda page: page.stem)
def test_links_lead_somewhere(page: Path) -> None:
    text = text_of(page)
    for target in re.findall(r"\]\(([^)\s]+)\)", text):
        if "://" in target:
            continue
        path, _, anchor = target.partition("#")
        linked = (page.parent / path) if path else page
        assert linked.exists(), target
        assert not anchor or anchor in anchors(text_of(linked)), target


def blocks() -> list[tuple[str, str]]:
    """The Python code of all documents."""
    found = []
    for page in DOCUMENTS:
        code = re.findall(r"^```python\n(.*?)^```", text_of(page), re.MULTILINE | re.DOTALL)
        found += [(f"{page.name} {number}", block) for number, block in enumerate(code)]
    return found


@pytest.mark.parametrize(("name", "code"), blocks(), ids=[name for name, _ in blocks()])
def test_python_code_compiles(name: str, code: str) -> None:
    compile(code, name, "exec", flags=0x2000)  # ast.PyCF_ALLOW_TOP_LEVEL_AWAIT


def test_every_table_is_on_a_page_and_every_mark_is_a_table() -> None:
    marks = [mark for page in PAGES for mark in re.findall(r"<!-- table: ([\w ]+) -->", text_of(page))]
    assert sorted(marks) == sorted(tables.TABLES)
    for page in PAGES:
        assert "<!-- table:" not in tables.fill(text_of(page))


@pytest.mark.parametrize("owner", [HeliconeHandler, OTELTraceFormatter])
def test_the_options_are_those_that_are_taken_each_with_its_default_and_its_words(owner: type) -> None:
    rows = [[cell.strip() for cell in line.split(" | ")] for line in tables.options(owner).splitlines()[2:]]
    taken = [name for name, one in inspect.signature(owner).parameters.items() if one.kind is not one.VAR_KEYWORD]
    assert [row[0].strip("| `") for row in rows] == taken
    assert all(row[1] and len(row[2].split()) > 1 for row in rows)


@pytest.mark.parametrize(
    ("option", "default"),
    [
        ("queue_size", "10,000"), ("queue_bytes", "64 MiB"), ("spool_bytes", "1 GiB"), ("max_backoff", "60 s"),
        ("overflow", '`"drop_newest"`'), ("allow_insecure", "`False`"), ("api_key", "–"), ("max_connections", "4"),
    ],
)  # fmt: skip
def test_defaults_are_written_with_their_units(option: str, default: str) -> None:
    assert f"| `{option}` | {default} |" in tables.options(HeliconeHandler)


def test_the_fields_are_all_that_are_read_with_every_alias() -> None:
    table = tables.field_table() + text_of(DOCS / "providers.md")  # which has what only OpenTelemetry has names for
    for name in {*fields.READERS} - fields.OUR_OWN:
        assert f"`{name}`" in table or f"`….{name.split('.', 2)[-1]}`" in table, name


def test_what_the_table_says_of_parameters_and_totals_is_what_helicone_shows() -> None:
    parameters = {"temperature": 0.2, "top_p": 0.3, "top_k": 4, "seed": 5, "total_tokens": 12}
    with capture_spans() as spans, bind(trace_id="t"):
        logging.getLogger("docs").error("plain", extra={"model": "gpt-4o"})
        logging.getLogger("docs").error("with", extra={"model": "gpt-4o", "max_tokens": 7, **parameters})
    plain, given = spans.one("plain").row(), spans.one("with").row()
    assert (plain.max_tokens, given.max_tokens) == (50, 7)
    assert plain.temperature == given.temperature == 1
    assert (given.prompt_tokens, given.completion_tokens or 0, given.total_tokens) == (12, 0, 12)
    assert given.properties == plain.properties
    table = tables.field_table()
    for words in ("max tokens; else 50", "sent, not shown: Helicone shows 1", "where both are missing"):
        assert words in table


def test_every_option_of_a_json_formatter_has_its_words() -> None:
    page = text_of(DOCS / "options.md")
    own = inspect.signature(OTELTraceFormatter).parameters
    others = [name for name in inspect.signature(BaseJsonFormatter).parameters if name not in own]
    assert [name for name in others if f"`{name}`" not in page and name != "stack_info_as_array"] == []
    for name in ("json_indent", "json_default", "exc_info_as_array"):
        assert f"`{name}`" in page.partition("are refused")[0]
        with pytest.raises(ConfigurationError, match=name):
            OTELTraceFormatter(**{name: 2})


def test_every_extra_for_users_is_where_they_begin() -> None:
    setup = configparser.ConfigParser(interpolation=None)
    setup.read(ROOT / "setup.cfg", encoding="utf-8")
    extras = {*setup["options.extras_require"]} - {"dev", "docs", "sdks"}
    table = text_of(DOCS / "get-started.md").partition("| extra |")[2].partition("## ")[0]
    named = {
        name
        for line in table.splitlines()
        for name in re.findall(r"`(\w+)`", line.split("|")[1] if "|" in line else "")
    }
    assert named == extras


@pytest.mark.parametrize("page", [page for page in PAGES if "<!-- table:" in text_of(page)], ids=lambda page: page.stem)
def test_a_page_of_tables_says_in_the_repository_where_they_are(page: Path) -> None:
    head = text_of(page).split("\n\n")[1]
    assert f"[the page](https://helicone-logging.readthedocs.io/en/latest/{page.stem}.html)" in head


def test_the_outcomes_are_all_there_are_and_each_status_has_one() -> None:
    table = tables.outcome_table()
    for kind in Kind:
        assert f"| `{kind.value}` |" in table
    assert "| `delivered` | 200 to 299 |" in table
    assert "| `failed` | 408, 425, 500 |" in table


def test_every_public_name_is_on_the_page_of_the_api() -> None:
    page = text_of(DOCS / "api.md")
    names = [name for name in helicone_logging.__all__ if name != "__version__"]
    assert [name for name in names if f":: helicone_logging.{name}\n" not in page] == []


def test_a_new_field_without_words_is_told() -> None:
    with pytest.raises(KeyError, match=r"no words for \['new'\].*\['old'\], which are gone"):
        tables._agree(["old"], ["new"])


def test_the_commands_are_those_of_the_command_line() -> None:
    table = tables.command_table()
    for name in entry._COMMANDS:
        assert f"usage: helicone-logging {name}" in table
    assert "usage: helicone-logging spool send" in table


def test_included_files_bring_their_links_along() -> None:
    conf = load("conf")
    assert (
        conf._led(ROOT / "benchmarks", "[a](bench/pace.py)")
        == f"[a]({conf.REPOSITORY}/blob/main/benchmarks/bench/pace.py)"
    )
    assert conf._target(DOCS, "fields.md#times") == "fields.md#times"
    assert conf._target(DOCS, "../examples/quickstart.py") == f"{conf.REPOSITORY}/blob/main/examples/quickstart.py"
