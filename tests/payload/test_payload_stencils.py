"""Records of a kind that came before are put together from remembered bytes, and no byte is another for it."""

from __future__ import annotations

import datetime
import gc
import json
import logging
import random
import uuid
import weakref
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import pytest
from hostile_values import any_text
from hypothesis import given
from hypothesis import strategies as st
from payloads import CREATED, PARENT, SPAN, TRACE, record, standard_json
from pythonjsonlogger.core import RESERVED_ATTRS

from helicone_logging import OTELTraceFormatter, bind
from helicone_logging.context import binding
from helicone_logging.core import ids
from helicone_logging.payload import stencils
from helicone_logging.payload.wires import helicone

OPTIONS: dict[str, dict[str, Any]] = {
    "other reserved names": {"reserved_attrs": [name for name in RESERVED_ATTRS if name != "levelno"]},
    "plain": {},
    "sessionless": {"sessions": False},
    "properties": {"properties": {"tenant": "acme", "level": "mine"}, "provider_overrides": {"openai": "custom"}},
    "narrow": {"max_value_length": 150, "max_attributes": 40, "max_span_bytes": 16_384},
}
KINDS: dict[str, Callable[[int], dict[str, Any]]] = {
    "a call of a model": lambda n: {
        "trace_id": f"{n + 1:032x}",
        "span_id": f"{n + 1:016x}",
        "model": "gpt-4o",
        "provider": "openai",
        "prompt": f"p {n}",
        "completion": f"c {n}",
        "prompt_tokens": n,
        "completion_tokens": 2 * n,
        "temperature": 0.5 + n,
        "duration_ms": 812.5 * n,
        "user_id": f"u{n}",
    },
    "messages": lambda n: {
        "trace_id": "order-1234",
        "parent_span_id": f"step {n}",
        "model": "gpt-4o",
        "completion": "said",
        "messages": [
            {"role": "system", "content": "be brief"},
            *({"role": "user", "content": f"{i}"} for i in range(n)),
        ],
    },
    "other numbers": lambda n: {
        "trace_id": n + 1,
        "max_tokens": n,
        "top_k": n,
        "total_tokens": 7 * n,
        "rows": n,
        "score": n / 7,
    },
    "one count of tokens": lambda n: {"trace_id": "t", "prompt_tokens": n + 1, "model": "m"},
    "fields of the application": lambda n: {
        "trace_id": "t",
        "table": f"t{n}",
        "empty": "",
        "none": None,
        "is_new": n % 2 == 0,
    },
    "long texts of the application": lambda n: {
        "trace_id": "t",
        "note": "x" * (190 + 5 * n),
        "lines": "a\n" * (n // 2) + "b",
    },
    "properties": lambda n: {"trace_id": "t", "properties": {"tenant": "acme", "n": (1, 1.0, True, "1")[n % 4]}},
    "times": lambda n: {
        "trace_id": uuid.UUID(int=n + 1),
        "start_time": datetime.datetime(2025, 1, 1, n, tzinfo=datetime.timezone.utc),
        "duration": datetime.timedelta(seconds=n),
    },
    "names": lambda n: {
        "trace_id": "t",
        "span_name": f"step/{n}",
        "session_id": f"s{n}",
        "session_name": "chat",
        "session_path": "/a/b",
    },
    "steps": lambda n: {"trace_id": "t", "operation": "retrieval", "span_kind": "server", "status": n % 3},
    "tools": lambda n: {
        "trace_id": "t",
        "tool_name": ("search", "fetch")[n % 2],
        "completion": f"found {n}",
        "finish_reason": "stop",
    },
    "a traceparent": lambda n: {"traceparent": f"00-{TRACE}-{n + 1:016x}-01"},
    "a traceparent that is none at times": lambda n: {"trace_id": "t", "traceparent": f"00-{TRACE}-{n:016x}-01"},
    "names of the server's": lambda n: {
        "trace_id": "t",
        "gen_ai.request.model": "m",
        "gen_ai.prompt.0.content": "x",
        "llm.user": f"{n}",
    },
    "names that collide": lambda n: {"trace_id": "t", "logger": f"{n}", "level": "l", "code.lineno": n, "error": "e"},
    "aliases beside their fields": lambda n: {"trace_id": "t", "prompt": f"{n}", "messages": f"m{n}", "latency_ms": n},
    "bounds": lambda n: {"trace_id": "t", "prompt_tokens": 10**12 - 5 + n, "negative": 3 - n, "huge": 2**53 - 5 + n},
    "floats": lambda n: {"trace_id": "t", "score": (0.1, 1e300, float("inf"), float("nan"), -0.0, 1e-7)[n % 6]},
    "tokens as texts": lambda n: {"trace_id": "t", "prompt_tokens": f"{n}", "temperature": f"{n}"},
    "texts that are cut": lambda n: {"trace_id": "t", "prompt": "é" * (140 + 2 * n), "user_id": "ü"},
    "lone surrogates": lambda n: {"trace_id": "t", "prompt": "\ud800" * (n % 2) + "x", "user_id": f"{n}"},
    "a helicone mapping": lambda n: {"helicone": {"trace_id": "t", "user_id": f"{n}"}},
    "private names": lambda n: {"trace_id": "t", "_private": n},
    "many short texts": lambda n: {"trace_id": "t", **{f"k{i:02d}": f"v{n}" for i in range(100)}},
    "messages beside their names": lambda n: {
        "trace_id": "t",
        "messages": [{"role": "user", "content": f"{i}"} for i in range(n)],
        "gen_ai.prompt.1.content": "x",
    },
    "lone surrogates in messages": lambda n: {
        "trace_id": "t",
        "messages": [{"role": "user", "content": "\ud800" * (n % 2) + "é"}],
        "session_name": "é",
    },
    "lone surrogates that shape": lambda n: {"trace_id": "t", "prompt": f"é{n}", "session_name": "\udcff"},
    "names of properties": lambda n: {"trace_id": "t", "properties": {(1, True, 1.0, "1")[n % 4]: "x"}},
    "signs of zero": lambda n: {"trace_id": "t", "properties": {"p": (0.0, -0.0)[n % 2]}},
    "what the marks are made of": lambda n: {
        "trace_id": "t",
        "prompt": f"{stencils._MARK}{n}",
        "model": stencils._MARK,
    },
}
BOUND: dict[str, dict[str, Any]] = {
    "nothing": {},
    "a trace": {"trace_id": "t", "user_id": "ada", "span_id": PARENT},
    "properties": {"trace_id": "other", "properties": {"tenant": "acme"}, "prompt": "bound"},
    "names of records": {"name": "x", "user_id": "ada"},
}


class Sevens:
    def getrandbits(self, bits: int) -> int:
        return int("7" * (bits // 4), 16)


def pair(options: Mapping[str, Any]) -> tuple[OTELTraceFormatter, OTELTraceFormatter]:
    """A formatter, and one that remembers nothing."""
    general = OTELTraceFormatter(service_name="shop", **options)
    general._stencils = None
    return OTELTraceFormatter(service_name="shop", **options), general


def both(formatters: tuple[OTELTraceFormatter, ...], made: logging.LogRecord) -> list[object]:
    """What they make of a record, with the same ids where it has none."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ids, "_source", Sevens())
        made_of_it = [formatter.snapshot(made) for formatter in formatters]
        return [(helicone.entry_bytes(entry), *counts) for entry, *counts in made_of_it]


@pytest.mark.parametrize("options", OPTIONS)
@pytest.mark.parametrize("bound", BOUND)
@pytest.mark.parametrize("kind", KINDS)
def test_records_that_come_again_are_encoded_as_those_that_came_first(kind, bound, options) -> None:
    formatters = pair(OPTIONS[options])
    with bind(**BOUND[bound]):
        for number in range(12):
            made = record("answer %d", number, extra=KINDS[kind](number), level=(20, 40)[number // 9])
            filled, general = both(formatters, made)
            assert filled == general


@pytest.mark.parametrize(
    "kind", ["a call of a model", "messages", "other numbers", "properties", "names", "tools", "times"]
)
def test_what_comes_again_is_not_built_from_the_beginning(kind, monkeypatch) -> None:
    formatter, _ = pair({})
    with bind(prompt_id="bound"):
        for number in range(8):
            formatter.encode(record("answer", extra=KINDS[kind](number)))
        monkeypatch.setattr(formatter._builder, "build", None)
        assert b"bound" in formatter.encode(record("answer", extra=KINDS[kind](4)))


def parts_of(entry: helicone.Entry) -> list[object]:
    """What a waiting entry holds, down to what holds nothing more."""
    return [part for item in entry for part in parts_of(item)] if isinstance(entry, tuple) else [entry]


@pytest.fixture
def frozen_heap() -> Iterator[None]:
    """What is there already is no work for the garbage collector."""
    gc.freeze()
    yield
    gc.unfreeze()


@pytest.mark.parametrize("bound", ["nothing", "a trace"])
@pytest.mark.parametrize("kind", KINDS)
def test_what_waits_holds_nothing_that_could_change(kind, bound, frozen_heap) -> None:
    formatter, _ = pair({})
    with bind(**BOUND[bound]):
        for number in range(6):
            entry, *_ = formatter.snapshot(record("answer %d", number, extra=KINDS[kind](number)))
            assert {type(part) for part in parts_of(entry)} <= {bytes, str, int}
    gc.collect()
    gc.collect()
    assert not gc.is_tracked(entry)


@pytest.mark.parametrize("kind", ["a call of a model", "messages", "other numbers", "tools", "names"])
def test_what_came_before_waits_as_its_values_and_only_then_becomes_bytes(kind) -> None:
    formatter, _ = pair({})
    for number in range(3):
        entry, *_ = formatter.snapshot(record("answer", extra=KINDS[kind](number)))
    assert isinstance(entry, tuple)
    assert KINDS[kind](2).get("completion", "answer") in parts_of(entry)


@pytest.mark.parametrize("text", ["grün" * 200, "漢字" * 500, "a letter, and 🙂" * 100, "\ud800 alone"])
def test_a_text_that_is_not_ascii_weighs_what_it_takes_in_memory(text) -> None:
    formatter, _ = pair({})
    for number in range(3):
        plain, *_ = formatter.snapshot(record("answer", extra={"trace_id": "t", "prompt": f"{number}"}))
        entry, *_ = formatter.snapshot(record("answer", extra={"trace_id": "t", "prompt": text}))
    assert isinstance(entry, tuple)
    assert helicone.entry_size(entry) >= helicone.entry_size(plain) - 1 + text.__sizeof__()
    assert json.loads(helicone.entry_bytes(entry))


def test_a_list_of_messages_is_sent_as_it_was_when_it_was_logged() -> None:
    formatter, _ = pair({})
    for number in range(3):
        messages = [{"role": "user", "content": f"before {number}"}]
        entry, *_ = formatter.snapshot(record("answer", extra={"trace_id": "t", "messages": messages}))
        messages[0]["content"] = "after"
        messages.append({"role": "user", "content": "after"})
        encoded = helicone.entry_bytes(entry)
        assert b"before %d" % number in encoded
        assert b"after" not in encoded
    assert isinstance(entry, tuple)


class Own(str):
    """A text of the application's, whose methods nobody may call from another thread."""


def test_a_text_of_the_application_s_own_class_does_not_wait() -> None:
    formatters = pair({})
    for number in range(4):
        made = record("answer", extra={"trace_id": "t", "prompt": f"{number}", "user_id": "ada"})
        entry, *_ = formatters[0].snapshot(made, Own("rendered"))
        assert type(entry) is bytes
        made.prompt = Own(f"{number}")
        filled, general = both(formatters, made)
        assert filled == general


def test_a_moment_of_the_application_s_own_class_does_not_wait() -> None:
    class Whole(int):
        def __mul__(self, other: int) -> Any:
            return self

    class Moment(float):
        def __mul__(self, other: float) -> Any:
            return self

        def __round__(self, digits: Any = None) -> Any:
            return Whole(CREATED * 1e9)

    formatters = pair({})
    for number in range(4):
        made = record("answer", extra={"trace_id": "t", "prompt": f"{number}"})
        made.created = Moment(CREATED)
        entry, *_ = formatters[0].snapshot(made)
        assert type(entry) is bytes
    made.created = CREATED
    filled, general = both(formatters, made)
    assert filled == general


def test_a_record_that_another_thread_writes_on_is_learned_as_it_was(monkeypatch) -> None:
    formatters = pair({})
    learn = formatters[0]._stencils._learn

    def late(made: logging.LogRecord, *args: Any) -> Any:
        made.levelname = "in colours"
        return learn(made, *args)

    monkeypatch.setattr(formatters[0]._stencils, "_learn", late)
    for number in range(4):
        filled, general = both(formatters, record("answer", extra={"trace_id": "t", "prompt": f"{number}"}))
    assert filled == general


def test_what_is_forgotten_needs_no_garbage_collector_and_is_no_file_to_tools() -> None:
    formatter, _ = pair({})
    for number in range(3):
        formatter.encode(record("answer", extra=KINDS["a call of a model"](number)))
    (names,) = formatter._stencils._names.values()
    (known,) = names.known.values()
    (filler,) = known.learned.values()
    assert filler.__code__.co_filename == "<helicone_logging.payload.fillers>"
    freed = weakref.ref(filler)
    gc.disable()
    try:
        del names, known, filler
        formatter._stencils._forget()
        assert freed() is None
    finally:
        gc.enable()


plain_text = st.text(st.characters(codec="ascii", categories=["L", "Nd", "Zs"]), min_size=1, max_size=3_000)


@given(data=st.data())
def test_a_waiting_record_weighs_a_little_more_than_what_is_sent(data) -> None:
    formatter, _ = pair({})
    for _ in range(4):
        extra = {
            "trace_id": TRACE,
            "span_id": SPAN,
            "prompt": data.draw(plain_text),
            "completion": data.draw(plain_text),
            "prompt_tokens": data.draw(st.integers(0, 10**12)),
            "completion_tokens": data.draw(st.integers(0, 10**12)),
            "temperature": data.draw(st.floats(allow_nan=False, allow_infinity=False)),
            "duration_ms": data.draw(st.floats(0, 1e9)),
            "rows": data.draw(st.integers(0, 10**12)),
        }
        entry, *_ = formatter.snapshot(record(data.draw(plain_text), extra=extra))
        needed, weight = len(helicone.entry_bytes(entry)), helicone.entry_size(entry)
        assert needed <= weight <= needed * 17 / 16 + 150
    assert isinstance(entry, tuple)


def test_a_waiting_record_weighs_enough_for_the_line_ends_of_a_text() -> None:
    formatter, _ = pair({})
    for _ in range(3):
        extra = {
            "trace_id": "t",
            "prompt": "of nineteen letters\n" * 100,
            "completion": '"yes", it was said to the ones who had asked for it' * 40,
        }
        entry, *_ = formatter.snapshot(record("answer", extra=extra))
    assert isinstance(entry, tuple)
    assert helicone.entry_size(entry) >= len(helicone.entry_bytes(entry))


def test_a_waiting_record_with_what_json_escapes_keeps_to_the_limits() -> None:
    formatter = OTELTraceFormatter(max_span_bytes=16_384)
    for number in range(4):
        for character in "x\n\0":
            extra = {"trace_id": "t", "prompt": character * (2_400 + number), "completion": "x" * 9_000}
            entry, *_ = formatter.snapshot(record("answer", extra=extra))
            assert len(helicone.entry_bytes(entry)) <= 16_384


values = st.one_of(
    any_text,
    st.integers(),
    st.floats(),
    st.booleans(),
    st.none(),
    st.binary(max_size=3),
    st.lists(any_text, max_size=2),
)
some_fields = [
    "prompt",
    "completion",
    "user_id",
    "prompt_tokens",
    "temperature",
    "model",
    "span_name",
    "duration_ms",
    "rows",
    "tag",
]


@given(data=st.data())
def test_whatever_the_values_no_byte_is_another(data) -> None:
    formatters = pair({})
    names = data.draw(st.lists(st.sampled_from(some_fields), unique=True))
    column = {name: data.draw(st.sampled_from([any_text, st.integers(0, 10**12), values])) for name in names}
    for _ in range(5):
        drawn = {name: data.draw(of) for name, of in column.items()}
        made = record(data.draw(any_text), extra={"trace_id": TRACE, "span_id": SPAN, **drawn})
        filled, general = both(formatters, made)
        assert filled == general


def test_a_traceback_and_a_stack_are_told_by_a_kind_that_came_without() -> None:
    formatters = pair({})
    fields = KINDS["a call of a model"](1)
    for _ in range(4):
        both(formatters, record("failed", extra=fields))
    error = ValueError("in vain")
    for made in (
        record("failed", extra=fields, exc_info=(ValueError, error, None)),
        record("failed", extra=fields, stack_info="Stack:\n here"),
        record("failed\nTraceback (most recent call last):\n  here\nValueError: in vain", extra=fields),
    ):
        filled, general = both(formatters, made)
        assert filled == general


def test_what_our_filter_stamped_in_another_thread_is_a_kind_of_its_own() -> None:
    formatters = pair({})
    for number in range(6):
        made = record("answer", extra={"trace_id": "t", "prompt": f"{number}"})
        made.__dict__[binding.AMBIENT_MARK] = {"trace_id": "t", "user_id": f"u{number}", "parent_path": f"/a/{number}"}
        filled, general = both(formatters, made)
        assert filled == general


def test_what_the_application_s_record_factory_adds_is_that_of_each_record() -> None:
    formatters = pair({})
    made: list[logging.LogRecord] = []
    ordinary = logging.getLogRecordFactory()
    request, calls = "none", []

    def factory(*args: Any, **kwargs: Any) -> logging.LogRecord:
        calls.append(args)
        created = ordinary(*args, **kwargs)
        if request == "secret":
            created.request_id = request
        return created

    logging.setLogRecordFactory(factory)
    try:
        made = [record("answer", extra={"trace_id": "t", "prompt": f"{number}"}) for number in range(8)]
        request = "secret"
        for one in made:
            filled, general = both(formatters, one)
            assert filled == general
            assert "secret" not in str(filled)
        assert len(calls) == len(made)
    finally:
        logging.setLogRecordFactory(ordinary)


def test_records_of_the_application_s_own_class_are_read_as_they_tell() -> None:
    class Short(logging.LogRecord):
        @property
        def pathname(self) -> str:
            return "SHORT"

        @pathname.setter
        def pathname(self, value: str) -> None:
            self.__dict__["pathname"] = value

    formatters = pair({})
    for number in range(5):
        made = Short("shop", 20, "/srv/long.py", 1, "answer", (), None)
        made.__dict__.update({"trace_id": "t", "prompt": f"{number}"})
        filled, general = both(formatters, made)
        assert filled == general
        assert "SHORT" in str(filled)


def test_call_sites_that_compare_equal_are_told_apart() -> None:
    formatters = pair({})
    for number in range(12):
        made = record("answer", extra={"trace_id": "t", "prompt": f"{number}"})
        made.lineno = (1, True, 1.0, 0.0)[number % 4]  # type: ignore[assignment]
        made.levelno = (40, 40.0)[number // 6]  # type: ignore[assignment]
        filled, general = both(formatters, made)
        assert filled == general


def test_what_cannot_be_learned_is_tried_once(monkeypatch) -> None:
    formatter, _ = pair({})
    tries = []
    learn = formatter._stencils._learn

    def counted(*args: Any, **kwargs: Any) -> Any:
        tries.append(args)
        return learn(*args, **kwargs)

    monkeypatch.setattr(formatter._stencils, "_learn", counted)
    for number in range(6):
        formatter.encode(record(f"retrieve {number}", extra=KINDS["steps"](0)))
    assert len(tries) == 1


def test_a_span_that_is_logged_again_and_again_pushes_no_parent_out() -> None:
    formatter, _ = pair({})
    formatter.encode(record("parent", extra={"trace_id": "t", "span_id": "p"}))
    for _ in range(10_001):
        formatter.encode(record("again", extra={"trace_id": "t", "span_id": "s"}))
    child = formatter.encode(record("child", extra={"trace_id": "t", "parent_span_id": "p"}))
    assert b'"/parent/child"' in child


def test_the_standard_library_fills_them_as_well() -> None:
    with standard_json():
        formatters = pair({})
        for number in range(6):
            made = record("grün", extra=KINDS["a call of a model"](number))
            filled, general = both(formatters, made)
            assert filled == general
        assert formatters[0]._stencils.fill(made, "grün") is not None


def test_memory_is_bounded_whatever_comes(monkeypatch) -> None:
    for name in ("_MAX_KNOWN", "_MAX_SEEN"):
        monkeypatch.setattr(stencils, name, 32)
    formatter, _ = pair({})
    remembered = formatter._stencils
    for number in range(2 * stencils._MAX_KNOWN):
        for _ in range(3):
            formatter.encode(record("names", extra={"trace_id": "t", f"name {number}": 1}))
            formatter.encode(record("models", extra={"trace_id": "t", "model": f"model {number}"}))
    assert len(remembered._names) <= stencils._MAX_KNOWN
    for names in remembered._names.values():
        for known in names.known.values():
            assert known is None or len(known.learned) <= stencils._MAX_SEEN


def test_names_that_are_data_are_not_remembered() -> None:
    formatters = pair({})
    for _ in range(4):
        for extra in ({f"{number}": "x" for number in range(500)}, {"n" * 10_000: "x"}):
            filled, general = both(formatters, record("data", extra={"trace_id": "t", **extra}))
            assert filled == general
    assert not formatters[0]._stencils._names


def test_the_random_numbers_of_the_application_are_not_disturbed() -> None:
    formatter, _ = pair({})
    random.seed(42)
    before = random.getstate()
    for number in range(4):
        formatter.encode(record("answer", extra=KINDS["a call of a model"](number)))
    assert formatter._stencils._learned == 2  # seen, and learned
    assert random.getstate() == before


def test_long_texts_are_no_part_of_what_is_remembered() -> None:
    formatter, _ = pair({})
    for _ in range(4):
        formatter.encode(record("long", extra={"trace_id": "t", "model": "m" * 10_000}))
    (names,) = formatter._stencils._names.values()
    (known,) = names.known.values()
    assert not known.learned
