"""The virtual environment of each peer, made once and kept beside the benchmark."""

from __future__ import annotations

import configparser
import json
import os
import re
import subprocess
import sys
import venv
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
BENCHMARKS = ROOT / "benchmarks"
_VENVS = BENCHMARKS / ".venvs"
_INSTALL_SECONDS = 240

OURS = "ours"
"""Stands for what this package requires; itself it is imported from the source tree."""

_FOREIGN = ("HELICONE_", "OTEL_", "SENTRY_", "POSTHOG_", "LOGZIO_", "PYTHON")
_PROXIES = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY")


class UnavailableError(Exception):
    """An environment cannot be made."""


@dataclass(frozen=True)
class Environment:
    """An interpreter with some packages.

    Args:
        name: of its folder.
        requirements: what is installed.
        imports: the module whose import is timed; empty for none.
    """

    name: str
    requirements: tuple[str, ...]
    imports: str = ""

    @property
    def python(self) -> Path:
        folder = "Scripts/python.exe" if os.name == "nt" else "bin/python"
        return _VENVS / self.name / folder

    def prepare(self) -> None:
        """Makes it, unless it is there already.

        Raises:
            UnavailableError: the packages cannot be installed.
        """
        done = _VENVS / self.name / "installed.txt"
        wanted = "\n".join([*_expanded(self.requirements), sys.version])
        if done.exists() and done.read_text(encoding="utf-8") == wanted:
            return
        venv.create(_VENVS / self.name, clear=True, with_pip=bool(self.requirements))
        if self.requirements:
            self._install(_expanded(self.requirements))
        done.write_text(wanted, encoding="utf-8")

    def _install(self, packages: list[str]) -> None:
        command = [str(self.python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *packages]
        try:
            subprocess.run(command, check=True, capture_output=True, text=True, timeout=_INSTALL_SECONDS)
        except subprocess.CalledProcessError as error:
            raise UnavailableError(f"pip install {' '.join(packages)}: {error.stderr.strip()[-300:]}") from error
        except subprocess.TimeoutExpired as error:
            raise UnavailableError(f"pip install {' '.join(packages)}: not done in {_INSTALL_SECONDS} s") from error


def _expanded(requirements: tuple[str, ...]) -> list[str]:
    found = []
    for requirement in requirements:
        found += _own_requirements() if requirement == OURS else [requirement]
    return found


def _own_requirements() -> list[str]:
    config = configparser.ConfigParser()
    config.read(ROOT / "setup.cfg", encoding="utf-8")
    return config["options"]["install_requires"].split()


def variables() -> dict[str, str]:
    """Returns the environment variables of a measuring process: none that could change what is measured."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.upper().startswith(_FOREIGN) and name.upper() not in _PROXIES
    }
    return {**kept, "PYTHONPATH": os.pathsep.join([str(BENCHMARKS), str(ROOT)]), "NO_PROXY": "*"}


def versions(python: Path, requirements: tuple[str, ...]) -> dict[str, str]:
    """Returns the versions of what was asked for, as installed."""
    names = [re.split("[<>]", requirement)[0] for requirement in _expanded(requirements)]
    code = "import json,sys,importlib.metadata as m; print(json.dumps({n: m.version(n) for n in sys.argv[1:]}))"
    command = [str(python), "-c", code, *names]
    answer = subprocess.run(command, capture_output=True, text=True, check=True, env=variables(), timeout=60)
    found: dict[str, str] = json.loads(answer.stdout)
    return found
