"""The modules form layers without a circle, and importing the package loads nothing that is optional."""

from __future__ import annotations

import ast
import subprocess
import sys
from graphlib import TopologicalSorter
from pathlib import Path

import helicone_logging

PACKAGE = Path(helicone_logging.__file__).parent
NAME = "helicone_logging"

# Who may import these: everything else may not, so that each layer can be read without those above it.
ONLY_IMPORTED_BY = {
    "handler": {"", "testing", "commands.demo", "commands.check", "commands.spool"},
    "formatter": {"", "handler", "testing"},
    "sender": {"handler"},
    "transport": {"handler", "commands.check"},
    "django": set(),
    "flask": set(),
    "celery": set(),
    "cli": {"__main__"},
}
OPTIONAL = {"flask", "waitress", "jsonschema", "django", "celery", "orjson", "opentelemetry", "openai", "anthropic"}
OPTIONAL_AT_HOME = {"django": {"django"}, "flask": {"flask"}, "celery": {"celery"}, "otel": {"orjson"}}


def module_name(path: Path) -> str:
    parts = path.relative_to(PACKAGE).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


MODULES = {module_name(path): ast.parse(path.read_text(encoding="utf-8")) for path in sorted(PACKAGE.rglob("*.py"))}


def top_level(tree: ast.Module) -> list[ast.stmt]:
    """Statements that run at import; those inside functions are lazy."""
    found: list[ast.stmt] = []
    waiting: list[ast.AST] = [tree]
    while waiting:
        for node in ast.iter_child_nodes(waiting.pop()):
            if isinstance(node, ast.Import | ast.ImportFrom):
                found.append(node)
            elif isinstance(node, ast.Try) or (isinstance(node, ast.If) and ast.unparse(node.test) != "TYPE_CHECKING"):
                waiting.append(node)
    return found


def imports(name: str, *, lazy: bool) -> set[str]:
    """Our modules that a module imports."""
    nodes = ast.walk(MODULES[name]) if lazy else top_level(MODULES[name])
    found: set[str] = set()
    for node in nodes:
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


def test_the_modules_import_each_other_without_a_circle() -> None:
    order = list(TopologicalSorter({name: imports(name, lazy=False) for name in MODULES}).static_order())
    assert set(order) == set(MODULES)


def test_layers_are_imported_only_by_those_above() -> None:
    strangers = {
        f"{name} imports {target}"
        for name in MODULES
        for target in imports(name, lazy=True)
        if target in ONLY_IMPORTED_BY and name not in ONLY_IMPORTED_BY[target]
    }
    assert not strangers


def test_optional_packages_are_imported_at_the_top_only_where_they_are_at_home() -> None:
    wrong = set()
    for name, tree in MODULES.items():
        for node in top_level(tree):
            targets = [alias.name for alias in node.names] if isinstance(node, ast.Import) else [node.module or ""]
            used = {target.split(".")[0] for target in targets} & OPTIONAL
            wrong |= {f"{name} imports {package}" for package in used - OPTIONAL_AT_HOME.get(name, set())}
    assert not wrong


def test_importing_the_package_loads_nothing_that_waits_for_its_use() -> None:
    script = "import sys, helicone_logging; print(' '.join(sorted({name.split('.')[0] for name in sys.modules})))"
    loaded = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout.split()
    assert NAME in loaded
    assert not {*OPTIONAL, "requests", "sqlite3"} & set(loaded) - {"orjson"}


def test_modules_stay_small() -> None:
    long = {
        path.name: lines
        for path in PACKAGE.rglob("*.py")
        if (lines := path.read_text(encoding="utf-8").count("\n")) > 400
    }
    assert not long
