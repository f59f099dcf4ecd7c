"""The shapes of a record that applications log, and what each may cost its caller in multiples of a `NullHandler`."""

from __future__ import annotations

import importlib.util
import logging
import traceback
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from typing import Any

from bench import llm
from bench.records import MESSAGE, fields

Item = Any
"""What one call is given: made before the clock starts."""

_FRAMES = 30
_SUM = 1.2
"""What a mixture may cost beyond the sum of what its parts add."""
_FLAT = 2.5
_PROPERTIES = {"tenant": "acme", "plan": "team", "coupon": None}


def _flat(number: int) -> dict[str, Any]:
    return fields("0001", number)


def _log(logger: logging.Logger, extra: Item) -> None:
    logger.info(MESSAGE, extra=extra)


def _raised(depth: int) -> ValueError:
    """Returns an exception that has passed through so many frames."""
    try:
        _raise(depth - 1)
    except ValueError as error:
        return error
    raise AssertionError


def _raise(depth: int) -> None:
    if depth <= 1:
        raise ValueError("the model did not answer")
    _raise(depth - 1)


@dataclass(frozen=True, eq=False)
class Shape:
    """One row of the table.

    Args:
        key: its name on the command line.
        label: its name in the table.
        wanted: multiples of the `NullHandler` at most.
        item: makes what the call of this number logs.
        log: the call; the `NullHandler` gets the same one.
        floor: the call for the `NullHandler` where that is another one.
        options: of the handler.
        around: what is entered around all calls.
        threads: how many log at once.
        is_sent: whether its records are exported.
        needs: a package that has to be installed.
    """

    key: str
    label: str
    wanted: float
    item: Callable[[int], Item] = _flat
    log: Callable[[logging.Logger, Item], None] = _log
    floor: Callable[[logging.Logger, Item], None] | None = None
    options: dict[str, Any] = field(default_factory=dict)
    around: Callable[[], AbstractContextManager[object]] = nullcontext
    threads: int = 1
    is_sent: bool = True
    needs: str = ""

    @property
    def is_possible(self) -> bool:
        return not self.needs or importlib.util.find_spec(self.needs) is not None


def _trace_only(number: int) -> Item:
    return {"trace_id": f"{number + 1:032x}"}


def _properties(number: int) -> Item:
    return {**_flat(number), "properties": _PROPERTIES}


def _with_tool_calls(number: int) -> Item:
    return {**_flat(number), "tool_calls": llm.tool_calls(number)}


def _with_messages(number: int) -> Item:
    extra = _flat(number)
    del extra["prompt"]
    return {**extra, "messages": llm.messages(number)}


def _sdk_objects(number: int) -> Item:
    from openai.types.chat import ChatCompletion

    response = ChatCompletion.model_validate(llm.response(number))
    return {**llm.fields(number), "llm_response": response}


def _renamed(number: int) -> Item:
    extra = _flat(number)
    extra["who"] = extra.pop("user_id")
    return extra


def _nested(number: int) -> Item:
    order = {"id": number, "lines": [{"sku": "a-17", "count": 2}, {"sku": "b-4", "count": 1}], "paid": True}
    return {**_flat(number), "order": order, "shipping": {"city": "Paris", "options": {"express": False}}}


def _dict_message(number: int) -> Item:
    return {"message": MESSAGE, **_flat(number)}


def _log_dict(logger: logging.Logger, message: Item) -> None:
    logger.info(message)


def _in_mapping(number: int) -> Item:
    return {"helicone": _flat(number)}


def _unbound(number: int) -> Item:
    extra = _flat(number)
    for name in ("trace_id", "user_id", "provider"):
        del extra[name]
    return extra


def _bound() -> AbstractContextManager[object]:
    from helicone_logging import bind

    return bind(trace_id="5b8aa5a2d2c872e8321cf37308d69df2", user_id="ada", provider="openai")


_ONE_FRAME, _MANY_FRAMES = _raised(1), _raised(_FRAMES)


def _log_exception(logger: logging.Logger, extra: Item) -> None:
    logger.error(MESSAGE, extra=extra, exc_info=_ONE_FRAME)


def _log_deep_exception(logger: logging.Logger, extra: Item) -> None:
    logger.error(MESSAGE, extra=extra, exc_info=_MANY_FRAMES)


def _log_and_format(logger: logging.Logger, extra: Item) -> None:
    _log_deep_exception(logger, extra)
    "".join(traceback.format_exception(_MANY_FRAMES))


def _log_in_span(logger: logging.Logger, extra: Item) -> None:
    from helicone_logging import span

    with span("look it up", logger=logger):
        logger.info(MESSAGE, extra=extra)


def _number(number: int) -> Item:
    return number


def _log_line(logger: logging.Logger, number: Item) -> None:
    logger.info("took %d rows", number)


def _log_line_with_extra(logger: logging.Logger, number: Item) -> None:
    logger.info("took %d rows", number, extra={"rows": number, "table": "users"})


def _log_line_bound(logger: logging.Logger, number: Item) -> None:
    with _bound():
        logger.info("took %d rows", number)


def _mixture(*wanted: float) -> float:
    """Returns what the sum of the parts allows."""
    return (_FLAT + sum(part - _FLAT for part in wanted)) * _SUM


def _mixed(number: int) -> Item:
    return {**_with_messages(number), "tool_calls": llm.tool_calls(number), "properties": _PROPERTIES}


def _mixed_sdk_json(number: int) -> Item:
    return {**llm.fields(number), "properties": _PROPERTIES}


SHAPES = (
    Shape("flat", "the benchmark's flat record", _FLAT),
    Shape("trace", "a line with a `trace_id` only", 2.5, _trace_only),
    Shape("properties", "flat, with `properties={...}`", 3.5, _properties),
    Shape("tools", "flat, with `tool_calls`", 4.5, _with_tool_calls),
    Shape("messages", "with a list of 12 messages", 5, _with_messages),
    Shape("sdk-json", "`llm_request`, `llm_response` (plain JSON, 12 messages)", 10, llm.fields),
    Shape("no-content", "flat, `capture_content=False`", 4, options={"capture_content": False}),
    Shape("renamed", "flat, `rename_fields`", 5, _renamed, options={"rename_fields": {"who": "user_id"}}),
    Shape("redacted", 'flat, `redact="secrets"`', 20, options={"redact": "secrets"}),
    Shape("exception", "flat, an exception with its traceback", 14, log=_log_exception),
    Shape("span", "`span()` around a flat record", 7, log=_log_in_span, floor=_log),
    Shape("nested", "flat, nested dicts in `extra`", _mixture(3.5), _nested),
    Shape("sdk-objects", "`llm_response` of openai's own classes", _mixture(10), _sdk_objects, needs="openai"),
    Shape(
        "deep-exception",
        "flat, a traceback of 30 frames, beside a `NullHandler` and `traceback.format_exception`",
        _SUM,
        log=_log_deep_exception,
        floor=_log_and_format,
    ),
    # Of these two the `NullHandler`'s share is smaller, as `logging` has fewer fields to copy.
    Shape("dict", "flat, as a dict message", 1.5 * _mixture(), _dict_message, _log_dict),
    Shape("mapping", "flat, inside a `helicone` mapping", 1.25 * _mixture(), _in_mapping),
    Shape("bound", "flat, three fields from `bind()`", _mixture(), _unbound, around=_bound),
    Shape("threads", "flat, four threads at once", _mixture(), threads=4),
    Shape(
        "mixed",
        "`properties`, `tool_calls`, 12 messages and an exception",
        _mixture(3.5, 4.5, 5, 14),
        _mixed,
        _log_exception,
    ),
    Shape("mixed-span", "`span()` around SDK JSON", _mixture(7, 10), llm.fields, _log_in_span, floor=_log),
    Shape("mixed-bound", "SDK JSON, `properties`, bound context", _mixture(10, 3.5), _mixed_sdk_json, around=_bound),
    Shape("line", "a line that is not exported", 1.35, _number, _log_line, is_sent=False),
    Shape("line-extra", "the same with `extra=`", 1.3, _number, _log_line_with_extra, is_sent=False),
    Shape("line-bound", "the same in a `bind()`, which is entered too", 1.25, _number, _log_line_bound, is_sent=False),
)
