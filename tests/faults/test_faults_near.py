"""Where the endpoint is near, one thread sends alone; one request that hangs holds nobody up."""

from __future__ import annotations

import threading

import pytest
from faults import fault_server as fault
from recording_server import PATIENCE

from helicone_logging import leading


@pytest.fixture(autouse=True)
def near(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every endpoint that has answered is near, however busy this machine is."""
    monkeypatch.setattr(leading, "_NEAR", 3600.0)


def senders() -> int:
    return sum(thread.name == "helicone-logging-sender" for thread in threading.enumerate())


def test_one_thread_sends_alone_while_it_keeps_up(faulty, client_of, names) -> None:
    client = client_of(faulty.url, max_connections=4)
    before = senders()
    client.log("first")
    client.settle()
    client.log(*names(50))
    client.settle()
    assert senders() == before + 1
    assert len(faulty.stored) == 51


def test_a_request_that_hangs_makes_way_for_what_is_logged_meanwhile(faulty, client_of) -> None:
    client = client_of(faulty.url, timeout=PATIENCE)
    client.log("first")
    client.settle()
    faulty.script(fault.silence())
    client.log("hangs")
    faulty.wait_for_requests(2)
    while len(faulty.stored) < 2:
        client.log("meanwhile")
    assert faulty.stored.keys() == {"first", "meanwhile"}
    faulty.release()


def test_a_request_that_hangs_makes_way_for_those_who_flush(faulty, client_of) -> None:
    client = client_of(faulty.url, timeout=1)
    client.log("first")
    client.settle()
    faulty.script(fault.silence())
    client.log("hangs", "waits")
    client.settle()
    assert [seen.names for seen in faulty.seen] == [("first",), ("hangs",), ("waits",), ("hangs",)]
    assert client.counts() == (3, 3, 0, 0, 0)


def test_a_request_that_hangs_holds_close_up_no_longer_than_shutdown_timeout_and_the_others_arrive(
    faulty, client_of, capfd
) -> None:
    client = client_of(faulty.url, timeout=PATIENCE, shutdown_timeout=1)
    client.log("first")
    client.settle()
    faulty.script(fault.silence())
    client.log("hangs", "waits", "waits too")
    client.handler.close()
    assert faulty.stored.keys() == {"first", "waits", "waits too"}
    assert "1 requests were not answered" in capfd.readouterr().err
    faulty.release()
