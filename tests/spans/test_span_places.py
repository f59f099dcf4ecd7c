"""Where spans stand: in the tree, in the trace and the session, between spans of ours, and records inside them."""

# ruff: noqa: SIM117 - spans within spans are easier to see as blocks within blocks

from __future__ import annotations

import pytest
from opentelemetry import context, trace
from opentelemetry.sdk.trace import TracerProvider
from traced import AGENT, CALL, Traced

from helicone_logging import bind, span
from helicone_logging.context import open_spans
from helicone_logging.context.binding import current


def test_a_name_that_a_span_is_given_late_is_the_one_of_its_folder(traced: Traced) -> None:
    with traced.tracer.start_as_current_span("GET") as request:
        request.update_name("GET /users/{id}")
        with traced.tracer.start_as_current_span("chat", attributes=CALL):
            pass
        request.update_name("GET, too late")
        with traced.tracer.start_as_current_span("chat", attributes=CALL):
            pass
    assert {row.session_path for row in traced.rows()} == {"/GET _users_{id}/chat"}


def test_a_child_that_outlives_its_parent_stands_below_it(traced: Traced) -> None:
    with traced.tracer.start_as_current_span("request"):
        stream = traced.tracer.start_span("chat", attributes=CALL)
    stream.end()
    assert [row.session_path for row in traced.rows()] == ["/request/chat"]
    assert not open_spans._open


def test_spans_that_never_end_are_forgotten_one_day(traced: Traced, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(open_spans, "MAX_OPEN", 10)
    kept = [traced.tracer.start_span(f"never {number}") for number in range(50)]
    assert len(open_spans._open) == 10
    inside = trace.set_span_in_context(kept[0])
    traced.tracer.start_span("chat", context=inside, attributes=CALL).end()
    assert [row.session_path for row in traced.rows()] == ["/chat"]


@pytest.mark.parametrize("depth", [2, 3_000])
def test_any_depth_of_spans_makes_a_path(traced: Traced, depth: int) -> None:
    around = context.get_current()
    for _ in range(depth):
        around = trace.set_span_in_context(traced.tracer.start_span("step", context=around), around)
    traced.tracer.start_span("chat", context=around, attributes=CALL).end()
    (row,) = traced.rows()
    assert row.session_path == "/step/step/chat" if depth == 2 else row.session_path.startswith("/step/step/step")


@pytest.mark.parametrize(
    ("said", "path"),
    [
        (
            {"entity.name": "look up", "workflow.name": "answer", "entity.path": "plan.find"},
            "/answer/plan/find/look up",
        ),
        ({"entity.name": "look up", "workflow.name": "answer", "entity.path": ""}, "/answer/look up"),
        ({"entity.name": "answer", "workflow.name": "answer"}, "/answer"),
        ({"entity.name": "look up", "workflow.name": "", "entity.path": "plan"}, "/look up"),
        ({"entity.name": "look up", "workflow.name": 7, "entity.path": 7}, "/look up"),
    ],
)
def test_a_span_of_openllmetry_whose_parent_is_elsewhere_stands_where_it_says(
    traced: Traced, said: dict[str, object], path: str
) -> None:
    attributes = {"traceloop.span.kind": "tool", **{f"traceloop.{name}": value for name, value in said.items()}}
    assert traced.row(attributes).session_path == path


# What stands around


def test_a_span_stays_where_it_began_in_threads_that_know_only_opentelemetrys_context(
    traced: Traced, logger_of
) -> None:
    logger = logger_of(traced.processor.handler)
    with bind(trace_id="order-17"), span("answer", logger):
        request = traced.tracer.start_span("request")
    with trace.use_span(request):
        logger.info("note", extra={"model": "gpt-4o"})
        traced.tracer.start_span("chat", attributes=CALL).end()
    rows = traced.rows()
    assert {row.session_path for row in rows} == {"/answer", "/answer/request/note", "/answer/request/chat"}
    assert {row.session_id for row in rows} == {"order-17"}


def test_a_traceparent_that_the_open_span_has_heard_already_changes_no_path(traced: Traced) -> None:
    remote = trace.SpanContext(trace_id=7, span_id=9, is_remote=True, trace_flags=trace.TraceFlags(1))
    caller = trace.set_span_in_context(trace.NonRecordingSpan(remote))
    with trace.use_span(traced.tracer.start_span("GET", context=caller)):
        with traced.tracer.start_as_current_span("step"), bind(traceparent=f"00-{7:032x}-{9:016x}-01"):
            traced.tracer.start_span("chat", attributes=CALL).end()
    assert [row.session_path for row in traced.rows()] == ["/GET/step/chat"]


def test_session_and_user_of_an_open_span_hold_for_records_inside_unless_others_are_bound(
    traced: Traced, logger_of
) -> None:
    logger = logger_of(traced.processor.handler)
    with traced.tracer.start_as_current_span("run", attributes={"session.id": "s-1", "user.id": "ada"}):
        logger.info("note", extra={"model": "gpt-4o"})
        with bind(user_id="bob"):
            logger.info("note", extra={"model": "gpt-4o"})
        with bind(trace_id="job-1"):
            logger.info("note", extra={"model": "gpt-4o"})
    assert [(row.session_id, row.user) for row in traced.rows()] == [("s-1", "ada"), ("s-1", "bob"), ("job-1", "")]


def test_a_record_that_is_logged_inside_is_the_child_of_the_span(traced: Traced, logger_of) -> None:
    logger = logger_of(traced.processor.handler)
    with traced.tracer.start_as_current_span("request"):
        with traced.tracer.start_as_current_span("invoke_agent planner", attributes=AGENT) as agent:
            logger.info("looked up", extra={"model": "gpt-4o", "completion": "x"})
            with span("summarise", logger, model="gpt-4o"):
                logger.info("inner", extra={"model": "gpt-4o", "completion": "x"})
    rows = {row.session_path: attributes for row, attributes in zip(traced.rows(), traced.spans(), strict=True)}
    top = "/request/invoke_agent planner"
    assert set(rows) == {top, f"{top}/looked up", f"{top}/summarise", f"{top}/summarise/inner"}
    for path in ("looked up", "summarise"):
        assert rows[f"{top}/{path}"]["parent_span_id"] == f"{agent.get_span_context().span_id:016x}"
    assert len({row.session_id for row in traced.rows()}) == 1


def test_without_an_open_span_of_ours_the_context_is_as_before(traced: Traced) -> None:
    other = TracerProvider(shutdown_on_exit=False).get_tracer("another provider")
    traced.tracer.start_span("elsewhere")
    with other.start_as_current_span("outer") as outer:
        found = outer.get_span_context()
        assert current() == {"trace_id": f"{found.trace_id:032x}", "parent_span_id": f"{found.span_id:016x}"}


def test_inside_our_span_and_trace_instrumented_calls_are_its_children(traced: Traced, logger_of) -> None:
    logger = logger_of(traced.processor.handler)
    with bind(trace_id="order-17", user_id="ada"), span("answer", logger) as ours:
        with traced.tracer.start_as_current_span("chat", attributes=CALL):
            pass
    rows = {row.session_path: row for row in traced.rows()}
    assert set(rows) == {"/answer", "/answer/chat"}
    assert {row.session_id for row in rows.values()} == {"order-17"}
    assert {row.user for row in rows.values()} == {"ada"}
    parents = {attributes.get("parent_span_id") for attributes in traced.spans()}
    assert parents == {None, ours.span_id}


def test_our_span_between_two_of_theirs_is_part_of_the_path(traced: Traced, logger_of) -> None:
    logger = logger_of(traced.processor.handler)
    with traced.tracer.start_as_current_span("request"), span("answer", logger):
        with traced.tracer.start_as_current_span("step"), traced.tracer.start_as_current_span("chat", attributes=CALL):
            pass
    assert {row.session_path for row in traced.rows()} == {"/request/answer", "/request/answer/step/chat"}


def test_a_middleware_that_binds_the_trace_of_the_open_span_changes_no_path(traced: Traced, logger_of) -> None:
    logger = logger_of(traced.processor.handler)
    with traced.tracer.start_as_current_span("GET /chat") as request:
        found = request.get_span_context()
        with bind(trace_id=f"{found.trace_id:032x}", parent_span_id=f"{found.span_id:016x}", user_id="ada"):
            with traced.tracer.start_as_current_span("invoke_agent", attributes=AGENT):
                logger.info("note", extra={"model": "gpt-4o"})
                with traced.tracer.start_as_current_span("chat", attributes=CALL):
                    pass
    top = "/GET _chat/invoke_agent"
    assert {row.session_path for row in traced.rows()} == {top, f"{top}/note", f"{top}/chat"}
    assert {row.user for row in traced.rows()} == {"ada"}


def test_another_trace_that_is_bound_begins_a_tree_of_its_own(traced: Traced) -> None:
    with traced.tracer.start_as_current_span("consume"), bind(trace_id="job-1"):
        with traced.tracer.start_as_current_span("chat", attributes=CALL):
            pass
    (row,) = traced.rows()
    assert (row.session_id, row.session_path) == ("job-1", "/chat")


def test_a_call_of_a_remote_parent_keeps_trace_and_parent(traced: Traced) -> None:
    remote = trace.SpanContext(trace_id=7, span_id=9, is_remote=True, trace_flags=trace.TraceFlags(1))
    around = trace.set_span_in_context(trace.NonRecordingSpan(remote))
    traced.tracer.start_span("chat", context=around, attributes=CALL).end()
    (row,) = traced.rows()
    assert (row.session_id, row.session_path) == (f"{7:032x}", "/chat")
    assert traced.spans()[0]["parent_span_id"] == f"{9:016x}"


def test_sessions_and_users_of_the_spans_around_hold_inside(traced: Traced) -> None:
    tracer = traced.tracer
    with tracer.start_as_current_span("run", attributes={"session.id": "s-1", "user.id": "ada"}):
        with tracer.start_as_current_span("step"), tracer.start_as_current_span("chat", attributes=CALL):
            pass
    (row,) = traced.rows()
    assert (row.session_id, row.user) == ("s-1", "ada")


def test_agents_within_agents_stay_in_the_conversation_of_the_outermost(traced: Traced, logger_of) -> None:
    logger = logger_of(traced.processor.handler)
    name = "gen_ai.conversation.id"
    with traced.tracer.start_as_current_span("outer", attributes={**AGENT, name: "talk"}):
        with traced.tracer.start_as_current_span("inner", attributes={**AGENT, name: "another"}):
            with traced.tracer.start_as_current_span("chat", attributes={**CALL, name: "another"}):
                pass
            logger.info("note", extra={"model": "gpt-4o"})
    assert {row.session_id for row in traced.rows()} == {"talk"}
