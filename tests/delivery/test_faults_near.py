"""Where the endpoint is near, one thread sends alone; one request that hangs holds nobody up."""

from __future__ import annotations

import fault_server as fault
import pytest
from recording_server import PATIENCE

from helicone_logging.delivery import leading


@pytest.fixture(autouse=True)
def near(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every endpoint that has answered is near, however busy this machine is."""
    monkeypatch.setattr(leading, "_NEAR", 3600.0)


def test_one_thread_sends_alone_while_it_keeps_up(faulty, client_of, names, monkeypatch) -> None:
    monkeypatch.setattr(leading, "_HANGS", 3600.0)
    client = client_of(faulty.url, max_connections=4)
    client.log("first")
    client.settle()
    client.log(*names(50))
    client.settle()
    assert faulty.connections == 1
    assert len(faulty.stored) == 51


@pytest.mark.parametrize("overflow", ["drop_newest", "block"])
def test_a_request_that_hangs_makes_way_for_what_was_logged_right_after_it(faulty, client_of, names, overflow) -> None:
    """Nobody logs, flushes or asks any more; and with `"block"` somebody waits for room."""
    client = client_of(faulty.url, timeout=PATIENCE, overflow=overflow, queue_size=5 if overflow == "block" else 1000)
    client.log("first")
    client.settle()
    faulty.script(fault.silence())
    client.log("hangs", *names(20))
    faulty.wait_for_stored(21)
    assert faulty.stored.keys() == {"first", *names(20)}
    assert client.handler.stats().dropped == 0
    faulty.release()


@pytest.mark.parametrize("batch_size", [7, "auto"])
@pytest.mark.parametrize("is_warm", [True, False])
def test_a_batch_that_hangs_makes_way_for_the_next_record(faulty, client_of, names, batch_size, is_warm) -> None:
    client = client_of(faulty.url, timeout=PATIENCE, batch_size=batch_size, flush_interval=0.05)
    if is_warm:
        client.log("first")
        client.settle()
    faulty.script(fault.silence())
    client.log(*names(7 if batch_size == 7 else 1))
    faulty.wait_for_requests(1 + is_warm)
    client.log("second")
    faulty.wait_for_stored(1 + is_warm)
    assert "second" in faulty.stored
    faulty.release()


def test_a_record_after_a_close_that_ran_out_of_time_is_sent(faulty, client_of, names, capfd) -> None:
    client = client_of(faulty.url, timeout=1, shutdown_timeout=0)
    client.log("first")
    assert client.handler.flush(PATIENCE)
    for number in range(10):
        client.log(*names(20))
        client.handler.close()
        client.log(f"after {number}")
        assert client.handler.flush(PATIENCE)
    assert {f"after {number}" for number in range(10)} <= faulty.stored.keys()


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
