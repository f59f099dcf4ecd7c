"""The house: eight rooms, who may import whom, no circle, and nothing optional loaded before it is used."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

import helicone_logging

PACKAGE = Path(helicone_logging.__file__).parent
NAME = "helicone_logging"
MAP = (Path(__file__).resolve().parents[2] / "docs" / "architecture.md").read_text(encoding="utf-8")

# The rooms, and which of them each may import, lazy imports counted too. `errors` and `_version` stand below all.
ROOMS: dict[str, set[str]] = {
    "core": set(),
    "llm": {"core"},
    "context": {"core"},
    "payload": {"core", "llm", "context"},
    "delivery": {"core"},
    "spool": {"core", "delivery"},
    "receiver": {"core"},
    "cli": {"core", "context", "payload", "delivery", "spool", "receiver", "handler", "formatter"},
}
# What users import; these may import every room that is named here, and each other as named.
ROOT: dict[str, set[str]] = {
    "handler": {"core", "payload", "delivery", "spool", "formatter"},
    "formatter": {"core", "llm", "context", "payload"},
    "linting": {"core", "receiver"},
    "testing": {"core", "payload", "receiver", "handler", "formatter", "linting"},
    "django": {"core", "context"},
    "flask": {"core", "context", "wsgi"},
    "asgi": {"core", "context"},
    "wsgi": {"core", "context"},
    "celery": {"core", "context"},
    "opentelemetry": {"core", "context", "llm", "payload", "handler"},
    "shutdown": {"core", "context"},
    "sigterm": {"core", "shutdown"},
    "errors": set(),
    "_version": set(),
    "__main__": {"cli"},
}
BELOW_ALL = {"errors", "_version"}
TABLE = {**ROOMS, **ROOT}
MAX_ROOT_MODULES = 16
MAX_ARROWS = 75
MAX_LINES = 500

OPTIONAL = {"flask", "waitress", "jsonschema", "django", "celery", "orjson", "opentelemetry", "openai", "anthropic"}
OPTIONAL |= {"google"}  # protobuf's
OPTIONAL_AT_HOME = {
    "django": {"django"},
    "flask": {"flask"},
    "celery": {"celery"},
    "opentelemetry": {"opentelemetry"},
    "payload.wires.helicone": {"orjson"},
    "payload.wires.otlp": {"orjson"},
}


def module_name(path: Path) -> str:
    parts = path.relative_to(PACKAGE).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


MODULES = {module_name(path): ast.parse(path.read_text(encoding="utf-8")) for path in sorted(PACKAGE.rglob("*.py"))}


def statements(tree: ast.Module, *, lazy: bool) -> Iterator[ast.stmt]:
    """The imports of a module, those inside functions only where asked for, those for type checkers never."""
    waiting: list[ast.AST] = [tree]
    while waiting:
        for node in ast.iter_child_nodes(waiting.pop()):
            if isinstance(node, ast.Import | ast.ImportFrom):
                yield node
            elif isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
                waiting.extend(node.orelse)
            elif lazy or isinstance(node, ast.Try | ast.If):
                waiting.append(node)


def imports(name: str, *, lazy: bool = True) -> set[str]:
    """Our modules that a module imports."""
    found: set[str] = set()
    for node in statements(MODULES[name], lazy=lazy):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and node.module.split(".")[0] == NAME:
            found |= {_imported(node.module, alias.name) for alias in node.names}
    ours = {target[len(NAME) + 1 :] for target in found if target.startswith(NAME)}
    return {target for target in ours if target in MODULES and target != name}


def _imported(module: str, name: str) -> str:
    """A submodule where the name is one, else the module that holds it."""
    submodule = f"{module}.{name}"
    return submodule if submodule[len(NAME) + 1 :] in MODULES else module


def unit(module: str) -> str:
    """The room of a module, or itself where it stands at the root."""
    return module.split(".", maxsplit=1)[0]


def arrows() -> set[tuple[str, str]]:
    """Pairs of rooms, or modules at the root, of which one imports the other."""
    pairs = {(unit(name), unit(target)) for name in MODULES if name for target in imports(name) if target}
    return {(one, other) for one, other in pairs if one != other}


def test_the_modules_import_each_other_without_a_circle() -> None:
    order = list(TopologicalSorter({name: imports(name) for name in MODULES if name}).static_order())
    assert set(order) >= set(MODULES) - {""}


def test_the_rooms_import_each_other_without_a_circle() -> None:
    graph: dict[str, set[str]] = {}
    for one, other in arrows():
        graph.setdefault(one, set()).add(other)
    assert list(TopologicalSorter(graph).static_order())


def test_every_room_and_every_module_at_the_root_is_in_the_table() -> None:
    assert {unit(name) for name in MODULES if name} == set(TABLE)
    assert len([name for name in MODULES if name not in ROOMS and "." not in name]) <= MAX_ROOT_MODULES


def test_a_room_imports_only_what_the_table_allows() -> None:
    strangers = {
        f"{name} imports {target}"
        for name in MODULES
        if name
        for target in imports(name)
        if unit(target) not in {unit(name), *TABLE[unit(name)], *BELOW_ALL}
    }
    assert not strangers


def test_there_are_few_arrows() -> None:
    assert len(arrows()) <= MAX_ARROWS


@pytest.mark.parametrize("room", ROOMS)
def test_a_room_says_at_its_head_what_it_is_for(room: str) -> None:
    head = ast.get_docstring(MODULES[room])
    assert head
    assert head.splitlines()[0].endswith(".")


def test_optional_packages_are_imported_at_the_top_only_where_they_are_at_home() -> None:
    wrong = set()
    for name, tree in MODULES.items():
        for node in statements(tree, lazy=False):
            targets = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            targets += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            used = {target.split(".")[0] for target in targets} & OPTIONAL
            wrong |= {f"{name} imports {package}" for package in used - OPTIONAL_AT_HOME.get(name, set())}
    assert not wrong


def test_importing_the_package_loads_nothing_that_waits_for_its_use() -> None:
    script = "import sys, helicone_logging; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout.split()
    assert NAME in loaded
    assert not {*OPTIONAL, "requests", "sqlite3"} & {name.split(".")[0] for name in loaded} - {"orjson"}
    readers = {f"{NAME}.llm.{name}" for name in ("dialects", "providers.requests", "providers.responses")}
    assert not readers & set(loaded)


def test_functions_of_the_package_stay_functions_whatever_was_imported() -> None:
    """No module at the root bears the name of a function that users call."""
    modules = sorted(set(MODULES) - {"", "__main__"})
    script = "\n".join((
        "import importlib, helicone_logging",
        f"for name in {modules!r}:",
        "    importlib.import_module(f'helicone_logging.{name}')",
        "for name in ('span', 'lint', 'bind', 'carry'):",
        "    assert callable(getattr(helicone_logging, name)), name",
    ))  # fmt: skip
    subprocess.run([sys.executable, "-c", script], check=True, timeout=60)


def test_modules_stay_small() -> None:
    long = {
        path.name: lines
        for path in PACKAGE.rglob("*.py")
        if (lines := path.read_text(encoding="utf-8").count("\n")) > MAX_LINES
    }
    assert not long


def rows_of_the_map() -> dict[str, tuple[str, set[str]]]:
    """The rooms as docs/architecture.md has them: what each is for, and which it may import."""
    rooms = MAP.partition("## The rooms")[2].partition("\n## ")[0]
    cells = [[cell.strip() for cell in line.split("|")[1:4]] for line in rooms.splitlines() if line.startswith("| `")]
    return {name.strip("`"): (purpose, set(re.findall(r"`(\w+)`", allowed))) for name, purpose, allowed in cells}


def test_the_map_names_every_room_and_what_it_may_import() -> None:
    assert {room: allowed for room, (_, allowed) in rows_of_the_map().items()} == ROOMS


def test_the_map_names_what_stands_at_the_root() -> None:
    named = set(re.findall(r"`(\w+)`", MAP.partition("At the root stands")[2].partition("\n## ")[0]))
    assert named == set(ROOT) - {"_version", "__main__"}


def test_the_map_leads_to_files_that_are_there() -> None:
    paths = re.findall(r"`([a-z_]+/[a-z_/]*(?:\.py)?)`", MAP.replace("`tests/project/test_architecture.py`", ""))
    assert len(paths) > 10
    assert [path for path in paths if not (PACKAGE / path).exists()] == []
