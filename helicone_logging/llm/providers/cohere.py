"""Cohere's Chat, and its first API: Chat and Generate, which Bedrock's older models of Cohere speak too."""

from __future__ import annotations

from collections.abc import Sequence

from helicone_logging.core.safe_vars import EMPTY, Vars, safe_vars
from helicone_logging.llm import safe_get
from helicone_logging.llm.citations import with_sources
from helicone_logging.llm.messages import Choice, Message, both_ends, read_choices, read_messages, some_choices
from helicone_logging.llm.placeholders import joined
from helicone_logging.llm.providers.anthropic_messages import Block
from helicone_logging.llm.providers.common import (
    Fields,
    Request,
    answer,
    entries,
    inner,
    known,
    name,
    tokens,
    with_error,
)
from helicone_logging.llm.tools import tool_call_text

_FINISHED = frozenset(("COMPLETE", "MAX_TOKENS", "ERROR", "ERROR_TOXIC", "ERROR_LIMIT", "USER_CANCEL", "STOP_SEQUENCE"))


def _billed(usage: Vars) -> Fields:
    """What is billed, which is what has a price; `tokens` also counts Cohere's own preambles."""
    return {
        "prompt_tokens": _count(usage, "input_tokens"),
        "completion_tokens": _count(usage, "output_tokens"),
        "cached_tokens": tokens(usage, "cached_tokens"),
    }


def _count(usage: Vars, key: str) -> int | None:
    found = tokens(inner(usage, "billed_units"), key)
    return tokens(inner(usage, "tokens"), key) if found is None else found


def read_chat(response: Vars) -> Fields | None:
    """Returns the fields of a response of Chat; None when it is none of these."""
    if safe_vars(response.get("message")) is None or not name(response, "finish_reason") or not name(response, "id"):
        return None
    return _of_chat(response)


def _of_chat(response: Vars) -> Fields:
    return answer("chat", read_choices([response]), _billed(inner(response, "usage")), response, "cohere")


def join_chat(events: Sequence[Vars]) -> Fields | None:
    """Returns the fields of the response of Chat whose stream had these events; None when they are no such events."""
    start = next((event for event in events if name(event, "type") == "message-start"), None)
    if start is None:
        return None
    blocks: dict[object, Block] = {}
    calls: dict[object, Block] = {}
    plan: list[str] = []
    citations: list[object] = []
    end: Vars = EMPTY
    for event in events:
        delta, index = inner(event, "delta"), safe_get.number(event.get("index"))
        message = inner(delta, "message")
        said, call = inner(message, "content"), inner(inner(message, "tool_calls"), "function")
        plan.append(name(message, "tool_plan") or "")
        if said:
            kind = name(said, "type") or ("thinking" if name(said, "thinking") else "text")
            blocks.setdefault((kind, index), Block({"type": kind})).add(said)
        if call:
            started = Block({"type": "tool_use", "name": call.get("name")})
            calls.setdefault(index, started).add({"partial_json": call.get("arguments")})
        citations += safe_get.items(message.get("citations")) or filter(None, (message.get("citations"),))
        end = delta if name(event, "type") == "message-end" else end
    content = [block.whole() for block in (*blocks.values(), *calls.values())]
    whole = {"role": "assistant", "tool_plan": "".join(plan), "content": content, "citations": citations}
    ending = {key: end.get(key) for key in ("finish_reason", "usage")}
    return with_error(_of_chat({"id": start.get("id"), "message": whole, **ending}), end.get("error"))


def read_request_v1(request: Vars) -> Request | None:
    """Returns what a request to the first API for a chat asks for; None when it is none."""
    message = safe_get.text(request.get("message"))
    if message is None or (name(request, "model", "modelId") is None and "chat_history" not in request):
        return None
    preamble = name(request, "preamble", "preamble_override")
    messages = [Message("system", preamble)] if preamble else []
    results = safe_get.items(request.get("tool_results")) or ()
    messages += read_messages(request.get("chat_history"))
    messages += [Message("user", message)] if message else []
    messages += both_ends(results, _tool_result)
    return Request("chat", messages)


def _tool_result(given: object) -> Message:
    result = safe_vars(given) or EMPTY
    called = name(inner(result, "call"), "name") or ""
    outputs = joined(message.content for message in read_messages(result.get("outputs")))
    return Message("tool", f"[tool result{called and ' '}{called}] {outputs}")


def read_v1(response: Vars) -> Fields | None:
    """Returns the fields of a response of the first API; None when it is none of these."""
    generations = entries(response, "generations")
    if generations and "meta" in response:
        return _of_v1("text_completion", some_choices(generations, _choice), response)
    if safe_get.text(response.get("text")) is None or not _is_chat(response):
        return None
    return _of_v1("chat", [_choice(response)], response)


def _is_chat(response: Vars) -> bool:
    is_named = "generation_id" in response or "chat_history" in response
    return is_named or (name(response, "finish_reason") in _FINISHED and "index" not in response)


def _of_v1(operation: str, choices: list[Choice], response: Vars) -> Fields:
    told = {"response_id": name(response, "response_id", "id", "generation_id"), **_billed(inner(response, "meta"))}
    return answer(operation, choices, told, provider="cohere")


def _choice(response: Vars) -> Choice:
    calls = safe_get.items(response.get("tool_calls")) or ()
    said = joined((safe_get.text(response.get("text")) or "", *map(tool_call_text, calls)))
    # The documents that were cited say more than the citations that name their ids.
    sources = safe_get.items(response.get("documents")) or response.get("citations") or None
    return Choice("assistant", with_sources(said, sources), name(response, "finish_reason"))


def join_v1(events: Sequence[Vars]) -> Fields | None:
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
    return _of_v1("chat", [_choice(whole)], whole)
