"""`RecordData`: what a record says, by its text, `extra=`, a dict message, objects of SDKs, or an exception."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple

from helicone_logging.context.binding import INJECTED_MARK
from helicone_logging.context.filter import RESERVED
from helicone_logging.context.inherited import dict_message, inherited_by, json_message
from helicone_logging.core import bounded, ids
from helicone_logging.core.coerce import text_of
from helicone_logging.core.proxies import all_resolved
from helicone_logging.llm.json_text import is_prose
from helicone_logging.payload.exceptions import CapturedException, captured, is_traceback, split
from helicone_logging.payload.fields import AGENT_NAME, canonical
from helicone_logging.payload.properties import given_properties

SdkReader = Callable[[object], Mapping[str, object] | None]

HOLDERS = ("helicone", "llm_request", "llm_response", "otel_span")
"""Fields that hold other fields."""

PATH_FIELDS = (
    "trace_id",
    "span_id",
    "parent_span_id",
    "traceparent",
    "span_name",
    "session_path",
    "parent_path",
    AGENT_NAME,
)
"""Fields that say where a span stands in the session's tree, so that its path follows from them."""

_READ_FROM_RECORD = ("created", "levelno", "levelname", "name", "funcName", "pathname", "lineno", "stack_info")

_OWN = RESERVED - {"msg"}
_NO_FIELDS = RESERVED | {"extra"}
_new = tuple.__new__  # without the function that the constructor of a NamedTuple is


class RecordData(NamedTuple):
    """What a record says, before it is a span.

    Args:
        record: its attributes by name.
        text: its message, as it is rendered.
        exception: what it tells of one in `exc_info` or `exc_text`, if anything.
        inherited: the fields that are bound around it.
        bits: random ones, for ids that it does not name: a record that is sent again has the same.
        message: the mapping that was logged in place of a text, else an empty one.
    """

    record: Mapping[str, Any]
    text: str
    exception: CapturedException | None
    inherited: Mapping[str, object]
    bits: int
    message: Mapping[str, object]

    @property
    def message_fields(self) -> Mapping[str, object]:
        """What that mapping holds beside what the record says anyway: its text, level, logger and exception."""
        logged = self.message
        if not logged:
            return logged
        record = self.record
        known = {"message" if logged.get("message") else "event", "exc_info"}
        if str(logged.get("level")).lower() == str(record["levelname"]).lower():
            known.add("level")
        if logged.get("logger") == record["name"]:
            known.add("logger")
        if is_traceback(logged.get("exception")):
            known.add("exception")
        return {name: value for name, value in bounded.items(logged) if name not in known}


class PathFields(NamedTuple):
    """What the session path of a span follows from.

    Args:
        own: what its record says of that, by the names of `PATH_FIELDS`.
        inherited: likewise what is bound around it.
    """

    own: Mapping[str, Any]
    inherited: Mapping[str, Any]


def record_data(record: logging.LogRecord, text: str | None = None) -> RecordData:
    """Returns what a record says, with the text that another formatter has rendered, or with its own."""
    attributes = attributes_of(record)
    exc_info, exc_text = attributes["exc_info"], attributes["exc_text"]
    logged = dict_message(attributes)
    if logged is not None and not exc_info and ("exc_info" in logged or "exception" in logged):
        exc_info, exc_text = logged.get("exc_info"), exc_text or _traceback_in(logged)
    exception = captured(exc_info, exc_text, text) if exc_info or exc_text else None
    if text is not None:
        text = _event_of(text_of(text))
    elif logged is None and type(record.msg) is str and not record.args:
        text = record.msg
    else:
        text = _rendered(record, logged)
    return _new(RecordData, (attributes, text, exception, inherited_by(record), ids.new_bits(), logged or {}))


def attributes_of(record: logging.LogRecord) -> Mapping[str, Any]:
    """Returns what a record holds by name, the fields that loguru keeps together among them."""
    attributes: Mapping[str, Any] = record.__dict__
    if type(record) is not logging.LogRecord:  # of the application's own class, which may tell other than it holds
        attributes = {**attributes, **{name: getattr(record, name) for name in _READ_FROM_RECORD}}
    if "extra" in attributes and isinstance(attributes["extra"], Mapping):
        attributes = _with_extra(attributes, attributes["extra"])
    return attributes


def without_proxies(data: RecordData) -> RecordData:
    """Returns what a record says, with what the proxies in it stand for now."""
    record = data.record
    held: Any = ({name: record[name] for name in record if name not in _OWN}, dict(data.inherited))
    found: Any = all_resolved(held)
    return data if found is held else with_record(data, {**record, **found[0]})._replace(inherited=found[1])


def with_record(data: RecordData, record: Mapping[str, Any]) -> RecordData:
    """Returns what is said by a record of other values."""
    return data._replace(record=record, message=dict_message(record) or {})


def _with_extra(attributes: Mapping[str, Any], extra: Mapping[object, object]) -> dict[str, Any]:
    """Fields that loguru keeps together; under names that are a record's own they stay there."""
    given = dict(bounded.items(extra))
    fields = {name: value for name, value in given.items() if type(name) is str and name not in _NO_FIELDS}
    others = {text_of(name): value for name, value in given.items() if name not in fields}
    found = {**fields, **attributes}
    found = {**attributes, **{name: found[name] for name in fields}, "extra": others}
    if not others:
        del found["extra"]
    return found


def _traceback_in(logged: Mapping[str, object]) -> object:
    """The text that structlog's `format_exc_info` has made of an exception."""
    text = logged.get("exception")
    return text if is_traceback(text) else None


def _rendered(record: logging.LogRecord, message: Mapping[str, object] | None) -> str:
    """The text of a record; arguments that do not fit its format, or raise, stand behind it."""
    logged: object = record.msg
    if message is not None:
        said = message.get("message") or message.get("event")
        if type(logged) is not str:
            return text_of(said or logged)
        if said:  # the text is what a `QueueHandler` or a renderer has made of it, perhaps with a traceback
            return text_of(said) + logged[len(split(logged).message) :]
    try:
        return text_of(record.getMessage())
    except Exception:  # noqa: BLE001 - arguments that do not fit the format, a __str__ that raises
        return f"{text_of(logged)} {text_of(record.args)}"


def _event_of(text: str) -> str:
    """What was logged, where a formatter has made JSON of it."""
    logged = json_message(text) or {}
    return text_of(logged.get("message") or logged.get("event") or text)


def names_of_trace(record: Mapping[str, Any], logged: Mapping[str, object]) -> dict[str, object]:
    """Returns the fields by which a record itself names a trace; what our filter injected is not its own."""
    injected = record.get(INJECTED_MARK, ())
    found: dict[str, object] = {}
    helicone = record["helicone"] if "helicone" in record else logged.get("helicone")
    for source in (logged, record, helicone if isinstance(helicone, Mapping) else {}):
        for name in ("trace_id", "traceparent"):
            if name in source and not (source is record and name in injected):
                found[name] = source[name]
    return found


def path_fields_of(data: RecordData, renamed: Mapping[str, str]) -> PathFields | None:
    """Returns the fields that its session path follows from; None for a record that does not name its own id."""
    record, logged, inherited = data.record, data.message, data.inherited
    helicone = record.get("helicone") or logged.get("helicone")
    if type(helicone) is not dict:
        helicone = {}
    if not ("span_id" in record or "span_id" in helicone or "span_id" in logged or renamed):
        return None
    own = {name: layer[name] for layer in (logged, record, helicone) if layer for name in PATH_FIELDS if name in layer}
    for name, field in renamed.items():
        if field in PATH_FIELDS and name in record:
            own[field] = record[name]
    if "span_id" not in own:
        return None
    for name in record.get(INJECTED_MARK, ()):
        if name in logged and name in own:
            own[name] = logged[name]
    around = {name: inherited[name] for name in PATH_FIELDS if name in inherited} if inherited else {}
    return _new(PathFields, (own, around))


def layered(
    data: dict[str, object], inherited: Mapping[str, object], readers: Iterable[tuple[str, SdkReader]]
) -> dict[str, object]:
    """Returns everything that was logged with a record under its canonical names, the nearest to the record winning.

    From the farthest: SDK objects, what is bound, a dict message and `extra=`, and the `helicone` mapping in it.

    Args:
        data: bound fields, dict message and `extra=` in one, as they were logged.
        inherited: what is bound around the record; of its `properties` those that the record does not name stay.
        readers: names of fields that hold objects of SDKs, and what reads them; an unknown object stays as it is.
    """
    fields = canonical(data)
    own: Mapping[str, object] = {}
    helicone = fields.get("helicone")
    if isinstance(helicone, Mapping):
        del fields["helicone"]
        own = canonical(helicone)
        fields.update(own)
    if "properties" in fields or "properties" in inherited:
        _merge_properties(fields, inherited, data, own)
    _read_sdk_objects(fields, readers)
    return fields


def _read_sdk_objects(fields: dict[str, object], readers: Iterable[tuple[str, SdkReader]]) -> None:
    """Adds what objects of SDKs say where the user said nothing; an unknown object stays as it is."""
    found = {name: said for name, read in readers if name in fields and (said := read(fields[name])) is not None}
    if "llm_response" not in found and is_prose(fields.get("llm_response")):
        found["llm_response"] = {"completion": fields["llm_response"]}  # such as a transcription, which may be text
    is_of_bedrock = found.get("llm_request", {}).get("provider") == "aws"  # its answers are in their makers' words
    for name, said in found.items():
        del fields[name]
        for field, value in said.items():
            if not (is_of_bedrock and name != "llm_request" and field in ("provider", "model")):
                fields.setdefault(field, value)
        if "properties" in said:
            fields["properties"] = {**given_properties(said["properties"]), **given_properties(fields["properties"])}
    fallback = fields.pop("fallback_model", None)  # as the answer names it, where nobody else does
    if fallback is not None:
        fields.setdefault("model", fallback)


def _merge_properties(fields: dict[str, object], *sources: Mapping[str, object]) -> None:
    merged = {key: value for source in sources for key, value in given_properties(source.get("properties")).items()}
    if merged:
        fields["properties"] = merged
