"""Both ways of a record onto the disk."""

from __future__ import annotations

import pytest
from spool_fixtures import without_journal


@pytest.fixture(params=["journal", "file"])
def way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Whether records come into a journal first, as always, or into the file at once, if there can be no journal."""
    if request.param == "file":
        without_journal(monkeypatch)
    return str(request.param)
