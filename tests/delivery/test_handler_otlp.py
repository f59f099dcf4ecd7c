"""A handler that speaks to a Collector: what is sent, what its answers mean, and that no two wires get mixed up."""

from __future__ import annotations

import logging
import logging.config
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from collector_server import Answer, CollectorServer
from otlp_payloads import values_of
from recording_server import PATIENCE, RecordingServer

from helicone_logging import HeliconeHandler, OTELTraceFormatter

KEY = "sk-helicone-the-key"


@pytest.fixture
def collector() -> Iterator[CollectorServer]:
    with CollectorServer() as server:
        yield server


@pytest.fixture
def handler_of(collector: CollectorServer) -> Iterator[Callable[..., HeliconeHandler]]:
    made: list[HeliconeHandler] = []

    def make(**options: Any) -> HeliconeHandler:
        wanted = {"endpoint": collector.url, "wire": "otlp", "max_backoff": 0.02, "max_connections": 1, **options}
        made.append(HeliconeHandler(**wanted))
        return made[-1]

    yield make
    for handler in made:
        handler.close()


def log(logger: logging.Logger, *names: str) -> None:
    for name in names:
        logger.info(name, extra={"trace_id": "t"})


def test_a_collector_that_cannot_be_reached_is_told_with_where_to_look(
    dead_endpoint, handler_of, logger_of, capfd
) -> None:
    third = threading.Event()
    requests = iter(range(1, 1_000_000))
    handler = handler_of(
        endpoint=dead_endpoint, shutdown_timeout=0, on_request=lambda *_: third.set() if next(requests) == 3 else None
    )
    log(logger_of(handler), "one")
    assert third.wait(PATIENCE)
    (told,) = capfd.readouterr().err.splitlines()
    where = "`endpoint` or OTEL_EXPORTER_OTLP_ENDPOINT, or run `helicone-logging check --wire otlp`"
    assert told.endswith(f"1 record is kept; if it lasts, check {where}")


def account(handler: HeliconeHandler) -> tuple[int, int, int, int]:
    stats = handler.stats()
    return stats.delivered, stats.rejected, stats.dropped, stats.queued


def test_records_arrive_as_otlp_without_the_key(collector, handler_of, logger_of, monkeypatch) -> None:
    monkeypatch.setenv("HELICONE_API_KEY", KEY)
    handler = handler_of(headers={"X-Scope-OrgID": "shop"}, compression="gzip", service_name="shop")
    log(logger_of(handler), "one")
    assert handler.flush(PATIENCE)
    (request,) = collector.requests
    assert request.path == "/v1/traces"
    assert request.headers["Content-Type"] == "application/json"
    assert request.headers["X-Scope-OrgID"] == "shop"
    assert request.headers["Content-Encoding"] == "gzip"
    assert "Authorization" not in request.headers
    assert KEY not in str(request)
    assert collector.names() == ["one"]
    assert collector.resources[0]["service.name"] == "shop"


def test_headers_carry_what_the_collector_asks_for(collector, handler_of, logger_of) -> None:
    handler = handler_of(headers={"Authorization": "Bearer for-the-collector"})
    log(logger_of(handler), "one")
    assert handler.flush(PATIENCE)
    assert collector.requests[0].headers["Authorization"] == "Bearer for-the-collector"


def test_what_came_meanwhile_goes_together(collector, handler_of, logger_of) -> None:
    handler = handler_of()
    logger = logger_of(handler)
    collector.hold()
    log(logger, "first")
    collector.wait_for_requests(1)
    log(logger, *map(str, range(20)))
    collector.release()
    assert handler.flush(PATIENCE)
    assert [len(request.names) for request in collector.requests] == [1, 20]


def test_a_formatter_of_another_wire_set_on_the_handler_speaks_the_handler_s(collector, handler_of, logger_of) -> None:
    handler = handler_of()
    own = OTELTraceFormatter(service_name="own", static_fields={"flag": True})
    handler.setFormatter(own)
    logger = logger_of(handler)
    log(logger, "one")
    logger.info("two", extra={"trace_id": "t", "custom": object()})
    assert handler.flush(PATIENCE)
    assert [values_of(span.attributes)["flag"] for span in collector.spans] == [True, True]
    assert {resource["service.name"] for resource in collector.resources} == {"own"}
    assert "telemetry.sdk.name" not in own.format(logging.makeLogRecord({}))
    handler.setFormatter(logging.Formatter("text: %(message)s"))
    log(logger, "three")
    assert handler.flush(PATIENCE)
    assert collector.names()[-1] == "text: three"


# Answers


@pytest.mark.parametrize("count", [2, "2"])
def test_what_was_rejected_of_an_accepted_body_is_counted_told_and_never_sent_again(
    count: object, collector, handler_of, logger_of, capfd
) -> None:
    handler = handler_of(batch_size=5, flush_interval=PATIENCE)
    collector.answers.append(Answer(200, {"partialSuccess": {"rejectedSpans": count, "errorMessage": "no\n\x1broom"}}))
    log(logger_of(handler), *"abcde")
    assert handler.flush(PATIENCE)
    assert account(handler) == (3, 2, 0, 0)
    assert len(collector.requests) == 1
    assert capfd.readouterr().err == "helicone_logging: 2 records were refused and are lost: no ?room\n"
    assert handler.stats().last_error == "no ?room"


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"partialSuccess": {}},
        {"partialSuccess": {"errorMessage": "all is well"}},
        {"partialSuccess": {"rejectedSpans": "0"}},
        {"partialSuccess": {"rejectedSpans": "many"}},
        {"partialSuccess": {"rejectedSpans": -1}},
        {"partialSuccess": None},
        {"partialSuccess": []},
    ],
    ids=str,
)
def test_an_answer_that_rejects_nothing_is_a_success(body: dict[str, Any], collector, handler_of, logger_of) -> None:
    handler = handler_of()
    collector.usual = Answer(200, body)
    log(logger_of(handler), "one")
    assert handler.flush(PATIENCE)
    assert account(handler) == (1, 0, 0, 0)


def test_more_rejected_than_sent_are_no_more_than_sent(collector, handler_of, logger_of) -> None:
    handler = handler_of()
    collector.usual = Answer(202, {"partialSuccess": {"rejectedSpans": 10**30}})
    log(logger_of(handler), "one")
    assert handler.flush(PATIENCE)
    assert account(handler) == (0, 1, 0, 0)


@pytest.mark.parametrize("status", [429, 502, 503, 504, 520])
def test_a_collector_in_trouble_costs_no_record_however_often(status: int, collector, handler_of, logger_of) -> None:
    handler = handler_of(max_attempts=1)
    collector.answers.extend([Answer(status)] * 10)
    log(logger_of(handler), "one")
    assert handler.flush(PATIENCE)
    assert account(handler) == (1, 0, 0, 0)
    assert len(collector.requests) == 11


@pytest.mark.parametrize("status", [500, 408, 425])
def test_what_may_be_the_record_s_fault_is_tried_max_attempts_times(
    status: int, collector, handler_of, logger_of
) -> None:
    handler = handler_of(max_attempts=3)
    collector.usual = Answer(status)
    log(logger_of(handler), "one")
    assert handler.flush(PATIENCE)
    assert account(handler) == (0, 1, 0, 0)
    assert len(collector.requests) == 3


@pytest.mark.parametrize("status", [401, 403, 404, 405, 407, 415])
def test_a_wrong_endpoint_keeps_records_and_is_told_once(status: int, collector, handler_of, logger_of, capfd) -> None:
    handler = handler_of(max_attempts=1, headers={"x-api-key": "for-the-collector"})
    collector.answers.extend([Answer(status, {"message": "not with for-the-collector"})] * 3)
    log(logger_of(handler), "one")
    assert handler.flush(PATIENCE)
    assert account(handler) == (1, 0, 0, 0)
    (line,) = capfd.readouterr().err.splitlines()
    assert f"HTTP {status}" in line
    assert "HELICONE" not in line
    assert "for-the-collector" not in line
    assert "1 record is kept" in line


def test_an_offending_record_is_found_and_the_rest_arrives(collector, handler_of, logger_of) -> None:
    refused: list[tuple[str, str]] = []

    def on_reject(payload: Any, reason: str) -> None:
        refused.append((payload["resourceSpans"][0]["scopeSpans"][0]["spans"][0]["name"], reason))

    handler = handler_of(batch_size=8, flush_interval=PATIENCE, on_reject=on_reject)
    collector.offending = {"c"}
    log(logger_of(handler), *"abcdefgh")
    assert handler.flush(PATIENCE)
    assert account(handler) == (7, 1, 0, 0)
    assert sorted(collector.names()) == list("abdefgh")
    assert refused == [("c", "HTTP 400 a span is refused")]


def test_a_body_that_is_too_large_is_split(collector, handler_of, logger_of) -> None:
    handler = handler_of(batch_size=4, flush_interval=PATIENCE)
    collector.answers.append(Answer(413))
    log(logger_of(handler), *"abcd")
    assert handler.flush(PATIENCE)
    assert [len(request.names) for request in collector.requests] == [4, 2, 2]
    assert account(handler) == (4, 0, 0, 0)


# Two wires in one process


def test_handlers_of_two_wires_share_a_spool_and_send_each_its_own(
    collector, handler_of, logger_of, tmp_path: Path, dead_endpoint: str
) -> None:
    options = {"spool_path": tmp_path / "spool", "shutdown_timeout": 0}
    for index, wire in enumerate(("otlp", "helicone")):
        waiting = HeliconeHandler(endpoint=dead_endpoint, wire=wire, **options)
        log(logger_of(waiting), f"left {index}")
        waiting.close()
    with RecordingServer() as server:
        strict = HeliconeHandler(endpoint=server.url, **options)
        server.wait_for(1)
        assert strict.flush(PATIENCE)
        assert server.names() == ["left 1"]
        assert server.refusals == []
        strict.close()
    assert collector.requests == []
    handler = handler_of(**options)
    collector.wait_for_requests(1)
    assert handler.flush(PATIENCE)
    assert collector.names() == ["left 0"]


def test_a_handler_of_another_wire_takes_over_no_sender(collector) -> None:
    config: dict[str, Any] = {
        "version": 1,
        "handlers": {"h": {"class": "helicone_logging.HeliconeHandler", "endpoint": collector.url, "wire": "otlp"}},
        "root": {"handlers": ["h"]},
    }
    senders = []
    for wire in ("otlp", "helicone", "otlp"):
        config["handlers"]["h"]["wire"] = wire
        logging.config.dictConfig(config)
        handler = logging.getLogger().handlers[0]
        assert isinstance(handler, HeliconeHandler)
        senders.append(handler._sender)
    assert senders[0] is not senders[1]
    assert senders[0] is senders[2]
