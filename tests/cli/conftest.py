"""A receiver for a test of the commands that ask one."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from helicone_logging.receiver import Receiver


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with Receiver(port=0) as running:
        yield running
