"""Runs README's first Python code as whoever has only README would: installed package, local receiver, no key."""

import os
import re
import sys
from pathlib import Path

import helicone_logging
from helicone_logging.receiver import Receiver

readme = Path(sys.argv[1]).resolve()
if readme.parent in Path(helicone_logging.__file__).resolve().parents:
    sys.exit("this is the package of the source, not the installed one")
code = re.search(r"^```python\n(.*?)^```", readme.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
if code is None:
    sys.exit("README has no Python code")
with Receiver(port=0) as receiver:
    os.environ["HELICONE_TRACE_ENDPOINT"] = receiver.url
    exec(compile(code[1], readme.name, "exec"), {"__name__": "__main__"})  # noqa: S102 - our own README
    if not helicone_logging.flush(10) or not receiver.rows():
        sys.exit("README's first lines brought no row")
    for row in receiver.rows():
        print(f"arrived: {row.model}, session {row.session_id}")
