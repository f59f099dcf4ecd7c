from __future__ import annotations

import asyncio
import builtins
import contextvars
import logging
import time
from contextlib import suppress

import pytest

from helicone_logging import ConfigurationError
from helicone_logging.context.binding import INHERITED_MARK, bind, current, current_traceparent
from helicone_logging.context.tracing import span
from helicone_logging.core import ids, notices

logger = logging.getLogger(__name__)


def fields(seen):
    return {name: value for name, value in seen.span.items() if name not in ("start_time", "end_time")}


def test_a_span_is_one_record_with_its_ids_path_and_times(log):
    before = time.time_ns()
    with span("work", model="gpt-4o") as s:
        inside = time.time_ns()
    (seen,) = log.seen
    assert seen.record.getMessage() == "work"
    assert seen.record.levelno == logging.INFO
    assert seen.record.exc_info is None
    assert fields(seen) == {
        "span_name": "work",
        "model": "gpt-4o",
        "trace_id": s.trace_id,
        "span_id": s.span_id,
        "session_path": "/work",
    }
    assert before <= seen.span["start_time"] <= inside <= seen.span["end_time"]


def test_a_clock_that_is_set_back_does_not_change_how_long_a_span_was(log, monkeypatch):
    with span("work"):
        began = time.perf_counter_ns()
        monkeypatch.setattr(time, "time_ns", lambda: 0)
        elapsed = time.perf_counter_ns() - began
    assert log["work"].span["end_time"] - log["work"].span["start_time"] >= elapsed


def test_a_span_opens_a_trace_for_all_inside_and_closes_it():
    with span("work") as s:
        assert current() == {"trace_id": s.trace_id, "parent_span_id": s.span_id, "parent_path": "/work"}
        assert current_traceparent() == s.traceparent == ids.format_traceparent(s.trace_id, s.span_id)
    assert current() == {}
    with span("next") as other:
        assert other.trace_id != s.trace_id


def test_nested_spans_make_a_tree(log):
    with span("answer") as outer:
        with span("retrieve") as first:
            logger.info("found")
        with span("generate") as second, span("call"):
            pass
    assert {seen.span["trace_id"] for seen in log.seen if "helicone" in seen.record.__dict__} == {outer.trace_id}
    assert log["retrieve"].span["parent_span_id"] == log["generate"].span["parent_span_id"] == outer.span_id
    assert log["call"].span["parent_span_id"] == second.span_id
    assert "parent_span_id" not in log["answer"].span
    assert log["found"].inherited["parent_span_id"] == first.span_id
    assert log["found"].inherited["parent_path"] == "/answer/retrieve"
    paths = [seen.span["session_path"] for seen in log.seen if "helicone" in seen.record.__dict__]
    assert paths == ["/answer/retrieve", "/answer/generate/call", "/answer/generate", "/answer"]


def test_the_record_of_a_span_is_logged_in_the_context_around_it_and_in_its_trace(log):
    with bind(tenant="x"), span("outer") as outer, span("inner"):
        pass
    assert log["outer"].inherited == {"tenant": "x", "trace_id": outer.trace_id}
    assert log["inner"].inherited == {
        "tenant": "x",
        "trace_id": outer.trace_id,
        "parent_span_id": outer.span_id,
        "parent_path": "/outer",
    }


def test_a_span_belongs_to_the_bound_trace_and_to_the_service_that_called(log):
    caller = ids.format_traceparent("a" * 32, "b" * 16)
    with bind(traceparent=caller), span("work"):
        pass
    assert log["work"].span["trace_id"] == "a" * 32
    assert log["work"].span["parent_span_id"] == "b" * 16


def test_ids_and_path_may_be_given(log):
    given = {"trace_id": "mine", "span_id": "c" * 16, "parent_span_id": "d" * 16, "session_path": "a//b/"}
    with bind(trace_id="outer"), span("outside"), span("work", **given) as s:
        assert (s.trace_id, s.span_id) == ("mine", "c" * 16)
        logger.info("inside")
    assert fields(log["work"]) == {
        "span_name": "work",
        "trace_id": "mine",
        "span_id": "c" * 16,
        "parent_span_id": "d" * 16,
        "session_path": "/a/b",
    }
    assert log["inside"].inherited["parent_path"] == "/a/b"


def test_a_span_of_another_trace_has_no_parent_in_this_one(log):
    with span("outer"), span("work", trace_id="other"):
        pass
    assert "parent_span_id" not in log["work"].span
    assert log["work"].span["session_path"] == "/work"
    assert "parent_span_id" not in log["work"].inherited


def test_user_and_session_hold_inside_and_other_fields_are_the_spans_own(log):
    with span("work", user_id="u", session_id="s", session_name="n", model="m"):
        logger.info("inside")
    inherited = {name: log["inside"].inherited.get(name) for name in ("user_id", "session_id", "session_name", "model")}
    assert inherited == {"user_id": "u", "session_id": "s", "session_name": "n", "model": None}


def test_fields_can_be_added_until_the_end(log):
    with span("work", properties={"a": 1}) as s:
        s.set(completion="hello", properties={"b": 2})
        s.set(span_name="renamed", model=None, span_id="e" * 16, trace_id="other", parent_span_id="f" * 16)
    s.set(too_late=True)
    seen = log["work"]
    assert fields(seen) == {
        "span_name": "renamed",
        "completion": "hello",
        "properties": {"a": 1, "b": 2},
        "trace_id": s.trace_id,
        "span_id": s.span_id,
        "session_path": "/work",
    }


def test_times_may_be_given(log):
    with span("work", start_time=1) as s:
        s.set(end_time=2)
    assert (log["work"].span["start_time"], log["work"].span["end_time"]) == (1, 2)


def test_the_callers_mappings_are_never_changed():
    properties = {"a": 1}
    with span("work", properties=properties) as s:
        s.set(properties={"b": 2})
    assert properties == {"a": 1}


def test_an_exception_is_logged_as_an_error_and_passes_on(log):
    with pytest.raises(ZeroDivisionError) as raised, span("work"):
        1 / 0  # noqa: B018 - it raises
    (seen,) = log.seen
    assert seen.record.levelno == logging.ERROR
    assert seen.record.exc_info[1] is raised.value
    assert seen.record.exc_info[2] is not None


def test_a_level_above_error_stays_when_an_exception_passes(log):
    with pytest.raises(KeyError), span("work", level=logging.CRITICAL):
        raise KeyError
    assert log["work"].record.levelno == logging.CRITICAL


@pytest.mark.parametrize("error", [asyncio.CancelledError, KeyboardInterrupt, SystemExit])
def test_what_ends_the_work_from_outside_is_a_warning_and_passes_on(log, error):
    with pytest.raises(error), span("work", properties={"a": 1}):
        raise error
    (seen,) = log.seen
    assert seen.record.levelno == logging.WARNING
    assert seen.record.exc_info is None
    assert seen.span["properties"] == {"a": 1, "cancelled": "true"}


@pytest.mark.parametrize("error", [GeneratorExit, StopIteration, StopAsyncIteration])
def test_the_ends_of_iteration_are_ordinary(log, error):
    with pytest.raises(error), span("work"):
        raise error
    assert log["work"].record.levelno == logging.INFO
    assert "properties" not in log["work"].span


def test_a_cancelled_task_logs_its_span_once(log):
    async def main():
        async def work():
            async with span("work"):
                await asyncio.Event().wait()

        task = asyncio.create_task(work())
        await asyncio.sleep(0)
        task.cancel()
        await asyncio.wait([task])

    asyncio.run(main())
    assert log["work"].record.levelno == logging.WARNING


def test_a_span_is_an_async_context_manager_too(log):
    async def main():
        async with span("outer"):
            await asyncio.gather(*(child(name) for name in "abc"))

    async def child(name):
        async with span(name):
            await asyncio.sleep(0)

    asyncio.run(main())
    assert {log[name].span["parent_span_id"] for name in "abc"} == {log["outer"].span["span_id"]}
    assert {log[name].span["session_path"] for name in "abc"} == {"/outer/a", "/outer/b", "/outer/c"}


def test_a_decorated_function_is_a_new_span_at_every_call(log):
    @span("work", model="m")
    def function(value):
        return value

    assert [function(1), function(2)] == [1, 2]
    first, second = log.all("work")
    assert first.span["span_id"] != second.span["span_id"]
    assert first.span["trace_id"] != second.span["trace_id"]
    assert first.span["model"] == second.span["model"] == "m"


def test_a_decorated_function_names_its_span(log):
    @span
    def bare():
        return "bare"

    @span()
    def called():
        return "called"

    assert (bare(), called()) == ("bare", "called")
    here = "test_a_decorated_function_names_its_span.<locals>."
    assert [seen.record.getMessage() for seen in log.seen] == [here + "bare", here + "called"]
    assert bare.__name__ == "bare"


def test_without_a_name_the_span_is_called_like_the_function_around_it(log):
    with span():
        pass
    assert log.seen[0].record.getMessage() == "test_without_a_name_the_span_is_called_like_the_function_around_it"


def test_a_decorated_coroutine_function_is_a_span_until_it_returns(log):
    @span("work")
    async def function():
        await asyncio.sleep(0)
        logger.info("inside")
        return "value"

    assert asyncio.run(function()) == "value"
    assert [seen.record.getMessage() for seen in log.seen] == ["inside", "work"]
    assert log["inside"].inherited["parent_span_id"] == log["work"].span["span_id"]


def test_a_decorated_generator_is_a_span_from_its_first_item_to_its_end(log):
    @span("stream")
    def stream():
        yield 1
        logger.info("inside")
        yield 2

    generator = stream()
    assert log.seen == []
    for _ in generator:
        logger.info("outside")
    assert [seen.record.getMessage() for seen in log.seen] == ["outside", "inside", "outside", "stream"]
    assert log["inside"].inherited["parent_span_id"] == log["stream"].span["span_id"]
    assert {str(seen.inherited) for seen in log.all("outside")} == {"{}"}


def test_a_decorated_generator_that_is_left_early_is_no_failure(log):
    @span("stream")
    def stream():
        yield 1
        yield 2

    generator = stream()
    next(generator)
    generator.close()
    assert log["stream"].record.levelno == logging.INFO


def test_a_decorated_async_generator_is_a_span_and_its_failure_an_error(log):
    @span("stream")
    async def stream():
        yield 1
        await asyncio.sleep(0)
        raise KeyError

    async def main():
        with suppress(KeyError):
            async for _ in stream():
                logger.info("outside")

    asyncio.run(main())
    assert [seen.record.getMessage() for seen in log.seen] == ["outside", "stream"]
    assert log["stream"].record.levelno == logging.ERROR
    assert log["outside"].inherited == {}


def test_a_span_that_is_never_entered_logs_nothing_and_has_no_ids(log):
    s = span("work")
    s.set(a=1)
    s.__exit__()
    assert (s.trace_id, s.span_id, s.traceparent) == ("", "", "")
    assert log.seen == []


def test_a_span_entered_while_it_is_open_stays_one_span(log):
    with span("work") as s:
        span_id = s.span_id
        with s:
            logger.info("inside")
        logger.info("still inside")
    assert [seen.record.getMessage() for seen in log.seen] == ["inside", "still inside", "work"]
    assert log["still inside"].inherited["parent_span_id"] == span_id
    assert log["work"].span["span_id"] == span_id


def test_a_span_entered_after_its_end_is_a_new_one(log):
    s = span("work", model="m")
    with s:
        s.set(first=True)
        first = s.span_id
    with s:
        assert s.span_id != first
    second = log.all("work")[1]
    assert second.span["model"] == "m"
    assert "first" not in second.span


def test_a_span_left_twice_is_logged_once(log):
    with span("work") as s:
        pass
    s.__exit__()
    assert len(log.seen) == 1


def test_a_span_left_in_another_task_is_logged_with_the_context_it_was_entered_in(log):
    async def main():
        s = span("work")
        with bind(user_id="u"):
            s.__enter__()
            inside = contextvars.copy_context()

        async def leave():
            with bind(user_id="other"):
                s.__exit__()
                assert current() == {"user_id": "other"}

        await asyncio.get_running_loop().create_task(leave())
        assert inside.run(current)["parent_span_id"] == s.span_id
        s.__exit__()
        assert current() == {}

    asyncio.run(main())
    assert log["work"].inherited["user_id"] == "u"


def test_a_level_that_the_logger_ignores_binds_and_logs_nothing(log):
    quiet = logging.getLogger("test_context_span.quiet")
    quiet.setLevel(logging.WARNING)
    with span("work", logger=quiet) as s:
        logger.info("inside")
    assert [seen.record.getMessage() for seen in log.seen] == ["inside"]
    assert log["inside"].inherited["parent_span_id"] == s.span_id
    with pytest.raises(KeyError), span("fails", logger=quiet):
        raise KeyError
    assert log["fails"].record.levelno == logging.ERROR


@pytest.mark.parametrize("given", ["some.logger", logging.getLogger("some.logger")])
def test_the_logger_may_be_given_as_an_object_or_by_name(log, given):
    with span("work", logger=given, level=logging.DEBUG):
        pass
    assert (log["work"].record.name, log["work"].record.levelno) == ("some.logger", logging.DEBUG)


def test_a_logger_that_is_none_fails_where_the_span_is_made():
    with pytest.raises(TypeError, match="logger=42"):
        span("work", logger=42)


def test_a_level_may_be_a_name_and_is_checked_where_the_span_is_made(log):
    with span("work", level="WARNING"):
        pass
    assert log["work"].record.levelno == logging.WARNING
    with pytest.raises(ConfigurationError, match="level"):
        span("work", level="LOUD")


def test_a_logger_in_the_place_of_the_name_fails_where_the_span_is_made():
    with pytest.raises(TypeError, match="give a text before the logger"):
        span(logger, "work")


def test_a_name_is_a_message_and_not_a_format(log):
    with span("100 % of %s/{}"):
        pass
    assert log.seen[0].record.getMessage() == "100 % of %s/{}"
    assert log.seen[0].span["session_path"] == "/100 % of %s_{}"


@pytest.mark.parametrize("raises", [True, False])
def test_a_filter_that_raises_does_not_hide_what_ended_the_block(log, capsys, monkeypatch, raises):
    def broken(record):
        raise RuntimeError("broken filter")

    monkeypatch.setattr(logging, "raiseExceptions", raises)
    log.addFilter(broken)
    with pytest.raises(KeyError), span("work"):
        raise KeyError
    assert current() == {}
    assert ("broken filter" in capsys.readouterr().err) is raises


def test_nothing_is_injected_into_the_record_itself(log):
    with span("work"):
        pass
    assert INHERITED_MARK not in log["work"].record.__dict__


def group(*errors):
    kind = getattr(builtins, "BaseExceptionGroup", None) or pytest.importorskip("exceptiongroup").BaseExceptionGroup
    return kind("several", errors)


def test_a_group_with_an_error_in_it_is_a_failure(log):
    error = group(asyncio.CancelledError(), group(KeyboardInterrupt(), ValueError("why")))
    with pytest.raises(BaseException) as raised, span("work"):
        raise error
    assert raised.value is error
    assert log["work"].record.levelno == logging.ERROR
    assert log["work"].record.exc_info[1] is error
    assert "properties" not in log["work"].span


def test_a_group_of_nothing_but_interrupts_is_cancelled(log):
    with suppress(BaseException), span("work"):
        raise group(asyncio.CancelledError(), KeyboardInterrupt())
    assert log["work"].record.levelno == logging.WARNING
    assert log["work"].span["properties"] == {"cancelled": "true"}


def test_a_span_shows_its_name_ids_and_state():
    s = span("work", api_key="secret")
    assert repr(s) == "<Span 'work' (not entered)>"
    with s:
        assert repr(s) == f"<Span 'work' {s.trace_id} {s.span_id} (open)>"
    assert repr(s) == f"<Span 'work' {s.trace_id} {s.span_id} (ended)>"


@pytest.mark.parametrize("is_entered", [True, False])
@pytest.mark.parametrize("use", [lambda s: s.set(completion="hi"), lambda s: list(s.collect(["hi"]))])
def test_what_is_given_to_a_span_that_is_not_open_is_told_of_once(log, monkeypatch, capsys, is_entered, use):
    monkeypatch.setattr(notices, "_reported", set())
    s = span("work")
    if is_entered:
        with s:
            use(s)
    assert capsys.readouterr().err == ""
    use(s)
    use(s)
    (line,) = capsys.readouterr().err.splitlines()
    assert "inside its `with` block" in line
    assert "test_context_span.py:" in line
    assert "hi" not in line.split()


def test_a_binding_shows_the_names_of_its_fields_and_no_values():
    assert repr(bind(user_id="ada", properties={"tenant": "x"})) == "<Binding of user_id, properties>"
    assert repr(bind()) == "<Binding of nothing>"


@pytest.mark.parametrize("nothing", ["0" * 16, "0", "  ", 0, False, None, ""])
def test_ids_that_name_nothing_are_not_a_spans(log, nothing):
    with span("work", trace_id=nothing, span_id=nothing, parent_span_id=nothing) as s:
        assert len(s.trace_id) == 32
        assert len(s.span_id) == 16
        assert s.span_id.strip("0")
    assert "parent_span_id" not in log["work"].span
