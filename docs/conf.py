"""Settings of the documentation: `python -m sphinx -W docs docs/_build`."""

from __future__ import annotations

import configparser
import re
import sys
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent)]

import tables  # noqa: E402 - it is found once the path is set

from helicone_logging import __version__  # noqa: E402 - likewise

_setup = configparser.ConfigParser(interpolation=None)
_setup.read(HERE.parent / "setup.cfg", encoding="utf-8")
REPOSITORY = _setup["metadata"]["url"]

project = "helicone_logging"
author = _setup["metadata"]["author"]
project_copyright = author
release = version = __version__

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon", "sphinx_copybutton"]
exclude_patterns = ["_build"]
default_role = "code"  # of docstrings, whose backticks are as in Markdown
myst_heading_anchors = 4
autodoc_typehints = "none"
autodoc_member_order = "bysource"
napoleon_google_docstring = True
copybutton_exclude = ".linenos, .gp, .go"

html_theme = "furo"
html_static_path = ["_static"]
html_css_files = ["page.css"]
html_title = f"helicone_logging {release}"
html_theme_options = {
    "source_repository": REPOSITORY,
    "source_branch": "main",
    "source_directory": "docs/",
}

_FILE = re.compile(r"<!-- file: (\S+) -->")
_PICTURE = re.compile(r"(!\[[^\]]*\]\()(?!https?:)")
_LINK = re.compile(r"(?<!!)(\[(?:[^\[\]]|\[[^\]]*\])*\]\()(?!https?:|#|mailto:)([^)\s]+)(\))")


def complete(app: Any, _name: str, source: list[str]) -> None:
    """Puts tables and files of the repository into a page, and leads links out of `docs/` to the repository."""
    text = _led(HERE, tables.fill(source[0]))
    if (mark := _FILE.search(text)) is not None:
        path = (HERE / mark[1]).resolve()
        app.env.note_dependency(str(path))
        included = _PICTURE.sub(rf"\1../{path.parent.name}/", _led(path.parent, path.read_text(encoding="utf-8")))
        if mark.start():  # the page has a title already
            included = re.sub(r"^#", "##", included, flags=re.MULTILINE)
        text = text[: mark.start()] + included + text[mark.end() :]
    source[0] = text


def _led(folder: Path, text: str) -> str:
    return _LINK.sub(lambda link: link[1] + _target(folder, link[2]) + link[3], text)


def _target(folder: Path, link: str) -> str:
    path, _, anchor = link.partition("#")
    target = (folder / path).resolve()
    if target.is_relative_to(HERE) or not target.is_relative_to(HERE.parent):
        return link if folder == HERE else f"{target.relative_to(HERE).as_posix()}{'#' + anchor if anchor else ''}"
    kind = "tree" if target.is_dir() else "blob"
    return f"{REPOSITORY}/{kind}/main/{target.relative_to(HERE.parent).as_posix()}"


def setup(app: Any) -> None:
    """Connects what is done with each page."""
    app.connect("source-read", complete)
