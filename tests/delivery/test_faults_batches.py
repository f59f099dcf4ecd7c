"""In a batch, too, a refused record loses nobody but itself."""

from __future__ import annotations

import contextlib
import sys
import threading
import types

import fault_server as fault
import pytest
from recording_server import PATIENCE

from helicone_logging.receiver.validation import refusal

BATCH = {"batch_size": 16, "flush_interval": PATIENCE, "max_connections": 1}


def name_of(payload) -> str:
    return payload["resourceSpans"][0]["scopeSpans"][0]["spans"][0]["name"]


def offending(*names: str):
    return lambda exchange: bool(set(names) & set(exchange.names))


@pytest.mark.parametrize("status", [400, 413, 414, 422])
@pytest.mark.parametrize(
    "outcasts",
    [("r 0",), ("r 15",), ("r 7",), ("r 3", "r 4"), ("r 0", "r 9", "r 15"), tuple(f"r {n}" for n in range(16))],
    ids=len,
)
def test_a_refused_batch_loses_only_the_offending_records(status, outcasts, faulty, client_of, names, capfd) -> None:
    refused = []
    client = client_of(
        faulty.url, **BATCH, on_reject=lambda payload, reason: refused.append((name_of(payload), reason))
    )
    faulty.always(fault.refuse(offending(*outcasts), status, '{"message": "Validation Failed"}'))
    client.log(*names(32))
    client.settle()
    assert client.counts() == (32, 32 - len(outcasts), len(outcasts), 0, 0)
    assert faulty.stored == {name: 1 for name in names(32) if name not in outcasts}
    assert sorted(refused) == sorted((name, f"HTTP {status} Validation Failed") for name in outcasts)
    lines = capfd.readouterr().err.splitlines()
    assert lines == [f"helicone_logging: a record was refused and is lost: HTTP {status} Validation Failed"]


def test_splitting_takes_few_requests(faulty, client_of, names) -> None:
    client = client_of(faulty.url, **{**BATCH, "batch_size": 64})
    faulty.always(fault.refuse(offending("r 21")))
    client.log(*names(64))
    client.settle()
    assert len(faulty.seen) == 13  # one, and two halves at each of six levels


def test_a_body_that_is_too_large_is_split_until_it_fits(faulty, client_of, names) -> None:
    client = client_of(faulty.url, **BATCH)
    limit = 20_000
    faulty.always(fault.refuse(lambda exchange: exchange.size > limit, 413, "Payload Too Large"))
    client.log(*names(20), prompt="x" * 3000)
    client.log("alone too large", prompt="x" * limit)
    client.log("last")
    client.settle()
    assert client.counts() == (22, 21, 1, 0, 0)
    assert faulty.stored == dict.fromkeys([*names(20), "last"], 1)


def test_a_server_that_fails_on_one_record_of_a_batch_loses_only_that(faulty, client_of, names) -> None:
    refused = []
    client = client_of(
        faulty.url, **BATCH, max_attempts=5, on_reject=lambda payload, reason: refused.append(name_of(payload))
    )
    faulty.always(fault.refuse(offending("r 5"), 500))
    client.log(*names(16))
    client.settle()
    assert client.counts() == (16, 15, 1, 0, 0)
    assert faulty.stored == {name: 1 for name in names(16) if name != "r 5"}
    assert refused == ["r 5"]


@pytest.mark.parametrize(
    "trouble",
    [
        fault.reset_before_answer(),
        fault.answer(429, headers={"Retry-After": "1"}),
        fault.answer(401),
        fault.answer(500),
    ],
    ids=lambda behaviour: behaviour.name,
)
def test_trouble_amid_a_split_neither_loses_nor_repeats_a_record(trouble, faulty, client_of, names) -> None:
    client = client_of(faulty.url, **BATCH)
    faulty.script(fault.answer(422), fault.answer(422), trouble, trouble, fault.OK, trouble)
    faulty.always(fault.refuse(offending("r 11")))
    client.log(*names(16))
    client.settle()
    assert client.counts() == (16, 15, 1, 0, 0) if "r 11" not in faulty.stored else (16, 16, 0, 0, 0)
    assert set(faulty.stored.values()) == {1}
    assert len(faulty.stored) >= 15


@pytest.mark.parametrize("trouble", [fault.reset_before_answer(), fault.answer(503), fault.garbage()])
def test_a_batch_that_meets_a_passing_fault_arrives_exactly_once(trouble, faulty, client_of, names) -> None:
    client = client_of(faulty.url, **BATCH, compression="gzip")
    faulty.script(trouble, trouble, trouble)
    client.log(*names(32))
    client.settle()
    assert client.counts() == (32, 32, 0, 0, 0)
    assert faulty.stored == dict.fromkeys(names(32), 1)


def test_auto_batches_are_split_as_well(faulty, client_of, names) -> None:
    client = client_of(faulty.url, batch_size="auto", max_connections=1)
    faulty.script(fault.reset_before_answer())
    faulty.always(fault.refuse(offending("r 50", "r 77")))
    client.log(*names(200))
    client.settle()
    assert client.counts() == (200, 198, 2, 0, 0)
    assert faulty.stored == {name: 1 for name in names(200) if name not in {"r 50", "r 77"}}
    assert len(faulty.seen) < 200


# on_reject


def test_many_refusals_are_reported_once_and_all_given_to_on_reject(faulty, client_of, names, capfd) -> None:
    refused = []
    client = client_of(faulty.url, on_reject=lambda payload, reason: refused.append((payload, reason)))
    details = '{"message": "Validation Failed", "details": {"body.x": {"message": "too long", "value": "private"}}}'
    faulty.always(fault.answer(422, details))
    client.log(*names(10), prompt="private")
    client.settle()
    assert client.counts() == (10, 0, 10, 0, 0)
    assert sorted(name_of(payload) for payload, _ in refused) == names(10)
    assert {reason for _, reason in refused} == {"HTTP 422 Validation Failed; body.x: too long"}
    assert [refusal(payload) for payload, _ in refused] == [None] * 10
    (line,) = capfd.readouterr().err.splitlines()
    assert "Validation Failed; body.x: too long" in line
    assert "private" not in line


def test_on_reject_may_be_a_dotted_path(faulty, client_of, monkeypatch) -> None:
    refused = []
    module = types.ModuleType("helicone_tests_callbacks")
    module.keep = lambda payload, reason: refused.append(name_of(payload))  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, module.__name__, module)
    client = client_of(faulty.url, on_reject="helicone_tests_callbacks.keep")
    faulty.always(fault.answer(422))
    client.log("r")
    client.settle()
    assert refused == ["r"]


@pytest.mark.parametrize("error", [ValueError, SystemExit, RecursionError, GeneratorExit])
def test_an_on_reject_that_raises_is_contained_and_told_once(error, faulty, client_of, names, capfd) -> None:
    def fail(payload: object, reason: str) -> None:
        raise error("private")

    client = client_of(faulty.url, **BATCH, on_reject=fail)
    faulty.always(fault.refuse(offending("r 2", "r 13")))
    client.log(*names(16))
    client.settle()
    client.log(*names(32)[16:])
    client.settle()
    assert client.counts() == (32, 30, 2, 0, 0)
    assert faulty.stored == {name: 1 for name in names(32) if name not in {"r 2", "r 13"}}
    told = capfd.readouterr().err
    assert told.count(f"on_reject raised {error.__name__}") == 1
    assert len(told.splitlines()) == 2
    assert "private" not in told


def test_an_on_reject_that_hangs_holds_up_neither_the_application_nor_close(faulty, client_of, names) -> None:
    entered, let_go = threading.Event(), threading.Event()

    def hang(payload: object, reason: str) -> None:
        entered.set()
        let_go.wait()

    with contextlib.ExitStack() as stack:
        stack.callback(let_go.set)
        client = client_of(faulty.url, on_reject=hang, shutdown_timeout=0.2)
        faulty.always(fault.refuse(offending("offending")))
        client.log("offending")
        assert entered.wait(PATIENCE)
        client.log(*names(20))  # the other sender thread goes on
        faulty.wait_for_stored(20)
        assert client.handler.flush(0.05) is False  # as it waits for the callback, too
        client.handler.close()
        assert client.counts() == (21, 20, 0, 0, 1)
    client.settle()
    assert client.counts() == (21, 20, 1, 0, 0)


def test_an_on_reject_that_logs_flushes_or_closes_does_not_go_round_in_circles(faulty, client_of) -> None:
    results = []

    def log_and_wait(payload: object, reason: str) -> None:
        client.log("from on_reject")
        results.append(client.handler.flush())
        client.handler.close()

    client = client_of(faulty.url, on_reject=log_and_wait)
    faulty.always(fault.answer(422))
    client.log("r")
    client.settle()
    client.handler.close()
    assert results == [False]
    assert client.counts() == (1, 0, 1, 0, 0)
    assert client.handler.stats().skipped == 1


# on_request


def test_on_request_hears_of_every_request(faulty, client_of, names) -> None:
    heard = []
    client = client_of(faulty.url, **BATCH, on_request=lambda *heard_of: heard.append(heard_of))
    faulty.script(
        fault.reset_before_answer(), fault.answer(429), fault.answer(401), fault.answer(500), fault.answer(422)
    )
    client.log(*names(2))
    client.settle()
    outcomes = [(outcome, records) for outcome, records, _ in heard]
    assert outcomes[:4] == [("unreachable", 2), ("throttled", 2), ("unauthorised", 2), ("failed", 2)]
    assert outcomes[4:] == [("rejected", 2), ("delivered", 1), ("delivered", 1)]
    assert all(0 <= seconds < PATIENCE for _, _, seconds in heard)


def test_an_on_request_that_raises_is_contained(faulty, client_of, names, capfd) -> None:
    def fail(outcome: str, records: int, seconds: float) -> None:
        raise SystemExit(3)

    client = client_of(faulty.url, on_request=fail)
    client.log(*names(10))
    client.settle()
    assert client.counts() == (10, 10, 0, 0, 0)
    assert faulty.stored == dict.fromkeys(names(10), 1)
    assert capfd.readouterr().err == "helicone_logging: on_request raised SystemExit\n"
