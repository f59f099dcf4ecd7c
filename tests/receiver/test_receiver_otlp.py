"""The receiver in a Collector's place, and in that of Helicone behind one; the linter of what a Collector writes."""

from __future__ import annotations

import dataclasses
import gzip
import json
import logging
import sys
from pathlib import Path
from typing import Any

import pytest
from hostile_values import Given, values
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from otlp_payloads import PLAIN, request_of
from payloads import row, traced
from receiver_client import Answer, get, payload, post, span

from helicone_logging import ConfigurationError, HeliconeHandler, OTELTraceFormatter, lint
from helicone_logging.cli import main, serve
from helicone_logging.payload import fields
from helicone_logging.receiver import Receiver, otlp
from helicone_logging.receiver.rows import Row, row_of, spans_of

PYTHON = "/v1/trace/log-python"
TRACES = "/v1/traces"
JSON, PROTOBUF = "application/json", "application/x-protobuf"
CALL: dict[str, Any] = {
    "model": "gpt-4o", "provider": "openai", "messages": "Where?", "completion": "Here.", "prompt_tokens": 14,
    "completion_tokens": 4, "max_tokens": 100, "user_id": "ada", "session_id": "order-1234", "flag": True,
    "words": ["a", "b"], "share": 0.5, "properties": {"tenant": "acme"},
}  # fmt: skip


def protobuf_of(*bodies: str) -> bytes:
    """The body that a Collector sends on."""
    request = request_of(bodies[0])
    for body in bodies[1:]:
        request.MergeFrom(request_of(body))
    return bytes(request.SerializeToString())


def send(receiver: Receiver, path: str, body: bytes, content_type: str, **headers: str) -> Answer:
    return post(receiver, body, path, **{"Content-Type": content_type, **headers})


def otlp_row(made: logging.LogRecord, formatter: OTELTraceFormatter = PLAIN) -> Row:
    """A record as Helicone shows it that came by way of a Collector."""
    (found,) = spans_of(otlp.from_protobuf(protobuf_of(formatter.format(made))))
    return row_of(found)


# As Helicone behind a Collector


def test_what_a_collector_sends_on_shows_as_what_is_sent_directly(receiver: Receiver) -> None:
    assert send(receiver, PYTHON, protobuf_of(PLAIN.format(traced(**CALL))), PROTOBUF) == (200, b"")
    assert receiver.rows() == [row(traced(**CALL))]
    assert receiver.rows()[0].prompt_tokens == 14


def test_gzip_is_taken_and_zstd_is_not(receiver: Receiver) -> None:
    body = protobuf_of(PLAIN.format(traced()))
    for path in (PYTHON, TRACES):
        assert send(receiver, path, gzip.compress(body), PROTOBUF, Content_Encoding="gzip").status == 200
        assert send(receiver, path, body, PROTOBUF, Content_Encoding="zstd").status == 415
    assert len(receiver.rows()) == 2


@pytest.mark.parametrize("body", [b"nonsense", b"\xff" * 100], ids=ascii)
def test_what_is_no_protobuf_is_answered_500(body: bytes, receiver: Receiver) -> None:
    assert send(receiver, PYTHON, body, PROTOBUF).status == 500
    assert send(receiver, PYTHON, PLAIN.format(traced()).encode(), JSON).status == 500
    assert receiver.rows() == []


@pytest.mark.parametrize("part", ["attributes", "scope_spans"])
def test_one_part_that_lacks_something_fails_the_whole_body(part: str, receiver: Receiver) -> None:
    request = request_of(PLAIN.format(traced()))
    other = request_of(PLAIN.format(traced())).resource_spans[0]
    lacking = other.scope_spans[0].spans[0] if part == "attributes" else other
    lacking.ClearField(part)
    request.resource_spans.append(other)
    assert send(receiver, PYTHON, request.SerializeToString(), PROTOBUF).status == 500
    assert receiver.rows() == []
    assert send(receiver, TRACES, request.SerializeToString(), PROTOBUF).status == 200


def test_a_provider_that_is_no_text_fails(receiver: Receiver) -> None:
    request = request_of(PLAIN.format(traced()))
    request.resource_spans[0].scope_spans[0].spans[0].attributes.add(key="gen_ai.system").value.int_value = 5
    assert send(receiver, PYTHON, request.SerializeToString(), PROTOBUF).status == 500


def test_without_the_extra_the_answer_says_what_to_install(receiver: Receiver, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "opentelemetry.proto.collector.trace.v1.trace_service_pb2", None)
    for path in (PYTHON, TRACES):
        answer = send(receiver, path, b"", PROTOBUF)
        assert answer.status == 501
        assert b"pip install 'helicone-logging[otlp]'" in answer.body
    assert send(receiver, TRACES, PLAIN.format(traced()).encode(), JSON).status == 200


known = st.dictionaries(st.sampled_from(sorted(fields.READERS)), values, max_size=6).map(Given)
texts = st.dictionaries(st.sampled_from(["custom", "other"]), st.text() | st.integers() | st.floats() | st.booleans())


def as_text(shown: Row) -> str:
    """All of a row; half a surrogate pair is the replacement character."""
    text = json.dumps(dataclasses.asdict(shown), ensure_ascii=False)
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


@given(known, texts)
@settings(deadline=None, max_examples=200, suppress_health_check=[HealthCheck.too_slow])
def test_any_record_shows_behind_a_collector_as_it_does_directly(known: Given, custom: dict[str, Any]) -> None:
    named = {"trace_id": "t", "span_id": "s", "session_id": "s"}
    made = traced(extra={**custom, **known.value, **named, "helicone": named})
    assert as_text(otlp_row(made)) == as_text(row(made))


# As a Collector


@pytest.mark.parametrize("content_type", [JSON, PROTOBUF])
def test_a_collector_s_path_takes_json_and_protobuf(content_type: str, receiver: Receiver) -> None:
    body = PLAIN.format(traced(**CALL))
    data = protobuf_of(body) if content_type == PROTOBUF else body.encode()
    answer = send(receiver, TRACES, data, content_type)
    assert answer.status == 200
    assert answer.body == (b"" if content_type == PROTOBUF else b'{"partialSuccess":{}}\n')
    assert receiver.rows() == [row(traced(**CALL))]


def test_a_handler_that_speaks_otlp_shows_in_the_receiver(receiver: Receiver, logger_of: Any) -> None:
    handler = HeliconeHandler(endpoint=receiver.url, wire="otlp")
    logger = logger_of(handler)
    logger.info("answer", extra={"trace_id": "t", "span_id": "parent", **CALL})
    logger.info("step", extra={"trace_id": "t", "parent_span_id": "parent"})
    assert handler.flush(60)
    answer, step = sorted(receiver.store.entries(), key=lambda entry: entry.name)
    assert answer.row.messages[0].content == "Where?"
    assert step.parent_id == answer.span_id
    assert [finding.severity for finding in answer.problems] == []
    handler.close()


@pytest.mark.parametrize(
    "body",
    [
        b"{",
        b"[]",
        b'{"resourceSpans": {}}',
        b'{"resourceSpans": [5]}',
        b'{"resourceSpans": [{"scopeSpans": [{"spans": [{"name": 5}]}]}]}',
        b'{"resourceSpans": [{"scopeSpans": [{"spans": [{"kind": "ODD"}]}]}]}',
        b'{"resourceSpans": [{"resource": {"attributes": [{"key": "a", "value": {"intValue": "x"}}]}}]}',
        b'{"resourceSpans": [{"resource": {"attributes": [{"key": "a", "value": {"stringValue": 5}}]}}]}',
    ],
    ids=range(8),
)
def test_what_is_no_otlp_is_answered_400_with_the_reason(body: bytes, receiver: Receiver) -> None:
    answer = send(receiver, TRACES, body, JSON)
    assert answer.status == 400
    assert answer.json["message"].startswith("the body is no OTLP: ")
    assert lint(body, wire="otlp")[0].code == "refused"


@pytest.mark.parametrize("path", [PYTHON, TRACES])
def test_other_types_and_web_pages_are_refused(path: str, receiver: Receiver) -> None:
    assert send(receiver, path, b"", "text/plain").status == 415
    assert send(receiver, path, b"", PROTOBUF, Origin="https://evil.example").status == 403


def test_what_is_nested_too_deeply_is_answered_400(receiver: Receiver) -> None:
    value = '{"arrayValue": {"values": [' * 2_000 + "]}}" * 2_000
    body = json.dumps(as_a_collector_writes(span())).replace(
        '"attributes": [', f'"attributes": [{{"value": {value}}},', 1
    )
    answer = send(receiver, "/v1/traces", body.encode(), "application/json")
    assert answer.status == 400
    assert answer.json["message"].startswith("the body is no OTLP: ")


def test_the_key_is_asked_for_where_one_is_required() -> None:
    with Receiver(port=0, api_key="sk-helicone-local") as receiver:
        body = PLAIN.format(traced()).encode()
        assert send(receiver, TRACES, body, JSON).status == 401
        assert send(receiver, TRACES, body, JSON, Authorization="Bearer sk-helicone-local").status == 200


def test_the_command_that_sends_a_span_again_names_the_path_that_takes_it(receiver: Receiver) -> None:
    send(receiver, TRACES, PLAIN.format(traced(parent_span_id="p")).encode(), JSON)
    assert f"{receiver.url}{TRACES}".encode() in get(receiver, "/span/1/curl").body


# The linter


def as_a_collector_writes(*spans: dict[str, Any]) -> dict[str, Any]:
    """Ints as text, and nothing that is empty."""
    written = json.loads(json.dumps(payload(*spans)))
    for one in written["resourceSpans"][0]["scopeSpans"][0]["spans"]:
        for attribute in one["attributes"]:
            if "intValue" in attribute["value"]:
                attribute["value"]["intValue"] = str(attribute["value"]["intValue"])
        for name in [name for name, value in one.items() if not value]:
            del one[name]
    return dict(written)


def codes(*spans: dict[str, Any]) -> list[str]:
    return [finding.code for finding in lint(as_a_collector_writes(*spans), wire="otlp")]


def test_there_is_nothing_to_say_of_a_good_call() -> None:
    assert codes(span()) == []
    assert lint(as_a_collector_writes(span()))[0].code == "refused"


def test_what_our_own_wire_sends_is_all_right() -> None:
    made = traced(**{**CALL, "prompt_tokens": 14, "completion_tokens": 4})
    assert [finding.message for finding in lint(PLAIN.format(made), wire="otlp") if finding.severity != "info"] == []


def test_what_fails_the_whole_body_is_an_error() -> None:
    assert codes(span(), span({}))[:1] == ["no-attributes"]
    written = as_a_collector_writes(span())
    written["resourceSpans"].append({"resource": {}})
    assert [finding.code for finding in lint(written, wire="otlp")] == ["no-scopes"]


@pytest.mark.parametrize("value", [{"doubleValue": 1.5}, {"boolValue": True}, {"arrayValue": {"values": []}}])
def test_types_that_are_dropped_are_told_where_they_are_read(value: dict[str, Any]) -> None:
    key = "traceloop.association.properties.Helicone-Property-share"
    dropped = span()
    dropped["attributes"] += [{"key": key, "value": value}, {"key": "not.read", "value": value}]
    assert codes(dropped) == ["dropped-type"]


def test_serve_looks_at_files_of_a_collector_s(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[Row] = []
    monkeypatch.setattr(serve, "_serve", lambda receiver, *_, **__: seen.extend(receiver.rows()))
    file = tmp_path / "traces.jsonl"
    file.write_text(f"{json.dumps(as_a_collector_writes(span()))}\n{PLAIN.format(traced(**CALL))}", encoding="utf-8")
    assert main(["serve", "--port", "0", "--wire", "otlp", str(file)]) == 0
    assert [found.user for found in seen] == ["ada", "ada"]
    assert main(["serve", "--port", "0", str(file)]) == 1
    assert capsys.readouterr().err.endswith("; if it is OTLP, add --wire otlp\n")
    file.write_text('{"resourceSpans": 5}', encoding="utf-8")
    assert main(["serve", "--port", "0", "--wire", "otlp", str(file)]) == 1
    assert "line 1: a Collector refuses the whole payload: resourceSpans must be a list" in capsys.readouterr().err


def test_an_unknown_wire_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="wire='grpc'"):
        lint({}, wire="grpc")


def test_the_command_reads_what_a_collector_s_file_exporter_writes(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "traces.jsonl"
    file.write_text("\n".join(json.dumps(as_a_collector_writes(one)) for one in (span(), span({}))), encoding="utf-8")
    assert main(["lint", "--wire", "otlp", str(file)]) == 1
    assert "error: line 2, span" in capsys.readouterr().out
    assert main(["lint", str(file)]) == 1
    assert "refused" in capsys.readouterr().out
