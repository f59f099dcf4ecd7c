"""What each answer of the server means for a record."""

from __future__ import annotations

import datetime
import email.utils
import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from helicone_logging.delivery import outcomes
from helicone_logging.delivery.outcomes import Kind, Outcome
from helicone_logging.payload.wires import DEFAULT, WIRES

MISDIRECTED = {401, 403, 404, 405, 407, 415}
THROTTLED = {429}
FAILED = {408, 425, 500}


def outcome_of(status: int, text: str, retry_after: str | None = None, wire: str = DEFAULT.name) -> Outcome:
    """What an answer means on a wire."""
    return outcomes.outcome_of(status, text, retry_after, WIRES[wire].remedy(status, text))


def date_in(seconds: float) -> str:
    moment = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(seconds=seconds)
    return email.utils.format_datetime(moment, usegmt=True)


@pytest.mark.parametrize("wire", WIRES)
@pytest.mark.parametrize("status", range(100, 600))
def test_every_status_has_the_meaning_of_the_table(status, wire) -> None:
    if 200 <= status < 300:
        expected = Kind.DELIVERED
    elif status in MISDIRECTED:
        expected = Kind.MISDIRECTED
    elif status in THROTTLED:
        expected = Kind.THROTTLED
    elif status in FAILED:
        expected = Kind.FAILED
    elif 300 <= status < 500:
        expected = Kind.REJECTED
    else:
        expected = Kind.UNREACHABLE
    assert outcome_of(status, "", None, wire).kind is expected


@pytest.mark.parametrize("status", [0, 600, 999])
def test_a_status_that_http_does_not_know_is_no_verdict_on_the_record(status) -> None:
    assert outcome_of(status, "", None).kind is Kind.UNREACHABLE


def test_503_is_throttling_only_with_a_wait() -> None:
    assert outcome_of(503, "", None).kind is Kind.UNREACHABLE
    assert outcome_of(503, "", "nonsense").kind is Kind.UNREACHABLE
    assert outcome_of(503, "", "5").kind is Kind.THROTTLED
    assert outcome_of(500, "", "5").kind is Kind.FAILED  # or a record that no server can take would be sent for ever
    assert outcome_of(502, "", "5").kind is Kind.UNREACHABLE


@pytest.mark.parametrize(
    "text", ["Invalid token.", '{"error": "Invalid token."}', "INVALID TOKEN", "x invalid token y"]
)
def test_400_is_about_the_key_when_its_text_says_so(text) -> None:
    assert outcome_of(400, text, None).kind is Kind.MISDIRECTED
    assert outcome_of(422, text, None).kind is Kind.REJECTED


def test_400_is_never_about_a_key_where_none_is_sent() -> None:
    assert outcome_of(400, "Invalid token.", None, "otlp").kind is Kind.REJECTED


@pytest.mark.parametrize("text", ["", "invalid JSON", '{"message": "Validation Failed"}'])
def test_any_other_400_is_about_the_record(text) -> None:
    assert outcome_of(400, text, None).kind is Kind.REJECTED


@pytest.mark.parametrize(
    ("status", "remedy"),
    [
        (401, "HELICONE_API_KEY"),
        (403, "api_key"),
        (404, "endpoint"),
        (405, "endpoint"),
        (415, "endpoint"),
        (407, "proxy"),
    ],
)
def test_what_is_misdirected_names_what_to_set_right(status, remedy) -> None:
    assert remedy in outcome_of(status, "").remedy


@pytest.mark.parametrize(
    ("status", "remedy"),
    [(401, "OTEL_EXPORTER_OTLP_HEADERS"), (403, "`headers`"), (404, "`endpoint`"), (405, "endpoint"), (407, "proxy")],
)
def test_a_collector_s_refusal_names_what_to_set_right_there(status, remedy) -> None:
    told = outcome_of(status, "", None, "otlp").remedy
    assert remedy in told
    assert "HELICONE" not in told


# Retry-After


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        (None, None),
        ("", None),
        ("soon", None),
        ("nan", None),
        ("inf", None),
        ("-inf", None),
        ("9" * 400, None),
        ("Fri, 99 Foo 2099 99:99:99 GMT", None),
        ("Fri, 31 Dec 999999999999 23:59:59 GMT", None),
        ("0", 0.0),
        ("-5", 0.0),
        ("1.5", 1.5),
        (" 7 ", 7.0),
        ("86400", 86400.0),
        ("1e9", 1e9),
        ("Wed, 21 Oct 2015 07:28:00 GMT", 0.0),
        ("Wednesday, 21-Oct-15 07:28:00 GMT", 0.0),
        ("Wed, 21 Oct 2015 07:28:00", 0.0),
    ],
)
def test_retry_after_is_read_in_every_form_and_nonsense_is_as_if_absent(header, seconds) -> None:
    assert outcome_of(429, "", header).retry_after == seconds


@pytest.mark.parametrize("ahead", [30, 3600, 864_000])
def test_retry_after_as_a_date_is_the_time_until_then(ahead) -> None:
    wait = outcome_of(429, "", date_in(ahead)).retry_after
    assert wait is not None
    assert ahead - 60 < wait <= ahead


@given(header=st.text())
def test_no_retry_after_raises_or_asks_for_a_negative_or_endless_wait(header) -> None:
    wait = outcome_of(429, "", header).retry_after
    assert wait is None or (wait >= 0 and math.isfinite(wait))


# The reason


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "HTTP 422"),
        ("plain words", "HTTP 422 plain words"),
        ("  more \r\n\t than one   line ", "HTTP 422 more than one line"),
        ('{"message": "Validation Failed"}', "HTTP 422 Validation Failed"),
        ('{"error": "no such key"}', "HTTP 422 no such key"),
        ('{"message": "a", "error": "b"}', "HTTP 422 a; b"),
        ('{"message": null}', "HTTP 422 None"),
        ('{"other": "private"}', "HTTP 422"),
        ('["private"]', "HTTP 422"),
        ('"private"', "HTTP 422"),
        ('{"details": {"body.span": {"message": "too long", "value": "private"}}}', "HTTP 422 body.span: too long"),
        ('{"message": "a", "details": {"x": "private", "y": ["private"]}}', "HTTP 422 a; x: ; y:"),
        ('{"message": "a", "details": "private"}', "HTTP 422 a"),
        ("\x1b[31mred\x00", "HTTP 422 ?[31mred?"),
        ('{"message": "\\u202eright to left"}', "HTTP 422 ?right to left"),
        ("{" + "x" * 1000, "HTTP 422 {" + "x" * 99),
    ],
)
def test_the_reason_is_the_servers_own_words_on_one_line(text, reason) -> None:
    assert outcome_of(422, text, None).detail == reason


@pytest.mark.parametrize(
    "text", ["[" * 100_000, '{"message":' * 50_000, "9" * 10_000, '{"message": ' + "9" * 4_000 + "}"]
)
@pytest.mark.parametrize("status", [200, 422])
def test_json_that_is_made_to_break_readers_changes_no_verdict(status, text) -> None:
    answer = outcome_of(status, text, None)
    assert answer.kind is (Kind.DELIVERED if status == 200 else Kind.REJECTED)
    assert len(answer.detail) < 400


json_values = st.recursive(
    st.none() | st.booleans() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)


@given(
    status=st.integers(0, 999),
    text=st.text() | st.dictionaries(st.sampled_from(["message", "error", "details"]), json_values).map(json.dumps),
    header=st.none() | st.text(),
)
def test_no_answer_raises_and_every_reason_is_short_and_printable(status, text, header) -> None:
    detail = outcome_of(status, text, header).detail
    assert detail.startswith(f"HTTP {status}")
    assert len(detail) <= 320
    assert detail.isprintable()
