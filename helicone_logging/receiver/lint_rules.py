"""Says what Helicone will not show of a payload, or show wrongly, and which field to set."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

from helicone_logging.core.findings import ERROR, INFO, WARNING, Finding
from helicone_logging.receiver import costs, field_rules, mappers, otlp, response_mistakes, rows, validation
from helicone_logging.receiver.response_mistakes import Mistake
from helicone_logging.receiver.rows import Row
from helicone_logging.receiver.subject import Subject

_TOKENS = ("gen_ai.usage.prompt_tokens", "gen_ai.usage.completion_tokens", "llm.usage.total_tokens")
_EXCEPTIONS = ("error", "exception", "exc", "err")
_EXCEPTION = re.compile(r"[A-Z]\w*: ")  # as the text of an exception begins
_FAILED_MASK = "[redacted: the redactor failed]"
_ENTRY_WITHOUT_ROLE = re.compile(r"gen_ai\.(prompt|completion)\.(\d+)\.content")


def lint(payload: object, place_of: Callable[[int, str], str] | None = None, *, is_otlp: bool = False) -> list[Finding]:
    """Does the work of `helicone_logging.lint`.

    Args:
        payload: an OTELTrace as a mapping or as JSON, or a list of them.
        place_of: tells from the number of a payload and the id of a span, empty for the whole payload, where it
            stands, to be named in its findings; None to name the span alone.
        is_otlp: whether it is OTLP, as a Collector writes it and sends it on to `/v1/trace/log-python`.
    """
    subjects: list[Subject] = []
    findings: list[Finding] = []
    for number, one in enumerate(_payloads(payload)):
        payload_is_at = f"payload {number}" if place_of is None else place_of(number, "")
        found = checked(one, payload_is_at, is_otlp=is_otlp)
        if isinstance(found, Finding):
            findings.append(found)
            continue
        if is_otlp:
            findings += _failing(found, payload_is_at)
        for span in rows.spans_of(found):
            place = "" if place_of is None else place_of(number, span["spanId"])
            subjects.append(Subject.of(span, rows.row_of(span), place))
    for subject in subjects:
        findings += _findings(subject)
    return findings + list(_changing_names(subjects))


def findings_of(span: Mapping[str, Any], row: Row) -> list[Finding]:
    """Returns what Helicone will not show of one span that the schema accepts.

    Args:
        span: the span.
        row: the same as Helicone shows it.
    """
    return _findings(Subject.of(span, row))


def _findings(subject: Subject) -> list[Finding]:
    return [finding for rule in _RULES for finding in rule(subject)]


def has_nothing(payload: object) -> bool:
    """Returns whether there is no span to look at in what can be read."""
    payloads = _payloads(payload)
    return all(isinstance(one, Mapping) and one.get("resourceSpans") == [] for one in payloads)


def _payloads(payload: object) -> Sequence[object]:
    return payload if isinstance(payload, list | tuple) else [payload]


def checked(payload: object, where: str, *, is_otlp: bool) -> Finding | Mapping[str, Any]:
    """Returns a payload as the receiver keeps it, or why the server, or a Collector, refuses it.

    Args:
        payload: as a mapping or as JSON.
        where: it stands, to be named in the finding.
        is_otlp: whether it is OTLP, as a Collector takes it.
    """
    return _checked_otlp(payload, where) if is_otlp else _checked_strictly(payload, where)


def _checked_strictly(payload: object, where: str) -> Finding | Mapping[str, Any]:
    field = "the payload; `OTELTraceFormatter` makes one that is accepted"
    if isinstance(payload, str | bytes):
        try:
            payload = validation.parse(payload)
        except validation.NotJSONError as error:
            return Finding("not-json", ERROR, f"the server refuses what is no JSON: {error}", field, where)
    reason = validation.refusal(payload)
    if reason is not None:
        return Finding("refused", ERROR, f"the server refuses the whole payload: {reason}", field, where)
    assert isinstance(payload, Mapping)  # noqa: S101 - the schema accepts nothing else
    return payload


def _checked_otlp(payload: object, where: str) -> Finding | Mapping[str, Any]:
    try:
        return otlp.from_json(payload) if isinstance(payload, str | bytes) else otlp.completed(payload)
    except otlp.NotOTLPError as error:
        field = 'the payload; `OTELTraceFormatter(wire="otlp")` makes one that is accepted'
        return Finding("refused", ERROR, f"a Collector refuses the whole payload: {error}", field, where)


def _failing(payload: Mapping[str, Any], where: str) -> Iterator[Finding]:
    """What `/v1/trace/log-python` answers 500 to, upon which a Collector drops the whole body."""
    for entry in payload["resourceSpans"]:
        if not entry["scopeSpans"]:
            text = "a resource without scopes makes the server fail on the whole body"
            yield Finding("no-scopes", ERROR, text, "a filter in the Collector", where)
    for span in rows.spans_of(payload):
        if not span["attributes"]:
            text = "a span without attributes makes the server fail on the whole body"
            yield Finding("no-attributes", ERROR, text, "a filter in the Collector", f"{where}, span {span['spanId']}")


_Rule = Callable[[Subject], Iterator[Finding]]


def _content(subject: Subject) -> Iterator[Finding]:
    row, where = subject.row, subject.where
    hidden = mappers.hidden(row.provider, row.model)
    if hidden is not None:
        what = "the prompt and the answer are" if hidden.prompt else "the answer is"
        yield Finding(hidden.code, WARNING, f"{what} blank: {hidden.why}", hidden.remedy, where)
    if not (hidden and hidden.prompt) and not any(message.content for message in row.messages):
        yield Finding("blank-prompt", WARNING, "the prompt is blank", "messages", where)
    if not (hidden and hidden.answer) and not subject.has_answer:
        yield from _blank_answer(subject)


def _blank_answer(subject: Subject) -> Iterator[Finding]:
    """A blank answer, unless another finding says why it is."""
    if subject.has_failed:
        if subject.row.model and _exception_in(subject) is None:
            text, remedy = "nothing tells how the call failed, so its answer is blank", "exc_info=True, or completion"
            yield Finding("blank-failure", INFO, text, f"{remedy}, or error.type", subject.where)
    elif subject.is_answered_call:
        text = "the response of a model call is blank"
        yield Finding("blank-completion", WARNING, text, "completion", subject.where)


def _exceptions(subject: Subject) -> Iterator[Finding]:
    name = _exception_in(subject)
    if name is not None and "exception.type" not in subject.attributes:
        text = f"the exception in `{name}` is only an attribute: neither its type nor its traceback is told"
        yield Finding("no-exc-info", INFO, text, "exc_info, to that exception", subject.where)


def _exception_in(subject: Subject) -> str | None:
    """The name of an attribute that holds an exception object; of text there is a property as well."""
    for name in _EXCEPTIONS:
        value = subject.attributes.get(name)
        if isinstance(value, str) and _EXCEPTION.match(value) and subject.row.properties.get(name) != value:
            return name
    return None


def _parsed_answers(subject: Subject) -> Iterator[Finding]:
    row = subject.row
    if not mappers.parses_answers(row.provider, row.model):
        return
    for choice in row.choices:
        if mappers.parsed_answer(choice.content) != [choice.content.strip()] and not _is_whole(choice.content):
            text = f"the answer of {row.model} looks like JSON and is parsed: the page shows other text"
            remedy = 'completion with a word before it, or provider="custom" (the cost is lost)'
            yield Finding("parsed-answer", WARNING, text, remedy, subject.where)
            return


def _is_whole(text: str) -> bool:
    """Whether an answer that is parsed shows all the same: JSON that is only laid out anew."""
    try:
        (shown,) = mappers.parsed_answer(text)
        return bool(validation.parse(shown) == validation.parse(text))
    except ValueError:
        return False


def _not_understood(subject: Subject) -> Iterator[Finding]:
    if "llm_request" in subject.attributes:
        yield _unread("llm_request", "messages", subject)
    if subject.has_unread_response:
        found = response_mistakes.found_in(str(subject.attributes["llm_response"]))
        if found is None:
            yield _unread("llm_response", "completion", subject)
        else:
            yield _mistaken("llm_response", found, subject)
    for choice in subject.row.choices:
        found = response_mistakes.found_in(choice.content)
        if found is not None and not found.may_be_said:
            yield _mistaken("completion", found, subject)


def _unread(name: str, remedy: str, subject: Subject) -> Finding:
    text = f"{name} was not understood, so only what names the model was read of it"
    return Finding("not-understood", WARNING, text, remedy, subject.where)


def _mistaken(name: str, found: Mistake, subject: Subject) -> Finding:
    return Finding("not-understood", WARNING, f"{name} is {found.what}", found.remedy, subject.where)


def _roles(subject: Subject) -> Iterator[Finding]:
    for key in subject.attributes:
        match = _ENTRY_WITHOUT_ROLE.fullmatch(key)
        if match and f"gen_ai.{match[1]}.{match[2]}.role" not in subject.attributes:
            field = "messages" if match[1] == "prompt" else "completion"
            yield Finding("no-role", ERROR, f"{key} is dropped, as it has no role", field, subject.where)


def _cost(subject: Subject) -> Iterator[Finding]:
    row = subject.row
    note = costs.cost_note(row.provider, row.model) if row.is_model_call else None
    if note is None or not note.severity:
        return
    has_tokens = any(key in subject.attributes for key in _TOKENS)
    if has_tokens or note.code != "tokens-read-zero":
        yield Finding(note.code, note.severity, note.why, note.remedy, subject.where)


def _tokens(subject: Subject) -> Iterator[Finding]:
    prompt, completion, total = (subject.attributes.get(key) for key in _TOKENS)
    given = [value for value in (prompt, completion, total) if value is not None]
    if any(isinstance(value, str) for value in given):
        yield Finding("text-tokens", WARNING, "tokens sent as text are not summed", "prompt_tokens", subject.where)
    elif not given:
        if subject.is_answered_call:
            text, fields = "a model call without tokens has no cost", "prompt_tokens, completion_tokens"
            if "response_id" in subject.row.properties:  # of an SDK's answer, which lacks them in a stream only
                fields = f'stream_options={{"include_usage": True}} in the request of a stream, or {fields}'
            yield Finding("no-tokens", WARNING, text, fields, subject.where)
    elif prompt is None and completion is None and subject.row.provider not in costs.READS_OTHER_TOKENS:
        text = "tokens and cost read 0, as the pages add prompt and completion up, and never read the total"
        yield Finding("only-total", WARNING, text, "prompt_tokens, completion_tokens", subject.where)
    elif isinstance(prompt, int) and isinstance(completion, int) and total not in (None, prompt + completion):
        text = f"total_tokens={total} is not the sum of {prompt} and {completion}"
        yield Finding("token-sum", WARNING, text, "total_tokens", subject.where)


def _session(subject: Subject) -> Iterator[Finding]:
    row, where = subject.row, subject.where
    if not row.session_id:
        text = "without a session id nothing keeps the spans of a trace together"
        yield Finding("no-session", WARNING, text, "trace_id", where)
        return
    if not row.session_name:
        yield Finding("no-session-name", WARNING, "the session has no name", "service_name", where)
    path = row.session_path
    if not path.startswith("/"):
        yield Finding("session-path", WARNING, f"the path {path!r} lacks its leading slash", "session_path", where)
    elif "" in path[1:].split("/"):
        text = f"the path {path!r} has empty parts, which become folders without a name"
        yield Finding("empty-path-part", WARNING, text, "session_path", where)


def _texts(subject: Subject) -> Iterator[Finding]:
    for name, value in subject.row.properties.items():
        if not isinstance(value, str):
            text = f"the property {name} is no text, so the server cleans none of the properties"
            yield Finding("non-text-property", WARNING, text, "properties", subject.where)
    if subject.row.is_model_call and not subject.row.user:
        yield Finding("no-user", INFO, "the call belongs to no user", "user_id", subject.where)


def _redaction(subject: Subject) -> Iterator[Finding]:
    masked = sum(value == _FAILED_MASK for value in subject.attributes.values())
    if masked:
        text = f"the redactor failed, so a mask stands in the place of {masked} value{'' if masked == 1 else 's'}"
        remedy = "redact to a function that takes a key and a value, and returns text"
        yield Finding("redactor-failed", WARNING, text, remedy, subject.where)


def _types(subject: Subject) -> Iterator[Finding]:
    for key, value in subject.all_attributes.items():
        if rows.is_read(key) and type(value) not in (str, int):
            text = f"{key} is neither text nor int, so it is dropped"
            yield Finding("dropped-type", WARNING, text, "the attribute as text", subject.where)


def _times(subject: Subject) -> Iterator[Finding]:
    if not rows.has_times(subject.span):
        yield Finding("no-time", ERROR, "the server fails on times that are no numbers", "start_time", subject.where)
        return
    start, end = int(subject.span["startTimeUnixNano"]), int(subject.span["endTimeUnixNano"])
    shown = subject.row.latency_ms
    if end < start:
        yield Finding("ends-early", WARNING, "the span ends before it starts", "end_time", subject.where)
    elif shown != (end - start) // 1_000_000:
        text = f"a latency of {(end - start) // 1_000_000} ms will read {shown} ms, as the server computes on doubles"
        yield Finding("rounded-latency", WARNING, text, "duration_ms", subject.where)


_RULES: tuple[_Rule, ...] = (
    field_rules.misspelt, field_rules.wrong_types, _not_understood, _exceptions, _content, _parsed_answers, _roles,
    _cost, _tokens, _session, _texts, _redaction, _types, _times,
)  # fmt: skip


def _changing_names(subjects: Iterable[Subject]) -> Iterator[Finding]:
    """Helicone groups sessions by id and name, so a name that changes splits the session."""
    names: dict[str, str] = {}
    for subject in subjects:
        session, name = subject.row.session_id, subject.row.session_name
        if session and names.setdefault(session, name) != name:
            text = f"the session's name changes from {names[session]!r} to {name!r}, so it is split in two"
            yield Finding("session-name-changes", WARNING, text, "session_name", subject.where)
