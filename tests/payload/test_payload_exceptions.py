"""An exception shows right, whichever way its record came, and nothing of it leaves where it was scrubbed before."""

from __future__ import annotations

import concurrent.futures.process
import json
import logging
import logging.handlers
import queue
import re
import sys
import traceback
from collections.abc import Callable
from typing import Any

import pydantic
import pytest
from payloads import TRACE, record, row, sent, span_of, traced

from helicone_logging import OTELTraceFormatter, TraceContextFilter

SECRET = "sk-abc123"
NEEDS_3_11 = pytest.mark.skipif(sys.version_info < (3, 11), reason="exception groups and notes came with Python 3.11")


class Answer(pydantic.BaseModel):
    city: str
    degrees: int


class DatabaseError(Exception):
    """Its text looks like that of SQLAlchemy: an indented statement, and a line in brackets."""


def validation() -> None:
    Answer.model_validate({"city": "Paris", "degrees": "warm"})


def database() -> None:
    raise DatabaseError("no such table: orders\n[SQL: select *\n  from orders]\n(Background: https://example.org)")


def answer_in_message() -> None:
    raise RuntimeError('model said:\n    {"a": 1}\nwhich is no answer')


def traceback_in_message() -> None:
    raise RuntimeError('the tool failed:\nTraceback (most recent call last):\n  File "tool.py", line 1\nKeyError: 1')


def chained() -> None:
    try:
        raise KeyError("order")
    except KeyError as error:
        raise ValueError("no such order") from error


def while_handling() -> None:
    try:
        raise KeyError("order")
    except KeyError:
        raise ValueError("no such order")  # noqa: B904 - that is the point


def remote() -> None:
    """As `ProcessPoolExecutor` raises again what a child has raised."""
    remote_error = concurrent.futures.process._RemoteTraceback(
        '\n"""\nTraceback (most recent call last):\n  File "worker.py", line 1, in work\nKeyError: 1\n"""'
    )
    raise KeyError("order") from remote_error


def recursive(depth: int = 20) -> None:
    if depth == 0:
        raise ValueError("deep")
    recursive(depth - 1)


def local_class() -> None:
    class RefusedError(Exception):
        pass

    raise RefusedError("no")


def group() -> None:
    raise ExceptionGroup("two tools failed", [ValueError("a"), TimeoutError("b\nc")])  # noqa: F821


def group_of_groups() -> None:
    inner = ExceptionGroup("inner", [ValueError("a")])  # noqa: F821
    raise ExceptionGroup("outer", [inner, TimeoutError("b")]) from KeyError("cause")  # noqa: F821


def plain() -> None:
    raise ValueError("simple: it is")


def no_message() -> None:
    raise TimeoutError


FAILURES: list[Any] = [
    plain, no_message, validation, database, answer_in_message, traceback_in_message, chained, while_handling, remote,
    recursive, local_class, pytest.param(group, marks=NEEDS_3_11), pytest.param(group_of_groups, marks=NEEDS_3_11),
]  # fmt: skip


def failed(raising: Callable[[], object], msg: object = "step failed", **fields: Any) -> logging.LogRecord:
    """A record of what a function raises."""
    try:
        raising()
    except Exception:
        return traced(msg, level=logging.ERROR, exc_info=sys.exc_info(), **fields)
    raise AssertionError("it raised nothing")


def queued(made: logging.LogRecord, formatter: logging.Formatter | None = None) -> logging.LogRecord:
    """A record as it is behind a `QueueHandler`: of its exception, only the text is left."""
    handler = logging.handlers.QueueHandler(queue.Queue())
    handler.setFormatter(formatter)
    prepared: logging.LogRecord = handler.prepare(made)
    assert prepared.exc_info is None
    return prepared


def described(made: logging.LogRecord) -> dict[str, Any]:
    """The name of a record's span, and what it says of an exception."""
    attributes = sent(made)
    keys = ("exception.type", "exception.message", "exception.stacktrace", "gen_ai.completion.0.content")
    return {"name": span_of(made)["name"], **{key: attributes.get(key) for key in keys}}


@pytest.mark.parametrize("raising", FAILURES)
def test_an_exception_shows_the_same_behind_a_queue_handler(raising: Callable[[], object]) -> None:
    assert described(queued(failed(raising))) == described(failed(raising))


@pytest.mark.parametrize("raising", FAILURES)
def test_an_exception_shows_the_same_behind_a_socket_handler(raising: Callable[[], object]) -> None:
    made = failed(raising)
    made.exc_text, made.exc_info = logging.Formatter().formatException(made.exc_info), None  # type: ignore[arg-type]
    assert described(made) == described(failed(raising))


def test_an_exception_without_a_message_shows_as_its_type() -> None:
    assert described(failed(no_message))["gen_ai.completion.0.content"] == "TimeoutError"


def test_a_text_without_frames_is_the_type_and_the_message_as_a_whole() -> None:
    made = traced("step failed", level=logging.ERROR)
    made.exc_text = "ValueError: one\ntwo"
    shown = described(made)
    assert (shown["exception.type"], shown["exception.message"]) == ("ValueError", "one\ntwo")


@NEEDS_3_11
def test_notes_behind_a_queue_handler_belong_to_the_message_as_nothing_tells_them_apart() -> None:
    def noted() -> None:
        error = ValueError("bad answer")
        error.add_note("while reading\n  the second chunk")  # type: ignore[attr-defined]
        raise error

    shown = described(queued(failed(noted)))
    assert (shown["name"], shown["exception.type"]) == ("step failed", "ValueError")
    assert shown["exception.message"] == "bad answer\nwhile reading\n  the second chunk"
    assert described(failed(noted))["exception.message"] == "bad answer"


def test_a_stack_behind_a_queue_handler_is_taken_off_the_message_with_and_without_an_exception() -> None:
    stack = 'Stack (most recent call last):\n  File "a.py", line 1, in <module>\n    log.info("x", stack_info=True)'
    alone = queued(traced("here", stack_info=stack))
    assert (span_of(alone)["name"], sent(alone)["code.stacktrace"]) == ("here", stack)
    both = queued(failed(plain, stack_info=stack))
    assert described(both) == described(failed(plain))
    assert sent(both)["code.stacktrace"] == stack


@pytest.mark.parametrize("level", [logging.INFO, logging.ERROR])
@pytest.mark.parametrize("way", ["direct", "console first", "queue", "formatter"])
def test_exc_info_without_an_exception_is_no_exception(way: str, level: int) -> None:
    made = traced("cache is cold", level=level, exc_info=(None, None, None))
    text = None
    if way == "console first":
        logging.Formatter().format(made)
        assert made.exc_text == "NoneType: None"
    elif way == "queue":
        made = queued(made)
    elif way == "formatter":
        text = logging.Formatter().format(made)
    span = OTELTraceFormatter().span(made, text)
    assert (span.name, span.status) == ("cache is cold", 2 if level == logging.ERROR else 1)
    assert not span.has_exception
    assert not any("NoneType" in str(value) for value in span.attributes.values())


class Colours(logging.Formatter):
    def formatException(self, ei: Any) -> str:  # noqa: N802
        return re.sub(r"(?m)^(.+)$", "\x1b[31m\\1\x1b[0m", super().formatException(ei))


class OneLine(logging.Formatter):
    def formatException(self, ei: Any) -> str:  # noqa: N802
        return repr(super().formatException(ei))


class Json(logging.Formatter):
    def formatException(self, ei: Any) -> str:  # noqa: N802
        return json.dumps({"exception": super().formatException(ei)})


class LineBreak(logging.Formatter):
    """As loguru, which has written the exception already."""

    def formatException(self, ei: Any) -> str:  # noqa: N802
        return "\n"


@pytest.mark.parametrize("formatter", [logging.Formatter, Colours, OneLine, Json, LineBreak])
def test_an_exception_wins_over_what_another_formatter_has_made_of_it(formatter: type[logging.Formatter]) -> None:
    def foreign() -> None:
        raise KeyError("größe 🍵 of 'tea'")

    made = failed(foreign)
    expected = described(made)
    formatter().format(made)
    assert made.exc_text
    assert described(made) == expected
    assert expected["exception.stacktrace"].startswith("Traceback (most recent call last):\n  File ")


def scrub(text: str) -> str:
    return text.replace(SECRET, "[gone]")


class ScrubbingFilter(logging.Filter):
    """As is widely recommended: it scrubs the text, and sets the traceback that formatters print."""

    def filter(self, made: logging.LogRecord) -> bool:
        made.msg, made.args = scrub(made.getMessage()), ()
        if made.exc_info:
            made.exc_text = scrub("".join(traceback.format_exception(*made.exc_info)).rstrip("\n"))
        return True


class ScrubbingFormatter(logging.Formatter):
    def format(self, made: logging.LogRecord) -> str:
        return scrub(super().format(made))


class ShortFormatter(logging.Formatter):
    """It tells the class of what was raised, and nothing more."""

    def formatException(self, ei: Any) -> str:  # noqa: N802
        return f"({ei[0].__name__})"


def secret_message() -> None:
    raise ValueError(f"bad key {SECRET}")


def secret_in_source() -> None:
    raise ValueError(("refused", "sk-abc123")[0])


def secret_cause() -> None:
    try:
        secret_message()
    except ValueError as error:
        raise RuntimeError("call failed") from error


SECRETIVE = [secret_message, secret_in_source, secret_cause]


@pytest.mark.parametrize("raising", SECRETIVE)
def test_what_a_filter_has_scrubbed_does_not_leave(raising: Callable[[], object]) -> None:
    made = failed(raising, f"call with {SECRET}")
    assert ScrubbingFilter().filter(made)
    span = json.dumps(span_of(made))
    assert SECRET not in span
    shown = described(made)
    assert shown["exception.type"] in ("ValueError", "RuntimeError")
    assert "[gone]" in shown["exception.stacktrace"]
    assert row(made).properties["exception"] == shown["exception.type"]


def test_a_message_that_was_not_scrubbed_stays_beside_a_scrubbed_cause() -> None:
    made = failed(secret_cause)
    assert ScrubbingFilter().filter(made)
    assert described(made)["exception.message"] == "call failed"


@pytest.mark.parametrize("raising", SECRETIVE)
@pytest.mark.parametrize("formatter", [ScrubbingFormatter("%(levelname)s %(message)s"), ShortFormatter()])
def test_what_the_handlers_own_formatter_has_scrubbed_does_not_leave(
    raising: Callable[[], object], formatter: logging.Formatter
) -> None:
    made = failed(raising, "call failed")
    text = formatter.format(logging.makeLogRecord(vars(made)))
    body = OTELTraceFormatter().span(made, text).encode().decode()
    assert SECRET not in body
    assert "call failed" in body


def test_what_waits_for_a_worker_is_scrubbed_as_well() -> None:
    made = failed(secret_message, "call failed")
    assert ScrubbingFilter().filter(made)
    body = OTELTraceFormatter().entry(made).encode().decode()
    assert SECRET not in body
    assert "bad key [gone]" in body


@pytest.mark.parametrize("given", ["exception", "tuple", "true"])
def test_the_exception_of_a_dict_message_shows(given: str) -> None:
    expected = described(failed(plain))
    try:
        plain()
    except ValueError as error:
        value = {"exception": error, "tuple": sys.exc_info(), "true": True}[given]
        made = record({"event": "step failed", "exc_info": value, "trace_id": TRACE}, level=logging.ERROR)
        attributes, shown = sent(made), described(made)
    assert shown["exception.stacktrace"].endswith("ValueError: simple: it is")
    assert {**shown, "exception.stacktrace": None} == {**expected, "exception.stacktrace": None}
    assert "exc_info" not in attributes


def test_the_exception_of_a_dict_message_survives_a_queue_handler_behind_our_filter() -> None:
    try:
        plain()
    except ValueError:
        made = record({"event": "step failed", "exc_info": True, "trace_id": TRACE}, level=logging.ERROR)
        TraceContextFilter().filter(made)
    shown = described(queued(made))
    assert (shown["name"], shown["exception.message"]) == ("step failed", "simple: it is")


def test_a_traceback_that_a_dict_message_holds_as_text_is_its_exception() -> None:
    text = logging.Formatter().formatException(failed(chained).exc_info)  # type: ignore[arg-type]
    made = record({"event": "step failed", "exception": text, "trace_id": TRACE})
    assert described(made) == described(failed(chained))
    assert "exception" not in sent(made)


def test_an_exception_of_a_dict_message_that_is_no_traceback_stays_a_field() -> None:
    made = record({"event": "step failed", "exception": "the usual one", "trace_id": TRACE})
    assert sent(made)["exception"] == "the usual one"
    assert span_of(made)["status"] == {"code": 1}


def test_a_message_that_only_speaks_of_a_traceback_stays_whole() -> None:
    for text in ("look for\nTraceback (most recent call last):\nin the log", "a\nStack (most recent call last):\nb"):
        assert sent(traced(text))["gen_ai.prompt.0.content"] == text


class MuteError(Exception):
    def __str__(self) -> str:
        raise RuntimeError


class ClosedError(Exception):
    """Nobody can ask it for anything, not even for its cause."""

    def __getattribute__(self, name: str) -> Any:
        if name == "__traceback__":
            return super().__getattribute__(name)
        raise RuntimeError


@pytest.mark.parametrize("kind", [MuteError, ClosedError])
def test_a_broken_exception_shows_as_far_as_it_can_be_read(kind: type[Exception]) -> None:
    def broken() -> None:
        raise kind

    shown = described(failed(broken))
    assert shown["exception.type"] == f"{kind.__module__}.{kind.__name__}"
    assert shown["exception.message"] == ("<unreadable message>" if kind is MuteError else "")
    assert shown["exception.stacktrace"].startswith("Traceback" if kind is MuteError else "<unreadable traceback>")


def test_source_that_cannot_be_read_costs_the_traceback_only() -> None:
    class Loader:
        def get_source(self, name: str) -> str:
            raise RuntimeError(name)

    names: dict[str, Any] = {"__name__": "gone", "__loader__": Loader()}
    exec(compile("def gone(): raise ValueError('no')", "<gone>.py", "exec"), names)
    shown = described(failed(names["gone"]))
    assert (shown["exception.message"], shown["exception.stacktrace"]) == ("no", "<unreadable traceback>")
