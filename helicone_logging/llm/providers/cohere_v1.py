"""Cohere's first API: Chat and Generate, which Bedrock's older models of Cohere speak too."""

from __future__ import annotations

from collections.abc import Sequence

from helicone_logging.core.held import EMPTY, Held, held
from helicone_logging.llm import safe_get
from helicone_logging.llm.citations import with_sources
from helicone_logging.llm.marks import joined
from helicone_logging.llm.messages import Choice, Message, both_ends, read_messages, some_choices
from helicone_logging.llm.providers.cohere_chat import billed
from helicone_logging.llm.providers.common import Asked, Fields, entries, inner, known, name
from helicone_logging.llm.tools import tool_call_text

_FINISHED = frozenset(("COMPLETE", "MAX_TOKENS", "ERROR", "ERROR_TOXIC", "ERROR_LIMIT", "USER_CANCEL", "STOP_SEQUENCE"))


def asked(request: Held) -> Asked | None:
    """Returns what a request for a chat asks for; None when it is none."""
    message = safe_get.text(request.get("message"))
    if message is None or (name(request, "model", "modelId") is None and "chat_history" not in request):
        return None
    preamble = name(request, "preamble", "preamble_override")
    messages = [Message("system", preamble)] if preamble else []
    results = safe_get.items(request.get("tool_results")) or ()
    messages += read_messages(request.get("chat_history"))
    messages += [Message("user", message)] if message else []
    messages += both_ends(results, _tool_result)
    return Asked("chat", messages)


def _tool_result(given: object) -> Message:
    result = held(given) or EMPTY
    called = name(inner(result, "call"), "name") or ""
    outputs = joined(message.content for message in read_messages(result.get("outputs")))
    return Message("tool", f"[tool result{called and ' '}{called}] {outputs}")


def read(response: Held) -> Fields | None:
    """Returns the fields of a response; None when it is none of these."""
    generations = entries(response, "generations")
    if generations and "meta" in response:
        return _fields(response, some_choices(generations, _choice), "text_completion")
    if safe_get.text(response.get("text")) is None or not _is_chat(response):
        return None
    return _fields(response, [_choice(response)], "chat")


def _is_chat(response: Held) -> bool:
    is_named = "generation_id" in response or "chat_history" in response
    return is_named or (name(response, "finish_reason") in _FINISHED and "index" not in response)


def _fields(response: Held, choices: list[Choice], operation: str) -> Fields:
    meta = inner(response, "meta")
    return known(
        {
            "operation": operation,
            "provider": "cohere",
            "response_id": name(response, "response_id", "id", "generation_id"),
            "completion": choices,
            "prompt_tokens": billed(meta, "input_tokens"),
            "completion_tokens": billed(meta, "output_tokens"),
        }
    )


def _choice(response: Held) -> Choice:
    calls = safe_get.items(response.get("tool_calls")) or ()
    said = joined((safe_get.text(response.get("text")) or "", *map(tool_call_text, calls)))
    return Choice("assistant", with_sources(said, *_sources(response)), name(response, "finish_reason"))


def _sources(response: Held) -> tuple[object, ...]:
    """The documents that were cited, which say more than the citations that name their ids."""
    documents = safe_get.items(response.get("documents"))
    return (documents or response.get("citations") or None,)


def join(events: Sequence[Held]) -> Fields | None:
    """Returns the fields of the response whose stream had these events; None when they are no such events."""
    if not any("event_type" in event for event in events):
        return None
    texts: list[str] = []
    told: Fields = {}
    calls: list[object] = []
    citations: list[object] = []
    for event in events:
        kind = name(event, "event_type")
        if kind == "text-generation":
            texts.append(name(event, "text") or "")
        elif kind == "tool-calls-generation":
            calls += safe_get.items(event.get("tool_calls")) or ()
        elif kind == "citation-generation":
            citations += safe_get.items(event.get("citations")) or ()
        elif kind == "stream-end":
            told |= known(inner(event, "response")) | known({"finish_reason": name(event, "finish_reason")})
        told |= known({key: event.get(key) for key in ("generation_id", "response_id")})
    whole = {"tool_calls": calls, "citations": citations, **told, "text": name(told, "text") or "".join(texts)}
    return _fields(whole, [_choice(whole)], "chat")
