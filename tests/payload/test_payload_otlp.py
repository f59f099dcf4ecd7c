"""The wire of a Collector: whatever is logged is an `ExportTraceServiceRequest`, with all that a span can say."""

from __future__ import annotations

import itertools
import json
import logging
import os
import socket
import sys
from typing import Any

import pytest
from hostile_values import Given, any_text, keys, values
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from otlp_payloads import PLAIN, attributes_of, json_of, json_spans, only_span, proto_of, request_of, values_of
from payloads import CREATED_NS, HELICONE, PARENT, PROPERTY, SPAN, TRACE, fingerprint, record, traced
from scripts import run, write

from helicone_logging import OTELTraceFormatter, bind
from helicone_logging.payload import fields
from helicone_logging.payload.wires import WIRES, otlp

FORMATTERS = {
    "plain": PLAIN,
    "private": OTELTraceFormatter(wire="otlp", capture_content=False),
    "redacting": OTELTraceFormatter(wire="otlp", redact="secrets"),
    "narrow": OTELTraceFormatter(wire="otlp", max_value_length=100, max_attributes=32, max_span_bytes=16_384),
}
OWN_NAMES = {*logging.makeLogRecord({}).__dict__, "message", "asctime"}
UNSET, OK, ERROR = 0, 1, 2
READ_BY_HELICONE = (
    "gen_ai.system", "gen_ai.response.model", "gen_ai.prompt.", "gen_ai.completion.", "gen_ai.usage.prompt_tokens",
    "gen_ai.usage.completion_tokens", "gen_ai.response.max_tokens", "llm.", "traceloop.",
)  # fmt: skip

known = st.dictionaries(st.sampled_from(sorted(fields.READERS)), values, max_size=6)
custom = st.dictionaries(st.one_of(any_text, keys.filter(lambda key: type(key) is str)), values, max_size=4)
extras = st.builds(lambda one, other: Given({**one, **other}), custom, known)
thorough = settings(deadline=None, max_examples=300, suppress_health_check=[HealthCheck.too_slow])


def check(made: logging.LogRecord, formatter: OTELTraceFormatter) -> None:
    before = fingerprint(made.__dict__)
    body = formatter.format(made)
    assert fingerprint(made.__dict__) == before
    assert "{}" not in json.dumps(json.loads(body)["resourceSpans"][0]["resource"])
    (sent,) = json_spans(json.loads(body))
    span = only_span(request_of(body))
    assert (span.trace_id.hex(), span.span_id.hex()) == (sent["traceId"], sent["spanId"])
    assert span.parent_span_id.hex() == sent.get("parentSpanId", "")
    assert any(span.trace_id)
    assert any(span.span_id)
    assert span.parent_span_id != span.span_id
    assert len(span.status.message.encode()) <= 1_024
    assert all(attribute["value"] for attribute in sent["attributes"])
    for key, value in values_of(span.attributes).items():
        if key.startswith(READ_BY_HELICONE):
            assert type(value) in (str, int), key


@given(extras, st.sampled_from(sorted(FORMATTERS)), any_text, st.sampled_from([20, 40]))
@thorough
def test_any_record_is_an_export_trace_service_request(extra: Given, formatter: str, msg: str, level: int) -> None:
    fields_of_it = {name: value for name, value in extra.value.items() if name not in OWN_NAMES}
    check(record(msg, level=level, extra={"trace_id": TRACE, **fields_of_it}), FORMATTERS[formatter])


@given(extras)
@thorough
def test_bound_fields_and_a_dict_message_may_hold_anything(extra: Given) -> None:
    with bind(**{name: value for name, value in extra.value.items() if name in fields.READERS}):
        check(record({"trace_id": TRACE, **extra.value}), PLAIN)


@given(st.lists(st.tuples(any_text, st.sampled_from(sorted(FORMATTERS))), max_size=6))
@settings(deadline=None, max_examples=50)
def test_a_body_of_several_processes_has_what_they_share_once_for_each_run_of_records(
    records: list[tuple[str, str]],
) -> None:
    entries = [FORMATTERS[name].span(traced(text)).encode() for text, name in records]
    request = request_of(WIRES["otlp"].body(entries))
    spans = [span for entry in request.resource_spans for scope in entry.scope_spans for span in scope.spans]
    assert len(spans) == len(records)
    changes = sum(one[1] != other[1] for one, other in itertools.pairwise(records))
    assert len(request.resource_spans) == (changes + 1 if records else 0)


def test_values_keep_their_types() -> None:
    found = attributes_of(
        traced(
            flag=True, count=7, large=2**60, share=0.25, words=["a", "b"], numbers=(1, 2), shares=[0.5], flags=[True],
            temperature=0.7,
        )
    )  # fmt: skip
    assert found["flag"] is True
    assert found["count"] == 7
    assert found["large"] == 2**60
    assert found["share"] == 0.25
    assert found["words"] == ["a", "b"]
    assert found["numbers"] == [1, 2]
    assert found["shares"] == [0.5]
    assert found["flags"] == [True]
    assert found["gen_ai.request.temperature"] == 0.7


def test_what_has_no_type_of_its_own_is_text() -> None:
    found = attributes_of(
        traced(
            nan=float("nan"), more=float("inf"), less=float("-inf"), huge=2**63, mapping={"a": 1}, mixed=[1, "a"],
            deep=[[1]], none_in=[None, 1], nothing=[], many=list(range(200)),
        )
    )  # fmt: skip
    assert (found["nan"], found["more"], found["less"]) == ("NaN", "Infinity", "-Infinity")
    assert found["huge"] == str(2**63)
    assert found["mapping"] == '{"a":1}'
    assert found["mixed"] == '[1,"a"]'
    assert found["deep"] == "[[1]]"
    assert found["none_in"] == "[null,1]"
    assert found["nothing"] == "[]"
    assert found["many"].startswith("[0,1,2,")


def test_an_int_is_digits_in_json_as_a_double_would_round_it() -> None:
    (value,) = (one["value"] for one in json_of(traced(large=2**60))["attributes"] if one["key"] == "large")
    assert value == {"intValue": str(2**60)}


@pytest.mark.parametrize("has_orjson", [True, False])
def test_half_a_surrogate_pair_arrives_as_the_replacement_character(
    has_orjson: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not has_orjson:
        monkeypatch.setattr(otlp, "orjson", None)
    found = attributes_of(traced("grün \ud83d\ude00 \ud800!", custom="\udc00", name_of="\ud800\ud800"))
    assert found["gen_ai.prompt.0.content"] == "grün 😀 \ufffd!"
    assert found["custom"] == "\ufffd"
    assert found["name_of"] == "\ufffd\ufffd"


def test_a_parent_of_the_same_trace_is_the_span_s_parent() -> None:
    for extra in ({"trace_id": TRACE, "parent_span_id": PARENT}, {"traceparent": f"00-{TRACE}-{PARENT}-01"}):
        span = proto_of(record("work", extra=extra))
        assert (span.trace_id.hex(), span.parent_span_id.hex()) == (TRACE, PARENT)
        assert "parent_span_id" not in values_of(span.attributes)


def test_a_parent_of_another_trace_is_none() -> None:
    span = proto_of(record("work", trace_id="another", traceparent=f"00-{TRACE}-{PARENT}-01"))
    assert span.parent_span_id == b""
    assert values_of(span.attributes)["parent_span_id"] == PARENT


def test_a_span_is_no_parent_of_its_own() -> None:
    assert "parentSpanId" not in json_of(traced(span_id=SPAN, parent_span_id=SPAN.upper()))


def test_ids_are_written_in_small_letters() -> None:
    sent = json_of(record("work", trace_id=TRACE.upper(), span_id=SPAN.upper(), parent_span_id=PARENT.upper()))
    assert (sent["traceId"], sent["spanId"], sent["parentSpanId"]) == (TRACE, SPAN, PARENT)


def test_a_plain_span_holds_nothing_that_is_empty() -> None:
    sent = json_of(traced(span_kind="unspecified"))
    assert set(sent) == {
        "traceId", "spanId", "flags", "name", "startTimeUnixNano", "endTimeUnixNano", "attributes",
    }  # fmt: skip
    assert sent["flags"] == 1
    assert sent["startTimeUnixNano"] == str(CREATED_NS)
    assert "gen_ai.response.finish_reasons" not in attributes_of(traced())


def test_what_helicone_reads_is_there_though_empty_and_is_text_or_an_int() -> None:
    found = attributes_of(traced(messages=[{"role": "user", "content": ""}], extra={"gen_ai.response.max_tokens": 2.5}))
    assert (found["gen_ai.prompt.0.content"], found["gen_ai.response.max_tokens"]) == ("", "2.5")


@pytest.mark.parametrize(
    ("given_status", "level", "expected"),
    [
        (None, logging.INFO, UNSET),
        (None, logging.WARNING, UNSET),
        (None, logging.ERROR, ERROR),
        ("ok", logging.INFO, OK),
        (200, logging.INFO, OK),
        ("ok", logging.ERROR, OK),
        ("unset", logging.ERROR, UNSET),
        ("error", logging.INFO, ERROR),
        (503, logging.INFO, ERROR),
    ],
)
def test_the_status_is_unset_unless_the_span_failed_or_somebody_set_it(
    given_status: object, level: int, expected: int
) -> None:
    assert proto_of(traced(level=level, **({} if given_status is None else {"status": given_status}))).status.code == (
        expected
    )


def failed(message: str = "no such order") -> logging.LogRecord:
    try:
        raise LookupError(message)
    except LookupError:
        return traced("it broke", level=logging.ERROR, exc_info=sys.exc_info(), messages="Where?", span_name="answer")


def test_a_failure_is_told_by_its_exception_else_by_what_was_logged() -> None:
    assert proto_of(failed()).status.message == "LookupError: no such order"
    assert proto_of(traced("quota used up", level=logging.ERROR, messages="Where?")).status.message == "quota used up"
    assert proto_of(traced("fine", status="ok")).status.message == ""


def test_a_long_failure_is_told_in_one_kibibyte() -> None:
    for text in ("x" * 5_000, "ü" * 5_000):
        assert 1_020 <= len(proto_of(failed(text)).status.message.encode()) <= 1_024
    assert len(proto_of(failed("\ud800" * 5_000)).status.message.encode()) <= 1_024


def test_what_is_not_captured_or_is_redacted_is_in_no_status() -> None:
    assert proto_of(failed("secret"), OTELTraceFormatter(wire="otlp", capture_content=False)).status.message == ""
    redacting = OTELTraceFormatter(wire="otlp", redact=lambda key, value: str(value).replace("secret", "[gone]"))
    for made in (failed("the secret"), traced("the secret", level=logging.ERROR, messages="q", span_name="n")):
        body = redacting.format(made)
        assert "secret" not in body
        assert "[gone]" in only_span(request_of(body)).status.message
    without = OTELTraceFormatter(wire="otlp", redact=lambda key, value: None if key == "exception.message" else value)
    assert proto_of(failed("secret"), without).status.message == "LookupError"


def test_an_exception_is_an_event() -> None:
    (event,) = proto_of(failed()).events
    assert event.name == "exception"
    assert values_of(event.attributes)["exception.message"] == "no such order"
    (silent,) = proto_of(traced(exc_info=(TimeoutError, TimeoutError(), None))).events
    assert set(values_of(silent.attributes)) == {"exception.type", "exception.stacktrace"}


def called(**more: Any) -> logging.LogRecord:
    answer = {"role": "assistant", "content": "On its way.", "finish_reason": "stop"}
    return traced(
        model="gpt-4o", provider="azure_openai", messages="Where?", completion=[answer], prompt_tokens=14,
        completion_tokens=4, cached_tokens=3, response_id="resp-1", session_id="order-1234", **more,
    )  # fmt: skip


def test_opentelemetry_s_names_stand_beside_those_that_helicone_reads() -> None:
    found = attributes_of(called())
    assert found["gen_ai.system"] == "azure"
    assert found["gen_ai.provider.name"] == "azure.ai.openai"
    assert found["gen_ai.usage.prompt_tokens"] == found["gen_ai.usage.input_tokens"] == 14
    assert found["gen_ai.usage.completion_tokens"] == found["gen_ai.usage.output_tokens"] == 4
    assert found["gen_ai.usage.cache_read.input_tokens"] == 3
    assert found[HELICONE + "Session-Id"] == found["gen_ai.conversation.id"] == "order-1234"
    assert found["gen_ai.response.id"] == "resp-1"
    assert found["gen_ai.response.finish_reasons"] == ["stop"]
    assert found["code.function.name"] == "ask"
    assert found["code.file.path"] == "/srv/shop/assistant.py"
    assert found["code.line.number"] == 42
    assert "error.type" not in found
    assert not {"code.function", "code.filepath", "code.lineno"} & set(found)
    assert not {"gen_ai.input.messages", "gen_ai.output.messages"} & set(found)


@pytest.mark.parametrize(
    ("given_name", "expected"),
    [
        ("openai", "openai"), ("bedrock", "aws.bedrock"), ("xai", "x_ai"), ("gemini", "gcp.gemini"),
        ("gcp.vertex_ai", "gcp.vertex_ai"), ("azure.ai.inference", "azure.ai.inference"), ("mistralai", "mistral_ai"),
        ("My Own", "my own"),
    ],
)  # fmt: skip
def test_a_provider_has_its_conventional_name(given_name: str, expected: str) -> None:
    assert attributes_of(traced(model="m", provider=given_name))["gen_ai.provider.name"] == expected


def test_what_failed_has_a_type() -> None:
    assert attributes_of(failed())["error.type"] == "LookupError"
    assert attributes_of(traced(level=logging.ERROR))["error.type"] == "_OTHER"


def test_a_trace_without_a_session_of_its_own_is_no_conversation() -> None:
    assert "gen_ai.conversation.id" not in attributes_of(traced())


def test_a_name_that_was_logged_is_not_overwritten() -> None:
    made = called(extra={"gen_ai.response.id": "resp-2", "error.type": "timeout"})
    sent = json_of(made)
    names = [attribute["key"] for attribute in sent["attributes"]]
    assert len(names) == len(set(names))
    found = attributes_of(made)
    assert found["gen_ai.response.id"] == "resp-2"
    assert found["error.type"] == "timeout"


def test_properties_and_content_are_text_whatever_was_logged() -> None:
    found = attributes_of(traced(flag=True, words=["a"], properties={"n": 1, "f": 0.5}))
    assert found[PROPERTY + "flag"] == "true"
    assert PROPERTY + "words" not in found
    assert (found[PROPERTY + "n"], found[PROPERTY + "f"]) == ("1", "0.5")


def test_the_resource_says_what_process_it_is() -> None:
    formatter = OTELTraceFormatter(wire="otlp", service_name="shop", resource_attributes={"host.name": "ours"})
    (entry,) = request_of(formatter.format(traced())).resource_spans
    found = values_of(entry.resource.attributes)
    assert found["service.name"] == "shop"
    assert found["host.name"] == "ours"
    assert found["process.pid"] == os.getpid()
    assert found["telemetry.sdk.language"] == "python"
    assert found["telemetry.sdk.name"] == "helicone_logging"
    assert found["telemetry.sdk.version"]
    (other,) = request_of(PLAIN.format(traced())).resource_spans
    assert values_of(other.resource.attributes)["host.name"] == socket.gethostname()
    assert values_of(other.resource.attributes)["service.instance.id"] != found["service.instance.id"]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork on this platform")
def test_a_forked_child_is_another_instance(tmp_path: Any) -> None:
    script = write(
        tmp_path / "forking.py",
        """
        import json, logging, os
        from helicone_logging import OTELTraceFormatter
        formatter = OTELTraceFormatter(wire="otlp")
        def told():
            resource = json.loads(formatter.format(logging.makeLogRecord({})))["resourceSpans"][0]["resource"]
            found = {one["key"]: next(iter(one["value"].values())) for one in resource["attributes"]}
            return found["service.instance.id"], found["process.pid"], str(os.getpid())
        print(*told(), flush=True)
        child = os.fork()
        if child == 0:
            print(*told(), flush=True)
            os._exit(0)
        os.waitpid(child, 0)
        print(*told())
        """,
    )
    parent, child, parent_again = (line.split() for line in run(script, "http://127.0.0.1:9").stdout.splitlines())
    assert parent == parent_again
    assert child[0] != parent[0]
    assert child[1] == child[2] != parent[1]


def test_a_copy_for_another_wire_leaves_the_formatter_as_it_was() -> None:
    class Own(OTELTraceFormatter):
        """A subclass of an application's."""

        def process_log_record(self, data: dict[str, Any]) -> dict[str, Any]:
            return {**data, "own": True}

    strict = Own(service_name="shop")
    full = strict.speaking(WIRES["otlp"])
    assert type(full) is Own
    assert attributes_of(traced(), full)["own"] is True
    assert "telemetry.sdk.name" not in strict.format(traced())
    assert strict.speaking(WIRES["helicone"]) is strict
