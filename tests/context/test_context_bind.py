from __future__ import annotations

import asyncio
import contextvars
import inspect
import uuid
from collections import UserDict

import pytest

from helicone_logging.context.binding import begin, bind, current, current_trace_id, current_traceparent, extend

TRACE, SPAN = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
TRACEPARENT = f"00-{TRACE}-{SPAN}-01"


class Unequal:
    """Raises wherever it is looked at, as arrays do."""

    def __eq__(self, other: object) -> bool:
        raise RuntimeError

    __hash__ = None  # type: ignore[assignment]

    def __bool__(self) -> bool:
        raise RuntimeError

    def __str__(self) -> str:
        raise RuntimeError


def test_nothing_is_bound_outside_and_that_costs_no_new_object():
    assert current() == {}
    assert current() is current()


def test_fields_are_bound_inside_and_gone_outside():
    with bind(trace_id="t", user_id="u"):
        assert current() == {"trace_id": "t", "user_id": "u"}
    assert current() == {}


def test_fields_are_gone_after_an_exception_which_passes_on():
    with pytest.raises(KeyError), bind(user_id="u"):
        raise KeyError
    assert current() == {}


def test_nested_bindings_add_up_and_the_inner_value_wins():
    with bind(trace_id="t", user_id="outer", session_id="s"):
        with bind(user_id="inner", tenant="x"):
            assert current() == {"trace_id": "t", "user_id": "inner", "session_id": "s", "tenant": "x"}
        assert current() == {"trace_id": "t", "user_id": "outer", "session_id": "s"}


def test_properties_are_merged_key_by_key():
    outer = {"a": 1, "b": 1}
    with bind(properties=outer), bind(properties={"b": 2, "c": 2}):
        assert current()["properties"] == {"a": 1, "b": 2, "c": 2}
    assert outer == {"a": 1, "b": 1}


def test_properties_are_those_at_the_time_of_the_call():
    properties = {"a": 1}
    binding = bind(properties=properties)
    properties["b"] = 2
    with binding:
        assert current()["properties"] == {"a": 1}


class BrokenMapping(UserDict[str, int]):
    def __iter__(self):
        raise RuntimeError


@pytest.mark.parametrize("properties", ["text", 7, [1, 2], Unequal(), BrokenMapping(b=2)])
def test_what_is_no_mapping_has_no_properties_and_hides_none(properties):
    with bind(properties={"a": 1}), bind(properties=properties):
        assert current()["properties"] == {"a": 1}


def test_empty_values_are_as_if_absent():
    with bind(trace_id="t", user_id="u"), bind(trace_id="", user_id=None, session_id=""):
        assert current() == {"trace_id": "t", "user_id": "u"}


@pytest.mark.parametrize("trace_id", ["0" * 32, 0, " ", str(uuid.UUID(int=0))])
def test_a_trace_id_that_names_nothing_is_as_if_absent(trace_id):
    with bind(trace_id="t"), bind(trace_id=trace_id):
        assert current() == {"trace_id": "t"}


def test_any_object_can_be_bound():
    value = Unequal()
    with bind(thing=value, trace_id=value), bind(thing=value, parent_span_id=value):
        assert current()["thing"] is value


def test_a_traceparent_binds_its_trace_and_its_span_as_the_parent():
    with bind(traceparent=TRACEPARENT):
        assert current() == {"trace_id": TRACE, "parent_span_id": SPAN}
        assert current_traceparent() == TRACEPARENT


def test_a_traceparent_of_a_later_version_is_read():
    with bind(traceparent=f"cc-{TRACE}-{SPAN}-01-what-the-future-will-be-like"):
        assert current() == {"trace_id": TRACE, "parent_span_id": SPAN}


@pytest.mark.parametrize(
    "traceparent",
    [
        f"00-{'0' * 32}-{SPAN}-01",
        f"00-{TRACE}-{'0' * 16}-01",
        f"ff-{TRACE}-{SPAN}-01",
        f"00-{TRACE}-{SPAN}-01-more",
        f"00-{TRACE.upper()}-{SPAN}-01",
        f"00-{TRACE}-{SPAN}",
        "nonsense",
        7,
        None,
    ],
)
def test_a_malformed_traceparent_leaves_what_was_bound(traceparent):
    with bind(trace_id="t", parent_span_id=SPAN), bind(traceparent=traceparent):
        assert current() == {"trace_id": "t", "parent_span_id": SPAN}


def test_a_trace_id_wins_over_that_of_a_traceparent():
    with bind(trace_id="t", traceparent=TRACEPARENT):
        assert current() == {"trace_id": "t", "parent_span_id": SPAN}


def test_a_bound_span_id_is_the_parent_of_what_is_inside():
    with bind(trace_id="t", span_id=SPAN):
        assert current() == {"trace_id": "t", "parent_span_id": SPAN}


def test_another_trace_has_neither_the_parent_nor_the_path_of_the_first():
    with bind(trace_id="t", parent_span_id=SPAN, parent_path="/a", user_id="u"), bind(trace_id="other"):
        assert current() == {"trace_id": "other", "user_id": "u"}


def test_the_same_trace_written_otherwise_keeps_parent_and_path():
    spelled = uuid.UUID(TRACE)
    with bind(trace_id=TRACE, parent_span_id=SPAN, parent_path="/a"), bind(trace_id=spelled):
        assert current() == {"trace_id": spelled, "parent_span_id": SPAN, "parent_path": "/a"}


def test_another_parent_does_not_have_the_path_of_the_first():
    with bind(trace_id="t", parent_span_id=SPAN, parent_path="/a"), bind(parent_span_id="c" * 16):
        assert current() == {"trace_id": "t", "parent_span_id": "c" * 16}


def test_what_was_bound_is_never_changed_in_place():
    with bind(user_id="u", properties={"a": 1}):
        before = current()
        with bind(user_id="v", properties={"b": 2}):
            extend(more="m")
        assert before == {"user_id": "u", "properties": {"a": 1}}
        assert current() is before


def test_a_decorator_binds_for_each_call():
    @bind(user_id="u")
    def function(a, *, b):
        return a, b, dict(current())

    assert function(1, b=2) == (1, 2, {"user_id": "u"})
    assert function.__name__ == "function"
    assert current() == {}


def test_a_decorated_coroutine_function_stays_one_and_is_bound_across_awaits():
    @bind(user_id="u")
    async def function():
        await asyncio.sleep(0)
        return dict(current())

    assert inspect.iscoroutinefunction(function)
    assert asyncio.run(function()) == {"user_id": "u"}


def test_an_object_with_an_async_call_is_bound_across_awaits():
    class Agent:
        async def __call__(self):
            await asyncio.sleep(0)
            return dict(current())

    assert asyncio.run(bind(user_id="u")(Agent())()) == {"user_id": "u"}


def test_one_binding_can_be_used_again_and_inside_itself():
    binding = bind(user_id="u")
    with binding, bind(user_id="v"), binding:
        assert current() == {"user_id": "u"}
    assert current() == {}
    with binding:
        assert current() == {"user_id": "u"}


def test_a_recursive_decorated_function_is_bound_at_every_depth():
    @bind(user_id="u")
    def descend(depth):
        with bind(depth=depth):
            inner = descend(depth - 1) if depth else []
            return [dict(current()), *inner]

    assert descend(2) == [{"user_id": "u", "depth": depth} for depth in (2, 1, 0)]


def test_bindings_that_end_out_of_order_end_each_for_itself():
    first, second = bind(a=1), bind(b=2)
    first.__enter__()
    second.__enter__()
    first.__exit__()
    assert current() == {"b": 2}
    second.__exit__()
    assert current() == {}


def test_a_binding_left_twice_ends_once():
    binding = bind(a=1)
    with bind(b=2):
        with binding:
            pass
        binding.__exit__()
        assert current() == {"b": 2}


def test_leaving_in_a_context_where_it_was_never_entered_changes_nothing_there():
    binding = bind(a=1)
    contextvars.copy_context().run(binding.__enter__)
    with bind(b=2):
        binding.__exit__()
        assert current() == {"b": 2}


def test_extended_fields_end_with_the_innermost_binding():
    with bind(user_id="u", properties={"a": 1}):
        with bind(session_id="s"):
            extend(user_id="v", properties={"b": 2})
            assert current() == {"user_id": "v", "session_id": "s", "properties": {"a": 1, "b": 2}}
        assert current() == {"user_id": "u", "properties": {"a": 1}}


def test_extending_outside_every_binding_binds_nothing():
    extend(user_id="u")
    assert current() == {}


def test_nothing_of_the_outside_holds_where_a_request_begins():
    with bind(user_id="another", session_id="s"):
        with begin(trace_id="t"):
            assert current() == {"trace_id": "t"}
        assert current() == {"user_id": "another", "session_id": "s"}


def test_a_request_can_be_entered_again_with_what_it_has_bound_meanwhile():
    request = begin(trace_id="t")
    with request:
        extend(user_id="u")
    assert current() == {}
    with request:
        assert current() == {"trace_id": "t", "user_id": "u"}


@pytest.mark.parametrize("trace_id", ["order-17", 17, uuid.UUID(TRACE)])
def test_the_current_trace_id_is_text_as_it_was_written(trace_id):
    with bind(trace_id=trace_id):
        assert current_trace_id() == str(trace_id)


def test_a_trace_that_is_a_number_of_any_length_has_a_text():
    with bind(trace_id=10**5000):
        assert current_trace_id() == hex(10**5000)


def test_there_is_no_current_trace_outside():
    with bind(user_id="u"):
        assert current_trace_id() is None
        assert current_traceparent() is None


def test_the_current_traceparent_has_a_new_span_where_only_a_trace_is_bound():
    with bind(trace_id=TRACE):
        first, second = current_traceparent(), current_traceparent()
    assert first is not None
    assert first != second
    assert first.startswith(f"00-{TRACE}-")


@pytest.mark.parametrize("nothing", ["0" * 32, "00000000-0000-0000-0000-000000000000", 0, b"\0" * 16, "0", "  ", False])
def test_ids_that_name_nothing_bind_nothing(nothing):
    with bind(trace_id=nothing, parent_span_id=nothing, user_id="u"):
        assert current() == {"user_id": "u"}
    with bind(trace_id="outer"), bind(trace_id=nothing, span_id=nothing):
        assert current() == {"trace_id": "outer"}


@pytest.mark.parametrize("blank", ["", " ", "\t", False, None])
def test_blank_users_and_sessions_bind_nothing(blank):
    with bind(user_id=blank, session_id=blank):
        assert current() == {}
    with bind(user_id="0"):
        assert current() == {"user_id": "0"}
