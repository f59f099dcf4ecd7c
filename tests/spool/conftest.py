"""Where a queue on disk is."""

from __future__ import annotations

from pathlib import Path

import pytest


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """The directory of the queue, which does not exist yet."""
    return tmp_path / "spool"
