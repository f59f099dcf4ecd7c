"""Checks that the built sdist and wheel hold what an installed package needs."""

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
UNWANTED = ("tests/", "benchmarks/", "examples/")

folder = Path(sys.argv[1])
(wheel,) = folder.glob("*.whl")
(sdist,) = folder.glob("*.tar.gz")
wheel_names = zipfile.ZipFile(wheel).namelist()
with tarfile.open(sdist) as archive:
    sdist_names = archive.getnames()
missing = [f"{wheel.name}: {name}" for name in NEEDED if name not in wheel_names]
missing += [f"{sdist.name}: {name}" for name in NEEDED if not any(entry.endswith(name) for entry in sdist_names)]
unwanted = [f"{wheel.name}: {name}" for name in wheel_names if name.startswith(UNWANTED)]
if missing or unwanted:
    sys.exit(f"missing: {missing}; unwanted: {unwanted}")
print(f"{wheel.name} and {sdist.name} hold all that is needed.")
