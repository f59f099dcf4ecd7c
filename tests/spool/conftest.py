"""Where a queue on disk is, both ways of a record into it, and its patience with the disk."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from spool_fixtures import PATIENCE, without_journal

from helicone_logging.spool import queue
from helicone_logging.spool.file import SpoolFile


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Where the queue on disk is."""
    return tmp_path / "spool.db"


@pytest.fixture(params=["journal", "file"])
def way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Whether records come into a journal first, as always, or into the file at once, if there can be no journal."""
    if request.param == "file":
        without_journal(monkeypatch)
    return str(request.param)


@pytest.fixture(autouse=True)
def _patience(request: pytest.FixtureRequest) -> Iterator[None]:
    """Queues wait until they have the disk, so that on a busy machine no record goes to memory where none should."""
    with pytest.MonkeyPatch.context() as patched:
        if request.node.get_closest_marker("impatient") is None:
            patched.setattr(queue, "_PATIENCE", PATIENCE)
            patched.setitem(SpoolFile.__init__.__kwdefaults__, "patience", PATIENCE)
        yield
