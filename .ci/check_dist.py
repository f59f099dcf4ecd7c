"""Checks that the built wheel holds what an installed package needs, and the sdist all that git has."""

import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

NEEDED = (
    "helicone_logging/py.typed",
    "helicone_logging/receiver/otel_trace.schema.json",
    "helicone_logging/receiver/assets/page.js",
    "helicone_logging/receiver/templates/session.html",
    "helicone_logging/receiver/templates/tabs/chat.html",
    "helicone_logging/handler.py",
    "helicone_logging_pytest/__init__.py",
)
UNWANTED = ("tests/", "benchmarks/", "examples/", "docs/")
NOT_IN_SDIST = {".gitignore"}

folder = Path(sys.argv[1])
(wheel,) = folder.glob("*.whl")
(sdist,) = folder.glob("*.tar.gz")
wheel_names = zipfile.ZipFile(wheel).namelist()
with tarfile.open(sdist) as archive:
    sdist_names = {name.partition("/")[2] for name in archive.getnames()}
listed = subprocess.run(["git", "ls-files", "-z"], capture_output=True, encoding="utf-8", check=True)  # noqa: S607 - the git of whoever builds
wanted = {name for name in listed.stdout.split("\0") if name} - NOT_IN_SDIST
missing = [f"{wheel.name}: {name}" for name in NEEDED if name not in wheel_names]
missing += [f"{sdist.name}: {name}" for name in sorted(wanted - sdist_names)]
unwanted = [f"{wheel.name}: {name}" for name in wheel_names if name.startswith(UNWANTED)]
if missing or unwanted:
    sys.exit(f"missing: {missing}; unwanted: {unwanted}")
print(f"{wheel.name} and {sdist.name} hold all that is needed.")
