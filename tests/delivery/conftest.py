"""A fault server, and handlers whose waits are short."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from fault_client import Client, hasten
from fault_server import FaultServer


@pytest.fixture
def faulty() -> Iterator[FaultServer]:
    """An endpoint that does as told, and otherwise stores what it is sent."""
    with FaultServer() as server:
        yield server


@pytest.fixture
def client_of() -> Callable[..., Client]:
    return Client


@pytest.fixture
def hastened(faulty: FaultServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """Answers of the faulty endpoint that have no end are given up soon."""
    hasten(monkeypatch, faulty)


@pytest.fixture
def client(faulty: FaultServer) -> Client:
    """A client of the faulty endpoint, with short waits."""
    return Client(faulty.url)


@pytest.fixture
def names() -> Callable[[int], list[str]]:
    return lambda count: [f"r {number}" for number in range(count)]
