from __future__ import annotations

from collections.abc import Iterator

import pytest

from helicone_logging.receiver import Receiver


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    """A receiver of its own for every test."""
    with Receiver(port=0) as started:
        yield started
