"""Says what Helicone will not show of a payload, or show wrongly, and which field to set."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from helicone_logging.core.findings import ERROR, INFO, WARNING, Finding
from helicone_logging.receiver import rows, validation
from helicone_logging.receiver.rows import Row

_TOKENS = ("gen_ai.usage.prompt_tokens", "gen_ai.usage.completion_tokens", "llm.usage.total_tokens")
_PROPERTY = "traceloop.association.properties.Helicone-Property-"
_ENTRY_WITHOUT_ROLE = re.compile(r"gen_ai\.(prompt|completion)\.(\d+)\.content")
# What OpenTelemetry and the SDKs call providers that have a cost table under another name.
_SPELLINGS = {
    "XAI": "x",
    "X_AI": "x",
    "MISTRAL_AI": "mistral",
    "AWS.BEDROCK": "bedrock",
    "GCP.GEMINI": "google",
    "GCP.VERTEX_AI": "google",
    "GCP.GEN_AI": "google",
    "AZ.AI.OPENAI": "azure",
    "AZ.AI.INFERENCE": "azure",
    "AZURE.AI.OPENAI": "azure",
    "AZURE.AI.INFERENCE": "azure",
}


class _Subject(NamedTuple):
    """A span and how Helicone shows it."""

    where: str
    span: Mapping[str, Any]
    attributes: Mapping[str, Any]
    row: Row

    @property
    def is_model_call(self) -> bool:
        return bool(self.row.model) and self.row.icon == "llm"


def lint(payload: object) -> list[Finding]:
    """Does the work of `helicone_logging.lint`."""
    subjects: list[_Subject] = []
    findings: list[Finding] = []
    for number, one in enumerate(_payloads(payload)):
        refused = _refused(one, f"payload {number}")
        if isinstance(refused, Finding):
            findings.append(refused)
        else:
            subjects += _subjects(refused)
    for subject in subjects:
        findings += [finding for rule in _RULES for finding in rule(subject)]
    return findings + list(_changing_names(subjects))


def _payloads(payload: object) -> Sequence[object]:
    return payload if isinstance(payload, list | tuple) else [payload]


def _refused(payload: object, where: str) -> Finding | Mapping[str, Any]:
    """The parsed payload, or why the server refuses it."""
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


def _subjects(payload: Mapping[str, Any]) -> list[_Subject]:
    return [
        _Subject(f"span {span['spanId']}", span, rows.attributes_of(span), rows.row_of(span))
        for span in rows.spans_of(payload)
    ]


_Rule = Callable[[_Subject], Iterator[Finding]]


def _content(subject: _Subject) -> Iterator[Finding]:
    row, where = subject.row, subject.where
    if "gemini" in row.model.lower() and row.provider not in rows.SHOWS_GEMINI:
        text = f"the row of a gemini model is blank under provider {row.provider or 'none'}"
        yield Finding("blank-gemini", WARNING, text, 'provider_overrides={"google": "custom"}', where)
        return
    if not any(message.content for message in row.messages):
        yield Finding("blank-prompt", WARNING, "the prompt is blank", "messages", where)
    is_failure = subject.span["status"]["code"] == 2
    if subject.is_model_call and not is_failure and not any(choice.content for choice in row.choices):
        yield Finding("blank-completion", WARNING, "the response of a model call is blank", "completion", where)


def _roles(subject: _Subject) -> Iterator[Finding]:
    for key in subject.attributes:
        match = _ENTRY_WITHOUT_ROLE.fullmatch(key)
        if match and f"gen_ai.{match[1]}.{match[2]}.role" not in subject.attributes:
            field = "messages" if match[1] == "prompt" else "completion"
            yield Finding("no-role", ERROR, f"{key} is dropped, as it has no role", field, subject.where)


def _provider(subject: _Subject) -> Iterator[Finding]:
    provider, where = subject.row.provider, subject.where
    if not subject.is_model_call:
        return
    if not provider:
        yield Finding("no-provider", WARNING, "a model without a provider has no cost", "provider", where)
    elif provider not in rows.COST_TABLES and provider != "CUSTOM":
        hint = f"; Helicone calls it `{_SPELLINGS[provider]}`" if provider in _SPELLINGS else ""
        text = f"Helicone has no cost table for provider {provider}, so the cost is 0{hint}"
        yield Finding("unknown-provider", WARNING, text, "provider", where)
    elif provider in rows.UNDERCOUNTS_INPUT:
        text = f"Helicone counts too little input for {provider}, so the cost is too low"
        yield Finding("undercounted-input", INFO, text, "provider_overrides", where)


def _tokens(subject: _Subject) -> Iterator[Finding]:
    prompt, completion, total = (subject.attributes.get(key) for key in _TOKENS)
    given = [value for value in (prompt, completion, total) if value is not None]
    if any(isinstance(value, str) for value in given):
        yield Finding("text-tokens", WARNING, "tokens sent as text are not summed", "prompt_tokens", subject.where)
    elif not given:
        if subject.is_model_call and subject.span["status"]["code"] != 2:
            text = "a model call without tokens has no cost"
            yield Finding("no-tokens", WARNING, text, "prompt_tokens, completion_tokens", subject.where)
    elif subject.row.provider in rows.READS_OTHER_TOKENS:
        text = f"tokens and cost read 0 under provider {subject.row.provider}"
        field = f'provider_overrides={{"{subject.row.provider.lower()}": "custom"}}'
        yield Finding("tokens-read-zero", WARNING, text, field, subject.where)
    elif isinstance(prompt, int) and isinstance(completion, int) and total not in (None, prompt + completion):
        text = f"total_tokens={total} is not the sum of {prompt} and {completion}"
        yield Finding("token-sum", WARNING, text, "total_tokens", subject.where)


def _session(subject: _Subject) -> Iterator[Finding]:
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


def _texts(subject: _Subject) -> Iterator[Finding]:
    for name, value in subject.row.properties.items():
        if not isinstance(value, str):
            text = f"the property {name} is no text, so the server cleans none of the properties"
            yield Finding("non-text-property", WARNING, text, "properties", subject.where)
    if subject.is_model_call and not subject.row.user:
        yield Finding("no-user", INFO, "the call belongs to no user", "user_id", subject.where)


def _times(subject: _Subject) -> Iterator[Finding]:
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


_RULES: tuple[_Rule, ...] = (_content, _roles, _provider, _tokens, _session, _texts, _times)


def _changing_names(subjects: Iterable[_Subject]) -> Iterator[Finding]:
    """Helicone groups sessions by id and name, so a name that changes splits the session."""
    names: dict[str, str] = {}
    for subject in subjects:
        session, name = subject.row.session_id, subject.row.session_name
        if session and names.setdefault(session, name) != name:
            text = f"the session's name changes from {names[session]!r} to {name!r}, so it is split in two"
            yield Finding("session-name-changes", WARNING, text, "session_name", subject.where)
