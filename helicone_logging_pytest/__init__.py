"""The pytest fixture `helicone_spans`.

pytest imports this in every project where the package is installed, so it stands outside of `helicone_logging` and
loads nothing of it until a test asks for the fixture.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from helicone_logging.testing import CapturedSpans


@pytest.fixture
def helicone_spans() -> Iterator[CapturedSpans]:
    """What the test would send to Helicone, in memory: see `helicone_logging.testing.capture_spans`."""
    from helicone_logging.testing import capture_spans

    with capture_spans() as spans:
        yield spans
