"""`HeliconeSpanProcessor`: which spans are sent, what of them, by whose options, and that it hurts nobody."""

# ruff: noqa: SIM117 - spans within spans are easier to see as blocks within blocks

from __future__ import annotations

import logging
import sys
import threading
from collections.abc import Callable
from types import SimpleNamespace

import pytest
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF, Decision, Sampler, SamplingResult
from opentelemetry.trace import SpanKind, Status, StatusCode
from traced import AGENT, CALL, TOOL, Traced

from helicone_logging import ConfigurationError, HeliconeHandler, bind, span
from helicone_logging.context import open_spans
from helicone_logging.opentelemetry import HeliconeSpanProcessor
from helicone_logging.receiver import sessions_of


def test_calls_are_sent_and_all_other_spans_name_the_path(traced: Traced) -> None:
    tracer = traced.tracer
    with tracer.start_as_current_span("GET /chat", attributes={"http.request.method": "GET"}):
        with tracer.start_as_current_span("invoke_agent planner", attributes=AGENT):
            with tracer.start_as_current_span("chat gpt-4o", attributes=CALL):
                pass
            with tracer.start_as_current_span("run tools"), tracer.start_as_current_span("search", attributes=TOOL):
                pass
    top = "/GET _chat/invoke_agent planner"
    assert [row.session_path for row in traced.rows()] == [top, f"{top}/chat gpt-4o", f"{top}/run tools/search"]
    assert len({(row.session_id, row.session_name) for row in traced.rows()}) == 1


def test_a_call_is_what_a_record_of_it_would_be(traced: Traced) -> None:
    with traced.tracer.start_as_current_span("parent") as parent:
        call = traced.tracer.start_span("chat gpt-4o", attributes=CALL, start_time=1_760_000_000_000_000_000)
        call.end(1_760_000_001_500_000_000)
    (row,) = traced.rows()
    assert (row.provider, row.model, row.prompt_tokens, row.completion_tokens) == ("OPENAI", "gpt-4o", 3, 2)
    assert [(said.role, said.content) for said in row.messages] == [("user", "Hello")]
    assert [(said.role, said.content) for said in row.choices] == [("assistant", "Hi.")]
    assert row.latency_ms == 1_500
    assert row.properties["logger"] == "tests.scope"
    (attributes,) = traced.spans()
    assert attributes["parent_span_id"] == f"{parent.get_span_context().span_id:016x}"
    assert row.session_id == f"{parent.get_span_context().trace_id:032x}"


def test_a_span_that_began_before_the_processor_was_added_is_sent(traced: Traced) -> None:
    provider = TracerProvider(shutdown_on_exit=False)
    call = provider.get_tracer("t").start_span("chat", attributes=CALL)
    provider.add_span_processor(traced.processor)
    call.end()
    assert [row.session_path for row in traced.rows()] == ["/chat"]


# Calls within calls


def test_a_call_that_two_libraries_tell_of_is_one_row(traced: Traced) -> None:
    with traced.tracer.start_as_current_span("ChatOpenAI", attributes={"llm.system": "openai"}) as outer:
        with traced.tracer.start_as_current_span("chat gpt-4o", attributes=CALL):
            pass
        outer.set_attributes({"openinference.span.kind": "LLM", "llm.model_name": "gpt-4o"})
    assert [row.session_path for row in traced.rows()] == ["/ChatOpenAI"]


def test_what_an_agent_sums_up_is_not_counted_twice(traced: Traced) -> None:
    totals = {**AGENT, "gen_ai.request.model": "gpt-4o", "gen_ai.usage.input_tokens": 3, "llm.usage.total_tokens": 5}
    with traced.tracer.start_as_current_span("agent", attributes=totals):
        with traced.tracer.start_as_current_span("chat", attributes=CALL):
            pass
    agent, call = traced.rows()
    assert (agent.model, agent.total_tokens, agent.properties["model"]) == ("planner", None, "gpt-4o")
    assert call.total_tokens == 5


def test_an_agent_whose_calls_nobody_tells_of_keeps_its_tokens(traced: Traced) -> None:
    totals = {
        **AGENT,
        "gen_ai.request.model": "gpt-4o",
        "gen_ai.usage.input_tokens": 3,
        "gen_ai.usage.output_tokens": 2,
    }
    with traced.tracer.start_as_current_span("agent", attributes=totals):
        traced.tracer.start_span("search", attributes=TOOL).end()
    row, _ = traced.rows()
    assert (row.model, row.total_tokens) == ("gpt-4o", 5)


# How it ends


def test_an_exception_fails_the_row(traced: Traced) -> None:
    with pytest.raises(ValueError, match="no luck"), traced.tracer.start_as_current_span("chat", attributes=CALL):
        raise ValueError("no luck\n  at all")
    (row,) = traced.rows()
    assert (row.properties["error"], row.properties["level"]) == ("true", "ERROR")
    assert row.properties["exception"] == "ValueError"
    (attributes,) = traced.spans()
    assert attributes["exception.message"] == "no luck\n  at all"
    assert "Traceback" in attributes["exception.stacktrace"]


def test_a_failure_without_an_exception_says_why(traced: Traced) -> None:
    call = traced.tracer.start_span("chat", attributes={"gen_ai.request.model": "gpt-4o", "error.type": "429"})
    call.set_status(Status(StatusCode.ERROR, "slow down"))
    call.end()
    (row,) = traced.rows()
    assert (row.properties["error"], row.properties["exception"]) == ("true", "429")
    assert row.choices[0].content == "429: slow down"


@pytest.mark.parametrize(
    ("told", "expected"),
    [
        ({"type": "Timeout", "message": "slow"}, ("Timeout", "slow", "Timeout: slow")),
        ({"message": "slow"}, ("Exception", "slow", "Exception: slow")),
        ({"type": "Timeout", "stacktrace": "File x"}, ("Timeout", "", "File x")),
    ],
)
def test_an_exception_that_is_told_in_part_is_sent_as_far_as_it_is_told(
    traced: Traced, told: dict[str, str], expected: tuple[str, ...]
) -> None:
    call = traced.tracer.start_span("chat", attributes=CALL)
    call.add_event("exception", {f"exception.{part}": text for part, text in told.items()})
    call.add_event("retry", {"exception.type": "none"})
    call.set_status(StatusCode.ERROR)
    call.end()
    (sent,) = traced.spans()
    assert tuple(sent.get(f"exception.{part}", "") for part in ("type", "message", "stacktrace")) == expected


def test_an_exception_that_was_handled_does_not_fail_a_span_that_is_ok(traced: Traced) -> None:
    call = traced.tracer.start_span("chat", attributes=CALL)
    call.record_exception(ValueError("tried again"))
    call.set_status(Status(StatusCode.OK))
    call.end()
    (row,) = traced.rows()
    assert "error" not in row.properties
    assert row.choices[0].content == "Hi."


def test_embeddings_that_fail_say_why_and_others_how_many_dimensions(traced: Traced) -> None:
    embedding = {"gen_ai.operation.name": "embeddings", "gen_ai.request.model": "text-embedding-3-small"}
    done = {**embedding, "gen_ai.usage.input_tokens": 3, "gen_ai.embeddings.dimension.count": 1536}
    assert traced.row(done).choices[0].content == "[embeddings, 1,536 dimensions]"
    failed = traced.tracer.start_span("embeddings", attributes=embedding)
    failed.set_status(Status(StatusCode.ERROR, "slow down"))
    failed.end()
    assert traced.rows()[-1].choices[0].content == "Exception: slow down"


# What is sent


class _RecordOnly(Sampler):
    def should_sample(self, *_: object, **__: object) -> SamplingResult:
        return SamplingResult(Decision.RECORD_ONLY, CALL)

    def get_description(self) -> str:
        return "record only"


@pytest.mark.parametrize("sampler", [ALWAYS_OFF, _RecordOnly()])
def test_what_the_sdk_does_not_sample_is_not_sent(traced: Traced, sampler: Sampler) -> None:
    provider = TracerProvider(sampler=sampler, shutdown_on_exit=False)
    provider.add_span_processor(traced.processor)
    with provider.get_tracer("t").start_as_current_span("chat", attributes=CALL):
        pass
    assert traced.rows() == []


def test_a_share_of_the_traces_is_sent_and_every_failure(make_traced: Callable[..., Traced]) -> None:
    nothing = make_traced(sample_rate=0)
    nothing.tracer.start_span("chat", attributes=CALL).end()
    failed = nothing.tracer.start_span("failed", attributes=CALL)
    failed.set_status(StatusCode.ERROR)
    failed.end()
    assert [row.session_path for row in nothing.rows()] == ["/failed"]
    assert nothing.processor.handler.stats().skipped == 1
    half = make_traced(sample_rate=0.5)
    for _ in range(50):
        half.tracer.start_span("chat", attributes=CALL).end()
    assert 0 < half.processor.handler.stats().skipped < 50


def test_options_of_the_handler_hold_for_spans(make_traced: Callable[..., Traced]) -> None:
    masked = make_traced(redact="secrets", properties={"tenant": "acme"}, session_name="shop")
    row = masked.row({**CALL, "note": "key sk-proj-" + "a1B2" * 12})
    assert "a1B2a1B2" not in str(masked.spans())
    assert (row.properties["tenant"], row.session_name) == ("acme", "shop")


def test_content_that_is_not_to_be_captured_stays_here(make_traced: Callable[..., Traced]) -> None:
    silent = make_traced(capture_content=False)
    silent.row({**CALL, "input.value": "Hello", "llm.output_messages.0.message.content": "Hi."})
    told = str(silent.spans())
    assert "Hello" not in told
    assert "Hi." not in told


def test_a_redactor_sees_every_value_before_the_call_returns(make_traced: Callable[..., Traced]) -> None:
    threads = set()

    def redact(key: str, value: object) -> object:
        threads.add(threading.get_ident())
        return "***" if value == "Hello" else value

    row = make_traced(redact=redact).row(CALL)
    assert row.messages[0].content == "***"
    assert threads == {threading.get_ident()}


def test_filters_and_the_level_of_the_handler_hold_for_spans(server) -> None:
    handler = HeliconeHandler(logging.ERROR, endpoint=server.url)
    handler.addFilter(lambda record: "skipped" not in record.getMessage())
    provider = TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(HeliconeSpanProcessor(handler))
    tracer = provider.get_tracer("t")
    for name, status in (("fine", StatusCode.OK), ("skipped", StatusCode.ERROR), ("failed", StatusCode.ERROR)):
        call = tracer.start_span(name, attributes=CALL)
        call.set_status(status)
        call.end()
    assert provider.force_flush()
    assert handler.stats().delivered == 1
    assert [received.name for received in server.received] == ["failed"]


def test_a_session_has_the_name_of_the_service_of_the_provider_also_in_records_inside(receiver, logger) -> None:
    processor = HeliconeSpanProcessor(endpoint=receiver.url)
    logger.addHandler(processor.handler)
    provider = TracerProvider(resource=Resource.create({"service.name": "shop"}), shutdown_on_exit=False)
    provider.add_span_processor(processor)
    tracer = provider.get_tracer("t")
    with tracer.start_as_current_span("request"):
        tracer.start_span("chat", attributes=CALL).end()
        logger.info("found", extra={"model": "vector_db:docs", "prompt": "q", "completion": "3"})
        with span("step", logger), bind(user_id="ada"):
            logger.info("inside", extra={"model": "gpt-4o", "prompt": "q", "completion": "a"})
    assert provider.force_flush()
    (session,) = sessions_of(receiver.rows())
    assert (session.name, len(receiver.rows())) == ("shop", 4)
    logger.removeHandler(processor.handler)
    processor.shutdown()


@pytest.mark.parametrize(
    ("options", "environment", "name"),
    [({"session_name": "named"}, "", "named"), ({"service_name": "named"}, "", "named"), ({}, "named", "named")],
)
def test_a_name_of_the_sessions_that_is_given_wins_over_that_of_the_provider(
    receiver, logger, monkeypatch, options: dict[str, str], environment: str, name: str
) -> None:
    monkeypatch.setenv("OTEL_SERVICE_NAME", environment)
    processor = HeliconeSpanProcessor(endpoint=receiver.url, **options)
    logger.addHandler(processor.handler)
    provider = TracerProvider(resource=Resource({"service.name": "shop"}), shutdown_on_exit=False)
    provider.add_span_processor(processor)
    provider.add_span_processor(HeliconeSpanProcessor(processor.handler))
    with provider.get_tracer("t").start_as_current_span("agent", attributes=AGENT):
        logger.info("found", extra={"model": "gpt-4o", "prompt": "q", "completion": "a"})
    assert provider.force_flush()
    assert {row.session_name for row in receiver.rows()} == {name}
    logger.removeHandler(processor.handler)


def test_a_span_goes_to_a_collector_as_it_is_and_with_its_parent(receiver) -> None:
    processor = HeliconeSpanProcessor(endpoint=f"{receiver.url}/v1/traces")
    provider = TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(processor)
    tracer = provider.get_tracer("t")
    with tracer.start_as_current_span("request") as request:
        call = tracer.start_span("chat", attributes=CALL, kind=SpanKind.SERVER, start_time=1_760_000_000_000_000_000)
        call.set_status(StatusCode.OK)
        call.end(1_760_000_001_500_000_001)
        tracer.start_span("chat", attributes=CALL).end()
    assert processor.force_flush()
    stored, other = sorted(receiver.spans(), key=lambda stored: int(stored.span["startTimeUnixNano"]))
    assert stored.span["spanId"] == f"{call.get_span_context().span_id:016x}"
    assert stored.span["parentSpanId"] == f"{request.get_span_context().span_id:016x}"
    assert (stored.span["kind"], stored.span["status"]["code"]) == (2, 1)
    assert stored.span["endTimeUnixNano"] == "1760000001500000001"
    assert other.span["status"].get("code", 0) == 0
    assert receiver.rows()[0].session_path == "/request/chat"


def test_spans_are_kept_on_disk_as_records_are(dead_endpoint: str, receiver, tmp_path) -> None:
    def processor(endpoint: str) -> HeliconeSpanProcessor:
        return HeliconeSpanProcessor(endpoint=endpoint, spool_path=str(tmp_path / "spool"), shutdown_timeout=0)

    first, provider = processor(dead_endpoint), TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(first)
    provider.get_tracer("t").start_span("chat", attributes=CALL).end()
    provider.shutdown()
    second = processor(receiver.url)
    assert receiver.store.wait_for(1, 30)
    assert receiver.rows()[0].session_path == "/chat"
    second.shutdown()


def test_two_processors_send_to_two_accounts(receiver, server) -> None:
    provider = TracerProvider(shutdown_on_exit=False)
    for endpoint in (receiver.url, server.url):
        provider.add_span_processor(HeliconeSpanProcessor(endpoint=endpoint))
    tracer = provider.get_tracer("t")
    with tracer.start_as_current_span("request"), tracer.start_as_current_span("chat", attributes=CALL):
        pass
    assert provider.force_flush()
    assert [row.session_path for row in receiver.rows()] == ["/request/chat"]
    assert [received.name for received in server.received] == ["chat"]
    assert not open_spans._open


# What it promises


def test_flush_and_shutdown_tell_the_truth(dead_endpoint: str) -> None:
    processor = HeliconeSpanProcessor(endpoint=dead_endpoint, shutdown_timeout=0.1)
    provider = TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(processor)
    assert provider.force_flush()  # nothing to wait for
    provider.get_tracer("t").start_span("chat", attributes=CALL).end()
    assert processor.force_flush(100) is False
    assert processor.handler.stats().queued == 1
    provider.shutdown()
    assert processor.handler.stats().delivered == 0


def test_shutdown_delivers_what_is_queued(receiver) -> None:
    processor = HeliconeSpanProcessor(endpoint=receiver.url, batch_size=50, flush_interval=30)
    provider = TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(processor)
    provider.get_tracer("t").start_span("chat", attributes=CALL).end()
    provider.shutdown()
    assert processor.handler.stats().delivered == 1


def test_shutdown_leaves_a_handler_that_was_given_to_its_loggers(handler, logger, server) -> None:
    provider = TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(HeliconeSpanProcessor(handler))
    provider.get_tracer("t").start_span("chat", attributes=CALL).end()
    provider.shutdown()
    assert handler.stats().delivered == 1
    logger.info("later", extra={"trace_id": "t"})
    assert handler.flush()
    assert handler.stats().delivered == 2


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ({"handler": logging.NullHandler()}, "handler="),
        ({"handler": "helicone"}, "handler="),
        ({"batch_sizes": 3}, "batch_sizes"),
        ({"queue_size": "many"}, "queue_size"),
    ],
)
def test_options_that_cannot_work_are_refused(arguments: dict[str, object], told: str) -> None:
    with pytest.raises(ConfigurationError, match=told):
        HeliconeSpanProcessor(
            **{"endpoint": "http://127.0.0.1:9", **arguments} if "handler" not in arguments else arguments
        )  # type: ignore[arg-type]


def test_a_handler_that_is_given_takes_no_options(handler) -> None:
    with pytest.raises(ConfigurationError, match="session_name"):
        HeliconeSpanProcessor(handler, session_name="shop")


def test_what_costs_rows_or_content_is_told_once(traced: Traced, capsys: pytest.CaptureFixture[str]) -> None:
    for scope in ("one.library", "another.library", "one.library"):
        call = traced.provider.get_tracer(scope).start_span("chat", attributes={"gen_ai.response.id": "msg_1"})
        call.set_attributes(CALL if scope == "one.library" else {"gen_ai.request.model": "gpt-4o"})
        call.end()
    assert len(traced.rows()) == 3
    told = capsys.readouterr().err.splitlines()
    assert len(told) == 2
    assert "one.library and another.library tell of the same calls" in told[0]
    assert "another.library writes no content on its spans" in told[1]
    guide = "https://helicone-logging.readthedocs.io/en/latest/opentelemetry.html"
    assert all(line.endswith(f": {guide}") for line in told)


def test_tracers_without_end_are_remembered_up_to_a_bound(traced: Traced, capsys: pytest.CaptureFixture[str]) -> None:
    for number in range(300):
        scope = f"library.{number}"
        traced.provider.get_tracer(scope).start_span("chat", attributes={"gen_ai.request.model": "gpt-4o"}).end()
    assert capsys.readouterr().err.count("writes no content") == 256


def test_what_failed_or_is_no_call_of_a_model_may_lack_content(
    make_traced: Callable[..., Traced], capsys: pytest.CaptureFixture[str]
) -> None:
    traced = make_traced()
    traced.row({"gen_ai.operation.name": "retrieval"})
    failed = traced.tracer.start_span("chat", attributes={"gen_ai.request.model": "gpt-4o"})
    failed.set_status(StatusCode.ERROR)
    failed.end()
    assert len(traced.rows()) == 2
    make_traced(capture_content=False).row({"gen_ai.request.model": "gpt-4o"})
    assert "writes no content" not in capsys.readouterr().err


def test_a_disabled_handler_costs_and_sends_nothing(receiver) -> None:
    processor = HeliconeSpanProcessor(enabled=False, endpoint=receiver.url)
    provider = TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(processor)
    provider.get_tracer("t").start_span("chat", attributes=CALL).end()
    assert provider.force_flush()
    provider.shutdown()
    assert receiver.rows() == []


def test_a_missing_sdk_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "opentelemetry.sdk.trace", None)
    monkeypatch.delitem(sys.modules, "helicone_logging.opentelemetry")
    with pytest.raises(ImportError, match=r"helicone-logging\[opentelemetry\]"):
        import helicone_logging.opentelemetry  # noqa: F401


def test_spans_of_another_make_do_not_raise(traced: Traced) -> None:
    broken = ReadableSpan("without a context")
    traced.processor.on_start(broken)  # type: ignore[arg-type]
    traced.processor.on_end(broken)
    assert traced.rows() == []


def test_inside_a_span_without_a_service_sessions_keep_their_names() -> None:
    bare = SimpleNamespace(name="bare", context=SimpleNamespace(span_id=7, trace_id=9), parent=None, attributes={})
    open_spans.started(bare, names_session=True)
    assert open_spans.fields_inside(7, {}).keys() == {"trace_id", "parent_span_id", "parent_path"}
    open_spans.ended(bare)


def test_what_cannot_be_read_is_counted_and_told(traced: Traced, capsys: pytest.CaptureFixture[str]) -> None:
    class Broken(ReadableSpan):
        @property
        def events(self):  # type: ignore[no-untyped-def]
            raise RuntimeError("private")

    good = traced.tracer.start_span("chat", attributes=CALL)
    traced.processor.on_end(Broken("chat", good.get_span_context(), attributes=CALL))
    assert traced.processor.handler.stats().rejected == 1
    told = capsys.readouterr().err
    assert "RuntimeError" in told
    assert "private" not in told


def test_what_arrives_is_the_repr(traced: Traced) -> None:
    assert repr(traced.processor).startswith("<HeliconeSpanProcessor <HeliconeHandler http://127.0.0.1:")
