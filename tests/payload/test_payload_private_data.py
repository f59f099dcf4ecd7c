"""Private text never gets into the bytes: not with `capture_content=False`, and not past a redactor."""

from __future__ import annotations

import collections
import logging
import re
from collections.abc import Callable
from typing import Any

import pytest
from payloads import PROPERTY, attributes_of, checked, raw_of, record, row, sent, span_of, traced

from helicone_logging import ConfigurationError, OTELTraceFormatter, bind
from helicone_logging.core import notices
from helicone_logging.formatter import CAPTURE_CONTENT_VARIABLE
from helicone_logging.payload.redaction import FAILED_MASK, MASK

CANARY = "canary-7f3a"
TEXT = f"before {CANARY} after"
SIZE = f"[not captured: {len(TEXT)} characters]"
PRIVATE = OTELTraceFormatter(capture_content=False)


def failing(message: str, cause: str | None = None) -> Any:
    """The exc_info of an error with a chained cause."""
    try:
        try:
            raise KeyError(cause) if cause else LookupError
        except LookupError as error:
            raise ValueError(message) from error
    except ValueError as error:
        return type(error), error, error.__traceback__


class Thing:
    """A foreign object whose text is private."""

    def __str__(self) -> str:
        return TEXT

    __repr__ = __str__


def chat_response(text: str) -> dict[str, Any]:
    call = {"id": "c", "type": "function", "function": {"name": "look", "arguments": f'{{"q":"{text}"}}'}}
    message = {"role": "assistant", "content": text, "refusal": text, "tool_calls": [call]}
    return {
        "object": "chat.completion",
        "model": "gpt-4o",
        "choices": [{"index": 0, "message": message, "finish_reason": "stop"}],
        "usage": {"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 5},
    }


def anthropic_response(text: str) -> dict[str, Any]:
    content = [{"type": "text", "text": text}, {"type": "tool_use", "id": "t", "name": "look", "input": {"q": text}}]
    return {"type": "message", "role": "assistant", "model": "claude-sonnet-4-5", "content": content, "usage": {}}


PATHS: dict[str, Callable[[], logging.LogRecord]] = {
    "message": lambda: traced(TEXT),
    "arguments": lambda: traced("asked %s", TEXT),
    "arguments that do not fit": lambda: traced("asked %s %s", TEXT),
    "dict message": lambda: record({"message": TEXT, "trace_id": "t", "more": TEXT, "nested": {"a": [TEXT]}}),
    "dict message without text": lambda: record({"trace_id": "t", "more": TEXT}),
    "foreign message": lambda: traced(Thing()),
    "messages": lambda: traced(
        messages=[{"role": "user", "content": TEXT}, {"role": "user", "content": [{"type": "text", "text": TEXT}]}]
    ),
    "messages as text": lambda: traced(messages=TEXT),
    "prompt": lambda: traced(prompt=TEXT),
    "prompt beside messages": lambda: traced(prompt=TEXT, messages=TEXT),
    "completion": lambda: traced(completion=TEXT),
    "choices": lambda: traced(choices=[{"message": {"content": TEXT}}, {"text": TEXT}]),
    "choices beside completion": lambda: traced(choices=[TEXT], completion=TEXT),
    "tool calls": lambda: traced(tool_calls=[{"function": {"name": "look", "arguments": TEXT}}]),
    "tool arguments": lambda: traced(tool_name="look", arguments=TEXT, prompt={"q": TEXT}),
    "exception": lambda: traced("failed", exc_info=failing(TEXT)),
    "cause": lambda: traced("failed", exc_info=failing("no", TEXT)),
    "exception text": lambda: _with(
        traced("failed"), exc_text=f"Traceback (most recent call last):\n  x\nValueError: {TEXT}"
    ),
    "odd exception text": lambda: _with(traced("failed"), exc_text=TEXT),
    "traceback in the message": lambda: traced(f"failed\nTraceback (most recent call last):\n  x\nValueError: {TEXT}"),
    "stack": lambda: traced("here", stack_info=f"Stack (most recent call last):\n{TEXT}"),
    "custom text": lambda: traced(custom=TEXT),
    "custom nested": lambda: traced(custom={"a": [{"b": TEXT}], TEXT: 1}),
    "custom bytes": lambda: traced(custom=TEXT.encode()),
    "custom object": lambda: traced(custom=Thing()),
    "custom exception": lambda: traced(custom=ValueError(TEXT)),
    "helicone mapping": lambda: record(helicone={"messages": TEXT, "completion": TEXT, "custom": TEXT}),
    "request": lambda: traced(llm_request={"model": "gpt-4o", "messages": [{"role": "user", "content": TEXT}]}),
    "request with system": lambda: traced(
        llm_request={"model": "claude-x", "max_tokens": 5, "system": TEXT, "messages": []}
    ),
    "response": lambda: traced(llm_response=chat_response(TEXT)),
    "anthropic response": lambda: traced(llm_response=anthropic_response(TEXT)),
    "unknown response": lambda: traced(llm_response={"what": TEXT}, llm_request=[TEXT]),
    "finish reason that is a text": lambda: traced(finish_reason={"why": TEXT}),
    "field that cannot hold it": lambda: traced(
        prompt_tokens=TEXT, duration_ms=TEXT, status=TEXT, span_kind=TEXT, temperature=TEXT
    ),
    "malformed traceparent": lambda: traced(traceparent=TEXT),
    "server's own name": lambda: traced(
        extra={"gen_ai.prompt.5.content": TEXT, "llm.other": TEXT, "gen_ai.x": {"a": TEXT}}
    ),
    "broken properties": lambda: traced(properties=[TEXT]),
}


def _with(made: logging.LogRecord, **own: object) -> logging.LogRecord:
    made.__dict__.update(own)
    return made


@pytest.mark.parametrize("path", PATHS)
def test_no_path_carries_content_when_it_is_not_captured(path: str) -> None:
    made = PATHS[path]()
    assert CANARY.encode() in raw_of(made)
    body = raw_of(made, PRIVATE)
    assert CANARY.encode() not in body
    checked(body)


@pytest.mark.parametrize("path", PATHS)
def test_no_path_carries_what_a_redactor_takes_out(path: str) -> None:
    formatter = OTELTraceFormatter(
        redact=lambda key, value: value.replace(CANARY, "***") if isinstance(value, str) else value
    )
    # Names that the application gave to its fields are not values; they are not redacted.
    body = raw_of(PATHS[path](), formatter)
    assert CANARY.encode() not in body
    checked(body)


def test_a_redactor_that_raises_is_told_of_once(capfd: pytest.CaptureFixture[str], monkeypatch) -> None:
    monkeypatch.setattr(notices, "_reported", set())

    def redact(key: str, value: object) -> object:
        raise LookupError(value)

    for _ in range(3):
        raw_of(traced(prompt=CANARY), OTELTraceFormatter(redact=redact))
    told = capfd.readouterr().err
    assert told.count("the redactor raised LookupError") == 1
    assert CANARY not in told


@pytest.mark.parametrize("path", PATHS)
def test_no_path_carries_content_past_a_redactor_that_raises(path: str) -> None:
    def redact(key: str, value: object) -> object:
        raise RuntimeError(value)

    body = raw_of(PATHS[path](), OTELTraceFormatter(redact=redact))
    assert CANARY.encode() not in body
    assert set(attributes_of(checked(body)).values()) == {FAILED_MASK}
    assert checked(body)["name"] == FAILED_MASK


def test_sizes_stand_in_the_place_of_content() -> None:
    made = traced(
        TEXT,
        model="gpt-4o",
        messages=[{"role": "system", "content": ""}, {"role": "user", "content": TEXT}],
        completion=TEXT,
        custom=TEXT,
        exc_info=failing(TEXT),
        prompt_tokens=3,
        seats=2,
        user_id="ada",
    )
    shown, attributes, span = row(made, PRIVATE), sent(made, PRIVATE), span_of(made, PRIVATE)
    assert [message.content for message in shown.messages] == ["[not captured: 0 characters]", SIZE]
    assert [choice.content for choice in shown.choices] == [f"{SIZE}\n[error] ValueError: {SIZE}"]
    assert attributes["custom"] == attributes["exception.message"] == SIZE
    assert attributes["exception.stacktrace"].startswith("[not captured: ")
    assert (shown.model, shown.prompt_tokens, shown.user) == ("gpt-4o", 3, "ada")
    assert shown.properties == {
        "logger": "shop.assistant", "level": "INFO", "error": "true", "exception": "ValueError", "seats": "2",
    }  # fmt: skip
    assert span["name"] == "ask"
    assert span["events"][0]["attributes"]


def test_a_record_without_messages_shows_the_size_of_its_message() -> None:
    assert row(traced(TEXT), PRIVATE).messages[0].content == SIZE
    assert row(traced("failed", exc_info=failing(TEXT)), PRIVATE).choices[0].content == f"ValueError: {SIZE}"


def test_a_name_that_was_given_stays_when_content_is_not_captured() -> None:
    assert span_of(traced(TEXT, span_name="answer"), PRIVATE)["name"] == "answer"
    assert row(traced(TEXT, span_name="answer"), PRIVATE).session_path == "/answer"


@pytest.mark.parametrize("function", ["<module>", "<lambda>", "", None])
def test_a_plain_record_outside_of_a_function_has_the_name_of_its_logger(function: str | None) -> None:
    made = traced(TEXT, span_id="s1")
    made.funcName = function  # type: ignore[assignment]  # as the caller's frame says
    assert span_of(made, PRIVATE)["name"] == "shop.assistant"
    assert row(made, PRIVATE).session_path == "/shop.assistant"


def test_bound_content_is_not_captured_either() -> None:
    with bind(custom=TEXT, messages=TEXT):
        assert CANARY.encode() not in raw_of(traced(), PRIVATE)


def test_content_of_an_object_that_raises_elsewhere_is_not_captured_either() -> None:
    class Hostile:
        @property
        def __class__(self) -> Any:
            raise RuntimeError(TEXT)

        def __str__(self) -> str:
            return TEXT

    for field in ("custom", "messages", "completion", "status", "trace_id", "helicone", "llm_response"):
        made = traced(TEXT, **{"more": TEXT, "deep": {"a": [TEXT]}, field: Hostile()})
        if field == "trace_id":  # what names the trace is shown
            continue
        assert CANARY.encode() not in raw_of(made, PRIVATE), field


@pytest.mark.parametrize("word", ["false", "False", "0", "no", "off", "NO_CONTENT", " false "])
def test_the_variable_of_opentelemetry_turns_capture_off(word: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(CAPTURE_CONTENT_VARIABLE, word)
    assert CAPTURE_CONTENT_VARIABLE == "OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT"
    assert CANARY.encode() not in raw_of(traced(TEXT), OTELTraceFormatter())
    assert CANARY.encode() in raw_of(traced(TEXT), OTELTraceFormatter(capture_content=True))


@pytest.mark.parametrize("word", ["", "true", "1", "SPAN_ONLY", "SPAN_AND_EVENT"])
def test_other_words_in_the_variable_leave_capture_on(word: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(CAPTURE_CONTENT_VARIABLE, word)
    assert CANARY.encode() in raw_of(traced(TEXT), OTELTraceFormatter())
    assert CANARY.encode() not in raw_of(traced(TEXT), OTELTraceFormatter(capture_content="false"))


def shout(key: str, value: object) -> object:
    """A redactor for a dotted path."""
    return value.upper() if isinstance(value, str) else value


def test_a_redactor_may_be_named_by_its_dotted_path() -> None:
    assert span_of(traced("quiet"), OTELTraceFormatter(redact=f"{__name__}.shout"))["name"] == "QUIET"


@pytest.mark.parametrize("redact", ["no.such.module.f", "nothing", "logging.NOSUCH", 7, "logging.INFO"])
def test_a_redactor_that_cannot_work_is_refused(redact: Any) -> None:
    with pytest.raises(ConfigurationError, match="redact="):
        OTELTraceFormatter(redact=redact)


def test_a_redactor_sees_every_attribute_with_its_key_and_the_name() -> None:
    seen: dict[str, object] = {}

    def redact(key: str, value: object) -> object:
        seen[key] = value
        return value

    made = traced(custom="c", seats=3, properties={"tenant": "acme"}, exc_info=failing("no"), stack_info="stack")
    span = span_of(made, OTELTraceFormatter(redact=redact))
    assert seen == {"name": span["name"], **{key: str(value) for key, value in attributes_of(span).items()}}
    assert {"custom", "seats", PROPERTY + "tenant", "exception.message", "code.stacktrace"} <= set(seen)


def test_a_redactor_for_texts_leaves_numbers_what_they_are() -> None:
    formatter = OTELTraceFormatter(redact=lambda key, value: re.sub(r"EMP-\d+", "[employee]", value))
    made = traced(
        model="gpt-4o", prompt="of EMP-7", prompt_tokens=20, completion_tokens=5, temperature=0.5, max_tokens=9
    )
    shown = row(made, formatter)
    assert (shown.messages[0].content, shown.prompt_tokens, shown.completion_tokens) == ("of [employee]", 20, 5)
    assert sent(made, formatter)["gen_ai.request.temperature"] == "0.5"


def test_what_a_redactor_makes_of_a_text_stays_a_text() -> None:
    """A property that is a number makes the server skip cleaning all of them; a provider that is one, answer 500."""
    formatter = OTELTraceFormatter(redact=lambda key, value: 5)
    found = sent(traced(model="gpt-4o", provider="openai", user_id="ada", prompt_tokens=20, seats=3), formatter)
    assert (found["gen_ai.system"], found[PROPERTY + "seats"], found["gen_ai.usage.prompt_tokens"]) == ("5", "5", 5)


def test_a_redactor_that_returns_none_leaves_the_attribute_out() -> None:
    formatter = OTELTraceFormatter(redact=lambda key, value: None)
    span = span_of(traced(custom="c", exc_info=failing("no")), formatter)
    assert (span["name"], span["attributes"]) == ("", [])
    assert span["events"][0]["attributes"] == []


class Unprintable:
    def __str__(self) -> str:
        raise RuntimeError(TEXT)


@pytest.mark.parametrize(
    "result", [7, 2**70, 1.5, True, b"\xff", [1, {"a": 2}], Unprintable(), {}, Exception, "\ud800"]
)
def test_a_redactor_may_return_anything(result: object) -> None:
    body = raw_of(traced(TEXT), OTELTraceFormatter(redact=lambda key, value: result))
    assert CANARY.encode() not in body
    checked(body)


def test_a_redactor_that_breaks_one_role_costs_no_record() -> None:
    made = traced(messages=TEXT, model="gpt-4o")
    for key in sent(made):
        formatter = OTELTraceFormatter(redact=lambda name, value, key=key: 5 if name == key else value)
        checked(raw_of(made, formatter))


KEY_PARTS = "abcdefGHIJ0123456789klmnopQRSTUV"
SECRETS = {
    "OpenAI key": "sk-proj-" + KEY_PARTS,
    "Anthropic key": "sk-ant-api03-" + KEY_PARTS,
    "Helicone key": "sk-helicone-eu-" + KEY_PARTS,
    "Helicone write key": "pk-helicone-" + KEY_PARTS,
    "Stripe key": "sk_live_" + KEY_PARTS,
    "GitHub token": "ghp_" + KEY_PARTS,
    "GitLab token": "glpat-" + KEY_PARTS,
    "AWS key": "AKIA" + "ABCDEFGH12345678",
    "Google key": "AIza" + KEY_PARTS + "123",
    "Slack token": "xoxb-1234567890-" + KEY_PARTS,
    "Hugging Face token": "hf_" + "abcdefGHIJ0123456789",
    "Groq key": "gsk_" + KEY_PARTS,
    "web token": "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.abc-_123",
    "bearer token": "Authorization: Bearer abc.def/ghi+jkl==",
    "basic credentials": "Authorization: Basic dXNlcjpwYXNzd29yZA==",
    "private key": "-----BEGIN RSA PRIVATE KEY-----\nMIIabc\n-----END RSA PRIVATE KEY-----",
    "private key without its end": "-----BEGIN PRIVATE KEY-----\nMIIabc",
    "e-mail address": "ada.lovelace+orders@mail.example.co.uk",
    "card number": "4111 1111 1111 1111",
    "card number with dashes": "5500-0000-0000-0004",
    "card number of 15 digits": "378282246310005",
}
ASSIGNED = {
    'password = "hunter2 and more"': "hunter2",
    "api_key: abc123": "abc123",
    '{"client_secret": "s3cr3t"}': "s3cr3t",
    "PASSWORD='quoted'": "quoted",
    "postgres://ada:hunter2@db.example/orders": "hunter2",
    "https://:tok3n@host/": "tok3n",
}


@pytest.mark.parametrize("kind", SECRETS)
@pytest.mark.parametrize("around", ["{}", "say {} now", "({})", '"{}"', "x={};", "{}\n"])
def test_secrets_are_masked(kind: str, around: str) -> None:
    secret = SECRETS[kind]
    made = traced(around.format(secret), messages=around.format(secret), completion=[secret], custom={"a": secret})
    body = raw_of(made, OTELTraceFormatter(redact="secrets")).decode()
    for word in secret.replace("\n", " ").split("Authorization:")[-1].split():
        if word not in ("Bearer", "Basic", "-----BEGIN", "RSA", "PRIVATE", "KEY-----", "-----END"):
            assert word not in body
    assert MASK in body


@pytest.mark.parametrize("text", ASSIGNED)
def test_passwords_are_masked_where_they_are_assigned(text: str) -> None:
    body = raw_of(traced(text), OTELTraceFormatter(redact="secrets")).decode()
    assert ASSIGNED[text] not in body
    assert MASK in body


@pytest.mark.parametrize(
    "key",
    [
        "password",
        "api_key",
        "API-KEY",
        "db.password",
        "user_token",
        "Authorization",
        "cookie",
        "session-token",
        "aws.secret",
    ],
)
def test_the_value_of_a_field_that_names_a_secret_is_masked(key: str) -> None:
    attributes = sent(traced(extra={key: "short"}), OTELTraceFormatter(redact="secrets"))
    assert attributes[key] == MASK
    assert "short" not in attributes.values()
    assert sent(traced(extra={key: 1234}), OTELTraceFormatter(redact="secrets"))[key] == MASK


NEAR_MISSES = [
    "sk-learn and pk-tests",
    "the task-list of the disk-management-department",
    "4111 1111 1111 1112",
    "order 1234567890123",
    "2025-01-02 03:04:05.678901",
    "1760000000123456789",
    "ada at example.com, @ada, a@b",
    "bearer of bad news",
    "passwords are hard",
    "the secret of the token",
    "https://example.com:8080/path@2x",
    "eyJ is how it begins",
    "550e8400-e29b-41d4-a716-446655440000",
    "0af7651916cd43dd8448eb211c80319c",
    "AKIA is a prefix",
    "-----BEGIN CERTIFICATE-----\nMIIabc\n-----END CERTIFICATE-----",
]


@pytest.mark.parametrize("text", NEAR_MISSES)
def test_what_only_looks_like_a_secret_stays(text: str) -> None:
    attributes = sent(traced(messages=text), OTELTraceFormatter(redact="secrets"))
    assert attributes["gen_ai.prompt.0.content"] == text


@pytest.mark.parametrize("field", ["prompt_tokens", "completion_tokens", "total_tokens", "max_tokens", "seed", "seats"])
def test_numbers_stay_numbers_under_the_masks_for_secrets(field: str) -> None:
    attributes = sent(traced(**{field: 1234}), OTELTraceFormatter(redact="secrets"))
    assert 1234 in attributes.values()
    assert MASK not in attributes.values()


def test_a_card_number_that_is_a_number_is_masked() -> None:
    body = raw_of(
        traced(card=4111111111111111, properties={"card": 4111111111111111}), OTELTraceFormatter(redact="secrets")
    )
    assert b"4111111111111111" not in body


def test_a_secret_is_masked_before_the_value_is_cut_in_two() -> None:
    secret = SECRETS["OpenAI key"]
    formatter = OTELTraceFormatter(redact="secrets", max_value_length=100)
    for shift in range(40, 130):
        body = raw_of(traced("ask", messages="x" * shift + " " + secret + " " + "y" * 300), formatter).decode()
        assert secret[:12] not in body
        assert secret[-12:] not in body


def test_ids_that_are_e_mail_addresses_are_masked_and_others_are_left() -> None:
    formatter = OTELTraceFormatter(redact="secrets")
    fields = {"user_id": "ada@example.com", "session_id": "bob@example.com"}
    masked, plain = sent(traced(**fields), formatter), sent(traced(user_id="user-1", session_id="order-1"), formatter)
    ids = [f"traceloop.association.properties.Helicone-{kind}-Id" for kind in ("User", "Session")]
    assert [masked[name] for name in ids] == [MASK, MASK]
    assert [plain[name] for name in ids] == ["user-1", "order-1"]


@pytest.mark.parametrize("kind", ["OpenAI key", "card number", "e-mail address", "web token"])
def test_a_secret_is_masked_before_the_name_and_the_path_are_cut(kind: str) -> None:
    secret = SECRETS[kind]
    for shift in (*range(60, 104, 3), *range(220, 260, 3)):
        text = "x" * shift + " " + secret
        for made in (traced(text), traced("ask", span_name=text)):
            body = raw_of(made, OTELTraceFormatter(redact="secrets")).decode()
            assert secret[:6] not in body


def test_a_secret_at_the_end_of_what_a_redactor_is_shown_does_not_escape() -> None:
    secret = SECRETS["AWS key"]
    formatter = OTELTraceFormatter(redact="secrets", max_value_length=100)
    for shift in range(140, 200):
        body = raw_of(traced("ask", messages="x" * shift + " " + secret + " " + "y" * 300), formatter).decode()
        assert secret[:8] not in body


@pytest.mark.parametrize(
    "text",
    [
        "a" * 200_000,
        "sk-" * 60_000,
        "1 " * 100_000,
        "a@" * 90_000,
        "password=" * 20_000,
        "-----BEGIN PRIVATE KEY-----" * 6_000,
        "bearer " * 30_000,
        "http://a:" * 20_000,
        "eyJaaaaaaaa." * 15_000,
        "a." * 100_000,
        "_" * 200_000,
        "4" * 200_000,
    ],
)
def test_no_text_makes_the_masks_take_ages(text: str) -> None:
    checked(raw_of(traced("ask", messages=text), OTELTraceFormatter(redact="secrets")))


def test_a_mapping_of_the_user_s_is_masked_inside() -> None:
    custom = collections.OrderedDict(
        user="ada", password="hunter2", nested={"api_key": "k1", "list": ["Bearer abcdefgh12"]}
    )
    body = raw_of(traced(custom=custom), OTELTraceFormatter(redact="secrets")).decode()
    for secret in ("hunter2", '"k1', "abcdefgh12"):
        assert secret not in body
