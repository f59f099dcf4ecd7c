"""Tables of the reference, made from the code when the docs are built, so that they cannot be wrong.

Where the code does not say something in words (what a field shows as, what happens after an answer), the words are
here; a name without words, or words without a name, is an error.
"""

from __future__ import annotations

import contextlib
import inspect
import io
import os
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from unittest import mock

from helicone_logging import HandlerStats, HeliconeHandler, OTELTraceFormatter
from helicone_logging.cli import entry
from helicone_logging.delivery.outcomes import Kind, outcome_of
from helicone_logging.payload import fields
from helicone_logging.payload.wires import DEFAULT

_UNITS = {2**30: "GiB", 2**20: "MiB"}
_SECONDS = {"block_timeout", "flush_interval", "timeout", "max_backoff", "shutdown_timeout"}

_FIELDS = {
    "trace_id": ("32 hex digits, UUID, int, any text", "the trace; as you wrote it, the session's id"),
    "span_id": ("16 hex digits, int, any text", "the span"),
    "parent_span_id": ("16 hex digits, int, any text", "its parent, and so the path in the session's tree"),
    "traceparent": ("W3C text", "trace and parent; malformed ones are ignored and counted"),
    "span_name": ("text", "name of the span, last part of the path; else the message"),
    "span_kind": ("`client`, `internal`, `server`, ..., or number", "kind; else client with a model, internal without"),
    "start_time": ("datetime; seconds, ms, µs or ns since 1970", "created"),
    "end_time": ("the same", "created plus latency"),
    "duration_ms": ("milliseconds", "latency; else zero long at the record's time"),
    "duration": ("seconds, timedelta", "latency"),
    "status": ("`ok`, `error`, `unset`, 0 to 2, HTTP status", "status; else error from ERROR up, or with an exception"),
    "model": ("text", "model"),
    "provider": ("text", "provider; else that of a well-known model"),
    "operation": ("text", "kind of call; `execute_tool` gets the property `step`, `retrieval` its icon in the tree"),
    "tool_name": ("text", "the tool; the property `step`"),
    "messages": ("text, message, list of messages", "request"),
    "completion": ("text, message, list of choices", "response"),
    "finish_reason": ("text, list", "finish reason of the response"),
    "tool_calls": ("list", "calls in the response"),
    "prompt_tokens": ("int", "tokens"),
    "completion_tokens": ("int", "tokens"),
    "total_tokens": ("int", "tokens: what the other two lack, as prompt tokens where both are missing; else their sum"),
    "max_tokens": ("int", "max tokens; else 50"),
    "temperature": ("number", "sent, not shown: Helicone shows 1"),
    "top_p": ("number", "sent, not shown"),
    "top_k": ("number", "sent, not shown"),
    "frequency_penalty": ("number", "sent, not shown"),
    "presence_penalty": ("number", "sent, not shown"),
    "seed": ("number", "sent, not shown"),
    "llm_request": ("object or JSON of an SDK", "everything that it says about the request"),
    "llm_response": ("object or JSON of an SDK, list of chunks", "everything that it says about the response"),
    "user_id": ("text", "user"),
    "session_id": ("text", "session, instead of the trace"),
    "session_name": ("text", "its name, instead of the service's"),
    "session_path": ("text", "path in its tree, instead of that of the enclosing spans"),
    "prompt_id": ("text", "a property of the row; the prompts page does not know it"),
    "properties": ("mapping", "custom properties"),
    "helicone": ("mapping", "the fields it holds; an empty one exports the record"),
}  # fmt: skip

_OUTCOMES = {
    Kind.DELIVERED: ((), "Done."),
    Kind.REJECTED: (
        (),
        "A batch is split until the offending record is alone; that one is counted, told, and given to `on_reject`.",
    ),
    Kind.MISDIRECTED: (
        ("400 `Invalid token.`",),
        "Nothing is thrown away. What to set right (key, URL or proxy) is told once; it is tried again every 30 s.",
    ),
    Kind.THROTTLED: (
        ("503 with `Retry-After`",),
        "All connections wait as told, at most `max_backoff`. Nothing counts as an attempt.",
    ),
    Kind.FAILED: ((), "Perhaps the record's fault: exponential backoff, full jitter, at most `max_attempts` times."),
    Kind.UNREACHABLE: (
        ("DNS, connection, TLS, timeout",),
        "An outage: the same backoff, or `Retry-After` up to `max_backoff`, without end while the queue has room.",
    ),
    Kind.BROKEN: (("a fault on this side, such as no memory",), "The same backoff; nothing is said about the server."),
}  # fmt: skip


def markdown(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Returns a table."""
    lines = [heads, ["---"] * len(heads), *rows]
    return "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines)


def described(obj: object) -> dict[str, str]:
    """Returns what the docstring says about each argument."""
    arguments = (inspect.getdoc(obj) or "").partition("Args:\n")[2].partition("\n\n")[0]
    found = re.findall(r"^    \*{0,2}(\w+): (.+(?:\n {8}.+)*)", arguments, re.MULTILINE)
    return {name: " ".join(text.split()) for name, text in found}


def options(owner: type) -> str:
    """Returns the options of the handler or of the formatter: names and defaults by its signature."""
    words = described(owner)
    rows = []
    for name, parameter in inspect.signature(owner).parameters.items():
        if parameter.kind is not inspect.Parameter.VAR_KEYWORD:
            rows.append([f"`{name}`", _default(name, parameter.default), words[name][:1].upper() + words[name][1:]])
    return markdown(["option", "default", "meaning"], rows)


def _default(name: str, value: object) -> str:
    if value is None:
        return "–"
    if type(value) is int:
        unit = next((size for size in _UNITS if value and value % size == 0), 1)
        return f"{value // unit:,} {_UNITS.get(unit, '')}".strip()
    if name in _SECONDS:
        return f"{value:g} s"
    return f'`"{value}"`' if isinstance(value, str) else f"`{value}`"


def field_table() -> str:
    """Returns the fields of `extra=`, by the table that reads them."""
    own = [field for field in fields.TABLE if field.name not in {*fields.OUR_OWN, *fields.OPENTELEMETRY}]
    _agree(_FIELDS, [field.name for field in own])
    by_name = {field.name: field for field in own}
    rows = []
    for name, (kind, shows) in _FIELDS.items():
        short = sorted(alias for alias in by_name[name].aliases if "." not in alias)
        names = f"`{name}`" + "".join(f" (`{alias}`)" for alias in short)
        dotted = ", ".join(f"`{alias}`" for alias in by_name[name].aliases if "." in alias)
        rows.append([names, kind, shows, dotted])
    return markdown(["field", "type", "shows as", "OpenTelemetry's names for it"], rows)


def outcome_table() -> str:
    """Returns what each status means, by asking the function that decides."""
    _agree([kind.name for kind in _OUTCOMES], [kind.name for kind in Kind])
    statuses: dict[Kind, list[int]] = {kind: [] for kind in Kind}
    for status in range(200, 600):
        statuses[outcome_of(status, "", remedy=DEFAULT.remedy(status, "")).kind].append(status)
    rows = [
        [f"`{kind.value}`", ", ".join([*_ranges(statuses[kind]), *others]), what]
        for kind, (others, what) in _OUTCOMES.items()
    ]
    return markdown(["outcome", "answer", "what happens"], rows)


def _ranges(numbers: Sequence[int]) -> list[str]:
    """200, 201, 202 as `200 to 202`."""
    runs: list[list[int]] = []
    for number in numbers:
        if runs and runs[-1][-1] == number - 1:
            runs[-1].append(number)
        else:
            runs.append([number])
    return [f"{run[0]} to {run[-1]}" if len(run) > 2 else ", ".join(map(str, run)) for run in runs]


def stats_table() -> str:
    """Returns the fields of `HandlerStats`."""
    return markdown(["field", "tells"], [[f"`{name}`", text] for name, text in described(HandlerStats).items()])


def command_table() -> str:
    """Returns what each command says of itself."""
    return "\n\n".join(f"## `{name}`\n\n```text\n{_help(name)}\n```" for name in entry._COMMANDS)


def _help(name: str) -> str:
    """What `--help` prints, also of the actions that a command has."""
    whole = _printed(name, "--help")
    actions = re.findall(r"^    (\w+) ", whole.partition("ACTION\n")[2].partition("\n\n")[0], re.MULTILINE)
    return "\n\n".join([whole, *(_printed(name, action, "--help") for action in actions)])


def _printed(*arguments: str) -> str:
    said = io.StringIO()
    size = {"COLUMNS": "82", "NO_COLOR": "1"}
    with mock.patch.dict(os.environ, size), contextlib.redirect_stdout(said), contextlib.suppress(SystemExit):
        entry.main(arguments)
    return said.getvalue().rstrip()


def _agree(words: Iterable[str], names: Iterable[str]) -> None:
    missing, stale = sorted({*names} - {*words}), sorted({*words} - {*names})
    if missing or stale:
        raise KeyError(f"docs/tables.py has no words for {missing}, and words for {stale}, which are gone")


TABLES: Mapping[str, Callable[[], str]] = {
    "handler options": lambda: options(HeliconeHandler),
    "formatter options": lambda: options(OTELTraceFormatter),
    "fields": field_table,
    "outcomes": outcome_table,
    "stats": stats_table,
    "commands": command_table,
}
"""By the name that a page gives in `<!-- table: NAME -->`."""


def fill(text: str) -> str:
    """Returns a page with its tables in their places."""
    return re.sub(r"<!-- table: ([\w ]+) -->", lambda mark: TABLES[mark[1]](), text)
