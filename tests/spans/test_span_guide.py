"""The guide "Nothing by hand" runs, and what it says of the tree is so."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path

import pytest
import scripts

from helicone_logging.receiver import Receiver

GUIDE = Path(__file__).resolve().parents[2] / "docs" / "opentelemetry.md"
BLOCKS = re.findall(r"^```python\n(.*?)^```", GUIDE.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL)


@pytest.mark.skipif(importlib.util.find_spec("openinference") is None, reason="it comes with the extra `sdks`")
def test_the_guide_runs_and_a_record_inside_a_span_stands_below_it(receiver: Receiver, tmp_path: Path) -> None:
    begin, given, inside, leave_out, limits = BLOCKS
    names = "logger = logging.getLogger('guide')\nlogger.setLevel(logging.INFO)\ntracer = trace.get_tracer('guide')\n"
    end = "assert handler.flush()\nassert provider.force_flush()\n"
    script = scripts.write(tmp_path / "guide.py", "\n".join((begin, given, names, inside, leave_out, end, limits)))
    ran = scripts.run(script, receiver.url)
    assert ran.returncode == 0, ran.stderr
    assert [row.session_path for row in receiver.rows()] == ["/answer/cache hit"]
