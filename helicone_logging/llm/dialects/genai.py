"""OpenTelemetry's own dialect. The table of fields knows its attributes; here is what older versions said in events.

https://github.com/open-telemetry/semantic-conventions-genai. Up to version 1.36 messages were events of the span:
`gen_ai.user.message`, `gen_ai.choice`; at the very first `gen_ai.content.prompt`. pydantic-ai keeps them in attributes.
"""

from __future__ import annotations

from typing import Any

from helicone_logging.llm.dialects.common import Fields, content_of, put, put_step, take_named
from helicone_logging.llm.dialects.spans import Attributes, Events, Kind, SpanEvent
from helicone_logging.llm.json_text import parsed

_ROLES = {
    "gen_ai.system.message": "system",
    "gen_ai.user.message": "user",
    "gen_ai.assistant.message": "assistant",
    "gen_ai.tool.message": "tool",
}
_CHOICE = "gen_ai.choice"
_DETAILS = "gen_ai.client.inference.operation.details"
_BODY = "gen_ai.event.content"  # Azure's libraries have the event's body as JSON text
_FIRST_FORM = (("gen_ai.content.prompt", "gen_ai.prompt"), ("gen_ai.content.completion", "gen_ai.completion"))
_CHUNKS = ("gen_ai.content.completion.chunk", "llm.content.completion.chunk", "First Token Stream Event")
_TIME_TO_FIRST_CHUNK = "gen_ai.response.time_to_first_chunk"
# All that an agent of pydantic-ai said, and the result.
_ALL_MESSAGES = ("pydantic_ai.all_messages", "all_messages_events")
_RESULT = "final_result"
_ARGUMENTS, _GIVEN_BACK = "gen_ai.tool.call.arguments", "gen_ai.tool.call.result"
_ANSWERS = "gen_ai.output.messages"
_MESSAGES_OF_TOOLS = ("gen_ai.input.messages", _ANSWERS)
_USERS = {"enduser.id": "user_id", "user.id": "user_id"}
_NAMES_OF_AGENTS = {"agent_name": "gen_ai.agent.name", "model_name": "gen_ai.request.model"}  # pydantic-ai's
_NOISE = ("logfire.json_schema", "logfire.msg", "logfire.msg_template", "logfire.span_type")


def read(attributes: Attributes, events: Events, kind: Kind, fields: Fields) -> None:
    """Reads what a span says in this dialect, as every `reading.Dialect` does."""
    for details in events.take(_DETAILS):
        for name, value in details.attributes.items():
            attributes.setdefault(name, value)
    chunks = events.take(*_CHUNKS)
    if chunks:
        attributes.setdefault(_TIME_TO_FIRST_CHUNK, chunks[0].seconds)
    for noise in _NOISE:
        attributes.pop(noise, None)
    take_named(attributes, _USERS, fields)
    answers = attributes.get(_ANSWERS)
    if isinstance(answers, str):  # of a stream of LangChain, by OpenLLMetry
        attributes[_ANSWERS] = answers.replace('"role": "unknown"', '"role": "assistant"')
    bodies = _bodies(attributes, events)
    if kind == "tool":
        _read_tool(attributes, bodies, fields)
    else:
        put(fields, "messages", [_message(body, role) for name, body in bodies if (role := _ROLES.get(name))])
        put(fields, "completion", [_choice(body) for name, body in bodies if name == _CHOICE])
    _read_first_form(attributes, events, fields)
    if kind == "agent":
        _read_agent(attributes, fields)


def _read_agent(attributes: Attributes, fields: Fields) -> None:
    """What pydantic-ai says of an agent in names of its own."""
    for name in _ALL_MESSAGES:
        said = parsed(attributes.pop(name, None))
        if isinstance(said, list) and said:
            answers = isinstance(said[-1], dict) and said[-1].get("role") == "assistant"
            fields.setdefault("messages", said[:-1] if answers else said)
            if answers and _RESULT not in attributes:
                fields.setdefault("completion", said[-1:])
    put_step(fields, "agent", None, attributes.pop(_RESULT, None))
    take_named(attributes, _NAMES_OF_AGENTS, attributes)


def _read_tool(attributes: Attributes, bodies: list[tuple[str, Any]], fields: Fields) -> None:
    """The arguments of a tool and what it gave back, which Strands says in events for messages."""
    asked = next((body.get("content") for name, body in bodies if name != _CHOICE), None)
    answered = next((body.get("message") for name, body in bodies if name == _CHOICE), None)
    put_step(fields, "tool", attributes.pop(_ARGUMENTS, asked), attributes.pop(_GIVEN_BACK, answered))
    for name in _MESSAGES_OF_TOOLS if _ARGUMENTS in fields else ():  # which say it once more
        attributes.pop(name, None)


def _bodies(attributes: Attributes, events: Events) -> list[tuple[str, Any]]:
    """The bodies of the events that are messages, with their names."""
    found = [(event.name, _body(event)) for event in events.take(*_ROLES, _CHOICE)]
    listed = attributes.get("events")  # pydantic-ai's first version
    entries = parsed(listed) if isinstance(listed, str) else None
    if isinstance(entries, list) and any(isinstance(entry, dict) and "event.name" in entry for entry in entries):
        del attributes["events"]
        found += [(str(entry.get("event.name")), entry) for entry in entries if isinstance(entry, dict)]
    return found


def _body(event: SpanEvent) -> Any:
    body = parsed(event.attributes.get(_BODY))
    return {**event.attributes, **body} if isinstance(body, dict) else event.attributes


def _message(body: Any, role: str) -> dict[str, Any]:
    message = {name: parsed(value) if name == "tool_calls" else value for name, value in body.items()}
    if role == "tool" and "id" in message:
        message.setdefault("tool_call_id", message["id"])
    message["content"] = content_of(message.get("content", ""))
    return {**message, "role": body.get("role") or role}


def _choice(body: Any) -> dict[str, Any]:
    message = parsed(body.get("message"))
    told = message if isinstance(message, dict) else {"content": message} if message is not None else body
    return {"message": _message(told, "assistant"), "finish_reason": body.get("finish_reason")}


def _read_first_form(attributes: Attributes, events: Events, fields: Fields) -> None:
    for (event, name), field in zip(_FIRST_FORM, ("messages", "completion"), strict=True):
        told = [taken.attributes[name] for taken in events.take(event) if name in taken.attributes]
        if name in attributes:
            told.append(attributes.pop(name))
        if told:
            fields.setdefault(field, parsed(told[0]))
