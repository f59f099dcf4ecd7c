"""What a formatter makes of `fmt`, of a subclass's methods and of dict messages, as python-json-logger does."""

from __future__ import annotations

import json
import logging

import pytest
from payloads import attributes_of

from helicone_logging import ConfigurationError, OTELTraceFormatter, TraceContextFilter, bind


def a_record(message: object) -> logging.LogRecord:
    return logging.getLogger("app").makeRecord("app", logging.INFO, __file__, 1, message, (), None)


def written(formatter: OTELTraceFormatter, record: logging.LogRecord) -> dict[str, object]:
    (span,) = json.loads(formatter.format(record))["resourceSpans"][0]["scopeSpans"][0]["spans"]
    return attributes_of(span)


@pytest.mark.parametrize(
    "options",
    [
        {"fmt": "{name} {message}", "style": "{"},
        {"fmt": "${name}", "style": "$"},
        {"fmt": "message, ,name", "style": ","},
        {"fmt": "{name} {", "style": "{", "validate": False},
        {"fmt": ("name", "message")},
        {"fmt": ["name"], "style": "x"},
    ],
)
def test_every_form_of_a_format_names_attributes_of_the_span(options) -> None:
    assert written(OTELTraceFormatter(**options), a_record("a message"))["name"] == "app"


def test_a_format_may_name_the_time_and_the_message() -> None:
    formatter = OTELTraceFormatter("%(asctime)s %(message)s", "%Y at %H", rename_fields={"message": "said"})
    record = a_record("a message")
    attributes = written(formatter, record)
    assert attributes["asctime"] == logging.Formatter("", "%Y at %H").formatTime(record, "%Y at %H")
    assert attributes["said"] == "a message"


def test_a_subclass_may_add_fields_as_in_python_json_logger() -> None:
    class Adding(OTELTraceFormatter):
        def add_fields(self, log_data, record, message_dict) -> None:
            super().add_fields(log_data, record, message_dict)
            log_data["added"] = record.lineno + 1

    record = a_record("a message")
    assert written(Adding(), record)["added"] == record.lineno + 1


def test_what_a_dict_message_says_itself_wins_over_what_a_filter_has_injected() -> None:
    record = a_record({"message": "x", "user_id": "said"})
    with bind(trace_id="t", user_id="bound"):
        TraceContextFilter().filter(record)
    assert "said" in written(OTELTraceFormatter(), record).values()


@pytest.mark.parametrize("option", ["exc_info_as_array", "stack_info_as_array"])
def test_a_traceback_that_is_no_text_is_refused_where_python_json_logger_has_such(option) -> None:
    with pytest.raises(ConfigurationError, match=option):
        OTELTraceFormatter(**{option: True})
